/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a stack of channels waits for, collected from top to bottom. */
#ifndef QIOP_CORE_POLLSET_H
#define QIOP_CORE_POLLSET_H

#include <stdbool.h>
#include <stdint.h>
#include <qio/channel-ops.h>

/* Enough for every stack: a leaf names a few descriptors (connecting: one per
 * racing address), a layer at most one more. Beyond it the waiter falls back
 * to trying again every few milliseconds. */
#define QIOP_POLL_MAX 64

/* Among an entry's events: POLLERR by itself only means "try again". Fits into
 * 16 bits and is no QIOEvent. */
#define QIOP_POLL_QUIET (1u << 15)

struct qiop_poll_entry {
    int fd;
    short poll_events;
    unsigned events; /* what holds when one of poll_events comes */
};

struct QIOPollSet {
    unsigned ready;
    unsigned wake;       /* QIOChannelShutdown bits that end the waiting, of
                            the first channel asked; of those beneath it the
                            directions that they are asked for do */
    bool observed;       /* no wake-up descriptors: the waiter observes */
    bool failed;         /* a wake-up descriptor could not be made */
    QIOError *err;       /* ... and why */
    int64_t deadline_us; /* try again then, QIOP_NEVER */
    size_t n;
    struct qiop_poll_entry v[QIOP_POLL_MAX];
};

void qiop_poll_set_init(QIOPollSet *set, unsigned wake);
/* Ask a channel, whatever its state. */
void qiop_poll_channel(QIOChannel *ioc, unsigned events, QIOPollSet *set);
/* Add ioc's wake-up descriptors for these directions. */
void qiop_poll_wake(QIOChannel *ioc, unsigned how, QIOPollSet *set);

#endif
