/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The heap of alarms: order, removal from anywhere, what rings meanwhile. */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "loop/loop.h"
#include "qiotest.h"

#define MANY 500

struct bell {
    struct qiop_alarm alarm;
    struct qiop_alarms *all;
    struct bell *sets; /* sets this one when it rings */
    unsigned rang;
};

static struct bell bells[MANY];
static struct bell *order[2 * MANY];
static size_t n_rang;

static void ring(struct qiop_alarm *alarm)
{
    struct bell *b = (struct bell *)alarm;

    ck_assert_uint_eq(alarm->place, 0);
    b->rang++;
    order[n_rang++] = b;
    if (b->sets) {
        ck_assert_int_eq(
            qiop_alarm_set(b->all, &b->sets->alarm, alarm->when, NULL), 0);
    }
}

static void set(struct qiop_alarms *all, struct bell *b, int64_t when)
{
    b->alarm.ring = ring;
    b->all = all;
    ck_assert_int_eq(qiop_alarm_set(all, &b->alarm, when, NULL), 0);
}

static void begin(void)
{
    memset(bells, 0, sizeof(bells));
    n_rang = 0;
}

START_TEST(test_order)
{
    struct qiop_alarms all = {0};

    srandom(7);
    for (size_t i = 0; i < MANY; i++) {
        set(&all, &bells[i], random() % 100);
    }
    /* Some are set anew, some not at all. */
    for (size_t i = 0; i < MANY; i += 3) {
        set(&all, &bells[i], random() % 100);
    }
    for (size_t i = 0; i < MANY; i += 5) {
        qiop_alarm_unset(&all, &bells[i].alarm);
        qiop_alarm_unset(&all, &bells[i].alarm);
    }
    ck_assert_uint_eq(qiop_alarms_ring(&all, 49) + qiop_alarms_ring(&all, 100),
                      MANY - MANY / 5);
    for (size_t i = 1; i < n_rang; i++) {
        const struct qiop_alarm *a = &order[i - 1]->alarm;
        const struct qiop_alarm *b = &order[i]->alarm;

        ck_assert(a->when < b->when ||
                  (a->when == b->when && a->order < b->order));
    }
    for (size_t i = 0; i < MANY; i++) {
        ck_assert_uint_eq(bells[i].rang, i % 5 != 0);
    }
    ck_assert_int_eq(qiop_alarms_next(&all), QIOP_NEVER);
    free(all.v);
}
END_TEST

START_TEST(test_same_time_is_first_come)
{
    struct qiop_alarms all = {0};

    for (size_t i = 0; i < 20; i++) {
        set(&all, &bells[(i * 7) % 20], 5);
    }
    ck_assert_uint_eq(qiop_alarms_ring(&all, 4), 0);
    ck_assert_uint_eq(qiop_alarms_ring(&all, 5), 20);
    for (size_t i = 0; i < 20; i++) {
        ck_assert_ptr_eq(order[i], &bells[(i * 7) % 20]);
    }
    free(all.v);
}
END_TEST

/* One that sets itself for the time that is now must not ring for ever, nor
 * keep those that are due from ringing. */
START_TEST(test_set_while_ringing)
{
    struct qiop_alarms all = {0};

    bells[0].sets = &bells[0];
    set(&all, &bells[0], 1);
    set(&all, &bells[1], 1);
    ck_assert_uint_eq(qiop_alarms_ring(&all, 1), 2);
    ck_assert_uint_eq(bells[0].rang, 1);
    ck_assert_uint_eq(bells[1].rang, 1);
    ck_assert_uint_eq(qiop_alarms_ring(&all, 1), 1);
    ck_assert_uint_eq(bells[0].rang, 2);
    free(all.v);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("alarm");
    TCase *tc = qiotest_case(s, "alarm");

    tcase_add_checked_fixture(tc, begin, NULL);
    tcase_add_test(tc, test_order);
    tcase_add_test(tc, test_same_time_is_first_come);
    tcase_add_test(tc, test_set_while_ringing);
    return qiotest_main(s);
}
