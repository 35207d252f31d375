/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The websocket layer against a peer that says exactly what the test wants:
 * frames in all orders and pieces, pings, ends. */
#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "channel/websocket-priv.h"
#include "qiotest.h"
#include "wsraw.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define BIG 300000

static uint8_t big[BIG];

/* _i: 0 a server is tested, 1 a client. */
static void make(struct wsraw *r, int i, const QIOWebsocketOptions *o)
{
    for (size_t k = 0; k < BIG; k++) {
        big[k] = (uint8_t)(k * 7 + k / 251);
    }
    if (i == 0) {
        wsraw_server(r, o, NULL, 0);
    } else {
        wsraw_client(r, o, NULL, 0);
    }
    qio_channel_set_timeout(r->ws, 10000);
}

static void expect_read(struct wsraw *r, const void *data, size_t len)
{
    uint8_t *buf = malloc(len);
    int rc = qio_channel_read_all(r->ws, buf, len, &r->err);

    qiotest_ok(&r->err);
    ck_assert_int_eq(rc, 0);
    ck_assert(memcmp(buf, data, len) == 0);
    free(buf);
}

/* ---- data ---- */

/* The first frames come in the segment of the handshake, and nothing after. */
START_TEST(with_the_handshake)
{
    struct wsraw r = {.server = _i == 0};
    uint8_t frame[40];
    size_t n = wsraw_frame(&r, frame, 0x82, "at once", 7);

    if (_i == 0) {
        wsraw_server(&r, NULL, frame, n);
    } else {
        wsraw_client(&r, NULL, frame, n);
    }
    ck_assert_int_eq(qio_channel_wait(r.ws, QIO_EVENT_IN, 0, &r.err),
                     QIO_EVENT_IN);
    qio_channel_set_blocking(r.ws, false);
    expect_read(&r, "at once", 7);
    wsraw_free(&r);
}
END_TEST

/* One frame larger than a read, then silence: no byte waits for an event that
 * does not come. */
START_TEST(small_reads)
{
    struct wsraw r;
    uint8_t buf[1000];
    size_t got = 0;

    make(&r, _i, NULL);
    wsraw_send(&r, 0x82, big, 60000);
    qio_channel_set_blocking(r.ws, false);
    while (got < 60000) {
        ssize_t n;

        ck_assert_int_eq(qio_channel_wait(r.ws, QIO_EVENT_IN, 0, &r.err),
                         QIO_EVENT_IN);
        n = qio_channel_read(r.ws, buf, sizeof(buf), &r.err);
        qiotest_ok(&r.err);
        ck_assert_int_gt(n, 0);
        ck_assert(memcmp(buf, big + got, (size_t)n) == 0);
        got += (size_t)n;
    }
    ck_assert_int_eq(qio_channel_wait(r.ws, QIO_EVENT_IN, 20, &r.err), 0);
    wsraw_free(&r);
}
END_TEST

START_TEST(fragments)
{
    struct wsraw r;

    make(&r, _i, NULL);
    wsraw_send(&r, 0x02, "one ", 4);
    wsraw_send(&r, 0x89, "ping", 4);
    wsraw_send(&r, 0x00, "two ", 4);
    wsraw_send(&r, 0x00, "", 0);
    wsraw_send(&r, 0x8a, "pong nobody asked for", 21);
    wsraw_send(&r, 0x80, "three", 5);
    wsraw_send(&r, 0x82, "", 0);
    wsraw_send(&r, 0x82, " four", 5);
    expect_read(&r, "one two three four", 18);
    wsraw_expect(&r, 0x8a, "ping", 4);
    wsraw_free(&r);
}
END_TEST

START_TEST(sends_one_frame)
{
    struct wsraw r;
    struct iovec iov[] = {{big, 100}, {big + 100, 0}, {big + 100, 20000}};

    make(&r, _i, NULL);
    ck_assert_int_eq(qio_channel_writev_all(r.ws, iov, 3, &r.err), 0);
    wsraw_expect(&r, 0x82, big, 20100);
    wsraw_free(&r);
}
END_TEST

/* What a peer does not take is held, but not without limit, and in the end it
 * is all there. */
