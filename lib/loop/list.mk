loop_sources = \
	lib/loop/alarm.c \
	lib/loop/command.c \
	lib/loop/copy.c \
	lib/loop/fds.c \
	lib/loop/list.h \
	lib/loop/loop.c \
	lib/loop/loop.h \
	lib/loop/open.c \
	lib/loop/resolve.c \
	lib/loop/task.c \
	lib/loop/task.h \
	lib/loop/thread.c \
	lib/loop/timer.c \
	lib/loop/transfer.c \
	lib/loop/watch.c
