/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Socket channels: TCP, MPTCP and vsock streams. */
#include <config.h>
#include <qio/channel-socket.h>
#include <qio/channel-unix.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include "base/hot.h"
#include "channel/socket-priv.h"
#include "channel/zerocopy.h"

#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif
#define MPTCP_OPT_INFO 1
#define MPTCP_FLAG_FALLBACK 0x1
#define PROTOCOL_MPTCP 262

static QIOP_HOT ssize_t socket_readv(QIOChannel *ioc, const struct iovec *iov,
                                     size_t niov, int **fds, size_t *nfds,
                                     int flags, QIOError **errp)
{
    return qiop_socket_recv(qio_channel_private(ioc), iov, niov, fds, nfds,
                            flags, errp);
}

static QIOP_HOT ssize_t socket_writev(QIOChannel *ioc, const struct iovec *iov,
                                      size_t niov, const int *fds, size_t nfds,
                                      int flags, QIOError **errp)
{
    return qiop_socket_send(qio_channel_private(ioc), iov, niov, fds, nfds,
                            flags, errp);
}

/* Hints: a transport without the option ignores them. */
static void set_tcp_option(QIOChannel *ioc, int option, int value)
{
    struct qiop_socket *s = qio_channel_private(ioc);

    setsockopt(atomic_load(&s->fd), IPPROTO_TCP, option, &value, sizeof(value));
}

static void socket_set_cork(QIOChannel *ioc, bool enabled)
{
    set_tcp_option(ioc, TCP_CORK, enabled);
}

static void socket_set_delay(QIOChannel *ioc, bool enabled)
{
    set_tcp_option(ioc, TCP_NODELAY, !enabled);
}

static int tcp_query(QIOChannel *ioc, QIOChannelQuery what, void *out,
                     QIOError **errp)
{
    if (what == QIO_CHANNEL_QUERY_SPLICE) {
        *(struct QIOChannelSplice *)out = (struct QIOChannelSplice){
            QIO_CHANNEL_SPLICE_TCP, QIO_CHANNEL_SPLICE_TCP};
        return 0;
    }
    return qiop_socket_query(ioc, what, out, errp);
}

const QIOChannelOps qiop_socket_tcp_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "socket",
    .kind = QIO_CHANNEL_KIND_LEAF,
    .features =
        QIO_CHANNEL_FEATURE_SHUTDOWN | QIO_CHANNEL_FEATURE_READ_MSG_PEEK,
    .flags = QIO_CHANNEL_OPS_SHUTDOWN_WAKES | QIO_CHANNEL_OPS_CAN_BLOCK |
             QIO_CHANNEL_OPS_CAN_WAIT,
    .advance = qiop_socket_advance,
    .readv = socket_readv,
    .writev = socket_writev,
    .poll = qiop_socket_poll,
    .shutdown = qiop_socket_shutdown,
    .close = qiop_socket_close,
    .set_cork = socket_set_cork,
    .set_delay = socket_set_delay,
    .query = tcp_query,
    .finalize = qiop_socket_finalize,
    .settle = qiop_socket_settle,
    .splice_in = qiop_socket_splice_in,
    .splice_out = qiop_socket_splice_out,
};

/* MPTCP and vsock: a socket shut for writing is not always reported as ready
 * for writing, so a waiter needs the channel's own wake-up. */
const QIOChannelOps qiop_socket_other_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "socket",
    .kind = QIO_CHANNEL_KIND_LEAF,
    .features =
        QIO_CHANNEL_FEATURE_SHUTDOWN | QIO_CHANNEL_FEATURE_READ_MSG_PEEK,
    .advance = qiop_socket_advance,
    .readv = socket_readv,
    .writev = socket_writev,
    .poll = qiop_socket_poll,
    .shutdown = qiop_socket_shutdown,
    .close = qiop_socket_close,
    .set_cork = socket_set_cork,
    .set_delay = socket_set_delay,
    .query = qiop_socket_query,
    .finalize = qiop_socket_finalize,
};

static int socket_protocol(int fd)
{
    int protocol = 0;
    socklen_t len = sizeof(protocol);

    if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) < 0) {
        return 0;
    }
    return protocol;
}

