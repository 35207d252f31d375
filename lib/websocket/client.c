/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client's half of the opening handshake: RFC 6455 §4.1. */
#include <config.h>
#include "websocket/handshake.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- asking ---- */

static int put_protocols(struct qiop_queue *out, const struct qiop_ws_texts *l,
                         QIOError **errp)
{
    for (size_t i = 0; i < l->n; i++) {
        const char *lead = i ? ", " : "Sec-WebSocket-Protocol: ";

        if (qiop_http_put(out, errp, lead, l->v[i], NULL) < 0) {
            return -1;
        }
    }
    return l->n ? qiop_http_put(out, errp, "\r\n", NULL) : 0;
}

int qiop_ws_ask(struct qiop_queue *out, const QIOWebsocketOptions *o,
                const char *host, const char *key, QIOError **errp)
{
    const struct qiop_ws_texts *origins = &o->origins;

    if (qiop_http_put(out, errp, "GET ", o->path ? o->path : "/",
                      " HTTP/1.1\r\nHost: ", o->host ? o->host : host,
                      "\r\n"
                      "Upgrade: websocket\r\n"
                      "Connection: Upgrade\r\n"
                      "Sec-WebSocket-Key: ",
                      key, "\r\nSec-WebSocket-Version: 13\r\n", NULL) < 0 ||
        put_protocols(out, &o->protocols, errp) < 0) {
        return -1;
    }
    if (origins->n &&
        qiop_http_put(out, errp, "Origin: ", origins->v[origins->n - 1], "\r\n",
                      NULL) < 0) {
        return -1;
    }
    for (size_t i = 0; i < o->headers.n; i++) {
        if (qiop_http_put(out, errp, o->headers.v[i], "\r\n", NULL) < 0) {
            return -1;
        }
    }
    return qiop_http_put(out, errp, "\r\n", NULL);
}

/* ---- the answer ---- */

static int no_websocket(QIOError **errp, const char *why)
{
    qio_error_set(errp, QIO_ERROR_WEBSOCKET, 0,
                  "the server does not speak websocket: %s", why);
    return -1;
}

/* "HTTP/1.1 101 Switching Protocols"; the status, or -1. */
static int status_of(const char *line)
{
    static const char version[] = "HTTP/1.";
    size_t n = sizeof(version) - 1;
    const char *p = line + n + 2;

    if (strncmp(line, version, n) != 0 || strlen(line) < n + 5 ||
        line[n] < '0' || line[n] > '9' || line[n + 1] != ' ' ||
        strspn(p, "0123456789") != 3 || (p[3] && p[3] != ' ')) {
        return -1;
    }
    return atoi(p);
}

static int check_protocol(const struct qiop_http_head *h,
                          const struct qiop_ws_texts *offered,
                          const char **protocol, QIOError **errp)
{
    const char *chosen = qiop_http_value(h, "Sec-WebSocket-Protocol");

    *protocol = NULL;
    if (!chosen) {
        return 0;
    }
    for (size_t i = 0; i < offered->n; i++) {
        if (strcmp(offered->v[i], chosen) == 0 &&
            qiop_http_count(h, "Sec-WebSocket-Protocol") == 1) {
            *protocol = offered->v[i];
            return 0;
        }
    }
    return no_websocket(errp, "it chose a sub-protocol that was not offered");
}

static int check_head(const struct qiop_http_head *h,
                      const QIOWebsocketOptions *o, const char *key,
                      const char **protocol, QIOError **errp)
{
    const char *accept = qiop_http_single(h, "Sec-WebSocket-Accept");
    int status = status_of(h->line);
    char expected[QIOP_WS_ACCEPT_SIZE];

    if (status < 0) {
        return no_websocket(errp, "no HTTP status line");
    }
    if (status != 101) {
        qio_error_set(errp, QIO_ERROR_WEBSOCKET_REJECTED, 0,
                      "the server refuses the websocket: %s", h->line + 9);
        return -1;
    }
    if (!qiop_http_lists(h, "Upgrade", "websocket") ||
        !qiop_http_lists(h, "Connection", "upgrade")) {
        return no_websocket(errp, "it upgrades to something else");
    }
    if (qiop_ws_accept(expected, key, errp) < 0) {
        return -1;
    }
    if (!accept || strcmp(accept, expected) != 0) {
        return no_websocket(errp, "its Sec-WebSocket-Accept is wrong");
    }
    if (qiop_http_count(h, "Sec-WebSocket-Extensions")) {
        return no_websocket(errp, "it uses an extension nobody offered");
    }
    return check_protocol(h, &o->protocols, protocol, errp);
}

int qiop_ws_answer_check(const uint8_t *data, ssize_t len,
                         const QIOWebsocketOptions *o, const char *key,
                         const char **protocol, QIOError **errp)
{
    struct qiop_http_head head;
    QIOError *err = NULL;
    int ret;

    if (len < 0) {
        return no_websocket(errp, len == QIOP_HTTP_BAD
                                      ? "that is no HTTP"
                                      : "its header is too large");
    }
    ret = qiop_http_parse(&head, data, (size_t)len, &err);
    if (ret == 0) {
        ret = check_head(&head, o, key, protocol, &err);
    } else if (!err) {
        no_websocket(&err, "a header field is malformed");
    }
    qiop_http_head_free(&head);
    qio_error_propagate(errp, err);
    return ret;
}
