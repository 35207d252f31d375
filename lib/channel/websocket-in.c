/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a websocket receives. Large payloads are read straight into the caller's
 * memory and unmasked there; headers, small frames and control frames pass
 * through a small buffer, with what came behind them.
 */
#include <config.h>
#include "channel/websocket-priv.h"

#include <limits.h>
#include <string.h>
#include "base/iov.h"

/* Pieces of a caller's iovec in one read. */
#define PIECES 64
/* From so much on it pays to read straight. */
#define STRAIGHT 2048
/* After frames of this size little is read ahead, for it has to be copied. */
#define BULK (16 << 10)
#define BULK_AHEAD 1024

/* ---- what ends reading; `in` is held ---- */

static void fail(struct websocket *w)
{
    const struct qiop_ws_decoder *d = &w->decoder;

    if (w->in_err) {
        return;
    }
    qio_error_set(&w->in_err, QIO_ERROR_WEBSOCKET, 0,
                  "websocket protocol failure: %s (closed with %u)",
                  d->fail_text, d->fail_code);
    /* A goodbye that cannot be queued for lack of memory is none: the peer
     * sees the connection close. */
    (void)qiop_ws_goodbye(w, d->fail_code, d->fail_text, NULL);
    qiop_ws_out_close(w, w->in_err);
}

static void closed(struct websocket *w)
{
    const struct qiop_ws_decoder *d = &w->decoder;
    size_t len = qiop_ws_control_len(d);

    if (atomic_load(&w->peer_code)) {
        return;
    }
    if (len > 2) {
        memcpy(w->peer_reason, d->control + 2, len - 2);
    }
    atomic_store(&w->peer_code, d->close_code);
    if (d->close_code != QIOP_WS_CODE_NORMAL &&
        d->close_code != QIOP_WS_CODE_NONE) {
        qio_error_set(&w->in_err, QIO_ERROR_WEBSOCKET_REJECTED, 0,
                      "the peer closed the websocket with %u%s%s",
                      d->close_code, w->peer_reason[0] ? ": " : "",
                      w->peer_reason);
    }
}

static void timed_out(struct websocket *w)
{
    qio_error_set(&w->in_err, QIO_ERROR_TIMEOUT, 0,
                  "the peer did not answer a ping within %d ms",
                  w->options->ping_timeout_ms);
    qiop_ws_out_close(w, w->in_err);
}

static bool ended(const struct websocket *w)
{
    return w->in_err || w->in_ended || w->decoder.closed;
}

void qiop_ws_note_readable(struct websocket *w)
{
    atomic_store(&w->readable, w->in.len > 0 || ended(w));
}

/* ---- from the base ---- */

/* One try. In error too something is noted, and 0 is returned. */
static int read_base(QIOChannel *ioc, struct websocket *w,
                     const struct iovec *v, size_t n, size_t *got)
{
    ssize_t r = qio_channel_try_readv(qio_channel_base(ioc), v, n, &w->in_err);

    *got = r > 0 ? (size_t)r : 0;
    if (r == QIO_CHANNEL_ERR_BLOCK) {
        return QIO_CHANNEL_ERR_BLOCK;
    }
    w->in_ended = r <= 0;
    qiop_ws_heard(w);
    return 0;
}

int qiop_ws_fill(QIOChannel *ioc, struct websocket *w, QIOError **errp)
{
    struct iovec iov;
    size_t got;
    int ret;

    if (w->in_ended) {
        return 0;
    }
    iov.iov_base =
        qiop_queue_reserve(&w->in, QIOP_WS_AHEAD, &iov.iov_len, errp);
    if (!iov.iov_base) {
        return -1;
    }
    iov.iov_len = w->bulk ? BULK_AHEAD : QIOP_WS_AHEAD;
    ret = read_base(ioc, w, &iov, 1, &got);
    qiop_queue_commit(&w->in, got);
    return ret;
}

