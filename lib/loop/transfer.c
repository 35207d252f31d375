/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and writing until all is done, and the goodbye, as tasks. */
#include <config.h>
#include "core/channel.h"
#include "loop/task.h"

/* As much as one task moves before the others have their turn. */
#define SHARE (512 * 1024)

struct transfer {
    QIOWatch *watch;
    struct iovec left;
    bool bye_said;
};

/* BLOCK, having arranged for another step; or -1. */
static int wait_for(QIOTask *task, QIOChannel *at, unsigned events,
                    QIOError **errp)
{
    struct transfer *t = qiop_task_private(task);

    return qiop_task_watch(task, &t->watch, at, events, errp) < 0
               ? -1
               : QIO_CHANNEL_ERR_BLOCK;
}

static void moved(QIOTask *task, size_t n)
{
    struct transfer *t = qiop_task_private(task);

    t->left.iov_base = (char *)t->left.iov_base + n;
    t->left.iov_len -= n;
    task->bytes[0] += n;
}

static void transfer_stop(QIOTask *task)
{
    struct transfer *t = qiop_task_private(task);

    qiop_task_unwatch(&t->watch);
}

static int flush_step(QIOTask *task, QIOError **errp)
{
    QIOChannel *at = task->ioc;
    int r = qiop_try_flush(task->ioc, &at, errp);

    return r == QIO_CHANNEL_ERR_BLOCK
               ? wait_for(task, at, QIO_EVENT_FLUSH, errp)
               : r;
}

/* ---- reading ---- */

static int read_step(QIOTask *task, QIOError **errp)
{
    struct transfer *t = qiop_task_private(task);
    size_t share = 0;

    while (t->left.iov_len > 0) {
        ssize_t n;

        if (share > SHARE) {
            qiop_task_step_soon(task);
            return QIO_CHANNEL_ERR_BLOCK;
        }
        n = qiop_try_readv(task->ioc, &t->left, 1, NULL, NULL, 0, errp);
        if (n == QIO_CHANNEL_ERR_BLOCK) {
            return wait_for(task, task->ioc, QIO_EVENT_IN, errp);
        }
        if (n == 0) {
            qio_error_set(errp, QIO_ERROR_EOF, 0,
                          "%s: the stream ended %zu bytes early",
                          qio_channel_name(task->ioc), t->left.iov_len);
        }
        if (n <= 0) {
            return -1;
        }
        moved(task, (size_t)n);
        share += (size_t)n;
    }
    return 0;
}

static const struct qiop_task_kind read_kind = {
    .doing = "reading",
    .private_size = sizeof(struct transfer),
    .step = read_step,
    .stop = transfer_stop,
};

QIOTask *qio_channel_read_all_async(QIOChannel *ioc, QIOLoop *loop, void *buf,
                                    size_t len, int timeout_ms, QIOTaskFunc *fn,
                                    void *opaque, QIODestroyFunc *destroy,
                                    QIOError **errp)
{
    QIOTask *task = qiop_task_new(loop, &read_kind, ioc, timeout_ms, fn, opaque,
                                  destroy, errp);
    struct transfer *t;

    if (!task) {
        return NULL;
    }
    t = qiop_task_private(task);
    t->left = (struct iovec){.iov_base = buf, .iov_len = len};
    return qiop_task_start(task);
}

/* ---- writing ---- */

static int write_step(QIOTask *task, QIOError **errp)
{
    struct transfer *t = qiop_task_private(task);
    size_t share = 0;

    while (t->left.iov_len > 0) {
        ssize_t n;

        if (share > SHARE) {
            qiop_task_step_soon(task);
            return QIO_CHANNEL_ERR_BLOCK;
        }
        n = qiop_try_writev(task->ioc, &t->left, 1, NULL, 0, 0, errp);
        if (n == QIO_CHANNEL_ERR_BLOCK) {
            return wait_for(task, task->ioc, QIO_EVENT_OUT, errp);
        }
        if (n < 0) {
            return -1;
        }
        moved(task, (size_t)n);
        share += (size_t)n;
    }
    return flush_step(task, errp);
}

static const struct qiop_task_kind write_kind = {
    .doing = "writing",
    .private_size = sizeof(struct transfer),
    .step = write_step,
    .stop = transfer_stop,
};

QIOTask *qio_channel_write_all_async(QIOChannel *ioc, QIOLoop *loop,
                                     const void *buf, size_t len,
                                     int timeout_ms, QIOTaskFunc *fn,
                                     void *opaque, QIODestroyFunc *destroy,
                                     QIOError **errp)
{
    QIOTask *task = qiop_task_new(loop, &write_kind, ioc, timeout_ms, fn,
                                  opaque, destroy, errp);
    struct transfer *t;

    if (!task) {
        return NULL;
    }
    t = qiop_task_private(task);
    t->left = (struct iovec){.iov_base = (void *)buf, .iov_len = len};
    return qiop_task_start(task);
}

/* ---- saying goodbye ---- */

static int say_bye(QIOTask *task, QIOError **errp)
{
    QIOError *err = NULL;

    if (qio_channel_shutdown(task->ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &err) ==
            0 ||
        qio_error_code(err) == QIO_ERROR_UNSUPPORTED) {
        qio_error_free(err);
        return 0;
    }
    qio_error_propagate(errp, err);
    return -1;
}

static int bye_step(QIOTask *task, QIOError **errp)
{
    struct transfer *t = qiop_task_private(task);
    int r;

    if (!t->bye_said && say_bye(task, errp) < 0) {
        return -1;
    }
    t->bye_said = true;
    r = flush_step(task, errp);
    if (r == QIO_CHANNEL_ERR_BLOCK &&
        atomic_load(&task->ioc->shut) == QIO_CHANNEL_SHUTDOWN_BOTH) {
        qio_error_set(errp, QIO_ERROR_SHUTDOWN, 0,
                      "%s: shut down while flushing",
                      qio_channel_name(task->ioc));
        return -1;
    }
    return r;
}

static const struct qiop_task_kind bye_kind = {
    .doing = "saying goodbye",
    .private_size = sizeof(struct transfer),
    .step = bye_step,
    .stop = transfer_stop,
};

QIOTask *qio_channel_bye_async(QIOChannel *ioc, QIOLoop *loop, int timeout_ms,
                               QIOTaskFunc *fn, void *opaque,
                               QIODestroyFunc *destroy, QIOError **errp)
{
    QIOTask *task = qiop_task_new(loop, &bye_kind, ioc, timeout_ms, fn, opaque,
                                  destroy, errp);

    return task ? qiop_task_start(task) : NULL;
}
