/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file that takes blocks as they come. What is due goes to the caller and
 * from his memory to the file; what is not goes to the file at its place and
 * comes back from there when it is due. So whoever reads sees the same stream
 * in the same order as without, and judges it by the same rules.
 */
#include <config.h>
#include "channels-priv.h"

#include <stdint.h>

static int failed(struct qiop_channels *c, QIOError *err, QIOError **errp)
{
    c->file_failed = true;
    /* What is behind it in the stream matters no more. */
    qio_error_free(*errp);
    *errp = NULL;
    qio_error_prefix(&err, "the file: ");
    qio_error_propagate(errp, err);
    return -1;
}

static int out_of_reach(struct qiop_channels *c, QIOError **errp)
{
    QIOError *err = NULL;

    qio_error_set(&err, QIO_ERROR_INVALID, 0, "its offsets end");
    return failed(c, err, errp);
}

/* All len bytes of v, for which the stream has this place. */
static int write_at(struct qiop_channels *c, const struct iovec *v, size_t len,
                    uint64_t place, QIOError **errp)
{
    struct iovec rest[QIOP_LANE_IOV];
    QIOError *err = NULL;
    size_t done = 0;

    if (place > (uint64_t)INT64_MAX - (uint64_t)c->file_base - len) {
        return out_of_reach(c, errp);
    }
    while (done < len) {
        size_t more = len - done;
        size_t n = qiop_cut(rest, v, QIOP_LANE_IOV, done, &more);
        ssize_t put = qio_channel_pwritev(
            c->file, rest, n, c->file_base + (off_t)(place + done), &err);

        if (put <= 0) {
            if (!err) {
                qio_error_set(&err, QIO_ERROR_SYSTEM, 0, "it takes nothing");
            }
            return failed(c, err, errp);
        }
        done += (size_t)put;
    }
    return 0;
}

int qiop_file_told(struct qiop_channels *c, const struct iovec *v, size_t len,
                   QIOError **errp)
{
    if (write_at(c, v, len, c->told, errp)) {
        return -1;
    }
    c->told += len;
    c->ready = c->told;
    return 0;
}

ssize_t qiop_file_read(struct qiop_channels *c, const struct iovec *iov,
                       size_t niov, size_t at, QIOError **errp)
{
    uint64_t ready = c->ready - c->told;
    size_t len = ready < SIZE_MAX ? (size_t)ready : SIZE_MAX;
    struct iovec v[QIOP_LANE_IOV];
    size_t n = qiop_cut(v, iov, niov, at, &len);
    QIOError *err = NULL;
    ssize_t got;

    if (!n) {
        return 0;
    }
    got =
        qio_channel_preadv(c->file, v, n, c->file_base + (off_t)c->told, &err);
    if (got <= 0) {
        if (!err) {
            qio_error_set(&err, QIO_ERROR_SYSTEM, 0,
                          "somebody made it shorter");
        }
        return failed(c, err, errp);
    }
    c->told += (uint64_t)got;
    return got;
}

/* ---- blocks that are not due ---- */

/* A piece of the block that this connection has. Whether one came, or -1. */
static int put_piece(struct qiop_channels *c, unsigned i, QIOError **errp)
{
    const struct qiop_block *b = &c->order.lanes[i].block;
    struct qiop_lane *l = &c->lanes[i];
    struct iovec iov = {c->file_buf,
                        l->left < QIOP_BLOCK_SIZE ? l->left : QIOP_BLOCK_SIZE};
    QIOError *err = NULL;
    ssize_t n;

    if (qiop_order_check_store(&c->order, i, &err)) {
        return qiop_lane_failed(c, l, err, errp);
    }
    n = qiop_lane_read(l, &iov, 1, &err);
    if (n == QIO_CHANNEL_ERR_BLOCK) {
        return 0;
    }
    if (n == 0) {
        return qiop_lane_ended(c, l, errp);
    }
    if (n < 0) {
        return qiop_lane_failed(c, l, err, errp);
    }
    if (write_at(c, &iov, (size_t)n, b->offset + (b->length - l->left), errp)) {
        return -1;
    }
    l->left -= (uint32_t)n;
    if (!l->left && qiop_order_store(&c->order, i, &err)) {
        return qiop_lane_failed(c, l, err, errp);
    }
    return 1;
}

/* About a block of each, so that what is due has its turn soon. */
static int put_lane(struct qiop_channels *c, unsigned i, QIOError **errp)
{
    const struct qiop_order_lane *o = &c->order.lanes[i];
    unsigned blocks = 0;
    int r = 1;

    while (r > 0 && blocks < 2) {
        if (o->ended) {
            return 0;
        }
        if (!o->held) {
            r = qiop_lane_header(c, &c->lanes[i], errp);
            blocks++;
        } else if (qiop_order_may_store(&c->order, i)) {
            r = put_piece(c, i, errp);
        } else {
            return 0;
        }
    }
    return r < 0 ? -1 : 0;
}

int qiop_file_put_aside(struct qiop_channels *c, QIOError **errp)
{
    for (unsigned i = 0; i < c->count; i++) {
        if (put_lane(c, i, errp)) {
            return -1;
        }
    }
    return 0;
}
