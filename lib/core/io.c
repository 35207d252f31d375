/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading, writing and flushing once, waiting where the mode says so; and the
 * short forms. */
#include <config.h>
#include "channel.h"

#include "base/clock.h"
#include "base/hot.h"

QIOP_HOT int64_t qiop_call_deadline(const QIOChannel *ioc)
{
    return qiop_deadline(atomic_load(&ioc->timeout_ms));
}

/* Without a deadline a leaf may wait in its own system call, which saves the
 * failing try and the poll(2). */
QIOP_HOT int qiop_may_block(const QIOChannel *ioc, int64_t deadline)
{
    if (deadline != QIOP_NEVER ||
        !(ioc->type->flags & QIO_CHANNEL_OPS_CAN_BLOCK)) {
        return 0;
    }
    return QIO_CHANNEL_TRY_MAY_BLOCK;
}

QIOP_HOT int qiop_may_wait(const QIOChannel *ioc)
{
    return ioc->type->flags & QIO_CHANNEL_OPS_CAN_WAIT
               ? QIO_CHANNEL_TRY_MAY_WAIT
               : 0;
}

/* What a leaf may do for ever, the reader of a layer may for a while. */
static QIOP_HOT int read_invitation(const QIOChannel *ioc, int64_t deadline)
{
    int flags = qiop_may_block(ioc, deadline);

    return flags || deadline != QIOP_NEVER ? flags : qiop_may_wait(ioc);
}

QIOP_HOT ssize_t qiop_readv_wait(QIOChannel *ioc, const struct iovec *iov,
                                 size_t niov, int **fds, size_t *nfds,
                                 int flags, int64_t deadline, QIOError **errp)
{
    flags |= read_invitation(ioc, deadline);
    for (;;) {
        ssize_t r = qiop_try_readv(ioc, iov, niov, fds, nfds, flags, errp);

        if (r != QIO_CHANNEL_ERR_BLOCK) {
            return r;
        }
        if (qiop_wait(ioc, ioc, QIO_EVENT_IN, QIO_CHANNEL_SHUTDOWN_READ,
                      deadline, errp) < 0) {
            return -1;
        }
    }
}

QIOP_HOT ssize_t qiop_writev_wait(QIOChannel *ioc, const struct iovec *iov,
                                  size_t niov, const int *fds, size_t nfds,
                                  int flags, int64_t deadline, QIOError **errp)
{
    flags |= qiop_may_block(ioc, deadline);
    for (;;) {
        ssize_t r = qiop_try_writev(ioc, iov, niov, fds, nfds, flags, errp);

        if (r != QIO_CHANNEL_ERR_BLOCK) {
            return r;
        }
        if (qiop_wait(ioc, ioc, QIO_EVENT_OUT, QIO_CHANNEL_SHUTDOWN_WRITE,
                      deadline, errp) < 0) {
            return -1;
        }
    }
}

int qiop_flush_written(QIOChannel *ioc, int64_t deadline, QIOError **errp)
{
    for (;;) {
        QIOChannel *at = ioc;
        int r = qiop_try_flush(ioc, &at, errp);

        if (r != QIO_CHANNEL_ERR_BLOCK) {
            return r;
        }
        if (atomic_load(&ioc->shut) & QIO_CHANNEL_SHUTDOWN_WRITE) {
            qio_error_set(errp, QIO_ERROR_SHUTDOWN, 0,
                          "%s: shut down while writing", qio_channel_name(ioc));
            return -1;
        }
        if (qiop_wait(ioc, at, QIO_EVENT_FLUSH, QIO_CHANNEL_SHUTDOWN_WRITE,
                      deadline, errp) < 0) {
            return -1;
        }
    }
}

/*
 * A flush by request goes on after writing was shut down, for the goodbye may
 * be what is held. Shutting both directions down means that nobody wants to
 * wait any more.
 */
static int flush_until(QIOChannel *ioc, bool waits, int64_t deadline,
                       QIOError **errp)
{
    for (;;) {
        QIOChannel *at = ioc;
        unsigned shut;
        int r = qiop_try_flush(ioc, &at, errp);

        r = r == 0 ? qiop_try_settle(ioc, errp) : r;
        if (r != QIO_CHANNEL_ERR_BLOCK || !waits) {
            return r;
        }
        shut = atomic_load(&ioc->shut);
        if (shut == QIO_CHANNEL_SHUTDOWN_BOTH) {
            qio_error_set(errp, QIO_ERROR_SHUTDOWN, 0,
                          "%s: shut down while flushing",
                          qio_channel_name(ioc));
            return -1;
        }
        if (qiop_wait(ioc, at, QIO_EVENT_FLUSH,
                      QIO_CHANNEL_SHUTDOWN_BOTH & ~shut, deadline, errp) < 0) {
            return -1;
        }
    }
}

