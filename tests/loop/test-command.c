/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands in a loop: their end as a task and as a watch, and their words read
 * meanwhile. */
#include <config.h>
#include <qio/channel-buffer.h>
#include <qio/channel-command.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include "base/clock.h"
#include "waiter.h"

#define MUCH "head -c 500000 /dev/zero | tr '\\0' x >&2"

static QIOLoop *loop;

static void no_children(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

static void setup(void)
{
    loop = qio_loop_new(NULL);
    ck_assert_ptr_nonnull(loop);
}

static void teardown(void)
{
    qio_loop_free(loop);
    no_children();
}

static QIOChannel *spawn(const char *script)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    QIOError *err = NULL;
    QIOSpawnOptions *o = qio_spawn_options_new(&err);
    QIOChannel *ioc;

    ck_assert_int_eq(
        qio_spawn_options_set_stderr(o, QIO_SPAWN_STDERR_CAPTURE, 3, &err), 0);
    ioc = qio_channel_command_new_options(argv, O_RDWR, o, &err);
    qiotest_ok(&err);
    qio_spawn_options_free(o);
    return ioc;
}

static QIOTask *start_wait(QIOChannel *ioc, int timeout_ms, struct waiter *w)
{
    QIOError *err = NULL;
    QIOTask *task = qio_channel_command_wait_async(
        ioc, loop, timeout_ms, waiter_fn, w, waiter_destroy, &err);

    qiotest_ok(&err);
    return task;
}

/* Without processor time: nobody looks again and again. */
static int64_t cpu_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

START_TEST(test_wait)
{
    QIOChannel *ioc = spawn("read x; sleep 0.3");
    struct waiter w = {0};
    int64_t before;

    start_wait(ioc, -1, &w);
    ck_assert_int_eq(qio_channel_close(ioc, NULL), 0);
    before = cpu_us();
    waiter_wait(&w, loop);
    ck_assert_int_lt(cpu_us() - before, 150000);
    qiotest_ok(&w.err);
    ck_assert_ptr_eq(w.ioc, ioc);
    waiter_clear(&w);
    no_children();
    /* One that has ended. */
    start_wait(ioc, -1, &w);
    waiter_wait(&w, loop);
    qiotest_ok(&w.err);
    waiter_clear(&w);
    qio_channel_unref(ioc);
}
END_TEST

/* Its words do not stand in its way, and are in the message. */
START_TEST(test_wait_fails)
{
    QIOChannel *ioc = spawn(MUCH "; exit 3");
    struct waiter w = {0};
    int status = 0;

    start_wait(ioc, 20000, &w);
    waiter_wait(&w, loop);
    ck_assert_str_eq(qio_error_message(w.err),
                     "command 'sh' exited with status 3: ...xxx");
    qiotest_error(&w.err, QIO_ERROR_COMMAND);
    ck_assert_int_eq(qio_channel_command_wait(ioc, 0, &status, NULL), -1);
    ck_assert_int_eq(WEXITSTATUS(status), 3);
    waiter_clear(&w);
    qio_channel_unref(ioc);
}
END_TEST

/* Late, cancelled, or without a loop any more: it runs on. */
START_TEST(test_wait_ends_early)
{
    QIOChannel *ioc = spawn("read x; exit 0");
    struct waiter w = {0};
    QIOTask *task;

    start_wait(ioc, 30, &w);
    waiter_wait(&w, loop);
    qiotest_error(&w.err, QIO_ERROR_TIMEOUT);
    waiter_clear(&w);
    task = start_wait(ioc, -1, &w);
    ck_assert_int_eq(qio_loop_step(loop, 0, NULL), 1);
    qio_task_cancel(task);
    waiter_wait(&w, loop);
    qiotest_error(&w.err, QIO_ERROR_CANCELLED);
    waiter_clear(&w);
    start_wait(ioc, -1, &w);
    qio_loop_free(loop);
    loop = NULL;
    ck_assert_int_eq(w.calls, 1);
    qiotest_error(&w.err, QIO_ERROR_CANCELLED);
    waiter_clear(&w);
    ck_assert_int_eq(kill(qio_channel_command_pid(ioc), 0), 0);
    qio_channel_close(ioc, NULL);
    ck_assert_int_eq(qio_channel_command_wait(ioc, 20000, NULL, NULL), 0);
    qio_channel_unref(ioc);
}
END_TEST

static int terminated(const char *script, int grace_ms)
{
    QIOChannel *ioc = spawn(script);
    struct waiter w = {0};
    QIOError *err = NULL;
    int status = 0;
    char c;

    ck_assert_int_eq(qio_channel_read_all(ioc, &c, 1, &err), 0);
    qiotest_ok(&err);
    qio_channel_command_terminate_async(ioc, loop, grace_ms, 20000, waiter_fn,
                                        &w, waiter_destroy, &err);
    qiotest_ok(&err);
    waiter_wait(&w, loop);
    qiotest_ok(&w.err);
    ck_assert_ptr_eq(w.ioc, ioc);
    waiter_clear(&w);
    no_children();
    ck_assert_int_eq(qio_channel_command_wait(ioc, 0, &status, NULL), -1);
    qio_channel_unref(ioc);
    return status;
}

#define UNTIL_ENDED "echo; while :; do read x || sleep 0.01; done"

START_TEST(test_terminate)
{
    int64_t before = qiop_now_us();
    int status;

    status = terminated("echo; exec cat", 20000);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    status = terminated("trap '' TERM; " UNTIL_ENDED, 50);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    status = terminated("trap '' TERM; " UNTIL_ENDED, 0);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    ck_assert_int_lt(qiop_now_us() - before, 15000000);
}
END_TEST

