/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking up what an endpoint's layers name, and stacking the layers. */
#include <config.h>
#include "endpoint/layers.h"

#include <stdlib.h>
#include <string.h>
#include <qio/channel-tls.h>
#include <qio/channel-websocket.h>

void qiop_layers_free(struct qiop_layers *l)
{
    while (l->n > 0) {
        l->n--;
        qio_tls_creds_unref(l->v[l->n].creds);
        qio_authz_unref(l->v[l->n].authz);
        free(l->v[l->n].hostname);
        qio_websocket_options_free(l->v[l->n].websocket);
    }
}

/* Credentials of the right side. */
static QIOTLSCreds *find_creds(QIOObjects *objects, const char *id,
                               bool as_server, QIOError **errp)
{
    QIOTLSCreds *creds = qio_objects_get_tls_creds(objects, id, errp);
    bool for_server;

    if (!creds) {
        return NULL;
    }
    for_server = qio_tls_creds_endpoint(creds) == QIO_TLS_ENDPOINT_SERVER;
    if (for_server != as_server) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "credentials '%s' are for a %s, this side is the %s", id,
                      for_server ? "server" : "client",
                      as_server ? "server" : "client");
        return NULL;
    }
    return qio_tls_creds_ref(creds);
}

static int resolve_tls(const struct qiop_layer *layer, QIOObjects *objects,
                       struct qiop_layers *out, QIOError **errp)
{
    size_t i = out->n;

    if (!objects) {
        qio_error_set(errp, QIO_ERROR_NOT_FOUND, 0,
                      "no TLS credentials with the ID '%s'", layer->creds);
        return -1;
    }
    if (layer->authz && !out->as_server) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "tls-authz is for servers, this side is the client");
        return -1;
    }
    memset(&out->v[i], 0, sizeof(out->v[i]));
    out->v[i].creds = find_creds(objects, layer->creds, out->as_server, errp);
    if (!out->v[i].creds) {
        return -1;
    }
    out->n++; /* from here on qiop_layers_free() sees it */
    if (layer->authz) {
        QIOAuthz *authz = qio_objects_get_authz(objects, layer->authz, errp);

        if (!authz) {
            return -1;
        }
        out->v[i].authz = qio_authz_ref(authz);
    }
    if (layer->hostname) {
        out->v[i].hostname = strdup(layer->hostname);
        if (!out->v[i].hostname) {
            qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
            return -1;
        }
    }
    return 0;
}

/* A server does not look at the query, so it is not asked for one. */
static int set_path(QIOWebsocketOptions *o, const char *path, bool as_server,
                    QIOError **errp)
{
    char *copy = strdup(path);
    int ret;

    if (!copy) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    if (as_server) {
        copy[strcspn(copy, "?")] = '\0';
    }
    ret = qio_websocket_options_set_path(o, copy, errp);
    free(copy);
    return ret;
}

static int resolve_websocket(const struct qiop_layer *layer,
                             struct qiop_layers *out, QIOError **errp)
{
    QIOWebsocketOptions *o = qio_websocket_options_new(errp);

    if (!o) {
        return -1;
    }
    memset(&out->v[out->n], 0, sizeof(out->v[out->n]));
    out->v[out->n].websocket = o;
    out->n++; /* from here on qiop_layers_free() sees it */
    if (set_path(o, layer->path, out->as_server, errp) < 0) {
        return -1;
    }
    /* What servers of bytes want to hear, and what ours answer anyway. */
    return out->as_server
               ? 0
               : qio_websocket_options_add_protocol(o, "binary", errp);
}

int qiop_layers_resolve(const QIOEndpoint *ep, QIOObjects *objects,
                        bool as_server, struct qiop_layers *out,
                        QIOError **errp)
{
    size_t i;

    out->n = 0;
    out->as_server = as_server;
    for (i = 0; i < ep->nlayers; i++) {
        const struct qiop_layer *layer = &ep->layers[i];
        int ret = layer->kind == QIOP_LAYER_WEBSOCKET
                      ? resolve_websocket(layer, out, errp)
                      : resolve_tls(layer, objects, out, errp);

        if (ret < 0) {
            qiop_layers_free(out);
            return -1;
        }
    }
    return 0;
}

static QIOChannel *stack_one(const struct qiop_layers *l, size_t i,
                             QIOChannel *below, QIOError **errp)
{
    if (l->v[i].websocket) {
        return l->as_server
                   ? qio_channel_websocket_new_server(below, l->v[i].websocket,
                                                      errp)
                   : qio_channel_websocket_new_client(below, l->v[i].websocket,
                                                      errp);
    }
    return l->as_server ? qio_channel_tls_new_server(below, l->v[i].creds,
                                                     l->v[i].authz, errp)
                        : qio_channel_tls_new_client(below, l->v[i].creds,
                                                     l->v[i].hostname, errp);
}

QIOChannel *qiop_layers_stack(const struct qiop_layers *l, QIOChannel *base,
                              QIOError **errp)
{
    QIOChannel *top = qio_channel_ref(base);
    size_t i;

    for (i = 0; top && i < l->n; i++) {
        QIOChannel *below = top;

        top = stack_one(l, i, below, errp);
        qio_channel_unref(below);
    }
    return top;
}
