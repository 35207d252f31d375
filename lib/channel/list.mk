channel_sources = \
	lib/channel/buffer.c \
	lib/channel/command-end.c \
	lib/channel/command-priv.h \
	lib/channel/command.c \
	lib/channel/fd.c \
	lib/channel/null.c \
	lib/channel/socket-priv.c lib/channel/socket-priv.h \
	lib/channel/socket.c \
	lib/channel/tls-upgrade.c \
	lib/channel/zerocopy.c lib/channel/zerocopy.h \
	lib/channel/tls.c \
	lib/channel/unix.c \
	lib/channel/websocket-alive.c \
	lib/channel/websocket-in.c \
	lib/channel/websocket-message.c \
	lib/channel/websocket-open.c \
	lib/channel/websocket-out.c \
	lib/channel/websocket-priv.h \
	lib/channel/websocket.c
