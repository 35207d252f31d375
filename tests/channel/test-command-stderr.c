/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command channel and its child's standard error: kept, told when it
 * fails, and never in the child's way. */
#include <config.h>
#include <qio/channel-buffer.h>
#include <qio/channel-command.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "qiotest.h"

/* Far more than a pipe holds. */
#define MUCH "head -c 1000000 /dev/zero | tr '\\0' x >&2"

static QIOChannel *spawn_keeping(const char *script, int flags, size_t keep)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    QIOError *err = NULL;
    QIOSpawnOptions *o = qio_spawn_options_new(&err);
    QIOChannel *ioc;

    qiotest_ok(&err);
    ck_assert_int_eq(
        qio_spawn_options_set_stderr(o, QIO_SPAWN_STDERR_CAPTURE, keep, &err),
        0);
    ioc = qio_channel_command_new_options(argv, flags, o, &err);
    qiotest_ok(&err);
    qio_spawn_options_free(o);
    return ioc;
}

static void no_children(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

static void said(QIOChannel *ioc, const char *want)
{
    QIOError *err = NULL;
    size_t len = 4711;
    char *text = qio_channel_command_get_stderr(ioc, &len, &err);

    qiotest_ok(&err);
    ck_assert_uint_eq(len, strlen(want));
    ck_assert_str_eq(text, want);
    free(text);
}

static void fails_saying(const char *script, size_t keep, const char *message)
{
    QIOChannel *ioc = spawn_keeping(script, O_RDONLY, keep);
    QIOError *err = NULL;

    ck_assert_int_eq(qio_channel_command_wait(ioc, 20000, NULL, &err), -1);
    ck_assert_str_eq(qio_error_message(err), message);
    qiotest_error(&err, QIO_ERROR_COMMAND);
    /* And again. */
    ck_assert_int_eq(qio_channel_command_wait(ioc, 0, NULL, &err), -1);
    ck_assert_str_eq(qio_error_message(err), message);
    qiotest_error(&err, QIO_ERROR_COMMAND);
    qio_channel_unref(ioc);
    no_children();
}

START_TEST(test_message)
{
    fails_saying("echo no such disk >&2; exit 3", 100,
                 "command 'sh' exited with status 3: no such disk");
    fails_saying("exit 3", 100, "command 'sh' exited with status 3");
    fails_saying("printf ' \\n\\n' >&2; exit 3", 100,
                 "command 'sh' exited with status 3");
    fails_saying("printf 'one\\ntwo\\033[1m\\177\\r\\n' >&2; exit 1", 100,
                 "command 'sh' exited with status 1: one two [1m");
    fails_saying("printf 'a \\303\\244 b' >&2; kill -9 $$", 100,
                 "command 'sh' was ended by signal 9 (Killed): a \303\244 b");
    /* Cut, and not in the middle of a character. */
    fails_saying("printf '\\303\\244bc' >&2; exit 1", 3,
                 "command 'sh' exited with status 1: ...bc");
    fails_saying("printf abcdef >&2; exit 1", 4,
                 "command 'sh' exited with status 1: ...cdef");
}
END_TEST

START_TEST(test_raw)
{
    QIOChannel *ioc = spawn_keeping("printf 'a\\n\\nb ' >&2", O_RDWR, 100);
    QIOError *err = NULL;
    size_t len;

    ck_assert_int_eq(qio_channel_command_wait(ioc, 20000, NULL, &err), 0);
    said(ioc, "a\n\nb ");
    qio_channel_close(ioc, NULL);
    said(ioc, "a\n\nb ");
    qio_channel_unref(ioc);
    ioc = qio_channel_buffer_new(0, &err);
    ck_assert_ptr_null(qio_channel_command_get_stderr(ioc, &len, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_channel_command_pidfd(ioc), -1);
    qio_channel_unref(ioc);
    {
        const char *const argv[] = {"true", NULL};

        ioc = qio_channel_command_new_options(argv, O_RDWR, NULL, &err);
    }
    qiotest_ok(&err);
    ck_assert_ptr_null(qio_channel_command_get_stderr(ioc, NULL, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_channel_command_wait(ioc, 20000, NULL, &err), 0);
    qio_channel_unref(ioc);
}
END_TEST

/* Whatever it is that the caller does, the child gets rid of its words. */

START_TEST(test_much_while_reading)
{
    QIOChannel *ioc = spawn_keeping(MUCH "; echo done", O_RDONLY, 10);
    QIOError *err = NULL;
    char buf[5];

    qio_channel_set_timeout(ioc, 20000);
    ck_assert_int_eq(qio_channel_read_all(ioc, buf, 5, &err), 0);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_command_wait(ioc, 20000, NULL, &err), 0);
    qiotest_ok(&err);
    said(ioc, "xxxxxxxxxx");
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_much_while_writing)
{
    static char data[300000];
    QIOChannel *ioc =
        spawn_keeping(MUCH "; exec cat >/dev/null", O_WRONLY, 1000);
    QIOError *err = NULL;

    qio_channel_set_timeout(ioc, 20000);
    ck_assert_int_eq(qio_channel_write_all(ioc, data, sizeof(data), &err), 0);
    qiotest_ok(&err);
    qio_channel_close(ioc, NULL);
    ck_assert_int_eq(qio_channel_command_wait(ioc, 20000, NULL, &err), 0);
    qiotest_ok(&err);
    qio_channel_unref(ioc);
}
END_TEST

/* Neither the wait for an event spins meanwhile, nor does it miss it. */
START_TEST(test_much_while_polling)
{
    QIOChannel *ioc = spawn_keeping(MUCH "; echo done", O_RDONLY, 10);
    QIOError *err = NULL;
    char buf[5];

    qio_channel_set_blocking(ioc, false);
    ck_assert_int_eq(qio_channel_read(ioc, buf, 5, &err),
                     QIO_CHANNEL_ERR_BLOCK);
    ck_assert_int_gt(qio_channel_wait(ioc, QIO_EVENT_IN, 20000, &err), 0);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_read(ioc, buf, 5, &err), 5);
    ck_assert_int_eq(qio_channel_command_wait(ioc, 20000, NULL, &err), 0);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_much_while_waiting)
{
    QIOChannel *ioc = spawn_keeping(MUCH "; exit 7", O_RDWR, 3);
    QIOError *err = NULL;

    qio_channel_close(ioc, NULL);
    ck_assert_int_eq(qio_channel_command_wait(ioc, 20000, NULL, &err), -1);
    ck_assert_str_eq(qio_error_message(err),
                     "command 'sh' exited with status 7: ...xxx");
    qiotest_error(&err, QIO_ERROR_COMMAND);
    qio_channel_unref(ioc);
    no_children();
}
END_TEST

/* It talks on being asked to end, and is heard. */
START_TEST(test_much_while_terminating)
{
    QIOChannel *ioc =
        spawn_keeping("say() { " MUCH "; };"
                      "trap 'say; echo bye >&2; exit 5' TERM; echo;"
                      "while :; do read x || sleep 0.01; done",
                      O_RDWR, 5);
    QIOError *err = NULL;
    int status;
    char c;

    ck_assert_int_eq(qio_channel_read_all(ioc, &c, 1, &err), 0);
    ck_assert_int_eq(
        qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &err), 0);
    ck_assert_int_eq(qio_channel_command_terminate(ioc, 20000, &err), 0);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_command_wait(ioc, 0, &status, NULL), -1);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 5);
    said(ioc, "xbye\n");
    qio_channel_unref(ioc);
}
END_TEST

