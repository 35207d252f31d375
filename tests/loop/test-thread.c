/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The caller's own blocking work. */
#include <config.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <unistd.h>
#include "loop/waiter.h"

struct job {
    struct waiter waiter; /* first: the callbacks' opaque is both */
    pthread_t loops, workers;
    sem_t go;
    bool fail, silent;
    bool saw_cancel;
};

static QIOLoop *loop;

static int work(QIOTask *task, void *opaque, QIOError **errp)
{
    struct job *j = opaque;
    sigset_t blocked;

    j->workers = pthread_self();
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    if (!sigismember(&blocked, SIGTERM)) {
        return -1;
    }
    sem_wait(&j->go);
    j->saw_cancel = qio_task_is_cancelled(task);
    if (j->fail) {
        if (!j->silent) {
            qio_error_set(errp, QIO_ERROR_EOF, 0, "no more work");
        }
        return -1;
    }
    return 0;
}

static void note_thread(QIOTask *task, void *opaque)
{
    struct job *j = opaque;

    j->loops = pthread_self();
    waiter_fn(task, opaque);
}

static void begin(struct job *j)
{
    loop = qio_loop_new(NULL);
    ck_assert_ptr_nonnull(loop);
    sem_init(&j->go, 0, 0);
}

static QIOTask *start(struct job *j, int timeout_ms)
{
    QIOTask *task = qio_task_run_in_thread(loop, work, timeout_ms, note_thread,
                                           j, waiter_destroy, NULL);

    ck_assert_ptr_nonnull(task);
    return task;
}

START_TEST(test_success)
{
    struct job j = {0};

    begin(&j);
    start(&j, 10000);
    ck_assert_int_eq(qio_loop_step(loop, 20, NULL), 1);
    ck_assert_int_eq(j.waiter.calls, 0);
    sem_post(&j.go);
    waiter_wait(&j.waiter, loop);
    qiotest_ok(&j.waiter.err);
    ck_assert(pthread_equal(j.loops, pthread_self()));
    ck_assert(!pthread_equal(j.workers, pthread_self()));
    qio_loop_free(loop);
}
END_TEST

START_TEST(test_failure)
{
    struct job j = {.fail = true, .silent = _i == 1};

    begin(&j);
    sem_post(&j.go);
    start(&j, -1);
    waiter_wait(&j.waiter, loop);
    qiotest_error(&j.waiter.err, _i ? QIO_ERROR_SYSTEM : QIO_ERROR_EOF);
    qio_loop_free(loop);
}
END_TEST

/* The callback does not wait for the worker; destroy does. */
START_TEST(test_early_end)
{
    struct job j = {0};
    QIOTask *task;

    begin(&j);
    task = start(&j, _i ? 20 : -1);
    if (!_i) {
        qio_task_cancel(task);
    }
    while (!j.waiter.calls) {
        ck_assert_int_ge(qio_loop_step(loop, 1000, NULL), 0);
    }
    qiotest_error(&j.waiter.err, _i ? QIO_ERROR_TIMEOUT : QIO_ERROR_CANCELLED);
    ck_assert_int_eq(j.waiter.destroyed, 0);
    sem_post(&j.go);
    while (!j.waiter.destroyed) {
        ck_assert_int_ge(qio_loop_step(loop, 1000, NULL), 0);
    }
    ck_assert(j.saw_cancel);
    ck_assert_int_eq(j.waiter.calls, 1);
    qio_loop_free(loop);
    ck_assert_int_eq(j.waiter.destroyed, 1);
}
END_TEST

static void *post_soon(void *opaque)
{
    usleep(20000);
    sem_post(opaque);
    return NULL;
}

START_TEST(test_loop_goes_first)
{
    struct job j = {0};
    pthread_t t;

    begin(&j);
    start(&j, -1);
    ck_assert_int_eq(pthread_create(&t, NULL, post_soon, &j.go), 0);
    qio_loop_free(loop);
    pthread_join(t, NULL);
    ck_assert_int_eq(j.waiter.calls, 1);
    ck_assert_int_eq(j.waiter.destroyed, 1);
    qiotest_error(&j.waiter.err, QIO_ERROR_CANCELLED);
}
END_TEST

static int make_result(QIOTask *task, void *opaque, QIOError **errp)
{
    (void)errp;
    qio_task_set_result(task, opaque, NULL);
    return 0;
}

static void take_result(QIOTask *task, void *opaque)
{
    ck_assert_ptr_eq(qio_task_take_result(task), opaque);
    waiter_fn(task, opaque);
}

START_TEST(test_result)
{
    struct waiter w = {0};

    loop = qio_loop_new(NULL);
    ck_assert_ptr_nonnull(qio_task_run_in_thread(
        loop, make_result, -1, take_result, &w, waiter_destroy, NULL));
    waiter_wait(&w, loop);
    qio_loop_free(loop);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("thread");
    TCase *tc = qiotest_case(s, "thread");

    tcase_add_test(tc, test_success);
    tcase_add_loop_test(tc, test_failure, 0, 2);
    tcase_add_loop_test(tc, test_early_end, 0, 2);
    tcase_add_test(tc, test_loop_goes_first);
    tcase_add_test(tc, test_result);
    return qiotest_main(s);
}
