# The tools and the programs that teach. All of them are outside customers:
# they see include/ and link the shared libraries.

example_programs = \
	examples/copy-file \
	examples/rot13 \
	examples/tls-echo-client \
	examples/tls-echo-server
examples_copy_file_CPPFLAGS = $(QIO_CPPFLAGS)
examples_copy_file_LDADD = libqio.la
examples_rot13_CPPFLAGS = $(QIO_CPPFLAGS)
examples_rot13_LDADD = libqio.la
examples_tls_echo_client_CPPFLAGS = $(QIO_CPPFLAGS)
examples_tls_echo_client_LDADD = libqio.la
examples_tls_echo_server_CPPFLAGS = $(QIO_CPPFLAGS)
examples_tls_echo_server_LDADD = libqio.la

example_scripts = \
	examples/mkpki \
	examples/quickstart
