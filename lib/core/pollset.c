/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Collecting what a stack of channels waits for. */
#include <config.h>
#include "pollset.h"

#include <poll.h>
#include "base/clock.h"
#include "channel.h"

#define RETRY_US 5000 /* when a set overflows */

void qiop_poll_set_init(QIOPollSet *set, unsigned wake)
{
    set->ready = 0;
    set->wake = wake;
    set->observed = false;
    set->failed = false;
    set->err = NULL;
    set->deadline_us = QIOP_NEVER;
    set->n = 0;
}

void qio_poll_set_ready(QIOPollSet *set, unsigned events)
{
    set->ready |= events;
}

void qio_poll_set_deadline(QIOPollSet *set, int64_t when_us)
{
    if (when_us < set->deadline_us) {
        set->deadline_us = when_us;
    }
}

void qio_poll_set_add_fd(QIOPollSet *set, int fd, short poll_events,
                         unsigned events)
{
    if (fd < 0) {
        return;
    }
    if (set->n == QIOP_POLL_MAX) {
        qio_poll_set_deadline(set, qiop_now_us() + RETRY_US);
        return;
    }
    set->v[set->n].fd = fd;
    set->v[set->n].poll_events = poll_events;
    set->v[set->n].events = events;
    set->n++;
}

/* Asked for the very same events, each stands for itself; else any of them
 * stands for all of `as`. */
static unsigned translate(unsigned have, unsigned below_events, unsigned as)
{
    unsigned quiet = have & QIOP_POLL_QUIET;

    have &= below_events;
    if (below_events == as) {
        return have | quiet;
    }
    return (have ? as : 0) | quiet;
}

void qio_poll_set_below(QIOPollSet *set, QIOChannel *below,
                        unsigned below_events, unsigned as)
{
    unsigned ready = set->ready;
    size_t first = set->n;

    set->ready = 0;
    qiop_poll_channel(below, below_events, set);
    if ((set->ready & below_events) && !as) {
        /* Nothing to wait for, only to try again: at once. */
        qio_poll_set_deadline(set, 0);
    }
    set->ready = ready | translate(set->ready, below_events, as);
    for (size_t i = first; i < set->n; i++) {
        set->v[i].events = translate(set->v[i].events, below_events, as);
    }
}

void qiop_poll_wake(QIOChannel *ioc, unsigned how, QIOPollSet *set)
{
    static const unsigned bit[2] = {
        [QIOP_WAKE_READ] = QIO_CHANNEL_SHUTDOWN_READ,
        [QIOP_WAKE_WRITE] = QIO_CHANNEL_SHUTDOWN_WRITE,
    };

    if (set->observed || set->failed) {
        return;
    }
    for (int w = QIOP_WAKE_READ; w <= QIOP_WAKE_WRITE; w++) {
        int fd;

        if (!(how & bit[w])) {
            continue;
        }
        fd = qiop_wake_fd(ioc, w, &set->err);
        if (fd < 0) {
            set->failed = true;
            return;
        }
        qio_poll_set_add_fd(set, fd, POLLIN, 0);
    }
}

static void poll_wake_unless_fd_does(QIOChannel *ioc, unsigned how,
                                     QIOPollSet *set)
{
    if (!(ioc->type->flags & QIO_CHANNEL_OPS_SHUTDOWN_WAKES)) {
        qiop_poll_wake(ioc, how, set);
    }
}

static void poll_opening(QIOChannel *ioc, QIOPollSet *set)
{
    QIOChannel *base = ioc->base;

    qiop_poll_wake(ioc, QIO_CHANNEL_SHUTDOWN_BOTH, set);
    if (base && atomic_load(&base->state) != QIOP_STATE_OPEN) {
        qiop_poll_channel(base, QIO_EVENT_OPEN, set);
        return;
    }
    if (base) {
        poll_wake_unless_fd_does(base, QIO_CHANNEL_SHUTDOWN_BOTH, set);
    }
    ioc->ops.poll(ioc, QIO_EVENT_OPEN, set);
}

static unsigned direction_of(unsigned events)
{
    return (events & QIO_EVENT_IN ? QIO_CHANNEL_SHUTDOWN_READ : 0) |
           (events & QIO_EVENT_OUT ? QIO_CHANNEL_SHUTDOWN_WRITE : 0);
}

/* A call in a direction that was shut fails at once, and that is progress. So
 * only those that are not are waited for: a wake-up descriptor that has rung
 * stays readable for ever. */
static void poll_open(QIOChannel *ioc, unsigned events, unsigned wake,
                      QIOPollSet *set)
{
    unsigned shut = atomic_load(&ioc->shut);
    unsigned ready =
        (shut & QIO_CHANNEL_SHUTDOWN_READ ? events & QIO_EVENT_IN : 0) |
        (shut & QIO_CHANNEL_SHUTDOWN_WRITE ? events & QIO_EVENT_OUT : 0);

    qio_poll_set_ready(set, ready);
    events &= ~ready;
    /* That the peer is gone is for the lowest channel to tell. */
    if (!(events & ~(unsigned)(QIO_EVENT_HUP | QIO_EVENT_ERR)) && ioc->base) {
        qio_poll_set_below(set, ioc->base, events, events);
        return;
    }
    if (events) {
        size_t first;

        poll_wake_unless_fd_does(ioc, wake | direction_of(events), set);
        first = set->n;
        ioc->ops.poll(ioc, events, set);
        if (qio_channel_has_feature(ioc, QIO_CHANNEL_FEATURE_WRITE_ZERO_COPY)) {
            for (size_t i = first; i < set->n; i++) {
                set->v[i].events |= QIOP_POLL_QUIET;
            }
        }
    }
}

void qiop_poll_channel(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    unsigned wake = set->wake;

    set->wake = 0;
    switch (atomic_load(&ioc->state)) {
    case QIOP_STATE_OPENING:
        poll_opening(ioc, set);
        break;
    case QIOP_STATE_OPEN:
        poll_open(ioc, events, wake, set);
        break;
    default:
        /* A call will say why. */
        qio_poll_set_ready(set, events | QIO_EVENT_ERR);
        break;
    }
}
