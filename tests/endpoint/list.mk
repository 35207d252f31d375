endpoint_tests = \
	tests/endpoint/test-connect \
	tests/endpoint/test-listener \
	tests/endpoint/test-nomem \
	tests/endpoint/test-nomem-tls \
	tests/endpoint/test-objects \
	tests/endpoint/test-open \
	tests/endpoint/test-uri

tests_endpoint_test_nomem_tls_LDADD = $(FAILMALLOC) $(LDADD)
