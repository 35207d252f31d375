/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unix stream socket channels: descriptors travel along, the peer is known. */
#include <config.h>
#include <qio/channel-unix.h>

#include <errno.h>
#include <sys/socket.h>
#include "base/fd.h"
#include "base/hot.h"
#include "base/iov.h"
#include "channel/socket-priv.h"

/* Who writes this much at once has more of it. */
#define BULK (128 * 1024)
/* What the kernel should hold of it: as much as a TLS channel sends at once. */
#define SEND_BUFFER (512 * 1024)

static QIOP_HOT ssize_t unix_readv(QIOChannel *ioc, const struct iovec *iov,
                                   size_t niov, int **fds, size_t *nfds,
                                   int flags, QIOError **errp)
{
    return qiop_socket_recv(qio_channel_private(ioc), iov, niov, fds, nfds,
                            flags, errp);
}

/*
 * The kernel's usual buffer takes a fifth of a megabyte. More goes piece by
 * piece, with a wake-up of both sides for each. A hint: the limit may be lower,
 * and a buffer that its owner made larger stays.
 */
static void size_send_buffer(struct qiop_socket *s, const struct iovec *iov,
                             size_t niov)
{
    const int want = SEND_BUFFER;
    int fd = atomic_load(&s->fd);
    int have = 0; /* the kernel tells the double of what it was asked for */
    socklen_t len = sizeof(have);

    if (qiop_iov_size(iov, niov) < BULK ||
        atomic_exchange(&s->send_sized, true)) {
        return;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &have, &len) == 0 &&
        have < 2 * want) {
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &want, sizeof(want));
    }
}

static QIOP_HOT ssize_t unix_writev(QIOChannel *ioc, const struct iovec *iov,
                                    size_t niov, const int *fds, size_t nfds,
                                    int flags, QIOError **errp)
{
    struct qiop_socket *s = qio_channel_private(ioc);

    if (nfds > QIO_CHANNEL_UNIX_MAX_FDS) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "%zu descriptors in one write, at most %d are possible",
                      nfds, QIO_CHANNEL_UNIX_MAX_FDS);
        return -1;
    }
    if (!atomic_load(&s->send_sized)) {
        size_send_buffer(s, iov, niov);
    }
    return qiop_socket_send(s, iov, niov, fds, nfds, flags, errp);
}

static int query_peer_cred(QIOChannel *ioc, struct QIOPeerCred *out,
                           QIOError **errp)
{
    struct qiop_socket *s = qio_channel_private(ioc);
    struct ucred cred;
    socklen_t len = sizeof(cred);

    if (getsockopt(atomic_load(&s->fd), SOL_SOCKET, SO_PEERCRED, &cred, &len) <
        0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno,
                      "cannot ask who the peer is");
        return -1;
    }
    out->pid = cred.pid;
    out->uid = cred.uid;
    out->gid = cred.gid;
    return 0;
}

static int unix_query(QIOChannel *ioc, QIOChannelQuery what, void *out,
                      QIOError **errp)
{
    if (what == QIO_CHANNEL_QUERY_PEER_CRED) {
        return query_peer_cred(ioc, out, errp);
    }
    if (what == QIO_CHANNEL_QUERY_SPLICE) {
        *(struct QIOChannelSplice *)out = (struct QIOChannelSplice){
            QIO_CHANNEL_SPLICE_UNIX, QIO_CHANNEL_SPLICE_UNIX};
        return 0;
    }
    return qiop_socket_query(ioc, what, out, errp);
}

/* No SHUTDOWN_WAKES: a full socket shut for writing only is not reported as
 * ready. */
const QIOChannelOps qiop_unix_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "unix",
    .kind = QIO_CHANNEL_KIND_LEAF,
    .features = QIO_CHANNEL_FEATURE_FD_PASS | QIO_CHANNEL_FEATURE_SHUTDOWN |
                QIO_CHANNEL_FEATURE_READ_MSG_PEEK,
    .flags = QIO_CHANNEL_OPS_CAN_BLOCK | QIO_CHANNEL_OPS_CAN_WAIT,
    .advance = qiop_socket_advance,
    .readv = unix_readv,
    .writev = unix_writev,
    .poll = qiop_socket_poll,
    .shutdown = qiop_socket_shutdown,
    .close = qiop_socket_close,
    .query = unix_query,
    .finalize = qiop_socket_finalize,
    .splice_in = qiop_socket_splice_in,
    .splice_out = qiop_socket_splice_out,
};

QIOChannel *qio_channel_unix_new(const QIOAddress *addr, QIOError **errp)
{
    if (!addr || qio_address_type(addr) != QIO_ADDRESS_UNIX) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "a unix address is needed");
        return NULL;
    }
    return qiop_socket_new(&qiop_unix_ops, addr, errp);
}

QIOChannel *qio_channel_unix_new_fd(int fd, QIOError **errp)
{
    int family;

    if (qiop_socket_check(fd, &family, errp) < 0) {
        return NULL;
    }
    if (family != AF_UNIX) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "descriptor %d is not a unix socket", fd);
        return NULL;
    }
    return qiop_socket_adopt(&qiop_unix_ops, fd, errp);
}

int qio_channel_unix_pair(QIOChannel *pair[2], QIOError **errp)
{
    int fds[2];

    if (qiop_fd_socketpair(fds, errp) < 0) {
        return -1;
    }
    pair[0] = qiop_socket_adopt(&qiop_unix_ops, fds[0], errp);
    if (!pair[0]) {
        qiop_fd_close_many(fds, 2);
        return -1;
    }
    pair[1] = qiop_socket_adopt(&qiop_unix_ops, fds[1], errp);
    if (!pair[1]) {
        qio_channel_unref(pair[0]);
        pair[0] = NULL;
        qiop_fd_close(fds[1]);
        return -1;
    }
    qiop_socket_own(pair[0]);
    qiop_socket_own(pair[1]);
    return 0;
}
