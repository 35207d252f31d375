channel_tests = \
	tests/channel/test-contract \
	tests/channel/test-fd \
	tests/channel/test-socket \
	tests/channel/test-unix
