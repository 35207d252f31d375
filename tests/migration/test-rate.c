/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The token bucket by the times given to it, and sleeping for it. */
#include <config.h>
#include <pthread.h>
#include <time.h>
#include "../../lib/migration/rate.h"
#include "qiotest.h"

#define MS 1000000
#define SECOND (1000 * (int64_t)MS)

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * SECOND + ts.tv_nsec;
}

/* Take as much as there is for `ns`, going by what the bucket says to wait. */
static uint64_t run(struct qiop_bucket *b, size_t want, int64_t from,
                    int64_t ns, size_t *most)
{
    uint64_t sum = 0;
    int64_t wait = 0;

    *most = 0;
    for (int64_t now = from; now <= from + ns; now += wait) {
        size_t n = qiop_bucket_take(b, want, now, &wait);

        ck_assert_uint_le(n, want);
        if (n) {
            wait = 0;
        } else {
            ck_assert_int_gt(wait, 0);
        }
        *most = n > *most ? n : *most;
        sum += n;
    }
    return sum;
}

static const uint64_t rates[] = {
    1, 3, 10, 999, 12345, 1000000, 128 << 20, 10000000000, 1000000000000,
};

START_TEST(test_average)
{
    uint64_t rate = rates[_i];
    struct qiop_bucket b = {0};
    uint64_t sum;
    size_t most;

    qiop_bucket_set(&b, rate, 5 * SECOND);
    sum = run(&b, (size_t)1 << 40, 5 * SECOND, 20 * SECOND, &most);
    ck_assert_uint_le(sum, 20 * rate);
    ck_assert_uint_ge(sum, 20 * rate - 20 * rate / 100 - 1);
    ck_assert_uint_le(most, rate < 10 ? 1 : rate / 10);
}
END_TEST

/* Small wishes are not made to wait for more than they need. */
START_TEST(test_small)
{
    struct qiop_bucket b = {0};
    int64_t wait;

    qiop_bucket_set(&b, 1000, 0);
    ck_assert_uint_eq(qiop_bucket_take(&b, 8, 0, &wait), 0);
    ck_assert_int_ge(wait, 8 * MS);
    ck_assert_int_le(wait, 9 * MS);
    ck_assert_uint_eq(qiop_bucket_take(&b, 8, wait, &wait), 8);
    ck_assert_uint_eq(qiop_bucket_take(&b, 8, 10 * MS, &wait), 0);
}
END_TEST

/* An idle time earns no more than a tenth of a second. */
START_TEST(test_idle)
{
    struct qiop_bucket b = {0};
    int64_t wait;

    qiop_bucket_set(&b, 1000, 0);
    ck_assert_uint_eq(qiop_bucket_take(&b, 5000, 3600 * SECOND, &wait), 100);
    ck_assert_uint_eq(qiop_bucket_take(&b, 5000, 3600 * SECOND, &wait), 0);
    /* A clock that goes back does no harm. */
    ck_assert_uint_eq(qiop_bucket_take(&b, 5000, 3599 * SECOND, &wait), 0);
}
END_TEST

START_TEST(test_change)
{
    struct qiop_bucket b = {0};
    int64_t wait;

    qiop_bucket_set(&b, 10000, 0);
    qiop_bucket_set(&b, 100, SECOND);
    ck_assert_uint_eq(qiop_bucket_take(&b, 5000, SECOND, &wait), 10);
    qiop_bucket_set(&b, UINT64_MAX, 2 * SECOND);
    ck_assert_uint_ge(qiop_bucket_take(&b, 5000, 3 * SECOND, &wait), 5000);
}
END_TEST

START_TEST(test_unlimited)
{
    struct qiop_rate r;

    ck_assert_int_eq(qiop_rate_init(&r, NULL), 0);
    ck_assert_uint_eq(qiop_rate_take(&r, 123456), 123456);
    qiop_rate_destroy(&r);
}
END_TEST

START_TEST(test_sleeps)
{
    struct qiop_rate r;
    size_t sum = 0;
    int64_t begin = now_ns();

    ck_assert_int_eq(qiop_rate_init(&r, NULL), 0);
    qiop_rate_set(&r, 100000);
    while (sum < 30000) {
        sum += qiop_rate_take(&r, 30000 - sum);
    }
    ck_assert_int_ge(now_ns() - begin, 290 * MS);
    qiop_rate_destroy(&r);
}
END_TEST

static void *take_one(void *opaque)
{
    return (void *)(uintptr_t)qiop_rate_take(opaque, 1000);
}

static size_t interrupted(void (*how)(struct qiop_rate *))
{
    struct qiop_rate r;
    pthread_t thread;
    void *got;

    ck_assert_int_eq(qiop_rate_init(&r, NULL), 0);
    /* A byte takes a second. */
    qiop_rate_set(&r, 1);
    ck_assert_uint_eq(qiop_rate_take(&r, 1), 1);
    ck_assert_int_eq(pthread_create(&thread, NULL, take_one, &r), 0);
    nanosleep(&(struct timespec){0, 20 * MS}, NULL);
    how(&r);
    ck_assert_int_eq(pthread_join(thread, &got), 0);
    qiop_rate_destroy(&r);
    return (uintptr_t)got;
}

static void lift(struct qiop_rate *r)
{
    qiop_rate_set(r, 0);
}

START_TEST(test_interrupt)
{
    ck_assert_uint_eq(interrupted(qiop_rate_stop), 0);
    ck_assert_uint_eq(interrupted(lift), 1000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("migration/rate");
    TCase *tc = qiotest_case(s, "rate");

    tcase_add_loop_test(tc, test_average, 0, sizeof(rates) / sizeof(*rates));
    tcase_add_test(tc, test_small);
    tcase_add_test(tc, test_idle);
    tcase_add_test(tc, test_change);
    tcase_add_test(tc, test_unlimited);
    tcase_add_test(tc, test_sleeps);
    tcase_add_test(tc, test_interrupt);
    return qiotest_main(s);
}
