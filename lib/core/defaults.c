/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a slot does that a type left out, by the type's kind: a transparent
 * layer asks the channel beneath; a leaf and an opaque layer cannot. So no call
 * site tests for NULL, and nothing passes an opaque layer by default.
 */
#include <config.h>
#include "channel.h"

#include <string.h>

static int unsupported(QIOChannel *ioc, const char *what, QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0, "a %s channel cannot %s",
                  ioc->type->name, what);
    return -1;
}

/* ---- every kind ---- */

static int advance_done(QIOChannel *ioc, QIOError **errp)
{
    (void)ioc;
    (void)errp;
    return 0;
}

static int flush_nothing(QIOChannel *ioc, QIOError **errp)
{
    (void)ioc;
    (void)errp;
    return 0;
}

static void poll_below(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    qio_poll_set_below(set, ioc->base, events, events);
}

/* ---- leaf and opaque: not supported ---- */

static int shutdown_none(QIOChannel *ioc, QIOChannelShutdown how,
                         QIOError **errp)
{
    (void)how;
    return unsupported(ioc, "shut down one direction", errp);
}

static off_t seek_none(QIOChannel *ioc, off_t offset, int whence,
                       QIOError **errp)
{
    (void)offset;
    (void)whence;
    return unsupported(ioc, "seek", errp);
}

static ssize_t preadv_none(QIOChannel *ioc, const struct iovec *iov,
                           size_t niov, off_t offset, QIOError **errp)
{
    (void)iov;
    (void)niov;
    (void)offset;
    return unsupported(ioc, "read at an offset", errp);
}

static ssize_t pwritev_none(QIOChannel *ioc, const struct iovec *iov,
                            size_t niov, off_t offset, QIOError **errp)
{
    (void)iov;
    (void)niov;
    (void)offset;
    return unsupported(ioc, "write at an offset", errp);
}

static void hint_none(QIOChannel *ioc, bool enabled)
{
    (void)ioc;
    (void)enabled;
}

static int query_none(QIOChannel *ioc, QIOChannelQuery what, void *out,
                      QIOError **errp)
{
    (void)what;
    (void)out;
    return unsupported(ioc, "tell that", errp);
}

/* ---- transparent: ask below ---- */

static int shutdown_below(QIOChannel *ioc, QIOChannelShutdown how,
                          QIOError **errp)
{
    return qio_channel_shutdown(ioc->base, how, errp);
}

static off_t seek_below(QIOChannel *ioc, off_t offset, int whence,
                        QIOError **errp)
{
    return qio_channel_io_seek(ioc->base, offset, whence, errp);
}

static ssize_t preadv_below(QIOChannel *ioc, const struct iovec *iov,
                            size_t niov, off_t offset, QIOError **errp)
{
    return qio_channel_preadv(ioc->base, iov, niov, offset, errp);
}

static ssize_t pwritev_below(QIOChannel *ioc, const struct iovec *iov,
                             size_t niov, off_t offset, QIOError **errp)
{
    return qio_channel_pwritev(ioc->base, iov, niov, offset, errp);
}

static void set_cork_below(QIOChannel *ioc, bool enabled)
{
    qio_channel_set_cork(ioc->base, enabled);
}

static void set_delay_below(QIOChannel *ioc, bool enabled)
{
    qio_channel_set_delay(ioc->base, enabled);
}

static int query_below(QIOChannel *ioc, QIOChannelQuery what, void *out,
                       QIOError **errp)
{
    return qio_channel_query(ioc->base, what, out, errp);
}

static ssize_t splice_none(QIOChannel *ioc, int fd, size_t len, int flags,
                           QIOError **errp)
{
    (void)fd;
    (void)len;
    (void)flags;
    return unsupported(ioc, "splice", errp);
}

static int settle_nothing(QIOChannel *ioc, QIOError **errp)
{
    (void)ioc;
    (void)errp;
    return 0;
}

static void fill_gaps(QIOChannelOps *ops)
{
    bool below = ops->kind == QIO_CHANNEL_KIND_TRANSPARENT;

    ops->advance = ops->advance ? ops->advance : advance_done;
    ops->flush = ops->flush ? ops->flush : flush_nothing;
    ops->poll = ops->poll ? ops->poll : poll_below;
    if (!ops->shutdown) {
        ops->shutdown = below ? shutdown_below : shutdown_none;
    }
    if (!ops->seek) {
        ops->seek = below ? seek_below : seek_none;
    }
    if (!ops->preadv) {
        ops->preadv = below ? preadv_below : preadv_none;
    }
    if (!ops->pwritev) {
        ops->pwritev = below ? pwritev_below : pwritev_none;
    }
    if (!ops->set_cork) {
        ops->set_cork = below ? set_cork_below : hint_none;
    }
    if (!ops->set_delay) {
        ops->set_delay = below ? set_delay_below : hint_none;
    }
    if (!ops->query) {
        ops->query = below ? query_below : query_none;
    }
    ops->settle = ops->settle ? ops->settle : settle_nothing;
    ops->splice_in = ops->splice_in ? ops->splice_in : splice_none;
    ops->splice_out = ops->splice_out ? ops->splice_out : splice_none;
}

/* A type compiled against an older header has a shorter table. */
QIOChannelOps qiop_ops_complete(const QIOChannelOps *type)
{
    QIOChannelOps ops;

    memset(&ops, 0, sizeof(ops));
    memcpy(&ops, type, type->size < sizeof(ops) ? type->size : sizeof(ops));
    fill_gaps(&ops);
    return ops;
}
