/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options: what they take, and that nothing gets through them into a header. */
#include <config.h>
#include <string.h>
#include "qiotest.h"
#include "websocket/options.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static QIOWebsocketOptions *make(void)
{
    QIOError *err = NULL;
    QIOWebsocketOptions *o = qio_websocket_options_new(&err);

    qiotest_ok(&err);
    return o;
}

START_TEST(test_defaults)
{
    QIOWebsocketOptions *o = qiop_ws_options_copy(NULL, NULL);

    ck_assert_ptr_nonnull(o);
    ck_assert_ptr_null(o->path);
    ck_assert_ptr_null(o->host);
    ck_assert(!o->text);
    ck_assert_uint_eq(o->max_frame, 1u << 30);
    ck_assert_uint_eq(o->max_message, 0);
    ck_assert_int_eq(o->ping_interval_ms, 0);
    qio_websocket_options_free(o);
    qio_websocket_options_free(NULL);
}
END_TEST

static int dummy(const QIOWebsocketRequest *request, void *opaque)
{
    (void)request;
    (void)opaque;
    return 0;
}

START_TEST(test_copy)
{
    QIOWebsocketOptions *o = make(), *copy;
    QIOError *err = NULL;

    ck_assert_int_eq(qio_websocket_options_set_path(o, "/a?b", &err), 0);
    ck_assert_int_eq(qio_websocket_options_set_path(o, "/c", &err), 0);
    ck_assert_int_eq(qio_websocket_options_set_host(o, "h:1", &err), 0);
    ck_assert_int_eq(qio_websocket_options_add_origin(o, "http://o", &err), 0);
    ck_assert_int_eq(qio_websocket_options_add_protocol(o, "p", &err), 0);
    ck_assert_int_eq(qio_websocket_options_add_protocol(o, "q", &err), 0);
    ck_assert_int_eq(qio_websocket_options_add_header(o, "X-A", "b c", &err),
                     0);
    qiotest_ok(&err);
    qio_websocket_options_set_judge(o, dummy, &err);
    qio_websocket_options_set_text(o, true);
    qio_websocket_options_set_limits(o, 0, 77);
    qio_websocket_options_set_ping(o, 5, 6);
    copy = qiop_ws_options_copy(o, &err);
    qio_websocket_options_free(o);
    ck_assert_str_eq(copy->path, "/c");
    ck_assert_str_eq(copy->host, "h:1");
    ck_assert_str_eq(copy->origins.v[0], "http://o");
    ck_assert_uint_eq(copy->protocols.n, 2);
    ck_assert(qiop_ws_texts_have(&copy->protocols, "q", 1));
    ck_assert(!qiop_ws_texts_have(&copy->protocols, "qq", 2));
    ck_assert_str_eq(copy->headers.v[0], "X-A: b c");
    ck_assert(copy->judge == dummy && copy->judge_opaque == &err);
    ck_assert(copy->text);
    ck_assert_uint_eq(copy->max_frame, UINT64_MAX);
    ck_assert_uint_eq(copy->max_message, 77);
    ck_assert_int_eq(copy->ping_interval_ms, 5);
    ck_assert_int_eq(copy->ping_timeout_ms, 6);
    qio_websocket_options_free(copy);
}
END_TEST

/* Pings without a limit for the answer would be for nothing. */
START_TEST(test_ping_needs_both)
{
    QIOWebsocketOptions *o = make();

    qio_websocket_options_set_ping(o, 5, 0);
    ck_assert_int_eq(o->ping_interval_ms, 0);
    qio_websocket_options_set_ping(o, -5, 10);
    ck_assert_int_eq(o->ping_interval_ms, 0);
    qio_websocket_options_free(o);
}
END_TEST

static const struct {
    char kind;
    const char *text, *value;
} bad[] = {
    {'p', "", ""},
    {'p', "a", ""},
    {'p', "/a b", ""},
    {'p', "/a\r\nX: y", ""},
    {'p', "/a#b", ""},
    {'p', "/\xc3\xa9", ""},
    {'h', "", ""},
    {'h', "a b", ""},
    {'h', "a\nb", ""},
    {'h', "a/b", ""},
    {'h', "user@host", ""},
    {'o', "", ""},
    {'o', "http://a\r\nX: y", ""},
    {'s', "", ""},
    {'s', "a,b", ""},
    {'s', "a b", ""},
    {'s', "taken", ""},
    {'f', "", "x"},
    {'f', "X Y", "x"},
    {'f', "X:", "x"},
    {'f', "X\r\nY", "x"},
    {'f', "X", "a\r\nY: b"},
    {'f', "X", "a\rb"},
    {'f', "X", "a\nb"},
    {'f', "X", "a\x7f"},
    {'f', "X", " a"},
    {'f', "X", "a\t"},
    {'f', "host", "a"},
    {'f', "Content-Length", "5"},
    {'f', "transfer-encoding", "chunked"},
    {'f', "SEC-websocket-key", "x"},
    {'f', "Sec-WebSocket-Extensions", "x"},
    {'f', "Connection", "close"},
};

START_TEST(test_bad)
{
    QIOWebsocketOptions *o = make();
    const char *text = bad[_i].text;
    QIOError *err = NULL;
    int rc = 0;

    ck_assert_int_eq(qio_websocket_options_add_protocol(o, "taken", &err), 0);
    switch (bad[_i].kind) {
    case 'p':
        rc = qio_websocket_options_set_path(o, text, &err);
        break;
    case 'h':
        rc = qio_websocket_options_set_host(o, text, &err);
        break;
    case 'o':
        rc = qio_websocket_options_add_origin(o, text, &err);
        break;
    case 's':
        rc = qio_websocket_options_add_protocol(o, text, &err);
        break;
    default:
        rc = qio_websocket_options_add_header(o, text, bad[_i].value, &err);
        break;
    }
    ck_assert_int_eq(rc, -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(o->path);
    ck_assert_ptr_null(o->host);
    ck_assert_uint_eq(o->origins.n + o->headers.n, 0);
    ck_assert_uint_eq(o->protocols.n, 1);
    qio_websocket_options_free(o);
}
END_TEST

START_TEST(test_bounded)
{
    QIOWebsocketOptions *o = make();
    QIOError *err = NULL;

    for (int i = 0; i < QIOP_WS_TEXTS_MAX; i++) {
        ck_assert_int_eq(qio_websocket_options_add_header(o, "X", "", &err), 0);
    }
    ck_assert_int_eq(qio_websocket_options_add_header(o, "X", "", &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_websocket_options_free(o);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("websocket-options");
    TCase *tc = qiotest_case(s, "options");

    tcase_add_test(tc, test_defaults);
    tcase_add_test(tc, test_copy);
    tcase_add_test(tc, test_ping_needs_both);
    tcase_add_loop_test(tc, test_bad, 0, COUNT(bad));
    tcase_add_test(tc, test_bounded);
    return qiotest_main(s);
}
