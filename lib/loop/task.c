/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of a task: steps, the deadline, cancelling, and the end, once. */
#include <config.h>
#include <stdlib.h>
#include "base/clock.h"
#include "loop/task.h"

QIOTask *qio_task_ref(QIOTask *task)
{
    atomic_fetch_add_explicit(&task->refs, 1, memory_order_relaxed);
    return task;
}

void qio_task_unref(QIOTask *task)
{
    if (!task ||
        atomic_fetch_sub_explicit(&task->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (task->kind->finalize) {
        task->kind->finalize(task);
    }
    if (task->result_destroy) {
        task->result_destroy(task->result);
    }
    qio_error_free(task->err);
    qio_channel_unref(task->ioc);
    pthread_mutex_destroy(&task->lock);
    free(task);
}

void qiop_task_destroy_opaque(QIOTask *task)
{
    QIODestroyFunc *destroy = task->destroy;

    task->destroy = NULL;
    if (destroy) {
        destroy(task->opaque);
    }
}

/* ---- the end ---- */

/* From here on nobody finds the loop through the task. */
static void detach(QIOTask *task)
{
    QIOLoop *loop = task->loop;

    pthread_mutex_lock(&task->lock);
    task->loop = NULL;
    pthread_mutex_unlock(&task->lock);
    qiop_loop_unpost(loop, &task->job);
    qiop_alarm_unset(&loop->alarms, &task->alarm);
    qiop_list_remove(&task->in_loop);
}

/* err is NULL for success. */
static void end(QIOTask *task, QIOError *err)
{
    task->err = err;
    task->kind->stop(task);
    detach(task);
    if (task->fn) {
        task->fn(task, task->opaque);
    }
    if (task->kind->after) {
        task->kind->after(task);
    } else {
        qiop_task_destroy_opaque(task);
    }
    qio_task_unref(task);
}

static QIOError *why_early(QIOTask *task)
{
    QIOError *err = NULL;

    if (task->late) {
        qio_error_set(&err, QIO_ERROR_TIMEOUT, 0, "timed out while %s",
                      task->kind->doing);
    } else {
        qio_error_set(&err, QIO_ERROR_CANCELLED, 0, "cancelled while %s",
                      task->kind->doing);
    }
    return err;
}

static void run(struct qiop_job *job)
{
    QIOTask *task = qiop_list_entry(job, QIOTask, job);
    QIOError *err = NULL;

    if (atomic_load(&task->cancelled)) {
        end(task, why_early(task));
    } else if (task->kind->step(task, &err) != QIO_CHANNEL_ERR_BLOCK) {
        end(task, err);
    }
}

static void deadline(struct qiop_alarm *alarm)
{
    QIOTask *task = qiop_list_entry(alarm, QIOTask, alarm);

    task->late = !atomic_exchange(&task->cancelled, true);
    qiop_task_step_soon(task);
}

void qiop_task_step_soon(QIOTask *task)
{
    pthread_mutex_lock(&task->lock);
    if (task->loop) {
        qiop_loop_post(task->loop, &task->job);
    }
    pthread_mutex_unlock(&task->lock);
}

void qio_task_cancel(QIOTask *task)
{
    atomic_store(&task->cancelled, true);
    qiop_task_step_soon(task);
}

bool qio_task_is_cancelled(const QIOTask *task)
{
    return atomic_load(&task->cancelled);
}

void qiop_tasks_end(QIOLoop *loop)
{
    while (!qiop_list_empty(&loop->tasks)) {
        QIOTask *task = qiop_list_entry(loop->tasks.next, QIOTask, in_loop);

        atomic_store(&task->cancelled, true);
        end(task, why_early(task));
    }
}

/* ---- the beginning ---- */

QIOTask *qiop_task_new(QIOLoop *loop, const struct qiop_task_kind *kind,
                       QIOChannel *ioc, int timeout_ms, QIOTaskFunc *fn,
                       void *opaque, QIODestroyFunc *destroy, QIOError **errp)
{
    QIOTask *task = NULL;

    if (loop->ending) {
        qio_error_set(errp, QIO_ERROR_STATE, 0, "the loop is being freed");
    } else {
        task = calloc(1, sizeof(*task) + kind->private_size);
    }
    if (!task) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "cannot make a task");
        if (destroy) {
            destroy(opaque);
        }
        return NULL;
    }
    task->kind = kind;
    task->fn = fn;
    task->opaque = opaque;
    task->destroy = destroy;
    task->ioc = ioc ? qio_channel_ref(ioc) : NULL;
    task->loop = loop;
    task->job.run = run;
    task->alarm.ring = deadline;
    atomic_init(&task->refs, 1);
    pthread_mutex_init(&task->lock, NULL);
    qiop_list_init(&task->job.node);
    qiop_list_init(&task->in_loop);
    if (timeout_ms >= 0 && qiop_alarm_set(&loop->alarms, &task->alarm,
                                          qiop_deadline(timeout_ms), errp)) {
        return qiop_task_discard(task);
    }
    return task;
}

QIOTask *qiop_task_discard(QIOTask *task)
{
    task->kind->stop(task);
    detach(task);
    qiop_task_destroy_opaque(task);
    qio_task_unref(task);
    return NULL;
}

QIOTask *qiop_task_start(QIOTask *task)
{
    qiop_list_append(&task->loop->tasks, &task->in_loop);
    qiop_loop_post(task->loop, &task->job);
    qiop_loop_alarms_changed(task->loop);
    return task;
}

void *qiop_task_private(const QIOTask *task)
{
    return (void *)task->private;
}

/* ---- waiting ---- */

static bool step_soon(QIOChannel *ioc, unsigned events, void *opaque)
{
    (void)ioc;
    (void)events;
    qiop_task_step_soon(opaque);
    return true;
}

int qiop_task_watch(QIOTask *task, QIOWatch **watch, QIOChannel *ioc,
                    unsigned events, QIOError **errp)
{
    if (*watch && qiop_watch_channel(*watch) == ioc) {
        qiop_watch_set(*watch, events);
        return 0;
    }
    qiop_task_unwatch(watch);
    *watch = qiop_watch_new(task->loop, ioc, events, step_soon, task, errp);
    return *watch ? 0 : -1;
}

void qiop_task_unwatch(QIOWatch **watch)
{
    if (*watch) {
        qio_watch_remove(*watch);
        *watch = NULL;
    }
}

/* ---- results ---- */

const QIOError *qio_task_error(const QIOTask *task)
{
    return task->err;
}

bool qio_task_propagate_error(const QIOTask *task, QIOError **errp)
{
    if (!task->err) {
        return false;
    }
    if (errp) {
        qio_error_propagate(errp, qio_error_copy(task->err));
    }
    return true;
}

QIOChannel *qio_task_channel(const QIOTask *task)
{
    return task->ioc;
}

uint64_t qio_task_bytes(const QIOTask *task)
{
    return task->bytes[0];
}

uint64_t qio_task_bytes_back(const QIOTask *task)
{
    return task->bytes[1];
}

void qio_task_set_result(QIOTask *task, void *result, QIODestroyFunc *destroy)
{
    if (task->result_destroy) {
        task->result_destroy(task->result);
    }
    task->result = result;
    task->result_destroy = destroy;
}

void *qio_task_take_result(QIOTask *task)
{
    void *result = task->result;

    task->result = NULL;
    task->result_destroy = NULL;
    return result;
}
