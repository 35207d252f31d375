/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Spawning: what the child inherits, why it could not start, and that nobody
 * is left behind. */
#include <config.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "net/spawn.h"
#include "qiotest.h"

static void release(struct qiop_spawn *child)
{
    qiop_fd_close(child->stdin_fd);
    qiop_fd_close(child->stdout_fd);
    qiop_fd_close(child->stderr_fd);
    qiop_fd_close(child->pidfd);
}

static int wait_for(struct qiop_spawn *child)
{
    int status, r;

    while ((r = qiop_spawn_try_wait(child->pid, &status, NULL)) == 0) {
        usleep(1000);
    }
    ck_assert_int_eq(r, 1);
    return status;
}

static void no_children(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

/* Its whole output, as a string. */
static void output_of(const char *const argv[], char *buf, size_t size)
{
    struct qiop_spawn child;
    QIOError *err = NULL;
    size_t len = 0;
    ssize_t n;

    ck_assert_int_eq(qiop_spawn(argv, QIOP_SPAWN_STDOUT, NULL, &child, &err),
                     0);
    qiotest_ok(&err);
    ck_assert_int_eq(child.stdin_fd, -1);
    ck_assert(fcntl(child.stdout_fd, F_GETFL) & O_NONBLOCK);
    ck_assert(fcntl(child.stdout_fd, F_GETFD) & FD_CLOEXEC);
    ck_assert_int_eq(qiop_fd_set_nonblock(child.stdout_fd, false, NULL, &err),
                     0);
    while (len < size - 1 &&
           (n = read(child.stdout_fd, buf + len, size - 1 - len)) > 0) {
        len += (size_t)n;
    }
    buf[len] = '\0';
    ck_assert_int_eq(wait_for(&child), 0);
    release(&child);
    no_children();
}

static void shell(const char *script, char *buf, size_t size)
{
    const char *const argv[] = {"sh", "-c", script, NULL};

    output_of(argv, buf, size);
}

START_TEST(test_arguments)
{
    const char *const argv[] = {"printf", "[%s]", "a b", "$HOME", "", NULL};
    char buf[64];

    output_of(argv, buf, sizeof(buf));
    ck_assert_str_eq(buf, "[a b][$HOME][]");
}
END_TEST

START_TEST(test_environment)
{
    char buf[64];

    setenv("QIOTEST_WORD", "hello", 1);
    shell("printf %s \"$QIOTEST_WORD\"", buf, sizeof(buf));
    ck_assert_str_eq(buf, "hello");
}
END_TEST

START_TEST(test_both_pipes)
{
    const char *const argv[] = {"cat", NULL};
    struct qiop_spawn child;
    QIOError *err = NULL;
    char buf[8];

    ck_assert_int_eq(qiop_spawn(argv, QIOP_SPAWN_STDIN | QIOP_SPAWN_STDOUT,
                                NULL, &child, &err),
                     0);
    qiotest_ok(&err);
    ck_assert(fcntl(child.stdin_fd, F_GETFL) & O_NONBLOCK);
    ck_assert_int_eq(write(child.stdin_fd, "abc", 3), 3);
    qiop_fd_set_nonblock(child.stdout_fd, false, NULL, NULL);
    ck_assert_int_eq(read(child.stdout_fd, buf, 8), 3);
    qiop_fd_close(child.stdin_fd);
    child.stdin_fd = -1;
    ck_assert_int_eq(read(child.stdout_fd, buf, 8), 0);
    ck_assert_int_eq(wait_for(&child), 0);
    release(&child);
    no_children();
}
END_TEST

/* Its own ends block: only ours must not. */
START_TEST(test_child_side_blocks)
{
    char buf[256];
    unsigned flags = 0;
    const char *at;

    shell("cat /proc/self/fdinfo/1", buf, sizeof(buf));
    at = strstr(buf, "flags:");
    ck_assert_ptr_nonnull(at);
    flags = (unsigned)strtoul(at + 6, NULL, 8);
    ck_assert_uint_eq(flags & O_NONBLOCK, 0);
}
END_TEST

static void only_stdio(void)
{
    int extra = fcntl(0, F_DUPFD, 200), other = fcntl(0, F_DUPFD, 0);
    char buf[256];

    /* The directory being listed is 3. */
    shell("exec ls /proc/self/fd", buf, sizeof(buf));
    ck_assert_str_eq(buf, "0\n1\n2\n3\n");
    close(extra);
    close(other);
}

START_TEST(test_descriptors)
{
    only_stdio();
}
END_TEST

/* Without close_range(), as on older kernels. */
START_TEST(test_descriptors_old_kernel)
{
#ifdef SYS_close_range
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {4, code};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0) {
        return;
    }
#endif
    only_stdio();
}
END_TEST

