/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors: made close-on-exec, passed along, and written without a
 * SIGPIPE on new and old kernels alike. */
#include <config.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/fd.h"
#include "qiotest.h"

static bool cloexec(int fd)
{
    return fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

static bool nonblock(int fd)
{
    return fcntl(fd, F_GETFL) & O_NONBLOCK;
}

static struct iovec one(const void *data, size_t len)
{
    struct iovec iov = {(void *)data, len};

    return iov;
}

/* ---- making ---- */

START_TEST(test_make)
{
    QIOError *err = NULL;
    int p[2], s[2], fd, copy;

    ck_assert_int_eq(qiop_fd_pipe(p, true, &err), 0);
    ck_assert(cloexec(p[0]) && cloexec(p[1]) && nonblock(p[0]));
    qiop_fd_close_many(p, 2);
    ck_assert_int_eq(qiop_fd_pipe(p, false, &err), 0);
    ck_assert(!nonblock(p[0]) && !nonblock(p[1]));
    ck_assert_int_eq(qiop_fd_socketpair(s, &err), 0);
    ck_assert(cloexec(s[0]) && cloexec(s[1]));
    fd = qiop_fd_socket(AF_INET, SOCK_STREAM, 0, true, &err);
    ck_assert(cloexec(fd) && nonblock(fd));
    ck_assert(qiop_fd_is_socket(fd) && !qiop_fd_is_socket(p[0]));
    ck_assert(!qiop_fd_is_socket(-1));
    copy = qiop_fd_dup(fd, &err);
    ck_assert_int_ne(copy, fd);
    ck_assert(cloexec(copy) && qiop_fd_is_socket(copy));
    qiotest_ok(&err);
    errno = EDOM;
    qiop_fd_close(-1);
    qiop_fd_close(copy);
    qiop_fd_close(copy);
    ck_assert_int_eq(errno, EDOM);
    qiop_fd_close(fd);
    qiop_fd_close_many(p, 2);
    qiop_fd_close_many(s, 2);
}
END_TEST

START_TEST(test_make_fails)
{
    struct rlimit none, before;
    QIOError *err = NULL;
    int p[2];

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_int_eq(qiop_fd_pipe(p, false, &err), -1);
    ck_assert_int_eq(qio_error_errno(err), EMFILE);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    ck_assert_int_eq(qiop_fd_socketpair(p, &err), -1);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    ck_assert_int_eq(qiop_fd_socket(AF_UNIX, SOCK_STREAM, 0, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    ck_assert_int_eq(qiop_fd_eventfd(0, &err), -1);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_int_eq(qiop_fd_dup(-1, &err), -1);
    ck_assert_int_eq(qio_error_errno(err), EBADF);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    ck_assert_int_eq(qiop_fd_open("/nonexistent/x", O_RDONLY, 0, &err), -1);
    ck_assert_int_eq(qio_error_errno(err), ENOENT);
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), "/nonexistent/x"));
    qiotest_error(&err, QIO_ERROR_SYSTEM);
}
END_TEST

START_TEST(test_eventfd)
{
    QIOError *err = NULL;
    int fd = qiop_fd_eventfd(1, &err);
    uint64_t v;

    ck_assert(cloexec(fd));
    ck_assert_int_eq(read(fd, &v, sizeof(v)), sizeof(v));
    ck_assert_uint_eq(v, 1);
    ck_assert_int_eq(read(fd, &v, sizeof(v)), -1);
    ck_assert_int_eq(errno, EAGAIN);
    qiop_fd_close(fd);
}
END_TEST

START_TEST(test_pidfd)
{
    QIOError *err = NULL;
    int fd = qiop_fd_pidfd(getpid(), &err);
    struct pollfd pfd = {.fd = fd, .events = POLLIN};

    if (fd < 0) {
        qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
        return;
    }
    ck_assert(cloexec(fd));
    ck_assert_int_eq(poll(&pfd, 1, 0), 0);
    qiop_fd_close(fd);
    ck_assert_int_eq(qiop_fd_pidfd(-7, &err), -1);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
}
END_TEST

