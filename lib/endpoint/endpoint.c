/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The QIOEndpoint object: its life, its getters, its text. */
#include <config.h>
#include "endpoint/endpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void layer_clear(struct qiop_layer *layer)
{
    free(layer->creds);
    free(layer->hostname);
    free(layer->authz);
    free(layer->path);
    memset(layer, 0, sizeof(*layer));
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

static void put_escaped(FILE *f, const char *text)
{
    for (; *text; text++) {
        if (*text == ',') {
            fputc(',', f);
        }
        fputc(*text, f);
    }
}

static void put_option(FILE *f, const char *name, const char *value)
{
    if (value) {
        fprintf(f, ",%s=", name);
        put_escaped(f, value);
    }
}

static int put_base(FILE *f, const QIOEndpoint *ep, QIOError **errp)
{
    char *addr;

    switch (ep->type) {
    case QIO_ENDPOINT_SOCKET:
    case QIO_ENDPOINT_FD:
        addr = qio_address_to_string(ep->addr, errp);
        if (!addr) {
            return -1;
        }
        fputs(addr, f);
        free(addr);
        if (ep->listen >= 0) {
            put_option(f, "listen", ep->listen ? "on" : "off");
        }
        return 0;
    case QIO_ENDPOINT_EXEC:
        fputs("exec:", f);
        put_escaped(f, ep->text);
        return 0;
    case QIO_ENDPOINT_FILE:
        fputs("file:", f);
        put_escaped(f, ep->text);
        if (ep->offset) {
            fprintf(f, ",offset=%" PRIu64, ep->offset);
        }
        return 0;
    case QIO_ENDPOINT_STDIO:
        fputs("stdio:", f);
        return 0;
    }
    qio_error_set(errp, QIO_ERROR_INVALID, 0, "no such type of endpoint");
    return -1;
}

char *qio_endpoint_to_string(const QIOEndpoint *ep, QIOError **errp)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    bool failed;
    size_t i;

    if (!f) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    if (put_base(f, ep, errp) < 0) {
        fclose(f);
        free(text);
        return NULL;
    }
    for (i = 0; i < ep->nlayers; i++) {
        put_option(f, "tls-creds", ep->layers[i].creds);
        put_option(f, "tls-hostname", ep->layers[i].hostname);
        put_option(f, "tls-authz", ep->layers[i].authz);
        put_option(f, "websocket", ep->layers[i].path);
    }
    failed = ferror(f);
    if (fclose(f) != 0 || failed) {
        free(text);
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    return text;
}
