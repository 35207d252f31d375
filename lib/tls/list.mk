tls_sources = \
	lib/tls/authz.c \
	lib/tls/creds-anon.c \
	lib/tls/creds-psk.c \
	lib/tls/creds-x509-check.c \
	lib/tls/creds-x509.c \
	lib/tls/creds.c \
	lib/tls/creds.h \
	lib/tls/engine-aead.c \
	lib/tls/engine-gnutls.c \
	lib/tls/engine-ipsecmb.c \
	lib/tls/engine-record.c \
	lib/tls/engine.c \
	lib/tls/engine.h \
	lib/tls/priority.c \
	lib/tls/record.c \
	lib/tls/record.h \
	lib/tls/session-error.c \
	lib/tls/session-io.c \
	lib/tls/session-lock.c \
	lib/tls/session-priv.h \
	lib/tls/session-verify.c \
	lib/tls/session.c \
	lib/tls/session.h
