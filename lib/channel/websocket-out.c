/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a websocket sends. A server's payload goes down straight from the
 * caller's memory, behind a header; what the base does not take is copied, so
 * that a frame once begun is always finished. A client's is masked into the
 * queue. Control frames go behind whatever is in the queue, which ends at the
 * end of a frame.
 */
#include <config.h>
#include "channel/websocket-priv.h"

#include <string.h>
#include "base/iov.h"

/* Pieces of a caller's iovec in one frame that is sent straight. */
#define PIECES 64
/* Kept free for a goodbye. */
#define GOODBYE_ROOM (QIOP_WS_HEADER_MAX + QIOP_WS_CONTROL_MAX)

/* ---- the queue; `out` is held in all of these ---- */

/* Append a frame whose payload is len bytes from c. */
static int put_frame(struct websocket *w, bool fin, enum qiop_ws_opcode opcode,
                     struct qiop_iov_cursor *c, size_t len, QIOError **errp)
{
    uint8_t key[QIOP_WS_KEY_SIZE];
    uint8_t *to;
    size_t avail, n;
    uint64_t at = 0;

    to = qiop_queue_reserve(&w->out, QIOP_WS_HEADER_MAX + len, &avail, errp);
    if (!to || (w->client && qiop_ws_keys_next(&w->keys, key, errp) < 0)) {
        return -1;
    }
    n = qiop_ws_header(to, fin, opcode, len, w->client ? key : NULL);
    qiop_queue_commit(&w->out, n + len);
    to += n;
    while (at < len) {
        const uint8_t *piece = qiop_iov_cursor_piece(c, &n);

        n = n < len - at ? n : (size_t)(len - at);
        if (w->client) {
            qiop_ws_mask(to + at, piece, n, key, at);
        } else {
            memcpy(to + at, piece, n);
        }
        qiop_iov_cursor_advance(c, n);
        at += n;
    }
    return 0;
}

static int put_control(struct websocket *w, enum qiop_ws_opcode opcode,
                       const uint8_t *payload, size_t len, QIOError **errp)
{
    struct iovec iov = {(void *)payload, len};
    struct qiop_iov_cursor c;

    qiop_iov_cursor_init(&c, &iov, 1);
    return put_frame(w, true, opcode, &c, len, errp);
}

static bool has_room(struct websocket *w, size_t len)
{
    return qiop_queue_room(&w->out) >= QIOP_WS_HEADER_MAX + len + GOODBYE_ROOM;
}

static void put_due_pong(struct websocket *w)
{
    if (w->pong_due && !w->goodbye_said && has_room(w, w->pong_len) &&
        put_control(w, QIOP_WS_PONG, w->pong, w->pong_len, NULL) == 0) {
        w->pong_due = false;
    }
}

static void note(struct websocket *w)
{
    atomic_store(&w->holds,
                 w->out.len > 0 || (w->pong_due && !w->goodbye_said));
    atomic_store(&w->out_failed, w->out_err != NULL);
}

/* 0 nothing is left, -1, BLOCK. */
static int drain(QIOChannel *ioc, struct websocket *w)
{
    int ret = 0;

    put_due_pong(w);
    while (ret == 0 && !w->out_err && w->out.len) {
        struct iovec iov;
        ssize_t n;

        iov.iov_base = (void *)qiop_queue_peek(&w->out, &iov.iov_len);
        n = qio_channel_try_writev(qio_channel_base(ioc), &iov, 1, &w->out_err);
        if (n == QIO_CHANNEL_ERR_BLOCK) {
            ret = QIO_CHANNEL_ERR_BLOCK;
        } else if (n > 0) {
            qiop_queue_consume(&w->out, (size_t)n);
            put_due_pong(w);
        }
    }
    if (w->out_err) {
        qiop_queue_consume(&w->out, w->out.len);
        w->pong_due = false;
        ret = -1;
    }
    return ret;
}

int qiop_ws_push(QIOChannel *ioc, struct websocket *w, QIOError **errp)
{
    int ret;

    pthread_mutex_lock(&w->out_lock);
    ret = drain(ioc, w);
    note(w);
    if (ret == -1) {
        qio_error_propagate(errp, qio_error_copy(w->out_err));
    }
    pthread_mutex_unlock(&w->out_lock);
    return ret;
}

int qiop_ws_push_through(QIOChannel *ioc, struct websocket *w, QIOError **errp)
{
    int ret = 0;

    if (atomic_load(&w->holds) || atomic_load(&w->out_failed)) {
        ret = qiop_ws_push(ioc, w, errp);
        if (ret == 0) {
            atomic_store(&w->base_holds, true);
        }
    }
    if (ret == 0 && atomic_load(&w->base_holds)) {
        ret = qio_channel_try_flush(qio_channel_base(ioc), errp);
        atomic_store(&w->base_holds, ret == QIO_CHANNEL_ERR_BLOCK);
    }
    return ret;
}

/* ---- data; `out` is held ---- */

static enum qiop_ws_opcode data_opcode(const struct websocket *w)
{
    if (w->continues) {
        return QIOP_WS_CONTINUATION;
    }
    return w->sending && w->type == QIO_WEBSOCKET_TEXT ? QIOP_WS_TEXT
                                                       : QIOP_WS_BINARY;
}

/* Bytes in v[0..n). */
static size_t total(const struct iovec *v, size_t n)
{
    size_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += v[i].iov_len;
    }
    return sum;
}

