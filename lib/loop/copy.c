/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copying between two channels as a task: one pump for each direction. */
#include <config.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/pages.h"
#include "core/channel.h"
#include "core/splice.h"
#include "loop/task.h"

#define BUFFER (256 * 1024)
/* Rounds of one direction before the other tasks have their turn. */
#define TURNS 4
/* So much at once, and the next is worth a pipe. */
#define BULK (32 * 1024)
/* Without input for so long, and its memory goes. At once would be too soon: it
 * comes from the kernel, page by page, and where each write waits for the next
 * read, that took ten times as long as the copying. */
#define REST_US 20000

struct pump {
    QIOChannel *src, *dst;
    char *buf; /* not for long when nothing comes */
    size_t begin, end;
    struct qiop_splice pipe; /* likewise; instead of buf */
    bool splices;
    bool bulk;          /* much came last time */
    bool stirred;       /* something came since it last wanted to rest */
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
    QIOTask *task;
    struct qiop_alarm rest;
};

static int failed(const char *doing, QIOError **errp)
{
    qio_error_prefix(errp, "%s ", doing);
    return -1;
}

/* What is empty by now. */
static void pump_rest(struct pump *p)
{
    free(p->buf);
    p->buf = NULL;
    qiop_splice_close(&p->pipe);
}

static int blocked_in(struct pump *p)
{
    p->wants_in = true;
    return QIO_CHANNEL_ERR_BLOCK;
}

static int need_buffer(struct pump *p, QIOError **errp)
{
    if (!p->buf) {
        p->buf = qiop_pages_alloc(BUFFER);
    }
    if (!p->buf) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "cannot allocate a buffer");
        return -1;
    }
    return 0;
}

/* As qiop_splice_in(). */
static ssize_t splice_in(struct pump *p, QIOError **errp)
{
    ssize_t n;

    if (!p->splices || !p->bulk || !qiop_splice_open(&p->pipe, BUFFER)) {
        return 0;
    }
    n = qiop_splice_in(&p->pipe, p->src, BUFFER, 0, errp);
    p->splices = n != 0;
    return n;
}

/* 1 progress, 0 the end, -1, BLOCK. */
static int pump_in(struct pump *p, QIOError **errp)
{
    struct iovec iov = {.iov_len = BUFFER};
    ssize_t n = splice_in(p, errp);

    p->begin = p->end = 0;
    if (n == 0) {
        if (need_buffer(p, errp) < 0) {
            return -1;
        }
        iov.iov_base = p->buf;
        n = qiop_try_readv(p->src, &iov, 1, NULL, NULL, 0, errp);
        p->end = n > 0 ? (size_t)n : 0;
        p->ended = n == 0;
    }
    if (n == QIO_CHANNEL_ERR_BLOCK) {
        return blocked_in(p);
    }
    if (n < 0) {
        return failed("reading from", errp);
    }
    p->bulk = n >= BULK;
    p->stirred = true;
    return n > 0;
}

static int blocked_out(struct pump *p)
{
    p->wants_out = true;
    return QIO_CHANNEL_ERR_BLOCK;
}

/* Empty the pipe, or leave its rest to the buffer. 1, -1, BLOCK. */
static int splice_out(struct pump *p, uint64_t *count, QIOError **errp)
{
    while (p->splices && p->pipe.held > 0) {
        ssize_t n = qiop_splice_out(&p->pipe, p->dst, 0, errp);

        if (n == QIO_CHANNEL_ERR_BLOCK) {
            return blocked_out(p);
        }
        if (n < 0) {
            return failed("writing to", errp);
        }
        p->splices = n > 0;
        *count += (uint64_t)n;
    }
    return 1;
}

/* What the target did not take from the pipe. 0 or -1. */
static int take_held(struct pump *p, QIOError **errp)
{
    ssize_t n;

    if (need_buffer(p, errp) < 0) {
        return -1;
    }
    n = qiop_splice_take(&p->pipe, p->buf, BUFFER, errp);
    if (n < 0) {
        return failed("writing to", errp);
    }
    p->begin = 0;
    p->end = (size_t)n;
    return 0;
}

static int write_out(struct pump *p, uint64_t *count, QIOError **errp)
{
    while (p->begin < p->end) {
        struct iovec iov = {.iov_base = p->buf + p->begin,
                            .iov_len = p->end - p->begin};
        ssize_t n = qiop_try_writev(p->dst, &iov, 1, NULL, 0, 0, errp);

        if (n == QIO_CHANNEL_ERR_BLOCK) {
            return blocked_out(p);
        }
        if (n < 0) {
            return failed("writing to", errp);
        }
        p->begin += (size_t)n;
        *count += (uint64_t)n;
    }
    return 1;
}

static int pump_out(struct pump *p, uint64_t *count, QIOError **errp)
{
    for (;;) {
        int r = write_out(p, count, errp);

        r = r == 1 ? splice_out(p, count, errp) : r;
        if (r != 1 || p->pipe.held == 0) {
            return r;
        }
        if (take_held(p, errp) < 0) {
            return -1;
        }
    }
}

static int pump_flush(struct pump *p, QIOError **errp)
{
    QIOChannel *at = p->dst;
    int r = qiop_try_flush(p->dst, &at, errp);

    if (r == QIO_CHANNEL_ERR_BLOCK) {
        p->flush = at;
        return r;
    }
    return r < 0 ? failed("writing to", errp) : r;
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

/* ---- resting ---- */

/* What it holds is empty then. */
static bool may_rest(const struct pump *p)
{
    return p->wants_in && (p->buf || p->pipe.open);
}

/* Returns whether there is more to come. */
static bool rest_idle(struct copy *c)
{
    bool more = false;

    for (unsigned i = 0; i < c->n; i++) {
        struct pump *p = &c->pump[i];

        if (may_rest(p) && !p->stirred) {
            pump_rest(p);
        }
        p->stirred = false;
        more |= may_rest(p);
    }
    return more;
}

static void rest_later(struct copy *c)
{
    if (qiop_alarm_set(&c->task->loop->alarms, &c->rest,
                       qiop_now_us() + REST_US, NULL) < 0 &&
        rest_idle(c)) {
        /* No alarm, no rest later: now. Nobody is stirred any more. */
        rest_idle(c);
    }
}

static void rest(struct qiop_alarm *alarm)
{
    struct copy *c = qiop_list_entry(alarm, struct copy, rest);

    if (rest_idle(c)) {
        rest_later(c);
    }
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
    if (!c->rest.place && (may_rest(&c->pump[0]) || may_rest(&c->pump[1]))) {
        rest_later(c);
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
        pump_rest(&c->pump[side]);
    }
    qiop_alarm_unset(&task->loop->alarms, &c->rest);
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
    c->task = task;
    c->rest.ring = rest;
    c->n = flags & QIO_COPY_BOTH_WAYS ? 2 : 1;
    c->pump[0].src = c->pump[1].dst = a;
    c->pump[0].dst = c->pump[1].src = b;
    for (unsigned i = 0; i < c->n; i++) {
        c->pump[i].splices = qiop_splice_pays(c->pump[i].src, c->pump[i].dst);
    }
    return qiop_task_start(task);
}
