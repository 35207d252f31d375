# Programs that measure; built and run by make bench.
bench_programs = \
	tests/bench/bench-channels \
	tests/bench/bench-copy \
	tests/bench/bench-handshake \
	tests/bench/bench-loop \
	tests/bench/bench-plain \
	tests/bench/bench-tls-both \
	tests/bench/bench-tls-recv \
	tests/bench/bench-tls-send \
	tests/bench/bench-websocket

# What the scripts ask.
bench_helpers = tests/bench/bench-vectors

tests_bench_bench_vectors_SOURCES = tests/bench/bench-vectors.c \
	tests/bench/vectors.c tests/bench/vectors.h
tests_bench_bench_vectors_LDADD = $(IPSEC_MB_LIBS)

# Built by make check, too.
scale_programs = \
	tests/bench/bench-crowd \
	tests/bench/bench-idle

tests_bench_bench_channels_SOURCES = tests/bench/bench-channels.c \
	tests/bench/bench-tls.c tests/bench/bench-tls.h \
	tests/bench/bench.c tests/bench/bench.h
tests_bench_bench_channels_LDADD = libqio-migration.la libqio.la \
	$(GNUTLS_LIBS)
tests_bench_bench_copy_SOURCES = tests/bench/bench-copy.c \
	tests/bench/bench.c tests/bench/bench.h
tests_bench_bench_copy_LDADD = libqio.la
tests_bench_bench_crowd_SOURCES = tests/bench/bench-crowd.c \
	tests/bench/bench-tls.c tests/bench/bench-tls.h \
	tests/bench/bench.c tests/bench/bench.h
tests_bench_bench_crowd_LDADD = libqio.la $(GNUTLS_LIBS)
tests_bench_bench_handshake_SOURCES = tests/bench/bench-handshake.c \
	tests/bench/bench-handshake.h \
	tests/bench/handshake-files.c tests/bench/handshake-raw.c \
	tests/bench/bench.c tests/bench/bench.h
tests_bench_bench_handshake_LDADD = libqio.la $(GNUTLS_LIBS)
tests_bench_bench_idle_SOURCES = tests/bench/bench-idle.c \
	tests/bench/bench-idle.h \
	tests/bench/idle-clients.c tests/bench/idle-servers.c \
	tests/bench/bench-tls.c tests/bench/bench-tls.h \
	tests/bench/bench.c tests/bench/bench.h
tests_bench_bench_idle_LDADD = libqio.la $(GNUTLS_LIBS)
tests_bench_bench_loop_SOURCES = tests/bench/bench-loop.c \
	tests/bench/bench.c tests/bench/bench.h
tests_bench_bench_loop_LDADD = libqio.la
tests_bench_bench_plain_SOURCES = tests/bench/bench-plain.c \
	tests/bench/bench-ping.c tests/bench/bench-ping.h \
	tests/bench/bench.c tests/bench/bench.h
tests_bench_bench_plain_LDADD = libqio.la
tests_bench_bench_tls_both_SOURCES = tests/bench/bench-tls-both.c \
	tests/bench/bench-gio.c tests/bench/bench-libevent.c \
	tests/bench/bench-openssl.c tests/bench/bench-peers.h \
	tests/bench/bench-ping.c tests/bench/bench-ping.h \
	tests/bench/bench-tls.c tests/bench/bench-tls.h \
	tests/bench/bench.c tests/bench/bench.h \
	tests/bench/vectors.c tests/bench/vectors.h
tests_bench_bench_tls_both_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS) \
	$(GIO_CFLAGS) $(EVENT_OPENSSL_CFLAGS)
tests_bench_bench_tls_both_LDADD = libqio.la $(GNUTLS_LIBS) $(OPENSSL_LIBS) \
	$(GIO_LIBS) $(EVENT_OPENSSL_LIBS) $(IPSEC_MB_LIBS)
tests_bench_bench_tls_recv_SOURCES = tests/bench/bench-tls-recv.c \
	tests/bench/bench-tls.c tests/bench/bench-tls.h \
	tests/bench/bench.c tests/bench/bench.h
tests_bench_bench_tls_recv_LDADD = libqio.la $(GNUTLS_LIBS)
tests_bench_bench_tls_send_SOURCES = tests/bench/bench-tls-send.c \
	tests/bench/bench-tls.c tests/bench/bench-tls.h \
	tests/bench/bench.c tests/bench/bench.h
tests_bench_bench_tls_send_LDADD = libqio.la $(GNUTLS_LIBS)
tests_bench_bench_websocket_SOURCES = tests/bench/bench-websocket.c \
	tests/bench/bench-websocket.h \
	tests/bench/bench-lws.c tests/bench/bench-wslay.c \
	tests/bench/bench.c tests/bench/bench.h
tests_bench_bench_websocket_CFLAGS = $(AM_CFLAGS) $(LWS_CFLAGS)
tests_bench_bench_websocket_LDADD = libqio.la $(WSLAY_LIBS) $(LWS_LIBS)
