/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of a task: callback once, destroy once, whatever happens. */
#include <config.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <qio/channel-unix.h>
#include "base/clock.h"
#include "loop/task.h"
#include "qiotest.h"

static QIOLoop *loop;

/* What became of a task. */
struct end {
    int calls;
    int destroyed;
    QIOErrorCode code;
    QIOTask *again; /* started from the callback */
};

static void ended(QIOTask *task, void *opaque)
{
    struct end *e = opaque;

    ck_assert_int_eq(e->destroyed, 0);
    e->calls++;
    e->code = qio_error_code(qio_task_error(task));
}

static void destroyed(void *opaque)
{
    ((struct end *)opaque)->destroyed++;
}

static void expect(const struct end *e, QIOErrorCode code)
{
    ck_assert_int_eq(e->calls, 1);
    ck_assert_int_eq(e->destroyed, 1);
    ck_assert_int_eq(e->code, code);
}

/* ---- a kind that does as it is told ---- */

struct toy {
    int steps; /* until it is done; -1: never */
    bool fail;
    int *stops;
    int *finals;
};

static int toy_step(QIOTask *task, QIOError **errp)
{
    struct toy *t = qiop_task_private(task);

    if (t->steps < 0) {
        return QIO_CHANNEL_ERR_BLOCK;
    }
    if (t->steps-- > 0) {
        qiop_task_step_soon(task);
        qiop_task_step_soon(task);
        return QIO_CHANNEL_ERR_BLOCK;
    }
    if (t->fail) {
        qio_error_set(errp, QIO_ERROR_EOF, 0, "as told");
        return -1;
    }
    return 0;
}

static void toy_stop(QIOTask *task)
{
    struct toy *t = qiop_task_private(task);

    if (t->stops) {
        ++*t->stops;
    }
}

static void toy_finalize(QIOTask *task)
{
    struct toy *t = qiop_task_private(task);

    if (t->finals) {
        ++*t->finals;
    }
}

static const struct qiop_task_kind toy_kind = {
    .doing = "playing",
    .private_size = sizeof(struct toy),
    .step = toy_step,
    .stop = toy_stop,
    .finalize = toy_finalize,
};

static int stops, finals;

static QIOTask *start(struct end *e, int steps, bool fail, int timeout_ms)
{
    QIOTask *task = qiop_task_new(loop, &toy_kind, NULL, timeout_ms, ended, e,
                                  destroyed, NULL);

    ck_assert_ptr_nonnull(task);
    *(struct toy *)qiop_task_private(task) = (struct toy){
        .steps = steps, .fail = fail, .stops = &stops, .finals = &finals};
    return qiop_task_start(task);
}

static void begin(void)
{
    loop = qio_loop_new(NULL);
    ck_assert_ptr_nonnull(loop);
    stops = finals = 0;
}

static void settle(void)
{
    for (int i = 0; i < 20; i++) {
        ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
    }
}

START_TEST(test_success_and_failure)
{
    struct end good = {0}, bad = {0};

    begin();
    start(&good, 3, false, -1);
    start(&bad, 2, true, -1);
    ck_assert_int_eq(good.calls + bad.calls, 0);
    settle();
    expect(&good, QIO_ERROR_NONE);
    expect(&bad, QIO_ERROR_EOF);
    ck_assert_int_eq(stops, 2);
    ck_assert_int_eq(finals, 2);
    qio_loop_free(loop);
}
END_TEST

START_TEST(test_without_functions)
{
    QIOTask *task;

    begin();
    task = qiop_task_new(loop, &toy_kind, NULL, -1, NULL, NULL, NULL, NULL);
    ck_assert_ptr_nonnull(task);
    qio_task_ref(qiop_task_start(task));
    settle();
    ck_assert_ptr_null(qio_task_error(task));
    ck_assert(!qio_task_propagate_error(task, NULL));
    ck_assert_ptr_null(qio_task_channel(task));
    qio_task_unref(task);
    qio_task_unref(NULL);
    qio_loop_free(loop);
}
END_TEST

/* Before the first step, between steps, after the end. */
START_TEST(test_cancel)
{
    struct end e[3] = {{0}};
    QIOTask *t[3];

    begin();
    for (int i = 0; i < 3; i++) {
        t[i] = qio_task_ref(start(&e[i], i == 2 ? 0 : -1, false, -1));
    }
    qio_task_cancel(t[0]);
    qio_task_cancel(t[0]);
    ck_assert(qio_task_is_cancelled(t[0]));
    ck_assert_int_eq(e[0].calls, 0);
    settle();
    expect(&e[0], QIO_ERROR_CANCELLED);
    ck_assert_int_eq(e[1].calls, 0);
    qio_task_cancel(t[1]);
    qio_task_cancel(t[2]);
    ck_assert_int_eq(e[1].calls, 0);
    settle();
    expect(&e[1], QIO_ERROR_CANCELLED);
    expect(&e[2], QIO_ERROR_NONE);
    qio_loop_free(loop);
    for (int i = 0; i < 3; i++) {
        qio_task_cancel(t[i]);
        qio_task_unref(t[i]);
    }
    ck_assert_int_eq(stops, 3);
    ck_assert_int_eq(finals, 3);
}
END_TEST

