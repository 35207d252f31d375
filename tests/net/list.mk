net_tests = \
	tests/net/test-address \
	tests/net/test-spawn
