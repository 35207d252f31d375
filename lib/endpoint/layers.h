/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An endpoint's layers with their IDs looked up, and stacking them. */
#ifndef QIOP_ENDPOINT_LAYERS_H
#define QIOP_ENDPOINT_LAYERS_H

#include <qio/websocket.h>
#include "endpoint/endpoint.h"

struct qiop_layers {
    struct {
        QIOTLSCreds *creds;
        QIOAuthz *authz;
        char *hostname;
        QIOWebsocketOptions *websocket; /* instead of creds */
    } v[QIOP_LAYERS_MAX];
    size_t n;
    bool as_server;
};

/* Looks everything up and takes references; opens nothing. */
int qiop_layers_resolve(const QIOEndpoint *ep, QIOObjects *objects,
                        bool as_server, struct qiop_layers *out,
                        QIOError **errp);
void qiop_layers_free(struct qiop_layers *l);
/* Returns a reference on the topmost channel, which may be base itself. */
QIOChannel *qiop_layers_stack(const struct qiop_layers *l, QIOChannel *base,
                              QIOError **errp);

#endif