START_TEST(back_pressure)
{
    struct wsraw r;
    struct websocket *w;
    uint8_t first;
    uint8_t *buf = malloc(1 << 20);
    size_t sent = 0, got = 0;
    ssize_t n;

    make(&r, _i, NULL);
    w = qio_channel_private(r.ws);
    qio_channel_set_blocking(r.ws, false);
    while ((n = qio_channel_write(r.ws, big, BIG, &r.err)) > 0) {
        sent += (size_t)n;
        ck_assert_uint_le(w->out.cap, QIOP_WS_OUT_MAX);
        ck_assert_uint_lt(sent, 64 << 20);
    }
    ck_assert_int_eq(n, QIO_CHANNEL_ERR_BLOCK);
    while (got < sent) {
        ck_assert_int_ne(qio_channel_flush(r.ws, &r.err), -1);
        qiotest_ok(&r.err);
        /* Frames of at most QIOP_WS_BATCH; in halves that the socket holds. */
        qio_channel_set_blocking(r.raw, false);
        n = qio_channel_read(r.raw, buf, 1 << 20, &r.err);
        qiotest_ok(&r.err);
        if (n > 0) {
            got += (size_t)n;
        }
    }
    ck_assert_int_eq(qio_channel_flush(r.ws, &r.err), 0);
    /* Headers came along; afterwards the stream stands at a frame's end. */
    while ((n = qio_channel_read(r.raw, buf, 1 << 20, &r.err)) > 0) {
    }
    qio_channel_set_blocking(r.raw, true);
    ck_assert_int_eq(qio_channel_write_all(r.ws, "x", 1, &r.err), 0);
    ck_assert_uint_eq(wsraw_get(&r, &first, buf, 1 << 20), 1);
    free(buf);
    wsraw_free(&r);
}
END_TEST

/* No two frames of a client look alike, and its key is not zero. */
START_TEST(masks_with_fresh_keys)
{
    static const uint8_t zero[QIOP_WS_KEY_SIZE];
    uint8_t frame[2][6 + 4];
    struct wsraw r;

    make(&r, 1, NULL);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(qio_channel_write_all(r.ws, "same", 4, &r.err), 0);
        ck_assert_int_eq(qio_channel_read_all(r.raw, frame[i], 10, &r.err), 0);
        ck_assert(memcmp(frame[i] + 2, zero, sizeof(zero)) != 0);
    }
    ck_assert(memcmp(frame[0] + 2, frame[1] + 2, QIOP_WS_KEY_SIZE) != 0);
    ck_assert(memcmp(frame[0] + 6, frame[1] + 6, 4) != 0);
    wsraw_free(&r);
}
END_TEST

/* ---- pings ---- */

/* Each is answered with its own bytes and no others, also when they come in one
 * segment with data behind them. */
START_TEST(pings_in_one_segment)
{
    struct wsraw r;
    uint8_t all[400], longest[125];
    size_t n = 0;

    memset(longest, 'x', sizeof(longest));
    make(&r, _i, NULL);
    n += wsraw_frame(&r, all + n, 0x89, "one", 3);
    n += wsraw_frame(&r, all + n, 0x89, "", 0);
    n += wsraw_frame(&r, all + n, 0x89, longest, sizeof(longest));
    n += wsraw_frame(&r, all + n, 0x82, "data", 4);
    n += wsraw_frame(&r, all + n, 0x89, "last", 4);
    wsraw_put(&r, all, n);
    expect_read(&r, "data", 4);
    qio_channel_set_blocking(r.ws, false);
    ck_assert_int_eq(qio_channel_read(r.ws, all, 1, &r.err),
                     QIO_CHANNEL_ERR_BLOCK);
    wsraw_expect(&r, 0x8a, "one", 3);
    wsraw_expect(&r, 0x8a, "", 0);
    wsraw_expect(&r, 0x8a, longest, sizeof(longest));
    wsraw_expect(&r, 0x8a, "last", 4);
    wsraw_free(&r);
}
END_TEST

/* A peer that only pings and never reads: nothing grows, and the last ping is
 * answered once it reads. */
