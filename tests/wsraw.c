/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A websocket channel whose peer is the test itself; see wsraw.h. */
#include <config.h>
#include "wsraw.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <qio/channel-unix.h>
#include "qiotest.h"
#include "websocket/frame.h"
#include "websocket/key.h"

#define WAIT_MS 20000

const char wsraw_request[] = "GET /chat HTTP/1.1\r\n"
                             "Host: server.example\r\n"
                             "Upgrade: websocket\r\n"
                             "Connection: Upgrade\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                             "Sec-WebSocket-Version: 13\r\n\r\n";
const char wsraw_answer[] =
    "HTTP/1.1 101 Switching Protocols\r\n"
    "Upgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static void make(struct wsraw *r, const QIOWebsocketOptions *o, bool server)
{
    QIOChannel *pair[2];

    memset(r, 0, sizeof(*r));
    r->server = server;
    ck_assert_int_eq(qio_channel_unix_pair(pair, &r->err), 0);
    if (server) {
        r->ws = qio_channel_websocket_new_server(pair[0], o, &r->err);
    } else {
        r->ws = qio_channel_websocket_new_client(pair[0], o, &r->err);
    }
    qiotest_ok(&r->err);
    qio_channel_unref(pair[0]);
    r->raw = pair[1];
    qio_channel_set_timeout(r->raw, WAIT_MS);
}

void wsraw_put(struct wsraw *r, const void *data, size_t len)
{
    int rc = qio_channel_write_all(r->raw, data, len, &r->err);

    qiotest_ok(&r->err);
    ck_assert_int_eq(rc, 0);
}

static void put_both(struct wsraw *r, const char *head, const void *more,
                     size_t len)
{
    struct iovec iov[] = {{(void *)head, strlen(head)}, {(void *)more, len}};
    int rc = qio_channel_writev_all(r->raw, iov, 2, &r->err);

    qiotest_ok(&r->err);
    ck_assert_int_eq(rc, 0);
}

void wsraw_server(struct wsraw *r, const QIOWebsocketOptions *o,
                  const void *more, size_t len)
{
    char answer[400];
    int rc;

    make(r, o, true);
    put_both(r, wsraw_request, more, len);
    rc = qio_channel_websocket_handshake(r->ws, WAIT_MS, &r->err);
    qiotest_ok(&r->err);
    ck_assert_int_eq(rc, 0);
    rc = qio_channel_read_all(r->raw, answer, strlen(wsraw_answer), &r->err);
    qiotest_ok(&r->err);
    ck_assert_int_eq(rc, 0);
    ck_assert_mem_eq(answer, wsraw_answer, strlen(wsraw_answer));
}

static void *open_client(void *opaque)
{
    struct wsraw *r = opaque;

    (void)!qio_channel_websocket_handshake(r->ws, WAIT_MS, &r->err);
    return NULL;
}

void wsraw_client(struct wsraw *r, const QIOWebsocketOptions *o,
                  const void *more, size_t len)
{
    static const char field[] = "Sec-WebSocket-Key: ";
    char text[2000] = "", accept[QIOP_WS_ACCEPT_SIZE];
    QIOError *err = NULL;
    size_t have = 0;
    pthread_t thread;
    char *key;

    make(r, o, false);
    ck_assert_int_eq(pthread_create(&thread, NULL, open_client, r), 0);
    while (!strstr(text, "\r\n\r\n")) {
        ssize_t n = qio_channel_read(r->raw, text + have,
                                     sizeof(text) - 1 - have, &err);

        ck_assert_int_gt(n, 0);
        have += (size_t)n;
    }
    key = strstr(text, field);
    ck_assert_ptr_nonnull(key);
    key += sizeof(field) - 1;
    key[24] = '\0';
    ck_assert_int_eq(qiop_ws_accept(accept, key, &err), 0);
    snprintf(text, sizeof(text),
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
             accept);
    put_both(r, text, more, len);
    pthread_join(thread, NULL);
    qiotest_ok(&r->err);
}

void wsraw_free(struct wsraw *r)
{
    qiotest_ok(&r->err);
    qio_channel_unref(r->ws);
    qio_channel_unref(r->raw);
}

size_t wsraw_frame(const struct wsraw *r, uint8_t *out, uint8_t first,
                   const void *payload, size_t len)
{
    static const uint8_t key[QIOP_WS_KEY_SIZE] = {0x11, 0xa2, 0x33, 0xc4};
    size_t n = qiop_ws_header(out, false, 0, len, r->server ? key : NULL);

    out[0] = first;
    if (r->server) {
        qiop_ws_mask(out + n, payload, len, key, 0);
    } else if (len) {
        memcpy(out + n, payload, len);
    }
    return n + len;
}

void wsraw_send(struct wsraw *r, uint8_t first, const void *payload, size_t len)
{
    uint8_t *frame = malloc(QIOP_WS_HEADER_MAX + len);

    ck_assert_ptr_nonnull(frame);
    wsraw_put(r, frame, wsraw_frame(r, frame, first, payload, len));
    free(frame);
}

static void get(struct wsraw *r, void *buf, size_t len)
{
    int rc = qio_channel_read_all(r->raw, buf, len, &r->err);

    qiotest_ok(&r->err);
    ck_assert_int_eq(rc, 0);
}

size_t wsraw_get(struct wsraw *r, uint8_t *first, void *payload, size_t max)
{
    uint8_t h[2], more[8], key[QIOP_WS_KEY_SIZE];
    uint64_t len;

    get(r, h, 2);
    *first = h[0];
    /* A client masks, a server does not. */
    ck_assert_int_eq((h[1] & 0x80) != 0, !r->server);
    len = h[1] & 0x7f;
    if (len >= 126) {
        size_t size = len == 126 ? 2 : 8;

        get(r, more, size);
        len = 0;
        for (size_t i = 0; i < size; i++) {
            len = len << 8 | more[i];
        }
    }
    if (!r->server) {
        get(r, key, sizeof(key));
    }
    ck_assert_uint_le(len, max);
    get(r, payload, (size_t)len);
    if (!r->server) {
        qiop_ws_mask(payload, payload, (size_t)len, key, 0);
    }
    return (size_t)len;
}

void wsraw_expect(struct wsraw *r, uint8_t first, const void *payload,
                  size_t len)
{
    static uint8_t buf[1 << 20];
    uint8_t got;
    size_t n = wsraw_get(r, &got, buf, sizeof(buf));

    ck_assert_uint_eq(got, first);
    ck_assert_uint_eq(n, len);
    ck_assert(len == 0 || memcmp(buf, payload, len) == 0);
}

void wsraw_expect_close(struct wsraw *r, unsigned code)
{
    uint8_t first, payload[QIOP_WS_CONTROL_MAX];
    size_t n = wsraw_get(r, &first, payload, sizeof(payload));

    ck_assert_uint_eq(first, 0x88);
    if (code == QIOP_WS_CODE_NONE) {
        ck_assert_uint_eq(n, 0);
        return;
    }
    ck_assert_uint_ge(n, 2);
    ck_assert_uint_eq((unsigned)payload[0] << 8 | payload[1], code);
}
