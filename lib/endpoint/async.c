/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connecting, listening and accepting as tasks. */
#include <config.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "endpoint/listener.h"
#include "loop/task.h"
#include "net/resolve.h"

/* ---- outgoing, and layers for what is there ---- */

struct outgoing {
    QIOWatch *watch;
    QIOChannel *top; /* one reference until it is the result */
    QIOEndpoint *ep; /* whose descriptor is ours once all went well, or NULL */
};

static int outgoing_step(QIOTask *task, QIOError **errp)
{
    struct outgoing *o = qiop_task_private(task);
    int r = qiop_task_advance(task, &o->watch, o->top, errp);

    if (r != 0) {
        return r;
    }
    if (o->ep) {
        qiop_endpoint_keep_fd(o->ep);
    }
    task->ioc = o->top;
    o->top = NULL;
    return 0;
}

static void outgoing_stop(QIOTask *task)
{
    struct outgoing *o = qiop_task_private(task);

    qiop_task_unwatch(&o->watch);
    qio_channel_unref(o->top);
    o->top = NULL;
}

static void outgoing_finalize(QIOTask *task)
{
    struct outgoing *o = qiop_task_private(task);

    qio_endpoint_free(o->ep);
}

static const struct qiop_task_kind outgoing_kind = {
    .doing = "connecting",
    .private_size = sizeof(struct outgoing),
    .step = outgoing_step,
    .stop = outgoing_stop,
    .finalize = outgoing_finalize,
};

/* Opening it waits for somebody to open its other end. */
static int refuse_fifo(const QIOEndpoint *ep, QIOError **errp)
{
    struct stat st;

    if (ep->type != QIO_ENDPOINT_FILE || stat(ep->text, &st) < 0 ||
        !S_ISFIFO(st.st_mode)) {
        return 0;
    }
    qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0,
                  "'%s' is a fifo, which cannot be opened without waiting",
                  ep->text);
    return -1;
}

static QIOChannel *make_stack(const QIOEndpoint *ep, QIOObjects *objects,
                              QIOEndpointMode mode, QIOError **errp)
{
    struct qiop_layers layers;
    QIOChannel *base, *top = NULL;

    if (refuse_fifo(ep, errp) < 0 ||
        qiop_layers_resolve(ep, objects, false, &layers, errp) < 0) {
        return NULL;
    }
    base = qiop_endpoint_open_base(ep, mode, errp);
    if (base) {
        top = qiop_layers_stack(&layers, base, errp);
        qio_channel_unref(base);
    }
    qiop_layers_free(&layers);
    return top;
}

static struct outgoing *outgoing_of(QIOTask *task)
{
    return task ? qiop_task_private(task) : NULL;
}

QIOTask *qio_endpoint_connect_async(const QIOEndpoint *ep, QIOObjects *objects,
                                    QIOEndpointMode mode, QIOLoop *loop,
                                    int timeout_ms, QIOTaskFunc *fn,
                                    void *opaque, QIODestroyFunc *destroy,
                                    QIOError **errp)
{
    QIOTask *task = qiop_task_new(loop, &outgoing_kind, NULL, timeout_ms, fn,
                                  opaque, destroy, errp);
    struct outgoing *o = outgoing_of(task);

    if (!task) {
        return NULL;
    }
    o->ep = qiop_endpoint_copy(ep, errp);
    o->top = o->ep ? make_stack(ep, objects, mode, errp) : NULL;
    return o->top ? qiop_task_start(task) : qiop_task_discard(task);
}

QIOTask *qio_endpoint_layer_async(const QIOEndpoint *ep, QIOObjects *objects,
                                  QIOChannel *base, bool as_server,
                                  QIOLoop *loop, int timeout_ms,
                                  QIOTaskFunc *fn, void *opaque,
                                  QIODestroyFunc *destroy, QIOError **errp)
{
    QIOTask *task = qiop_task_new(loop, &outgoing_kind, NULL, timeout_ms, fn,
                                  opaque, destroy, errp);
    struct outgoing *o = outgoing_of(task);
    struct qiop_layers layers;

    if (!task) {
        return NULL;
    }
    if (qiop_layers_resolve(ep, objects, as_server, &layers, errp) == 0) {
        o->top = qiop_layers_stack(&layers, base, errp);
        qiop_layers_free(&layers);
    }
    return o->top ? qiop_task_start(task) : qiop_task_discard(task);
}