START_TEST(test_accept)
{
    struct sockaddr_storage sa = {.ss_family = AF_INET};
    socklen_t len = sizeof(sa);
    QIOError *err = NULL;
    int l, c, fd;

    l = qiop_fd_socket(AF_INET, SOCK_STREAM, 0, true, &err);
    ck_assert_int_eq(listen(l, 1), 0);
    ck_assert_int_eq(qiop_fd_accept(l, true, &err), -1);
    ck_assert_int_eq(qio_error_errno(err), EAGAIN);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    ck_assert_int_eq(getsockname(l, (struct sockaddr *)&sa, &len), 0);
    c = qiop_fd_socket(AF_INET, SOCK_STREAM, 0, false, &err);
    ck_assert_int_eq(connect(c, (struct sockaddr *)&sa, len), 0);
    fd = qiop_fd_accept(l, true, &err);
    ck_assert(cloexec(fd) && nonblock(fd));
    qiotest_ok(&err);
    qiop_fd_close(fd);
    qiop_fd_close(c);
    qiop_fd_close(l);
}
END_TEST

START_TEST(test_nonblock)
{
    QIOError *err = NULL;
    bool was = true;
    int p[2];

    ck_assert_int_eq(qiop_fd_pipe(p, false, &err), 0);
    ck_assert_int_eq(qiop_fd_set_nonblock(p[0], true, &was, &err), 0);
    ck_assert(!was && nonblock(p[0]));
    ck_assert_int_eq(qiop_fd_set_nonblock(p[0], true, &was, &err), 0);
    ck_assert(was);
    ck_assert_int_eq(qiop_fd_set_nonblock(p[0], false, NULL, &err), 0);
    ck_assert(!nonblock(p[0]));
    qiop_fd_close_many(p, 2);
    ck_assert_int_eq(qiop_fd_set_nonblock(p[0], false, NULL, &err), -1);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
}
END_TEST

/* ---- sockets ---- */

static void pair(int s[2])
{
    ck_assert_int_eq(qiop_fd_socketpair(s, NULL), 0);
}

START_TEST(test_socket_io)
{
    struct iovec out[2] = {one("ab", 2), one("cde", 3)}, in;
    QIOError *err = NULL;
    char buf[8];
    int s[2];

    pair(s);
    in = one(buf, sizeof(buf));
    ck_assert_int_eq(qiop_fd_recv(s[1], &in, 1, 0, &err),
                     QIO_CHANNEL_ERR_BLOCK);
    ck_assert_int_eq(qiop_fd_send(s[0], out, 2, 0, &err), 5);
    ck_assert_int_eq(qiop_fd_recv(s[1], &in, 1, MSG_PEEK, &err), 5);
    ck_assert_int_eq(qiop_fd_recv(s[1], &in, 1, 0, &err), 5);
    ck_assert_mem_eq(buf, "abcde", 5);
    shutdown(s[0], SHUT_WR);
    ck_assert_int_eq(qiop_fd_recv(s[1], &in, 1, 0, &err), 0);
    qiotest_ok(&err);
    qiop_fd_close_many(s, 2);
}
END_TEST

START_TEST(test_socket_full)
{
    static char data[65536];
    struct iovec out = one(data, sizeof(data));
    QIOError *err = NULL;
    ssize_t n;
    int s[2];

    pair(s);
    while ((n = qiop_fd_send(s[0], &out, 1, 0, &err)) > 0) {
    }
    ck_assert_int_eq(n, QIO_CHANNEL_ERR_BLOCK);
    qiotest_ok(&err);
    qiop_fd_close_many(s, 2);
}
END_TEST