/* A program that closed its standard descriptors gets no mix-up. */
START_TEST(test_closed_stdio)
{
    int keep[3];
    char buf[256];

    for (int i = 0; i < 3; i++) {
        keep[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
    }
    close(0);
    close(1);
    close(2);
    shell("cat; readlink /proc/$$/fd/2; exec ls /proc/self/fd", buf,
          sizeof(buf));
    for (int i = 0; i < 3; i++) {
        dup2(keep[i], i);
        close(keep[i]);
    }
    ck_assert_str_eq(buf, "/dev/null\n0\n1\n2\n3\n");
}
END_TEST

static void nothing(int sig)
{
    (void)sig;
}

static unsigned long long field(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    ck_assert_ptr_nonnull(at);
    return strtoull(at + strlen(name), NULL, 16);
}

START_TEST(test_signals)
{
    const char *const argv[] = {"cat", "/proc/self/status", NULL};
    static char buf[8192];
    sigset_t set, before, after;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR1, nothing);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigprocmask(SIG_BLOCK, NULL, &before);
    output_of(argv, buf, sizeof(buf));
    sigprocmask(SIG_BLOCK, NULL, &after);
    for (int sig = 1; sig < NSIG; sig++) {
        ck_assert_int_eq(sigismember(&before, sig), sigismember(&after, sig));
    }
    ck_assert_uint_eq(field(buf, "SigBlk:"), 0);
    ck_assert_uint_eq(field(buf, "SigIgn:") & 0x7fffffff, 0);
}
END_TEST

/* ---- what cannot start ---- */

static void cannot(const char *program, int reason)
{
    const char *const argv[] = {program, NULL};
    struct qiop_spawn child;
    QIOError *err = NULL;
    int fds = qiotest_count_fds();

    ck_assert_int_eq(qiop_spawn(argv, QIOP_SPAWN_STDIN | QIOP_SPAWN_STDOUT,
                                NULL, &child, &err),
                     -1);
    ck_assert_int_eq(qio_error_errno(err), reason);
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), program));
    qiotest_error(&err, QIO_ERROR_COMMAND);
    ck_assert_int_eq(child.pid, -1);
    ck_assert_int_eq(child.stdin_fd, -1);
    ck_assert_int_eq(child.stdout_fd, -1);
    ck_assert_int_eq(qiotest_count_fds(), fds);
    no_children();
}

static void make_file(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    ck_assert_int_eq(chmod(path, mode), 0);
}

START_TEST(test_cannot)
{
    char file[128], path[256];

    /* Not one with directories that we may not look into. */
    setenv("PATH", "/bin:/usr/bin", 1);
    cannot("qiotest-no-such-command", ENOENT);
    cannot("/nonexistent/command", ENOENT);
    cannot("", ENOENT);
    cannot("/", EACCES);
    snprintf(file, sizeof(file), "%s/qiotest-file", qiotest_tmpdir());
    make_file(file, "no program\n", 0600);
    cannot(file, EACCES);
    snprintf(path, sizeof(path), "/nonexistent:%s", qiotest_tmpdir());
    setenv("PATH", path, 1);
    cannot("qiotest-file", EACCES);
    /* No shell takes what the kernel does not. */
    chmod(file, 0700);
    cannot("qiotest-file", ENOEXEC);
    make_file(file, "#!/nonexistent/interpreter\n", 0700);
    cannot("qiotest-file", ENOENT);
}
END_TEST

