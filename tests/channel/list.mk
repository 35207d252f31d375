channel_tests = \
	tests/channel/test-base-shut \
	tests/channel/test-buffer \
	tests/channel/test-command \
	tests/channel/test-command-stderr \
	tests/channel/test-contract \
	tests/channel/test-contract-command \
	tests/channel/test-contract-tls \
	tests/channel/test-contract-websocket \
	tests/channel/test-fd \
	tests/channel/test-matrix-command \
	tests/channel/test-matrix-pipes \
	tests/channel/test-matrix-sockets \
	tests/channel/test-nomalloc \
	tests/channel/test-nomem \
	tests/channel/test-nomem-tls \
	tests/channel/test-nomem-websocket \
	tests/channel/test-null \
	tests/channel/test-oom \
	tests/channel/test-socket \
	tests/channel/test-tls \
	tests/channel/test-tls-bye \
	tests/channel/test-tls-cork \
	tests/channel/test-tls-duplex \
	tests/channel/test-tls-handshake \
	tests/channel/test-tls-upgrade \
	tests/channel/test-tls-wait \
	tests/channel/test-trickle \
	tests/channel/test-unix \
	tests/channel/test-vsock \
	tests/channel/test-websocket \
	tests/channel/test-websocket-loop \
	tests/channel/test-websocket-messages \
	tests/channel/test-websocket-open \
	tests/channel/test-zerocopy

tests_channel_test_oom_LDADD = $(FAILMALLOC) $(LDADD)
tests_channel_test_nomalloc_LDADD = $(FAILMALLOC) $(LDADD)
tests_channel_test_nomem_LDADD = $(FAILMALLOC) $(LDADD)
tests_channel_test_nomem_tls_LDADD = $(FAILMALLOC) $(LDADD)
tests_channel_test_nomem_websocket_LDADD = $(FAILMALLOC) $(LDADD)
