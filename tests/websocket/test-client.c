/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client's handshake: what it asks, and which answers it takes. */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include "qiotest.h"
#include "websocket/handshake.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define LINE "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static QIOWebsocketOptions *make(void)
{
    QIOError *err = NULL;
    QIOWebsocketOptions *o = qio_websocket_options_new(&err);

    qiotest_ok(&err);
    return o;
}

static char *request(const QIOWebsocketOptions *o)
{
    struct qiop_queue out;
    QIOError *err = NULL;
    char *text;
    size_t n;

    qiop_queue_init(&out, 100000);
    ck_assert_int_eq(qiop_ws_ask(&out, o, "host.example:81", KEY, &err), 0);
    ck_assert_int_eq(qiop_queue_append(&out, "", 1, &err), 0);
    qiotest_ok(&err);
    text = strdup((const char *)qiop_queue_peek(&out, &n));
    qiop_queue_free(&out, false);
    return text;
}

START_TEST(test_ask)
{
    QIOWebsocketOptions *o = make();
    char *text = request(o);

    ck_assert_str_eq(text, "GET / HTTP/1.1\r\n"
                           "Host: host.example:81\r\n"
                           "Upgrade: websocket\r\n"
                           "Connection: Upgrade\r\n"
                           "Sec-WebSocket-Key: " KEY "\r\n"
                           "Sec-WebSocket-Version: 13\r\n\r\n");
    free(text);
    qio_websocket_options_free(o);
}
END_TEST

START_TEST(test_ask_for_more)
{
    QIOWebsocketOptions *o = make();
    QIOError *err = NULL;
    char *text;

    ck_assert_int_eq(qio_websocket_options_set_path(o, "/a?b=c", &err), 0);
    ck_assert_int_eq(qio_websocket_options_set_host(o, "other", &err), 0);
    ck_assert_int_eq(qio_websocket_options_add_origin(o, "http://x", &err), 0);
    ck_assert_int_eq(qio_websocket_options_add_origin(o, "http://o", &err), 0);
    ck_assert_int_eq(qio_websocket_options_add_protocol(o, "v2", &err), 0);
    ck_assert_int_eq(qio_websocket_options_add_protocol(o, "v1", &err), 0);
    ck_assert_int_eq(qio_websocket_options_add_header(o, "Cookie", "a=b", &err),
                     0);
    qiotest_ok(&err);
    text = request(o);
    ck_assert_str_eq(text, "GET /a?b=c HTTP/1.1\r\n"
                           "Host: other\r\n"
                           "Upgrade: websocket\r\n"
                           "Connection: Upgrade\r\n"
                           "Sec-WebSocket-Key: " KEY "\r\n"
                           "Sec-WebSocket-Version: 13\r\n"
                           "Sec-WebSocket-Protocol: v2, v1\r\n"
                           "Origin: http://o\r\n"
                           "Cookie: a=b\r\n\r\n");
    free(text);
    qio_websocket_options_free(o);
}
END_TEST

static const struct {
    const char *text;
    QIOErrorCode code;
    const char *message; /* a part of it, or the protocol */
} answers[] = {
    {LINE UPGRADE ACCEPT "\r\n", QIO_ERROR_NONE, NULL},
    {"HTTP/1.1 101\r\n" UPGRADE ACCEPT "\r\n", QIO_ERROR_NONE, NULL},
    {LINE "upgrade: WebSocket\r\nConnection: upgrade, x\r\n" ACCEPT "\r\n",
     QIO_ERROR_NONE, NULL},
    {LINE UPGRADE ACCEPT "Sec-WebSocket-Protocol: v1\r\n\r\n", QIO_ERROR_NONE,
     "v1"},
    {"HTTP/1.1 403 Forbidden\r\n\r\n", QIO_ERROR_WEBSOCKET_REJECTED,
     "403 Forbidden"},
    {"HTTP/1.0 200 OK\r\n\r\n", QIO_ERROR_WEBSOCKET_REJECTED, "200 OK"},
    {"HTTP/1.1 301 Moved\r\nLocation: /x\r\n\r\n", QIO_ERROR_WEBSOCKET_REJECTED,
     "301 Moved"},
    {"HTTP/1.1 404\r\n\r\n", QIO_ERROR_WEBSOCKET_REJECTED, "404"},
    {"HTTP/2.0 101 x\r\n" UPGRADE ACCEPT "\r\n", QIO_ERROR_WEBSOCKET, "status"},
    {"HTTP/1.1 1010 x\r\n\r\n", QIO_ERROR_WEBSOCKET, "status"},
    {"HTTP/1.1 10 x\r\n\r\n", QIO_ERROR_WEBSOCKET, "status"},
    {"HTTP/1.1  101 x\r\n\r\n", QIO_ERROR_WEBSOCKET, "status"},
    {"HTTP/1.1 101x\r\n\r\n", QIO_ERROR_WEBSOCKET, "status"},
    {"HTTP/1.\r\n\r\n", QIO_ERROR_WEBSOCKET, "status"},
    {"RFB 003.008\n", QIO_ERROR_WEBSOCKET, "no HTTP"},
    {"\x15\x03\x03", QIO_ERROR_WEBSOCKET, "no HTTP"},
    {LINE UPGRADE ACCEPT "Bad\r\n\r\n", QIO_ERROR_WEBSOCKET, "malformed"},
    {LINE UPGRADE "\r\n", QIO_ERROR_WEBSOCKET, "Accept"},
    {LINE UPGRADE ACCEPT ACCEPT "\r\n", QIO_ERROR_WEBSOCKET, "Accept"},
    {LINE UPGRADE "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n\r\n",
     QIO_ERROR_WEBSOCKET, "Accept"},
    {LINE "Connection: Upgrade\r\n" ACCEPT "\r\n", QIO_ERROR_WEBSOCKET,
     "something else"},
    {LINE "Upgrade: websocket\r\n" ACCEPT "\r\n", QIO_ERROR_WEBSOCKET,
     "something else"},
    {LINE "Upgrade: h2c\r\nConnection: Upgrade\r\n" ACCEPT "\r\n",
     QIO_ERROR_WEBSOCKET, "something else"},
    {LINE UPGRADE ACCEPT "Sec-WebSocket-Extensions: x\r\n\r\n",
     QIO_ERROR_WEBSOCKET, "extension"},
    {LINE UPGRADE ACCEPT "Sec-WebSocket-Protocol: v3\r\n\r\n",
     QIO_ERROR_WEBSOCKET, "sub-protocol"},
    {LINE UPGRADE ACCEPT "Sec-WebSocket-Protocol: V1\r\n\r\n",
     QIO_ERROR_WEBSOCKET, "sub-protocol"},
    {LINE UPGRADE ACCEPT "Sec-WebSocket-Protocol: v1\r\n"
                         "Sec-WebSocket-Protocol: v2\r\n\r\n",
     QIO_ERROR_WEBSOCKET, "sub-protocol"},
};

