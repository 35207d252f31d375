endpoint_tests = \
	tests/endpoint/test-activation \
	tests/endpoint/test-async \
	tests/endpoint/test-connect \
	tests/endpoint/test-creds-watch \
	tests/endpoint/test-listener \
	tests/endpoint/test-nomem \
	tests/endpoint/test-nomem-rotation \
	tests/endpoint/test-nomem-serve \
	tests/endpoint/test-nomem-tls \
	tests/endpoint/test-objects \
	tests/endpoint/test-open \
	tests/endpoint/test-serve \
	tests/endpoint/test-uri

tests_endpoint_test_nomem_rotation_LDADD = $(FAILMALLOC) $(LDADD)
tests_endpoint_test_nomem_serve_LDADD = $(FAILMALLOC) $(LDADD)
tests_endpoint_test_nomem_tls_LDADD = $(FAILMALLOC) $(LDADD)
tests_endpoint_test_async_SOURCES = tests/endpoint/test-async.c tests/loop/waiter.h
