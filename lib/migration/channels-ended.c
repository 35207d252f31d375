/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections that the other side ends while others are due. That is in order
 * when all was said before, the end of the blocks too; else the stream is lost,
 * and nobody need wait for the one that is due. Which of them it is only the
 * bytes can tell that nobody has asked for yet. They are all there: nothing
 * comes behind the end of a transport. So they are taken in, as many as the
 * kernel held, and looked at without being used.
 */
#define _GNU_SOURCE /* POLLRDHUP */
#include <config.h>
#include "channels-priv.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <qio/channel-socket.h>

#define EARLY_MIN ((size_t)64 << 10)

/* The descriptor that tells of it, or -1. */
static int leaf_fd(const struct qiop_lane *l)
{
    QIOChannel *ioc = l->ioc;

    while (qio_channel_base(ioc)) {
        ioc = qio_channel_base(ioc);
    }
    return qio_channel_socket_get_fd(ioc);
}

/* ---- what it still had ---- */

static int make_room(struct qiop_lane *l, QIOError **errp)
{
    size_t size = l->early_size ? l->early_size * 2 : EARLY_MIN;
    char *data;

    if (l->early_start) {
        memmove(l->early, l->early + l->early_start, l->early_len);
        l->early_start = 0;
    }
    if (l->early_len < l->early_size) {
        return 0;
    }
    data = realloc(l->early, size);
    if (!data) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    l->early = data;
    l->early_size = size;
    return 0;
}

/* Look for the end in what has come. 0 or -1. */
static int look_through(struct qiop_lane *l, QIOError **errp)
{
    struct qiop_block b;

    while (!l->whole && l->early_len >= l->early_head + QIOP_BLOCK_LEN) {
        const char *at = l->early + l->early_start + l->early_head;

        if (qiop_block_parse(&b, (const uint8_t *)at, errp)) {
            return -1;
        }
        l->early_head += QIOP_BLOCK_LEN + b.length;
        l->whole = b.end;
    }
    return 0;
}

static int take_early(struct qiop_channels *c, struct qiop_lane *l,
                      QIOError **errp)
{
    QIOError *err = NULL;

    while (!l->whole) {
        struct iovec iov;
        ssize_t n;

        if (make_room(l, &err)) {
            return qiop_lane_failed(c, l, err, errp);
        }
        iov.iov_base = l->early + l->early_len;
        iov.iov_len = l->early_size - l->early_len;
        n = qio_channel_try_readv(l->ioc, &iov, 1, &err);
        if (n == QIO_CHANNEL_ERR_BLOCK) {
            return 0;
        }
        if (n == 0) {
            return qiop_lane_ended(c, l, errp);
        }
        if (n < 0) {
            return qiop_lane_failed(c, l, err, errp);
        }
        l->early_len += (size_t)n;
        if (look_through(l, &err)) {
            return qiop_lane_failed(c, l, err, errp);
        }
    }
    return 0;
}

ssize_t qiop_lane_read(struct qiop_lane *l, const struct iovec *iov,
                       size_t niov, QIOError **errp)
{
    size_t done = 0;

    if (!l->early_len) {
        return qio_channel_try_readv(l->ioc, iov, niov, errp);
    }
    for (size_t i = 0; i < niov && l->early_len; i++) {
        size_t n = iov[i].iov_len;

        n = n < l->early_len ? n : l->early_len;
        memcpy(iov[i].iov_base, l->early + l->early_start, n);
        l->early_start += n;
        l->early_len -= n;
        done += n;
    }
    l->early_head -= done < l->early_head ? done : l->early_head;
    return (ssize_t)done;
}

/* ---- looking: for the reader ---- */

/* It has ended: what do the bytes say? 0 or -1. */
static int ends(struct qiop_channels *c, unsigned i, QIOError **errp)
{
    struct qiop_lane *l = &c->lanes[i];
    QIOError *err = NULL;

    if (!l->early_len) {
        if (make_room(l, &err)) {
            return qiop_lane_failed(c, l, err, errp);
        }
        /* What comes next is the rest of its block, or of a header. */
        l->early_head = c->order.lanes[i].held ? l->left : 0;
        memcpy(l->early, l->head, l->head_len);
        l->early_len = l->head_len;
        l->head_len = 0;
    }
    l->over = true;
    return take_early(c, l, errp);
}

/* Whether it may end without being noticed. */
static bool is_idle(const struct qiop_channels *c, unsigned i)
{
    const struct qiop_order_lane *o = &c->order.lanes[i];

    return !c->lanes[i].whole && !o->ended &&
           !(o->held && o->block.number == c->order.next);
}

static int look_at(struct qiop_channels *c, unsigned i, short signs,
                   QIOError **errp)
{
    QIOError *err = NULL;

    if (c->lanes[i].over || (signs & (POLLHUP | POLLRDHUP))) {
        return ends(c, i, errp);
    }
    if (signs & POLLERR) {
        qio_error_set(&err, QIO_ERROR_BROKEN, 0, "it broke off");
        return qiop_lane_failed(c, &c->lanes[i], err, errp);
    }
    return 0;
}

int qiop_channels_look(struct qiop_channels *c, QIOError **errp)
{
    struct pollfd v[QIOP_CHANNELS_MAX];
    unsigned idle = 0;

    for (unsigned i = 0; i < c->count; i++) {
        bool look = is_idle(c, i);

        idle += look;
        v[i] = (struct pollfd){.fd = look ? leaf_fd(&c->lanes[i]) : -1,
                               .events = POLLRDHUP};
    }
    if (!idle || poll(v, c->count, 0) < 0) {
        return 0;
    }
    for (unsigned i = 0; i < c->count; i++) {
        if (is_idle(c, i) && look_at(c, i, v[i].revents, errp)) {
            return -1;
        }
    }
    return 0;
}

void qiop_lane_await_end(const struct qiop_lane *l, QIOPollSet *set)
{
    if (!l->whole) {
        qio_poll_set_below(set, l->ioc, QIO_EVENT_HUP | QIO_EVENT_ERR,
                           QIO_EVENT_IN);
        qio_poll_set_add_fd(set, leaf_fd(l), POLLRDHUP, QIO_EVENT_IN);
    }
}

/* ---- ... and for the writer ---- */

/* Once it has said all it may find both directions ended, in order. */
static bool is_lost(const struct qiop_channels *c, short signs)
{
    return signs & (c->out_over ? POLLERR : POLLERR | POLLHUP);
}

int qiop_channels_look_out(struct qiop_channels *c, QIOError **errp)
{
    QIOError *err = NULL;

    for (unsigned i = 0; i < c->count; i++) {
        struct qiop_lane *l = &c->lanes[i];
        struct pollfd v = {.fd = l->ioc ? leaf_fd(l) : -1};

        if (poll(&v, 1, 0) > 0 && is_lost(c, v.revents)) {
            qio_error_set(&err, QIO_ERROR_BROKEN, 0, "it broke off");
            return qiop_lane_failed(c, l, err, errp);
        }
    }
    return 0;
}

void qiop_lane_await_loss(const struct qiop_channels *c,
                          const struct qiop_lane *l, unsigned as,
                          QIOPollSet *set)
{
    struct pollfd v = {.fd = l->ioc ? leaf_fd(l) : -1};

    /* One that has ended in order would wake us for ever. */
    if (v.fd >= 0 && (poll(&v, 1, 0) <= 0 || is_lost(c, v.revents))) {
        qio_poll_set_below(set, l->ioc, QIO_EVENT_HUP | QIO_EVENT_ERR, as);
    }
}
