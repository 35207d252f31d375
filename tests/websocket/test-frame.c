/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames: every header round, every rule of RFC 6455 §5 kept, in any pieces. */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include "qiotest.h"
#include "websocket/frame.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static const uint8_t key[QIOP_WS_KEY_SIZE] = {1, 2, 3, 4};

/* ---- writing ---- */

static const struct {
    uint64_t len;
    size_t header;
} lengths[] = {
    {0, 2},     {1, 2},      {125, 2},       {126, 4},         {127, 4},
    {65535, 4}, {65536, 10}, {1u << 31, 10}, {1ull << 40, 10}, {INT64_MAX, 10},
};

START_TEST(test_header_round)
{
    uint8_t h[QIOP_WS_HEADER_MAX];

    for (int masked = 0; masked < 2; masked++) {
        size_t n = qiop_ws_header(h, true, QIOP_WS_BINARY, lengths[_i].len,
                                  masked ? key : NULL);
        struct qiop_ws_decoder d;
        size_t used;

        ck_assert_uint_eq(n, lengths[_i].header + 4 * (size_t)masked);
        qiop_ws_decoder_init(&d, masked, false, UINT64_MAX, 0);
        ck_assert_int_eq(qiop_ws_decode(&d, h, n, &used), QIOP_WS_DATA);
        ck_assert_uint_eq(used, n);
        ck_assert_uint_eq(qiop_ws_payload_due(&d), lengths[_i].len);
        ck_assert_uint_eq(d.in_message, lengths[_i].len > 0);
    }
}
END_TEST

/* ---- reading ---- */

/* What came out of a stream of frames. */
struct result {
    char text[4096]; /* events and payload, as a log */
    size_t len;
    unsigned fail_code;
    unsigned close_code;
};

static void say(struct result *r, const char *what, const void *data, size_t n)
{
    size_t len = strlen(what);

    ck_assert_uint_lt(r->len + len + n, sizeof(r->text));
    memcpy(r->text + r->len, what, len);
    if (n) {
        memcpy(r->text + r->len + len, data, n);
    }
    r->len += len + n;
    r->text[r->len] = '\0';
}

static void payload(struct qiop_ws_decoder *d, struct result *r,
                    const uint8_t *data, size_t n)
{
    uint8_t copy[1024];

    ck_assert_uint_le(n, sizeof(copy));
    memcpy(copy, data, n);
    if (qiop_ws_payload(d, copy, n)) {
        say(r, "", copy, n);
    }
}

static bool one_event(struct qiop_ws_decoder *d, struct result *r,
                      const uint8_t *data, size_t len, size_t *at)
{
    uint64_t due = qiop_ws_payload_due(d);
    size_t used;

    if (due) {
        size_t n = due < len - *at ? (size_t)due : len - *at;

        payload(d, r, data + *at, n);
        *at += n;
        return n > 0;
    }
    switch (qiop_ws_decode(d, data + *at, len - *at, &used)) {
    case QIOP_WS_DATA:
        say(r, d->fin ? (d->is_text ? "T" : "B") : "b", NULL, 0);
        break;
    case QIOP_WS_PINGED:
        say(r, "<", d->control, qiop_ws_control_len(d));
        say(r, ">", NULL, 0);
        break;
    case QIOP_WS_PONGED:
        say(r, "(", d->control, qiop_ws_control_len(d));
        say(r, ")", NULL, 0);
        break;
    case QIOP_WS_CLOSED:
        say(r, "!", NULL, 0);
        return false;
    case QIOP_WS_FAILED:
        return false;
    default:
        ck_assert_uint_eq(used, len - *at);
        *at += used;
        return false;
    }
    *at += used;
    return true;
}

/* Decode in pieces of `step` bytes; what the peer is by the mask. */
static void decode(struct qiop_ws_decoder *d, struct result *r,
                   const uint8_t *data, size_t len, size_t step)
{
    memset(r, 0, sizeof(*r));
    for (size_t from = 0; from < len; from += step) {
        size_t to = from + step < len ? from + step : len;
        size_t at = from;

        while (one_event(d, r, data, to, &at)) {
        }
        if (d->fail_code || d->closed) {
            break;
        }
        ck_assert_uint_eq(at, to);
    }
    r->fail_code = d->fail_code;
    r->close_code = d->closed ? d->close_code : 0;
}

