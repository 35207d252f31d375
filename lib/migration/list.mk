migration_sources = \
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
