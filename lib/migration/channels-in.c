/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading from many connections: the block that is due goes straight into the
 * caller's buffer, those that came too early wait in their connections. So
 * nothing is kept here but headers, and a connection that is far ahead is
 * slowed down by its own transport. There is always progress: the numbers on
 * one connection only grow, so no block waits behind one that is due later.
 */
#include <config.h>
#include "channels-priv.h"

/* ---- failures ---- */

int qiop_lane_failed(const struct qiop_channels *c, const struct qiop_lane *l,
                     QIOError *err, QIOError **errp)
{
    qio_error_prefix(
        &err, "connection %u of %u: ", (unsigned)(l - c->lanes) + 1, c->count);
    qio_error_propagate(errp, err);
    return -1;
}

int qiop_lane_ended(const struct qiop_channels *c, const struct qiop_lane *l,
                    QIOError **errp)
{
    QIOError *err = NULL;

    qio_error_set(&err, QIO_ERROR_EOF, 0, "it ended before the stream did");
    return qiop_lane_failed(c, l, err, errp);
}

/* ---- headers ---- */

static unsigned lane_number(const struct qiop_channels *c,
                            const struct qiop_lane *l)
{
    return (unsigned)(l - c->lanes);
}

static bool wants_header(const struct qiop_channels *c, unsigned i)
{
    return !c->order.lanes[i].held && !c->order.lanes[i].ended;
}

/* More of a header has come. 0 or -1. */
static int take_header(struct qiop_channels *c, struct qiop_lane *l, size_t n,
                       QIOError **errp)
{
    unsigned i = lane_number(c, l);
    QIOError *err = NULL;

    l->head_len += n;
    if (l->head_len < QIOP_BLOCK_LEN) {
        return 0;
    }
    l->head_len = 0;
    if (qiop_order_header(&c->order, i, l->head, &err)) {
        return qiop_lane_failed(c, l, err, errp);
    }
    l->left = c->order.lanes[i].ended ? 0 : c->order.lanes[i].block.length;
    return 0;
}

int qiop_lane_header(struct qiop_channels *c, struct qiop_lane *l,
                     QIOError **errp)
{
    struct iovec iov = {l->head + l->head_len, QIOP_BLOCK_LEN - l->head_len};
    QIOError *err = NULL;
    ssize_t n = qiop_lane_read(l, &iov, 1, &err);

    if (n == QIO_CHANNEL_ERR_BLOCK) {
        return 0;
    }
    if (n == 0) {
        return qiop_lane_ended(c, l, errp);
    }
    if (n < 0) {
        return qiop_lane_failed(c, l, err, errp);
    }
    return take_header(c, l, (size_t)n, errp) ? -1 : 1;
}

static int read_headers(struct qiop_channels *c, QIOError **errp)
{
    int came = 0;

    for (unsigned i = 0; i < c->count; i++) {
        int r =
            wants_header(c, i) ? qiop_lane_header(c, &c->lanes[i], errp) : 0;

        if (r < 0) {
            return -1;
        }
        came |= r;
    }
    return came;
}

/* ---- blocks ---- */

size_t qiop_cut(struct iovec *out, const struct iovec *iov, size_t niov,
                size_t at, size_t *len)
{
    size_t n = 0, sum = 0;

    for (size_t i = 0; i < niov && n < QIOP_LANE_IOV - 1 && sum < *len; i++) {
        size_t have = iov[i].iov_len;

        if (at >= have) {
            at -= have;
            continue;
        }
        out[n].iov_base = (char *)iov[i].iov_base + at;
        out[n].iov_len = have - at < *len - sum ? have - at : *len - sum;
        sum += out[n++].iov_len;
        at = 0;
    }
    *len = sum;
    return n;
}

/* Into iov, from at on; the header behind the block comes along. The bytes of
 * the stream, 0 when iov is full, BLOCK, or -1. */
static ssize_t read_due(struct qiop_channels *c, struct qiop_lane *l,
                        const struct iovec *iov, size_t niov, size_t at,
                        QIOError **errp)
{
    struct iovec v[QIOP_LANE_IOV];
    QIOError *err = NULL;
    size_t len = l->left;
    size_t n = qiop_cut(v, iov, niov, at, &len);
    ssize_t got;

    if (!n) {
        return 0;
    }
    if (len == l->left) {
        v[n++] = (struct iovec){l->head, QIOP_BLOCK_LEN};
    }
    got = qiop_lane_read(l, v, n, &err);
    if (got == QIO_CHANNEL_ERR_BLOCK) {
        return got;
    }
    if (got == 0) {
        return qiop_lane_ended(c, l, errp);
    }
    if (got < 0) {
        return qiop_lane_failed(c, l, err, errp);
    }
    len = (size_t)got < l->left ? (size_t)got : l->left;
    if (c->file && qiop_file_told(c, v, len, errp)) {
        return -1;
    }
    if (len < l->left) {
        l->left -= (uint32_t)len;
        return got;
    }
    l->left = 0;
    qiop_order_done(&c->order, lane_number(c, l));
    if ((size_t)got > len && take_header(c, l, (size_t)got - len, &err)) {
        /* What came before it was good. */
        c->in_err = err;
    }
    return (ssize_t)len;
}

