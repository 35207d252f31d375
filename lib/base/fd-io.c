/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One try of reading or writing a descriptor, descriptors passed along, and
 * never a SIGPIPE. */
#include <config.h>
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/hot.h"
#include "base/iov.h"

#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x00000100 /* Linux 6.18 */
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04
#endif

/* Room for what socket options of the owner may add: credentials, a
 * timestamp, a security label. Without it they would crowd out descriptors. */
#define OTHER_CONTROL 512

union fds_control {
    struct cmsghdr align;
    char buf[CMSG_SPACE(QIOP_FD_PASS_MAX * sizeof(int)) + OTHER_CONTROL];
};

void qiop_fd_io_error(QIOError **errp, int sys_errno, const char *what)
{
    QIOErrorCode code = QIO_ERROR_SYSTEM;

    switch (sys_errno) {
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ENETRESET:
    case ESHUTDOWN:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
        code = QIO_ERROR_BROKEN;
        break;
    default:
        break;
    }
    qio_error_set(errp, code, sys_errno, "%s", what);
}

static ssize_t io_failed(QIOError **errp, const char *what)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return QIO_CHANNEL_ERR_BLOCK;
    }
    qiop_fd_io_error(errp, errno, what);
    return -1;
}

static size_t at_most_iov_max(size_t niov)
{
    return niov < IOV_MAX ? niov : IOV_MAX;
}

/* ---- sockets ---- */

static int wait_flag(int flags)
{
    return flags & QIOP_FD_MAY_BLOCK ? 0 : MSG_DONTWAIT;
}

static int send_flags(int flags)
{
    return wait_flag(flags) | MSG_NOSIGNAL | (flags & MSG_ZEROCOPY);
}

static ssize_t send_message(int fd, const struct msghdr *msg, int flags,
                            QIOError **errp)
{
    ssize_t ret;

    do {
        ret = sendmsg(fd, msg, send_flags(flags));
    } while (ret < 0 && errno == EINTR);
    return ret < 0 ? io_failed(errp, "cannot write to the socket") : ret;
}

/* One piece, as most are: the kernel has less to copy in. */
static ssize_t send_piece(int fd, const struct iovec *iov, int flags,
                          QIOError **errp)
{
    ssize_t ret;

    do {
        ret = send(fd, iov->iov_base, iov->iov_len, send_flags(flags));
    } while (ret < 0 && errno == EINTR);
    return ret < 0 ? io_failed(errp, "cannot write to the socket") : ret;
}

static ssize_t recv_piece(int fd, const struct iovec *iov, int flags,
                          QIOError **errp)
{
    ssize_t ret;

    do {
        ret = recv(fd, iov->iov_base, iov->iov_len,
                   wait_flag(flags) | (flags & MSG_PEEK));
    } while (ret < 0 && errno == EINTR);
    return ret < 0 ? io_failed(errp, "cannot read from the socket") : ret;
}

static ssize_t send_pieces(int fd, const struct iovec *iov, size_t niov,
                           int flags, QIOError **errp)
{
    struct msghdr msg = {
        .msg_iov = (struct iovec *)iov,
        .msg_iovlen = at_most_iov_max(niov),
    };

    return send_message(fd, &msg, flags, errp);
}

QIOP_HOT ssize_t qiop_fd_send(int fd, const struct iovec *iov, size_t niov,
                              int flags, QIOError **errp)
{
    return niov == 1 ? send_piece(fd, iov, flags, errp)
                     : send_pieces(fd, iov, niov, flags, errp);
}

ssize_t qiop_fd_sendmsg(int fd, const struct iovec *iov, size_t niov,
                        const int *fds, size_t nfds, int flags, QIOError **errp)
{
    struct msghdr msg = {
        .msg_iov = (struct iovec *)iov,
        .msg_iovlen = at_most_iov_max(niov),
    };
    union fds_control control;
    struct cmsghdr *cmsg;

    if (nfds == 0) {
        return qiop_fd_send(fd, iov, niov, flags, errp);
    }
    if (nfds > QIOP_FD_PASS_MAX) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "%zu descriptors at once, at most %d can be passed", nfds,
                      QIOP_FD_PASS_MAX);
        return -1;
    }
    /* On a stream they travel with a byte, or silently not at all. */
    if (qiop_iov_size(msg.msg_iov, msg.msg_iovlen) == 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "descriptors need at least one byte to go with");
        return -1;
    }
    memset(&control, 0, sizeof(control));
    msg.msg_control = control.buf;
    msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
    cmsg = CMSG_FIRSTHDR(&msg);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(nfds * sizeof(int));
    memcpy(CMSG_DATA(cmsg), fds, nfds * sizeof(int));
    return send_message(fd, &msg, flags, errp);
}

