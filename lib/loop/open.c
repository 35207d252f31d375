/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening a stack of channels as a task, under all its names. */
#include <config.h>
#include <qio/channel-socket.h>
#include "core/channel.h"
#include "loop/task.h"

struct opening {
    QIOWatch *watch;
};

int qiop_task_advance(QIOTask *task, QIOWatch **watch, QIOChannel *ioc,
                      QIOError **errp)
{
    int r = qiop_advance(ioc, errp);

    if (r != QIO_CHANNEL_ERR_BLOCK) {
        return r;
    }
    return qiop_task_watch(task, watch, ioc, QIO_EVENT_OPEN, errp) < 0
               ? -1
               : QIO_CHANNEL_ERR_BLOCK;
}

static int open_step(QIOTask *task, QIOError **errp)
{
    struct opening *o = qiop_task_private(task);

    return qiop_task_advance(task, &o->watch, task->ioc, errp);
}

static void open_stop(QIOTask *task)
{
    struct opening *o = qiop_task_private(task);

    qiop_task_unwatch(&o->watch);
}

static const struct qiop_task_kind open_kind = {
    .doing = "opening",
    .private_size = sizeof(struct opening),
    .step = open_step,
    .stop = open_stop,
};

QIOTask *qio_channel_open_async(QIOChannel *ioc, QIOLoop *loop, int timeout_ms,
                                QIOTaskFunc *fn, void *opaque,
                                QIODestroyFunc *destroy, QIOError **errp)
{
    QIOTask *task = qiop_task_new(loop, &open_kind, ioc, timeout_ms, fn, opaque,
                                  destroy, errp);

    return task ? qiop_task_start(task) : NULL;
}

QIOTask *qio_channel_tls_handshake_async(QIOChannel *ioc, QIOLoop *loop,
                                         int timeout_ms, QIOTaskFunc *fn,
                                         void *opaque, QIODestroyFunc *destroy,
                                         QIOError **errp)
{
    return qio_channel_open_async(ioc, loop, timeout_ms, fn, opaque, destroy,
                                  errp);
}

QIOTask *qio_channel_websocket_handshake_async(QIOChannel *ioc, QIOLoop *loop,
                                               int timeout_ms, QIOTaskFunc *fn,
                                               void *opaque,
                                               QIODestroyFunc *destroy,
                                               QIOError **errp)
{
    return qio_channel_open_async(ioc, loop, timeout_ms, fn, opaque, destroy,
                                  errp);
}

QIOTask *qio_channel_socket_connect_async(const QIOAddress *addr, QIOLoop *loop,
                                          int timeout_ms, QIOTaskFunc *fn,
                                          void *opaque, QIODestroyFunc *destroy,
                                          QIOError **errp)
{
    QIOChannel *ioc = qio_channel_socket_new(addr, errp);
    QIOTask *task;

    if (!ioc) {
        if (destroy) {
            destroy(opaque);
        }
        return NULL;
    }
    task = qio_channel_open_async(ioc, loop, timeout_ms, fn, opaque, destroy,
                                  errp);
    qio_channel_unref(ioc);
    return task;
}
