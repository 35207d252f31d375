/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A caller of asynchronous calls, for tests: what became of each task. */
#ifndef QIOTEST_WAITER_H
#define QIOTEST_WAITER_H

#include <check.h>
#include <sys/stat.h>
#include <unistd.h>
#include <qio/task.h>
#include "qiotest.h"

struct waiter {
    int calls;
    int destroyed;
    QIOError *err;
    QIOChannel *ioc; /* a reference of its own */
    uint64_t bytes, back;
};

static inline void waiter_fn(QIOTask *task, void *opaque)
{
    struct waiter *w = opaque;

    ck_assert_int_eq(w->calls, 0);
    ck_assert_int_eq(w->destroyed, 0);
    w->calls++;
    qio_task_propagate_error(task, &w->err);
    w->ioc = qio_task_channel(task);
    if (w->ioc) {
        qio_channel_ref(w->ioc);
    }
    w->bytes = qio_task_bytes(task);
    w->back = qio_task_bytes_back(task);
}

static inline void waiter_destroy(void *opaque)
{
    ((struct waiter *)opaque)->destroyed++;
}

/* Run the loop until the task has ended, and leave w->err to look at. */
static inline void waiter_wait(struct waiter *w, QIOLoop *loop)
{
    while (!w->calls) {
        ck_assert_int_ge(qio_loop_step(loop, 20000, NULL), 0);
    }
    ck_assert_int_eq(w->calls, 1);
    ck_assert_int_eq(w->destroyed, 1);
}

/* Once there was a thread: sanitizers make one of their own then. */
static inline unsigned waiter_threads(void)
{
    struct stat st;

    ck_assert_int_eq(stat("/proc/self/task", &st), 0);
    return (unsigned)st.st_nlink;
}

/* The thread that looks a name up ends by itself when nobody wants the answer
 * any more; until then it has descriptors open. */
static inline void waiter_await_threads(unsigned n)
{
    while (waiter_threads() > n) {
        usleep(1000);
    }
}

static inline void waiter_clear(struct waiter *w)
{
    qio_error_free(w->err);
    qio_channel_unref(w->ioc);
    *w = (struct waiter){0};
}

#endif
