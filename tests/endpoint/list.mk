endpoint_tests = \
	tests/endpoint/test-uri
