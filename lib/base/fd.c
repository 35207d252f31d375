/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The only place that makes descriptors, all of them close-on-exec. */
#include <config.h>
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

static int fail(QIOError **errp, const char *what)
{
    qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "%s", what);
    return -1;
}

int qiop_fd_open(const char *path, int flags, mode_t mode, QIOError **errp)
{
    int fd;

    do {
        fd = open(path, flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "cannot open '%s'", path);
    }
    return fd;
}

int qiop_fd_pipe(int fds[2], bool nonblock, QIOError **errp)
{
    if (pipe2(fds, O_CLOEXEC | (nonblock ? O_NONBLOCK : 0)) < 0) {
        return fail(errp, "cannot make a pipe");
    }
    return 0;
}

int qiop_fd_socket(int domain, int type, int protocol, bool nonblock,
                   QIOError **errp)
{
    int fd;

    fd = socket(domain, type | SOCK_CLOEXEC | (nonblock ? SOCK_NONBLOCK : 0),
                protocol);
    return fd < 0 ? fail(errp, "cannot make a socket") : fd;
}

int qiop_fd_socketpair(int fds[2], QIOError **errp)
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        return fail(errp, "cannot make a pair of sockets");
    }
    return 0;
}

int qiop_fd_eventfd(unsigned initial, QIOError **errp)
{
    int fd = eventfd(initial, EFD_CLOEXEC | EFD_NONBLOCK);

    return fd < 0 ? fail(errp, "cannot make an event descriptor") : fd;
}

int qiop_fd_epoll(QIOError **errp)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);

    return fd < 0 ? fail(errp, "cannot make an epoll descriptor") : fd;
}

int qiop_fd_timerfd(QIOError **errp)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

    return fd < 0 ? fail(errp, "cannot make a timer descriptor") : fd;
}

int qiop_fd_inotify(QIOError **errp)
{
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    return fd < 0 ? fail(errp, "cannot make a watch of files") : fd;
}

int qiop_fd_dup(int fd, QIOError **errp)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    return copy < 0 ? fail(errp, "cannot duplicate a descriptor") : copy;
}

int qiop_fd_pidfd(pid_t pid, QIOError **errp)
{
    int fd = -1;

#ifdef SYS_pidfd_open
    fd = (int)syscall(SYS_pidfd_open, pid, 0);
#else
    (void)pid;
    errno = ENOSYS;
#endif
    if (fd >= 0) {
        return fd;
    }
    /* EPERM is what system call filters say for calls they do not know. */
    if (errno == ENOSYS || errno == EPERM) {
        qio_error_set(errp, QIO_ERROR_UNSUPPORTED, errno,
                      "no process descriptors here");
        return -1;
    }
    return fail(errp, "cannot make a process descriptor");
}

int qiop_fd_above_stdio(int fd, QIOError **errp)
{
    int copy;

    if (fd > STDERR_FILENO) {
        return fd;
    }
    copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    qiop_fd_close(fd);
    return copy < 0 ? fail(errp, "cannot duplicate a descriptor") : copy;
}

int qiop_fd_place(int fd, int where)
{
    int ret;

    if (fd == where) {
        return fcntl(fd, F_SETFD, 0);
    }
    do {
        ret = dup2(fd, where);
    } while (ret < 0 && (errno == EINTR || errno == EBUSY));
    return ret < 0 ? -1 : 0;
}

int qiop_fd_accept(int listen_fd, bool nonblock, QIOError **errp)
{
    int flags = SOCK_CLOEXEC | (nonblock ? SOCK_NONBLOCK : 0);
    int fd;

    /* A connection that died in the queue is nobody's concern. */
    do {
        fd = accept4(listen_fd, NULL, NULL, flags);
    } while (fd < 0 &&
             (errno == EINTR || errno == ECONNABORTED || errno == EPROTO));
    return fd < 0 ? fail(errp, "cannot accept a connection") : fd;
}

void qiop_fd_close(int fd)
{
    int saved = errno;

    if (fd >= 0) {
        close(fd);
    }
    errno = saved;
}

void qiop_fd_close_many(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        qiop_fd_close(fds[i]);
    }
}

int qiop_fd_retire(int fd)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    int r = -1;

    if (nothing >= 0) {
        do {
            r = dup3(nothing, fd, O_CLOEXEC);
        } while (r < 0 && (errno == EINTR || errno == EBUSY));
    }
    qiop_fd_close(nothing);
    if (r < 0) {
        qiop_fd_close(fd);
    }
    return r;
}

int qiop_fd_set_nonblock(int fd, bool on, bool *was, QIOError **errp)
{
    int flags = fcntl(fd, F_GETFL);
    int wanted;

    if (flags < 0) {
        return fail(errp, "cannot read the flags of a descriptor");
    }
    if (was) {
        *was = flags & O_NONBLOCK;
    }
    wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    if (wanted != flags && fcntl(fd, F_SETFL, wanted) < 0) {
        return fail(errp, "cannot change the flags of a descriptor");
    }
    return 0;
}

bool qiop_fd_is_socket(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}
