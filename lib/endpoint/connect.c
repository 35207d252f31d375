/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From an endpoint to an open channel, within one deadline. */
#include <config.h>
#include "endpoint/layers.h"

#include "base/clock.h"

QIOChannel *qio_endpoint_connect_sync(const QIOEndpoint *ep,
                                      QIOObjects *objects, QIOEndpointMode mode,
                                      int timeout_ms, QIOError **errp)
{
    int64_t deadline = qiop_deadline(timeout_ms);
    struct qiop_layers layers;
    QIOChannel *base;
    QIOChannel *top = NULL;

    if (qiop_layers_resolve(ep, objects, false, &layers, errp) < 0) {
        return NULL;
    }
    base = qiop_endpoint_open_base(ep, mode, errp);
    if (base) {
        top = qiop_layers_stack(&layers, base, errp);
        qio_channel_unref(base);
    }
    qiop_layers_free(&layers);
    if (!top) {
        return NULL;
    }
    if (qio_channel_open_sync(top, qiop_deadline_left_ms(deadline), errp) < 0) {
        qio_channel_unref(top);
        return NULL;
    }
    qiop_endpoint_keep_fd(ep);
    return top;
}

QIOChannel *qio_endpoint_layer_sync(const QIOEndpoint *ep, QIOObjects *objects,
                                    QIOChannel *base, bool as_server,
                                    int timeout_ms, QIOError **errp)
{
    int64_t deadline = qiop_deadline(timeout_ms);
    struct qiop_layers layers;
    QIOChannel *top;

    if (qiop_layers_resolve(ep, objects, as_server, &layers, errp) < 0) {
        return NULL;
    }
    top = qiop_layers_stack(&layers, base, errp);
    qiop_layers_free(&layers);
    if (!top) {
        return NULL;
    }
    if (qio_channel_open_sync(top, qiop_deadline_left_ms(deadline), errp) < 0) {
        qio_channel_unref(top);
        return NULL;
    }
    return top;
}