/* ---- incoming ---- */

struct incoming {
    QIOEndpoint *ep; /* to listen on; NULL: l does already */
    struct qiop_layers layers;
    int backlog;
    struct qiop_resolver *resolver;
    QIOWatch *resolving;

    QIOListener *l;
    bool own;          /* l is the task's */
    bool only_listens; /* l is the result */
    QIOEndpointMode mode;
    QIOWatch **watches; /* of l's sockets, and of its shutdown */
    size_t n_watches;

    QIOChannel *top; /* one reference until it is the result */
    QIOWatch *opening;
};

static bool step_soon(int fd, unsigned events, void *opaque)
{
    (void)fd;
    (void)events;
    qiop_task_step_soon(opaque);
    return true;
}

static QIOWatch *watch_fd(QIOTask *task, int fd, QIOError **errp)
{
    return qio_loop_add_fd_watch(task->loop, fd, QIO_EVENT_IN, step_soon, task,
                                 NULL, errp);
}

static int start_resolving(QIOTask *task, struct incoming *in, QIOError **errp)
{
    in->resolver = qiop_resolver_start(in->ep->addr, true, errp);
    if (!in->resolver) {
        return -1;
    }
    in->resolving = watch_fd(task, qiop_resolver_fd(in->resolver), errp);
    return in->resolving ? QIO_CHANNEL_ERR_BLOCK : -1;
}

static int listen_now(struct incoming *in, struct qiop_sockaddrs *list,
                      QIOError **errp)
{
    QIOListener *l = qio_listener_new(errp);

    if (!l || qiop_listener_add(l, in->ep, &in->layers, in->backlog, list,
                                errp) < 0) {
        qio_listener_free(l);
        return -1;
    }
    in->l = l;
    in->own = true;
    return 0;
}

static int listen_step(QIOTask *task, struct incoming *in, QIOError **errp)
{
    struct qiop_sockaddrs list = {0};
    int r;

    if (in->ep->type != QIO_ENDPOINT_SOCKET ||
        !qiop_resolve_blocks(in->ep->addr)) {
        return listen_now(in, NULL, errp);
    }
    if (!in->resolver) {
        return start_resolving(task, in, errp);
    }
    r = qiop_resolver_finish(in->resolver, &list, errp);
    if (r == 0) {
        r = listen_now(in, &list, errp);
    }
    qiop_sockaddrs_free(&list);
    return r;
}

static int watch_sockets(QIOTask *task, struct incoming *in, QIOError **errp)
{
    in->watches = calloc(in->l->n_polls + 1, sizeof(*in->watches));
    if (!in->watches) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    for (size_t i = 0; i <= in->l->n_polls; i++) {
        in->watches[i] = watch_fd(task, in->l->polls[i].fd, errp);
        if (!in->watches[i]) {
            return -1;
        }
        in->n_watches++;
    }
    return 0;
}

static void unwatch_sockets(struct incoming *in)
{
    while (in->n_watches > 0) {
        qio_watch_remove(in->watches[--in->n_watches]);
    }
    free(in->watches);
    in->watches = NULL;
}

static int accept_step(QIOTask *task, struct incoming *in, QIOError **errp)
{
    struct qiop_entrance *whose;
    QIOChannel *base = NULL;
    int r = qiop_listener_accept_any(in->l, in->mode, &base, &whose, errp);

    if (r == 0) {
        return in->watches || watch_sockets(task, in, errp) == 0
                   ? QIO_CHANNEL_ERR_BLOCK
                   : -1;
    }
    if (r < 0) {
        return -1;
    }
    /* The others are for other calls; a shutdown is for this one. */
    for (size_t i = 0; i + 1 < in->n_watches; i++) {
        qio_watch_set_events(in->watches[i], 0);
    }
    in->top = qiop_layers_stack(&whose->layers, base, errp);
    qio_channel_unref(base);
    return in->top ? 0 : -1;
}

static void hand_over_listener(void *opaque)
{
    qio_listener_free(opaque);
}

