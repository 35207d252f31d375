/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What socket and unix channels share; see socket-priv.h. */
#include <config.h>
#include "channel/socket-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/fd.h"
#include "base/hot.h"
#include "channel/zerocopy.h"
#include "net/dial.h"

/* More attempts than are ever under way at once. */
#define DIAL_FDS 32

enum { PATIENCE_UNASKED, PATIENCE_OURS, PATIENCE_OF_OTHERS };

static QIOChannel *alloc(const QIOChannelOps *ops, QIOError **errp)
{
    QIOChannel *ioc = qio_channel_alloc(ops, sizeof(struct qiop_socket), errp);
    struct qiop_socket *s;

    if (!ioc) {
        return NULL;
    }
    s = qio_channel_private(ioc);
    atomic_init(&s->fd, -1);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->send_lock, NULL);
    return ioc;
}

QIOChannel *qiop_socket_new(const QIOChannelOps *ops, const QIOAddress *addr,
                            QIOError **errp)
{
    const char *host = qio_address_host(addr);
    QIOChannel *ioc = alloc(ops, errp);
    struct qiop_socket *s;

    if (!ioc) {
        return NULL;
    }
    s = qio_channel_private(ioc);
    if (host && *host) {
        s->peer_name = strdup(host);
        if (!s->peer_name) {
            qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
            goto fail;
        }
    }
    s->ours = true;
    s->dial = qiop_dial_new(addr, errp);
    if (!s->dial) {
        goto fail;
    }
    return ioc;

fail:
    qio_channel_unref(ioc);
    return NULL;
}

QIOChannel *qiop_socket_adopt(const QIOChannelOps *ops, int fd, QIOError **errp)
{
    QIOChannel *ioc = alloc(ops, errp);
    struct qiop_socket *s;

    if (!ioc) {
        return NULL;
    }
    s = qio_channel_private(ioc);
    atomic_store(&s->fd, fd);
    qio_channel_mark_open(ioc);
    return ioc;
}

int qiop_socket_check(int fd, int *family, QIOError **errp)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(int);
    int type;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, errno,
                      "descriptor %d is not a socket", fd);
        return -1;
    }
    if (type != SOCK_STREAM) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "descriptor %d is not a stream socket", fd);
        return -1;
    }
    len = sizeof(*family);
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, family, &len) < 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno,
                      "cannot ask the family of socket %d", fd);
        return -1;
    }
    len = sizeof(peer);
    if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, errno,
                      "socket %d is not connected", fd);
        return -1;
    }
    return 0;
}

struct qiop_socket *qiop_socket_of(const QIOChannel *ioc)
{
    struct qiop_socket *s = qio_channel_private_if(ioc, &qiop_socket_tcp_ops);

    if (!s) {
        s = qio_channel_private_if(ioc, &qiop_socket_other_ops);
    }
    if (!s) {
        s = qio_channel_private_if(ioc, &qiop_unix_ops);
    }
    return s;
}

/* ---- bytes ---- */

/* Keep the first failure that says why the connection ended. EPIPE says only
 * that it did, perhaps after an orderly end. */
static void keep_cause(struct qiop_socket *s, QIOError *const *errp)
{
    int cause = qio_error_errno(*errp);
    int none = 0;

    if (qio_error_code(*errp) != QIO_ERROR_BROKEN || cause == EPIPE) {
        return;
    }
    atomic_compare_exchange_strong(&s->cause, &none, cause);
}

/* Nothing goes either way any more, so that no sender is waiting either. What
 * the kernel tells of writes without a copy looks like an error. */
static bool is_dead(const struct qiop_socket *s)
{
    struct pollfd p = {.fd = atomic_load(&s->fd)};
    int signs = atomic_load(&s->zerocopy) ? POLLHUP : POLLHUP | POLLERR;

    return poll(&p, 1, 0) > 0 && (p.revents & signs);
}

/* 0 bytes: the end, unless another call was told of a failure before. */
static ssize_t at_end(struct qiop_socket *s, QIOError **errp)
{
    int cause;

    if (!is_dead(s)) {
        return 0;
    }
    pthread_mutex_lock(&s->send_lock);
    cause = atomic_load(&s->cause);
    pthread_mutex_unlock(&s->send_lock);
    if (!cause) {
        return 0;
    }
    qiop_fd_io_error(errp, cause, "cannot read");
    return -1;
}

