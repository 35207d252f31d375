/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is inside a QIOTask, for those who make kinds of them.
 *
 * A kind is a state machine with one function, step(), that the loop calls:
 * once after the start, and again whenever qiop_task_step_soon() was asked for,
 * mostly by a watch of the task's own.
 */
#ifndef QIOP_LOOP_TASK_H
#define QIOP_LOOP_TASK_H

#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <qio/task.h>
#include "loop/loop.h"

struct qiop_task_kind {
    const char *doing; /* for messages: "opening" */
    size_t private_size;
    /* Get on with it: 0 done, -1, QIO_CHANNEL_ERR_BLOCK when somebody is going
     * to ask for another step. */
    int (*step)(QIOTask *task, QIOError **errp);
    /* The task has ended, in whatever way: wait for nothing any more. */
    void (*stop)(QIOTask *task);
    /* After the callback, instead of qiop_task_destroy_opaque(), for a kind
     * that still needs it. May be NULL. */
    void (*after)(QIOTask *task);
    /* Free what is in the private part, and what results it holds. May be
     * NULL. */
    void (*finalize)(QIOTask *task);
};

struct QIOTask {
    const struct qiop_task_kind *kind;
    atomic_uint refs;
    QIOTaskFunc *fn;
    void *opaque;
    QIODestroyFunc *destroy;
    atomic_bool cancelled;
    pthread_mutex_t lock;
    QIOLoop *loop; /* under lock; NULL once it has ended */
    struct qiop_list in_loop;
    struct qiop_job job;
    struct qiop_alarm alarm; /* the deadline */
    bool late;

    QIOError *err;
    QIOChannel *ioc; /* one reference */
    uint64_t bytes[2];
    void *result;
    QIODestroyFunc *result_destroy;
    alignas(max_align_t) unsigned char private[];
};

/*
 * A task with one reference, which is the loop's from qiop_task_start() on.
 * Until then qiop_task_discard() takes it back. ioc may be NULL.
 *
 * On failure destroy(opaque) has run.
 */
QIOTask *qiop_task_new(QIOLoop *loop, const struct qiop_task_kind *kind,
                       QIOChannel *ioc, int timeout_ms, QIOTaskFunc *fn,
                       void *opaque, QIODestroyFunc *destroy, QIOError **errp);
/* Runs destroy(opaque), not the callback. Returns NULL. */
QIOTask *qiop_task_discard(QIOTask *task);
/* The first step comes in the loop's next round. Returns the task. */
QIOTask *qiop_task_start(QIOTask *task);
void *qiop_task_private(const QIOTask *task);
void qiop_task_step_soon(QIOTask *task);
/* destroy(opaque), now if not before. */
void qiop_task_destroy_opaque(QIOTask *task);

/* A watch that asks for a step whenever it fires; made at the first call and
 * for another channel, else changed. 0 or -1. */
int qiop_task_watch(QIOTask *task, QIOWatch **watch, QIOChannel *ioc,
                    unsigned events, QIOError **errp);
/* NULL is allowed. *watch becomes NULL. */
void qiop_task_unwatch(QIOWatch **watch);
/* Open ioc a bit further: 0 it is open, -1, or BLOCK with the watch set. */
int qiop_task_advance(QIOTask *task, QIOWatch **watch, QIOChannel *ioc,
                      QIOError **errp);

#endif
