/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is inside a QIOLoop, for the rest of lib/loop. */
#ifndef QIOP_LOOP_LOOP_H
#define QIOP_LOOP_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <qio/loop.h>
#include "loop/list.h"

/* ---- jobs: what is to be done in the loop's thread in its next round ---- */

struct qiop_job {
    struct qiop_list node;
    void (*run)(struct qiop_job *job);
    /* Instead of run, when the loop is freed; may be NULL. */
    void (*discard)(struct qiop_job *job);
    bool quiet;  /* calls nobody outside, so nobody minds waiting after it */
    bool posted; /* under the loop's lock */
};

/* Any thread. Once, however often it is asked for before it runs. Allocates
 * nothing. */
void qiop_loop_post(QIOLoop *loop, struct qiop_job *job);
/* It will not run. The loop's thread. */
void qiop_loop_unpost(QIOLoop *loop, struct qiop_job *job);

/* ---- alarms: a heap of them, by time and then by order of setting ---- */

struct qiop_alarm {
    int64_t when;
    uint64_t order;
    size_t place; /* in the heap, from 1; 0: not set */
    void (*ring)(struct qiop_alarm *alarm);
};

struct qiop_alarms {
    struct qiop_alarm **v;
    size_t n, cap;
    uint64_t order;
};

/* Set or set anew. 0 or -1 (QIO_ERROR_NOMEM, then it is not set). */
int qiop_alarm_set(struct qiop_alarms *all, struct qiop_alarm *a, int64_t when,
                   QIOError **errp);
void qiop_alarm_unset(struct qiop_alarms *all, struct qiop_alarm *a);
int64_t qiop_alarms_next(const struct qiop_alarms *all); /* or QIOP_NEVER */
/* Ring all that are due, but those set meanwhile. How many. */
size_t qiop_alarms_ring(struct qiop_alarms *all, int64_t now);

/* ---- descriptors: epoll takes each only once ---- */

struct qiop_interest {
    struct qiop_interest *next; /* of the same descriptor */
    QIOWatch *watch;
    int fd;
    short poll_events;
    unsigned short events; /* what holds when one of poll_events comes */
};

struct qiop_fd_slot {
    struct qiop_interest *first;
    uint32_t armed; /* what epoll was told */
    bool listed;    /* whether epoll has it */
};

struct qiop_fds {
    int epoll;
    struct qiop_fd_slot *v; /* by descriptor */
    size_t n;
};

/* 1 when the descriptor is one that never waits (a file), 0, or -1. */
int qiop_fds_add(struct qiop_fds *fds, struct qiop_interest *i,
                 QIOError **errp);
void qiop_fds_remove(struct qiop_fds *fds, struct qiop_interest *i);
/* poll_events has changed; cannot fail. */
void qiop_fds_change(struct qiop_fds *fds, struct qiop_interest *i);
/* What epoll reported for fd. */
void qiop_fds_fire(struct qiop_fds *fds, int fd, uint32_t revents);

/* ---- the loop ---- */

struct QIOLoop {
    struct qiop_fds fds;
    struct qiop_alarms alarms;
    int wake_fd;            /* an eventfd */
    int timer_fd;           /* -1 until the loop is embedded */
    int64_t timer_armed;    /* what timer_fd was set to */
    struct qiop_list all;   /* watches */
    struct qiop_list hot;   /* watches with events to deliver */
    struct qiop_list stale; /* watches to ask anew */
    struct qiop_list tasks; /* those under way */
    struct qiop_list timers;
    struct qiop_list threads; /* workers that have not been joined */
    bool ending;              /* it is being freed */
    atomic_bool quit;
    atomic_bool inside;        /* a round is under way */
    _Atomic(pthread_t) thread; /* ... in this thread; set before */
    atomic_bool rung;          /* wake_fd has been written to */
    pthread_mutex_t lock;
    struct qiop_list jobs; /* under lock */
    atomic_size_t n_jobs;
};

/* Whether this is the loop's thread, in a round, whose end looks at everything
 * anyway. */
bool qiop_loop_is_inside(const QIOLoop *loop);

/* Something changed that a waiter outside must hear of. Any thread. */
void qiop_loop_wake(QIOLoop *loop);

/* An alarm was set: outside of a round, an outer loop must know. */
void qiop_loop_alarms_changed(QIOLoop *loop);

/* ---- watches, for the tasks ---- */

/*
 * A watch of any channel, open or not, that calls fn whenever it is worth to
 * try again what BLOCKed, even when no event holds. Beyond the public events:
 * QIO_EVENT_OPEN and QIO_EVENT_FLUSH, what opening and flushing wait for.
 */
QIOWatch *qiop_watch_new(QIOLoop *loop, QIOChannel *ioc, unsigned events,
                         QIOWatchFunc *fn, void *opaque, QIOError **errp);
void qiop_watch_set(QIOWatch *w, unsigned events);
QIOChannel *qiop_watch_channel(const QIOWatch *w);

/* ---- for the loop ---- */

/* What a descriptor reported: events that hold, or 0, ask again. */
void qiop_watch_fire(QIOWatch *w, unsigned events);
/* Ask those that may have changed. */
void qiop_watches_refresh(QIOLoop *loop);
/* How many watches were called. */
size_t qiop_watches_deliver(QIOLoop *loop);

/* The loop is being freed. */
void qiop_tasks_end(QIOLoop *loop);
void qiop_threads_end(QIOLoop *loop);
void qiop_watches_end(QIOLoop *loop);
void qiop_timers_end(QIOLoop *loop);

#endif
