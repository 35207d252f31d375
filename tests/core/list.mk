core_tests = \
	tests/core/test-all \
	tests/core/test-channel \
	tests/core/test-layer
