tls_tests = \
	tests/tls/test-authz \
	tests/tls/test-config \
	tests/tls/test-control \
	tests/tls/test-creds \
	tests/tls/test-creds-x509 \
	tests/tls/test-eddsa \
	tests/tls/test-engine \
	tests/tls/test-engine-choice \
	tests/tls/test-info \
	tests/tls/test-lifetime \
	tests/tls/test-messages \
	tests/tls/test-nomem \
	tests/tls/test-nomem-records \
	tests/tls/test-nomem-verify \
	tests/tls/test-ocsp \
	tests/tls/test-pkcs11 \
	tests/tls/test-priority \
	tests/tls/test-record \
	tests/tls/test-reload \
	tests/tls/test-resume \
	tests/tls/test-resume-time \
	tests/tls/test-secrets \
	tests/tls/test-session \
	tests/tls/test-tickets \
	tests/tls/test-verify \
	tests/tls/test-verify-names

# Used by scripts in tests/interop.
tls_programs = \
	tests/tls/peer

tests_tls_peer_LDADD = libqio.la
tests_tls_test_config_SOURCES = tests/tls/test-config.c tests/tls/sessionpair.h
tests_tls_test_control_SOURCES = tests/tls/test-control.c tests/tls/sessionpair.h
tests_tls_test_eddsa_SOURCES = tests/tls/test-eddsa.c tests/tls/sessionpair.h
tests_tls_test_engine_SOURCES = \
	tests/tls/test-engine.c tests/tls/engines.h tests/tls/sessionpair.h
tests_tls_test_engine_choice_SOURCES = \
	tests/tls/test-engine-choice.c tests/tls/engines.h tests/tls/sessionpair.h
tests_tls_test_info_SOURCES = tests/tls/test-info.c tests/tls/sessionpair.h
tests_tls_test_lifetime_SOURCES = tests/tls/test-lifetime.c tests/tls/sessionpair.h
tests_tls_test_messages_SOURCES = tests/tls/test-messages.c \
	tests/tls/resumepair.h tests/tls/sessionpair.h
tests_tls_test_ocsp_SOURCES = tests/tls/test-ocsp.c tests/tls/sessionpair.h
tests_tls_test_pkcs11_SOURCES = tests/tls/test-pkcs11.c tests/tls/sessionpair.h
tests_tls_test_priority_SOURCES = tests/tls/test-priority.c tests/tls/sessionpair.h
tests_tls_test_record_SOURCES = tests/tls/test-record.c tests/tls/engines.h
tests_tls_test_reload_SOURCES = tests/tls/test-reload.c tests/tls/sessionpair.h
tests_tls_test_resume_SOURCES = tests/tls/test-resume.c \
	tests/tls/resumepair.h tests/tls/sessionpair.h
tests_tls_test_resume_time_SOURCES = tests/tls/test-resume-time.c \
	tests/tls/resumepair.h tests/tls/sessionpair.h
tests_tls_test_secrets_SOURCES = \
	tests/tls/test-secrets.c tests/tls/sessionpair.h \
	tests/memsearch.c tests/memsearch.h
tests_tls_test_session_SOURCES = tests/tls/test-session.c tests/tls/sessionpair.h
tests_tls_test_verify_SOURCES = \
	tests/tls/test-verify.c tests/tls/sessionpair.h tests/tls/verifypair.h
tests_tls_test_verify_names_SOURCES = \
	tests/tls/test-verify-names.c tests/tls/sessionpair.h tests/tls/verifypair.h
tests_tls_test_nomem_LDADD = $(FAILMALLOC) $(LDADD)
tests_tls_test_nomem_records_LDADD = $(FAILMALLOC) $(LDADD)
tests_tls_test_nomem_records_SOURCES = \
	tests/tls/test-nomem-records.c tests/tls/sessionpair.h
tests_tls_test_nomem_verify_LDADD = $(FAILMALLOC) $(LDADD)
tests_tls_test_nomem_verify_SOURCES = tests/tls/test-nomem-verify.c tests/tls/sessionpair.h
