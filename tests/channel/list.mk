channel_tests = \
	tests/channel/test-contract