/*
 * May recv(2) wait, and not for long? A time limit is the socket's, not the
 * call's. One that the owner of the descriptor has set stays, and then the
 * answer is no; ours is taken back before the descriptor is closed, for another
 * process may have the socket, too.
 */
static bool recv_patience(struct qiop_socket *s, int fd)
{
    const struct timeval ours = {.tv_usec = 1000 * QIO_CHANNEL_WAIT_MS};
    struct timeval now = {0};
    socklen_t len = sizeof(now);
    int patience = atomic_load(&s->patience);

    if (patience == PATIENCE_UNASKED) {
        patience = PATIENCE_OF_OTHERS;
        if (getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &now, &len) == 0 &&
            !now.tv_sec && !now.tv_usec &&
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &ours, sizeof(ours)) == 0) {
            patience = PATIENCE_OURS;
        }
        atomic_store(&s->patience, patience);
    }
    return patience == PATIENCE_OURS;
}

static void end_patience(struct qiop_socket *s, int fd)
{
    const struct timeval never = {0};

    if (fd >= 0 && atomic_load(&s->patience) == PATIENCE_OURS) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &never, sizeof(never));
    }
}

QIOP_HOT ssize_t qiop_socket_recv(struct qiop_socket *s,
                                  const struct iovec *iov, size_t niov,
                                  int **fds, size_t *nfds, int flags,
                                  QIOError **errp)
{
    int how = flags & QIO_CHANNEL_READ_FLAG_MSG_PEEK ? MSG_PEEK : 0;
    int fd = atomic_load(&s->fd);
    ssize_t n;

    if ((flags & QIO_CHANNEL_TRY_MAY_BLOCK) ||
        ((flags & QIO_CHANNEL_TRY_MAY_WAIT) && recv_patience(s, fd))) {
        how |= QIOP_FD_MAY_BLOCK;
    }
    if (fds) {
        n = qiop_fd_recvmsg(fd, iov, niov, fds, nfds, how, errp);
    } else {
        n = qiop_fd_recv(fd, iov, niov, how, errp);
    }
    if (n == 0) {
        return at_end(s, errp);
    }
    if (n == -1) {
        keep_cause(s, errp);
    }
    return n;
}

/* Of a write that failed, under send_lock. */
static int write_cause(struct qiop_socket *s, QIOError *const *errp)
{
    keep_cause(s, errp);
    return atomic_load(&s->cause);
}

/* Instead of a mere EPIPE. */
static void tell_cause(int cause, QIOError **errp)
{
    if (cause && qio_error_errno(*errp) == EPIPE) {
        qio_error_free(*errp);
        *errp = NULL;
        qiop_fd_io_error(errp, cause, "cannot write");
    }
}

QIOP_HOT ssize_t qiop_socket_send(struct qiop_socket *s,
                                  const struct iovec *iov, size_t niov,
                                  const int *fds, size_t nfds, int flags,
                                  QIOError **errp)
{
    int how = flags & QIO_CHANNEL_TRY_MAY_BLOCK ? QIOP_FD_MAY_BLOCK : 0;
    struct qiop_zerocopy *zerocopy = NULL;
    int fd = atomic_load(&s->fd);
    int cause = 0;
    ssize_t n;

    if (flags & QIO_CHANNEL_WRITE_FLAG_ZERO_COPY) {
        zerocopy = atomic_load(&s->zerocopy);
    }
    pthread_mutex_lock(&s->send_lock);
    if (nfds) {
        n = qiop_fd_sendmsg(fd, iov, niov, fds, nfds, how, errp);
    } else if (zerocopy) {
        n = qiop_zerocopy_send(zerocopy, fd, iov, niov, how, errp);
    } else {
        n = qiop_fd_send(fd, iov, niov, how, errp);
    }
    if (n == -1) {
        cause = write_cause(s, errp);
    }
    pthread_mutex_unlock(&s->send_lock);
    tell_cause(cause, errp);
    return n;
}

/* ---- bytes that the kernel moves ---- */

/*
 * splice(2) knows no MSG_DONTWAIT. With a blocking socket it waits, for input
 * and in the middle of output, past deadlines and in a loop's thread. Looking
 * with poll(2) before is not enough: "writable" does not mean that all will
 * fit. So O_NONBLOCK it must be, unless waiting is what the caller wants. The
 * flag belongs to the open file: it is set only where nobody else can have a
 * use for it, and stays, as reads and writes here do not depend on it; with
 * somebody else's socket there is no splicing then. Returns whether there is.
 */
