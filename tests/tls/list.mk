tls_tests = \
	tests/tls/test-session

tests_tls_test_session_SOURCES = tests/tls/test-session.c tests/tls/sessionpair.h
