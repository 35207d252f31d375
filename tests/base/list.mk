base_tests = \
	tests/base/test-clock \
	tests/base/test-error \
	tests/base/test-fd \
	tests/base/test-iov \
	tests/base/test-oom \
	tests/base/test-optstr \
	tests/base/test-pages \
	tests/base/test-queue \
	tests/base/test-tail

tests_base_test_oom_LDADD = $(FAILMALLOC) $(LDADD)
