/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one door to a type's methods: state and arguments are checked before the
 * call, the method's promise after it.
 */
#include <config.h>
#include "channel.h"

#include <limits.h>
#include <stdlib.h>
#include "base/fd.h"
#include "base/hot.h"
#include "base/iov.h"

/* -1 and why `how` may not be used, 0 when it may by now. */
static QIO_COLD int refuse(QIOChannel *ioc, unsigned how, QIOError **errp)
{
    switch (atomic_load(&ioc->state)) {
    case QIOP_STATE_OPEN:
        break;
    case QIOP_STATE_CLOSED:
        qio_error_set(errp, QIO_ERROR_CLOSED, 0, "%s: the channel is closed",
                      qio_channel_name(ioc));
        return -1;
    case QIOP_STATE_FAILED:
        qio_error_set(errp, QIO_ERROR_STATE, 0,
                      "%s: the channel failed to open", qio_channel_name(ioc));
        return -1;
    default:
        qio_error_set(errp, QIO_ERROR_STATE, 0,
                      "%s: the channel is not open yet", qio_channel_name(ioc));
        return -1;
    }
    if (atomic_load(&ioc->shut) & how) {
        qio_error_set(errp, QIO_ERROR_SHUTDOWN, 0, "%s: shut down for %s",
                      qio_channel_name(ioc),
                      how == QIO_CHANNEL_SHUTDOWN_READ ? "reading" : "writing");
        return -1;
    }
    return 0;
}

/* 0 when `how` may be used, or -1 and why not. */
static inline int check_usable(QIOChannel *ioc, unsigned how, QIOError **errp)
{
    if (atomic_load(&ioc->state) == QIOP_STATE_OPEN &&
        !(atomic_load(&ioc->shut) & how)) {
        return 0;
    }
    return refuse(ioc, how, errp);
}

static int need_feature(QIOChannel *ioc, bool wanted, QIOChannelFeature feature,
                        const char *what, QIOError **errp)
{
    if (!wanted || qio_channel_has_feature(ioc, feature)) {
        return 0;
    }
    qio_error_set(errp, QIO_ERROR_INVALID, 0, "%s: a %s channel cannot %s",
                  qio_channel_name(ioc), ioc->type->name, what);
    return -1;
}

static QIO_COLD ssize_t failed(QIOChannel *ioc, ssize_t r, QIOError **err,
                               QIOError **errp)
{
    if (r == -1) {
        if (!*err) {
            qio_error_set(err, QIO_ERROR_SYSTEM, 0,
                          "%s: failed without a reason", qio_channel_name(ioc));
        }
        qio_error_propagate(errp, *err);
        return -1;
    }
    qio_error_free(*err);
    qio_error_set(errp, QIO_ERROR_SYSTEM, 0,
                  "%s: channel type '%s' broke its promise (result %zd)",
                  qio_channel_name(ioc), ioc->type->name, r);
    return -1;
}

/* The method's promise: its result fits the request, and an error is set
 * exactly when it says so. */
static inline ssize_t check_result(QIOChannel *ioc, ssize_t r, size_t most,
                                   QIOError **err, QIOError **errp)
{
    bool fits = r < 0 ? r == QIO_CHANNEL_ERR_BLOCK : (size_t)r <= most;

    return fits && !*err ? r : failed(ioc, r, err, errp);
}

/* Readers and writers must hear of a shutdown even if the transport told
 * them of something else because of it. */
static bool shut_meanwhile(QIOChannel *ioc, ssize_t r, unsigned how,
                           QIOError **err, QIOError **errp)
{
    if (r > 0 || !(atomic_load(&ioc->shut) & how)) {
        return false;
    }
    qio_error_free(*err);
    *err = NULL;
    return check_usable(ioc, how, errp) < 0;
}

/* What a method is shown: no more pieces than a system call takes, the first
 * with a byte. Returns the size, 0 only when there is none at all. */
static QIOP_HOT size_t clamp(const struct iovec **iov, size_t *niov)
{
    while (*niov > 0 && (*iov)->iov_len == 0) {
        (*iov)++;
        (*niov)--;
    }
    *niov = *niov > IOV_MAX ? IOV_MAX : *niov;
    return qiop_iov_size(*iov, *niov);
}

