endpoint_sources = \
	lib/endpoint/connect.c \
	lib/endpoint/endpoint.c \
	lib/endpoint/endpoint.h \
	lib/endpoint/layers.c \
	lib/endpoint/layers.h \
	lib/endpoint/listener.c \
	lib/endpoint/object-text.c \
	lib/endpoint/objects.c \
	lib/endpoint/objects.h \
	lib/endpoint/open.c \
	lib/endpoint/secret.c \
	lib/endpoint/uri.c
