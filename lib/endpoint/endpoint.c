/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The QIOEndpoint object: its life, its getters, its text. */
#include <config.h>
#include "endpoint/endpoint.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/optstr.h"

static void layer_clear(struct qiop_layer *layer)
{
    free(layer->creds);
    free(layer->hostname);
    free(layer->authz);
    free(layer->path);
    memset(layer, 0, sizeof(*layer));
}

QIOEndpoint *qiop_endpoint_copy(const QIOEndpoint *ep, QIOError **errp)
{
    char *text = qio_endpoint_to_string(ep, errp);
    QIOEndpoint *copy;

    if (!text) {
        return NULL;
    }
    copy = qio_endpoint_parse(text, errp);
    free(text);
    return copy;
}

void qio_endpoint_free(QIOEndpoint *ep)
{
    if (!ep) {
        return;
    }
    while (ep->nlayers > 0) {
        layer_clear(&ep->layers[--ep->nlayers]);
    }
    qio_address_free(ep->addr);
    free(ep->text);
    free(ep);
}

QIOEndpointType qio_endpoint_type(const QIOEndpoint *ep)
{
    return ep->type;
}

const QIOAddress *qio_endpoint_address(const QIOEndpoint *ep)
{
    return ep->addr;
}

const char *qio_endpoint_path(const QIOEndpoint *ep)
{
    return ep->type == QIO_ENDPOINT_FILE ? ep->text : NULL;
}

const char *qio_endpoint_command(const QIOEndpoint *ep)
{
    return ep->type == QIO_ENDPOINT_EXEC ? ep->text : NULL;
}

uint64_t qio_endpoint_offset(const QIOEndpoint *ep)
{
    return ep->offset;
}

int qio_endpoint_listen_mode(const QIOEndpoint *ep)
{
    return ep->listen;
}

static struct qiop_layer *top_tls(const QIOEndpoint *ep)
{
    size_t i;

    for (i = ep->nlayers; i > 0; i--) {
        if (ep->layers[i - 1].kind == QIOP_LAYER_TLS) {
            return (struct qiop_layer *)&ep->layers[i - 1];
        }
    }
    return NULL;
}

bool qio_endpoint_has_tls(const QIOEndpoint *ep)
{
    return top_tls(ep) != NULL;
}

/* A copy of text, or NULL when there is none; false without memory. */
static bool copy_text(const char *text, char **out, QIOError **errp)
{
    *out = NULL;
    if (!text) {
        return true;
    }
    if (!text[0]) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "an empty host name or ID for TLS");
        return false;
    }
    *out = strdup(text);
    if (!*out) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
    }
    return *out != NULL;
}

int qio_endpoint_add_tls(QIOEndpoint *ep, const char *creds_id,
                         const char *hostname, const char *authz_id,
                         QIOError **errp)
{
    struct qiop_layer layer = {.kind = QIOP_LAYER_TLS};

    if (!creds_id) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "a TLS layer needs the ID of its credentials");
        return -1;
    }
    if (ep->nlayers == QIOP_LAYERS_MAX) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "more than %d layers",
                      QIOP_LAYERS_MAX);
        return -1;
    }
    if (!copy_text(creds_id, &layer.creds, errp) ||
        !copy_text(hostname, &layer.hostname, errp) ||
        !copy_text(authz_id, &layer.authz, errp)) {
        layer_clear(&layer);
        return -1;
    }
    ep->layers[ep->nlayers++] = layer;
    return 0;
}

int qio_endpoint_set_tls_peer(QIOEndpoint *ep, const char *hostname,
                              const char *authz_id, QIOError **errp)
{
    struct qiop_layer *layer = top_tls(ep);
    char *host;
    char *authz;

    if (!layer) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "a TLS host name or authorizer without credentials");
        return -1;
    }
    if (!copy_text(hostname, &host, errp)) {
        return -1;
    }
    if (!copy_text(authz_id, &authz, errp)) {
        free(host);
        return -1;
    }
    if (host) {
        free(layer->hostname);
        layer->hostname = host;
    }
    if (authz) {
        free(layer->authz);
        layer->authz = authz;
    }
    return 0;
}

/* Append to *text, which is replaced; on failure it is freed and NULL. */
QIO_PRINTF(3, 4)
static int append(char **text, QIOError **errp, const char *fmt, ...)
{
    char *old = *text;
    char *more = NULL;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&more, fmt, ap);
    va_end(ap);
    *text = NULL;
    if (n >= 0) {
        n = asprintf(text, "%s%s", old ? old : "", more);
        free(more);
    }
    free(old);
    if (n < 0) {
        *text = NULL;
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    return 0;
}

/* Append lead and the value with its commas doubled; nothing for no value. */
static int append_value(char **text, const char *lead, const char *value,
                        QIOError **errp)
{
    char *escaped;
    int ret;

    if (!value) {
        return 0;
    }
    escaped = qiop_optstr_escape(value, errp);
    if (!escaped) {
        free(*text);
        *text = NULL;
        return -1;
    }
    ret = append(text, errp, "%s%s", lead, escaped);
    free(escaped);
    return ret;
}

/* The text without layers. */
static char *base_text(const QIOEndpoint *ep, QIOError **errp)
{
    char *text = NULL;

    switch (ep->type) {
    case QIO_ENDPOINT_SOCKET:
    case QIO_ENDPOINT_FD:
        text = qio_address_to_string(ep->addr, errp);
        if (text && ep->listen >= 0) {
            append(&text, errp, ",listen=%s", ep->listen ? "on" : "off");
        }
        break;
    case QIO_ENDPOINT_EXEC:
        append_value(&text, "exec:", ep->text, errp);
        break;
    case QIO_ENDPOINT_FILE:
        append_value(&text, "file:", ep->text, errp);
        if (text && ep->offset) {
            append(&text, errp, ",offset=%" PRIu64, ep->offset);
        }
        break;
    case QIO_ENDPOINT_STDIO:
        append(&text, errp, "stdio:");
        break;
    }
    return text;
}

char *qio_endpoint_to_string(const QIOEndpoint *ep, QIOError **errp)
{
    char *text = base_text(ep, errp);
    size_t i;

    for (i = 0; text && i < ep->nlayers; i++) {
        const struct qiop_layer *layer = &ep->layers[i];

        if (append_value(&text, ",tls-creds=", layer->creds, errp) < 0 ||
            append_value(&text, ",tls-hostname=", layer->hostname, errp) < 0 ||
            append_value(&text, ",tls-authz=", layer->authz, errp) < 0 ||
            append_value(&text, ",websocket=", layer->path, errp) < 0) {
            return NULL;
        }
    }
    return text;
}