START_TEST(ping_flood)
{
    struct wsraw r;
    struct websocket *w;
    uint8_t frame[32], first, got[125];
    char text[16];
    size_t n;

    make(&r, _i, NULL);
    w = qio_channel_private(r.ws);
    qio_channel_set_blocking(r.ws, false);
    for (int i = 0; i < 30000; i++) {
        snprintf(text, sizeof(text), "%08d", i);
        n = wsraw_frame(&r, frame, 0x89, text, 8);
        wsraw_put(&r, frame, n);
        if (i % 50 == 0) {
            ck_assert_int_eq(qio_channel_read(r.ws, got, 1, &r.err),
                             QIO_CHANNEL_ERR_BLOCK);
            ck_assert_uint_le(w->out.cap, QIOP_WS_OUT_MAX);
        }
    }
    do {
        ck_assert_int_eq(qio_channel_read(r.ws, frame, 1, &r.err),
                         QIO_CHANNEL_ERR_BLOCK);
        n = wsraw_get(&r, &first, got, sizeof(got));
        ck_assert_uint_eq(first, 0x8a);
        ck_assert_uint_eq(n, 8);
    } while (memcmp(got, "00029999", 8) != 0);
    wsraw_free(&r);
}
END_TEST

static QIOWebsocketOptions *with_pings(int interval, int timeout)
{
    QIOError *err = NULL;
    QIOWebsocketOptions *o = qio_websocket_options_new(&err);

    qiotest_ok(&err);
    qio_websocket_options_set_ping(o, interval, timeout);
    return o;
}

/* A peer that is gone without a word is noticed, in any way of waiting. */
START_TEST(silent_peer)
{
    QIOWebsocketOptions *o = with_pings(40, 60);
    struct wsraw r;
    char c;

    make(&r, _i % 2, o);
    qio_websocket_options_free(o);
    if (_i / 2) {
        qio_channel_set_blocking(r.ws, false);
        ck_assert_int_eq(qio_channel_wait(r.ws, QIO_EVENT_IN, 5000, &r.err),
                         QIO_EVENT_IN);
        qiotest_ok(&r.err);
    }
    ck_assert_int_eq(qio_channel_read(r.ws, &c, 1, &r.err), -1);
    ck_assert_msg(strstr(qio_error_message(r.err), "ping"), "%s",
                  qio_error_message(r.err));
    qiotest_error(&r.err, QIO_ERROR_TIMEOUT);
    ck_assert_int_eq(qio_channel_write(r.ws, "x", 1, &r.err), -1);
    qiotest_error(&r.err, QIO_ERROR_TIMEOUT);
    wsraw_expect(&r, 0x89, "qio", 3);
    wsraw_free(&r);
}
END_TEST

START_TEST(peer_that_answers)
{
    QIOWebsocketOptions *o = with_pings(30, 2000);
    struct wsraw r;
    char c;

    make(&r, _i, o);
    qio_websocket_options_free(o);
    qio_channel_set_timeout(r.ws, 50);
    for (int i = 0; i < 4; i++) {
        do {
            ck_assert_int_eq(qio_channel_read(r.ws, &c, 1, &r.err), -1);
            qiotest_error(&r.err, QIO_ERROR_TIMEOUT);
        } while (qio_channel_wait(r.raw, QIO_EVENT_IN, 0, &r.err) == 0);
        wsraw_expect(&r, 0x89, "qio", 3);
        wsraw_send(&r, 0x8a, "qio", 3);
    }
    wsraw_send(&r, 0x82, "x", 1);
    expect_read(&r, "x", 1);
    wsraw_free(&r);
}
END_TEST

/* ---- violations ---- */

static const struct {
    const char *name;
    unsigned code;
    /* Frames as first byte, payload; a first of 0 ends them. */
    struct {
        uint8_t first;
        const char *payload;
    } frames[3];
} violations[] = {
    {"reserved bit", 1002, {{0xc2, "x"}}},
    {"opcode", 1002, {{0x83, "x"}}},
    {"control opcode", 1002, {{0x8b, "x"}}},
    {"data within a message", 1002, {{0x02, "a"}, {0x82, "b"}}},
    {"continues nothing", 1002, {{0x80, "x"}}},
    {"ping in fragments", 1002, {{0x09, "x"}}},
    {"text", 1003, {{0x81, "x"}}},
    {"half a code", 1002, {{0x88, "x"}}},
    {"code 1", 1002, {{0x88, "\x01\x01"}}},
    {"reason", 1007, {{0x88, "\x03\xe9\xff"}}},
};

