/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Deadlines: never, now, soon, and the edges between. */
#include <config.h>
#include <limits.h>
#include <time.h>
#include "base/clock.h"
#include "qiotest.h"

START_TEST(test_now)
{
    int64_t a = qiop_now_us(), b = qiop_now_us();

    ck_assert_int_gt(a, 0);
    ck_assert_int_ge(b, a);
}
END_TEST

START_TEST(test_never)
{
    struct timespec ts;

    ck_assert(qiop_deadline(-1) == QIOP_NEVER);
    ck_assert(qiop_deadline(INT_MIN) == QIOP_NEVER);
    ck_assert(!qiop_deadline_passed(QIOP_NEVER));
    ck_assert_int_eq(qiop_deadline_left_ms(QIOP_NEVER), -1);
    ck_assert_ptr_null(qiop_deadline_timespec(QIOP_NEVER, &ts));
}
END_TEST

START_TEST(test_passed)
{
    int64_t d = qiop_deadline(0);
    struct timespec ts = {7, 7};

    ck_assert(qiop_deadline_passed(d));
    ck_assert(qiop_deadline_passed(0));
    ck_assert(qiop_deadline_passed(INT64_MIN));
    ck_assert_int_eq(qiop_deadline_left_ms(d), 0);
    ck_assert_int_eq(qiop_deadline_left_ms(INT64_MIN), 0);
    ck_assert_ptr_eq(qiop_deadline_timespec(d, &ts), &ts);
    ck_assert_int_eq(ts.tv_sec, 0);
    ck_assert_int_eq(ts.tv_nsec, 0);
}
END_TEST

START_TEST(test_ahead)
{
    int64_t d = qiop_deadline(90000);
    struct timespec ts;

    ck_assert(!qiop_deadline_passed(d));
    ck_assert_int_le(qiop_deadline_left_ms(d), 90000);
    ck_assert_int_gt(qiop_deadline_left_ms(d), 60000);
    ck_assert_ptr_nonnull(qiop_deadline_timespec(d, &ts));
    ck_assert_int_gt(ts.tv_sec, 60);
    ck_assert_int_lt(ts.tv_nsec, 1000000000);
}
END_TEST

/* A waiter that is told 0 spins: the last microsecond is a millisecond. */
START_TEST(test_rounding)
{
    int64_t d = qiop_now_us() + 50000;
    int left;

    while (!qiop_deadline_passed(d)) {
        left = qiop_deadline_left_ms(d);
        ck_assert(left >= 1 || qiop_deadline_passed(d));
    }
    ck_assert_int_eq(qiop_deadline_left_ms(d), 0);
}
END_TEST

START_TEST(test_saturates)
{
    ck_assert_int_eq(qiop_deadline_left_ms(QIOP_NEVER - 1), INT_MAX);
    ck_assert(qiop_deadline(INT_MAX) != QIOP_NEVER);
    ck_assert_int_gt(qiop_deadline_left_ms(qiop_deadline(INT_MAX)),
                     INT_MAX - 60000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("clock");
    TCase *tc = qiotest_case(s, "clock");

    tcase_add_test(tc, test_now);
    tcase_add_test(tc, test_never);
    tcase_add_test(tc, test_passed);
    tcase_add_test(tc, test_ahead);
    tcase_add_test(tc, test_rounding);
    tcase_add_test(tc, test_saturates);
    return qiotest_main(s);
}
