/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The byte queue: order, bounds, compaction, growth, and a long random walk
 * against a counter. */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include "base/queue.h"
#include "qiotest.h"

START_TEST(test_empty)
{
    struct qiop_queue q;
    size_t len = 1;
    char c;

    qiop_queue_init(&q, 100);
    ck_assert_ptr_null(q.data);
    ck_assert_uint_eq(qiop_queue_room(&q), 100);
    qiop_queue_peek(&q, &len);
    ck_assert_uint_eq(len, 0);
    ck_assert_uint_eq(qiop_queue_take(&q, &c, 1), 0);
    qiop_queue_consume(&q, 0);
    qiop_queue_free(&q, true);
    qiop_queue_free(&q, false);
    ck_assert_uint_eq(q.limit, 100);

    /* No limit wraps around into a small one. */
    qiop_queue_init(&q, (size_t)UINT32_MAX + 1);
    ck_assert_uint_eq(qiop_queue_room(&q), UINT32_MAX);
    qiop_queue_init(&q, SIZE_MAX);
    ck_assert_uint_eq(qiop_queue_room(&q), UINT32_MAX);
}
END_TEST

START_TEST(test_order)
{
    struct qiop_queue q;
    QIOError *err = NULL;
    const uint8_t *p;
    char buf[8];
    size_t len;

    qiop_queue_init(&q, 10);
    ck_assert_int_eq(qiop_queue_append(&q, "abc", 3, &err), 0);
    ck_assert_int_eq(qiop_queue_append(&q, NULL, 0, &err), 0);
    ck_assert_int_eq(qiop_queue_append(&q, "defg", 4, &err), 0);
    p = qiop_queue_peek(&q, &len);
    ck_assert_uint_eq(len, 7);
    ck_assert_mem_eq(p, "abcdefg", 7);
    ck_assert_uint_eq(qiop_queue_take(&q, buf, 2), 2);
    ck_assert_mem_eq(buf, "ab", 2);
    qiop_queue_consume(&q, 1);
    ck_assert_int_eq(qiop_queue_append(&q, "hijklm", 6, &err), 0);
    ck_assert_uint_eq(qiop_queue_room(&q), 0);
    ck_assert_uint_eq(qiop_queue_take(&q, buf, 8), 8);
    ck_assert_mem_eq(buf, "defghijk", 8);
    ck_assert_uint_eq(qiop_queue_take(&q, buf, 8), 2);
    ck_assert_mem_eq(buf, "lm", 2);
    qiotest_ok(&err);
    qiop_queue_free(&q, true);
}
END_TEST

START_TEST(test_limit)
{
    struct qiop_queue q;
    QIOError *err = NULL;
    size_t avail;

    qiop_queue_init(&q, 5000);
    ck_assert_ptr_nonnull(qiop_queue_reserve(&q, 5000, &avail, &err));
    ck_assert_uint_eq(avail, 5000);
    qiop_queue_commit(&q, 4999);
    ck_assert_ptr_nonnull(qiop_queue_reserve(&q, 1, &avail, &err));
    ck_assert_uint_eq(avail, 1);
    ck_assert_ptr_null(qiop_queue_reserve(&q, 2, &avail, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qiop_queue_append(&q, "ab", 2, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qiop_queue_reserve(&q, SIZE_MAX, &avail, NULL));
    ck_assert_int_eq(qiop_queue_append(&q, "a", 1, &err), 0);
    ck_assert_ptr_null(qiop_queue_reserve(&q, 0, &avail, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_uint_eq(q.len, 5000);
    qiop_queue_free(&q, false);
}
END_TEST

START_TEST(test_commit_less)
{
    struct qiop_queue q;
    QIOError *err = NULL;
    size_t avail;
    uint8_t *p;

    qiop_queue_init(&q, 64);
    p = qiop_queue_reserve(&q, 10, &avail, &err);
    ck_assert_uint_ge(avail, 10);
    ck_assert_uint_le(avail, 64);
    memset(p, 'x', 10);
    qiop_queue_commit(&q, 0);
    ck_assert_uint_eq(q.len, 0);
    qiop_queue_commit(&q, 3);
    ck_assert_uint_eq(q.len, 3);
    qiop_queue_consume(&q, 3);
    ck_assert_uint_eq(q.head, 0);
    qiop_queue_free(&q, false);
}
END_TEST

/* Bytes are numbered; what comes out must be the next number. */
START_TEST(test_random_walk)
{
    const size_t limit = 70000;
    struct qiop_queue q;
    QIOError *err = NULL;
    uint64_t in = 0, out = 0;
    uint8_t buf[4096];
    size_t n, avail, wrong = 0;

    srand((unsigned)_i);
    qiop_queue_init(&q, limit);
    for (int round = 0; round < 20000; round++) {
        n = (size_t)rand() % sizeof(buf);
        if (rand() % (round / 5000 % 2 ? 3 : 2)) {
            uint8_t *p = qiop_queue_reserve(&q, n, &avail, &err);

            if (!p) {
                ck_assert_uint_gt(n + (n == 0), qiop_queue_room(&q));
                qiotest_error(&err, QIO_ERROR_INVALID);
                continue;
            }
            ck_assert_uint_ge(avail, n);
            ck_assert_uint_le(avail, qiop_queue_room(&q));
            for (size_t i = 0; i < n; i++) {
                p[i] = (uint8_t)(in++ * 31 >> 2);
            }
            qiop_queue_commit(&q, n);
        } else {
            n = qiop_queue_take(&q, buf, n);
            for (size_t i = 0; i < n; i++) {
                wrong += buf[i] != (uint8_t)(out++ * 31 >> 2);
            }
            ck_assert_uint_eq(wrong, 0);
        }
        ck_assert_uint_eq(q.len, in - out);
        ck_assert_uint_le(q.cap, limit);
    }
    qiop_queue_free(&q, true);
}
END_TEST

START_TEST(test_rest)
{
    struct qiop_queue q;
    char buf[3000] = "x";
    size_t cap;

    qiop_queue_init(&q, 10000);
    qiop_queue_rest(&q);
    ck_assert_int_eq(qiop_queue_append(&q, buf, sizeof(buf), NULL), 0);
    cap = q.cap;
    qiop_queue_rest(&q);
    ck_assert_uint_eq(q.len, sizeof(buf));
    qiop_queue_consume(&q, sizeof(buf));
    qiop_queue_rest(&q);
    ck_assert_ptr_null(q.data);
    ck_assert_uint_eq(q.cap, 0);
    qiop_queue_rest(&q);
    ck_assert_int_eq(qiop_queue_append(&q, buf, 1, NULL), 0);
    ck_assert_uint_eq(q.cap, cap);
    ck_assert_uint_eq(q.limit, 10000);
    qiop_queue_free(&q, true);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("queue");
    TCase *tc = qiotest_case(s, "queue");

    tcase_add_test(tc, test_empty);
    tcase_add_test(tc, test_order);
    tcase_add_test(tc, test_limit);
    tcase_add_test(tc, test_commit_less);
    tcase_add_test(tc, test_rest);
    tcase_add_loop_test(tc, test_random_walk, 1, 4);
    return qiotest_main(s);
}
