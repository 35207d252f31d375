/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server's half of the opening handshake: RFC 6455 §4.2. */
#include <config.h>
#include "websocket/handshake.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Chosen where a server names nothing: what programs that tunnel bytes ask
 * for. */
static const char binary[] = "binary";

/* ---- the first line ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1" or what might follow it in the same major version: 0, or a
 * status. */
static int check_version(const char *v)
{
    if (strncmp(v, "HTTP/", 5) != 0 || !is_digit(v[5]) || v[6] != '.' ||
        !is_digit(v[7]) || v[8]) {
        return 400;
    }
    return v[5] == '1' && v[7] >= '1' ? 0 : 505;
}

/* The path of "http://host/path"; a path as it is; NULL for anything else. */
static char *path_of(char *target)
{
    if (strncasecmp(target, "http://", 7) == 0) {
        target = strchr(target + 7, '/');
    } else if (strncasecmp(target, "https://", 8) == 0) {
        target = strchr(target + 8, '/');
    }
    if (!target || target[0] != '/' || !qiop_http_is_visible(target) ||
        strchr(target, '#')) {
        return NULL;
    }
    return target;
}

/* "GET /path HTTP/1.1", single spaces. */
static int check_line(QIOWebsocketRequest *r, const char **why)
{
    char *target = strchr(r->head.text, ' ');
    char *version = target ? strchr(target + 1, ' ') : NULL;
    int status;

    *why = "the request line is malformed";
    if (!version) {
        return 400;
    }
    *target++ = '\0';
    *version++ = '\0';
    status = check_version(version);
    if (status) {
        *why = status == 505 ? "the request is of another HTTP version" : *why;
        return status;
    }
    if (strcmp(r->head.line, "GET") != 0) {
        bool token = qiop_http_is_token(r->head.line, strlen(r->head.line));

        *why = token ? "the request is no GET" : *why;
        return token ? 405 : 400;
    }
    r->target = path_of(target);
    return r->target ? 0 : 400;
}

/* ---- the fields ---- */

static bool has_body(const struct qiop_http_head *h)
{
    const char *length = qiop_http_value(h, "Content-Length");

    return qiop_http_count(h, "Content-Length") > 1 ||
           (length && strcmp(length, "0") != 0) ||
           qiop_http_count(h, "Transfer-Encoding") > 0;
}

static bool protocols_are_tokens(const struct qiop_http_head *h)
{
    for (size_t i = 0; i < h->n; i++) {
        const char *pos = h->v[i].value;
        const char *one;
        size_t len;

        if (strcasecmp(h->v[i].name, "Sec-WebSocket-Protocol") != 0) {
            continue;
        }
        while ((one = qiop_http_element(&pos, &len))) {
            if (!qiop_http_is_token(one, len)) {
                return false;
            }
        }
    }
    return true;
}

static int check_fields(QIOWebsocketRequest *r, const char **why)
{
    const struct qiop_http_head *h = &r->head;
    const char *version = qiop_http_single(h, "Sec-WebSocket-Version");

    r->host = qiop_http_single(h, "Host");
    r->origin = qiop_http_value(h, "Origin");
    r->key = qiop_http_single(h, "Sec-WebSocket-Key");
    if (!r->host || !*r->host || strpbrk(r->host, " \t,/@")) {
        *why = "the request does not name one host";
        return 400;
    }
    if (has_body(h)) {
        *why = "the request has a body";
        return 400;
    }
    if (!qiop_http_lists(h, "Upgrade", "websocket") ||
        !qiop_http_lists(h, "Connection", "upgrade")) {
        *why = "the request does not ask for a websocket";
        return 426;
    }
    if (!version || strcmp(version, "13") != 0) {
        *why = "the client speaks another version of websocket";
        return 426;
    }
    if (!r->key || !qiop_ws_nonce_is_valid(r->key)) {
        *why = "the client's key is malformed";
        return 400;
    }
    if (qiop_http_count(h, "Origin") > 1 || !protocols_are_tokens(h)) {
        *why = "the request is ambiguous";
        return 400;
    }
    return 0;
}

/* ---- judging ---- */

static bool path_fits(const char *path, const char *target)
{
    size_t len = strcspn(target, "?");

    return !path || (strlen(path) == len && memcmp(path, target, len) == 0);
}

/* A page of the site itself: the origin's host is the one that it asks for. */
static bool is_own_page(const char *origin, const char *host)
{
    const char *p = strstr(origin, "://");

    return p && strcasecmp(p + 3, host) == 0;
}

static bool origin_fits(const QIOWebsocketRequest *r,
                        const QIOWebsocketOptions *o)
{
    if (!r->origin) {
        return true;
    }
    if (o->origins.n == 0) {
        return is_own_page(r->origin, r->host);
    }
    for (size_t i = 0; i < o->origins.n; i++) {
        if (strcmp(o->origins.v[i], "*") == 0 ||
            strcasecmp(o->origins.v[i], r->origin) == 0) {
            return true;
        }
    }
    return false;
}

static const char *supported(const QIOWebsocketOptions *o, const char *one,
                             size_t len)
{
    const struct qiop_ws_texts *l = &o->protocols;

    if (l->n == 0) {
        bool is = len == sizeof(binary) - 1 && memcmp(one, binary, len) == 0;

        return is ? binary : NULL;
    }
    for (size_t i = 0; i < l->n; i++) {
        if (strlen(l->v[i]) == len && memcmp(l->v[i], one, len) == 0) {
            return l->v[i];
        }
    }
    return NULL;
}