/* Cleaning up takes more room than a pipe has. */
START_TEST(test_terminate_talker)
{
    int status = terminated(
        "say() { " MUCH "; }; trap 'say; exit 6' TERM; " UNTIL_ENDED, 20000);

    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 6);
}
END_TEST

START_TEST(test_terminate_late)
{
    QIOChannel *ioc = spawn("trap '' TERM; " UNTIL_ENDED);
    struct waiter w = {0};
    QIOError *err = NULL;
    char c;

    ck_assert_int_eq(qio_channel_read_all(ioc, &c, 1, &err), 0);
    qio_channel_command_terminate_async(ioc, loop, 20000, 30, waiter_fn, &w,
                                        waiter_destroy, &err);
    waiter_wait(&w, loop);
    qiotest_error(&w.err, QIO_ERROR_TIMEOUT);
    waiter_clear(&w);
    ck_assert_int_eq(kill(qio_channel_command_pid(ioc), 0), 0);
    ck_assert_int_eq(qio_channel_command_terminate(ioc, 0, &err), 0);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_no_command)
{
    QIOError *err = NULL;
    QIOChannel *ioc = qio_channel_buffer_new(0, &err);
    struct waiter w = {0};

    ck_assert_ptr_null(qio_channel_command_wait_async(
        ioc, loop, -1, waiter_fn, &w, waiter_destroy, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(w.destroyed, 1);
    ck_assert_ptr_null(qio_channel_command_terminate_async(
        ioc, loop, 0, -1, waiter_fn, &w, waiter_destroy, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(w.destroyed, 2);
    ck_assert_int_eq(w.calls, 0);
    qio_channel_unref(ioc);
}
END_TEST

static bool note(int fd, unsigned events, void *opaque)
{
    (void)fd;
    *(unsigned *)opaque |= events;
    return false;
}

START_TEST(test_watch_pidfd)
{
    QIOChannel *ioc = spawn("read x");
    int fd = qio_channel_command_pidfd(ioc);
    QIOError *err = NULL;
    unsigned seen = 0;

    if (fd >= 0) {
        ck_assert_ptr_nonnull(qio_loop_add_fd_watch(loop, fd, QIO_EVENT_IN,
                                                    note, &seen, NULL, &err));
        ck_assert_int_eq(qio_loop_step(loop, 10, NULL), 0);
        qio_channel_close(ioc, NULL);
        while (!seen) {
            ck_assert_int_ge(qio_loop_step(loop, 20000, NULL), 0);
        }
        ck_assert(seen & QIO_EVENT_IN);
    }
    qio_channel_close(ioc, NULL);
    /* The end of its input was not what it wanted. */
    ck_assert_int_eq(qio_channel_command_wait(ioc, fd < 0 ? -1 : 0, NULL, &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_COMMAND);
    qio_channel_unref(ioc);
}
END_TEST

static bool count_bytes(QIOChannel *ioc, unsigned events, void *opaque)
{
    char buf[100];
    ssize_t n = qio_channel_read(ioc, buf, sizeof(buf), NULL);
    ssize_t *total = opaque;

    (void)events;
    if (n > 0) {
        *total += n;
    }
    return n > 0 || n == QIO_CHANNEL_ERR_BLOCK;
}

/* A watch of the bytes lets the words through, too. */
START_TEST(test_watch_channel)
{
    QIOChannel *ioc = spawn(MUCH "; echo abc; " MUCH "; echo de");
    QIOError *err = NULL;
    ssize_t total = 0;

    qio_channel_set_blocking(ioc, false);
    ck_assert_ptr_nonnull(qio_channel_add_watch(
        ioc, loop, QIO_EVENT_IN, count_bytes, &total, NULL, &err));
    while (total < 7) {
        ck_assert_int_ge(qio_loop_step(loop, 20000, NULL), 0);
    }
    ck_assert_int_eq(qio_channel_command_wait(ioc, 20000, NULL, &err), 0);
    qiotest_ok(&err);
    qio_loop_free(loop);
    loop = NULL;
    qio_channel_unref(ioc);
}
END_TEST

/* Without pidfd_open(), as on older kernels. */
START_TEST(test_old_kernel)
{
#ifdef SYS_pidfd_open
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {4, code};
    struct waiter w = {0};
    QIOChannel *ioc;
    int status;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0) {
        return;
    }
    ioc = spawn("read x; " MUCH);
    ck_assert_int_eq(qio_channel_command_pidfd(ioc), -1);
    start_wait(ioc, 20000, &w);
    ck_assert_int_eq(qio_channel_close(ioc, NULL), 0);
    waiter_wait(&w, loop);
    qiotest_ok(&w.err);
    waiter_clear(&w);
    qio_channel_unref(ioc);
    status = terminated("trap '' TERM; " UNTIL_ENDED, 50);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    ioc = spawn("read x; sleep 0.05; exit 0");
    ck_assert_int_eq(qio_channel_command_wait(ioc, 30, NULL, NULL), -1);
    qio_channel_close(ioc, NULL);
    ck_assert_int_eq(qio_channel_command_wait(ioc, 20000, NULL, NULL), 0);
    qio_channel_unref(ioc);
#endif
}
END_TEST

int main(void)
{
    Suite *s = suite_create("command");
    TCase *tc = qiotest_case(s, "command");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_wait);
    tcase_add_test(tc, test_wait_fails);
    tcase_add_test(tc, test_wait_ends_early);
    tcase_add_test(tc, test_terminate);
    tcase_add_test(tc, test_terminate_talker);
    tcase_add_test(tc, test_terminate_late);
    tcase_add_test(tc, test_no_command);
    tcase_add_test(tc, test_watch_pidfd);
    tcase_add_test(tc, test_watch_channel);
    tcase_add_test(tc, test_old_kernel);
    return qiotest_main(s);
}
