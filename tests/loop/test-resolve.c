/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking names up as a task. */
#include <config.h>
#include <string.h>
#include <unistd.h>
#include "loop/waiter.h"

struct answer {
    struct waiter waiter; /* first: the callbacks' opaque is both */
    size_t n;
    QIOAddress *first;
};

static QIOLoop *loop;

static void answered(QIOTask *task, void *opaque)
{
    struct answer *a = opaque;

    a->n = qio_task_addresses(task);
    if (a->n) {
        a->first = qio_address_copy(qio_task_address(task, 0), NULL);
    }
    ck_assert_ptr_null(qio_task_address(task, a->n));
    waiter_fn(task, opaque);
}

static void ask(const char *text, struct answer *a)
{
    QIOError *err = NULL;
    QIOAddress *addr = qio_address_parse(text, &err);

    qiotest_ok(&err);
    loop = qio_loop_new(NULL);
    ck_assert_ptr_nonnull(qio_address_resolve_async(addr, loop, 20000, answered,
                                                    a, waiter_destroy, NULL));
    qio_address_free(addr);
    waiter_wait(&a->waiter, loop);
    qio_loop_free(loop);
}

START_TEST(test_name)
{
    struct answer a = {0};

    ask("tcp:localhost:4444,ipv6=off,keep-alive=on", &a);
    qiotest_ok(&a.waiter.err);
    ck_assert_uint_eq(a.n, 1);
    ck_assert_str_eq(qio_address_host(a.first), "127.0.0.1");
    ck_assert_str_eq(qio_address_port(a.first), "4444");
    ck_assert(qio_address_numeric(a.first));
    ck_assert(qio_address_keep_alive(a.first));
    qio_address_free(a.first);
    waiter_clear(&a.waiter);
}
END_TEST

START_TEST(test_no_name)
{
    static const char *const texts[] = {"tcp:127.0.0.1:80", "unix:/a/b",
                                        "vsock:3:4", "fd:7", "tcp:[::1]:80"};
    QIOAddress *same = qio_address_parse(texts[_i], NULL);
    struct answer a = {0};

    ask(texts[_i], &a);
    qiotest_ok(&a.waiter.err);
    ck_assert_uint_eq(a.n, 1);
    ck_assert(qio_address_equal(a.first, same));
    qio_address_free(a.first);
    qio_address_free(same);
    waiter_clear(&a.waiter);
}
END_TEST

START_TEST(test_unknown)
{
    struct answer a = {0};

    ask("tcp:no-such-host.invalid:80", &a);
    qiotest_error(&a.waiter.err, QIO_ERROR_RESOLVE);
    ck_assert_uint_eq(a.n, 0);
    waiter_clear(&a.waiter);
}
END_TEST

START_TEST(test_cancel)
{
    QIOAddress *addr = qio_address_parse("tcp:localhost:80", NULL);
    struct answer once = {0};
    unsigned threads;

    ask("tcp:localhost:80", &once);
    qio_address_free(once.first);
    waiter_clear(&once.waiter);
    usleep(50000);
    threads = waiter_threads();
    loop = qio_loop_new(NULL);
    for (int n = 0; n < 4; n++) {
        struct answer a = {0};
        QIOTask *task = qio_task_ref(qio_address_resolve_async(
            addr, loop, -1, answered, &a, waiter_destroy, NULL));

        for (int i = 0; i < n; i++) {
            ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
        }
        qio_task_cancel(task);
        waiter_wait(&a.waiter, loop);
        qio_task_unref(task);
        qio_address_free(a.first);
        waiter_clear(&a.waiter);
    }
    qio_address_free(addr);
    qio_loop_free(loop);
    waiter_await_threads(threads);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("resolve");
    TCase *tc = qiotest_case(s, "resolve");

    tcase_add_test(tc, test_name);
    tcase_add_loop_test(tc, test_no_name, 0, 5);
    tcase_add_test(tc, test_unknown);
    tcase_add_test(tc, test_cancel);
    return qiotest_main(s);
}