static const char *choose(const QIOWebsocketRequest *r,
                          const QIOWebsocketOptions *o)
{
    const struct qiop_http_head *h = &r->head;

    for (size_t i = 0; i < h->n; i++) {
        const char *pos = h->v[i].value;
        const char *one, *chosen;
        size_t len;

        if (strcasecmp(h->v[i].name, "Sec-WebSocket-Protocol") != 0) {
            continue;
        }
        while ((one = qiop_http_element(&pos, &len))) {
            chosen = supported(o, one, len);
            if (chosen) {
                return chosen;
            }
        }
    }
    return NULL;
}

static int judge(QIOWebsocketRequest *r, const QIOWebsocketOptions *o,
                 const char **why)
{
    int status;

    if (!path_fits(o->path, r->target)) {
        *why = "the client asks for another path";
        return 404;
    }
    if (o->host && strcasecmp(o->host, r->host) != 0) {
        *why = "the client asks for another host";
        return 403;
    }
    if (!origin_fits(r, o)) {
        *why = "a web page from elsewhere";
        return 403;
    }
    r->protocol = choose(r, o);
    status = o->judge ? o->judge(r, o->judge_opaque) : 0;
    if (status == 0) {
        return 101;
    }
    *why = "the judge said no";
    return status >= 400 && status <= 599 ? status : 403;
}

int qiop_ws_request_judge(QIOWebsocketRequest *r, const QIOWebsocketOptions *o,
                          const uint8_t *data, ssize_t len, const char **why,
                          QIOError **errp)
{
    QIOError *err = NULL;
    int status;

    memset(r, 0, sizeof(*r));
    switch (len) {
    case QIOP_HTTP_LONG_LINE:
        *why = "the request line is too long";
        return 414;
    case QIOP_HTTP_TOO_LARGE:
        *why = "the request's header is too large";
        return 431;
    case QIOP_HTTP_BAD:
        *why = "the client does not speak HTTP";
        return 400;
    default:
        break;
    }
    if (qiop_http_parse(&r->head, data, (size_t)len, &err) < 0) {
        *why = "a header field is malformed";
        qio_error_propagate(errp, err);
        return err ? -1 : 400;
    }
    status = check_line(r, why);
    if (status == 0) {
        status = check_fields(r, why);
    }
    return status ? status : judge(r, o, why);
}

void qiop_ws_request_free(QIOWebsocketRequest *r)
{
    qiop_http_head_free(&r->head);
}

const char *qio_websocket_request_path(const QIOWebsocketRequest *r)
{
    return r->target;
}

const char *qio_websocket_request_host(const QIOWebsocketRequest *r)
{
    return r->host;
}

const char *qio_websocket_request_origin(const QIOWebsocketRequest *r)
{
    return r->origin;
}

const char *qio_websocket_request_protocol(const QIOWebsocketRequest *r)
{
    return r->protocol;
}

const char *qio_websocket_request_header(const QIOWebsocketRequest *r,
                                         const char *name)
{
    return qiop_http_value(&r->head, name);
}

/* ---- answering ---- */

static const char *phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {414, "URI Too Long"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (phrases[i].status == status) {
            return phrases[i].phrase;
        }
    }
    return "Refused";
}

static int refuse(struct qiop_queue *out, int status, QIOError **errp)
{
    const char *more = "";
    char number[16];

    snprintf(number, sizeof(number), "%d", status);
    if (status == 405) {
        more = "Allow: GET\r\n";
    } else if (status == 426) {
        /* RFC 7231 §6.5.15, and RFC 6455 §4.4 for the version. */
        more = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    } else if (status == 400) {
        more = "Sec-WebSocket-Version: 13\r\n";
    }
    return qiop_http_put(out, errp, "HTTP/1.1 ", number, " ", phrase(status),
                         "\r\n", more, "Content-Length: 0\r\nConnection: close",
                         status == 426 ? ", Upgrade" : "", "\r\n\r\n", NULL);
}

int qiop_ws_answer(struct qiop_queue *out, int status,
                   const QIOWebsocketRequest *r, const QIOWebsocketOptions *o,
                   QIOError **errp)
{
    char accept[QIOP_WS_ACCEPT_SIZE];

    if (status != 101) {
        return refuse(out, status, errp);
    }
    if (qiop_ws_accept(accept, r->key, errp) < 0 ||
        qiop_http_put(out, errp,
                      "HTTP/1.1 101 Switching Protocols\r\n"
                      "Upgrade: websocket\r\n"
                      "Connection: Upgrade\r\n"
                      "Sec-WebSocket-Accept: ",
                      accept, "\r\n", NULL) < 0) {
        return -1;
    }
    if (r->protocol && qiop_http_put(out, errp, "Sec-WebSocket-Protocol: ",
                                     r->protocol, "\r\n", NULL) < 0) {
        return -1;
    }
    for (size_t i = 0; i < o->headers.n; i++) {
        if (qiop_http_put(out, errp, o->headers.v[i], "\r\n", NULL) < 0) {
            return -1;
        }
    }
    return qiop_http_put(out, errp, "\r\n", NULL);
}
