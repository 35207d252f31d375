/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options of a websocket, checked when they are set. */
#include <config.h>
#include "websocket/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "websocket/http.h"

#define DEFAULT_FRAME (UINT64_C(1) << 30)

static void no_memory(QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_NOMEM, 0,
                  "out of memory for websocket options");
}

static int invalid(QIOError **errp, const char *what, const char *text)
{
    qio_error_set(errp, QIO_ERROR_INVALID, 0, "websocket: bad %s '%s'", what,
                  text);
    return -1;
}

QIOWebsocketOptions *qio_websocket_options_new(QIOError **errp)
{
    QIOWebsocketOptions *o = calloc(1, sizeof(*o));

    if (!o) {
        no_memory(errp);
        return NULL;
    }
    o->max_frame = DEFAULT_FRAME;
    return o;
}

static void texts_free(struct qiop_ws_texts *l)
{
    while (l->n > 0) {
        free(l->v[--l->n]);
    }
}

void qio_websocket_options_free(QIOWebsocketOptions *o)
{
    if (!o) {
        return;
    }
    free(o->path);
    free(o->host);
    texts_free(&o->origins);
    texts_free(&o->protocols);
    texts_free(&o->headers);
    free(o);
}

bool qiop_ws_texts_have(const struct qiop_ws_texts *l, const char *text,
                        size_t len)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strlen(l->v[i]) == len && memcmp(l->v[i], text, len) == 0) {
            return true;
        }
    }
    return false;
}

static int set_text(char **field, const char *text, QIOError **errp)
{
    char *copy = strdup(text);

    if (!copy) {
        no_memory(errp);
        return -1;
    }
    free(*field);
    *field = copy;
    return 0;
}

static int add_text(struct qiop_ws_texts *l, const char *text, QIOError **errp)
{
    if (l->n == QIOP_WS_TEXTS_MAX) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "websocket: more than %d of a kind", QIOP_WS_TEXTS_MAX);
        return -1;
    }
    l->v[l->n] = NULL;
    if (set_text(&l->v[l->n], text, errp) < 0) {
        return -1;
    }
    l->n++;
    return 0;
}

int qio_websocket_options_set_path(QIOWebsocketOptions *o, const char *path,
                                   QIOError **errp)
{
    if (path[0] != '/' || !qiop_http_is_visible(path) || strchr(path, '#') ||
        strlen(path) > QIOP_HTTP_LINE_MAX / 2) {
        return invalid(errp, "path", path);
    }
    return set_text(&o->path, path, errp);
}

int qio_websocket_options_set_host(QIOWebsocketOptions *o, const char *host,
                                   QIOError **errp)
{
    if (!qiop_http_is_visible(host) || strpbrk(host, "/?#@,\\")) {
        return invalid(errp, "host", host);
    }
    return set_text(&o->host, host, errp);
}

int qio_websocket_options_add_origin(QIOWebsocketOptions *o, const char *origin,
                                     QIOError **errp)
{
    if (!qiop_http_is_visible(origin)) {
        return invalid(errp, "origin", origin);
    }
    return add_text(&o->origins, origin, errp);
}

int qio_websocket_options_add_protocol(QIOWebsocketOptions *o,
                                       const char *protocol, QIOError **errp)
{
    if (!qiop_http_is_token(protocol, strlen(protocol)) ||
        qiop_ws_texts_have(&o->protocols, protocol, strlen(protocol))) {
        return invalid(errp, "sub-protocol", protocol);
    }
    return add_text(&o->protocols, protocol, errp);
}

/* Those that we write ourselves, or that would announce a body. */
static bool is_ours(const char *name)
{
    static const char *const names[] = {
        "Host",           "Upgrade",           "Connection", "Origin",
        "Content-Length", "Transfer-Encoding", "Trailer",    "TE",
    };
    static const char prefix[] = "Sec-WebSocket-";

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return true;
        }
    }
    return strncasecmp(name, prefix, sizeof(prefix) - 1) == 0;
}

int qio_websocket_options_add_header(QIOWebsocketOptions *o, const char *name,
                                     const char *value, QIOError **errp)
{
    char *line;
    int ret;

    if (!qiop_http_is_token(name, strlen(name)) || is_ours(name)) {
        return invalid(errp, "header name", name);
    }
    if (!qiop_http_is_value(value)) {
        return invalid(errp, "header value", value);
    }
    if (asprintf(&line, "%s: %s", name, value) < 0) {
        no_memory(errp);
        return -1;
    }
    ret = add_text(&o->headers, line, errp);
    free(line);
    return ret;
}

void qio_websocket_options_set_judge(QIOWebsocketOptions *o,
                                     QIOWebsocketJudge *judge, void *opaque)
{
    o->judge = judge;
    o->judge_opaque = opaque;
}

void qio_websocket_options_set_text(QIOWebsocketOptions *o, bool accept)
{
    o->text = accept;
}

void qio_websocket_options_set_limits(QIOWebsocketOptions *o, uint64_t frame,
                                      uint64_t message)
{
    o->max_frame = frame ? frame : UINT64_MAX;
    o->max_message = message;
}

void qio_websocket_options_set_ping(QIOWebsocketOptions *o, int interval_ms,
                                    int timeout_ms)
{
    o->ping_interval_ms = interval_ms > 0 && timeout_ms > 0 ? interval_ms : 0;
    o->ping_timeout_ms = timeout_ms;
}

/* ---- copying ---- */

static int copy_texts(struct qiop_ws_texts *to, const struct qiop_ws_texts *l,
                      QIOError **errp)
{
    for (size_t i = 0; i < l->n; i++) {
        if (add_text(to, l->v[i], errp) < 0) {
            return -1;
        }
    }
    return 0;
}

static int copy_all(QIOWebsocketOptions *to, const QIOWebsocketOptions *o,
                    QIOError **errp)
{
    to->judge = o->judge;
    to->judge_opaque = o->judge_opaque;
    to->text = o->text;
    to->max_frame = o->max_frame;
    to->max_message = o->max_message;
    to->ping_interval_ms = o->ping_interval_ms;
    to->ping_timeout_ms = o->ping_timeout_ms;
    if ((o->path && set_text(&to->path, o->path, errp) < 0) ||
        (o->host && set_text(&to->host, o->host, errp) < 0) ||
        copy_texts(&to->origins, &o->origins, errp) < 0 ||
        copy_texts(&to->protocols, &o->protocols, errp) < 0) {
        return -1;
    }
    return copy_texts(&to->headers, &o->headers, errp);
}

QIOWebsocketOptions *qiop_ws_options_copy(const QIOWebsocketOptions *o,
                                          QIOError **errp)
{
    QIOWebsocketOptions *copy = qio_websocket_options_new(errp);

    if (copy && o && copy_all(copy, o, errp) < 0) {
        qio_websocket_options_free(copy);
        return NULL;
    }
    return copy;
}