QIOP_HOT ssize_t qiop_try_readv(QIOChannel *ioc, const struct iovec *iov,
                                size_t niov, int **fds, size_t *nfds, int flags,
                                QIOError **errp)
{
    QIOError *err = NULL;
    size_t size;
    ssize_t r;

    if (fds) {
        *fds = NULL;
        *nfds = 0;
    }
    if (check_usable(ioc, QIO_CHANNEL_SHUTDOWN_READ, errp) < 0 ||
        need_feature(ioc, fds != NULL, QIO_CHANNEL_FEATURE_FD_PASS,
                     "receive descriptors", errp) < 0 ||
        need_feature(ioc, (flags & QIO_CHANNEL_READ_FLAG_MSG_PEEK) != 0,
                     QIO_CHANNEL_FEATURE_READ_MSG_PEEK, "peek", errp) < 0) {
        return -1;
    }
    size = clamp(&iov, &niov);
    if (size == 0) {
        return 0;
    }
    r = ioc->ops.readv(ioc, iov, niov, fds, nfds, flags, &err);
    if (shut_meanwhile(ioc, r, QIO_CHANNEL_SHUTDOWN_READ, &err, errp)) {
        r = -1;
    } else {
        r = check_result(ioc, r, size, &err, errp);
    }
    if (r == -1 && fds && *fds) {
        qiop_fd_close_many(*fds, *nfds);
        free(*fds);
        *fds = NULL;
        *nfds = 0;
    }
    return r;
}

QIOP_HOT ssize_t qiop_try_writev(QIOChannel *ioc, const struct iovec *iov,
                                 size_t niov, const int *fds, size_t nfds,
                                 int flags, QIOError **errp)
{
    QIOError *err = NULL;
    size_t size;
    ssize_t r;

    if (check_usable(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, errp) < 0 ||
        need_feature(ioc, nfds > 0, QIO_CHANNEL_FEATURE_FD_PASS,
                     "send descriptors", errp) < 0 ||
        need_feature(ioc, (flags & QIO_CHANNEL_WRITE_FLAG_ZERO_COPY) != 0,
                     QIO_CHANNEL_FEATURE_WRITE_ZERO_COPY,
                     "write without copying", errp) < 0) {
        return -1;
    }
    if (nfds > 0 && (flags & QIO_CHANNEL_WRITE_FLAG_ZERO_COPY)) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "%s: descriptors go with bytes that are copied only",
                      qio_channel_name(ioc));
        return -1;
    }
    size = clamp(&iov, &niov);
    if (size == 0) {
        if (nfds > 0) {
            qio_error_set(errp, QIO_ERROR_INVALID, 0,
                          "%s: descriptors need a byte to travel with",
                          qio_channel_name(ioc));
            return -1;
        }
        return 0;
    }
    r = ioc->ops.writev(ioc, iov, niov, fds, nfds, flags, &err);
    if (shut_meanwhile(ioc, r, QIO_CHANNEL_SHUTDOWN_WRITE, &err, errp)) {
        return -1;
    }
    r = check_result(ioc, r, size, &err, errp);
    if (r == 0) {
        /* It would be tried for ever. */
        qio_error_set(errp, QIO_ERROR_SYSTEM, 0,
                      "%s: channel type '%s' broke its promise (took nothing)",
                      qio_channel_name(ioc), ioc->type->name);
        return -1;
    }
    return r;
}

int qiop_try_flush(QIOChannel *ioc, QIOChannel **at, QIOError **errp)
{
    for (; ioc && qiop_holds_output(ioc); ioc = ioc->base) {
        QIOError *err = NULL;
        int r;

        if (check_usable(ioc, 0, errp) < 0) {
            return -1;
        }
        r = (int)check_result(ioc, ioc->ops.flush(ioc, &err), 0, &err, errp);
        if (r != 0) {
            if (at) {
                *at = ioc;
            }
            return r;
        }
    }
    return 0;
}