static void expect_failure(struct wsraw *r, unsigned code)
{
    char c = 0;
    char two[2];

    ck_assert_int_eq(qio_channel_read(r->ws, two, 2, &r->err), -1);
    qiotest_error(&r->err, QIO_ERROR_WEBSOCKET);
    wsraw_expect_close(r, code);
    /* It stays so, in both directions. */
    ck_assert_int_eq(qio_channel_read(r->ws, &c, 1, &r->err), -1);
    qiotest_error(&r->err, QIO_ERROR_WEBSOCKET);
    ck_assert_int_eq(qio_channel_write(r->ws, &c, 1, &r->err), -1);
    qiotest_error(&r->err, QIO_ERROR_WEBSOCKET);
    /* One goodbye is enough. */
    ck_assert_int_eq(qio_channel_close(r->ws, &r->err), 0);
    ck_assert_int_eq(qio_channel_read(r->raw, &c, 1, &r->err), 0);
}

START_TEST(violation)
{
    struct wsraw r;

    for (int side = 0; side < 2; side++) {
        make(&r, side, NULL);
        wsraw_send(&r, 0x82, "fine", 4);
        for (int i = 0; violations[_i].frames[i].first; i++) {
            const char *payload = violations[_i].frames[i].payload;

            wsraw_send(&r, violations[_i].frames[i].first, payload,
                       strlen(payload));
        }
        /* What came before is delivered. */
        expect_read(&r, "fine", 4);
        if (violations[_i].frames[1].first) {
            expect_read(&r, "a", 1);
        }
        expect_failure(&r, violations[_i].code);
        wsraw_free(&r);
    }
}
END_TEST

START_TEST(wrong_masks)
{
    struct wsraw r;

    make(&r, 0, NULL);
    wsraw_put(&r, "\x88\x02\x03\xe8", 4);
    expect_failure(&r, 1002);
    wsraw_free(&r);
    make(&r, 1, NULL);
    wsraw_put(&r, "\x82\x81\1\2\3\4x", 7);
    expect_failure(&r, 1002);
    wsraw_free(&r);
}
END_TEST

START_TEST(text_and_limits)
{
    QIOError *err = NULL;
    QIOWebsocketOptions *o = qio_websocket_options_new(&err);
    struct wsraw r;

    qio_websocket_options_set_text(o, true);
    qio_websocket_options_set_limits(o, 100, 150);
    make(&r, _i, o);
    wsraw_send(&r, 0x81, "text \xc3\xa9", 7);
    expect_read(&r, "text \xc3\xa9", 7);
    wsraw_send(&r, 0x81, "\xc3(", 2);
    expect_failure(&r, 1007);
    wsraw_free(&r);
    make(&r, _i, o);
    wsraw_send(&r, 0x82, big, 100);
    expect_read(&r, big, 100);
    wsraw_send(&r, 0x82, big, 101);
    expect_failure(&r, 1009);
    wsraw_free(&r);
    make(&r, _i, o);
    wsraw_send(&r, 0x02, big, 100);
    expect_read(&r, big, 100);
    wsraw_send(&r, 0x80, big, 51);
    expect_failure(&r, 1009);
    wsraw_free(&r);
    qio_websocket_options_free(o);
}
END_TEST

/* ---- ends ---- */

static const struct {
    const char *payload;
    size_t len;
    int code;
    const char *reason;
    bool normal;
} goodbyes[] = {
    {"", 0, 1005, "", true},
    {"\x03\xe8", 2, 1000, "", true},
    {"\x03\xe8"
     "done",
     6, 1000, "done", true},
    {"\x03\xe9"
     "away",
     6, 1001, "away", false},
    {"\x03\xf3", 2, 1011, "", false},
    {"\x0f\xa1"
     "gr\xc3\xbc",
     6, 4001, "gr\xc3\xbc", false},
};