static ssize_t recv_message(int fd, struct msghdr *msg, int flags,
                            QIOError **errp)
{
    ssize_t ret;

    do {
        ret = recvmsg(fd, msg,
                      wait_flag(flags) | MSG_CMSG_CLOEXEC | (flags & MSG_PEEK));
    } while (ret < 0 && errno == EINTR);
    return ret < 0 ? io_failed(errp, "cannot read from the socket") : ret;
}

static ssize_t recv_pieces(int fd, const struct iovec *iov, size_t niov,
                           int flags, QIOError **errp)
{
    struct msghdr msg = {
        .msg_iov = (struct iovec *)iov,
        .msg_iovlen = at_most_iov_max(niov),
    };

    return recv_message(fd, &msg, flags, errp);
}

/* Without room for control messages the kernel drops descriptors itself. */
QIOP_HOT ssize_t qiop_fd_recv(int fd, const struct iovec *iov, size_t niov,
                              int flags, QIOError **errp)
{
    return niov == 1 ? recv_piece(fd, iov, flags, errp)
                     : recv_pieces(fd, iov, niov, flags, errp);
}

/* The descriptors in a message, into out (QIOP_FD_PASS_MAX); how many. */
static size_t collect_fds(struct msghdr *msg, int *out)
{
    struct cmsghdr *cmsg;
    size_t total = 0, i, n;

    for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_len < CMSG_LEN(0)) {
            continue;
        }
        n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
            if (cmsg->cmsg_type == SCM_PIDFD) {
                qiop_fd_close(fd);
            } else if (cmsg->cmsg_type == SCM_RIGHTS) {
                if (total < QIOP_FD_PASS_MAX) {
                    out[total++] = fd;
                } else {
                    qiop_fd_close(fd);
                    msg->msg_flags |= MSG_CTRUNC;
                }
            }
        }
    }
    return total;
}

static int deliver_fds(const struct msghdr *msg, const int *got, size_t n,
                       int **fds, size_t *nfds, QIOError **errp)
{
    if (msg->msg_flags & MSG_CTRUNC) {
        qio_error_set(errp, QIO_ERROR_FD_TRUNCATED, 0,
                      "descriptors passed along were lost "
                      "(is the limit of open files reached?)");
        return -1;
    }
    if (n == 0) {
        return 0;
    }
    *fds = malloc(n * sizeof(int));
    if (!*fds) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0,
                      "out of memory for %zu received descriptors", n);
        return -1;
    }
    memcpy(*fds, got, n * sizeof(int));
    *nfds = n;
    return 0;
}

ssize_t qiop_fd_recvmsg(int fd, const struct iovec *iov, size_t niov, int **fds,
                        size_t *nfds, int flags, QIOError **errp)
{
    struct msghdr msg = {
        .msg_iov = (struct iovec *)iov,
        .msg_iovlen = at_most_iov_max(niov),
    };
    union fds_control control;
    int got[QIOP_FD_PASS_MAX];
    size_t n;
    ssize_t ret;

    if (fds) {
        *fds = NULL;
        *nfds = 0;
    }
    /* A peek leaves descriptors for the read that takes the bytes. */
    if (!fds || (flags & MSG_PEEK)) {
        return qiop_fd_recv(fd, iov, niov, flags, errp);
    }
    msg.msg_control = control.buf;
    msg.msg_controllen = sizeof(control.buf);
    ret = recv_message(fd, &msg, flags, errp);
    if (ret < 0) {
        return ret;
    }
    n = collect_fds(&msg, got);
    if (deliver_fds(&msg, got, n, fds, nfds, errp) < 0) {
        qiop_fd_close_many(got, n);
        return -1;
    }
    return ret;
}

