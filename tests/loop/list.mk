loop_tests = \
	tests/loop/test-alarm \
	tests/loop/test-cancel \
	tests/loop/test-command \
	tests/loop/test-copy \
	tests/loop/test-fds \
	tests/loop/test-loop \
	tests/loop/test-nomalloc \
	tests/loop/test-nomem \
	tests/loop/test-open \
	tests/loop/test-resolve \
	tests/loop/test-splice \
	tests/loop/test-task \
	tests/loop/test-thread \
	tests/loop/test-threads \
	tests/loop/test-timer \
	tests/loop/test-transfer \
	tests/loop/test-watch

# Used by scripts in tests/interop.
loop_programs = \
	tests/loop/connect-name

tests_loop_connect_name_LDADD = libqio.la
tests_loop_test_cancel_SOURCES = tests/loop/test-cancel.c \
	tests/loop/opening.h tests/loop/waiter.h
tests_loop_test_command_SOURCES = tests/loop/test-command.c tests/loop/waiter.h
tests_loop_test_copy_SOURCES = tests/loop/test-copy.c tests/loop/waiter.h
tests_loop_test_open_SOURCES = tests/loop/test-open.c \
	tests/loop/opening.h tests/loop/waiter.h
tests_loop_test_resolve_SOURCES = tests/loop/test-resolve.c tests/loop/waiter.h
tests_loop_test_splice_SOURCES = tests/loop/test-splice.c tests/loop/waiter.h
tests_loop_test_thread_SOURCES = tests/loop/test-thread.c tests/loop/waiter.h
tests_loop_test_threads_SOURCES = tests/loop/test-threads.c tests/loop/waiter.h
tests_loop_test_transfer_SOURCES = tests/loop/test-transfer.c tests/loop/waiter.h

tests_loop_test_nomalloc_LDADD = $(FAILMALLOC) $(LDADD)
tests_loop_test_nomem_LDADD = $(FAILMALLOC) $(LDADD)
