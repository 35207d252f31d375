core_sources = \
	lib/core/all.c \
	lib/core/channel.c \
	lib/core/channel.h \
	lib/core/copy.c \
	lib/core/defaults.c \
	lib/core/dispatch.c \
	lib/core/facts.c \
	lib/core/io.c \
	lib/core/lifecycle.c \
	lib/core/observe.c \
	lib/core/observe.h \
	lib/core/pollset.c \
	lib/core/pollset.h \
	lib/core/splice.c \
	lib/core/splice.h \
	lib/core/version.c \
	lib/core/wait.c
