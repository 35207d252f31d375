/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A copying task keeps its buffer from one piece to the next, and gives it back
 * when nothing comes. */
#include <config.h>
#include <string.h>
#include <qio/channel-ops.h>
#include <qio/channel-unix.h>
#include <qio/task.h>
#include "failmalloc.h"
#include "qiotest.h"

#define WARM 10
#define ROUNDS 200

static QIOLoop *loop;
static QIOError *err;

/* A piece in and out again, the task waiting before and after. No assertions:
 * they allocate. */
static bool pass(QIOChannel *in, QIOChannel *out)
{
    char b[1000] = "piece";
    size_t got = 0;
    ssize_t n;

    if (qio_channel_write_all(in, b, sizeof(b), &err) < 0) {
        return false;
    }
    while (got < sizeof(b)) {
        if (qio_loop_step(loop, 1000, &err) <= 0) {
            return false;
        }
        n = qio_channel_try_readv(out, &(struct iovec){b, sizeof(b) - got}, 1,
                                  &err);
        if (n == 0 || n == -1) {
            return false;
        }
        got += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static void copied(QIOTask *task, void *opaque)
{
    (void)task;
    *(bool *)opaque = true;
}

START_TEST(buffer_of_a_copy)
{
    QIOChannel *a[2], *b[2];
    bool done = false, ok = true;
    QIOTask *task;
    long at_work;
    int i;

    loop = qio_loop_new(&err);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_unix_pair(a, &err), 0);
    ck_assert_int_eq(qio_channel_unix_pair(b, &err), 0);
    task = qio_channel_copy_async(a[1], b[0], loop, QIO_COPY_ONE_WAY, -1,
                                  copied, &done, NULL, &err);
    qiotest_ok(&err);
    for (i = 0; ok && i < WARM; i++) {
        ok = pass(a[0], b[1]);
    }
    ck_assert(ok);
    at_work = failmalloc_live();
    failmalloc_arm(1, 0);
    for (i = 0; ok && i < ROUNDS; i++) {
        ok = pass(a[0], b[1]);
    }
    ck_assert_msg(!failmalloc_disarm(), "an allocation in round %d", i);
    ck_assert(ok);
    /* Twice its patience, and more on a busy machine. */
    for (i = 0; i < 200 && failmalloc_live() >= at_work; i++) {
        ck_assert_int_ge(qio_loop_step(loop, 50, &err), 0);
    }
    ck_assert_int_lt(failmalloc_live(), at_work);
    ck_assert(!done);
    qio_task_cancel(task);
    while (!done) {
        ck_assert_int_ge(qio_loop_step(loop, 1000, &err), 0);
    }
    for (i = 0; i < 2; i++) {
        qio_channel_unref(a[i]);
        qio_channel_unref(b[i]);
    }
    qio_loop_free(loop);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nomalloc-loop");

    tcase_add_test(qiotest_case(s, "nomalloc"), buffer_of_a_copy);
    return failmalloc_main(s);
}