static bool will_not_wait(const struct qiop_socket *s, int fd, int flags)
{
    int now;

    if (flags & QIO_CHANNEL_TRY_MAY_BLOCK) {
        return true;
    }
    now = fcntl(fd, F_GETFL);
    if (now >= 0 && (now & O_NONBLOCK)) {
        return true;
    }
    return s->ours && qiop_fd_set_nonblock(fd, true, NULL, NULL) == 0;
}

static ssize_t would_wait(QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0,
                  "the socket may be waiting in its calls");
    return -1;
}

void qiop_socket_own(QIOChannel *ioc)
{
    struct qiop_socket *s = qiop_socket_of(ioc);

    if (s) {
        s->ours = true;
    }
}

/* A failure is told once, so it is told here and in recv's words. */
ssize_t qiop_socket_splice_in(QIOChannel *ioc, int pipe_fd, size_t len,
                              int flags, QIOError **errp)
{
    struct qiop_socket *s = qio_channel_private(ioc);
    int fd = atomic_load(&s->fd);
    ssize_t n;

    if (!will_not_wait(s, fd, flags)) {
        return would_wait(errp);
    }
    n = qiop_fd_splice(fd, pipe_fd, len, flags & QIO_CHANNEL_TRY_MAY_BLOCK,
                       "cannot read from the socket", errp);
    if (n == -1) {
        keep_cause(s, errp);
    }
    return n;
}

ssize_t qiop_socket_splice_out(QIOChannel *ioc, int pipe_fd, size_t len,
                               int flags, QIOError **errp)
{
    struct qiop_socket *s = qio_channel_private(ioc);
    int fd = atomic_load(&s->fd);
    int cause = 0;
    ssize_t n;

    if (!will_not_wait(s, fd, flags)) {
        return would_wait(errp);
    }
    pthread_mutex_lock(&s->send_lock);
    n = qiop_fd_splice(pipe_fd, fd, len, flags & QIO_CHANNEL_TRY_MAY_BLOCK,
                       "cannot write to the socket", errp);
    if (n == -1) {
        cause = write_cause(s, errp);
    }
    pthread_mutex_unlock(&s->send_lock);
    tell_cause(cause, errp);
    return n;
}

/* ---- slots ---- */

static int shutdown_how(QIOChannelShutdown how)
{
    if (how == QIO_CHANNEL_SHUTDOWN_BOTH) {
        return SHUT_RDWR;
    }
    return how == QIO_CHANNEL_SHUTDOWN_READ ? SHUT_RD : SHUT_WR;
}

int qiop_socket_advance(QIOChannel *ioc, QIOError **errp)
{
    struct qiop_socket *s = qio_channel_private(ioc);
    int fd = -1;
    int rc;

    rc = qiop_dial_step(s->dial, &fd, errp);
    if (rc != 0) {
        return rc;
    }
    if (qiop_fd_set_nonblock(fd, false, NULL, errp) < 0) {
        qiop_fd_close(fd);
        return -1;
    }
    qiop_dial_free(s->dial);
    s->dial = NULL;
    atomic_store(&s->fd, fd);
    qio_channel_trace(ioc, "connected, descriptor %d", fd);
    return 0;
}

static void poll_dial(const struct qiop_socket *s, QIOPollSet *set)
{
    struct pollfd fds[DIAL_FDS];
    int64_t deadline = QIOP_NEVER;
    size_t n, i;

    if (!s->dial) {
        qio_poll_set_ready(set, QIO_EVENT_OPEN);
        return;
    }
    n = qiop_dial_poll(s->dial, fds, DIAL_FDS, &deadline);
    for (i = 0; i < n; i++) {
        qio_poll_set_add_fd(set, fds[i].fd, fds[i].events, QIO_EVENT_OPEN);
    }
    if (deadline != QIOP_NEVER) {
        qio_poll_set_deadline(set, deadline);
    }
}