/* Payload that has landed in v[0..n), as far as it goes. */
static bool unmask(struct websocket *w, const struct iovec *v, size_t n,
                   size_t len)
{
    bool ok = true;

    for (size_t i = 0; i < n && len && ok; i++) {
        size_t here = v[i].iov_len < len ? v[i].iov_len : len;

        ok = qiop_ws_payload(&w->decoder, v[i].iov_base, here);
        len -= here;
    }
    return ok;
}

/* Payload straight into v[0..n), `size` bytes, and when the frame ends with it
 * also what follows into the buffer, which is empty. Returns as the readv slot;
 * 0 when there is nothing for the caller. */
static ssize_t fill_straight(QIOChannel *ioc, struct websocket *w,
                             struct iovec *v, size_t n, size_t size,
                             QIOError **errp)
{
    size_t got, avail, pieces = n;

    if (size == qiop_ws_payload_due(&w->decoder)) {
        v[n].iov_base = qiop_queue_reserve(&w->in, BULK_AHEAD, &avail, errp);
        v[n].iov_len = BULK_AHEAD;
        if (!v[n].iov_base) {
            return -1;
        }
        pieces++;
    }
    if (read_base(ioc, w, v, pieces, &got) == QIO_CHANNEL_ERR_BLOCK) {
        return QIO_CHANNEL_ERR_BLOCK;
    }
    if (got > size) {
        qiop_queue_commit(&w->in, got - size);
        got = size;
    }
    if (!unmask(w, v, n, got)) {
        fail(w);
        return 0;
    }
    return (ssize_t)got;
}

/* ---- what is in the buffer; `in` is held ---- */

/* Payload into the caller's memory; how much. */
static size_t take_payload(struct websocket *w, struct qiop_iov_cursor *c)
{
    uint64_t due = qiop_ws_payload_due(&w->decoder);
    size_t len, have;
    const uint8_t *from = qiop_queue_peek(&w->in, &have);
    uint8_t *to = qiop_iov_cursor_piece(c, &len);

    len = len < have ? len : have;
    len = len < due ? len : (size_t)due;
    if (!len) {
        return 0;
    }
    memcpy(to, from, len);
    qiop_queue_consume(&w->in, len);
    if (!qiop_ws_payload(&w->decoder, to, len)) {
        fail(w);
        return 0;
    }
    qiop_iov_cursor_advance(c, len);
    return len;
}

/* A message that failed with its last byte has no end. */
static void note_message(struct websocket *w)
{
    if (w->by_message && !w->decoder.in_message && !w->in_err) {
        w->message_end = true;
    }
}

/* One event that is not payload. False: nothing more without more bytes. */
static bool take_event(struct websocket *w)
{
    struct qiop_ws_decoder *d = &w->decoder;
    enum qiop_ws_event event;
    size_t len, used;
    const uint8_t *data = qiop_queue_peek(&w->in, &len);

    event = qiop_ws_decode(d, data, len, &used);
    qiop_queue_consume(&w->in, used);
    switch (event) {
    case QIOP_WS_DATA:
        w->bulk = d->len >= BULK;
        note_message(w);
        return true;
    case QIOP_WS_PINGED:
        qiop_ws_pong(w, d->control, qiop_ws_control_len(d));
        return true;
    case QIOP_WS_PONGED:
        return true;
    case QIOP_WS_CLOSED:
        closed(w);
        return false;
    case QIOP_WS_FAILED:
        fail(w);
        return false;
    default:
        return false;
    }
}

/* Everything the buffer has, or until c is full; how many bytes for it. */
static size_t take_buffered(struct websocket *w, struct qiop_iov_cursor *c)
{
    size_t got = 0;

    while (w->in.len && c->niov && !w->message_end && !w->decoder.closed &&
           !w->in_err) {
        if (!qiop_ws_payload_due(&w->decoder)) {
            if (!take_event(w)) {
                break;
            }
            continue;
        }
        got += take_payload(w, c);
        note_message(w);
    }
    return got;
}

/* ---- reading ---- */

/* Some more input, into c or the buffer. As the readv slot, and 0 when some
 * came that is not for c. */
