channel_sources = \
	lib/channel/fd.c \
	lib/channel/socket-priv.c lib/channel/socket-priv.h \
	lib/channel/socket.c \
	lib/channel/unix.c
