net_sources = \
	lib/net/address-get.c \
	lib/net/address-parse.c \
	lib/net/address-print.c \
	lib/net/address.c \
	lib/net/address.h \
	lib/net/dial.c \
	lib/net/dial.h \
	lib/net/listen-unix.c \
	lib/net/listen-unix.h \
	lib/net/listen.c \
	lib/net/listen.h \
	lib/net/resolve.c \
	lib/net/resolve.h \
	lib/net/resolver.c \
	lib/net/socket.c \
	lib/net/socket.h \
	lib/net/spawn-options.c \
	lib/net/spawn-options.h \
	lib/net/spawn.c \
	lib/net/spawn.h
