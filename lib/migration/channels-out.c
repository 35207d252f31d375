/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing to many connections: each block goes straight from the
 * caller's memory to the first one that takes something of it. What it does not
 * take of that block is kept for it, so that the others go on meanwhile.
 */
#include <config.h>
#include "channels-priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- what a connection still has to take ---- */

static int make_room(struct qiop_lane *l, QIOError **errp)
{
    l->out = l->out ? l->out : malloc(QIOP_LANE_OUT);
    if (!l->out) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    if (l->out_start) {
        memmove(l->out, l->out + l->out_start, l->out_len);
        l->out_start = 0;
    }
    return 0;
}

int qiop_lane_say(struct qiop_lane *l, const void *data, size_t len,
                  QIOError **errp)
{
    if (make_room(l, errp)) {
        return -1;
    }
    memcpy(l->out + l->out_len, data, len);
    l->out_len += len;
    return 0;
}

static int fail(struct qiop_channels *c, struct qiop_lane *l, QIOError *err)
{
    return qiop_lane_failed(c, l, err, &c->out_err);
}

/* 0 when there is nothing left, BLOCK, or -1. */
static int push(struct qiop_channels *c, struct qiop_lane *l)
{
    QIOError *err = NULL;

    while (l->out_len > 0) {
        struct iovec iov = {l->out + l->out_start, l->out_len};
        ssize_t n = qio_channel_try_writev(l->ioc, &iov, 1, &err);

        if (n == QIO_CHANNEL_ERR_BLOCK) {
            return QIO_CHANNEL_ERR_BLOCK;
        }
        if (n < 0) {
            return fail(c, l, err);
        }
        l->out_start += (size_t)n;
        l->out_len -= (size_t)n;
    }
    l->out_start = 0;
    if (!l->out_ends) {
        return 0;
    }
    l->out_ends = false;
    /* Pipes and the like have one direction only. */
    if (qio_channel_shutdown(l->ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &err) &&
        qio_error_code(err) != QIO_ERROR_UNSUPPORTED) {
        return fail(c, l, err);
    }
    qio_error_free(err);
    return 0;
}

static int flush_lane(struct qiop_channels *c, struct qiop_lane *l)
{
    QIOError *err = NULL;
    int r = push(c, l);

    if (r == 0) {
        r = qio_channel_try_flush(l->ioc, &err);
        if (r == -1) {
            fail(c, l, err);
        }
    }
    l->out_blocked = r == QIO_CHANNEL_ERR_BLOCK;
    return r;
}

/* What they hold of earlier blocks is due before all that is written now, and
 * whoever reads waits for it. 1, or -1. */
static int go_on(struct qiop_channels *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        struct qiop_lane *l = &c->lanes[i];

        if ((l->out_len || l->out_blocked) && flush_lane(c, l) == -1) {
            return -1;
        }
    }
    return 1;
}

/* ---- blocks ---- */

/* A block being cut from what is written. */
struct cutting {
    uint8_t head[QIOP_BLOCK_LEN];
    struct iovec v[QIOP_LANE_IOV];
    size_t n;
    size_t len; /* without its head */
};

static void begin_block(struct cutting *b, const struct iovec *iov, size_t niov,
                        size_t at)
{
    b->v[0] = (struct iovec){b->head, QIOP_BLOCK_LEN};
    b->n = 1;
    b->len = 0;
    for (size_t i = 0; i < niov && b->n < QIOP_LANE_IOV; i++) {
        size_t room = QIOP_BLOCK_SIZE - b->len;
        size_t have = iov[i].iov_len;

        if (at >= have) {
            at -= have;
            continue;
        }
        if (!room) {
            break;
        }
        b->v[b->n].iov_base = (char *)iov[i].iov_base + at;
        b->v[b->n].iov_len = have - at < room ? have - at : room;
        b->len += b->v[b->n++].iov_len;
        at = 0;
    }
}

/* What was not taken, after `taken` bytes, is kept. */
static int keep_rest(struct qiop_lane *l, const struct cutting *b, size_t taken,
                     QIOError **errp)
{
    for (size_t i = 0; i < b->n; i++) {
        const char *data = b->v[i].iov_base;
        size_t skip = taken < b->v[i].iov_len ? taken : b->v[i].iov_len;

        taken -= skip;
        if (skip < b->v[i].iov_len &&
            qiop_lane_say(l, data + skip, b->v[i].iov_len - skip, errp)) {
            return -1;
        }
    }
    return 0;
}

