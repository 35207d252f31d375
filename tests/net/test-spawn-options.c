/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a command is given: its directory, environment, search path and
 * standard error. */
#include <config.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "net/spawn.h"
#include "qiotest.h"

static QIOSpawnOptions *options(void)
{
    QIOError *err = NULL;
    QIOSpawnOptions *o = qio_spawn_options_new(&err);

    qiotest_ok(&err);
    return o;
}

static void no_children(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

static void read_all(int fd, char *buf, size_t size)
{
    size_t len = 0;
    ssize_t n;

    qiop_fd_set_nonblock(fd, false, NULL, NULL);
    while (len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0) {
        len += (size_t)n;
    }
    buf[len] = '\0';
}

static void reap(struct qiop_spawn *child)
{
    ck_assert_int_eq(waitpid(child->pid, NULL, 0), child->pid);
    qiop_fd_close(child->stdout_fd);
    qiop_fd_close(child->stderr_fd);
    qiop_fd_close(child->pidfd);
    no_children();
}

/* Its output; program NULL is a shell. */
static const char *output(const char *program, const char *script,
                          const QIOSpawnOptions *o)
{
    const char *const shell[] = {"/bin/sh", "-c", script, NULL};
    const char *const other[] = {program, NULL};
    static char buf[4096];
    struct qiop_spawn child;
    QIOError *err = NULL;

    qiop_spawn(program ? other : shell, QIOP_SPAWN_STDOUT, o, &child, &err);
    qiotest_ok(&err);
    read_all(child.stdout_fd, buf, sizeof(buf));
    reap(&child);
    return buf;
}

static void cannot(const char *program, const QIOSpawnOptions *o, int reason,
                   const char *says)
{
    const char *const argv[] = {program, NULL};
    int fds = qiotest_count_fds();
    struct qiop_spawn child;
    QIOError *err = NULL;

    ck_assert_int_eq(qiop_spawn(argv, QIOP_SPAWN_STDOUT, o, &child, &err), -1);
    ck_assert_int_eq(qio_error_errno(err), reason);
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), says));
    qiotest_error(&err, QIO_ERROR_COMMAND);
    ck_assert_int_eq(qiotest_count_fds(), fds);
    no_children();
}

static void put(QIOSpawnOptions *o, const char *name, const char *value)
{
    QIOError *err = NULL;

    ck_assert_int_eq(qio_spawn_options_set_env(o, name, value, &err), 0);
    qiotest_ok(&err);
}

