base_sources = \
	lib/base/clock.c \
	lib/base/clock.h \
	lib/base/error.c \
	lib/base/fd-io.c \
	lib/base/fd.c \
	lib/base/fd.h \
	lib/base/hot.h \
	lib/base/iov.c \
	lib/base/iov.h \
	lib/base/optstr.c \
	lib/base/optstr.h \
	lib/base/pages.c \
	lib/base/pages.h \
	lib/base/queue.c \
	lib/base/queue.h \
	lib/base/tail.c \
	lib/base/tail.h