int qiop_try_settle(QIOChannel *ioc, QIOError **errp)
{
    QIOError *err = NULL;

    if (!qio_channel_has_feature(ioc, QIO_CHANNEL_FEATURE_WRITE_ZERO_COPY)) {
        return 0;
    }
    if (check_usable(ioc, 0, errp) < 0) {
        return -1;
    }
    return (int)check_result(
        ioc, qiop_ops_complete(ioc->type).settle(ioc, &err), 0, &err, errp);
}

/* Refused is 0: to be had by reading and writing. */
static ssize_t splice_result(QIOChannel *ioc, ssize_t r, size_t most,
                             unsigned how, QIOError **err, QIOError **errp)
{
    if (shut_meanwhile(ioc, r, how, err, errp)) {
        return -1;
    }
    if (r == -1 && qio_error_code(*err) == QIO_ERROR_UNSUPPORTED) {
        qio_error_free(*err);
        return 0;
    }
    return check_result(ioc, r, most, err, errp);
}

ssize_t qiop_try_splice_in(QIOChannel *ioc, int fd, size_t len, int flags,
                           QIOError **errp)
{
    QIOError *err = NULL;
    ssize_t r;

    if (check_usable(ioc, QIO_CHANNEL_SHUTDOWN_READ, errp) < 0) {
        return -1;
    }
    r = qiop_ops_complete(ioc->type).splice_in(ioc, fd, len, flags, &err);
    return splice_result(ioc, r, len, QIO_CHANNEL_SHUTDOWN_READ, &err, errp);
}

ssize_t qiop_try_splice_out(QIOChannel *ioc, int fd, size_t len, int flags,
                            QIOError **errp)
{
    QIOError *err = NULL;
    ssize_t r;

    if (check_usable(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, errp) < 0) {
        return -1;
    }
    r = qiop_ops_complete(ioc->type).splice_out(ioc, fd, len, flags, &err);
    return splice_result(ioc, r, len, QIO_CHANNEL_SHUTDOWN_WRITE, &err, errp);
}

static int advance_one(QIOChannel *ioc, QIOError **errp)
{
    QIOError *err = NULL;
    unsigned char opening = QIOP_STATE_OPENING;
    int r;

    if (atomic_load(&ioc->shut)) {
        qio_error_set(errp, QIO_ERROR_SHUTDOWN, 0,
                      "%s: shut down while opening", qio_channel_name(ioc));
        return -1;
    }
    r = (int)check_result(ioc, qiop_ops_complete(ioc->type).advance(ioc, &err),
                          0, &err, errp);
    if (r != 0) {
        return r;
    }
    atomic_compare_exchange_strong(&ioc->state, &opening, QIOP_STATE_OPEN);
    /* A shutdown that still saw the channel opening left the rest to us. */
    if (atomic_load(&ioc->shut)) {
        qio_error_set(errp, QIO_ERROR_SHUTDOWN, 0,
                      "%s: shut down while opening", qio_channel_name(ioc));
        return -1;
    }
    qio_channel_trace(ioc, "%s: open", qio_channel_name(ioc));
    return 0;
}

int qiop_advance(QIOChannel *ioc, QIOError **errp)
{
    int r;

    switch (atomic_load(&ioc->state)) {
    case QIOP_STATE_OPEN:
        return 0;
    case QIOP_STATE_OPENING:
        break;
    default:
        return check_usable(ioc, 0, errp);
    }
    r = ioc->base ? qiop_advance(ioc->base, errp) : 0;
    if (r == 0 && ioc->base && atomic_load(&ioc->base->shut)) {
        qio_error_set(errp, QIO_ERROR_SHUTDOWN, 0,
                      "%s: the channel beneath was shut down",
                      qio_channel_name(ioc));
        r = -1;
    }
    if (r == 0) {
        r = advance_one(ioc, errp);
    }
    if (r == -1) {
        atomic_store(&ioc->state, QIOP_STATE_FAILED);
    }
    return r;
}

/* ---- what layers may call on the channel beneath ---- */

ssize_t qio_channel_try_readv(QIOChannel *ioc, const struct iovec *iov,
                              size_t niov, QIOError **errp)
{
    return qiop_try_readv(ioc, iov, niov, NULL, NULL, 0, errp);
}