static int check(const char *text, const QIOWebsocketOptions *o,
                 const char **protocol, QIOError **errp)
{
    const uint8_t *data = (const uint8_t *)text;
    struct qiop_http_scan scan = {0};
    ssize_t len = qiop_http_scan(&scan, data, strlen(text));

    ck_assert_int_ne(len, QIOP_HTTP_MORE);
    return qiop_ws_answer_check(data, len, o, KEY, protocol, errp);
}

START_TEST(test_answer)
{
    QIOWebsocketOptions *o = make();
    const char *protocol = NULL;
    QIOError *err = NULL;
    int rc;

    ck_assert_int_eq(qio_websocket_options_add_protocol(o, "v2", NULL), 0);
    ck_assert_int_eq(qio_websocket_options_add_protocol(o, "v1", NULL), 0);
    rc = check(answers[_i].text, o, &protocol, &err);
    if (answers[_i].code == QIO_ERROR_NONE) {
        qiotest_ok(&err);
        ck_assert_int_eq(rc, 0);
        ck_assert_pstr_eq(protocol, answers[_i].message);
    } else {
        ck_assert_int_eq(rc, -1);
        ck_assert_msg(strstr(qio_error_message(err), answers[_i].message), "%s",
                      qio_error_message(err));
        qiotest_error(&err, answers[_i].code);
    }
    qio_websocket_options_free(o);
}
END_TEST

START_TEST(test_nothing_offered)
{
    QIOWebsocketOptions *o = make();
    const char *protocol;
    QIOError *err = NULL;

    ck_assert_int_eq(check(LINE UPGRADE ACCEPT
                           "Sec-WebSocket-Protocol: binary\r\n\r\n",
                           o, &protocol, &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_WEBSOCKET);
    qio_websocket_options_free(o);
}
END_TEST

/* What one side writes the other one takes. */
START_TEST(test_both_halves)
{
    char key[QIOP_WS_NONCE_SIZE];
    QIOWebsocketOptions *o = make();
    struct qiop_http_scan scan = {0}, back = {0};
    struct qiop_queue q;
    QIOWebsocketRequest r;
    const char *why, *protocol;
    QIOError *err = NULL;
    const uint8_t *data;
    size_t len;

    ck_assert_int_eq(qio_websocket_options_add_protocol(o, "one", NULL), 0);
    ck_assert_int_eq(qiop_ws_nonce(key, &err), 0);
    qiop_queue_init(&q, 100000);
    ck_assert_int_eq(qiop_ws_ask(&q, o, "h", key, &err), 0);
    data = qiop_queue_peek(&q, &len);
    ck_assert_int_eq(qiop_http_scan(&scan, data, len), (ssize_t)len);
    ck_assert_int_eq(
        qiop_ws_request_judge(&r, o, data, (ssize_t)len, &why, &err), 101);
    qiop_queue_consume(&q, len);
    ck_assert_int_eq(qiop_ws_answer(&q, 101, &r, o, &err), 0);
    data = qiop_queue_peek(&q, &len);
    ck_assert_int_eq(qiop_http_scan(&back, data, len), (ssize_t)len);
    ck_assert_int_eq(
        qiop_ws_answer_check(data, (ssize_t)len, o, key, &protocol, &err), 0);
    qiotest_ok(&err);
    ck_assert_str_eq(protocol, "one");
    qiop_ws_request_free(&r);
    qiop_queue_free(&q, false);
    qio_websocket_options_free(o);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("websocket-client");
    TCase *tc = qiotest_case(s, "client");

    tcase_add_test(tc, test_ask);
    tcase_add_test(tc, test_ask_for_more);
    tcase_add_loop_test(tc, test_answer, 0, COUNT(answers));
    tcase_add_test(tc, test_nothing_offered);
    tcase_add_test(tc, test_both_halves);
    return qiotest_main(s);
}