START_TEST(peer_closes)
{
    struct wsraw r;
    char *reason = NULL;
    char c;

    make(&r, _i / COUNT(goodbyes), NULL);
    _i %= COUNT(goodbyes);
    ck_assert_int_eq(qio_channel_websocket_peer_goodbye(r.ws, NULL, &r.err),
                     -1);
    qiotest_error(&r.err, QIO_ERROR_NOT_FOUND);
    wsraw_send(&r, 0x82, "last", 4);
    wsraw_send(&r, 0x88, goodbyes[_i].payload, goodbyes[_i].len);
    wsraw_send(&r, 0x82, "never read", 10);
    expect_read(&r, "last", 4);
    for (int i = 0; i < 2; i++) {
        ssize_t n = qio_channel_read(r.ws, &c, 1, &r.err);

        ck_assert_int_eq(n, goodbyes[_i].normal ? 0 : -1);
        if (n < 0) {
            qiotest_error(&r.err, QIO_ERROR_WEBSOCKET_REJECTED);
        }
    }
    ck_assert_int_eq(qio_channel_websocket_peer_goodbye(r.ws, &reason, &r.err),
                     goodbyes[_i].code);
    ck_assert_str_eq(reason, goodbyes[_i].reason);
    free(reason);
    /* The other direction is ours to end; with the peer's own code. */
    ck_assert_int_eq(qio_channel_write_all(r.ws, "tail", 4, &r.err), 0);
    qio_channel_shutdown(r.ws, QIO_CHANNEL_SHUTDOWN_WRITE, &r.err);
    wsraw_expect(&r, 0x82, "tail", 4);
    wsraw_expect_close(&r, (unsigned)goodbyes[_i].code);
    wsraw_free(&r);
}
END_TEST

START_TEST(we_close)
{
    struct wsraw r;
    char c;

    make(&r, _i, NULL);
    ck_assert_int_eq(qio_channel_write_all(r.ws, "last", 4, &r.err), 0);
    ck_assert_int_eq(
        qio_channel_shutdown(r.ws, QIO_CHANNEL_SHUTDOWN_WRITE, &r.err), 0);
    wsraw_expect(&r, 0x82, "last", 4);
    wsraw_expect_close(&r, 1000);
    /* A ping now is not answered: nothing follows a close frame. */
    wsraw_send(&r, 0x89, "", 0);
    wsraw_send(&r, 0x82, "late", 4);
    wsraw_send(&r, 0x88, "\x03\xe8", 2);
    expect_read(&r, "late", 4);
    ck_assert_int_eq(qio_channel_read(r.ws, &c, 1, &r.err), 0);
    ck_assert_int_eq(qio_channel_close(r.ws, &r.err), 0);
    ck_assert_int_eq(qio_channel_read(r.raw, &c, 1, &r.err), 0);
    wsraw_free(&r);
}
END_TEST

START_TEST(close_says_goodbye)
{
    struct wsraw r;

    make(&r, _i, NULL);
    ck_assert_int_eq(qio_channel_close(r.ws, &r.err), 0);
    wsraw_expect_close(&r, 1000);
    wsraw_free(&r);
}
END_TEST

START_TEST(goodbye_with_code)
{
    char much[130];
    struct wsraw r;

    make(&r, _i, NULL);
    memset(much, 'x', sizeof(much));
    much[124] = '\0';
    ck_assert_int_eq(qio_channel_websocket_goodbye(r.ws, 1005, NULL, &r.err),
                     -1);
    qiotest_error(&r.err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_channel_websocket_goodbye(r.ws, 4000, much, &r.err),
                     -1);
    qiotest_error(&r.err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_channel_websocket_goodbye(r.ws, 4000, "\xff", &r.err),
                     -1);
    qiotest_error(&r.err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_channel_write_all(r.ws, "x", 1, &r.err), 0);
    ck_assert_int_eq(
        qio_channel_websocket_goodbye(r.ws, 4000, "why not", &r.err), 0);
    ck_assert_int_eq(qio_channel_flush(r.ws, &r.err), 0);
    ck_assert_int_eq(qio_channel_websocket_goodbye(r.ws, 4000, NULL, &r.err),
                     -1);
    qiotest_error(&r.err, QIO_ERROR_STATE);
    ck_assert_int_eq(qio_channel_write(r.ws, "x", 1, &r.err), -1);
    qiotest_error(&r.err, QIO_ERROR_SHUTDOWN);
    wsraw_expect(&r, 0x82, "x", 1);
    wsraw_expect(&r, 0x88, "\x0f\xa0why not", 9);
    ck_assert_int_eq(qio_channel_websocket_goodbye(r.raw, 4000, NULL, &r.err),
                     -1);
    qiotest_error(&r.err, QIO_ERROR_INVALID);
    wsraw_free(&r);
}
END_TEST

