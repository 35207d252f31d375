core_tests = \
	tests/core/test-channel \
	tests/core/test-layer
