core_tests = \
	tests/core/test-channel