static ssize_t fill(QIOChannel *ioc, struct websocket *w,
                    struct qiop_iov_cursor *c, QIOError **errp)
{
    uint64_t due = qiop_ws_payload_due(&w->decoder);
    struct iovec v[PIECES + 1];
    size_t size = 0, n = 0;
    ssize_t r;

    if (due >= STRAIGHT) {
        size_t limit = due < SSIZE_MAX ? (size_t)due : SSIZE_MAX;

        n = qiop_iov_cursor_slice(c, v, PIECES, limit);
        for (size_t i = 0; i < n; i++) {
            size += v[i].iov_len;
        }
    }
    if (size < STRAIGHT) {
        return qiop_ws_fill(ioc, w, errp);
    }
    r = fill_straight(ioc, w, v, n, size, errp);
    if (r > 0) {
        qiop_iov_cursor_advance(c, (size_t)r);
        note_message(w);
    }
    return r;
}

/* Why there is nothing to read: 0, -1 or BLOCK. */
static ssize_t no_data(struct websocket *w, bool relaxed, QIOError **errp)
{
    if (w->in_err) {
        qio_error_propagate(errp, qio_error_copy(w->in_err));
        return -1;
    }
    if (w->decoder.closed) {
        return 0;
    }
    if (!w->in_ended) {
        return QIO_CHANNEL_ERR_BLOCK;
    }
    if (relaxed && qiop_ws_between(&w->decoder)) {
        return 0;
    }
    qio_error_set(errp, QIO_ERROR_WEBSOCKET_TRUNCATED, 0,
                  qiop_ws_between(&w->decoder)
                      ? "the websocket ended without a close frame"
                      : "the websocket ended in the middle of a message");
    return -1;
}

ssize_t qiop_ws_read(QIOChannel *ioc, struct websocket *w,
                     const struct iovec *iov, size_t niov, bool relaxed,
                     QIOError **errp)
{
    struct qiop_iov_cursor c;
    size_t got = 0;
    ssize_t r = 0;
    int i;

    qiop_iov_cursor_init(&c, iov, niov);
    for (i = 0; i < QIOP_WS_TRIES; i++) {
        got += take_buffered(w, &c);
        if (!c.niov || w->message_end || ended(w) ||
            /* Go on if that is sure to give more: a large frame's rest. */
            (got && (i || qiop_ws_payload_due(&w->decoder) < STRAIGHT))) {
            break;
        }
        r = fill(ioc, w, &c, errp);
        if (r < 0) {
            break;
        }
        got += (size_t)r;
    }
    if (got) {
        if (r == -1) {
            qio_error_free(*errp);
            *errp = NULL;
        }
        return (ssize_t)got;
    }
    if (r == QIO_CHANNEL_ERR_BLOCK && !w->message_end && qiop_ws_overdue(w)) {
        timed_out(w);
    }
    return r == -1 ? -1 : no_data(w, relaxed, errp);
}

static bool next_is_data(const struct websocket *w)
{
    size_t len;
    const uint8_t *data = qiop_queue_peek(&w->in, &len);

    return qiop_ws_is_data(&w->decoder, data, len);
}

bool qiop_ws_probe(QIOChannel *ioc, struct websocket *w, QIOError **errp)
{
    bool told;

    pthread_mutex_lock(&w->in_lock);
    for (int i = 0; i < QIOP_WS_TRIES && !ended(w); i++) {
        while (w->in.len && !next_is_data(w) && take_event(w)) {
        }
        /* Data is for the reader, who will see what comes behind it. An empty
         * message is data, too. */
        if (next_is_data(w) || ended(w) || qiop_ws_fill(ioc, w, NULL) != 0) {
            break;
        }
    }
    qiop_ws_note_readable(w);
    told = atomic_load(&w->peer_code) && w->in_err;
    if (told) {
        qio_error_propagate(errp, qio_error_copy(w->in_err));
    }
    pthread_mutex_unlock(&w->in_lock);
    return told;
}
