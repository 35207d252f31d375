endpoint_sources = \
	lib/endpoint/activation.c \
	lib/endpoint/async.c \
	lib/endpoint/census.c \
	lib/endpoint/connect.c \
	lib/endpoint/creds-watch.c \
	lib/endpoint/endpoint.c \
	lib/endpoint/endpoint.h \
	lib/endpoint/layers.c \
	lib/endpoint/layers.h \
	lib/endpoint/listener-accept.c \
	lib/endpoint/listener.c \
	lib/endpoint/listener.h \
	lib/endpoint/object-text.c \
	lib/endpoint/objects.c \
	lib/endpoint/objects.h \
	lib/endpoint/open.c \
	lib/endpoint/secret.c \
	lib/endpoint/serve.c \
	lib/endpoint/uri.c
