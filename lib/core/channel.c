/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The channel object: construction, references, names, features, trace. */
#include <config.h>
#include "channel.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/fd.h"
#include "base/hot.h"

static bool ops_are_fit(const QIOChannelOps *ops, bool layer)
{
    if (!ops->name || !ops->readv || !ops->writev || !ops->close ||
        !ops->finalize) {
        return false;
    }
    if (layer) {
        return ops->kind != QIO_CHANNEL_KIND_LEAF && ops->flush;
    }
    return ops->kind == QIO_CHANNEL_KIND_LEAF && ops->poll;
}

static int check_ops(const QIOChannelOps *ops, bool layer, QIOError **errp)
{
    if (ops->size < offsetof(QIOChannelOps, finalize) + sizeof(ops->finalize)) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "channel type: the vtable's size is missing or wrong");
        return -1;
    }
    if (!ops_are_fit(ops, layer)) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "channel type '%s': a mandatory slot is missing",
                      ops->name ? ops->name : "?");
        return -1;
    }
    return 0;
}

static QIOChannel *alloc(const QIOChannelOps *ops, size_t private_size,
                         QIOChannel *base, QIOError **errp)
{
    QIOChannelOps full;
    QIOChannel *ioc;
    bool open_from_birth;

    if (check_ops(ops, base != NULL, errp) < 0) {
        return NULL;
    }
    ioc = private_size > SIZE_MAX - sizeof(*ioc)
              ? NULL
              : calloc(1, sizeof(*ioc) + private_size);
    if (!ioc) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "cannot allocate a channel");
        return NULL;
    }
    full = qiop_ops_complete(ops);
    open_from_birth = !ops->advance && (!base || qio_channel_is_open(base));
    ioc->ops = (struct qiop_hot_ops){
        .readv = full.readv,
        .writev = full.writev,
        .poll = full.poll,
        .flush = full.flush,
    };
    ioc->type = ops;
    ioc->base = base ? qio_channel_ref(base) : NULL;
    atomic_init(&ioc->refs, 1);
    atomic_init(&ioc->features, ops->features);
    atomic_init(&ioc->state,
                open_from_birth ? QIOP_STATE_OPEN : QIOP_STATE_OPENING);
    atomic_init(&ioc->output, ops->flush || (base && qiop_holds_output(base))
                                  ? QIOP_OUTPUT_FLUSHED
                                  : QIOP_OUTPUT_LEAVES);
    atomic_init(&ioc->wake[QIOP_WAKE_READ], -1);
    atomic_init(&ioc->wake[QIOP_WAKE_WRITE], -1);
    atomic_init(&ioc->blocking, true);
    atomic_init(&ioc->timeout_ms, -1);
    pthread_mutex_init(&ioc->observe_lock, NULL);
    return ioc;
}

QIOChannel *qio_channel_alloc(const QIOChannelOps *ops, size_t private_size,
                              QIOError **errp)
{
    return alloc(ops, private_size, NULL, errp);
}

QIOChannel *qio_channel_alloc_layer(const QIOChannelOps *ops,
                                    size_t private_size, QIOChannel *base,
                                    QIOError **errp)
{
    if (!base) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "a layer needs a channel beneath it");
        return NULL;
    }
    return alloc(ops, private_size, base, errp);
}

QIOChannel *qio_channel_ref(QIOChannel *ioc)
{
    atomic_fetch_add_explicit(&ioc->refs, 1, memory_order_relaxed);
    return ioc;
}

void qio_channel_unref(QIOChannel *ioc)
{
    /* A loop, so that the depth of a stack costs no stack. */
    while (ioc && atomic_fetch_sub_explicit(&ioc->refs, 1,
                                            memory_order_acq_rel) == 1) {
        QIOChannel *base = ioc->base;
        QIOError *err = NULL;

        qiop_closing(ioc);
        /* Only this one: others may still hold the channel beneath. */
        if (atomic_exchange(&ioc->state, QIOP_STATE_CLOSED) !=
            QIOP_STATE_CLOSED) {
            ioc->type->close(ioc, &err);
            qio_error_free(err);
        }
        ioc->type->finalize(ioc);
        qiop_fd_close(atomic_load(&ioc->wake[QIOP_WAKE_READ]));
        qiop_fd_close(atomic_load(&ioc->wake[QIOP_WAKE_WRITE]));
        pthread_mutex_destroy(&ioc->observe_lock);
        free(ioc->name);
        free(ioc);
        ioc = base;
    }
}

QIOP_HOT void *qio_channel_private(const QIOChannel *ioc)
{
    return (void *)ioc->private;
}

QIOP_HOT void *qio_channel_private_if(const QIOChannel *ioc,
                                      const QIOChannelOps *ops)
{
    return ioc && ioc->type == ops ? (void *)ioc->private : NULL;
}

void qio_channel_mark_open(QIOChannel *ioc)
{
    unsigned char opening = QIOP_STATE_OPENING;

    atomic_compare_exchange_strong(&ioc->state, &opening, QIOP_STATE_OPEN);
}

bool qio_channel_is_open(const QIOChannel *ioc)
{
    return atomic_load(&ioc->state) == QIOP_STATE_OPEN;
}

void qio_channel_add_features(QIOChannel *ioc, unsigned features)
{
    atomic_fetch_or(&ioc->features, features);
}

QIOP_HOT bool qio_channel_has_feature(const QIOChannel *ioc,
                                      QIOChannelFeature feature)
{
    return (atomic_load(&ioc->features) & feature) != 0;
}

int qio_channel_set_name(QIOChannel *ioc, const char *name, QIOError **errp)
{
    char *copy = strdup(name);

    if (!copy) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "cannot name a channel");
        return -1;
    }
    free(ioc->name);
    ioc->name = copy;
    return 0;
}

const char *qio_channel_name(const QIOChannel *ioc)
{
    return ioc->name ? ioc->name : ioc->type->name;
}

const char *qio_channel_type_name(const QIOChannel *ioc)
{
    return ioc->type->name;
}

QIOChannel *qio_channel_base(const QIOChannel *ioc)
{
    return ioc->base;
}

void qio_channel_set_blocking(QIOChannel *ioc, bool enabled)
{
    atomic_store(&ioc->blocking, enabled);
}

QIOP_HOT bool qio_channel_is_blocking(const QIOChannel *ioc)
{
    return atomic_load(&ioc->blocking);
}

void qio_channel_set_timeout(QIOChannel *ioc, int timeout_ms)
{
    atomic_store(&ioc->timeout_ms, timeout_ms);
}

void qio_channel_set_trace(QIOChannel *ioc, QIOChannelTraceFunc *fn,
                           void *opaque)
{
    ioc->trace = fn;
    ioc->trace_opaque = opaque;
}

void qio_channel_trace(QIOChannel *ioc, const char *fmt, ...)
{
    char line[256];
    va_list ap;

    if (!ioc->trace) {
        return;
    }
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    ioc->trace(ioc, line, ioc->trace_opaque);
}