/* The same whatever the pieces. */
static void decode_any(struct result *r, const uint8_t *data, size_t len,
                       bool masked, bool text)
{
    struct qiop_ws_decoder d;
    struct result other;

    qiop_ws_decoder_init(&d, masked, text, 1000, 1500);
    decode(&d, r, data, len, len);
    for (size_t step = 1; step < 9; step++) {
        qiop_ws_decoder_init(&d, masked, text, 1000, 1500);
        decode(&d, &other, data, len, step);
        ck_assert_uint_eq(other.fail_code, r->fail_code);
        ck_assert_uint_eq(other.close_code, r->close_code);
        if (!r->fail_code) {
            ck_assert_str_eq(other.text, r->text);
        }
    }
}

/* From a server, so that the bytes are plain to see. */
static const struct {
    const char *name;
    const char *data;
    size_t len;
    const char *text;
    unsigned fail_code;
    unsigned close_code;
} streams[] = {
#define FRAMES(name, data, ...)                                                \
    {                                                                          \
        name, data, sizeof(data) - 1, __VA_ARGS__                              \
    }
    FRAMES("one", "\x82\x05Hello", "BHello", 0, 0),
    FRAMES("empty", "\x82\x00", "B", 0, 0),
    FRAMES("two",
           "\x82\x01"
           "a\x82\x01"
           "b",
           "BaBb", 0, 0),
    FRAMES("fragments", "\x02\x03Hel\x80\x02lo", "bHelBlo", 0, 0),
    FRAMES("empty fragments", "\x02\x00\x00\x00\x80\x00", "bbB", 0, 0),
    FRAMES("text", "\x81\x05Hello", "THello", 0, 0),
    FRAMES("control between fragments",
           "\x02\x01"
           "a\x89\x01p\x8a\x01q\x00\x01"
           "b\x80\x01"
           "c",
           "ba<p>(q)bbBc", 0, 0),
    FRAMES("text goes on after a ping",
           "\x01\x02\xc3\xa9\x89\x00\x80\x02\xc3\xa9", "b\xc3\xa9<>T\xc3\xa9",
           0, 0),
    FRAMES("character over fragments", "\x01\x01\xc3\x80\x01\xa9", "b\xc3T\xa9",
           0, 0),
    FRAMES("pings in one segment",
           "\x89\x01"
           "a\x89\x01"
           "b\x82\x01"
           "c",
           "<a><b>Bc", 0, 0),
    FRAMES("close",
           "\x88\x00"
           "more",
           "!", 0, 1005),
    FRAMES("close with code", "\x88\x02\x03\xe8", "!", 0, 1000),
    FRAMES("close with reason",
           "\x88\x05\x03\xe9"
           "bye",
           "!", 0, 1001),
    FRAMES("close in a message",
           "\x02\x01"
           "a\x88\x02\x03\xe8",
           "ba!", 0, 1000),
    FRAMES("data after close", "\x88\x02\x0f\xa0\xff\xff", "!", 0, 4000),
    FRAMES("reserved 1",
           "\xc2\x01"
           "a",
           "", 1002, 0),
    FRAMES("reserved 2",
           "\xa2\x01"
           "a",
           "", 1002, 0),
    FRAMES("reserved 3",
           "\x92\x01"
           "a",
           "", 1002, 0),
    FRAMES("reserved of a ping", "\xc9\x00", "", 1002, 0),
    FRAMES("opcode 3", "\x83\x00", "", 1002, 0),
    FRAMES("opcode 7", "\x87\x00", "", 1002, 0),
    FRAMES("opcode 11", "\x8b\x00", "", 1002, 0),
    FRAMES("opcode 15", "\x8f\x00", "", 1002, 0),
    FRAMES("masked server",
           "\x82\x81"
           "1234a",
           "", 1002, 0),
    FRAMES("continues nothing",
           "\x80\x01"
           "a",
           "", 1002, 0),
    FRAMES("continues an ended one",
           "\x82\x01"
           "a\x80\x01"
           "b",
           "Ba", 1002, 0),
    FRAMES("data in a message",
           "\x02\x01"
           "a\x82\x01"
           "b",
           "ba", 1002, 0),
    FRAMES("text in a message",
           "\x02\x01"
           "a\x01\x01"
           "b",
           "ba", 1002, 0),
    FRAMES("ping in fragments", "\x09\x00", "", 1002, 0),
    FRAMES("close in fragments", "\x08\x00", "", 1002, 0),
    FRAMES("long ping", "\x89\x7e\x00\x7e", "", 1002, 0),
    FRAMES("huge ping", "\x89\x7f", "", 1002, 0),
    FRAMES("long form of 125", "\x82\x7e\x00\x7d", "", 1002, 0),
    FRAMES("long form of 65535", "\x82\x7f\0\0\0\0\0\0\xff\xff", "", 1002, 0),
    FRAMES("64 bits", "\x82\x7f\x80\0\0\0\0\1\0\0", "", 1002, 0),
    FRAMES("too large", "\x82\x7f\0\0\0\0\0\1\0\0", "", 1009, 0),
    FRAMES("a little too large", "\x82\x7e\x03\xe9", "", 1009, 0),
    FRAMES("half a code", "\x88\x01\x03", "", 1002, 0),
    FRAMES("reason is no text", "\x88\x04\x03\xe8\xc3(", "", 1007, 0),
    FRAMES("reason is cut", "\x88\x03\x03\xe8\xc3", "", 1007, 0),
    FRAMES("bad text", "\x81\x02\xc3(", "T", 1007, 0),
    FRAMES("text ends inside", "\x81\x01\xc3", "T", 1007, 0),
    FRAMES("empty end inside", "\x01\x01\xc3\x80\x00", "b\xc3", 1007, 0),
    FRAMES("surrogate over fragments", "\x01\x01\xed\x00\x01\xa0",
           "b\xed"
           "b",
           1007, 0),
};