/* Keep what the base did not take of a frame; there is room. */
static void keep_rest(struct websocket *w, const struct iovec *v, size_t n,
                      size_t taken)
{
    struct qiop_iov_cursor c;
    size_t avail, left = total(v, n) - taken;
    uint8_t *to;

    qiop_iov_cursor_init(&c, v, n);
    qiop_iov_cursor_advance(&c, taken);
    to = left ? qiop_queue_reserve(&w->out, left, &avail, &w->out_err) : NULL;
    if (to) {
        qiop_iov_cursor_gather(&c, to, left);
        qiop_queue_commit(&w->out, left);
    }
}

/* One frame straight from the caller's memory; the queue is empty. */
static ssize_t send_straight(QIOChannel *ioc, struct websocket *w,
                             const struct qiop_iov_cursor *c, size_t size,
                             QIOError **errp)
{
    uint8_t header[QIOP_WS_HEADER_MAX];
    struct iovec v[1 + PIECES];
    size_t n, len, avail;
    ssize_t r;
    bool fin;

    n = 1 + qiop_iov_cursor_slice(c, v + 1, PIECES, QIOP_WS_BATCH);
    len = total(v + 1, n - 1);
    fin = !w->sending || len == size;
    v[0].iov_base = header;
    v[0].iov_len = qiop_ws_header(header, fin, data_opcode(w), len, NULL);
    /* Before the first byte is out, so that the last one can follow. */
    if (!qiop_queue_reserve(&w->out, v[0].iov_len + len, &avail, errp)) {
        return -1;
    }
    r = qio_channel_try_writev(qio_channel_base(ioc), v, n, &w->out_err);
    if (r <= 0) {
        return r;
    }
    keep_rest(w, v, n, (size_t)r);
    w->continues = !fin;
    return (ssize_t)len;
}

/* A client's, which is masked on the way; and empty messages. */
static ssize_t send_copied(QIOChannel *ioc, struct websocket *w,
                           struct qiop_iov_cursor *c, size_t size,
                           QIOError **errp)
{
    size_t len = size < QIOP_WS_BATCH ? size : QIOP_WS_BATCH;
    bool fin = !w->sending || len == size;

    if (put_frame(w, fin, data_opcode(w), c, len, errp) < 0) {
        return -1;
    }
    w->continues = !fin;
    return drain(ioc, w) == -1 ? -1 : (ssize_t)len;
}

ssize_t qiop_ws_write(QIOChannel *ioc, struct websocket *w,
                      const struct iovec *iov, size_t niov, QIOError **errp)
{
    struct qiop_iov_cursor c;
    size_t size = qiop_iov_size(iov, niov);
    ssize_t ret;

    qiop_iov_cursor_init(&c, iov, niov);
    pthread_mutex_lock(&w->out_lock);
    if (w->why_closed) {
        qio_error_propagate(errp, qio_error_copy(w->why_closed));
        ret = -1;
    } else {
        ret = drain(ioc, w);
        if (ret == 0) {
            ret = w->client || size == 0
                      ? send_copied(ioc, w, &c, size, errp)
                      : send_straight(ioc, w, &c, size, errp);
        }
        if (ret == -1) {
            qio_error_propagate(errp, qio_error_copy(w->out_err));
        }
    }
    note(w);
    pthread_mutex_unlock(&w->out_lock);
    return ret;
}

/* ---- control frames ---- */

void qiop_ws_pong(struct websocket *w, const uint8_t *payload, size_t len)
{
    pthread_mutex_lock(&w->out_lock);
    /* One that still waits for room is replaced: RFC 6455 §5.5.3. */
    put_due_pong(w);
    memcpy(w->pong, payload, len);
    w->pong_len = len;
    w->pong_due = !w->out_err;
    put_due_pong(w);
    note(w);
    pthread_mutex_unlock(&w->out_lock);
}

void qiop_ws_ping(struct websocket *w)
{
    static const uint8_t payload[] = "qio";

    pthread_mutex_lock(&w->out_lock);
    if (!w->out_err && !w->goodbye_said && has_room(w, sizeof(payload) - 1)) {
        (void)put_control(w, QIOP_WS_PING, payload, sizeof(payload) - 1, NULL);
    }
    note(w);
    pthread_mutex_unlock(&w->out_lock);
}

/* What we close with unless somebody said otherwise: the peer's own code, if it
 * has closed (§5.5.1). */
static unsigned usual_code(struct websocket *w)
{
    unsigned peer = atomic_load(&w->peer_code);

    return w->code ? w->code : peer ? peer : QIOP_WS_CODE_NORMAL;
}

int qiop_ws_goodbye(struct websocket *w, unsigned code, const char *reason,
                    QIOError **errp)
{
    uint8_t payload[QIOP_WS_CONTROL_MAX];
    size_t len = 0;
    int ret = 0;

    pthread_mutex_lock(&w->out_lock);
    if (!w->goodbye_said && !w->out_err) {
        if (!code) {
            code = usual_code(w);
            reason = w->reason;
        }
        if (code != QIOP_WS_CODE_NONE) {
            payload[0] = (uint8_t)(code >> 8);
            payload[1] = (uint8_t)code;
            len = strnlen(reason, QIOP_WS_REASON_MAX);
            memcpy(payload + 2, reason, len);
            len += 2;
        }
        ret = put_control(w, QIOP_WS_CLOSE, payload, len, errp);
        w->goodbye_said = ret == 0;
    }
    note(w);
    pthread_mutex_unlock(&w->out_lock);
    return ret;
}

void qiop_ws_out_close(struct websocket *w, const QIOError *why)
{
    pthread_mutex_lock(&w->out_lock);
    if (!w->why_closed) {
        w->why_closed = qio_error_copy(why);
    }
    atomic_store(&w->out_closed, true);
    pthread_mutex_unlock(&w->out_lock);
}
