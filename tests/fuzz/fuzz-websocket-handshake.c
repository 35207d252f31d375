/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as the head of a request or of an answer. The first byte chooses
 * the role, the options and the size of the pieces.
 */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include "websocket/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* The end of the head, found at once and in pieces. */
static ssize_t scan(const uint8_t *data, size_t size, size_t piece)
{
    struct qiop_http_scan all = {0}, slow = {0};
    ssize_t r = qiop_http_scan(&all, data, size);
    ssize_t s = QIOP_HTTP_MORE;

    for (size_t n = 0; n < size && s == QIOP_HTTP_MORE;) {
        n = size - n < piece ? size : n + piece;
        s = qiop_http_scan(&slow, data, n);
    }
    must(r == s && r <= (ssize_t)size);
    return r;
}

static QIOWebsocketOptions *make(uint8_t how)
{
    QIOWebsocketOptions *o = qio_websocket_options_new(NULL);

    must(o != NULL);
    if (how & 2) {
        must(qio_websocket_options_set_path(o, "/chat", NULL) == 0);
        must(qio_websocket_options_add_protocol(o, "v1", NULL) == 0);
        must(qio_websocket_options_add_protocol(o, "v2", NULL) == 0);
    }
    if (how & 4) {
        must(qio_websocket_options_set_host(o, "server.example", NULL) == 0);
        must(qio_websocket_options_add_origin(o, "*", NULL) == 0);
    }
    return o;
}

/* Whatever was asked, the answer is one head of ours. */
static void serve(const QIOWebsocketOptions *o, const uint8_t *data,
                  ssize_t len)
{
    struct qiop_http_scan again = {0};
    struct qiop_queue out;
    QIOWebsocketRequest r;
    const char *why = NULL;
    QIOError *err = NULL;
    const uint8_t *text;
    size_t n;
    int status = qiop_ws_request_judge(&r, o, data, len, &why, &err);

    must(status == 101 || (status >= 400 && status < 600 && why));
    must(!err);
    qiop_queue_init(&out, 1 << 20);
    must(qiop_ws_answer(&out, status, &r, o, NULL) == 0);
    text = qiop_queue_peek(&out, &n);
    must(qiop_http_scan(&again, text, n) == (ssize_t)n);
    qiop_queue_free(&out, false);
    qiop_ws_request_free(&r);
}

static void check(const QIOWebsocketOptions *o, const uint8_t *data,
                  ssize_t len)
{
    const char *protocol = NULL;
    QIOError *err = NULL;
    int ret = qiop_ws_answer_check(data, len, o,
                                   "dGhlIHNhbXBsZSBub25jZQ==", &protocol, &err);

    must((ret == 0) == (err == NULL));
    must(ret == 0 || qio_error_code(err) == QIO_ERROR_WEBSOCKET ||
         qio_error_code(err) == QIO_ERROR_WEBSOCKET_REJECTED);
    must(ret < 0 || !protocol ||
         qiop_ws_texts_have(&o->protocols, protocol, strlen(protocol)));
    qio_error_free(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    QIOWebsocketOptions *o;
    ssize_t len;

    if (size < 1) {
        return 0;
    }
    len = scan(data + 1, size - 1, 1 + (data[0] >> 3));
    if (len == QIOP_HTTP_MORE) {
        return 0;
    }
    o = make(data[0]);
    if (data[0] & 1) {
        serve(o, data + 1, len);
    } else {
        check(o, data + 1, len);
    }
    qio_websocket_options_free(o);
    return 0;
}
