/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking up what an endpoint's layers name, and stacking the layers. */
#include <config.h>
#include "endpoint/layers.h"

#include <stdlib.h>
#include <string.h>
#include <qio/channel-tls.h>

void qiop_layers_free(struct qiop_layers *l)
{
    while (l->n > 0) {
        l->n--;
        qio_tls_creds_unref(l->v[l->n].creds);
        qio_authz_unref(l->v[l->n].authz);
        free(l->v[l->n].hostname);
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

int qiop_layers_resolve(const QIOEndpoint *ep, QIOObjects *objects,
                        bool as_server, struct qiop_layers *out,
                        QIOError **errp)
{
    size_t i;

    out->n = 0;
    out->as_server = as_server;
    for (i = 0; i < ep->nlayers; i++) {
        if (ep->layers[i].kind == QIOP_LAYER_WEBSOCKET) {
            qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0,
                          "websocket channels are not in this version");
        } else if (resolve_tls(&ep->layers[i], objects, out, errp) == 0) {
            continue;
        }
        qiop_layers_free(out);
        return -1;
    }
    return 0;
}

QIOChannel *qiop_layers_stack(const struct qiop_layers *l, QIOChannel *base,
                              QIOError **errp)
{
    QIOChannel *top = qio_channel_ref(base);
    size_t i;

    for (i = 0; top && i < l->n; i++) {
        QIOChannel *below = top;

        if (l->as_server) {
            top = qio_channel_tls_new_server(below, l->v[i].creds,
                                             l->v[i].authz, errp);
        } else {
            top = qio_channel_tls_new_client(below, l->v[i].creds,
                                             l->v[i].hostname, errp);
        }
        qio_channel_unref(below);
    }
    return top;
}
