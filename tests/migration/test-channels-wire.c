/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The format of connections that share a stream, byte by byte, and the order in
 * which their blocks go together. */
#include <config.h>
#include <string.h>
#include "../../lib/migration/channels-wire.h"
#include "qiotest.h"

/* ---- hellos ---- */

static const struct qiop_hello good_hello = {
    .type = QIOP_HELLO_JOIN,
    .index = 1,
    .count = 3,
    .block_max = 0x80000,
    .token = {0xaa, 0xbb},
    .binding = {0xcc},
};

START_TEST(hello_bytes)
{
    static const uint8_t head[20] = "QIO-MANY\0\1\1\0\0\1\0\3\0\x08\0\0";
    uint8_t data[QIOP_HELLO_LEN];
    struct qiop_hello h;
    QIOError *err = NULL;

    qiop_hello_write(&good_hello, data);
    ck_assert_mem_eq(data, head, sizeof(head));
    ck_assert_uint_eq(data[32], 0xaa);
    ck_assert_uint_eq(data[33], 0xbb);
    ck_assert_uint_eq(data[64], 0xcc);
    ck_assert_int_eq(qiop_hello_parse(&h, data, &err), 0);
    ck_assert_int_eq(h.type, QIOP_HELLO_JOIN);
    ck_assert_uint_eq(h.index, 1);
    ck_assert_uint_eq(h.count, 3);
    ck_assert_uint_eq(h.block_max, 0x80000);
    ck_assert_mem_eq(h.token, good_hello.token, QIOP_TOKEN_LEN);
    ck_assert_mem_eq(h.binding, good_hello.binding, QIOP_BINDING_LEN);
}
END_TEST

/* One byte that is not as it must be. */
static const struct {
    unsigned at;
    uint8_t value;
} bad_hellos[] = {
    {0, 'q'}, {7, 'X'}, {8, 1},  {9, 0},    {9, 2},    {10, 0},  {10, 3},
    {11, 1},  {12, 1},  {13, 3}, {14, 1},   {15, 0},   {15, 17}, {16, 1},
    {16, 2},  {20, 1},  {31, 1}, {17, 0x0}, {13, 255},
};

START_TEST(bad_hello)
{
    uint8_t data[QIOP_HELLO_LEN];
    struct qiop_hello h;
    QIOError *err = NULL;

    qiop_hello_write(&good_hello, data);
    data[bad_hellos[_i].at] = bad_hellos[_i].value;
    ck_assert_int_eq(qiop_hello_parse(&h, data, &err), -1);
    qiotest_error(&err, QIO_ERROR_STREAM);
}
END_TEST

START_TEST(secrets)
{
    uint8_t a[QIOP_TOKEN_LEN] = {1}, b[QIOP_TOKEN_LEN] = {1};

    ck_assert(qiop_same_secret(a, b, sizeof(a)));
    for (size_t i = 0; i < sizeof(a); i++) {
        b[i] ^= 0x80;
        ck_assert(!qiop_same_secret(a, b, sizeof(a)));
        b[i] ^= 0x80;
    }
}
END_TEST

/* ---- blocks ---- */

static const struct qiop_block good_block = {
    .index = 2,
    .length = 4096,
    .number = 7,
    .offset = UINT64_C(0x0102030405060708),
};

START_TEST(block_bytes)
{
    static const uint8_t want[QIOP_BLOCK_LEN] =
        "QIOB\1\0\0\2\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\7\1\2\3\4\5\6\7\x08";
    uint8_t data[QIOP_BLOCK_LEN];
    struct qiop_block b;
    QIOError *err = NULL;

    qiop_block_write(&good_block, data);
    ck_assert_mem_eq(data, want, sizeof(want));
    ck_assert_int_eq(qiop_block_parse(&b, data, &err), 0);
    ck_assert(!b.end);
    ck_assert_uint_eq(b.index, 2);
    ck_assert_uint_eq(b.length, 4096);
    ck_assert_uint_eq(b.number, 7);
    ck_assert_uint_eq(b.offset, UINT64_C(0x0102030405060708));
}
END_TEST

