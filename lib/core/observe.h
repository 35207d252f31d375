/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hearing of what happens to a channel, for those who wait without calling. */
#ifndef QIOP_CORE_OBSERVE_H
#define QIOP_CORE_OBSERVE_H

#include <qio/channel.h>

struct qiop_observer {
    struct qiop_observer *next; /* the channel's */
    QIOChannel *ioc;            /* NULL: observes none (any more) */
    /* The answer to "what do you wait for" may be another one now. Any thread,
     * with the channel's list of observers locked: only take a note. */
    void (*changed)(struct qiop_observer *o, unsigned events);
    /* The channel is about to be closed. In the thread that closes; the
     * observer is off the list already. */
    void (*closing)(struct qiop_observer *o);
};

/* o is zero but for its functions, and stays where it is. Takes no reference on
 * ioc. */
void qiop_observe(QIOChannel *ioc, struct qiop_observer *o);
/* Harmless when it observes none. Not while the channel is being closed in
 * another thread. */
void qiop_unobserve(struct qiop_observer *o);
void qiop_closing(QIOChannel *ioc);

#endif
