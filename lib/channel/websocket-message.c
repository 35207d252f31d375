/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages with their type and their end, for peers to whom these matter. */
#include <config.h>
#include "channel/websocket-priv.h"

#include "base/clock.h"

/* Until `events` may hold. 0, or -1. */
static int wait_for(QIOChannel *ioc, unsigned events, int64_t deadline,
                    QIOError **errp)
{
    int r =
        qio_channel_wait(ioc, events, qiop_deadline_left_ms(deadline), errp);

    if (r == 0) {
        qio_error_set(errp, QIO_ERROR_TIMEOUT, 0, "%s: timed out",
                      qio_channel_name(ioc));
    }
    return r > 0 ? 0 : -1;
}

/* One try. These fields are the reader's, of whom there is one. */
static ssize_t receive(QIOChannel *ioc, struct websocket *w,
                       const struct iovec *iov, QIOWebsocketType *type,
                       bool *end, QIOError **errp)
{
    ssize_t n;

    w->by_message = true;
    n = qio_channel_try_readv(ioc, iov, 1, errp);
    w->by_message = false;
    *end = w->message_end;
    w->message_end = false;
    *type = w->decoder.is_text ? QIO_WEBSOCKET_TEXT : QIO_WEBSOCKET_BINARY;
    return n == QIO_CHANNEL_ERR_BLOCK && *end ? 0 : n;
}

ssize_t qio_channel_websocket_receive(QIOChannel *ioc, void *buf, size_t len,
                                      QIOWebsocketType *type, bool *end,
                                      int timeout_ms, QIOError **errp)
{
    struct websocket *w = qiop_ws_of(ioc, errp);
    struct iovec iov = {buf, len};
    int64_t deadline = qiop_deadline(timeout_ms);
    ssize_t n;

    *end = false;
    if (w && len == 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "%s: no room for a message",
                      qio_channel_name(ioc));
        return -1;
    }
    while (w) {
        n = receive(ioc, w, &iov, type, end, errp);
        if (n != QIO_CHANNEL_ERR_BLOCK || !qio_channel_is_blocking(ioc)) {
            return n;
        }
        if (wait_for(ioc, QIO_EVENT_IN, deadline, errp) < 0) {
            return -1;
        }
    }
    return -1;
}

/* ---- sending ---- */

static bool is_utf8(const void *buf, size_t len)
{
    struct qiop_utf8 utf8 = {0, 0, 0};

    return qiop_utf8_feed(&utf8, buf, len) && qiop_utf8_complete(&utf8);
}

/* An empty message is nothing that the core would hand on. */
static ssize_t send_some(QIOChannel *ioc, struct websocket *w, const void *buf,
                         size_t len, QIOError **errp)
{
    struct iovec iov = {(void *)buf, len};

    if (len > 0) {
        return qio_channel_try_writev(ioc, &iov, 1, errp);
    }
    if (!qio_channel_is_open(ioc) ||
        (atomic_load(&w->shut) & QIO_CHANNEL_SHUTDOWN_WRITE)) {
        qio_error_set(errp, QIO_ERROR_SHUTDOWN, 0, "%s: not open for writing",
                      qio_channel_name(ioc));
        return -1;
    }
    return qiop_ws_write(ioc, w, NULL, 0, errp);
}

static int flush(QIOChannel *ioc, int64_t deadline, QIOError **errp)
{
    int r;

    while ((r = qio_channel_try_flush(ioc, errp)) == QIO_CHANNEL_ERR_BLOCK) {
        if (wait_for(ioc, QIO_EVENT_OUT, deadline, errp) < 0) {
            return -1;
        }
    }
    return r;
}

static int send_all(QIOChannel *ioc, struct websocket *w, const char *buf,
                    size_t len, int64_t deadline, QIOError **errp)
{
    for (;;) {
        ssize_t n = send_some(ioc, w, buf, len, errp);

        if (n == -1) {
            return -1;
        }
        if (n >= 0) {
            len -= (size_t)n;
            if (len == 0) {
                return flush(ioc, deadline, errp);
            }
            buf += n;
        } else if (wait_for(ioc, QIO_EVENT_OUT, deadline, errp) < 0) {
            return -1;
        }
    }
}

int qio_channel_websocket_send(QIOChannel *ioc, QIOWebsocketType type,
                               const void *buf, size_t len, int timeout_ms,
                               QIOError **errp)
{
    struct websocket *w = qiop_ws_of(ioc, errp);
    int ret;

    if (!w) {
        return -1;
    }
    if (type == QIO_WEBSOCKET_TEXT && !is_utf8(buf, len)) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "%s: a text message that is not UTF-8",
                      qio_channel_name(ioc));
        return -1;
    }
    /* These are the writer's, of whom there is one. */
    w->type = type;
    w->sending = true;
    ret = send_all(ioc, w, buf, len, qiop_deadline(timeout_ms), errp);
    w->sending = false;
    return ret;
}