void qiop_socket_poll(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    struct qiop_socket *s = qio_channel_private(ioc);
    struct qiop_zerocopy *zerocopy;
    int fd;

    if (events & QIO_EVENT_OPEN) {
        poll_dial(s, set);
        return;
    }
    fd = atomic_load(&s->fd);
    zerocopy = atomic_load(&s->zerocopy);
    if (zerocopy) {
        /* Left there it would end all waiting at once. */
        qiop_zerocopy_drain(zerocopy, fd);
    }
    if (events & QIO_EVENT_IN) {
        qio_poll_set_add_fd(set, fd, POLLIN, QIO_EVENT_IN);
    }
    if (events & QIO_EVENT_OUT) {
        qio_poll_set_add_fd(set, fd, POLLOUT, QIO_EVENT_OUT);
    }
    if (!(events & (QIO_EVENT_IN | QIO_EVENT_OUT))) {
        qio_poll_set_add_fd(set, fd, 0, events);
    }
}

int qiop_socket_start_zerocopy(struct qiop_socket *s, QIOError **errp)
{
    struct qiop_zerocopy *none = NULL, *z;

    if (atomic_load(&s->zerocopy)) {
        return 0;
    }
    z = qiop_zerocopy_new(atomic_load(&s->fd), errp);
    if (!z) {
        return -1;
    }
    if (!atomic_compare_exchange_strong(&s->zerocopy, &none, z)) {
        qiop_zerocopy_free(z);
    }
    return 0;
}

int qiop_socket_settle(QIOChannel *ioc, QIOError **errp)
{
    struct qiop_socket *s = qio_channel_private(ioc);
    struct qiop_zerocopy *z = atomic_load(&s->zerocopy);

    return z ? qiop_zerocopy_settle(z, atomic_load(&s->fd), errp) : 0;
}

int qiop_socket_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                         QIOError **errp)
{
    struct qiop_socket *s = qio_channel_private(ioc);
    int fd, rc = 0;

    pthread_mutex_lock(&s->lock);
    fd = atomic_load(&s->fd);
    /* ENOTCONN: the peer ended it before us. */
    if (fd >= 0 && shutdown(fd, shutdown_how(how)) < 0 && errno != ENOTCONN) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno,
                      "cannot shut the socket down");
        rc = -1;
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

int qiop_socket_close(QIOChannel *ioc, QIOError **errp)
{
    struct qiop_socket *s = qio_channel_private(ioc);
    int fd;

    (void)errp;
    pthread_mutex_lock(&s->lock);
    fd = atomic_exchange(&s->fd, -1);
    pthread_mutex_unlock(&s->lock);
    end_patience(s, fd);
    qiop_fd_close(fd);
    qiop_dial_free(s->dial);
    s->dial = NULL;
    return 0;
}

static int query_address(int fd, bool remote, QIOAddress **out, QIOError **errp)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    int rc;

    memset(&sa, 0, sizeof(sa));
    if (remote) {
        rc = getpeername(fd, (struct sockaddr *)&sa, &len);
    } else {
        rc = getsockname(fd, (struct sockaddr *)&sa, &len);
    }
    if (rc < 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno,
                      "cannot ask the %s address of the socket",
                      remote ? "remote" : "local");
        return -1;
    }
    *out = qio_address_from_sockaddr((struct sockaddr *)&sa, len, errp);
    return *out ? 0 : -1;
}

int qiop_socket_query(QIOChannel *ioc, QIOChannelQuery what, void *out,
                      QIOError **errp)
{
    struct qiop_socket *s = qio_channel_private(ioc);
    int fd = atomic_load(&s->fd);

    if (what == QIO_CHANNEL_QUERY_PEER_NAME && s->peer_name) {
        *(const char **)out = s->peer_name;
        return 0;
    }
    if (what != QIO_CHANNEL_QUERY_LOCAL_ADDRESS &&
        what != QIO_CHANNEL_QUERY_REMOTE_ADDRESS) {
        qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0,
                      "a %s channel does not know this",
                      qio_channel_type_name(ioc));
        return -1;
    }
    if (fd < 0) {
        qio_error_set(errp, QIO_ERROR_STATE, 0, "the socket is not connected");
        return -1;
    }
    return query_address(fd, what == QIO_CHANNEL_QUERY_REMOTE_ADDRESS, out,
                         errp);
}

void qiop_socket_finalize(QIOChannel *ioc)
{
    struct qiop_socket *s = qio_channel_private(ioc);

    qiop_dial_free(s->dial);
    free(s->peer_name);
    qiop_zerocopy_free(atomic_load(&s->zerocopy));
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->send_lock);
}
