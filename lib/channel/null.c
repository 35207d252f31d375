/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A channel that takes everything and is always at its end. */
#include <config.h>
#include <qio/channel-null.h>

#include <limits.h>
#include <stdint.h>
#include <qio/channel-ops.h>
#include "base/iov.h"

static ssize_t null_readv(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                          int **fds, size_t *nfds, int flags, QIOError **errp)
{
    (void)ioc;
    (void)iov;
    (void)niov;
    (void)fds;
    (void)nfds;
    (void)flags;
    (void)errp;
    return 0;
}

static ssize_t accept_all(const struct iovec *iov, size_t niov)
{
    size_t size = qiop_iov_size(iov, niov);

    return size == SIZE_MAX ? SSIZE_MAX : (ssize_t)size;
}

static ssize_t null_writev(QIOChannel *ioc, const struct iovec *iov,
                           size_t niov, const int *fds, size_t nfds, int flags,
                           QIOError **errp)
{
    (void)ioc;
    (void)fds;
    (void)nfds;
    (void)flags;
    (void)errp;
    return accept_all(iov, niov);
}

static ssize_t null_preadv(QIOChannel *ioc, const struct iovec *iov,
                           size_t niov, off_t offset, QIOError **errp)
{
    (void)ioc;
    (void)iov;
    (void)niov;
    (void)offset;
    (void)errp;
    return 0;
}

static ssize_t null_pwritev(QIOChannel *ioc, const struct iovec *iov,
                            size_t niov, off_t offset, QIOError **errp)
{
    (void)ioc;
    (void)offset;
    (void)errp;
    return accept_all(iov, niov);
}

static off_t null_seek(QIOChannel *ioc, off_t offset, int whence,
                       QIOError **errp)
{
    (void)ioc;
    (void)offset;
    (void)whence;
    (void)errp;
    return 0;
}

static void null_poll(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    (void)ioc;
    qio_poll_set_ready(set, events);
}

static int null_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                         QIOError **errp)
{
    (void)ioc;
    (void)how;
    (void)errp;
    return 0;
}

static int null_close(QIOChannel *ioc, QIOError **errp)
{
    (void)ioc;
    (void)errp;
    return 0;
}

static void null_finalize(QIOChannel *ioc)
{
    (void)ioc;
}

static const QIOChannelOps null_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "null",
    .kind = QIO_CHANNEL_KIND_LEAF,
    .features = QIO_CHANNEL_FEATURE_SHUTDOWN | QIO_CHANNEL_FEATURE_SEEKABLE,
    .readv = null_readv,
    .writev = null_writev,
    .poll = null_poll,
    .shutdown = null_shutdown,
    .close = null_close,
    .seek = null_seek,
    .preadv = null_preadv,
    .pwritev = null_pwritev,
    .finalize = null_finalize,
};

QIOChannel *qio_channel_null_new(QIOError **errp)
{
    return qio_channel_alloc(&null_ops, 0, errp);
}