int qio_channel_flush(QIOChannel *ioc, QIOError **errp)
{
    bool waits = qio_channel_is_blocking(ioc);

    return flush_until(ioc, waits, waits ? qiop_call_deadline(ioc) : QIOP_NEVER,
                       errp);
}

int qio_channel_bye_sync(QIOChannel *ioc, int timeout_ms, QIOError **errp)
{
    int64_t deadline = qiop_deadline(timeout_ms);
    QIOError *err = NULL;

    if (qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &err) < 0 &&
        qio_error_code(err) != QIO_ERROR_UNSUPPORTED) {
        qio_error_propagate(errp, err);
        return -1;
    }
    qio_error_free(err);
    return flush_until(ioc, true, deadline, errp);
}

QIOP_HOT ssize_t qio_channel_readv_full(QIOChannel *ioc,
                                        const struct iovec *iov, size_t niov,
                                        int **fds, size_t *nfds, int flags,
                                        QIOError **errp)
{
    ssize_t r;

    flags &= QIO_CHANNEL_READ_FLAG_MSG_PEEK | QIO_CHANNEL_READ_FLAG_RELAXED_EOF;
    if (!qio_channel_is_blocking(ioc)) {
        r = qiop_try_readv(ioc, iov, niov, fds, nfds, flags, errp);
    } else {
        r = qiop_readv_wait(ioc, iov, niov, fds, nfds, flags,
                            qiop_call_deadline(ioc), errp);
    }
    qio_channel_changed(ioc, QIO_EVENT_IN);
    return r;
}

QIOP_HOT ssize_t qio_channel_writev_full(QIOChannel *ioc,
                                         const struct iovec *iov, size_t niov,
                                         const int *fds, size_t nfds, int flags,
                                         QIOError **errp)
{
    int64_t deadline;
    ssize_t r;

    flags &= QIO_CHANNEL_WRITE_FLAG_ZERO_COPY;
    if (!qio_channel_is_blocking(ioc)) {
        r = qiop_try_writev(ioc, iov, niov, fds, nfds, flags, errp);
        if (qiop_flushes(ioc)) {
            qio_channel_changed(ioc, QIO_EVENT_FLUSH);
        }
        return r;
    }
    deadline = qiop_call_deadline(ioc);
    r = qiop_writev_wait(ioc, iov, niov, fds, nfds, flags, deadline, errp);
    if (r > 0 && qiop_flushes(ioc) &&
        qiop_flush_written(ioc, deadline, errp) < 0) {
        return -1;
    }
    return r;
}

QIOP_HOT ssize_t qio_channel_readv(QIOChannel *ioc, const struct iovec *iov,
                                   size_t niov, QIOError **errp)
{
    return qio_channel_readv_full(ioc, iov, niov, NULL, NULL, 0, errp);
}

QIOP_HOT ssize_t qio_channel_writev(QIOChannel *ioc, const struct iovec *iov,
                                    size_t niov, QIOError **errp)
{
    return qio_channel_writev_full(ioc, iov, niov, NULL, 0, 0, errp);
}

QIOP_HOT ssize_t qio_channel_read(QIOChannel *ioc, void *buf, size_t len,
                                  QIOError **errp)
{
    struct iovec iov = {.iov_base = buf, .iov_len = len};

    return qio_channel_readv(ioc, &iov, 1, errp);
}

QIOP_HOT ssize_t qio_channel_write(QIOChannel *ioc, const void *buf, size_t len,
                                   QIOError **errp)
{
    struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};

    return qio_channel_writev(ioc, &iov, 1, errp);
}

ssize_t qio_channel_pread(QIOChannel *ioc, void *buf, size_t len, off_t offset,
                          QIOError **errp)
{
    struct iovec iov = {.iov_base = buf, .iov_len = len};

    return qio_channel_preadv(ioc, &iov, 1, offset, errp);
}

ssize_t qio_channel_pwrite(QIOChannel *ioc, const void *buf, size_t len,
                           off_t offset, QIOError **errp)
{
    struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};

    return qio_channel_pwritev(ioc, &iov, 1, offset, errp);
}