/* ---- the slots ---- */

/* What is due, as qiop_order_next(), or BLOCK, which is _MORE. */
static int find_due(struct qiop_channels *c, QIOError **errp)
{
    int r = qiop_order_next(&c->order, errp);

    while (r == QIOP_ORDER_MORE) {
        r = read_headers(c, errp);
        if (r <= 0) {
            return r ? -1 : QIOP_ORDER_MORE;
        }
        r = qiop_order_next(&c->order, errp);
    }
    return r;
}

/* How many bytes of what is due are in the file already. */
static uint64_t find_ready(struct qiop_channels *c, int due)
{
    const struct qiop_block *b = &c->order.lanes[due >= 0 ? due : 0].block;

    if (due == QIOP_ORDER_STORED) {
        return c->told + qiop_order_take(&c->order);
    }
    return due >= 0 ? b->offset + (b->length - c->lanes[due].left) : c->told;
}

/* More into iov, of which `got` bytes are full. As the readv slot. */
static ssize_t read_more(struct qiop_channels *c, const struct iovec *iov,
                         size_t niov, size_t got, QIOError **errp)
{
    int r = 0;

    if (c->told == c->ready) {
        r = find_due(c, errp);
        if (r == QIOP_ORDER_MORE || r == QIOP_ORDER_END || r == -1) {
            return r == QIOP_ORDER_MORE ? QIO_CHANNEL_ERR_BLOCK
                                        : -(r != QIOP_ORDER_END);
        }
        c->ready = c->file ? find_ready(c, r) : 0;
    }
    return c->told < c->ready ? qiop_file_read(c, iov, niov, got, errp)
                              : read_due(c, &c->lanes[r], iov, niov, got, errp);
}

ssize_t qiop_channels_read(struct qiop_channels *c, const struct iovec *iov,
                           size_t niov, QIOError **errp)
{
    uint64_t before = c->order.next;
    size_t got = 0;
    ssize_t n = 1;

    if (!c->in_begun) {
        c->in_begun = true;
        c->order.stored = c->file_stored;
    }
    while (n > 0 && !c->in_err) {
        n = read_more(c, iov, niov, got, &c->in_err);
        got += n > 0 ? (size_t)n : 0;
    }
    if (!c->in_err && n == QIO_CHANNEL_ERR_BLOCK && !got && c->file) {
        (void)qiop_file_put_aside(c, &c->in_err);
    }
    /* Not for each piece of a block, but soon. */
    if (!c->in_err &&
        ((n == QIO_CHANNEL_ERR_BLOCK && !got) || c->order.next != before)) {
        (void)qiop_channels_look(c, &c->in_err);
    }
    /* A failure is told when what came before it has been. */
    if (got) {
        return (ssize_t)got;
    }
    if (c->in_err) {
        qio_error_propagate(errp, qio_error_copy(c->in_err));
        return -1;
    }
    return n;
}

/* What progress on this connection waits for. */
static void poll_lane(const struct qiop_lane *l, bool wanted, QIOPollSet *set)
{
    if (wanted && l->early_len) {
        qio_poll_set_ready(set, QIO_EVENT_IN);
    } else if (wanted || (l->over && !l->whole)) {
        qio_poll_set_below(set, l->ioc, QIO_EVENT_IN, QIO_EVENT_IN);
    } else {
        qiop_lane_await_end(l, set);
    }
}

void qiop_channels_poll_in(struct qiop_channels *c, QIOPollSet *set)
{
    QIOError *err = NULL;
    int r = qiop_order_next(&c->order, &err);

    qio_error_free(err);
    if (c->in_err || r == -1 || r == QIOP_ORDER_END || r == QIOP_ORDER_STORED ||
        c->told < c->ready) {
        qio_poll_set_ready(set, QIO_EVENT_IN);
        return;
    }
    for (unsigned i = 0; i < c->count; i++) {
        bool wanted =
            r == (int)i ||
            ((c->file || r == QIOP_ORDER_MORE) && wants_header(c, i)) ||
            qiop_order_may_store(&c->order, i);

        if (!c->order.lanes[i].ended) {
            poll_lane(&c->lanes[i], wanted, set);
        }
    }
}