static void gone_soon(pid_t pid)
{
    for (int i = 0; kill(pid, 0) == 0; i++) {
        ck_assert_msg(i < 10000, "still there, or a zombie");
        usleep(1000);
    }
    no_children();
}

/* Closing or freeing the channel under a child that talks does not kill it. */
START_TEST(test_freed_under_talker)
{
    char script[256], path[128];
    QIOChannel *ioc;
    pid_t pid;

    snprintf(path, sizeof(path), "%s/done", qiotest_tmpdir());
    snprintf(script, sizeof(script), "read x; " MUCH " && echo y >%s", path);
    ioc = spawn_keeping(script, O_RDWR, 10);
    pid = qio_channel_command_pid(ioc);
    qio_channel_unref(ioc);
    gone_soon(pid);
    ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

/* Somebody else has its end of the pipe: the child's end is what counts. */
START_TEST(test_grandchild)
{
    QIOChannel *ioc =
        spawn_keeping("echo bad >&2; (trap '' PIPE; sleep 1; echo late >&2) &"
                      "exit 4",
                      O_WRONLY, 100);
    QIOError *err = NULL;

    ck_assert_int_eq(qio_channel_command_wait(ioc, 900, NULL, &err), -1);
    ck_assert_str_eq(qio_error_message(err),
                     "command 'sh' exited with status 4: bad");
    qiotest_error(&err, QIO_ERROR_COMMAND);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_pidfd)
{
    QIOChannel *ioc = spawn_keeping("read x; exit 0", O_RDWR, 100);
    struct pollfd pfd = {qio_channel_command_pidfd(ioc), POLLIN, 0};
    QIOError *err = NULL;

    if (pfd.fd >= 0) {
        ck_assert_int_eq(poll(&pfd, 1, 10), 0);
        qio_channel_close(ioc, NULL);
        ck_assert_int_eq(poll(&pfd, 1, 20000), 1);
        ck_assert_int_eq(qio_channel_command_wait(ioc, 0, NULL, &err), 0);
        qiotest_ok(&err);
        ck_assert_int_eq(qio_channel_command_pidfd(ioc), pfd.fd);
    }
    qio_channel_close(ioc, NULL);
    ck_assert_int_eq(qio_channel_command_wait(ioc, 20000, NULL, &err), 0);
    qio_channel_unref(ioc);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("command-stderr");
    TCase *tc = qiotest_case(s, "command-stderr");

    tcase_add_test(tc, test_message);
    tcase_add_test(tc, test_raw);
    tcase_add_test(tc, test_much_while_reading);
    tcase_add_test(tc, test_much_while_writing);
    tcase_add_test(tc, test_much_while_polling);
    tcase_add_test(tc, test_much_while_waiting);
    tcase_add_test(tc, test_much_while_terminating);
    tcase_add_test(tc, test_freed_under_talker);
    tcase_add_test(tc, test_grandchild);
    tcase_add_test(tc, test_pidfd);
    return qiotest_main(s);
}
