endpoint_tests = \
	tests/endpoint/test-objects \
	tests/endpoint/test-uri