START_TEST(test_socket_broken)
{
    struct iovec iov = one("x", 1);
    QIOError *err = NULL;
    char c;
    int s[2];

    pair(s);
    ck_assert_int_eq(qiop_fd_send(s[0], &iov, 1, 0, &err), 1);
    qiop_fd_close(s[1]);
    ck_assert_int_eq(qiop_fd_send(s[0], &iov, 1, 0, &err), -1);
    ck_assert_int_eq(qio_error_errno(err), EPIPE);
    qiotest_error(&err, QIO_ERROR_BROKEN);
    qiop_fd_close(s[0]);
    /* Unread data at the peer's close is a reset. */
    pair(s);
    ck_assert_int_eq(qiop_fd_send(s[0], &iov, 1, 0, &err), 1);
    qiop_fd_close(s[1]);
    iov = one(&c, 1);
    ck_assert_int_eq(qiop_fd_recv(s[0], &iov, 1, 0, &err), -1);
    ck_assert_int_eq(qio_error_errno(err), ECONNRESET);
    qiotest_error(&err, QIO_ERROR_BROKEN);
    qiop_fd_close(s[0]);
    ck_assert_int_eq(qiop_fd_recv(s[0], &iov, 1, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
}
END_TEST

/* ---- descriptors passed along ---- */

static void same_file(int a, int b)
{
    struct stat sa, sb;

    ck_assert_int_eq(fstat(a, &sa), 0);
    ck_assert_int_eq(fstat(b, &sb), 0);
    ck_assert(sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino);
}

static void pass(int n, bool credentials)
{
    struct iovec iov = one("x", 1), in;
    int send[QIOP_FD_PASS_MAX], s[2], p[2], on = 1;
    QIOError *err = NULL;
    int *fds = send;
    size_t nfds = 77;
    char c;

    pair(s);
    ck_assert_int_eq(qiop_fd_pipe(p, false, &err), 0);
    if (credentials) {
        ck_assert_int_eq(
            setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
    }
    for (int i = 0; i < n; i++) {
        send[i] = p[i % 2];
    }
    ck_assert_int_eq(qiop_fd_sendmsg(s[0], &iov, 1, send, (size_t)n, 0, &err),
                     1);
    in = one(&c, 1);
    ck_assert_int_eq(qiop_fd_recvmsg(s[1], &in, 1, &fds, &nfds, 0, &err), 1);
    qiotest_ok(&err);
    ck_assert_uint_eq(nfds, (size_t)n);
    for (int i = 0; i < n; i++) {
        ck_assert(cloexec(fds[i]));
        same_file(fds[i], p[i % 2]);
    }
    qiop_fd_close_many(fds, nfds);
    free(fds);
    qiop_fd_close_many(s, 2);
    qiop_fd_close_many(p, 2);
}

START_TEST(test_pass)
{
    pass(0, false);
    pass(1, false);
    pass(QIOP_FD_PASS_MAX, false);
    pass(QIOP_FD_PASS_MAX, true);
}
END_TEST

START_TEST(test_pass_refused)
{
    int many[QIOP_FD_PASS_MAX + 1], s[2];
    struct iovec iov = one("x", 1), none = one("x", 0);
    QIOError *err = NULL;

    pair(s);
    for (int i = 0; i <= QIOP_FD_PASS_MAX; i++) {
        many[i] = s[0];
    }
    ck_assert_int_eq(
        qiop_fd_sendmsg(s[0], &iov, 1, many, QIOP_FD_PASS_MAX + 1, 0, &err),
        -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qiop_fd_sendmsg(s[0], &none, 1, many, 1, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    many[0] = -1;
    ck_assert_int_eq(qiop_fd_sendmsg(s[0], &iov, 1, many, 1, 0, &err), -1);
    ck_assert_int_eq(qio_error_errno(err), EBADF);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    qiop_fd_close_many(s, 2);
}
END_TEST

/* Nobody asked: the bytes come, the descriptors are gone. */
START_TEST(test_pass_unasked)
{
    struct iovec iov = one("xy", 2), in;
    QIOError *err = NULL;
    int s[2], before;
    char c[2];

    pair(s);
    before = qiotest_count_fds();
    in = one(c, 2);
    ck_assert_int_eq(qiop_fd_sendmsg(s[0], &iov, 1, s, 2, 0, &err), 2);
    ck_assert_int_eq(qiop_fd_recvmsg(s[1], &in, 1, NULL, NULL, 0, &err), 2);
    ck_assert_int_eq(qiop_fd_sendmsg(s[0], &iov, 1, s, 2, 0, &err), 2);
    ck_assert_int_eq(qiop_fd_recv(s[1], &in, 1, 0, &err), 2);
    qiotest_ok(&err);
    ck_assert_int_eq(qiotest_count_fds(), before);
    qiop_fd_close_many(s, 2);
}
END_TEST

START_TEST(test_pass_peek)
{
    struct iovec iov = one("x", 1), in;
    QIOError *err = NULL;
    int s[2], *fds;
    size_t nfds;
    char c;

    pair(s);
    in = one(&c, 1);
    ck_assert_int_eq(qiop_fd_sendmsg(s[0], &iov, 1, s, 1, 0, &err), 1);
    ck_assert_int_eq(qiop_fd_recvmsg(s[1], &in, 1, &fds, &nfds, MSG_PEEK, &err),
                     1);
    ck_assert_ptr_null(fds);
    ck_assert_uint_eq(nfds, 0);
    ck_assert_int_eq(qiop_fd_recvmsg(s[1], &in, 1, &fds, &nfds, 0, &err), 1);
    ck_assert_uint_eq(nfds, 1);
    same_file(fds[0], s[0]);
    qiop_fd_close(fds[0]);
    free(fds);
    qiop_fd_close_many(s, 2);
}
END_TEST

START_TEST(test_pass_truncated)
{
    struct iovec iov = one("x", 1), in;
    struct rlimit before, tight;
    int send[10], s[2], *fds, count, top;
    QIOError *err = NULL;
    size_t nfds;
    char c;

    pair(s);
    for (int i = 0; i < 10; i++) {
        send[i] = s[0];
    }
    ck_assert_int_eq(qiop_fd_sendmsg(s[0], &iov, 1, send, 10, 0, &err), 1);
    count = qiotest_count_fds();
    top = qiop_fd_dup(s[0], &err);
    qiop_fd_close(top);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = before;
    tight.rlim_cur = (rlim_t)top + 3;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
    in = one(&c, 1);
    ck_assert_int_eq(qiop_fd_recvmsg(s[1], &in, 1, &fds, &nfds, 0, &err), -1);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    qiotest_error(&err, QIO_ERROR_FD_TRUNCATED);
    ck_assert_ptr_null(fds);
    ck_assert_uint_eq(nfds, 0);
    ck_assert_int_eq(qiotest_count_fds(), count);
    qiop_fd_close_many(s, 2);
}
END_TEST

/* ---- files, pipes, ttys ---- */

START_TEST(test_file)
{
    struct iovec out[2] = {one("hello ", 6), one("world", 5)}, in;
    QIOError *err = NULL;
    char path[128], buf[16];
    int fd;

    snprintf(path, sizeof(path), "%s/f", qiotest_tmpdir());
    fd = qiop_fd_open(path, O_RDWR | O_CREAT | O_EXCL, 0600, &err);
    ck_assert(cloexec(fd));
    ck_assert_int_eq(qiop_fd_writev(fd, out, 2, &err), 11);
    ck_assert_int_eq(lseek(fd, 6, SEEK_SET), 6);
    in = one(buf, sizeof(buf));
    ck_assert_int_eq(qiop_fd_readv(fd, &in, 1, &err), 5);
    ck_assert_mem_eq(buf, "world", 5);
    ck_assert_int_eq(qiop_fd_readv(fd, &in, 1, &err), 0);
    qiotest_ok(&err);
    qiop_fd_close(fd);
    ck_assert_int_eq(qiop_fd_writev(fd, out, 2, &err), -1);
    ck_assert_int_eq(qio_error_errno(err), EBADF);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
}
END_TEST

START_TEST(test_full_device)
{
    struct iovec iov = one("x", 1);
    QIOError *err = NULL;
    int fd = qiop_fd_open("/dev/full", O_WRONLY, 0, &err);

    ck_assert_int_eq(qiop_fd_writev(fd, &iov, 1, &err), -1);
    ck_assert_int_eq(qio_error_errno(err), ENOSPC);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    qiop_fd_close(fd);
}
END_TEST

START_TEST(test_tty)
{
    struct iovec out = one("line\n", 5), in;
    QIOError *err = NULL;
    char buf[16];
    int m, t;

    m = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (m < 0) {
        return;
    }
    ck_assert_int_eq(grantpt(m), 0);
    ck_assert_int_eq(unlockpt(m), 0);
    t = qiop_fd_open(ptsname(m), O_RDWR | O_NOCTTY, 0, &err);
    qiotest_ok(&err);
    ck_assert_int_eq(qiop_fd_writev(m, &out, 1, &err), 5);
    in = one(buf, sizeof(buf));
    ck_assert_int_eq(qiop_fd_readv(t, &in, 1, &err), 5);
    ck_assert_mem_eq(buf, "line\n", 5);
    qiop_fd_close(t);
    qiop_fd_close(m);
}
END_TEST

START_TEST(test_iov_max)
{
    static struct iovec iov[IOV_MAX + 5];
    QIOError *err = NULL;
    int p[2], s[2];

    for (int i = 0; i < IOV_MAX + 5; i++) {
        iov[i] = one("x", 1);
    }
    ck_assert_int_eq(qiop_fd_pipe(p, true, &err), 0);
    pair(s);
    ck_assert_int_eq(qiop_fd_writev(p[1], iov, IOV_MAX + 5, &err), IOV_MAX);
    ck_assert_int_eq(qiop_fd_send(s[0], iov, IOV_MAX + 5, 0, &err), IOV_MAX);
    qiotest_ok(&err);
    qiop_fd_close_many(p, 2);
    qiop_fd_close_many(s, 2);
}
END_TEST

/* From here on the flags of pwritev2() are unknown, as on older kernels. */
static bool forget_pwritev2(void)
{
#ifdef SYS_pwritev2
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pwritev2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {4, code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
#else
    return true;
#endif
}

static void pipe_without_sigpipe(void)
{
    struct iovec out = one("abc", 3), in;
    static char data[65536];
    QIOError *err = NULL;
    sigset_t set, old;
    char buf[4];
    ssize_t n;
    int p[2];

    signal(SIGPIPE, SIG_DFL);
    ck_assert_int_eq(qiop_fd_pipe(p, true, &err), 0);
    in = one(buf, sizeof(buf));
    ck_assert_int_eq(qiop_fd_readv(p[0], &in, 1, &err), QIO_CHANNEL_ERR_BLOCK);
    ck_assert_int_eq(qiop_fd_writev(p[1], &out, 1, &err), 3);
    ck_assert_int_eq(qiop_fd_readv(p[0], &in, 1, &err), 3);
    out = one(data, sizeof(data));
    while ((n = qiop_fd_writev(p[1], &out, 1, &err)) > 0) {
    }
    ck_assert_int_eq(n, QIO_CHANNEL_ERR_BLOCK);
    qiotest_ok(&err);
    qiop_fd_close(p[0]);
    ck_assert_int_eq(qiop_fd_writev(p[1], &out, 1, &err), -1);
    ck_assert_int_eq(qio_error_errno(err), EPIPE);
    qiotest_error(&err, QIO_ERROR_BROKEN);

    /* The program blocks it itself: nothing of ours stays pending ... */
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, &set, &old), 0);
    ck_assert_int_eq(qiop_fd_writev(p[1], &out, 1, NULL), -1);
    ck_assert_int_eq(sigpending(&set), 0);
    ck_assert(!sigismember(&set, SIGPIPE));
    /* ... and what was pending before is not taken away. */
    raise(SIGPIPE);
    ck_assert_int_eq(qiop_fd_writev(p[1], &out, 1, NULL), -1);
    ck_assert_int_eq(sigpending(&set), 0);
    ck_assert(sigismember(&set, SIGPIPE));
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(sigprocmask(SIG_SETMASK, &old, NULL), 0);
    ck_assert_int_eq(qiop_fd_writev(p[1], &out, 1, NULL), -1);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, NULL, &set), 0);
    ck_assert(!sigismember(&set, SIGPIPE));
    qiop_fd_close(p[1]);
}

START_TEST(test_pipe)
{
    pipe_without_sigpipe();
}
END_TEST

START_TEST(test_pipe_old_kernel)
{
    if (forget_pwritev2()) {
        pipe_without_sigpipe();
    }
}
END_TEST

/* The other end hears of it at once, and nobody else gets the number. */
START_TEST(test_retire)
{
    QIOError *err = NULL;
    int p[2], other;
    char c;

    ck_assert_int_eq(qiop_fd_pipe(p, false, &err), 0);
    ck_assert_int_eq(qiop_fd_retire(p[1]), p[1]);
    ck_assert_int_eq(read(p[0], &c, 1), 0);
    other = qiop_fd_dup(p[0], &err);
    ck_assert_int_ne(other, p[1]);
    ck_assert(fcntl(p[1], F_GETFD) & FD_CLOEXEC);
    qiop_fd_close(p[1]);
    qiop_fd_close(p[0]);
    qiop_fd_close(other);
    ck_assert_int_eq(qiop_fd_pipe(p, false, &err), 0);
    {
        struct rlimit limit, none;

        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        none = (struct rlimit){0, limit.rlim_max};
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
        ck_assert_int_eq(qiop_fd_retire(p[1]), -1);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    }
    ck_assert_int_eq(read(p[0], &c, 1), 0);
    qiop_fd_close(p[0]);
    qiotest_ok(&err);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fd");
    TCase *tc = qiotest_case(s, "fd");

    tcase_add_test(tc, test_make);
    tcase_add_test(tc, test_make_fails);
    tcase_add_test(tc, test_eventfd);
    tcase_add_test(tc, test_pidfd);
    tcase_add_test(tc, test_accept);
    tcase_add_test(tc, test_nonblock);
    tcase_add_test(tc, test_socket_io);
    tcase_add_test(tc, test_socket_full);
    tcase_add_test(tc, test_socket_broken);
    tcase_add_test(tc, test_pass);
    tcase_add_test(tc, test_pass_refused);
    tcase_add_test(tc, test_pass_unasked);
    tcase_add_test(tc, test_pass_peek);
    tcase_add_test(tc, test_pass_truncated);
    tcase_add_test(tc, test_file);
    tcase_add_test(tc, test_full_device);
    tcase_add_test(tc, test_tty);
    tcase_add_test(tc, test_iov_max);
    tcase_add_test(tc, test_pipe);
    tcase_add_test(tc, test_pipe_old_kernel);
    tcase_add_test(tc, test_retire);
    return qiotest_main(s);
}
