net_tests = \
	tests/net/test-address \
	tests/net/test-dial \
	tests/net/test-listen \
	tests/net/test-listen-unix \
	tests/net/test-oom \
	tests/net/test-resolve \
	tests/net/test-spawn \
	tests/net/test-spawn-options

tests_net_test_oom_LDADD = $(FAILMALLOC) $(LDADD)