static const struct {
    unsigned at;
    uint8_t value;
} bad_blocks[] = {
    {0, 'x'}, {3, 'b'}, {4, 0},  {4, 2},  {4, 3},
    {5, 1},   {8, 2},   {10, 0}, {12, 1}, {15, 1},
};

START_TEST(bad_block)
{
    uint8_t data[QIOP_BLOCK_LEN];
    struct qiop_block b;
    QIOError *err = NULL;

    qiop_block_write(&good_block, data);
    data[bad_blocks[_i].at] = bad_blocks[_i].value;
    ck_assert_int_eq(qiop_block_parse(&b, data, &err), -1);
    qiotest_error(&err, QIO_ERROR_STREAM);
}
END_TEST

START_TEST(numbers_do_not_wrap)
{
    struct qiop_block b = good_block;
    uint8_t data[QIOP_BLOCK_LEN];
    QIOError *err = NULL;

    b.number = UINT64_MAX;
    qiop_block_write(&b, data);
    ck_assert_int_eq(qiop_block_parse(&b, data, &err), -1);
    qiotest_error(&err, QIO_ERROR_STREAM);
    b = good_block;
    b.offset = UINT64_MAX - b.length + 1;
    qiop_block_write(&b, data);
    ck_assert_int_eq(qiop_block_parse(&b, data, &err), -1);
    qiotest_error(&err, QIO_ERROR_STREAM);
}
END_TEST

/* ---- order ---- */

#define BLOCK_MAX 1000

/* Whether the header was taken; one that was not is a malformed stream. */
static bool block(struct qiop_order *o, unsigned lane, uint64_t number,
                  uint64_t offset, uint32_t length)
{
    struct qiop_block b = {!length, lane, length, number, offset};
    uint8_t data[QIOP_BLOCK_LEN];
    QIOError *err = NULL;
    int rc;

    qiop_block_write(&b, data);
    rc = qiop_order_header(o, lane, data, &err);
    if (rc) {
        qiotest_error(&err, QIO_ERROR_STREAM);
    }
    return rc == 0;
}

static bool end(struct qiop_order *o, unsigned lane, uint64_t number,
                uint64_t offset)
{
    return block(o, lane, number, offset, 0);
}

static int next(const struct qiop_order *o)
{
    QIOError *err = NULL;
    int r = qiop_order_next(o, &err);

    if (r == -1) {
        qiotest_error(&err, QIO_ERROR_STREAM);
    }
    return r;
}

START_TEST(in_order)
{
    struct qiop_order o;

    qiop_order_init(&o, 2, BLOCK_MAX);
    ck_assert_int_eq(next(&o), QIOP_ORDER_MORE);
    ck_assert(block(&o, 1, 1, 100, 50));
    ck_assert_int_eq(next(&o), QIOP_ORDER_MORE);
    ck_assert(block(&o, 0, 0, 0, 100));
    ck_assert_int_eq(next(&o), 0);
    qiop_order_done(&o, 0);
    ck_assert_int_eq(next(&o), 1);
    qiop_order_done(&o, 1);
    ck_assert(end(&o, 0, 2, 150));
    ck_assert_int_eq(next(&o), QIOP_ORDER_MORE);
    ck_assert(end(&o, 1, 2, 150));
    ck_assert_int_eq(next(&o), QIOP_ORDER_END);
}
END_TEST

START_TEST(nothing_at_all)
{
    struct qiop_order o;

    qiop_order_init(&o, 2, BLOCK_MAX);
    ck_assert(end(&o, 1, 0, 0));
    ck_assert(end(&o, 0, 0, 0));
    ck_assert_int_eq(next(&o), QIOP_ORDER_END);
}
END_TEST

