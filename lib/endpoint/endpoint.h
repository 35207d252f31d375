/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is inside a QIOEndpoint, for the rest of lib/endpoint. */
#ifndef QIOP_ENDPOINT_ENDPOINT_H
#define QIOP_ENDPOINT_ENDPOINT_H

#include <stddef.h>
#include <stdint.h>
#include <qio/endpoint.h>

/* More of them in one text is a mistake, not a wish. */
#define QIOP_LAYERS_MAX 8

enum qiop_layer_kind {
    QIOP_LAYER_TLS,
    QIOP_LAYER_WEBSOCKET,
};

struct qiop_layer {
    enum qiop_layer_kind kind;
    char *creds;    /* TLS */
    char *hostname; /* TLS, or NULL */
    char *authz;    /* TLS, or NULL */
    char *path;     /* websocket */
};

struct QIOEndpoint {
    QIOEndpointType type;
    QIOAddress *addr; /* SOCKET and FD */
    char *text;       /* FILE: path, EXEC: command */
    uint64_t offset;  /* FILE */
    int listen;       /* SOCKET: 0 or 1; -1 not given */
    struct qiop_layer layers[QIOP_LAYERS_MAX];
    size_t nlayers;
};

QIOEndpoint *qiop_endpoint_copy(const QIOEndpoint *ep, QIOError **errp);

/*
 * The bottom of the stack: a channel for what the endpoint names, not
 * necessarily open yet. An fd: endpoint's descriptor is duplicated;
 * qiop_endpoint_keep_fd() closes the original once all has gone well.
 */
QIOChannel *qiop_endpoint_open_base(const QIOEndpoint *ep, QIOEndpointMode mode,
                                    QIOError **errp);
void qiop_endpoint_keep_fd(const QIOEndpoint *ep);
/* A descriptor of somebody's choice may be anything: whether it is open, and
 * for reading or writing if only that is asked for. */
int qiop_endpoint_check_fd(int fd, QIOEndpointMode mode, QIOError **errp);

#endif
