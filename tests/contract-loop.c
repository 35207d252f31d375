/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Contract: waiting and moving bytes through a loop, by watches and tasks. */
#include <config.h>
#include "contract-priv.h"

#include <time.h>
#include <qio/task.h>
#include "base/clock.h"

#define TASK_MS 20000

static bool enabled;

void through_loop(bool on)
{
    enabled = on;
}

bool is_through_loop(void)
{
    return enabled;
}

/* ---- one event ---- */

static bool note(QIOChannel *ioc, unsigned events, void *opaque)
{
    (void)ioc;
    *(unsigned *)opaque |= events;
    return false;
}

static int await_in_loop(QIOLoop *loop, QIOChannel *ioc, unsigned events,
                         int64_t deadline, QIOError **errp)
{
    unsigned seen = 0;

    if (!qio_channel_add_watch(ioc, loop, events, note, &seen, NULL, errp)) {
        return -1;
    }
    do {
        if (qio_loop_step(loop, qiop_deadline_left_ms(deadline), errp) < 0) {
            return -1;
        }
    } while (!seen && !qiop_deadline_passed(deadline));
    return (int)seen;
}

int await(QIOChannel *ioc, unsigned events, int timeout_ms, QIOError **errp)
{
    QIOLoop *loop;
    int r;

    if (!enabled) {
        return qio_channel_wait(ioc, events, timeout_ms, errp);
    }
    loop = qio_loop_new(errp);
    if (!loop) {
        return -1;
    }
    r = await_in_loop(loop, ioc, events, qiop_deadline(timeout_ms), errp);
    qio_loop_free(loop);
    return r;
}

/* ---- tasks ---- */

struct outcome {
    QIOLoop *loop;
    QIOError **errp;
    int ret;
};

static void task_ended(QIOTask *task, void *opaque)
{
    struct outcome *o = opaque;

    o->ret = qio_task_propagate_error(task, o->errp) ? -1 : 0;
    qio_loop_quit(o->loop);
}

static int run_task(struct outcome *o, QIOTask *task)
{
    if (task && qio_loop_run(o->loop, o->errp) < 0) {
        o->ret = -1;
    }
    qio_loop_free(o->loop);
    return o->ret;
}

int loop_write_all(QIOChannel *ioc, const void *buf, size_t len,
                   QIOError **errp)
{
    struct outcome o = {qio_loop_new(errp), errp, -1};

    return o.loop
               ? run_task(&o, qio_channel_write_all_async(ioc, o.loop, buf, len,
                                                          TASK_MS, task_ended,
                                                          &o, NULL, errp))
               : -1;
}

int loop_read_all(QIOChannel *ioc, void *buf, size_t len, QIOError **errp)
{
    struct outcome o = {qio_loop_new(errp), errp, -1};

    return o.loop
               ? run_task(&o, qio_channel_read_all_async(ioc, o.loop, buf, len,
                                                         TASK_MS, task_ended,
                                                         &o, NULL, errp))
               : -1;
}

/* ---- movers ---- */

struct looper {
    struct mover *m;
    QIOLoop *loop;
    uint8_t *buf;
    size_t chunk;
};

static bool move(QIOChannel *ioc, unsigned events, void *opaque)
{
    struct looper *l = opaque;
    struct mover *m = l->m;
    uint64_t left = m->bytes - m->done;
    ssize_t n = mover_try(m, l->buf, left < l->chunk ? (size_t)left : l->chunk);

    (void)ioc;
    (void)events;
    if (n == QIO_CHANNEL_ERR_BLOCK) {
        return true;
    }
    m->last = n;
    m->done += n > 0 ? (uint64_t)n : 0;
    if (n <= 0 || m->done == m->bytes) {
        qio_loop_quit(l->loop);
        return false;
    }
    if (m->pause_us) {
        struct timespec ts = {0, (long)m->pause_us * 1000};

        nanosleep(&ts, NULL);
    }
    return true;
}

void mover_run_loop(struct mover *m, uint8_t *buf, size_t chunk)
{
    struct looper l = {m, qio_loop_new(&m->err), buf, chunk};
    QIOWatch *w = NULL;

    if (l.loop) {
        w = qio_channel_add_watch(m->ioc, l.loop,
                                  m->write ? QIO_EVENT_OUT : QIO_EVENT_IN, move,
                                  &l, NULL, &m->err);
    }
    if (w && qio_loop_run(l.loop, &m->err) < 0) {
        m->last = -1;
    }
    qio_loop_free(l.loop);
    /* Writing nothing flushes. */
    if (m->write && m->done == m->bytes &&
        loop_write_all(m->ioc, buf, 0, &m->err) < 0) {
        m->last = -1;
    }
}
