/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting for a command's end, and bringing it about, as tasks. */
#include <config.h>
#include <signal.h>
#include "base/clock.h"
#include "channel/command-priv.h"
#include "loop/task.h"

/* How often to look where there are no process descriptors. */
#define LOOK_MS 20

struct ending {
    struct qiop_command *command;
    QIOWatch *end;   /* of the process descriptor */
    QIOWatch *words; /* of the captured standard error */
    QIOTimer *timer; /* for looking, or for the grace */
    int64_t kill_at; /* QIOP_NEVER: not yet known, or done */
    int grace_ms;    /* for terminating */
    bool signalled;
};

/* ---- waiting ---- */

static bool event(int fd, unsigned events, void *opaque)
{
    (void)fd;
    (void)events;
    qiop_task_step_soon(opaque);
    return true;
}

static void tick(QIOTimer *timer, void *opaque)
{
    (void)timer;
    qiop_task_step_soon(opaque);
}

static int watch_fd(QIOTask *task, QIOWatch **watch, int fd, QIOError **errp)
{
    if (fd < 0) {
        qiop_task_unwatch(watch);
        return 0;
    }
    if (!*watch) {
        *watch = qio_loop_add_fd_watch(task->loop, fd, QIO_EVENT_IN, event,
                                       task, NULL, errp);
    }
    return *watch ? 0 : -1;
}

static int start_timer(QIOTask *task, int delay_ms, QIOError **errp)
{
    struct ending *e = qiop_task_private(task);

    if (!e->timer) {
        e->timer = qio_timer_new(task->loop, tick, task, errp);
    }
    return e->timer ? qio_timer_start(e->timer, delay_ms, 0, errp) : -1;
}

/* When to look without being told. */
static int set_timer(QIOTask *task, QIOError **errp)
{
    struct ending *e = qiop_task_private(task);
    int left = qiop_deadline_left_ms(e->kill_at);

    if (e->command->child.pidfd < 0 && (left < 0 || left > LOOK_MS)) {
        left = LOOK_MS;
    }
    return left < 0 ? 0 : start_timer(task, left, errp);
}

/* As a step: 0 it has ended, -1, or BLOCK with the watches set. */
static int until_end(QIOTask *task, QIOError **errp)
{
    struct ending *e = qiop_task_private(task);
    int stderr_fd = qiop_command_drain(e->command);
    int r = qiop_command_look(e->command, errp);

    if (r != 0) {
        return r < 0 ? -1 : 0;
    }
    if (watch_fd(task, &e->end, e->command->child.pidfd, errp) < 0 ||
        watch_fd(task, &e->words, stderr_fd, errp) < 0 ||
        set_timer(task, errp) < 0) {
        return -1;
    }
    return QIO_CHANNEL_ERR_BLOCK;
}

static void ending_stop(QIOTask *task)
{
    struct ending *e = qiop_task_private(task);

    qiop_task_unwatch(&e->end);
    qiop_task_unwatch(&e->words);
    qio_timer_free(e->timer);
    e->timer = NULL;
}

static QIOTask *ending_new(QIOChannel *ioc, QIOLoop *loop,
                           const struct qiop_task_kind *kind, int grace_ms,
                           int timeout_ms, QIOTaskFunc *fn, void *opaque,
                           QIODestroyFunc *destroy, QIOError **errp)
{
    struct qiop_command *command = qiop_command_get(ioc, errp);
    struct ending *e;
    QIOTask *task;

    if (!command) {
        if (destroy) {
            destroy(opaque);
        }
        return NULL;
    }
    task =
        qiop_task_new(loop, kind, ioc, timeout_ms, fn, opaque, destroy, errp);
    if (!task) {
        return NULL;
    }
    e = qiop_task_private(task);
    e->command = command;
    e->kill_at = QIOP_NEVER;
    e->grace_ms = grace_ms;
    return qiop_task_start(task);
}

static int wait_step(QIOTask *task, QIOError **errp)
{
    struct ending *e = qiop_task_private(task);
    int r = until_end(task, errp);

    return r == 0 ? qiop_command_judge(e->command, errp) : r;
}

static const struct qiop_task_kind wait_kind = {
    .doing = "waiting for a command",
    .private_size = sizeof(struct ending),
    .step = wait_step,
    .stop = ending_stop,
};

QIOTask *qio_channel_command_wait_async(QIOChannel *ioc, QIOLoop *loop,
                                        int timeout_ms, QIOTaskFunc *fn,
                                        void *opaque, QIODestroyFunc *destroy,
                                        QIOError **errp)
{
    return ending_new(ioc, loop, &wait_kind, 0, timeout_ms, fn, opaque, destroy,
                      errp);
}

/* ---- terminating ---- */

static int send_signal(struct ending *e, int sig, QIOError **errp)
{
    return qiop_spawn_signal(&e->command->child, sig, errp);
}

static int terminate_step(QIOTask *task, QIOError **errp)
{
    struct ending *e = qiop_task_private(task);
    int r = qiop_command_look(e->command, errp);

    if (r != 0) {
        return r < 0 ? -1 : 0;
    }
    if (!e->signalled) {
        e->signalled = true;
        e->kill_at = qiop_deadline(e->grace_ms);
        if (send_signal(e, SIGTERM, errp) < 0) {
            return -1;
        }
    }
    if (qiop_deadline_passed(e->kill_at)) {
        e->kill_at = QIOP_NEVER;
        if (send_signal(e, SIGKILL, errp) < 0) {
            return -1;
        }
    }
    return until_end(task, errp);
}

static const struct qiop_task_kind terminate_kind = {
    .doing = "ending a command",
    .private_size = sizeof(struct ending),
    .step = terminate_step,
    .stop = ending_stop,
};

QIOTask *qio_channel_command_terminate_async(QIOChannel *ioc, QIOLoop *loop,
                                             int grace_ms, int timeout_ms,
                                             QIOTaskFunc *fn, void *opaque,
                                             QIODestroyFunc *destroy,
                                             QIOError **errp)
{
    return ending_new(ioc, loop, &terminate_kind, grace_ms, timeout_ms, fn,
                      opaque, destroy, errp);
}
