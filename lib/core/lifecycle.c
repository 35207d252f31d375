/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A channel's way through life: opening, shutting down, closing. */
#include <config.h>
#include "channel.h"

#include "base/clock.h"

int qio_channel_open_sync(QIOChannel *ioc, int timeout_ms, QIOError **errp)
{
    int64_t deadline = qiop_deadline(timeout_ms);

    for (;;) {
        int r = qiop_advance(ioc, errp);

        if (r != QIO_CHANNEL_ERR_BLOCK) {
            return r;
        }
        if (qiop_wait(ioc, ioc, QIO_EVENT_OPEN, QIO_CHANNEL_SHUTDOWN_BOTH,
                      deadline, errp) < 0) {
            qio_error_prefix(errp, "while opening: ");
            return -1;
        }
    }
}

int qio_channel_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                         QIOError **errp)
{
    QIOError *err = NULL;
    unsigned before;
    unsigned fresh;
    int r = 0;

    if (((unsigned)how & ~(unsigned)QIO_CHANNEL_SHUTDOWN_BOTH) || !how) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "%s: unknown shutdown direction %d",
                      qio_channel_name(ioc), (int)how);
        return -1;
    }
    before = atomic_fetch_or(&ioc->shut, (unsigned char)how);
    fresh = (unsigned)how & ~before;
    if (fresh == 0 || atomic_load(&ioc->state) == QIOP_STATE_CLOSED) {
        return 0;
    }
    qio_channel_trace(ioc, "%s: shutdown %u", qio_channel_name(ioc), fresh);
    if (atomic_load(&ioc->state) == QIOP_STATE_OPEN) {
        r = qiop_ops_complete(ioc->type).shutdown(
            ioc, (QIOChannelShutdown)fresh, &err);
    } else if (ioc->base) {
        r = qio_channel_shutdown(ioc->base, (QIOChannelShutdown)fresh, &err);
    }
    qiop_wake(ioc, (QIOChannelShutdown)fresh);
    qio_channel_changed(ioc, QIO_EVENT_IN | QIO_EVENT_OUT | QIO_EVENT_OPEN);
    qio_error_propagate(errp, err);
    return r;
}

int qio_channel_close(QIOChannel *ioc, QIOError **errp)
{
    QIOError *first = NULL;

    for (; ioc; ioc = ioc->base) {
        QIOError *err = NULL;

        qiop_closing(ioc);
        if (atomic_exchange(&ioc->state, QIOP_STATE_CLOSED) ==
            QIOP_STATE_CLOSED) {
            continue;
        }
        if (ioc->type->close(ioc, &err) < 0 && !first) {
            first = err;
        } else {
            qio_error_free(err);
        }
        qio_channel_trace(ioc, "%s: closed", qio_channel_name(ioc));
    }
    if (!first) {
        return 0;
    }
    qio_error_propagate(errp, first);
    return -1;
}