ssize_t qio_channel_wait_readv(QIOChannel *ioc, const struct iovec *iov,
                               size_t niov, QIOError **errp)
{
    return qiop_try_readv(ioc, iov, niov, NULL, NULL, qiop_may_wait(ioc), errp);
}

ssize_t qio_channel_try_writev(QIOChannel *ioc, const struct iovec *iov,
                               size_t niov, QIOError **errp)
{
    return qiop_try_writev(ioc, iov, niov, NULL, 0, 0, errp);
}

int qio_channel_try_flush(QIOChannel *ioc, QIOError **errp)
{
    return qiop_try_flush(ioc, NULL, errp);
}

int qio_channel_query(QIOChannel *ioc, QIOChannelQuery what, void *out,
                      QIOError **errp)
{
    QIOError *err = NULL;

    return (int)check_result(
        ioc, qiop_ops_complete(ioc->type).query(ioc, what, out, &err), 0, &err,
        errp);
}

void qio_channel_set_cork(QIOChannel *ioc, bool enabled)
{
    if (qiop_holds_output(ioc)) {
        atomic_store(&ioc->output,
                     enabled ? QIOP_OUTPUT_CORKED : QIOP_OUTPUT_FLUSHED);
    }
    qiop_ops_complete(ioc->type).set_cork(ioc, enabled);
    if (enabled || !qiop_holds_output(ioc)) {
        return;
    }
    /* That it fails is for the next write or flush to tell. */
    if (qiop_try_flush(ioc, NULL, NULL) == QIO_CHANNEL_ERR_BLOCK) {
        qio_channel_changed(ioc, QIO_EVENT_FLUSH);
    }
}

bool qiop_holds_output(const QIOChannel *ioc)
{
    return atomic_load(&ioc->output) != QIOP_OUTPUT_LEAVES;
}

QIOP_HOT bool qiop_flushes(const QIOChannel *ioc)
{
    return atomic_load(&ioc->output) == QIOP_OUTPUT_FLUSHED;
}

void qio_channel_set_delay(QIOChannel *ioc, bool enabled)
{
    qiop_ops_complete(ioc->type).set_delay(ioc, enabled);
}

/* ---- position ---- */

static int check_seekable(QIOChannel *ioc, unsigned how, QIOError **errp)
{
    if (check_usable(ioc, how, errp) < 0) {
        return -1;
    }
    if (!qio_channel_has_feature(ioc, QIO_CHANNEL_FEATURE_SEEKABLE)) {
        qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0, "%s: is not seekable",
                      qio_channel_name(ioc));
        return -1;
    }
    return 0;
}

off_t qio_channel_io_seek(QIOChannel *ioc, off_t offset, int whence,
                          QIOError **errp)
{
    QIOError *err = NULL;
    off_t pos;

    if (check_seekable(ioc, 0, errp) < 0) {
        return -1;
    }
    pos = qiop_ops_complete(ioc->type).seek(ioc, offset, whence, &err);
    if (pos >= 0 && !err) {
        return pos;
    }
    return check_result(ioc, -1, 0, &err, errp);
}

ssize_t qio_channel_preadv(QIOChannel *ioc, const struct iovec *iov,
                           size_t niov, off_t offset, QIOError **errp)
{
    QIOError *err = NULL;
    size_t size;

    if (check_seekable(ioc, QIO_CHANNEL_SHUTDOWN_READ, errp) < 0) {
        return -1;
    }
    size = clamp(&iov, &niov);
    return size == 0 ? 0
                     : check_result(ioc,
                                    qiop_ops_complete(ioc->type).preadv(
                                        ioc, iov, niov, offset, &err),
                                    size, &err, errp);
}

ssize_t qio_channel_pwritev(QIOChannel *ioc, const struct iovec *iov,
                            size_t niov, off_t offset, QIOError **errp)
{
    QIOError *err = NULL;
    size_t size;

    if (check_seekable(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, errp) < 0) {
        return -1;
    }
    size = clamp(&iov, &niov);
    return size == 0 ? 0
                     : check_result(ioc,
                                    qiop_ops_complete(ioc->type).pwritev(
                                        ioc, iov, niov, offset, &err),
                                    size, &err, errp);
}
