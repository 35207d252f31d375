# The tools and the programs that teach. All of them are outside customers:
# they see include/ and link the shared libraries.

example_programs = \
	examples/copy-file \
	examples/loop-poll \
	examples/nbd-info \
	examples/qio-websocket-proxy \
	examples/rot13 \
	examples/tls-echo-client \
	examples/tls-echo-server \
	examples/tls-echo-server-many \
	examples/tls-sessions \
	examples/web-page-server \
	examples/websocket-echo-client \
	examples/websocket-echo-server
if HAVE_GLIB
example_programs += examples/loop-glib
endif
if HAVE_LIBEVENT
example_programs += examples/loop-libevent
endif
if HAVE_LIBUV
example_programs += examples/loop-libuv
endif

examples_copy_file_CPPFLAGS = $(QIO_CPPFLAGS)
examples_copy_file_LDADD = libqio.la
loop_transfer = examples/loop-transfer.c examples/loop-transfer.h
examples_loop_glib_SOURCES = examples/loop-glib.c $(loop_transfer)
examples_loop_glib_CPPFLAGS = $(QIO_CPPFLAGS) $(GLIB_CFLAGS)
examples_loop_glib_LDADD = libqio.la $(GLIB_LIBS)
examples_loop_libevent_SOURCES = examples/loop-libevent.c $(loop_transfer)
examples_loop_libevent_CPPFLAGS = $(QIO_CPPFLAGS) $(LIBEVENT_CFLAGS)
examples_loop_libevent_LDADD = libqio.la $(LIBEVENT_LIBS)
examples_loop_libuv_SOURCES = examples/loop-libuv.c $(loop_transfer)
examples_loop_libuv_CPPFLAGS = $(QIO_CPPFLAGS) $(LIBUV_CFLAGS)
examples_loop_libuv_LDADD = libqio.la $(LIBUV_LIBS)
examples_loop_poll_SOURCES = examples/loop-poll.c $(loop_transfer)
examples_loop_poll_CPPFLAGS = $(QIO_CPPFLAGS)
examples_loop_poll_LDADD = libqio.la
examples_nbd_info_CPPFLAGS = $(QIO_CPPFLAGS)
examples_nbd_info_LDADD = libqio.la
examples_rot13_CPPFLAGS = $(QIO_CPPFLAGS)
examples_rot13_LDADD = libqio.la
examples_tls_echo_client_CPPFLAGS = $(QIO_CPPFLAGS)
examples_tls_echo_client_LDADD = libqio.la
examples_tls_echo_server_CPPFLAGS = $(QIO_CPPFLAGS)
examples_tls_echo_server_LDADD = libqio.la
examples_tls_echo_server_many_CPPFLAGS = $(QIO_CPPFLAGS)
examples_tls_echo_server_many_LDADD = libqio.la
examples_tls_sessions_CPPFLAGS = $(QIO_CPPFLAGS)
examples_tls_sessions_LDADD = libqio.la

serve_sources = \
	examples/serve.c \
	examples/serve.h
websocket_echo_sources = \
	examples/websocket-echo.c \
	examples/websocket-echo.h
examples_qio_websocket_proxy_SOURCES = \
	examples/qio-websocket-proxy.c \
	$(serve_sources)
examples_qio_websocket_proxy_CPPFLAGS = $(QIO_CPPFLAGS)
examples_qio_websocket_proxy_LDADD = libqio.la
examples_web_page_server_SOURCES = \
	examples/web-page-server.c \
	$(serve_sources)
examples_web_page_server_CPPFLAGS = $(QIO_CPPFLAGS)
examples_web_page_server_LDADD = libqio.la
examples_websocket_echo_client_SOURCES = \
	examples/websocket-echo-client.c \
	$(websocket_echo_sources)
examples_websocket_echo_client_CPPFLAGS = $(QIO_CPPFLAGS)
examples_websocket_echo_client_LDADD = libqio.la
examples_websocket_echo_server_SOURCES = \
	examples/websocket-echo-server.c \
	$(serve_sources) \
	$(websocket_echo_sources)
examples_websocket_echo_server_CPPFLAGS = $(QIO_CPPFLAGS)
examples_websocket_echo_server_LDADD = libqio.la

example_scripts = \
	examples/mkpki \
	examples/quickstart

bin_PROGRAMS = \
	examples/qio-migrate-recv \
	examples/qio-migrate-send
tool_sources = \
	examples/tool-back.c \
	examples/tool-back.h \
	examples/tool-crew.c \
	examples/tool-crew.h \
	examples/tool-finish.c \
	examples/tool-judge.c \
	examples/tool-lobby.c \
	examples/tool-lobby.h \
	examples/tool-main.c \
	examples/tool-main.h \
	examples/tool-multifd-door.c \
	examples/tool-multifd-door.h \
	examples/tool-multifd.c \
	examples/tool-multifd.h \
	examples/tool-objects.c \
	examples/tool-objects.h \
	examples/tool-open-many.c \
	examples/tool-open.c \
	examples/tool-options.c \
	examples/tool-options.h \
	examples/tool-relay.c \
	examples/tool-relay.h \
	examples/tool-report.c \
	examples/tool-report.h \
	examples/tool-serve.c \
	examples/tool-serve.h \
	examples/tool-side.c \
	examples/tool-side.h \
	examples/tool-sink.c \
	examples/tool-sink.h \
	examples/tool-spoil.c \
	examples/tool-spoil.h \
	examples/tool-stop.c \
	examples/tool-stop.h \
	examples/tool-tls.c \
	examples/tool-tls.h \
	examples/tool-transfer.c \
	examples/tool-transfer.h
examples_qio_migrate_recv_SOURCES = \
	examples/qio-migrate-recv.c \
	$(tool_sources)
examples_qio_migrate_recv_CPPFLAGS = $(QIO_CPPFLAGS)
examples_qio_migrate_recv_LDADD = libqio-migration.la libqio.la
examples_qio_migrate_send_SOURCES = \
	examples/qio-migrate-send.c \
	$(tool_sources)
examples_qio_migrate_send_CPPFLAGS = $(QIO_CPPFLAGS)
examples_qio_migrate_send_LDADD = libqio-migration.la libqio.la
