/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Masking: byte by byte as RFC 6455 says, at any place and alignment. */
#include <config.h>
#include <string.h>
#include "qiotest.h"
#include "websocket/mask.h"

#define SIZE 300
#define LARGE 3000

static const uint8_t key[QIOP_WS_KEY_SIZE] = {0x37, 0xfa, 0x21, 0x3d};

/* RFC 6455 §5.7. */
START_TEST(test_example)
{
    static const uint8_t masked[] = {0x7f, 0x9f, 0x4d, 0x51, 0x58};
    uint8_t out[5];

    qiop_ws_mask(out, masked, sizeof(out), key, 0);
    ck_assert_mem_eq(out, "Hello", 5);
}
END_TEST

static void check(const uint8_t *got, const uint8_t *src, size_t len,
                  uint64_t at)
{
    for (size_t i = 0; i < len; i++) {
        ck_assert_uint_eq(got[i], src[i] ^ key[(at + i) % 4]);
    }
}

START_TEST(test_all_lengths)
{
    uint8_t src[SIZE], dst[SIZE + 16];

    for (size_t i = 0; i < SIZE; i++) {
        src[i] = (uint8_t)(i * 31);
    }
    for (size_t len = 0; len < SIZE - 8; len++) {
        for (size_t shift = 0; shift < 8; shift++) {
            memset(dst, 0xee, sizeof(dst));
            qiop_ws_mask(dst + shift, src + (len + shift) % 8, len, key, shift);
            check(dst + shift, src + (len + shift) % 8, len, shift);
            ck_assert_uint_eq(dst[shift + len], 0xee);
        }
    }
}
END_TEST

/* Large ones begin with what is missing to a cache line. */
START_TEST(test_large)
{
    static uint8_t src[LARGE], dst[LARGE + 130];

    for (size_t i = 0; i < LARGE; i++) {
        src[i] = (uint8_t)(i * 31 + i / 256);
    }
    for (size_t shift = 0; shift < 128; shift++) {
        memset(dst, 0xee, sizeof(dst));
        qiop_ws_mask(dst + shift, src + shift % 7, LARGE - 7, key, shift);
        check(dst + shift, src + shift % 7, LARGE - 7, shift);
        ck_assert_uint_eq(dst[shift + LARGE - 7], 0xee);
        qiop_ws_mask(dst + shift, dst + shift, LARGE - 7, key, shift);
        ck_assert_mem_eq(dst + shift, src + shift % 7, LARGE - 7);
    }
}
END_TEST

/* In place, in two pieces, as payload comes. */
START_TEST(test_pieces)
{
    uint8_t src[SIZE], buf[SIZE];
    uint64_t far = UINT64_MAX - 1000;

    for (size_t i = 0; i < SIZE; i++) {
        src[i] = (uint8_t)(255 - i);
    }
    for (size_t cut = 0; cut <= SIZE; cut++) {
        memcpy(buf, src, SIZE);
        qiop_ws_mask(buf, buf, cut, key, far);
        qiop_ws_mask(buf + cut, buf + cut, SIZE - cut, key, far + cut);
        check(buf, src, SIZE, far);
    }
}
END_TEST

START_TEST(test_keys)
{
    struct qiop_ws_keys keys = {.left = 0};
    uint8_t all[1000][QIOP_WS_KEY_SIZE];
    QIOError *err = NULL;
    int same = 0;

    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(qiop_ws_keys_next(&keys, all[i], &err), 0);
        qiotest_ok(&err);
        for (int j = 0; j < i; j++) {
            same += memcmp(all[i], all[j], QIOP_WS_KEY_SIZE) == 0;
        }
    }
    /* One pair among a thousand of 32 bits comes once in 8000 times. */
    ck_assert_int_le(same, 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("websocket-mask");
    TCase *tc = qiotest_case(s, "mask");

    tcase_add_test(tc, test_example);
    tcase_add_test(tc, test_all_lengths);
    tcase_add_test(tc, test_large);
    tcase_add_test(tc, test_pieces);
    tcase_add_test(tc, test_keys);
    return qiotest_main(s);
}
