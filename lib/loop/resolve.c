/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking names up as a task. */
#include <config.h>
#include <stdlib.h>
#include "loop/task.h"
#include "net/address.h"
#include "net/resolve.h"

struct lookup {
    struct qiop_resolver *resolver;
    QIOWatch *watch;
    QIOAddress *asked;
    QIOAddress **v;
    size_t n;
};

/* Nothing to look up: the answer is the question. */
static int answer_itself(struct lookup *l, QIOError **errp)
{
    l->v = calloc(1, sizeof(*l->v));
    if (!l->v) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    l->v[0] = qio_address_copy(l->asked, errp);
    l->n = l->v[0] ? 1 : 0;
    return l->v[0] ? 0 : -1;
}

static int take_answers(struct lookup *l, const struct qiop_sockaddrs *list,
                        QIOError **errp)
{
    l->v = calloc(list->n ? list->n : 1, sizeof(*l->v));
    if (!l->v) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    for (size_t i = 0; i < list->n; i++) {
        l->v[i] = qiop_address_resolved(l->asked, &list->v[i], errp);
        if (!l->v[i]) {
            return -1;
        }
        l->n++;
    }
    return 0;
}

static bool answered(int fd, unsigned events, void *opaque)
{
    (void)fd;
    (void)events;
    qiop_task_step_soon(opaque);
    return true;
}

static int start(QIOTask *task, struct lookup *l, QIOError **errp)
{
    l->resolver = qiop_resolver_start(l->asked, false, errp);
    if (!l->resolver) {
        return -1;
    }
    l->watch = qio_loop_add_fd_watch(task->loop, qiop_resolver_fd(l->resolver),
                                     QIO_EVENT_IN, answered, task, NULL, errp);
    return l->watch ? QIO_CHANNEL_ERR_BLOCK : -1;
}

static int lookup_step(QIOTask *task, QIOError **errp)
{
    struct lookup *l = qiop_task_private(task);
    struct qiop_sockaddrs list = {0};
    int r;

    if (!qiop_resolve_blocks(l->asked)) {
        return answer_itself(l, errp);
    }
    if (!l->resolver) {
        return start(task, l, errp);
    }
    r = qiop_resolver_finish(l->resolver, &list, errp);
    if (r == 0) {
        r = take_answers(l, &list, errp);
    }
    qiop_sockaddrs_free(&list);
    return r;
}

static void lookup_stop(QIOTask *task)
{
    struct lookup *l = qiop_task_private(task);

    qiop_task_unwatch(&l->watch);
    qiop_resolver_free(l->resolver);
    l->resolver = NULL;
}

static void lookup_finalize(QIOTask *task)
{
    struct lookup *l = qiop_task_private(task);

    for (size_t i = 0; i < l->n; i++) {
        qio_address_free(l->v[i]);
    }
    free(l->v);
    qio_address_free(l->asked);
}

static const struct qiop_task_kind lookup_kind = {
    .doing = "looking a name up",
    .private_size = sizeof(struct lookup),
    .step = lookup_step,
    .stop = lookup_stop,
    .finalize = lookup_finalize,
};

QIOTask *qio_address_resolve_async(const QIOAddress *addr, QIOLoop *loop,
                                   int timeout_ms, QIOTaskFunc *fn,
                                   void *opaque, QIODestroyFunc *destroy,
                                   QIOError **errp)
{
    QIOTask *task = qiop_task_new(loop, &lookup_kind, NULL, timeout_ms, fn,
                                  opaque, destroy, errp);
    struct lookup *l;

    if (!task) {
        return NULL;
    }
    l = qiop_task_private(task);
    l->asked = qio_address_copy(addr, errp);
    return l->asked ? qiop_task_start(task) : qiop_task_discard(task);
}

static const struct lookup *lookup_of(const QIOTask *task)
{
    return task->kind == &lookup_kind ? qiop_task_private(task) : NULL;
}

size_t qio_task_addresses(const QIOTask *task)
{
    const struct lookup *l = lookup_of(task);

    return l && !task->err ? l->n : 0;
}

const QIOAddress *qio_task_address(const QIOTask *task, size_t i)
{
    return i < qio_task_addresses(task) ? lookup_of(task)->v[i] : NULL;
}
