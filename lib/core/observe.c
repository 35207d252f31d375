/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who wants to hear of what happens to a channel. */
#include <config.h>
#include "observe.h"

#include "channel.h"
#include "base/hot.h"

void qiop_observe(QIOChannel *ioc, struct qiop_observer *o)
{
    o->ioc = ioc;
    pthread_mutex_lock(&ioc->observe_lock);
    o->next = atomic_load(&ioc->observers);
    atomic_store(&ioc->observers, o);
    pthread_mutex_unlock(&ioc->observe_lock);
}

void qiop_unobserve(struct qiop_observer *o)
{
    QIOChannel *ioc = o->ioc;
    struct qiop_observer *at;

    if (!ioc) {
        return;
    }
    pthread_mutex_lock(&ioc->observe_lock);
    at = atomic_load(&ioc->observers);
    if (at == o) {
        atomic_store(&ioc->observers, o->next);
    }
    for (; at; at = at->next) {
        if (at->next == o) {
            at->next = o->next;
        }
    }
    o->ioc = NULL;
    pthread_mutex_unlock(&ioc->observe_lock);
}

QIOP_HOT void qio_channel_changed(QIOChannel *ioc, unsigned events)
{
    if (!atomic_load(&ioc->observers)) {
        return;
    }
    pthread_mutex_lock(&ioc->observe_lock);
    for (struct qiop_observer *o = atomic_load(&ioc->observers); o;
         o = o->next) {
        o->changed(o, events);
    }
    pthread_mutex_unlock(&ioc->observe_lock);
}

void qiop_closing(QIOChannel *ioc)
{
    struct qiop_observer *o;

    while (atomic_load(&ioc->observers)) {
        pthread_mutex_lock(&ioc->observe_lock);
        o = atomic_load(&ioc->observers);
        if (o) {
            atomic_store(&ioc->observers, o->next);
            o->ioc = NULL;
        }
        pthread_mutex_unlock(&ioc->observe_lock);
        if (o) {
            o->closing(o);
        }
    }
}