START_TEST(test_stream)
{
    struct result r;

    decode_any(&r, (const uint8_t *)streams[_i].data, streams[_i].len, false,
               true);
    ck_assert_msg(r.fail_code == streams[_i].fail_code, "%s: failed with %u",
                  streams[_i].name, r.fail_code);
    ck_assert_msg(r.close_code == streams[_i].close_code, "%s: closed with %u",
                  streams[_i].name, r.close_code);
    if (!streams[_i].fail_code) {
        ck_assert_str_eq(r.text, streams[_i].text);
    }
}
END_TEST

START_TEST(test_text_refused)
{
    struct result r;

    decode_any(&r,
               (const uint8_t *)"\x81\x01"
                                "a",
               3, false, false);
    ck_assert_uint_eq(r.fail_code, 1003);
}
END_TEST

START_TEST(test_client_must_mask)
{
    struct result r;

    decode_any(&r,
               (const uint8_t *)"\x82\x01"
                                "a",
               3, true, false);
    ck_assert_uint_eq(r.fail_code, 1002);
    /* An unmasked close too is answered with 1002. */
    decode_any(&r, (const uint8_t *)"\x88\x02\x03\xe8", 4, true, false);
    ck_assert_uint_eq(r.fail_code, 1002);
}
END_TEST

START_TEST(test_masked)
{
    uint8_t data[64];
    struct result r;
    size_t n;

    n = qiop_ws_header(data, false, QIOP_WS_TEXT, 6, key);
    qiop_ws_mask(data + n, (const uint8_t *)"Hello ", 6, key, 0);
    n += 6;
    n += qiop_ws_header(data + n, true, QIOP_WS_PING, 4, key);
    qiop_ws_mask(data + n, (const uint8_t *)"ping", 4, key, 0);
    n += 4;
    n += qiop_ws_header(data + n, true, QIOP_WS_CONTINUATION, 5, key);
    qiop_ws_mask(data + n, (const uint8_t *)"world", 5, key, 0);
    n += 5;
    n += qiop_ws_header(data + n, true, QIOP_WS_CLOSE, 2, key);
    qiop_ws_mask(data + n, (const uint8_t *)"\x0f\xa1", 2, key, 0);
    n += 2;
    decode_any(&r, data, n, true, true);
    ck_assert_uint_eq(r.fail_code, 0);
    ck_assert_str_eq(r.text, "bHello <ping>Tworld!");
    ck_assert_uint_eq(r.close_code, 4001);
}
END_TEST

/* Frames that are fine each, but too much together. */
START_TEST(test_message_limit)
{
    struct qiop_ws_decoder d;
    uint8_t data[QIOP_WS_HEADER_MAX], body[1000] = {0};
    size_t used;

    qiop_ws_decoder_init(&d, false, false, 1000, 1500);
    qiop_ws_header(data, false, QIOP_WS_BINARY, 1000, NULL);
    ck_assert_int_eq(qiop_ws_decode(&d, data, 4, &used), QIOP_WS_DATA);
    ck_assert(qiop_ws_payload(&d, body, 1000));
    qiop_ws_header(data, false, QIOP_WS_CONTINUATION, 500, NULL);
    ck_assert_int_eq(qiop_ws_decode(&d, data, 4, &used), QIOP_WS_DATA);
    ck_assert(qiop_ws_payload(&d, body, 500));
    qiop_ws_header(data, true, QIOP_WS_CONTINUATION, 1, NULL);
    ck_assert_int_eq(qiop_ws_decode(&d, data, 2, &used), QIOP_WS_FAILED);
    ck_assert_uint_eq(d.fail_code, 1009);
    /* It stays so. */
    ck_assert_int_eq(qiop_ws_decode(&d, data, 2, &used), QIOP_WS_FAILED);
    ck_assert_uint_eq(used, 0);
}
END_TEST

