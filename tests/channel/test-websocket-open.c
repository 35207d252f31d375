/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The opening handshake through channels: refusals, cuts, silence, facts. */
#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <qio/channel-unix.h>
#include "pairs.h"
#include "qiotest.h"
#include "wspair.h"
#include "wsraw.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static void pair_of(QIOChannel *pair[2])
{
    QIOError *err = NULL;

    ck_assert_int_eq(qio_channel_unix_pair(pair, &err), 0);
    qiotest_ok(&err);
    qio_channel_set_timeout(pair[1], 10000);
}

static const struct {
    const char *request;
    const char *status;
} refused[] = {
    {"GET /other HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 426 "},
    {"BREW / HTTP/1.1\r\n\r\n", "HTTP/1.1 405 "},
    {"GET / HTTP/3.0\r\n\r\n", "HTTP/1.1 505 "},
    {"\x16\x03\x01\x02", "HTTP/1.1 400 "}, /* a TLS client */
};

/* The client gets a whole answer, then the end; a server that is left alone
 * with garbage does not wait for more of it. */
START_TEST(server_refuses)
{
    QIOChannel *pair[2], *ws;
    QIOError *err = NULL;
    char text[1000] = "";
    size_t have = 0;
    ssize_t n;

    pair_of(pair);
    ws = qio_channel_websocket_new_server(pair[0], NULL, &err);
    qio_channel_unref(pair[0]);
    ck_assert_int_eq(qio_channel_write_all(pair[1], refused[_i].request,
                                           strlen(refused[_i].request), &err),
                     0);
    ck_assert_int_eq(qio_channel_open_sync(ws, 5000, &err), -1);
    qiotest_error(&err, QIO_ERROR_WEBSOCKET);
    qio_channel_unref(ws);
    while ((n = qio_channel_read(pair[1], text + have, 999 - have, &err)) > 0) {
        have += (size_t)n;
    }
    qiotest_ok(&err);
    ck_assert_int_eq(
        strncmp(text, refused[_i].status, strlen(refused[_i].status)), 0);
    ck_assert_uint_ge(have, 4);
    ck_assert_str_eq(text + have - 4, "\r\n\r\n");
    qio_channel_unref(pair[1]);
}
END_TEST

/* Who leaves in the middle costs nobody any time. */
START_TEST(peer_leaves)
{
    QIOChannel *pair[2], *ws;
    QIOError *err = NULL;

    pair_of(pair);
    if (_i == 0) {
        ws = qio_channel_websocket_new_server(pair[0], NULL, &err);
    } else {
        ws = qio_channel_websocket_new_client(pair[0], NULL, &err);
    }
    qio_channel_unref(pair[0]);
    ck_assert_int_eq(qio_channel_write_all(pair[1], "HTTP/1.1", 8, &err), 0);
    ck_assert_int_eq(
        qio_channel_shutdown(pair[1], QIO_CHANNEL_SHUTDOWN_WRITE, &err), 0);
    ck_assert_int_eq(qio_channel_open_sync(ws, 5000, &err), -1);
    qiotest_error(&err, QIO_ERROR_WEBSOCKET_TRUNCATED);
    qio_channel_unref(ws);
    qio_channel_unref(pair[1]);
}
END_TEST

START_TEST(peer_is_silent)
{
    QIOChannel *pair[2], *ws;
    QIOError *err = NULL;

    pair_of(pair);
    if (_i == 0) {
        ws = qio_channel_websocket_new_server(pair[0], NULL, &err);
    } else {
        ws = qio_channel_websocket_new_client(pair[0], NULL, &err);
    }
    ck_assert_int_eq(qio_channel_open_sync(ws, 50, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    ck_assert_ptr_null(qio_channel_websocket_path(ws));
    ck_assert_ptr_null(qio_channel_websocket_protocol(ws));
    qio_channel_unref(ws);
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
}
END_TEST

/* A server answers before it has read everything, and is gone. */
START_TEST(server_is_gone)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\n\r\n";
    QIOChannel *pair[2], *ws;
    QIOError *err = NULL;

    pair_of(pair);
    ws = qio_channel_websocket_new_client(pair[0], NULL, &err);
    qio_channel_unref(pair[0]);
    ck_assert_int_eq(
        qio_channel_write_all(pair[1], answer, sizeof(answer) - 1, &err), 0);
    qio_channel_unref(pair[1]);
    ck_assert_int_eq(qio_channel_open_sync(ws, 5000, &err), -1);
    ck_assert_msg(strstr(qio_error_message(err), "503"), "%s",
                  qio_error_message(err));
    qiotest_error(&err, QIO_ERROR_WEBSOCKET_REJECTED);
    qio_channel_unref(ws);
}
END_TEST

START_TEST(facts)
{
    QIOWebsocketOptions *o = qio_websocket_options_new(NULL);
    QIOChannel *base[2], *client, *server;
    QIOError *err = NULL;

    ck_assert_int_eq(qio_websocket_options_set_path(o, "/vm?id=7", &err), 0);
    ck_assert_int_eq(qio_websocket_options_add_protocol(o, "binary", &err), 0);
    ck_assert_int_eq(pair_tcp(NULL, base, &err), 0);
    client = qio_channel_websocket_new_client(base[0], o, &err);
    server = qio_channel_websocket_new_server(base[1], NULL, &err);
    qio_websocket_options_free(o);
    ck_assert_int_eq(wspair_open(client, server, &err), 0);
    qiotest_ok(&err);
    ck_assert_str_eq(qio_channel_websocket_path(client), "/vm?id=7");
    ck_assert_str_eq(qio_channel_websocket_path(server), "/vm?id=7");
    ck_assert_str_eq(qio_channel_websocket_protocol(client), "binary");
    ck_assert_str_eq(qio_channel_websocket_protocol(server), "binary");
    ck_assert_ptr_null(qio_channel_websocket_path(base[0]));
    ck_assert_int_eq(qio_channel_websocket_handshake(base[0], 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_channel_websocket_new_client(NULL, NULL, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_channel_unref(client);
    qio_channel_unref(server);
    qio_channel_unref(base[0]);
    qio_channel_unref(base[1]);
}
END_TEST

/* The Host header is whom the base connects to. */
START_TEST(host_of_address)
{
    QIOChannel *base[2], *ws;
    QIOError *err = NULL;
    char want[100], text[1000];
    QIOAddress *addr;
    ssize_t n;

    ck_assert_int_eq(pair_tcp(NULL, base, &err), 0);
    addr = qio_channel_get_remote_address(base[0], &err);
    snprintf(want, sizeof(want), "\r\nHost: 127.0.0.1:%s\r\n",
             qio_address_port(addr));
    qio_address_free(addr);
    ws = qio_channel_websocket_new_client(base[0], NULL, &err);
    ck_assert_int_eq(qio_channel_open_sync(ws, 20, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    n = qio_channel_read(base[1], text, sizeof(text) - 1, &err);
    ck_assert_int_gt(n, 0);
    text[n] = '\0';
    ck_assert_msg(strstr(text, want), "%s", text);
    qio_channel_unref(ws);
    qio_channel_unref(base[0]);
    qio_channel_unref(base[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("websocket-open");
    TCase *tc = qiotest_case(s, "open");

    tcase_add_loop_test(tc, server_refuses, 0, COUNT(refused));
    tcase_add_loop_test(tc, peer_leaves, 0, 2);
    tcase_add_loop_test(tc, peer_is_silent, 0, 2);
    tcase_add_test(tc, server_is_gone);
    tcase_add_test(tc, facts);
    tcase_add_test(tc, host_of_address);
    return qiotest_main(s);
}
