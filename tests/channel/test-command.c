/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command channel: bytes through a child, its end told, its life never
 * waited for unasked. */
#include <config.h>
#include <qio/channel-buffer.h>
#include <qio/channel-command.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "qiotest.h"

static QIOChannel *spawn_shell(const char *script, int flags)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    QIOError *err = NULL;
    QIOChannel *ioc = qio_channel_command_new_spawn(argv, flags, &err);

    qiotest_ok(&err);
    ck_assert(qio_channel_is_open(ioc));
    return ioc;
}

static void end_input(QIOChannel *ioc)
{
    QIOError *err = NULL;

    ck_assert_int_eq(
        qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &err), 0);
    qiotest_ok(&err);
}

static void no_children(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

START_TEST(test_there_and_back)
{
    QIOChannel *ioc = spawn_shell("exec cat", O_RDWR);
    QIOError *err = NULL;
    char buf[16];
    int status = -1;

    ck_assert_int_gt(qio_channel_command_pid(ioc), 0);
    ck_assert_int_eq(qio_channel_write_all(ioc, "hello", 5, &err), 0);
    ck_assert_int_eq(qio_channel_read_all(ioc, buf, 5, &err), 0);
    ck_assert_mem_eq(buf, "hello", 5);
    ck_assert_int_eq(qio_channel_write_all(ioc, "bye", 3, &err), 0);
    end_input(ioc);
    ck_assert_int_eq(qio_channel_read_all(ioc, buf, 3, &err), 0);
    ck_assert_int_eq(qio_channel_read(ioc, buf, 16, &err), 0);
    ck_assert_int_eq(qio_channel_command_wait(ioc, -1, &status, &err), 0);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(qio_channel_command_wait(ioc, 0, NULL, &err), 0);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_write(ioc, "x", 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    no_children();
    qio_channel_unref(ioc);
}
END_TEST

#define VOLUME (8u << 20)

static void *write_volume(void *opaque)
{
    uint8_t *data = malloc(VOLUME);
    int r;

    for (size_t i = 0; i < VOLUME; i++) {
        data[i] = (uint8_t)(i * 7 >> 3);
    }
    r = qio_channel_write_all(opaque, data, VOLUME, NULL);
    free(data);
    if (r == 0) {
        r = qio_channel_shutdown(opaque, QIO_CHANNEL_SHUTDOWN_WRITE, NULL);
    }
    return r == 0 ? NULL : opaque;
}

START_TEST(test_volume)
{
    QIOChannel *ioc = spawn_shell("exec cat", O_RDWR);
    QIOError *err = NULL;
    uint8_t *data = malloc(VOLUME);
    pthread_t writer;
    void *failed;
    size_t i;

    ck_assert_int_eq(pthread_create(&writer, NULL, write_volume, ioc), 0);
    ck_assert_int_eq(qio_channel_read_all(ioc, data, VOLUME, &err), 0);
    for (i = 0; i < VOLUME && data[i] == (uint8_t)(i * 7 >> 3); i++) {
    }
    ck_assert_uint_eq(i, VOLUME);
    ck_assert_int_eq(qio_channel_read(ioc, data, 1, &err), 0);
    ck_assert_int_eq(pthread_join(writer, &failed), 0);
    ck_assert_ptr_null(failed);
    ck_assert_int_eq(qio_channel_command_wait(ioc, 20000, NULL, &err), 0);
    qiotest_ok(&err);
    free(data);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_one_way)
{
    QIOError *err = NULL;
    QIOChannel *ioc;
    char c;

    ioc = spawn_shell("cat; exit 3", O_WRONLY);
    ck_assert_int_eq(qio_channel_read(ioc, &c, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    end_input(ioc);
    ck_assert_int_eq(qio_channel_command_wait(ioc, -1, NULL, &err), -1);
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), "status 3"));
    qiotest_error(&err, QIO_ERROR_COMMAND);
    qio_channel_unref(ioc);

    ioc = spawn_shell("cat; printf x", O_RDONLY);
    ck_assert_int_eq(qio_channel_write(ioc, "x", 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    ck_assert_int_eq(qio_channel_read_all(ioc, &c, 1, &err), 0);
    ck_assert_int_eq(qio_channel_read_all_eof(ioc, &c, 1, &err), 0);
    ck_assert_int_eq(qio_channel_command_wait(ioc, -1, NULL, &err), 0);
    qiotest_ok(&err);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_refused)
{
    const char *const none[] = {NULL}, *const no[] = {"/nonexistent/x", NULL};
    QIOError *err = NULL;
    QIOChannel *ioc;

    ck_assert_ptr_null(qio_channel_command_new_spawn(none, O_RDWR, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_channel_command_new_spawn(NULL, O_RDWR, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_channel_command_new_spawn(no, 077, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_channel_command_new_spawn(no, O_RDWR, &err));
    ck_assert_int_eq(qio_error_errno(err), ENOENT);
    qiotest_error(&err, QIO_ERROR_COMMAND);
    no_children();
    ioc = qio_channel_buffer_new(0, &err);
    ck_assert_int_eq(qio_channel_command_pid(ioc), -1);
    ck_assert_int_eq(qio_channel_command_wait(ioc, 0, NULL, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_channel_command_terminate(ioc, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_channel_unref(ioc);
}
END_TEST

/* Broken, not a signal: the child went away under the writer. */
START_TEST(test_child_gone)
{
    static char data[1 << 20];
    QIOChannel *ioc = spawn_shell("exit 0", O_RDWR);
    QIOError *err = NULL;

    signal(SIGPIPE, SIG_DFL);
    ck_assert_int_eq(qio_channel_write_all(ioc, data, sizeof(data), &err), -1);
    ck_assert_int_eq(qio_error_errno(err), EPIPE);
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), "'sh'"));
    qiotest_error(&err, QIO_ERROR_BROKEN);
    ck_assert_int_eq(qio_channel_read(ioc, data, 1, &err), 0);
    ck_assert_int_eq(qio_channel_command_wait(ioc, -1, NULL, &err), 0);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_wait_timeout)
{
    QIOChannel *ioc = spawn_shell("exec cat", O_RDWR);
    QIOError *err = NULL;
    int status = 4711;
    char c;

    ck_assert_int_eq(qio_channel_command_wait(ioc, 0, &status, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    ck_assert_int_eq(qio_channel_command_wait(ioc, 30, &status, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    ck_assert_int_eq(status, 4711);
    qio_channel_set_timeout(ioc, 30);
    ck_assert_int_eq(qio_channel_read(ioc, &c, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    qio_channel_set_blocking(ioc, false);
    ck_assert_int_eq(qio_channel_read(ioc, &c, 1, &err), QIO_CHANNEL_ERR_BLOCK);
    ck_assert_int_eq(qio_channel_wait(ioc, QIO_EVENT_OUT, 0, &err),
                     QIO_EVENT_OUT);
    end_input(ioc);
    ck_assert_int_eq(qio_channel_command_wait(ioc, -1, &status, &err), 0);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_terminate)
{
    QIOChannel *ioc = spawn_shell("exec cat", O_RDWR);
    QIOError *err = NULL;
    int status = 0;

    ck_assert_int_eq(qio_channel_command_terminate(ioc, 20000, &err), 0);
    qiotest_ok(&err);
    no_children();
    ck_assert_int_eq(qio_channel_command_wait(ioc, 0, &status, &err), -1);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), "Terminated"));
    qiotest_error(&err, QIO_ERROR_COMMAND);
    ck_assert_int_eq(qio_channel_command_terminate(ioc, 0, &err), 0);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_terminate_stubborn)
{
    QIOChannel *ioc =
        spawn_shell("trap '' TERM; echo; while :; do read x; done", O_RDWR);
    QIOError *err = NULL;
    int status = 0;
    char c;

    ck_assert_int_eq(qio_channel_read_all(ioc, &c, 1, &err), 0);
    ck_assert_int_eq(qio_channel_command_terminate(ioc, 50, &err), 0);
    ck_assert_int_eq(qio_channel_command_wait(ioc, 0, &status, &err), -1);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    qiotest_error(&err, QIO_ERROR_COMMAND);
    qio_channel_unref(ioc);
}
END_TEST

/* Closing neither waits nor kills; the end can be waited for afterwards. */
START_TEST(test_close)
{
    QIOChannel *ioc = spawn_shell("sleep 1; exit 5", O_RDWR);
    int64_t before = qiop_now_us();
    QIOError *err = NULL;
    int status = 0;

    ck_assert_int_eq(qio_channel_close(ioc, &err), 0);
    ck_assert(qiop_now_us() - before < 900000);
    ck_assert_int_eq(kill(qio_channel_command_pid(ioc), 0), 0);
    ck_assert_int_eq(qio_channel_command_wait(ioc, -1, &status, &err), -1);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 5);
    qiotest_error(&err, QIO_ERROR_COMMAND);
    qio_channel_unref(ioc);
}
END_TEST

static void gone_soon(pid_t pid)
{
    for (int i = 0; kill(pid, 0) == 0; i++) {
        ck_assert_msg(i < 5000, "still there, or a zombie");
        usleep(1000);
    }
    no_children();
}

/* Freed while it runs, and freed after it ended: no zombie either way. */
START_TEST(test_free)
{
    QIOChannel *ioc = spawn_shell("exec cat", O_RDWR);
    pid_t pid = qio_channel_command_pid(ioc);
    siginfo_t info;

    qio_channel_unref(ioc);
    gone_soon(pid);
    ioc = spawn_shell("exit 1", O_RDWR);
    pid = qio_channel_command_pid(ioc);
    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    qio_channel_unref(ioc);
    no_children();
}
END_TEST

START_TEST(test_status_lost)
{
    QIOChannel *ioc = spawn_shell("exit 0", O_RDWR);
    QIOError *err = NULL;

    ck_assert_int_gt(waitpid(qio_channel_command_pid(ioc), NULL, 0), 0);
    ck_assert_int_eq(qio_channel_command_wait(ioc, -1, NULL, &err), -1);
    ck_assert_int_eq(qio_error_errno(err), ECHILD);
    qiotest_error(&err, QIO_ERROR_COMMAND);
    qio_channel_unref(ioc);
}
END_TEST

static void *shut_soon(void *opaque)
{
    usleep(50000);
    qio_channel_shutdown(opaque, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    return NULL;
}

/* The other end never reads and never writes. _i: who waits. */
START_TEST(test_shutdown_wakes)
{
    static char data[1 << 20];
    QIOChannel *ioc = spawn_shell("exec sleep 20", O_RDWR);
    QIOError *err = NULL;
    pthread_t t;

    ck_assert_int_eq(pthread_create(&t, NULL, shut_soon, ioc), 0);
    if (_i) {
        ck_assert_int_eq(qio_channel_write_all(ioc, data, sizeof(data), &err),
                         -1);
    } else {
        ck_assert_int_eq(qio_channel_read(ioc, data, 1, &err), -1);
    }
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    ck_assert_int_eq(pthread_join(t, NULL), 0);
    ck_assert_int_eq(qio_channel_command_terminate(ioc, 20000, &err), 0);
    qio_channel_unref(ioc);
}
END_TEST

/* However few descriptors there are: a clear error, and nothing is left of the
 * attempt; with enough of them it is a command like any other. */
START_TEST(test_no_descriptors)
{
    const char *const argv[] = {"cat", NULL};
    struct rlimit limit;
    QIOChannel *ioc = NULL;
    QIOError *err = NULL;
    int first = dup(0), room;

    close(first);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    for (room = 0; !ioc; room++) {
        struct rlimit few = {(rlim_t)(first + room), limit.rlim_max};
        int fds = qiotest_count_fds();

        ck_assert_int_lt(room, 30);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
        ioc = qio_channel_command_new_spawn(argv, O_RDWR, &err);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        if (!ioc) {
            ck_assert_int_eq(qio_error_errno(err), EMFILE);
            qiotest_error(&err, QIO_ERROR_SYSTEM);
            ck_assert_int_eq(qiotest_count_fds(), fds);
            no_children();
        }
    }
    /* Two pipes and the one that tells of exec(). */
    ck_assert_int_ge(room, 6);
    qiotest_ok(&err);
    end_input(ioc);
    ck_assert_int_eq(qio_channel_command_wait(ioc, 5000, NULL, &err), 0);
    qio_channel_unref(ioc);
    no_children();
}
END_TEST

/* A child started later must not hold the first one's input open. */
START_TEST(test_siblings)
{
    QIOChannel *a = spawn_shell("exec cat", O_RDWR);
    QIOChannel *b = spawn_shell("exec cat", O_RDWR);
    QIOError *err = NULL;

    end_input(a);
    ck_assert_int_eq(qio_channel_command_wait(a, 20000, NULL, &err), 0);
    qiotest_ok(&err);
    end_input(b);
    ck_assert_int_eq(qio_channel_command_wait(b, 20000, NULL, &err), 0);
    qio_channel_unref(a);
    qio_channel_unref(b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("command");
    TCase *tc = qiotest_case(s, "command");

    tcase_add_test(tc, test_there_and_back);
    tcase_add_test(tc, test_volume);
    tcase_add_test(tc, test_one_way);
    tcase_add_test(tc, test_refused);
    tcase_add_test(tc, test_child_gone);
    tcase_add_test(tc, test_wait_timeout);
    tcase_add_test(tc, test_terminate);
    tcase_add_test(tc, test_terminate_stubborn);
    tcase_add_test(tc, test_close);
    tcase_add_test(tc, test_free);
    tcase_add_test(tc, test_status_lost);
    tcase_add_loop_test(tc, test_shutdown_wakes, 0, 2);
    tcase_add_test(tc, test_no_descriptors);
    tcase_add_test(tc, test_siblings);
    return qiotest_main(s);
}
