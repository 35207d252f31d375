net_sources = \
	lib/net/address-get.c \
	lib/net/address-parse.c \
	lib/net/address-print.c \
	lib/net/address.c \
	lib/net/address.h \
	lib/net/spawn.c \
	lib/net/spawn.h