START_TEST(test_codes)
{
    for (unsigned code = 0; code <= 65535; code++) {
        uint8_t data[] = {0x88, 2, (uint8_t)(code >> 8), (uint8_t)code};
        bool registered =
            (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
        bool ok = registered || (code >= 3000 && code < 5000);
        struct qiop_ws_decoder d;
        size_t used;

        qiop_ws_decoder_init(&d, false, false, 1000, 0);
        ck_assert_int_eq(qiop_ws_decode(&d, data, sizeof(data), &used),
                         ok ? QIOP_WS_CLOSED : QIOP_WS_FAILED);
        ck_assert_uint_eq(ok ? d.close_code : d.fail_code, ok ? code : 1002);
        ck_assert_int_eq(qiop_ws_code_is_valid(code), ok);
    }
}
END_TEST

START_TEST(test_between)
{
    static const uint8_t data[] = {0x02, 0x01, 'a', 0x80, 0x00, 0x89, 0x01};
    static const bool between[] = {false, false, false, false,
                                   true,  false, false};
    struct qiop_ws_decoder d;
    struct result r = {.len = 0};

    qiop_ws_decoder_init(&d, false, false, 1000, 0);
    ck_assert(qiop_ws_between(&d));
    for (size_t i = 0; i < sizeof(data); i++) {
        size_t at = i;

        while (one_event(&d, &r, data, i + 1, &at)) {
        }
        ck_assert_int_eq(qiop_ws_between(&d), between[i]);
    }
}
END_TEST

/* Whatever comes, it ends in one of the ways there are. */
START_TEST(test_noise)
{
    uint8_t data[300];
    struct result r;

    srand(1);
    for (int round = 0; round < 20000; round++) {
        struct qiop_ws_decoder d;

        for (size_t i = 0; i < sizeof(data); i++) {
            data[i] = (uint8_t)rand();
        }
        data[0] = (uint8_t)(rand() & 0x8f);
        data[1] &= 0x8f;
        qiop_ws_decoder_init(&d, data[1] >= 0x80, true, 250, 0);
        decode(&d, &r, data, sizeof(data), 1 + (size_t)(rand() % 40));
    }
}
END_TEST

START_TEST(data_or_control)
{
    static const uint8_t ping[] = {0x89, 1, 'p'}, text[] = {0x81, 1, 't'},
                         empty[] = {0x82, 0};
    struct qiop_ws_decoder d;
    size_t used;

    qiop_ws_decoder_init(&d, false, true, 1000, 0);
    ck_assert(!qiop_ws_is_data(&d, NULL, 0));
    ck_assert(qiop_ws_is_data(&d, empty, 1));
    ck_assert(!qiop_ws_is_data(&d, ping, sizeof(ping)));
    for (size_t i = 0; i < sizeof(ping) - 1; i++) {
        ck_assert_int_eq(qiop_ws_decode(&d, ping + i, 1, &used), QIOP_WS_MORE);
        ck_assert(!qiop_ws_is_data(&d, text, sizeof(text)));
    }
    ck_assert_int_eq(qiop_ws_decode(&d, ping + 2, 1, &used), QIOP_WS_PINGED);
    ck_assert(qiop_ws_is_data(&d, text, sizeof(text)));
    ck_assert_int_eq(qiop_ws_decode(&d, text, 1, &used), QIOP_WS_MORE);
    ck_assert(qiop_ws_is_data(&d, NULL, 0));
    ck_assert_int_eq(qiop_ws_decode(&d, text + 1, 2, &used), QIOP_WS_DATA);
    ck_assert(qiop_ws_is_data(&d, ping, sizeof(ping)));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("websocket-frame");
    TCase *tc = qiotest_case(s, "frame");

    tcase_add_loop_test(tc, test_header_round, 0, COUNT(lengths));
    tcase_add_loop_test(tc, test_stream, 0, COUNT(streams));
    tcase_add_test(tc, test_text_refused);
    tcase_add_test(tc, test_client_must_mask);
    tcase_add_test(tc, test_masked);
    tcase_add_test(tc, test_message_limit);
    tcase_add_test(tc, test_codes);
    tcase_add_test(tc, test_between);
    tcase_add_test(tc, test_noise);
    tcase_add_test(tc, data_or_control);
    return qiotest_main(s);
}
