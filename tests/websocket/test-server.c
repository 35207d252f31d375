/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server's handshake: which requests are answered, and with what. */
#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "qiotest.h"
#include "websocket/handshake.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

#define LINE "GET /chat HTTP/1.1\r\n"
#define HOST "Host: server.example\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION_13 "Sec-WebSocket-Version: 13\r\n"
#define FIELDS HOST UPGRADE KEY VERSION_13
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static QIOWebsocketOptions *make(void)
{
    QIOError *err = NULL;
    QIOWebsocketOptions *o = qio_websocket_options_new(&err);

    qiotest_ok(&err);
    return o;
}

/* The status; *text (if not NULL) is the whole answer, to free(). */
static int ask(const char *request, const QIOWebsocketOptions *o, char **text)
{
    const uint8_t *data = (const uint8_t *)request;
    struct qiop_http_scan scan = {0};
    ssize_t len = qiop_http_scan(&scan, data, strlen(request));
    struct qiop_queue out;
    QIOWebsocketRequest r;
    const char *why = NULL;
    QIOError *err = NULL;
    int status;

    ck_assert_int_ne(len, QIOP_HTTP_MORE);
    status = qiop_ws_request_judge(&r, o, data, len, &why, &err);
    qiotest_ok(&err);
    ck_assert_int_gt(status, 0);
    ck_assert(status == 101 || why);
    qiop_queue_init(&out, 100000);
    ck_assert_int_eq(qiop_ws_answer(&out, status, &r, o, &err), 0);
    qiotest_ok(&err);
    ck_assert_int_eq(qiop_queue_append(&out, "", 1, &err), 0);
    if (text) {
        size_t n;

        *text = strdup((const char *)qiop_queue_peek(&out, &n));
    }
    qiop_queue_free(&out, false);
    qiop_ws_request_free(&r);
    return status;
}

START_TEST(test_accept)
{
    QIOWebsocketOptions *o = make();
    char *text;

    ck_assert_int_eq(ask(LINE FIELDS "\r\n", o, &text), 101);
    ck_assert_str_eq(text, "HTTP/1.1 101 Switching Protocols\r\n"
                           "Upgrade: websocket\r\n"
                           "Connection: Upgrade\r\n" ACCEPT "\r\n");
    free(text);
    qio_websocket_options_free(o);
}
END_TEST

