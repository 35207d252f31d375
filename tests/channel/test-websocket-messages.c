/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages with their type and their end, against a peer made of bytes. */
#include <config.h>
#include <string.h>
#include <qio/channel-websocket.h>
#include "pairs.h"
#include "qiotest.h"

#define REQUEST                                                                \
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"              \
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"                     \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
#define FIN 0x80
#define CONTINUATION 0
#define TEXT 1
#define BINARY 2
#define CLOSE 8

/* raw speaks with ws, a server. */
static QIOChannel *raw, *ws;

static void setup(void)
{
    QIOWebsocketOptions *o = qio_websocket_options_new(NULL);
    QIOError *err = NULL;
    QIOChannel *pair[2];
    char answer[1024];
    size_t len = 0;

    qio_websocket_options_set_text(o, true);
    ck_assert_int_eq(pair_unix(NULL, pair, &err), 0);
    raw = pair[0];
    ws = qio_channel_websocket_new_server(pair[1], o, &err);
    qiotest_ok(&err);
    qio_websocket_options_free(o);
    qio_channel_unref(pair[1]);
    ck_assert_int_eq(qio_channel_write_all(raw, REQUEST, strlen(REQUEST), &err),
                     0);
    ck_assert_int_eq(qio_channel_open_sync(ws, -1, &err), 0);
    qiotest_ok(&err);
    do {
        ck_assert_int_eq(qio_channel_read_all(raw, answer + len, 1, &err), 0);
        answer[++len] = '\0';
    } while (!strstr(answer, "\r\n\r\n"));
}

static void teardown(void)
{
    qio_channel_unref(ws);
    qio_channel_unref(raw);
}

/* A frame masked with zeros. */
static size_t put(uint8_t *to, unsigned first, const char *text)
{
    size_t len = strlen(text);

    to[0] = (uint8_t)first;
    to[1] = (uint8_t)(0x80 | len);
    memset(to + 2, 0, 4);
    memcpy(to + 6, text, len);
    return len + 6;
}

/* Frames, all in one write; the last one has no text. */
static void send_frames(const unsigned *firsts, const char *const *texts)
{
    QIOError *err = NULL;
    uint8_t bytes[512];
    size_t len = 0;

    for (size_t i = 0; texts[i]; i++) {
        len += put(bytes + len, firsts[i], texts[i]);
    }
    ck_assert_int_eq(qio_channel_write_all(raw, bytes, len, &err), 0);
    qiotest_ok(&err);
}

#define FRAMES(firsts, ...)                                                    \
    send_frames((const unsigned[])firsts, (const char *const[]){__VA_ARGS__})
#define LIST(...)                                                              \
    {                                                                          \
        __VA_ARGS__                                                            \
    }

static void receive(const char *text, QIOWebsocketType type, bool end)
{
    QIOError *err = NULL;
    QIOWebsocketType got_type;
    bool got_end;
    char buf[64];
    ssize_t n = qio_channel_websocket_receive(ws, buf, sizeof(buf), &got_type,
                                              &got_end, 5000, &err);

    qiotest_ok(&err);
    ck_assert_int_eq(n, (int)strlen(text));
    ck_assert_mem_eq(buf, text, strlen(text));
    ck_assert_int_eq(got_type, type);
    ck_assert_int_eq(got_end, end);
}

/* Each by itself, however many came at once. */
START_TEST(borders)
{
    FRAMES(LIST(FIN | TEXT, FIN | BINARY, FIN | TEXT, FIN | BINARY), "one",
           "two", "", "three", NULL);
    receive("one", QIO_WEBSOCKET_TEXT, true);
    receive("two", QIO_WEBSOCKET_BINARY, true);
    receive("", QIO_WEBSOCKET_TEXT, true);
    receive("three", QIO_WEBSOCKET_BINARY, true);
}
END_TEST

START_TEST(fragments)
{
    FRAMES(LIST(TEXT, CONTINUATION, FIN | CONTINUATION, BINARY), "one", "two",
           "three", "four", NULL);
    receive("onetwothree", QIO_WEBSOCKET_TEXT, true);
    receive("four", QIO_WEBSOCKET_BINARY, false);
    FRAMES(LIST(FIN | CONTINUATION), "", NULL);
    receive("", QIO_WEBSOCKET_BINARY, true);
}
END_TEST

/* A message ends the caller's memory, not only the other way round. */
START_TEST(small_pieces)
{
    QIOWebsocketType type;
    QIOError *err = NULL;
    char buf[4];
    bool end;

    FRAMES(LIST(FIN | TEXT, FIN | TEXT), "abcdefgh", "i", NULL);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(
            qio_channel_websocket_receive(ws, buf, 4, &type, &end, -1, &err),
            4);
        ck_assert_int_eq(end, i == 1);
    }
    receive("i", QIO_WEBSOCKET_TEXT, true);
    ck_assert_int_eq(
        qio_channel_websocket_receive(ws, buf, 0, &type, &end, -1, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
}
END_TEST

/* A text that stops inside a character has no end, though its last frame is
 * there, alone or behind others. */
START_TEST(cut_text)
{
    QIOWebsocketType type;
    QIOError *err = NULL;
    uint8_t goodbye[4];
    char buf[64];
    bool end = true;
    ssize_t n;

    if (_i) {
        FRAMES(LIST(TEXT, FIN | CONTINUATION), "fine so far \xf0\x9f", "\xa6",
               NULL);
    } else {
        FRAMES(LIST(FIN | TEXT), "\xf0\x9f\xa6", NULL);
    }
    do {
        n = qio_channel_websocket_receive(ws, buf, sizeof(buf), &type, &end,
                                          5000, &err);
        ck_assert(!end);
    } while (n > 0);
    ck_assert_int_eq(n, -1);
    qiotest_error(&err, QIO_ERROR_WEBSOCKET);
    ck_assert_int_eq(qio_channel_flush(ws, &err), 0);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_read_all(raw, goodbye, 4, &err), 0);
    ck_assert_int_eq(goodbye[0], FIN | CLOSE);
    ck_assert_int_eq(goodbye[2] << 8 | goodbye[3], 1007);
}
END_TEST