START_TEST(test_environment)
{
    QIOSpawnOptions *o = options();
    QIOError *err = NULL;

    setenv("QIOTEST_A", "ours", 1);
    setenv("QIOTEST_AB", "longer", 1);
    setenv("QIOTEST_GONE", "x", 1);
    put(o, "QIOTEST_A", "first");
    put(o, "QIOTEST_A", "theirs=1");
    put(o, "QIOTEST_EMPTY", "");
    put(o, "QIOTEST_GONE", NULL);
    put(o, "QIOTEST_NEVER", NULL);
    ck_assert_str_eq(output(NULL,
                            "printf '%s|%s|%s|%s|%s' \"$QIOTEST_A\" "
                            "\"$QIOTEST_AB\" \"${QIOTEST_EMPTY-unset}\" "
                            "\"${QIOTEST_GONE-unset}\" "
                            "\"${QIOTEST_NEVER-unset}\"",
                            o),
                     "theirs=1|longer||unset|unset");
    ck_assert_str_eq(getenv("QIOTEST_A"), "ours");
    qio_spawn_options_clear_env(o);
    put(o, "ONLY", "this");
    ck_assert_str_eq(output("/usr/bin/env", NULL, o), "ONLY=this\n");
    ck_assert_int_eq(qio_spawn_options_set_env(o, "A=B", "x", &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_spawn_options_set_env(o, "", "x", &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_spawn_options_set_env(o, NULL, "x", &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_str_eq(output("/usr/bin/env", NULL, o), "ONLY=this\n");
    qio_spawn_options_free(o);
    qio_spawn_options_free(NULL);
}
END_TEST

static void make_program(const char *path, const char *says)
{
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    fprintf(f, "#!/bin/sh\necho %s\n", says);
    fclose(f);
    ck_assert_int_eq(chmod(path, 0700), 0);
}

START_TEST(test_directory)
{
    QIOSpawnOptions *o = options();
    const char *tmp = qiotest_tmpdir();
    char path[128], want[160];
    QIOError *err = NULL;
    char before[256], after[256];

    ck_assert_ptr_nonnull(getcwd(before, sizeof(before)));
    ck_assert_int_eq(qio_spawn_options_set_directory(o, tmp, &err), 0);
    snprintf(want, sizeof(want), "%s\n", tmp);
    ck_assert_str_eq(output(NULL, "pwd -P", o), want);
    /* Not from where we are. */
    snprintf(path, sizeof(path), "%s/qiotest-prog", tmp);
    make_program(path, "here");
    ck_assert_str_eq(output("./qiotest-prog", NULL, o), "here\n");
    ck_assert_int_eq(qio_spawn_options_set_search(o, "/nonexistent:", &err), 0);
    ck_assert_str_eq(output("qiotest-prog", NULL, o), "here\n");
    ck_assert_int_eq(qio_spawn_options_set_search(o, ".", &err), 0);
    ck_assert_str_eq(output("qiotest-prog", NULL, o), "here\n");
    ck_assert_ptr_nonnull(getcwd(after, sizeof(after)));
    ck_assert_str_eq(before, after);
    ck_assert_int_eq(qio_spawn_options_set_directory(o, "/nonexistent", &err),
                     0);
    cannot("/bin/true", o, ENOENT, "in '/nonexistent'");
    ck_assert_int_eq(qio_spawn_options_set_directory(o, path, &err), 0);
    cannot("/bin/true", o, ENOTDIR, path);
    ck_assert_int_eq(qio_spawn_options_set_directory(o, NULL, &err), 0);
    cannot("qiotest-prog", o, ENOENT, "'qiotest-prog'");
    qio_spawn_options_free(o);
}
END_TEST

START_TEST(test_search)
{
    QIOSpawnOptions *o = options();
    char dir[128], path[160];
    QIOError *err = NULL;

    snprintf(dir, sizeof(dir), "%s/bin", qiotest_tmpdir());
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    snprintf(path, sizeof(path), "%s/true", dir);
    make_program(path, "another");
    ck_assert_int_eq(qio_spawn_options_set_search(o, dir, &err), 0);
    ck_assert_str_eq(output("true", NULL, o), "another\n");
    cannot("cat", o, ENOENT, "'cat'");
    /* The command's own PATH is its own affair. */
    put(o, "PATH", "/nonexistent");
    ck_assert_str_eq(output("true", NULL, o), "another\n");
    ck_assert_int_eq(qio_spawn_options_set_search(o, "", &err), 0);
    cannot("true", o, ENOENT, "'true'");
    ck_assert_int_eq(qio_spawn_options_set_directory(o, dir, &err), 0);
    ck_assert_str_eq(output("true", NULL, o), "another\n");
    ck_assert_int_eq(qio_spawn_options_set_search(o, NULL, &err), 0);
    ck_assert_str_eq(output("true", NULL, o), "");
    qio_spawn_options_free(o);
}
END_TEST

static const char *where_stderr_goes(const QIOSpawnOptions *o)
{
    return output(NULL, "readlink /proc/$$/fd/2", o);
}

START_TEST(test_stderr)
{
    QIOSpawnOptions *o = options();
    const char *const argv[] = {"sh", "-c", "echo out; echo err >&2", NULL};
    struct qiop_spawn child;
    char ours[256], buf[64];
    QIOError *err = NULL;
    ssize_t n = readlink("/proc/self/fd/2", ours, sizeof(ours) - 2);

    ck_assert_int_gt(n, 0);
    memcpy(ours + n, "\n", 2);
    ck_assert_str_eq(where_stderr_goes(NULL), ours);
    ck_assert_str_eq(where_stderr_goes(o), ours);
    ck_assert_int_eq(
        qio_spawn_options_set_stderr(o, QIO_SPAWN_STDERR_DISCARD, 0, &err), 0);
    ck_assert_str_eq(where_stderr_goes(o), "/dev/null\n");
    ck_assert_int_eq(
        qio_spawn_options_set_stderr(o, QIO_SPAWN_STDERR_CAPTURE, 10, &err), 0);
    ck_assert_int_eq(qiop_spawn(argv, QIOP_SPAWN_STDOUT, o, &child, &err), 0);
    ck_assert(fcntl(child.stderr_fd, F_GETFL) & O_NONBLOCK);
    ck_assert(fcntl(child.stderr_fd, F_GETFD) & FD_CLOEXEC);
    read_all(child.stdout_fd, buf, sizeof(buf));
    ck_assert_str_eq(buf, "out\n");
    read_all(child.stderr_fd, buf, sizeof(buf));
    ck_assert_str_eq(buf, "err\n");
    reap(&child);
    qio_spawn_options_free(o);
}
END_TEST

START_TEST(test_stderr_refused)
{
    static const struct {
        int how;
        size_t keep;
    } bad[] = {
        {QIO_SPAWN_STDERR_INHERIT, 1},
        {QIO_SPAWN_STDERR_DISCARD, 1},
        {QIO_SPAWN_STDERR_CAPTURE, 0},
        {QIO_SPAWN_STDERR_CAPTURE, (1u << 20) + 1},
        {QIO_SPAWN_STDERR_CAPTURE + 1, 0},
        {-1, 0},
    };
    QIOSpawnOptions *o = options();
    QIOError *err = NULL;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_int_eq(qio_spawn_options_set_stderr(
                             o, (QIOSpawnStderr)bad[i].how, bad[i].keep, &err),
                         -1);
        qiotest_error(&err, QIO_ERROR_INVALID);
    }
    qio_spawn_options_free(o);
}
END_TEST

/* Each descriptor that it takes is the one that cannot be had, in turn. */
START_TEST(test_no_descriptors)
{
    const char *const argv[] = {"true", NULL};
    QIOSpawnOptions *o = options();
    struct rlimit limit;
    QIOError *err = NULL;
    int first = qiop_fd_dup(0, NULL), room, r = -1;

    qiop_fd_close(first);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_int_eq(qio_spawn_options_set_directory(o, "/", &err), 0);
    ck_assert_int_eq(
        qio_spawn_options_set_stderr(o, QIO_SPAWN_STDERR_CAPTURE, 10, &err), 0);
    for (room = 0; r < 0; room++) {
        int fds = qiotest_count_fds();
        struct rlimit few = {(rlim_t)(first + room), limit.rlim_max};
        struct qiop_spawn child;

        ck_assert_int_lt(room, 30);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
        r = qiop_spawn(argv, QIOP_SPAWN_STDIN | QIOP_SPAWN_STDOUT, o, &child,
                       &err);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        if (r == 0) {
            qiop_fd_close(child.stdin_fd);
            reap(&child);
            continue;
        }
        ck_assert_int_eq(qio_error_errno(err), EMFILE);
        qio_error_free(err);
        err = NULL;
        ck_assert_int_eq(qiotest_count_fds(), fds);
        no_children();
    }
    /* A directory, three pipes and the one that tells of exec(). */
    ck_assert_int_ge(room, 8);
    qiotest_ok(&err);
    qio_spawn_options_free(o);
}
END_TEST

/* What it says afterwards goes nowhere, and does not kill it. */
START_TEST(test_abandon_talker)
{
    const char *const argv[] = {
        "sh", "-c", "read x; head -c 300000 /dev/zero >&2 && echo fine >\"$0\"",
        NULL, NULL};
    const char *args[5];
    QIOSpawnOptions *o = options();
    struct qiop_spawn child;
    char path[128];
    QIOError *err = NULL;
    int tries = 0;

    memcpy(args, argv, sizeof(argv));
    snprintf(path, sizeof(path), "%s/done", qiotest_tmpdir());
    args[3] = path;
    ck_assert_int_eq(
        qio_spawn_options_set_stderr(o, QIO_SPAWN_STDERR_CAPTURE, 10, &err), 0);
    ck_assert_int_eq(qiop_spawn(args, QIOP_SPAWN_STDIN, o, &child, &err), 0);
    qio_spawn_options_free(o);
    qiop_spawn_abandon(&child);
    ck_assert_int_eq(write(child.stdin_fd, "\n", 1), 1);
    qiop_fd_close(child.stdin_fd);
    while (kill(child.pid, 0) == 0) {
        ck_assert_msg(++tries < 10000, "still there, or a zombie");
        usleep(1000);
    }
    no_children();
    ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("spawn-options");
    TCase *tc = qiotest_case(s, "spawn-options");

    tcase_add_test(tc, test_environment);
    tcase_add_test(tc, test_directory);
    tcase_add_test(tc, test_search);
    tcase_add_test(tc, test_stderr);
    tcase_add_test(tc, test_stderr_refused);
    tcase_add_test(tc, test_no_descriptors);
    tcase_add_test(tc, test_abandon_talker);
    return qiotest_main(s);
}