QIOChannel *qio_channel_socket_new(const QIOAddress *addr, QIOError **errp)
{
    const QIOChannelOps *ops = &qiop_socket_other_ops;

    if (!addr) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "an address is needed");
        return NULL;
    }
    switch (qio_address_type(addr)) {
    case QIO_ADDRESS_UNIX:
        return qio_channel_unix_new(addr, errp);
    case QIO_ADDRESS_FD:
        return qio_channel_socket_new_fd(qio_address_fd(addr), errp);
    case QIO_ADDRESS_INET:
        if (!qio_address_mptcp(addr)) {
            ops = &qiop_socket_tcp_ops;
        }
        break;
    case QIO_ADDRESS_VSOCK:
        break;
    }
    return qiop_socket_new(ops, addr, errp);
}

QIOChannel *qio_channel_socket_connect_sync(const QIOAddress *addr,
                                            int timeout_ms, QIOError **errp)
{
    QIOChannel *ioc = qio_channel_socket_new(addr, errp);

    if (!ioc) {
        return NULL;
    }
    if (qio_channel_open_sync(ioc, timeout_ms, errp) < 0) {
        qio_channel_unref(ioc);
        return NULL;
    }
    return ioc;
}

QIOChannel *qio_channel_socket_new_fd(int fd, QIOError **errp)
{
    const QIOChannelOps *ops = &qiop_socket_other_ops;
    int family;

    if (qiop_socket_check(fd, &family, errp) < 0) {
        return NULL;
    }
    if (family == AF_UNIX) {
        ops = &qiop_unix_ops;
    } else if ((family == AF_INET || family == AF_INET6) &&
               socket_protocol(fd) == IPPROTO_TCP) {
        ops = &qiop_socket_tcp_ops;
    }
    return qiop_socket_adopt(ops, fd, errp);
}

int qio_channel_socket_get_fd(const QIOChannel *ioc)
{
    struct qiop_socket *s = qiop_socket_of(ioc);

    return s ? atomic_load(&s->fd) : -1;
}

int qio_channel_socket_set_send_buffer(QIOChannel *ioc, int bytes,
                                       QIOError **errp)
{
    struct qiop_socket *s = qiop_socket_of(ioc);
    int fd = s ? atomic_load(&s->fd) : -1;

    if (!s || bytes < 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      s ? "a send buffer has no negative size"
                        : "this is no socket channel");
        return -1;
    }
    if (fd < 0) {
        qio_error_set(errp, QIO_ERROR_STATE, 0, "the socket is not connected");
        return -1;
    }
    atomic_store(&s->send_sized, true);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) < 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno,
                      "cannot set the send buffer");
        return -1;
    }
    return 0;
}

int qio_channel_socket_enable_zero_copy(QIOChannel *ioc, QIOError **errp)
{
    struct qiop_socket *s = qio_channel_private_if(ioc, &qiop_socket_tcp_ops);

    if (!s) {
        qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0,
                      "only TCP sockets write without copying");
        return -1;
    }
    if (atomic_load(&s->fd) < 0) {
        qio_error_set(errp, QIO_ERROR_STATE, 0, "the socket is not connected");
        return -1;
    }
    if (qiop_socket_start_zerocopy(s, errp) < 0) {
        return -1;
    }
    qio_channel_add_features(ioc, QIO_CHANNEL_FEATURE_WRITE_ZERO_COPY);
    return 0;
}

bool qio_channel_socket_get_zero_copy(const QIOChannel *ioc,
                                      QIOChannelSocketZeroCopy *stats)
{
    struct qiop_socket *s = qiop_socket_of(ioc);
    struct qiop_zerocopy *z = s ? atomic_load(&s->zerocopy) : NULL;

    *stats = (QIOChannelSocketZeroCopy){0};
    if (z) {
        qiop_zerocopy_stats(z, stats);
    }
    return z != NULL;
}

bool qio_channel_socket_is_mptcp(const QIOChannel *ioc)
{
    /* The head of the kernel's struct mptcp_info. */
    struct {
        uint8_t counts[6];
        uint32_t flags;
    } info = {0};
    socklen_t len = sizeof(info);
    int fd = qio_channel_socket_get_fd(ioc);

    if (fd < 0 || socket_protocol(fd) != PROTOCOL_MPTCP) {
        return false;
    }
    /* After a fall-back the kernel either refuses the question or says so. */
    if (getsockopt(fd, SOL_MPTCP, MPTCP_OPT_INFO, &info, &len) < 0) {
        return false;
    }
    return !(info.flags & MPTCP_FLAG_FALLBACK);
}