START_TEST(stream_end)
{
    QIOWebsocketType type;
    QIOError *err = NULL;
    char buf[64];
    bool end;

    FRAMES(LIST(FIN | TEXT, FIN | CLOSE), "last", "", NULL);
    receive("last", QIO_WEBSOCKET_TEXT, true);
    ck_assert_int_eq(qio_channel_websocket_receive(ws, buf, sizeof(buf), &type,
                                                   &end, 5000, &err),
                     0);
    ck_assert(!end);
    qiotest_ok(&err);
}
END_TEST

START_TEST(nobody_sends)
{
    QIOWebsocketType type;
    QIOError *err = NULL;
    char buf[64];
    bool end;

    ck_assert_int_eq(qio_channel_websocket_receive(ws, buf, sizeof(buf), &type,
                                                   &end, 10, &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    qio_channel_set_blocking(ws, false);
    ck_assert_int_eq(qio_channel_websocket_receive(ws, buf, sizeof(buf), &type,
                                                   &end, -1, &err),
                     QIO_CHANNEL_ERR_BLOCK);
    FRAMES(LIST(FIN | TEXT), "", NULL);
    receive("", QIO_WEBSOCKET_TEXT, true);
}
END_TEST

/* What is sent, as bytes. */
static void sent(const char *bytes, size_t len)
{
    QIOError *err = NULL;
    char got[64];

    ck_assert_int_eq(qio_channel_read_all(raw, got, len, &err), 0);
    qiotest_ok(&err);
    ck_assert_mem_eq(got, bytes, len);
}

START_TEST(sending)
{
    QIOError *err = NULL;

    ck_assert_int_eq(
        qio_channel_websocket_send(ws, QIO_WEBSOCKET_TEXT, "text", 4, -1, &err),
        0);
    sent("\x81\x04text", 6);
    ck_assert_int_eq(qio_channel_websocket_send(ws, QIO_WEBSOCKET_BINARY, "\0b",
                                                2, -1, &err),
                     0);
    sent("\x82\x02\0b", 4);
    ck_assert_int_eq(
        qio_channel_websocket_send(ws, QIO_WEBSOCKET_TEXT, NULL, 0, -1, &err),
        0);
    sent("\x81\0", 2);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_websocket_send(ws, QIO_WEBSOCKET_TEXT,
                                                "\xe2\x82", 2, -1, &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    /* Nothing of it went out. */
    ck_assert_int_eq(
        qio_channel_websocket_send(ws, QIO_WEBSOCKET_BINARY, "c", 1, -1, &err),
        0);
    sent("\x82\x01"
         "c",
         3);
    ck_assert_int_eq(qio_channel_shutdown(ws, QIO_CHANNEL_SHUTDOWN_WRITE, &err),
                     0);
    ck_assert_int_eq(
        qio_channel_websocket_send(ws, QIO_WEBSOCKET_BINARY, "", 0, -1, &err),
        -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
}
END_TEST

START_TEST(other_types)
{
    QIOWebsocketType type;
    QIOError *err = NULL;
    char buf[4];
    bool end;

    ck_assert_int_eq(
        qio_channel_websocket_receive(raw, buf, 4, &type, &end, -1, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(
        qio_channel_websocket_send(raw, QIO_WEBSOCKET_TEXT, "a", 1, -1, &err),
        -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
}
END_TEST

/* A writer that fails looks for the peer's reason, and leaves messages alone.
 */
START_TEST(empty_after_failed_write)
{
    QIOError *err = NULL;
    int i, rc = 0;

    FRAMES(LIST(FIN | TEXT, FIN | BINARY), "", "x", NULL);
    qio_channel_close(raw, &err);
    for (i = 0; i < 3 && rc == 0; i++) {
        rc = qio_channel_websocket_send(ws, QIO_WEBSOCKET_TEXT, "late", 4, 5000,
                                        &err);
    }
    ck_assert_int_eq(rc, -1);
    qiotest_error(&err, QIO_ERROR_BROKEN);
    receive("", QIO_WEBSOCKET_TEXT, true);
    receive("x", QIO_WEBSOCKET_BINARY, true);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("messages of a websocket");
    TCase *tc = qiotest_case(s, "messages");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, borders);
    tcase_add_test(tc, fragments);
    tcase_add_test(tc, small_pieces);
    tcase_add_loop_test(tc, cut_text, 0, 2);
    tcase_add_test(tc, stream_end);
    tcase_add_test(tc, nobody_sends);
    tcase_add_test(tc, empty_after_failed_write);
    tcase_add_test(tc, sending);
    tcase_add_test(tc, other_types);
    return qiotest_main(s);
}
