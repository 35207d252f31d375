base_tests = \
	tests/base/test-optstr
