channel_sources = \
	lib/channel/buffer.c \
	lib/channel/command.c \
	lib/channel/fd.c \
	lib/channel/null.c \
	lib/channel/socket-priv.c lib/channel/socket-priv.h \
	lib/channel/socket.c \
	lib/channel/tls.c \
	lib/channel/unix.c
