/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The loop: running, quitting, being called into by other threads, and being
 * one descriptor of somebody else's loop. */
#include <config.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>
#include <qio/channel-unix.h>
#include <qio/loop.h>
#include "base/clock.h"
#include "qiotest.h"

#define CALLS 2000

static QIOLoop *new_loop(void)
{
    QIOError *err = NULL;
    QIOLoop *loop = qio_loop_new(&err);

    qiotest_ok(&err);
    return loop;
}

static void run(QIOLoop *loop)
{
    QIOError *err = NULL;

    ck_assert_int_eq(qio_loop_run(loop, &err), 0);
    qiotest_ok(&err);
}

static void count(void *opaque)
{
    ++*(int *)opaque;
}

static void invoke(QIOLoop *loop, QIOInvokeFunc *fn, void *opaque)
{
    ck_assert_int_eq(qio_loop_invoke(loop, fn, opaque, NULL, NULL), 0);
}

static void quit(void *opaque)
{
    qio_loop_quit(opaque);
}

START_TEST(test_quit_before_and_within)
{
    QIOLoop *loop = new_loop();
    int n = 0;

    qio_loop_quit(loop);
    run(loop);
    invoke(loop, count, &n);
    invoke(loop, quit, loop);
    invoke(loop, count, &n);
    run(loop);
    ck_assert_int_eq(n, 2);
    qio_loop_free(loop);
}
END_TEST

START_TEST(test_step_waits_and_does_not)
{
    QIOLoop *loop = new_loop();
    int64_t start = qiop_now_us();
    int n = 0;

    ck_assert_int_eq(qio_loop_dispatch(loop, NULL), 0);
    ck_assert_int_eq(qio_loop_step(loop, 30, NULL), 0);
    ck_assert_int_ge(qiop_now_us() - start, 30000);
    invoke(loop, count, &n);
    ck_assert_int_eq(qio_loop_step(loop, -1, NULL), 1);
    ck_assert_int_eq(n, 1);
    qio_loop_free(loop);
}
END_TEST

static void nest(void *opaque)
{
    QIOError *err = NULL;

    ck_assert_int_eq(qio_loop_run(opaque, &err), -1);
    qiotest_error(&err, QIO_ERROR_STATE);
    ck_assert_int_eq(qio_loop_dispatch(opaque, &err), -1);
    qiotest_error(&err, QIO_ERROR_STATE);
}

START_TEST(test_not_within_itself)
{
    QIOLoop *loop = new_loop();

    invoke(loop, nest, loop);
    ck_assert_int_eq(qio_loop_dispatch(loop, NULL), 1);
    qio_loop_free(loop);
}
END_TEST

START_TEST(test_freed_before_called)
{
    struct {
        int called, destroyed;
    } n[3] = {0};
    QIOLoop *loop = new_loop();

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(qio_loop_invoke(loop, count, &n[i].called, NULL, NULL),
                         0);
        ck_assert_int_eq(
            qio_loop_invoke(loop, quit, &n[i].destroyed, count, NULL), 0);
    }
    qio_loop_free(loop);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(n[i].called, 0);
        ck_assert_int_eq(n[i].destroyed, 1);
    }
}
END_TEST

/* ---- threads ---- */

struct caller {
    pthread_t thread;
    QIOLoop *loop;
    int *n;
    int last;
};

struct numbered {
    struct caller *caller;
    int number;
};

static struct numbered calls[4][CALLS];

static void check_order(void *opaque)
{
    struct numbered *c = opaque;

    ck_assert_int_eq(c->number, c->caller->last + 1);
    c->caller->last = c->number;
    if (++*c->caller->n == 4 * CALLS) {
        qio_loop_quit(c->caller->loop);
    }
}

static struct caller callers[4];

static void *call(void *opaque)
{
    struct caller *c = opaque;

    for (int i = 0; i < CALLS; i++) {
        struct numbered *one = &calls[c - callers][i];

        *one = (struct numbered){.caller = c, .number = i + 1};
        if (qio_loop_invoke(c->loop, check_order, one, NULL, NULL)) {
            return c;
        }
    }
    return NULL;
}

