/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Timers as users see them. */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qio/loop.h>
#include "base/clock.h"
#include "qiotest.h"

struct ticker {
    QIOTimer *timer;
    QIOLoop *loop;
    int ticks;
    int stop_at; /* at this many */
    bool free_it;
    int64_t last_us;
};

static char order[16];
static size_t n_order;

static void tick(QIOTimer *timer, void *opaque)
{
    struct ticker *t = opaque;

    ck_assert_ptr_eq(timer, t->timer);
    t->last_us = qiop_now_us();
    if (++t->ticks != t->stop_at) {
        return;
    }
    if (t->free_it) {
        qio_timer_free(timer);
    } else {
        qio_timer_stop(timer);
    }
    qio_loop_quit(t->loop);
}

static void note(QIOTimer *timer, void *opaque)
{
    (void)timer;
    order[n_order++] = *(const char *)opaque;
}

static void make(struct ticker *t)
{
    t->loop = qio_loop_new(NULL);
    ck_assert_ptr_nonnull(t->loop);
    t->timer = qio_timer_new(t->loop, tick, t, NULL);
    ck_assert_ptr_nonnull(t->timer);
}

START_TEST(test_never_early)
{
    struct ticker t = {.stop_at = 1};
    int64_t start = qiop_now_us();

    make(&t);
    ck_assert_int_eq(qio_timer_start(t.timer, 25, 0, NULL), 0);
    ck_assert_int_eq(qio_loop_run(t.loop, NULL), 0);
    ck_assert_int_ge(t.last_us - start, 25000);
    qio_timer_free(t.timer);
    qio_loop_free(t.loop);
}
END_TEST

START_TEST(test_interval_and_free_in_callback)
{
    struct ticker t = {.stop_at = 4, .free_it = true};
    int64_t start = qiop_now_us();

    make(&t);
    ck_assert_int_eq(qio_timer_start(t.timer, 10, 10, NULL), 0);
    ck_assert_int_eq(qio_loop_run(t.loop, NULL), 0);
    ck_assert_int_eq(t.ticks, 4);
    ck_assert_int_ge(t.last_us - start, 40000);
    ck_assert_int_eq(qio_loop_step(t.loop, 30, NULL), 0);
    qio_loop_free(t.loop);
}
END_TEST

/* On a machine that is busy a test may find itself late; then it begins anew.
 */
#define ATTEMPTS 50

/* What was missed is not made up for. */
static bool misses_ticks(void)
{
    struct ticker t = {.stop_at = 100};
    int64_t start = qiop_now_us();
    bool more, late;

    make(&t);
    ck_assert_int_eq(qio_timer_start(t.timer, 10, 10, NULL), 0);
    usleep(35000);
    ck_assert_int_eq(qio_loop_dispatch(t.loop, NULL), 1);
    ck_assert_int_eq(t.ticks, 1);
    more = qio_loop_dispatch(t.loop, NULL);
    late = qiop_now_us() - start >= 40000;
    ck_assert(late || (!more && t.ticks == 1));
    qio_timer_free(t.timer);
    qio_loop_free(t.loop);
    return !late;
}

START_TEST(test_missed_ticks)
{
    int i;

    for (i = 0; !misses_ticks(); i++) {
        ck_assert_int_lt(i, ATTEMPTS);
    }
}
END_TEST

static bool keep_order(QIOLoop *loop, QIOTimer *const v[4])
{
    int64_t start = qiop_now_us();
    bool late;

    memset(order, 0, sizeof(order));
    n_order = 0;
    ck_assert_int_eq(qio_timer_start(v[3], 12, 0, NULL), 0);
    ck_assert_int_eq(qio_timer_start(v[0], 4, 0, NULL), 0);
    ck_assert_int_eq(qio_timer_start(v[1], 4, 0, NULL), 0);
    ck_assert_int_eq(qio_timer_start(v[2], 8, 0, NULL), 0);
    late = qiop_now_us() - start >= 3000;
    usleep(20000);
    ck_assert_int_eq(qio_loop_dispatch(loop, NULL), 1);
    ck_assert(late || strcmp(order, "abcd") == 0);
    return !late;
}

START_TEST(test_order)
{
    static const char names[] = "abcd";
    QIOLoop *loop = qio_loop_new(NULL);
    QIOTimer *v[4];
    int i;

    for (i = 0; i < 4; i++) {
        v[i] = qio_timer_new(loop, note, (void *)&names[i], NULL);
        ck_assert_ptr_nonnull(v[i]);
    }
    for (i = 0; !keep_order(loop, v); i++) {
        ck_assert_int_lt(i, ATTEMPTS);
    }
    for (i = 0; i < 4; i++) {
        qio_timer_free(v[i]);
    }
    qio_loop_free(loop);
}
END_TEST

START_TEST(test_restart_stop_and_errors)
{
    struct ticker t = {.stop_at = 1};
    QIOError *err = NULL;

    make(&t);
    ck_assert_int_eq(qio_timer_start(t.timer, 0, 0, NULL), 0);
    ck_assert_int_eq(qio_timer_start(t.timer, 60000, 0, NULL), 0);
    ck_assert_int_eq(qio_loop_step(t.loop, 5, NULL), 0);
    qio_timer_stop(t.timer);
    qio_timer_stop(t.timer);
    ck_assert_int_eq(qio_timer_start(t.timer, -1, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_timer_start(t.timer, 0, -1, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    /* The loop may go first. */
    ck_assert_int_eq(qio_timer_start(t.timer, 0, 0, NULL), 0);
    qio_loop_free(t.loop);
    ck_assert_int_eq(qio_timer_start(t.timer, 0, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_STATE);
    qio_timer_free(t.timer);
    qio_timer_free(NULL);
    ck_assert_int_eq(t.ticks, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("timer");
    TCase *tc = qiotest_case(s, "timer");

    tcase_add_test(tc, test_never_early);
    tcase_add_test(tc, test_interval_and_free_in_callback);
    tcase_add_test(tc, test_missed_ticks);
    tcase_add_test(tc, test_order);
    tcase_add_test(tc, test_restart_stop_and_errors);
    return qiotest_main(s);
}
