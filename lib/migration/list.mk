migration_sources = \
	lib/migration/channels-ended.c \
	lib/migration/channels-file.c \
	lib/migration/channels-hello.c \
	lib/migration/channels-in.c \
	lib/migration/channels-out.c \
	lib/migration/channels-priv.h \
	lib/migration/channels-ring.c \
	lib/migration/channels-ring.h \
	lib/migration/channels-thread.c \
	lib/migration/channels-thread.h \
	lib/migration/channels-wire.c \
	lib/migration/channels-wire.h \
	lib/migration/channels.c \
	lib/migration/connect.c \
	lib/migration/follow.c \
	lib/migration/json-scan.c \
	lib/migration/json-scan.h \
	lib/migration/rate.c \
	lib/migration/rate.h \
	lib/migration/stream-get.c \
	lib/migration/stream-priv.h \
	lib/migration/stream-put.c \
	lib/migration/stream.c