/* ---- everything else ---- */

QIOP_HOT ssize_t qiop_fd_readv(int fd, const struct iovec *iov, size_t niov,
                               QIOError **errp)
{
    ssize_t ret;

    do {
        ret = readv(fd, iov, (int)at_most_iov_max(niov));
    } while (ret < 0 && errno == EINTR);
    return ret < 0 ? io_failed(errp, "cannot read") : ret;
}

struct sigpipe_guard {
    bool on;
    sigset_t sigpipe, old;
};

/* A SIGPIPE that was pending before is the program's, a new one is ours. It is
 * sent to the writing thread, so nobody else can be meant. */
static void sigpipe_block(struct sigpipe_guard *g)
{
    sigset_t pending;

    sigemptyset(&g->sigpipe);
    sigaddset(&g->sigpipe, SIGPIPE);
    sigemptyset(&pending);
    sigpending(&pending);
    g->on = !sigismember(&pending, SIGPIPE);
    if (g->on) {
        pthread_sigmask(SIG_BLOCK, &g->sigpipe, &g->old);
    }
}

/* raised: the call may have raised one. Keeps errno. */
static void sigpipe_restore(struct sigpipe_guard *g, bool raised)
{
    const struct timespec zero = {0, 0};
    int saved = errno;

    if (!g->on) {
        return;
    }
    if (raised) {
        while (sigtimedwait(&g->sigpipe, NULL, &zero) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &g->old, NULL);
    errno = saved;
}

static ssize_t writev_sigpipe_blocked(int fd, const struct iovec *iov, int niov)
{
    struct sigpipe_guard guard;
    ssize_t ret;

    sigpipe_block(&guard);
    ret = writev(fd, iov, niov);
    sigpipe_restore(&guard, ret < 0 && errno == EPIPE);
    return ret;
}

static QIOP_HOT ssize_t writev_no_sigpipe(int fd, const struct iovec *iov,
                                          int niov)
{
#ifdef HAVE_PWRITEV2
    ssize_t ret = pwritev2(fd, iov, niov, -1, RWF_NOSIGNAL);

    /* Older kernels do not know the flag, some devices take no flags. */
    if (ret >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS)) {
        return ret;
    }
#endif
    return writev_sigpipe_blocked(fd, iov, niov);
}

QIOP_HOT ssize_t qiop_fd_writev(int fd, const struct iovec *iov, size_t niov,
                                QIOError **errp)
{
    ssize_t ret;

    niov = at_most_iov_max(niov);
    do {
        ret = writev_no_sigpipe(fd, iov, (int)niov);
    } while (ret < 0 && errno == EINTR);
    if (ret < 0) {
        return io_failed(errp, "cannot write");
    }
    if (ret == 0 && qiop_iov_size(iov, niov) > 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, EIO,
                      "cannot write: nothing was accepted");
        return -1;
    }
    return ret;
}

/* What splice(2) says when it cannot, rather than when the bytes cannot. */
static bool splice_refused(int sys_errno)
{
    switch (sys_errno) {
    case EINVAL:
    case ENOSYS:
    case EOPNOTSUPP:
    case EPERM:
    case EACCES:
    case ENOMEM:
        return true;
    default:
        return false;
    }
}

ssize_t qiop_fd_splice(int from, int to, size_t len, bool may_block,
                       const char *what, QIOError **errp)
{
    unsigned flags = may_block ? 0 : SPLICE_F_NONBLOCK;
    struct sigpipe_guard guard;
    ssize_t ret;

    sigpipe_block(&guard);
    do {
        ret = splice(from, NULL, to, NULL, len, flags);
    } while (ret < 0 && errno == EINTR);
    /* A signal comes with a count, too, when the peer went in the middle. */
    sigpipe_restore(&guard, ret < 0 ? errno == EPIPE : (size_t)ret < len);
    if (ret < 0 && splice_refused(errno)) {
        qio_error_set(errp, QIO_ERROR_UNSUPPORTED, errno,
                      "the kernel cannot splice this");
        return -1;
    }
    return ret < 0 ? io_failed(errp, what) : ret;
}
