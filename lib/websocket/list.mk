websocket_sources = \
	lib/websocket/client.c \
	lib/websocket/frame.c \
	lib/websocket/frame.h \
	lib/websocket/handshake.h \
	lib/websocket/http.c \
	lib/websocket/http.h \
	lib/websocket/key.c \
	lib/websocket/key.h \
	lib/websocket/mask.c \
	lib/websocket/mask.h \
	lib/websocket/options.c \
	lib/websocket/options.h \
	lib/websocket/server.c \
	lib/websocket/utf8.c \
	lib/websocket/utf8.h
