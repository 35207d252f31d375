net_tests = \
	tests/net/test-address
