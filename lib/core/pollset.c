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
    have &= below_events;
    if (below_events == as) {
        return have;
    }
    return have ? as : 0;
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

void qiop_poll_wake(QIOChannel *ioc, QIOPollSet *set)
{
    static const unsigned how[2] = {
        [QIOP_WAKE_READ] = QIO_CHANNEL_SHUTDOWN_READ,
        [QIOP_WAKE_WRITE] = QIO_CHANNEL_SHUTDOWN_WRITE,
    };

    for (int w = QIOP_WAKE_READ; w <= QIOP_WAKE_WRITE && !set->failed; w++) {
        int fd;

        if (!(set->wake & how[w])) {
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

static bool shutdown_wakes(const QIOChannel *ioc)
{
    return (ioc->ops.flags & QIO_CHANNEL_OPS_SHUTDOWN_WAKES) != 0;
}

void qiop_poll_channel(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    if (atomic_load(&ioc->state) == QIOP_STATE_OPENING) {
        qiop_poll_wake(ioc, set);
        if (ioc->base && atomic_load(&ioc->base->state) != QIOP_STATE_OPEN) {
            qiop_poll_channel(ioc->base, QIO_EVENT_OPEN, set);
            return;
        }
        ioc->ops.poll(ioc, QIO_EVENT_OPEN, set);
        return;
    }
    if (atomic_load(&ioc->state) != QIOP_STATE_OPEN) {
        /* A call will say why. */
        qio_poll_set_ready(set, events | QIO_EVENT_ERR);
        return;
    }
    if (!shutdown_wakes(ioc)) {
        qiop_poll_wake(ioc, set);
    }
    ioc->ops.poll(ioc, events, set);
}
