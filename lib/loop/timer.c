/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Timers: alarms that somebody outside may have. */
#include <config.h>
#include <limits.h>
#include <stdlib.h>
#include "base/clock.h"
#include "loop/loop.h"

struct QIOTimer {
    struct qiop_alarm alarm;
    struct qiop_list in_loop;
    QIOLoop *loop; /* NULL when that is gone */
    QIOTimerFunc *fn;
    void *opaque;
    int64_t interval_us;
    bool running; /* its function is */
    bool freed;   /* meanwhile */
};

static void tick(struct qiop_alarm *alarm)
{
    QIOTimer *t = qiop_list_entry(alarm, QIOTimer, alarm);

    if (t->interval_us) {
        int64_t late = qiop_now_us() - alarm->when;

        /* There is room: it has just left. */
        (void)qiop_alarm_set(
            &t->loop->alarms, alarm,
            alarm->when + (late / t->interval_us + 1) * t->interval_us, NULL);
    }
    t->running = true;
    t->fn(t, t->opaque);
    t->running = false;
    if (t->freed) {
        free(t);
    }
}

QIOTimer *qio_timer_new(QIOLoop *loop, QIOTimerFunc *fn, void *opaque,
                        QIOError **errp)
{
    QIOTimer *t = calloc(1, sizeof(*t));

    if (!t) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "cannot make a timer");
        return NULL;
    }
    t->alarm.ring = tick;
    t->loop = loop;
    t->fn = fn;
    t->opaque = opaque;
    qiop_list_append(&loop->timers, &t->in_loop);
    return t;
}

int qio_timer_start(QIOTimer *t, int delay_ms, int interval_ms, QIOError **errp)
{
    if (!t->loop || delay_ms < 0 || interval_ms < 0) {
        qio_error_set(errp, t->loop ? QIO_ERROR_INVALID : QIO_ERROR_STATE, 0,
                      t->loop ? "a timer's times are not negative"
                              : "the timer's loop is gone");
        return -1;
    }
    t->interval_us = (int64_t)interval_ms * 1000;
    if (qiop_alarm_set(&t->loop->alarms, &t->alarm, qiop_deadline(delay_ms),
                       errp) < 0) {
        return -1;
    }
    qiop_loop_alarms_changed(t->loop);
    return 0;
}

void qio_timer_stop(QIOTimer *t)
{
    t->interval_us = 0;
    if (t->loop) {
        qiop_alarm_unset(&t->loop->alarms, &t->alarm);
    }
}

void qio_timer_free(QIOTimer *t)
{
    if (!t) {
        return;
    }
    qio_timer_stop(t);
    qiop_list_remove(&t->in_loop);
    t->freed = true;
    if (!t->running) {
        free(t);
    }
}

void qiop_timers_end(QIOLoop *loop)
{
    while (!qiop_list_empty(&loop->timers)) {
        QIOTimer *t = qiop_list_entry(loop->timers.next, QIOTimer, in_loop);

        qio_timer_stop(t);
        qiop_list_remove(&t->in_loop);
        t->loop = NULL;
    }
}