START_TEST(test_no_arguments)
{
    const char *const argv[] = {NULL};
    struct qiop_spawn child;
    QIOError *err = NULL;

    ck_assert_int_eq(qiop_spawn(argv, 0, NULL, &child, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qiop_spawn(NULL, 0, NULL, &child, NULL), -1);
}
END_TEST

START_TEST(test_path)
{
    char buf[64], dir[128], file[160];

    snprintf(dir, sizeof(dir), "%s/qiotest-here", qiotest_tmpdir());
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    snprintf(file, sizeof(file), "%s/qiotest-here", dir);
    make_file(file, "#!/bin/sh\necho found\n", 0700);
    /* A directory of that name in front is passed over. */
    snprintf(buf, sizeof(buf), "%s:%s", qiotest_tmpdir(), "");
    setenv("PATH", buf, 1);
    ck_assert_int_eq(chdir(dir), 0);
    {
        const char *const argv[] = {"qiotest-here", NULL};

        output_of(argv, buf, sizeof(buf));
    }
    ck_assert_str_eq(buf, "found\n");
    ck_assert_int_eq(chdir("/"), 0);
    unsetenv("PATH");
    shell("echo default", buf, sizeof(buf));
    ck_assert_str_eq(buf, "default\n");
}
END_TEST

/* ---- its end ---- */

START_TEST(test_status)
{
    const char *const argv[] = {"sh", "-c", "exit 7", NULL};
    struct qiop_spawn child;
    QIOError *err = NULL;
    int status;

    ck_assert_int_eq(qiop_spawn(argv, 0, NULL, &child, &err), 0);
    status = wait_for(&child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    ck_assert_int_eq(qiop_spawn_signal(&child, SIGTERM, &err),
                     child.pidfd >= 0 ? 0 : qiop_spawn_signal(&child, 0, NULL));
    ck_assert_int_eq(qiop_spawn_try_wait(child.pid, &status, &err), -1);
    qiotest_error(&err, QIO_ERROR_COMMAND);
    release(&child);
}
END_TEST

START_TEST(test_abandon)
{
    const char *const argv[] = {"cat", NULL};
    struct qiop_spawn child;
    QIOError *err = NULL;
    int tries = 0;

    ck_assert_int_eq(qiop_spawn(argv, QIOP_SPAWN_STDIN, NULL, &child, &err), 0);
    qiop_spawn_abandon(&child);
    ck_assert_int_eq(kill(child.pid, 0), 0);
    qiop_fd_close(child.stdin_fd);
    while (kill(child.pid, 0) == 0) {
        ck_assert_msg(++tries < 5000, "still there, or a zombie");
        usleep(1000);
    }
    no_children();
}
END_TEST

START_TEST(test_abandon_ended)
{
    const char *const argv[] = {"true", NULL};
    struct qiop_spawn child;
    QIOError *err = NULL;
    siginfo_t info;

    ck_assert_int_eq(qiop_spawn(argv, 0, NULL, &child, &err), 0);
    ck_assert_int_eq(waitid(P_PID, (id_t)child.pid, &info, WEXITED | WNOWAIT),
                     0);
    qiop_spawn_abandon(&child);
    no_children();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("spawn");
    TCase *tc = qiotest_case(s, "spawn");

    tcase_add_test(tc, test_arguments);
    tcase_add_test(tc, test_environment);
    tcase_add_test(tc, test_both_pipes);
    tcase_add_test(tc, test_child_side_blocks);
    tcase_add_test(tc, test_descriptors);
    tcase_add_test(tc, test_descriptors_old_kernel);
    tcase_add_test(tc, test_closed_stdio);
    tcase_add_test(tc, test_signals);
    tcase_add_test(tc, test_cannot);
    tcase_add_test(tc, test_no_arguments);
    tcase_add_test(tc, test_path);
    tcase_add_test(tc, test_status);
    tcase_add_test(tc, test_abandon);
    tcase_add_test(tc, test_abandon_ended);
    return qiotest_main(s);
}
