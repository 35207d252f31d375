/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copying between two channels as a task: one pump for each direction. */
#include <config.h>
#include <stdlib.h>
#include "core/channel.h"
#include "loop/task.h"

#define BUFFER (256 * 1024)
/* Rounds of one direction before the other tasks have their turn. */
#define TURNS 4

struct pump {
    QIOChannel *src, *dst;
    char *buf; /* only while bytes flow */
    size_t begin, end;
    bool wants_in;      /* from src */
    bool wants_out;     /* to dst */
    QIOChannel *flush;  /* what dst's flushing waits for */
    QIOWatch *flushing; /* ... and the watch of it */
    bool ended;         /* src has */
    bool shut;          /* dst was told */
    bool done;
};

struct copy {
    struct pump pump[2];
    unsigned n; /* pumps */
    unsigned flags;
    QIOChannel *b; /* one reference */
    QIOWatch *watch[2];
};

/* 1 progress, 0 the end, -1, BLOCK. */
static int pump_in(struct pump *p, QIOError **errp)
{
    struct iovec iov = {.iov_len = BUFFER};
    ssize_t n;

    if (!p->buf) {
        p->buf = malloc(BUFFER);
    }
    if (!p->buf) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "cannot allocate a buffer");
        return -1;
    }
    iov.iov_base = p->buf;
    n = qiop_try_readv(p->src, &iov, 1, NULL, NULL, 0, errp);
    if (n == QIO_CHANNEL_ERR_BLOCK) {
        /* It may be a long time. */
        free(p->buf);
        p->buf = NULL;
        p->wants_in = true;
        return QIO_CHANNEL_ERR_BLOCK;
    }
    if (n < 0) {
        qio_error_prefix(errp, "reading from ");
        return -1;
    }
    p->begin = 0;
    p->end = (size_t)n;
    p->ended = n == 0;
    return n > 0;
}

static int pump_out(struct pump *p, uint64_t *count, QIOError **errp)
{
    while (p->begin < p->end) {
        struct iovec iov = {.iov_base = p->buf + p->begin,
                            .iov_len = p->end - p->begin};
        ssize_t n = qiop_try_writev(p->dst, &iov, 1, NULL, 0, 0, errp);

        if (n == QIO_CHANNEL_ERR_BLOCK) {
            p->wants_out = true;
            return QIO_CHANNEL_ERR_BLOCK;
        }
        if (n < 0) {
            qio_error_prefix(errp, "writing to ");
            return -1;
        }
        p->begin += (size_t)n;
        *count += (uint64_t)n;
    }
    return 1;
}

static int pump_flush(struct pump *p, QIOError **errp)
{
    QIOChannel *at = p->dst;
    int r = qiop_try_flush(p->dst, &at, errp);

    if (r == QIO_CHANNEL_ERR_BLOCK) {
        p->flush = at;
    } else if (r < 0) {
        qio_error_prefix(errp, "writing to ");
    }
    return r;
}

/* A transport that cannot end one direction is left as it is. */
static int pump_shut(struct pump *p, QIOError **errp)
{
    QIOError *err = NULL;

    p->shut = true;
    if (qio_channel_shutdown(p->dst, QIO_CHANNEL_SHUTDOWN_WRITE, &err) < 0 &&
        qio_error_code(err) != QIO_ERROR_UNSUPPORTED) {
        qio_error_propagate(errp, err);
        qio_error_prefix(errp, "ending ");
        return -1;
    }
    qio_error_free(err);
    return 0;
}

/* 0 done, -1, BLOCK; 1 when it had its share and wants to go on. */
static int pump_step(struct pump *p, unsigned flags, uint64_t *count,
                     QIOError **errp)
{
    p->wants_in = false;
    p->wants_out = false;
    p->flush = NULL;
    for (int turn = 0; turn < TURNS; turn++) {
        int r = pump_out(p, count, errp);

        r = r == 1 ? pump_flush(p, errp) : r;
        if (r == 0 && p->ended) {
            if (p->shut || (flags & QIO_COPY_KEEP_OPEN)) {
                return 0;
            }
            if (pump_shut(p, errp) < 0) {
                return -1;
            }
            continue;
        }
        r = r == 0 ? pump_in(p, errp) : r;
        if (r < 0) {
            return r;
        }
    }
    return 1;
}

/* ---- the task ---- */

/* The two sides of pump 0 are those of pump 1 the other way round. */
static unsigned wanted_of(const struct copy *c, int side)
{
    return (c->pump[side].wants_in ? QIO_EVENT_IN : 0) |
           (c->pump[!side].wants_out ? QIO_EVENT_OUT : 0);
}

static int wait_all(QIOTask *task, struct copy *c, QIOError **errp)
{
    for (int side = 0; side < 2; side++) {
        QIOChannel *ioc = side ? c->b : task->ioc;
        struct pump *p = &c->pump[side];
        unsigned events = wanted_of(c, side);

        if (!events) {
            qiop_task_unwatch(&c->watch[side]);
        } else if (qiop_task_watch(task, &c->watch[side], ioc, events, errp) <
                   0) {
            return -1;
        }
        if (!p->flush) {
            qiop_task_unwatch(&p->flushing);
        } else if (qiop_task_watch(task, &p->flushing, p->flush,
                                   QIO_EVENT_FLUSH, errp) < 0) {
            return -1;
        }
    }
    return QIO_CHANNEL_ERR_BLOCK;
}

static int copy_step(QIOTask *task, QIOError **errp)
{
    struct copy *c = qiop_task_private(task);
    bool all = true;

    for (unsigned i = 0; i < c->n; i++) {
        struct pump *p = &c->pump[i];
        int r;

        if (p->done) {
            continue;
        }
        r = pump_step(p, c->flags, &task->bytes[i], errp);
        if (r == -1) {
            return -1;
        }
        if (r == 1) {
            qiop_task_step_soon(task);
        }
        p->done = r == 0;
        all &= p->done;
    }
    return all ? 0 : wait_all(task, c, errp);
}

static void copy_stop(QIOTask *task)
{
    struct copy *c = qiop_task_private(task);

    for (int side = 0; side < 2; side++) {
        qiop_task_unwatch(&c->watch[side]);
        qiop_task_unwatch(&c->pump[side].flushing);
        free(c->pump[side].buf);
        c->pump[side].buf = NULL;
    }
}

static void copy_finalize(QIOTask *task)
{
    struct copy *c = qiop_task_private(task);

    qio_channel_unref(c->b);
}

static const struct qiop_task_kind copy_kind = {
    .doing = "copying",
    .private_size = sizeof(struct copy),
    .step = copy_step,
    .stop = copy_stop,
    .finalize = copy_finalize,
};

QIOTask *qio_channel_copy_async(QIOChannel *a, QIOChannel *b, QIOLoop *loop,
                                unsigned flags, int timeout_ms, QIOTaskFunc *fn,
                                void *opaque, QIODestroyFunc *destroy,
                                QIOError **errp)
{
    QIOTask *task = qiop_task_new(loop, &copy_kind, a, timeout_ms, fn, opaque,
                                  destroy, errp);
    struct copy *c;

    if (!task) {
        return NULL;
    }
    c = qiop_task_private(task);
    c->b = qio_channel_ref(b);
    c->flags = flags;
    c->n = flags & QIO_COPY_BOTH_WAYS ? 2 : 1;
    c->pump[0].src = c->pump[1].dst = a;
    c->pump[0].dst = c->pump[1].src = b;
    return qiop_task_start(task);
}