static const struct {
    const char *request;
    int status;
} requests[] = {
    {LINE FIELDS "\r\n", 101},
    {"GET / HTTP/1.1\r\n" FIELDS "\r\n", 101},
    {"GET /a?b=c HTTP/1.2\r\n" FIELDS "\r\n", 101},
    {"GET http://server.example/chat HTTP/1.1\r\n" FIELDS "\r\n", 101},
    {"GET HTTPS://server.example/ HTTP/1.1\r\n" FIELDS "\r\n", 101},
    {LINE "host: h\r\nUPGRADE: WebSocket\r\nConnection: keep-alive, "
          "upgrade\r\n" KEY VERSION_13 "\r\n",
     101},
    {LINE HOST "Upgrade: h2c, websocket\r\nConnection: x\r\nconnection: "
               "UPGRADE\r\n" KEY VERSION_13 "\r\n",
     101},
    {LINE FIELDS "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 101},
    {LINE FIELDS "Content-Length: 0\r\n\r\n", 101},
    /* 400 */
    {"\x16\x03\x01", 400},
    {"GET\r\n" FIELDS "\r\n", 400},
    {"GET /\r\n" FIELDS "\r\n", 400},
    {"GET  / HTTP/1.1\r\n" FIELDS "\r\n", 400},
    {"GET /  HTTP/1.1\r\n" FIELDS "\r\n", 400},
    {"GET / HTTP/1.1 \r\n" FIELDS "\r\n", 400},
    {"GET /a b HTTP/1.1\r\n" FIELDS "\r\n", 400},
    {"GET chat HTTP/1.1\r\n" FIELDS "\r\n", 400},
    {"GET * HTTP/1.1\r\n" FIELDS "\r\n", 400},
    {"GET /a#b HTTP/1.1\r\n" FIELDS "\r\n", 400},
    {"GET http://server.example HTTP/1.1\r\n" FIELDS "\r\n", 400},
    {"G(T / HTTP/1.1\r\n" FIELDS "\r\n", 400},
    {"GET / HTTP/11\r\n" FIELDS "\r\n", 400},
    {"GET / http/1.1\r\n" FIELDS "\r\n", 400},
    {"GET / HTTP/1.10\r\n" FIELDS "\r\n", 400},
    {LINE UPGRADE KEY VERSION_13 "\r\n", 400},
    {LINE HOST FIELDS "\r\n", 400},
    {LINE "Host:\r\n" UPGRADE KEY VERSION_13 "\r\n", 400},
    {LINE "Host: a b\r\n" UPGRADE KEY VERSION_13 "\r\n", 400},
    {LINE HOST UPGRADE VERSION_13 "\r\n", 400},
    {LINE FIELDS KEY "\r\n", 400},
    {LINE HOST UPGRADE VERSION_13 "Sec-WebSocket-Key: short\r\n\r\n", 400},
    {LINE FIELDS "Content-Length: 5\r\n\r\nhello", 400},
    {LINE FIELDS "Transfer-Encoding: chunked\r\n\r\n", 400},
    {LINE FIELDS " folded\r\n\r\n", 400},
    {LINE FIELDS "Bad Name: x\r\n\r\n", 400},
    {LINE FIELDS "Sec-WebSocket-Protocol: a b\r\n\r\n", 400},
    {LINE FIELDS "Origin: http://server.example\r\nOrigin: x\r\n\r\n", 400},
    /* others */
    {"POST /chat HTTP/1.1\r\n" FIELDS "\r\n", 405},
    {"get /chat HTTP/1.1\r\n" FIELDS "\r\n", 405},
    {"GET /chat HTTP/1.0\r\n" FIELDS "\r\n", 505},
    {"GET /chat HTTP/2.0\r\n" FIELDS "\r\n", 505},
    {LINE HOST "\r\n", 426},
    {LINE HOST "Upgrade: websocket\r\n" KEY VERSION_13 "\r\n", 426},
    {LINE HOST "Connection: Upgrade\r\n" KEY VERSION_13 "\r\n", 426},
    {LINE HOST "Upgrade: websockets\r\nConnection: Upgrade\r\n" KEY VERSION_13
               "\r\n",
     426},
    {LINE HOST UPGRADE KEY "\r\n", 426},
    {LINE HOST UPGRADE KEY "Sec-WebSocket-Version: 8\r\n\r\n", 426},
    {LINE FIELDS VERSION_13 "\r\n", 426},
};

START_TEST(test_request)
{
    QIOWebsocketOptions *o = make();
    char *text, status[32];
    size_t len;

    ck_assert_int_eq(ask(requests[_i].request, o, &text), requests[_i].status);
    snprintf(status, sizeof(status), "HTTP/1.1 %d ", requests[_i].status);
    ck_assert_int_eq(strncmp(text, status, strlen(status)), 0);
    /* One head with its empty line, and nothing behind it. */
    len = strlen(text);
    ck_assert_ptr_eq(strstr(text, "\r\n\r\n"), text + len - 4);
    if (requests[_i].status != 101) {
        ck_assert_ptr_nonnull(strstr(text, "\r\nConnection: close"));
        ck_assert_ptr_nonnull(strstr(text, "\r\nContent-Length: 0\r\n"));
    }
    if (requests[_i].status == 400 || requests[_i].status == 426) {
        ck_assert_ptr_nonnull(strstr(text, "\r\n" VERSION_13));
    }
    if (requests[_i].status == 405) {
        ck_assert_ptr_nonnull(strstr(text, "\r\nAllow: GET\r\n"));
    }
    free(text);
    qio_websocket_options_free(o);
}
END_TEST

START_TEST(test_too_large)
{
    static char big[QIOP_HTTP_HEAD_MAX + 100];
    QIOWebsocketOptions *o = make();

    memset(big, 'x', sizeof(big) - 1);
    ck_assert_int_eq(ask(big, o, NULL), 414);
    memcpy(big, LINE "A:", strlen(LINE "A:"));
    ck_assert_int_eq(ask(big, o, NULL), 431);
    qio_websocket_options_free(o);
}
END_TEST

START_TEST(test_path_and_host)
{
    QIOWebsocketOptions *o = make();

    ck_assert_int_eq(qio_websocket_options_set_path(o, "/chat", NULL), 0);
    ck_assert_int_eq(ask(LINE FIELDS "\r\n", o, NULL), 101);
    ck_assert_int_eq(ask("GET /chat?x=/y HTTP/1.1\r\n" FIELDS "\r\n", o, NULL),
                     101);
    ck_assert_int_eq(ask("GET /Chat HTTP/1.1\r\n" FIELDS "\r\n", o, NULL), 404);
    ck_assert_int_eq(ask("GET /chat/ HTTP/1.1\r\n" FIELDS "\r\n", o, NULL),
                     404);
    ck_assert_int_eq(ask("GET / HTTP/1.1\r\n" FIELDS "\r\n", o, NULL), 404);
    ck_assert_int_eq(qio_websocket_options_set_host(o, "Server.Example", NULL),
                     0);
    ck_assert_int_eq(ask(LINE FIELDS "\r\n", o, NULL), 101);
    ck_assert_int_eq(ask(LINE "Host: evil.example\r\n" UPGRADE KEY VERSION_13
                              "\r\n",
                         o, NULL),
                     403);
    qio_websocket_options_free(o);
}
END_TEST

#define FROM(origin) LINE FIELDS "Origin: " origin "\r\n\r\n"

START_TEST(test_origin)
{
    QIOWebsocketOptions *o = make();

    /* By default only the site's own pages. */
    ck_assert_int_eq(ask(FROM("http://server.example"), o, NULL), 101);
    ck_assert_int_eq(ask(FROM("https://SERVER.example"), o, NULL), 101);
    ck_assert_int_eq(ask(FROM("http://evil.example"), o, NULL), 403);
    ck_assert_int_eq(ask(FROM("http://server.example.evil"), o, NULL), 403);
    ck_assert_int_eq(ask(FROM("http://server.example:81"), o, NULL), 403);
    ck_assert_int_eq(ask(FROM("server.example"), o, NULL), 403);
    ck_assert_int_eq(ask(FROM("null"), o, NULL), 403);
    ck_assert_int_eq(
        qio_websocket_options_add_origin(o, "http://good.example", NULL), 0);
    ck_assert_int_eq(
        qio_websocket_options_add_origin(o, "http://fine.example", NULL), 0);
    ck_assert_int_eq(ask(FROM("http://server.example"), o, NULL), 403);
    ck_assert_int_eq(ask(FROM("http://good.example"), o, NULL), 101);
    ck_assert_int_eq(ask(FROM("http://fine.example"), o, NULL), 101);
    /* No browser. */
    ck_assert_int_eq(ask(LINE FIELDS "\r\n", o, NULL), 101);
    ck_assert_int_eq(qio_websocket_options_add_origin(o, "*", NULL), 0);
    ck_assert_int_eq(ask(FROM("null"), o, NULL), 101);
    qio_websocket_options_free(o);
}
END_TEST

static bool has(const char *text, const char *line)
{
    return strstr(text, line) != NULL;
}

#define OFFER(list) LINE FIELDS "Sec-WebSocket-Protocol: " list "\r\n\r\n"
#define CHOSEN(p) "\r\nSec-WebSocket-Protocol: " p "\r\n"

START_TEST(test_protocol)
{
    static const struct {
        int supported; /* 0 none named, 1 "v2" and "v1" */
        const char *request;
        const char *chosen;
    } cases[] = {
        {0, OFFER("binary"), CHOSEN("binary")},
        {0, OFFER("base64, binary"), CHOSEN("binary")},
        {0, OFFER("Binary"), NULL},
        {0, OFFER("chat"), NULL},
        {0, LINE FIELDS "\r\n", NULL},
        {1, OFFER("v1, v2"), CHOSEN("v1")},
        {1, OFFER("v3 ,v2"), CHOSEN("v2")},
        {1,
         LINE FIELDS "Sec-WebSocket-Protocol: v3\r\n"
                     "Sec-WebSocket-Protocol: v1\r\n\r\n",
         CHOSEN("v1")},
        {1, OFFER("binary"), NULL},
        {1, OFFER(""), NULL},
    };

    for (int i = 0; i < COUNT(cases); i++) {
        QIOWebsocketOptions *o = make();
        char *text;

        if (cases[i].supported) {
            ck_assert_int_eq(qio_websocket_options_add_protocol(o, "v2", NULL),
                             0);
            ck_assert_int_eq(qio_websocket_options_add_protocol(o, "v1", NULL),
                             0);
        }
        ck_assert_int_eq(ask(cases[i].request, o, &text), 101);
        if (cases[i].chosen) {
            ck_assert(has(text, cases[i].chosen));
        } else {
            ck_assert(!has(text, "Sec-WebSocket-Protocol"));
        }
        free(text);
        qio_websocket_options_free(o);
    }
}
END_TEST

static int judge(const QIOWebsocketRequest *r, void *opaque)
{
    int *said = opaque;

    ck_assert_str_eq(qio_websocket_request_path(r), "/chat?u=1");
    ck_assert_str_eq(qio_websocket_request_host(r), "server.example");
    ck_assert_str_eq(qio_websocket_request_protocol(r), "binary");
    ck_assert_str_eq(qio_websocket_request_header(r, "COOKIE"), "a=b");
    ck_assert_ptr_null(qio_websocket_request_header(r, "None"));
    ck_assert_ptr_null(qio_websocket_request_origin(r));
    return *said;
}

START_TEST(test_judge)
{
    static const int told[][2] = {{0, 101},   {401, 401}, {404, 404},
                                  {503, 503}, {200, 403}, {-1, 403},
                                  {600, 403}, {418, 418}};
    static const char request[] =
        "GET /chat?u=1 HTTP/1.1\r\n" FIELDS "Sec-WebSocket-Protocol: binary\r\n"
        "Cookie: a=b\r\n\r\n";
    QIOWebsocketOptions *o = make();
    int say;

    qio_websocket_options_set_judge(o, judge, &say);
    for (int i = 0; i < COUNT(told); i++) {
        say = told[i][0];
        ck_assert_int_eq(ask(request, o, NULL), told[i][1]);
    }
    qio_websocket_options_free(o);
}
END_TEST

START_TEST(test_headers)
{
    QIOWebsocketOptions *o = make();
    char *text;

    ck_assert_int_eq(
        qio_websocket_options_add_header(o, "Set-Cookie", "c=d", NULL), 0);
    ck_assert_int_eq(ask(LINE FIELDS "\r\n", o, &text), 101);
    ck_assert(has(text, "\r\nSet-Cookie: c=d\r\n\r\n"));
    free(text);
    qio_websocket_options_free(o);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("websocket-server");
    TCase *tc = qiotest_case(s, "server");

    tcase_add_test(tc, test_accept);
    tcase_add_loop_test(tc, test_request, 0, COUNT(requests));
    tcase_add_test(tc, test_too_large);
    tcase_add_test(tc, test_path_and_host);
    tcase_add_test(tc, test_origin);
    tcase_add_test(tc, test_protocol);
    tcase_add_test(tc, test_judge);
    tcase_add_test(tc, test_headers);
    return qiotest_main(s);
}