START_TEST(headers_refused)
{
    struct qiop_order o, fresh;
    uint8_t data[QIOP_BLOCK_LEN];
    struct qiop_block b = {false, 1, 1, 3, 0};
    QIOError *err = NULL;

    qiop_order_init(&fresh, 2, BLOCK_MAX);
    ck_assert(block(&fresh, 0, 0, 0, 10));
    qiop_order_done(&fresh, 0);

    o = fresh;
    ck_assert(!block(&o, 1, 0, 0, 10));             /* it is over */
    ck_assert(!block(&o, 1, 1, 10, BLOCK_MAX + 1)); /* too large */
    ck_assert(!end(&o, 1, 0, 0));                   /* before its time */
    ck_assert(block(&o, 1, 5, 500, BLOCK_MAX));
    /* Backwards on the same connection. */
    o.lanes[1].held = false;
    ck_assert(!block(&o, 1, 5, 500, 1));
    ck_assert(!end(&o, 1, 5, 500));
    ck_assert(block(&o, 1, 6, 1500, 1));
    /* Those that end must agree, and nothing comes after. */
    o = fresh;
    ck_assert(end(&o, 0, 3, 30));
    ck_assert(!end(&o, 1, 4, 30));
    ck_assert(!end(&o, 1, 3, 31));
    ck_assert(!block(&o, 1, 3, 30, 1));
    ck_assert(block(&o, 1, 2, 20, 10));
    /* Of another connection. */
    qiop_block_write(&b, data);
    ck_assert_int_eq(qiop_order_header(&fresh, 0, data, &err), -1);
    qiotest_error(&err, QIO_ERROR_STREAM);
}
END_TEST

START_TEST(nothing_can_be_due)
{
    struct qiop_order o, fresh;

    qiop_order_init(&fresh, 2, BLOCK_MAX);
    /* The same number twice. */
    o = fresh;
    ck_assert(block(&o, 0, 0, 0, 10));
    ck_assert(block(&o, 1, 0, 0, 10));
    ck_assert_int_eq(next(&o), 0);
    qiop_order_done(&o, 0);
    ck_assert_int_eq(next(&o), -1);
    /* A gap. */
    o = fresh;
    ck_assert(block(&o, 0, 1, 10, 10));
    ck_assert(block(&o, 1, 2, 20, 10));
    ck_assert_int_eq(next(&o), -1);
    /* Overlapping. */
    o = fresh;
    ck_assert(block(&o, 0, 0, 1, 10));
    ck_assert_int_eq(next(&o), -1);
    /* One that never comes, the others having ended. */
    o = fresh;
    ck_assert(end(&o, 0, 2, 20));
    ck_assert(block(&o, 1, 1, 10, 10));
    ck_assert_int_eq(next(&o), -1);
    /* Fewer than there were, blocks or bytes. */
    o = fresh;
    ck_assert(end(&o, 0, 1, 10));
    ck_assert(end(&o, 1, 1, 10));
    ck_assert_int_eq(next(&o), -1);
    o = fresh;
    ck_assert(end(&o, 0, 0, 10));
    ck_assert(end(&o, 1, 0, 10));
    ck_assert_int_eq(next(&o), -1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("format of channels");
    TCase *tc = qiotest_case(s, "hellos and blocks");

    tcase_add_test(tc, hello_bytes);
    tcase_add_loop_test(tc, bad_hello, 0,
                        sizeof(bad_hellos) / sizeof(bad_hellos[0]));
    tcase_add_test(tc, secrets);
    tcase_add_test(tc, block_bytes);
    tcase_add_loop_test(tc, bad_block, 0,
                        sizeof(bad_blocks) / sizeof(bad_blocks[0]));
    tcase_add_test(tc, numbers_do_not_wrap);
    tc = qiotest_case(s, "order");
    tcase_add_test(tc, in_order);
    tcase_add_test(tc, nothing_at_all);
    tcase_add_test(tc, headers_refused);
    tcase_add_test(tc, nothing_can_be_due);
    return qiotest_main(s);
}