START_TEST(test_deadline)
{
    int64_t begun = qiop_now_us();
    struct end e = {0}, in_time = {0};

    begin();
    start(&e, -1, false, 20);
    start(&in_time, 0, false, 20);
    while (!e.calls) {
        ck_assert_int_ge(qio_loop_step(loop, 1000, NULL), 0);
    }
    ck_assert_int_ge(qiop_now_us() - begun, 20000);
    expect(&e, QIO_ERROR_TIMEOUT);
    expect(&in_time, QIO_ERROR_NONE);
    qio_loop_free(loop);
}
END_TEST

static void start_again(QIOTask *task, void *opaque)
{
    QIOError *err = NULL;
    struct end *e = opaque;

    ended(task, e);
    ck_assert_ptr_null(
        qiop_task_new(loop, &toy_kind, NULL, -1, ended, e, destroyed, &err));
    qiotest_error(&err, QIO_ERROR_STATE);
    /* By the failing call. */
    ck_assert_int_eq(e->destroyed, 1);
    e->destroyed = 0;
}

START_TEST(test_loop_goes_first)
{
    struct end e = {0}, f = {0};
    QIOTask *task;

    begin();
    start(&e, -1, false, 1000);
    task = qiop_task_new(loop, &toy_kind, NULL, -1, start_again, &f, destroyed,
                         NULL);
    ck_assert_ptr_nonnull(task);
    qiop_task_start(task);
    qio_loop_free(loop);
    expect(&e, QIO_ERROR_CANCELLED);
    expect(&f, QIO_ERROR_CANCELLED);
}
END_TEST

START_TEST(test_results)
{
    struct end e = {0}, kept = {0}, taken = {0};
    QIOError *err = NULL;
    QIOTask *task;

    begin();
    task = qio_task_ref(start(&e, 0, true, -1));
    qio_task_set_result(task, &taken, destroyed);
    ck_assert_ptr_eq(qio_task_take_result(task), &taken);
    ck_assert_ptr_null(qio_task_take_result(task));
    qio_task_set_result(task, &kept, destroyed);
    settle();
    ck_assert(qio_task_propagate_error(task, &err));
    ck_assert_str_eq(qio_error_message(err), "as told");
    qiotest_error(&err, QIO_ERROR_EOF);
    ck_assert(qio_task_propagate_error(task, NULL));
    ck_assert_uint_eq(qio_task_bytes(task), 0);
    ck_assert_uint_eq(qio_task_bytes_back(task), 0);
    ck_assert_uint_eq(qio_task_addresses(task), 0);
    ck_assert_ptr_null(qio_task_address(task, 0));
    qio_task_unref(task);
    ck_assert_int_eq(kept.destroyed, 1);
    ck_assert_int_eq(taken.destroyed, 0);
    qio_loop_free(loop);
}
END_TEST

/* ---- cancelled by another thread, at any moment ---- */

#define RACES 300

static QIOTask *raced[RACES];

static void *cancel_all(void *opaque)
{
    (void)opaque;
    for (int i = 0; i < RACES; i++) {
        qio_task_cancel(raced[i]);
    }
    return NULL;
}

START_TEST(test_cancel_by_a_thread)
{
    static struct end e[RACES];
    pthread_t t;
    int n = 0;

    begin();
    for (int i = 0; i < RACES; i++) {
        raced[i] = qio_task_ref(start(&e[i], i % 40, false, -1));
    }
    ck_assert_int_eq(pthread_create(&t, NULL, cancel_all, NULL), 0);
    while (n < RACES) {
        ck_assert_int_ge(qio_loop_step(loop, 1000, NULL), 0);
        n = 0;
        for (int i = 0; i < RACES; i++) {
            n += e[i].calls;
        }
    }
    pthread_join(t, NULL);
    qio_loop_free(loop);
    for (int i = 0; i < RACES; i++) {
        expect(&e[i], e[i].code);
        ck_assert(e[i].code == QIO_ERROR_NONE ||
                  e[i].code == QIO_ERROR_CANCELLED);
        qio_task_unref(raced[i]);
    }
    ck_assert_int_eq(stops, RACES);
    ck_assert_int_eq(finals, RACES);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("task");
    TCase *tc = qiotest_case(s, "task");

    tcase_add_test(tc, test_success_and_failure);
    tcase_add_test(tc, test_without_functions);
    tcase_add_test(tc, test_cancel);
    tcase_add_test(tc, test_deadline);
    tcase_add_test(tc, test_loop_goes_first);
    tcase_add_test(tc, test_results);
    tcase_add_test(tc, test_cancel_by_a_thread);
    return qiotest_main(s);
}
