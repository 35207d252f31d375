/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The caller's own blocking work in a thread, as a task. Whoever is the last of
 * the two, the callback and the worker, has destroy(opaque) run.
 */
#include <config.h>
#include <signal.h>
#include "loop/task.h"

struct work {
    QIOTaskWorker *worker;
    pthread_t thread;
    bool stopped; /* the task has ended */
    bool joined;  /* the worker has returned */
    int ret;
    QIOError *err;
    struct qiop_list in_loop; /* among those to be joined */
    struct qiop_job reap;     /* posted by the worker at its end */
    QIOLoop *loop;
    QIOTask *task;
};

/* The thread has returned, or is about to. */
static void join(struct work *w)
{
    QIOTask *task = w->task;

    pthread_join(w->thread, NULL);
    w->joined = true;
    qiop_list_remove(&w->in_loop);
    qiop_loop_unpost(w->loop, &w->reap);
    if (w->stopped) {
        qiop_task_destroy_opaque(task);
    } else {
        qiop_task_step_soon(task);
    }
    qio_task_unref(task);
}

static void reap(struct qiop_job *job)
{
    join(qiop_list_entry(job, struct work, reap));
}

static void *work_thread(void *opaque)
{
    struct work *w = opaque;

    w->ret = w->worker(w->task, w->task->opaque, &w->err);
    qiop_loop_post(w->loop, &w->reap);
    return NULL;
}

static int start(QIOTask *task, struct work *w, QIOError **errp)
{
    sigset_t all, before;
    int ret;

    w->task = qio_task_ref(task);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ret = pthread_create(&w->thread, NULL, work_thread, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (ret) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, ret, "cannot start a thread");
        qio_task_unref(task);
        return -1;
    }
    qiop_list_append(&w->loop->threads, &w->in_loop);
    return 0;
}

static int work_step(QIOTask *task, QIOError **errp)
{
    struct work *w = qiop_task_private(task);

    if (!w->joined) {
        return QIO_CHANNEL_ERR_BLOCK;
    }
    if (w->ret == 0) {
        return 0;
    }
    if (!w->err) {
        qio_error_set(&w->err, QIO_ERROR_SYSTEM, 0,
                      "the worker failed without a reason");
    }
    qio_error_propagate(errp, w->err);
    w->err = NULL;
    return -1;
}

static void work_stop(QIOTask *task)
{
    struct work *w = qiop_task_private(task);

    w->stopped = true;
}

static void work_after(QIOTask *task)
{
    struct work *w = qiop_task_private(task);

    if (w->joined) {
        qiop_task_destroy_opaque(task);
    }
}

static void work_finalize(QIOTask *task)
{
    struct work *w = qiop_task_private(task);

    qio_error_free(w->err);
}

static const struct qiop_task_kind work_kind = {
    .doing = "waiting for a worker",
    .private_size = sizeof(struct work),
    .step = work_step,
    .stop = work_stop,
    .after = work_after,
    .finalize = work_finalize,
};

QIOTask *qio_task_run_in_thread(QIOLoop *loop, QIOTaskWorker *worker,
                                int timeout_ms, QIOTaskFunc *fn, void *opaque,
                                QIODestroyFunc *destroy, QIOError **errp)
{
    QIOTask *task = qiop_task_new(loop, &work_kind, NULL, timeout_ms, fn,
                                  opaque, destroy, errp);
    struct work *w;

    if (!task) {
        return NULL;
    }
    w = qiop_task_private(task);
    w->worker = worker;
    w->loop = loop;
    w->reap.run = reap;
    qiop_list_init(&w->reap.node);
    qiop_list_init(&w->in_loop);
    if (start(task, w, errp) < 0) {
        return qiop_task_discard(task);
    }
    return qiop_task_start(task);
}

void qiop_threads_end(QIOLoop *loop)
{
    while (!qiop_list_empty(&loop->threads)) {
        join(qiop_list_entry(loop->threads.next, struct work, in_loop));
    }
}