/* The transport ends inside a frame, inside a message, between two. */
START_TEST(truncated)
{
    static const uint8_t part[] = {0x82};
    struct wsraw r;
    char c;
    struct iovec iov = {&c, 1};

    make(&r, _i % 2, NULL);
    _i /= 2;
    if (_i == 0) {
        wsraw_put(&r, part, 1);
    } else if (_i == 1) {
        wsraw_send(&r, 0x02, "a", 1);
        expect_read(&r, "a", 1);
    }
    qio_channel_close(r.raw, &r.err);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(qio_channel_wait(r.ws, QIO_EVENT_IN, 1000, &r.err) &
                             QIO_EVENT_IN,
                         QIO_EVENT_IN);
        ck_assert_int_eq(qio_channel_read(r.ws, &c, 1, &r.err), -1);
        qiotest_error(&r.err, QIO_ERROR_WEBSOCKET_TRUNCATED);
    }
    ck_assert_int_eq(qio_channel_readv_full(r.ws, &iov, 1, NULL, NULL,
                                            QIO_CHANNEL_READ_FLAG_RELAXED_EOF,
                                            &r.err),
                     _i == 2 ? 0 : -1);
    if (_i != 2) {
        qiotest_error(&r.err, QIO_ERROR_WEBSOCKET_TRUNCATED);
    }
    wsraw_free(&r);
}
END_TEST

/* Who writes to a peer that is gone learns what it said last. */
START_TEST(writer_learns_why)
{
    struct wsraw r;
    ssize_t n = 0;

    make(&r, _i, NULL);
    wsraw_send(&r, 0x88, "\x03\xf1too big", 9);
    qio_channel_close(r.raw, &r.err);
    for (int i = 0; i < 3 && n >= 0; i++) {
        n = qio_channel_write(r.ws, big, 1000, &r.err);
    }
    ck_assert_int_eq(n, -1);
    ck_assert_msg(strstr(qio_error_message(r.err), "1009: too big"), "%s",
                  qio_error_message(r.err));
    qiotest_error(&r.err, QIO_ERROR_WEBSOCKET_REJECTED);
    wsraw_free(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("websocket");
    TCase *tc = qiotest_case(s, "data");

    tcase_add_loop_test(tc, with_the_handshake, 0, 2);
    tcase_add_loop_test(tc, small_reads, 0, 2);
    tcase_add_loop_test(tc, fragments, 0, 2);
    tcase_add_loop_test(tc, sends_one_frame, 0, 2);
    tcase_add_loop_test(tc, back_pressure, 0, 2);
    tcase_add_test(tc, masks_with_fresh_keys);
    tc = qiotest_case(s, "ping");
    tcase_add_loop_test(tc, pings_in_one_segment, 0, 2);
    tcase_add_loop_test(tc, ping_flood, 0, 2);
    tcase_add_loop_test(tc, silent_peer, 0, 4);
    tcase_add_loop_test(tc, peer_that_answers, 0, 2);
    tc = qiotest_case(s, "violations");
    tcase_add_loop_test(tc, violation, 0, COUNT(violations));
    tcase_add_test(tc, wrong_masks);
    tcase_add_loop_test(tc, text_and_limits, 0, 2);
    tc = qiotest_case(s, "ends");
    tcase_add_loop_test(tc, peer_closes, 0, 2 * COUNT(goodbyes));
    tcase_add_loop_test(tc, we_close, 0, 2);
    tcase_add_loop_test(tc, close_says_goodbye, 0, 2);
    tcase_add_loop_test(tc, goodbye_with_code, 0, 2);
    tcase_add_loop_test(tc, truncated, 0, 6);
    tcase_add_loop_test(tc, writer_learns_why, 0, 2);
    return qiotest_main(s);
}