START_TEST(test_called_by_threads)
{
    QIOLoop *loop = new_loop();
    void *failed;
    int n = 0;

    for (int i = 0; i < 4; i++) {
        callers[i] = (struct caller){.loop = loop, .n = &n};
        ck_assert_int_eq(
            pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
    run(loop);
    ck_assert_int_eq(n, 4 * CALLS);
    for (int i = 0; i < 4; i++) {
        pthread_join(callers[i].thread, &failed);
        ck_assert_ptr_null(failed);
    }
    qio_loop_free(loop);
}
END_TEST

static void *quit_soon(void *opaque)
{
    usleep(20000);
    qio_loop_quit(opaque);
    return NULL;
}

START_TEST(test_quit_by_thread)
{
    QIOLoop *loop = new_loop();
    pthread_t t;

    ck_assert_int_eq(pthread_create(&t, NULL, quit_soon, loop), 0);
    run(loop);
    pthread_join(t, NULL);
    qio_loop_free(loop);
}
END_TEST

/* ---- inside another loop ---- */

static int readable(QIOLoop *loop, int timeout_ms)
{
    struct pollfd p = {.fd = qio_loop_get_fd(loop, NULL), .events = POLLIN};

    ck_assert_int_ge(p.fd, 0);
    return poll(&p, 1, timeout_ms);
}

static void tick(QIOTimer *timer, void *opaque)
{
    (void)timer;
    ++*(int *)opaque;
}

START_TEST(test_descriptor_of_calls_and_timers)
{
    QIOLoop *loop = new_loop();
    int called = 0, ticks = 0;
    QIOTimer *timer = qio_timer_new(loop, tick, &ticks, NULL);

    ck_assert_int_eq(readable(loop, 0), 0);
    invoke(loop, count, &called);
    ck_assert_int_eq(readable(loop, 0), 1);
    ck_assert_int_eq(qio_loop_dispatch(loop, NULL), 1);
    ck_assert_int_eq(called, 1);
    ck_assert_int_eq(readable(loop, 0), 0);

    ck_assert_int_eq(qio_timer_start(timer, 20, 0, NULL), 0);
    ck_assert_int_eq(readable(loop, 0), 0);
    ck_assert_int_eq(readable(loop, 5000), 1);
    ck_assert_int_eq(ticks, 0);
    ck_assert_int_eq(qio_loop_dispatch(loop, NULL), 1);
    ck_assert_int_eq(ticks, 1);
    ck_assert_int_eq(readable(loop, 0), 0);
    ck_assert_int_eq(readable(loop, 30), 0);
    qio_timer_free(timer);
    qio_loop_free(loop);
}
END_TEST

/* A timer that was started before the loop was embedded. */
START_TEST(test_embedded_late)
{
    QIOLoop *loop = new_loop();
    int ticks = 0;
    QIOTimer *timer = qio_timer_new(loop, tick, &ticks, NULL);

    ck_assert_int_eq(qio_timer_start(timer, 0, 0, NULL), 0);
    ck_assert_int_eq(readable(loop, 5000), 1);
    ck_assert_int_eq(qio_loop_dispatch(loop, NULL), 1);
    ck_assert_int_eq(ticks, 1);
    qio_timer_free(timer);
    qio_loop_free(loop);
}
END_TEST

static bool read_one(QIOChannel *ioc, unsigned events, void *opaque)
{
    char c;

    (void)events;
    ck_assert_int_eq(qio_channel_read(ioc, &c, 1, NULL), 1);
    ++*(int *)opaque;
    return true;
}

START_TEST(test_descriptor_of_watches)
{
    QIOLoop *loop = new_loop();
    QIOChannel *p[2];
    QIOWatch *w;
    int n = 0;

    ck_assert_int_eq(readable(loop, 0), 0);
    ck_assert_int_eq(qio_channel_unix_pair(p, NULL), 0);
    w = qio_channel_add_watch(p[0], loop, QIO_EVENT_IN, read_one, &n, NULL,
                              NULL);
    ck_assert_ptr_nonnull(w);
    ck_assert_int_eq(readable(loop, 0), 1);
    ck_assert_int_eq(qio_loop_dispatch(loop, NULL), 0);
    ck_assert_int_eq(readable(loop, 0), 0);
    ck_assert_int_eq(qio_channel_write(p[1], "xy", 2, NULL), 2);
    for (int i = 1; i <= 2; i++) {
        ck_assert_int_eq(readable(loop, 0), 1);
        while (n < i) {
            ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
        }
    }
    ck_assert_int_eq(qio_loop_dispatch(loop, NULL), 0);
    ck_assert_int_eq(readable(loop, 0), 0);
    qio_loop_free(loop);
    qio_channel_unref(p[0]);
    qio_channel_unref(p[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("loop");
    TCase *tc = qiotest_case(s, "loop");

    tcase_add_test(tc, test_quit_before_and_within);
    tcase_add_test(tc, test_step_waits_and_does_not);
    tcase_add_test(tc, test_not_within_itself);
    tcase_add_test(tc, test_freed_before_called);
    tcase_add_test(tc, test_called_by_threads);
    tcase_add_test(tc, test_quit_by_thread);
    tcase_add_test(tc, test_descriptor_of_calls_and_timers);
    tcase_add_test(tc, test_embedded_late);
    tcase_add_test(tc, test_descriptor_of_watches);
    return qiotest_main(s);
}
