/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cursor over an iovec, against every split of a short text. */
#include <config.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include "base/iov.h"
#include "qiotest.h"

static char text[] = "abcdefgh";
#define LEN 8

/* Empty pieces in front, between and behind. */
static const struct iovec pieces[] = {
    {NULL, 0},     {text, 1},     {text + 1, 0}, {NULL, 0},
    {text + 1, 4}, {text + 5, 3}, {NULL, 0},
};
#define PIECES (sizeof(pieces) / sizeof(pieces[0]))

START_TEST(test_size)
{
    struct iovec big[3] = {{text, SSIZE_MAX}, {text, 0}, {text, 1}};
    struct iovec huge = {text, SIZE_MAX};

    ck_assert_uint_eq(qiop_iov_size(NULL, 0), 0);
    ck_assert_uint_eq(qiop_iov_size(pieces, PIECES), LEN);
    ck_assert_uint_eq(qiop_iov_size(big, 2), SSIZE_MAX);
    ck_assert_uint_eq(qiop_iov_size(big, 3), SIZE_MAX);
    ck_assert_uint_eq(qiop_iov_size(&huge, 1), SIZE_MAX);
}
END_TEST

START_TEST(test_empty)
{
    struct qiop_iov_cursor c;
    struct iovec out[2];
    size_t len = 9;
    char buf[4];

    qiop_iov_cursor_init(&c, pieces, 1);
    ck_assert_uint_eq(qiop_iov_cursor_left(&c), 0);
    ck_assert_ptr_null(qiop_iov_cursor_piece(&c, &len));
    ck_assert_uint_eq(len, 0);
    ck_assert_uint_eq(qiop_iov_cursor_slice(&c, out, 2, 9), 0);
    ck_assert_uint_eq(qiop_iov_cursor_gather(&c, buf, 4), 0);
    ck_assert_uint_eq(qiop_iov_cursor_scatter(&c, buf, 4), 0);
    qiop_iov_cursor_init(&c, NULL, 0);
    ck_assert_uint_eq(qiop_iov_cursor_left(&c), 0);
}
END_TEST

START_TEST(test_pieces)
{
    struct qiop_iov_cursor c;
    size_t len;

    qiop_iov_cursor_init(&c, pieces, PIECES);
    ck_assert_ptr_eq(qiop_iov_cursor_piece(&c, &len), text);
    ck_assert_uint_eq(len, 1);
    qiop_iov_cursor_advance(&c, 1);
    ck_assert_ptr_eq(qiop_iov_cursor_piece(&c, &len), text + 1);
    ck_assert_uint_eq(len, 4);
    qiop_iov_cursor_advance(&c, 6);
    ck_assert_ptr_eq(qiop_iov_cursor_piece(&c, &len), text + 7);
    ck_assert_uint_eq(len, 1);
    ck_assert_uint_eq(qiop_iov_cursor_left(&c), 1);
    qiop_iov_cursor_advance(&c, 1);
    ck_assert_ptr_null(qiop_iov_cursor_piece(&c, &len));
}
END_TEST

/* _i: how much a step takes. */
START_TEST(test_gather_steps)
{
    struct qiop_iov_cursor c;
    char buf[LEN + 1] = "";
    size_t done = 0, n;

    qiop_iov_cursor_init(&c, pieces, PIECES);
    while ((n = qiop_iov_cursor_gather(&c, buf + done,
                                       (size_t)_i < LEN - done ? (size_t)_i
                                                               : LEN - done))) {
        done += n;
        ck_assert_uint_eq(qiop_iov_cursor_left(&c), LEN - done);
    }
    ck_assert_str_eq(buf, text);
}
END_TEST

START_TEST(test_scatter_steps)
{
    char a[3] = "", b[1] = "", d[6] = "";
    struct iovec iov[] = {{a, 3}, {NULL, 0}, {b, 1}, {d, 4}};
    struct qiop_iov_cursor c;
    size_t done = 0, n;

    qiop_iov_cursor_init(&c, iov, 4);
    while (done < LEN) {
        n = (size_t)_i < LEN - done ? (size_t)_i : LEN - done;
        ck_assert_uint_eq(qiop_iov_cursor_scatter(&c, text + done, n), n);
        done += n;
    }
    ck_assert_uint_eq(qiop_iov_cursor_scatter(&c, text, 3), 0);
    ck_assert_mem_eq(a, "abc", 3);
    ck_assert_mem_eq(b, "d", 1);
    ck_assert_mem_eq(d, "efgh\0\0", 6);
}
END_TEST

/* Every start, every limit, every number of entries. */
START_TEST(test_slice)
{
    struct qiop_iov_cursor c;
    struct iovec out[4];
    size_t n, limit, max, total;

    for (limit = 0; limit <= LEN + 1; limit++) {
        for (max = 0; max <= 4; max++) {
            qiop_iov_cursor_init(&c, pieces, PIECES);
            qiop_iov_cursor_advance(&c, (size_t)_i);
            n = qiop_iov_cursor_slice(&c, out, max, limit);
            ck_assert_uint_le(n, max);
            total = 0;
            for (size_t i = 0; i < n; i++) {
                ck_assert_uint_gt(out[i].iov_len, 0);
                ck_assert_ptr_eq(out[i].iov_base, text + _i + total);
                total += out[i].iov_len;
            }
            ck_assert_uint_le(total, limit);
            if (max >= 3) {
                size_t left = LEN - (size_t)_i;

                ck_assert_uint_eq(total, limit < left ? limit : left);
            }
            ck_assert_uint_eq(qiop_iov_cursor_left(&c), LEN - (size_t)_i);
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("iov");
    TCase *tc = qiotest_case(s, "iov");

    tcase_add_test(tc, test_size);
    tcase_add_test(tc, test_empty);
    tcase_add_test(tc, test_pieces);
    tcase_add_loop_test(tc, test_gather_steps, 1, LEN + 2);
    tcase_add_loop_test(tc, test_scatter_steps, 1, LEN + 2);
    tcase_add_loop_test(tc, test_slice, 0, LEN + 1);
    return qiotest_main(s);
}