static int incoming_step(QIOTask *task, QIOError **errp)
{
    struct incoming *in = qiop_task_private(task);
    int r = 0;

    if (!in->l) {
        r = listen_step(task, in, errp);
    }
    if (r == 0 && in->only_listens) {
        qio_task_set_result(task, in->l, hand_over_listener);
        in->own = false;
        return 0;
    }
    if (r == 0 && !in->top) {
        r = accept_step(task, in, errp);
    } else if (r == 0) {
        r = qiop_listener_check(in->l, errp);
    }
    if (r == 0) {
        r = qiop_task_advance(task, &in->opening, in->top, errp);
    }
    if (r == 0) {
        task->ioc = in->top;
        in->top = NULL;
    }
    return r;
}

static void incoming_stop(QIOTask *task)
{
    struct incoming *in = qiop_task_private(task);

    qiop_task_unwatch(&in->resolving);
    qiop_task_unwatch(&in->opening);
    unwatch_sockets(in);
    qiop_resolver_free(in->resolver);
    in->resolver = NULL;
    qio_channel_unref(in->top);
    in->top = NULL;
    if (in->own) {
        qio_listener_free(in->l);
        in->own = false;
    }
    in->l = NULL;
}

static void incoming_finalize(QIOTask *task)
{
    struct incoming *in = qiop_task_private(task);

    qiop_layers_free(&in->layers);
    qio_endpoint_free(in->ep);
}

static const struct qiop_task_kind incoming_kind = {
    .doing = "waiting for a connection",
    .private_size = sizeof(struct incoming),
    .step = incoming_step,
    .stop = incoming_stop,
    .finalize = incoming_finalize,
};

/* A task that will listen; not started. */
static QIOTask *listening_task(const QIOEndpoint *ep, QIOObjects *objects,
                               int backlog, QIOLoop *loop, int timeout_ms,
                               QIOTaskFunc *fn, void *opaque,
                               QIODestroyFunc *destroy, QIOError **errp)
{
    QIOTask *task = qiop_task_new(loop, &incoming_kind, NULL, timeout_ms, fn,
                                  opaque, destroy, errp);
    struct incoming *in;

    if (!task) {
        return NULL;
    }
    in = qiop_task_private(task);
    in->backlog = backlog;
    if (qiop_layers_resolve(ep, objects, true, &in->layers, errp) == 0) {
        in->ep = qiop_endpoint_copy(ep, errp);
    }
    return in->ep ? task : qiop_task_discard(task);
}

QIOTask *qio_endpoint_listen_async(const QIOEndpoint *ep, QIOObjects *objects,
                                   int backlog, QIOLoop *loop, int timeout_ms,
                                   QIOTaskFunc *fn, void *opaque,
                                   QIODestroyFunc *destroy, QIOError **errp)
{
    QIOTask *task = listening_task(ep, objects, backlog, loop, timeout_ms, fn,
                                   opaque, destroy, errp);
    struct incoming *in;

    if (!task) {
        return NULL;
    }
    in = qiop_task_private(task);
    in->only_listens = true;
    return qiop_task_start(task);
}

QIOTask *qio_endpoint_accept_async(const QIOEndpoint *ep, QIOObjects *objects,
                                   QIOEndpointMode mode, QIOLoop *loop,
                                   int timeout_ms, QIOTaskFunc *fn,
                                   void *opaque, QIODestroyFunc *destroy,
                                   QIOError **errp)
{
    QIOTask *task = listening_task(ep, objects, 1, loop, timeout_ms, fn, opaque,
                                   destroy, errp);
    struct incoming *in;

    if (!task) {
        return NULL;
    }
    in = qiop_task_private(task);
    in->mode = mode;
    return qiop_task_start(task);
}

QIOTask *qio_listener_accept_open_async(QIOListener *l, QIOEndpointMode mode,
                                        QIOLoop *loop, int timeout_ms,
                                        QIOTaskFunc *fn, void *opaque,
                                        QIODestroyFunc *destroy,
                                        QIOError **errp)
{
    QIOTask *task = qiop_task_new(loop, &incoming_kind, NULL, timeout_ms, fn,
                                  opaque, destroy, errp);
    struct incoming *in;

    if (!task) {
        return NULL;
    }
    in = qiop_task_private(task);
    in->l = l;
    in->mode = mode;
    return qiop_task_start(task);
}