/* Give the block to this connection. 1, BLOCK when it takes nothing, or -1. */
static int give(struct qiop_channels *c, struct qiop_lane *l, struct cutting *b)
{
    struct qiop_block head = {
        .index = (unsigned)(l - c->lanes),
        .length = (uint32_t)b->len,
        .number = c->number,
        .offset = c->offset,
    };
    QIOError *err = NULL;
    ssize_t n = push(c, l);

    if (n < 0) {
        return (int)n;
    }
    /* Before anything is sent that could not be completed. */
    if (make_room(l, &c->out_err)) {
        return -1;
    }
    qiop_block_write(&head, b->head);
    n = qio_channel_try_writev(l->ioc, b->v, b->n, &err);
    if (n == QIO_CHANNEL_ERR_BLOCK) {
        return QIO_CHANNEL_ERR_BLOCK;
    }
    if (n < 0) {
        return fail(c, l, err);
    }
    c->number++;
    c->offset += b->len;
    return keep_rest(l, b, (size_t)n, &c->out_err) ? -1 : 1;
}

/* To whoever takes it. With threads they take turns, so that all are busy.
 * Without, it is the first one that has room, and the others get what is too
 * much for those before them: so no more is under way than has to be, and both
 * ends find it in the cache. Filled up in turn they would have as much under
 * way as all of their sockets hold. */
static int give_to_any(struct qiop_channels *c, struct cutting *b)
{
    int r = QIO_CHANNEL_ERR_BLOCK;

    for (unsigned i = 0; i < c->count && r == QIO_CHANNEL_ERR_BLOCK; i++) {
        unsigned which = (c->turn + i) % c->count;

        r = give(c, &c->lanes[which], b);
        if (r > 0 && c->threads) {
            c->turn = (which + 1) % c->count;
        } else if (r > 0 && which) {
            /* Its turn may not come soon. */
            c->lanes[which].out_blocked = true;
        }
    }
    return r;
}

ssize_t qiop_channels_write(struct qiop_channels *c, const struct iovec *iov,
                            size_t niov, QIOError **errp)
{
    struct cutting b;
    size_t done = 0;
    int r = c->out_err ? -1 : go_on(c);

    while (r > 0) {
        begin_block(&b, iov, niov, done);
        if (!b.len) {
            break;
        }
        r = give_to_any(c, &b);
        done += r > 0 ? b.len : 0;
    }
    /* A failure is told when what came before it has been. */
    if (done) {
        return (ssize_t)done;
    }
    if (c->out_err) {
        qio_error_propagate(errp, qio_error_copy(c->out_err));
        return -1;
    }
    return r;
}

/* ---- ending and flushing ---- */

int qiop_channels_flush(struct qiop_channels *c, QIOError **errp)
{
    int worst = c->out_err ? -1 : 0;

    for (unsigned i = 0; i < c->count && worst != -1; i++) {
        /* While opening some may be missing. */
        int r = c->lanes[i].ioc ? flush_lane(c, &c->lanes[i]) : 0;

        worst = r ? r : worst;
    }
    /* While opening, what a connection says comes before that it is dead. */
    if (worst == QIO_CHANNEL_ERR_BLOCK && c->order.count &&
        qiop_channels_look_out(c, &c->out_err)) {
        worst = -1;
    }
    if (worst == -1) {
        qio_error_propagate(errp, qio_error_copy(c->out_err));
    }
    return worst;
}

int qiop_channels_end(struct qiop_channels *c, QIOError **errp)
{
    struct qiop_block end = {
        .end = true,
        .number = c->number,
        .offset = c->offset,
    };
    uint8_t data[QIOP_BLOCK_LEN];

    c->out_over = true;
    for (unsigned i = 0; i < c->count && !c->out_err; i++) {
        end.index = i;
        qiop_block_write(&end, data);
        (void)qiop_lane_say(&c->lanes[i], data, sizeof(data), &c->out_err);
        c->lanes[i].out_ends = true;
    }
    return qiop_channels_flush(c, errp) == -1 ? -1 : 0;
}

void qiop_channels_poll_flush(struct qiop_channels *c, unsigned as,
                              QIOPollSet *set)
{
    bool waits = false;

    for (unsigned i = 0; i < c->count; i++) {
        struct qiop_lane *l = &c->lanes[i];

        waits |= l->out_len || l->out_blocked;
        if (l->out_len) {
            qio_poll_set_below(set, l->ioc, QIO_EVENT_OUT, as);
        } else if (l->out_blocked) {
            qio_poll_set_below(set, l->ioc, QIO_EVENT_FLUSH, as);
        } else if (as == QIO_EVENT_FLUSH) {
            qiop_lane_await_loss(c, l, as, set);
        }
    }
    /* Another thread has flushed it all. */
    if (!waits && as == QIO_EVENT_FLUSH) {
        qio_poll_set_ready(set, as);
    }
}
