/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening stacks as tasks: success, failures, and cancelling after each event
 * that it takes. */
#include <config.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include <qio/channel-socket.h>
#include <qio/channel-tls.h>
#include <qio/channel-unix.h>
#include "base/fd.h"
#include "loop/waiter.h"
#include "net/listen.h"
#include "tlspair.h"
#include "trickle.h"

static QIOLoop *loop;
static struct tlspair_creds creds;
static struct qiop_listen_sockets listening;

static QIOAddress *listen_somewhere(int backlog)
{
    QIOAddress *any = qio_address_new_inet("127.0.0.1", "0", NULL);
    QIOError *err = NULL;

    ck_assert_int_eq(qiop_listen(any, backlog, &listening, &err), 0);
    qiotest_ok(&err);
    qio_address_free(any);
    return qio_address_copy(listening.v[0].local, NULL);
}

static void begin(void)
{
    loop = qio_loop_new(NULL);
    ck_assert_ptr_nonnull(loop);
    tlspair_creds_make(&creds, NULL);
}

static void finish(void)
{
    qio_loop_free(loop);
    qiop_listen_sockets_free(&listening);
    tlspair_creds_free(&creds);
}

START_TEST(test_connect)
{
    QIOAddress *addr;
    struct waiter w = {0};
    QIOError *err = NULL;

    begin();
    addr = listen_somewhere(1);
    ck_assert_ptr_nonnull(qio_channel_socket_connect_async(
        addr, loop, 5000, waiter_fn, &w, waiter_destroy, &err));
    waiter_wait(&w, loop);
    qiotest_ok(&w.err);
    ck_assert(qio_channel_is_open(w.ioc));
    waiter_clear(&w);
    qio_address_free(addr);
    finish();
}
END_TEST

START_TEST(test_connect_fails)
{
    QIOAddress *addr;
    struct waiter w = {0};
    QIOError *err = NULL;

    begin();
    addr = listen_somewhere(1);
    qiop_listen_sockets_free(&listening);
    ck_assert_ptr_nonnull(qio_channel_socket_connect_async(
        addr, loop, 5000, waiter_fn, &w, waiter_destroy, &err));
    waiter_wait(&w, loop);
    qiotest_error(&w.err, QIO_ERROR_CONNECT);
    ck_assert(!qio_channel_is_open(w.ioc));
    waiter_clear(&w);
    ck_assert_ptr_null(qio_channel_socket_connect_async(
        NULL, loop, 5000, waiter_fn, &w, waiter_destroy, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(w.destroyed, 1);
    ck_assert_int_eq(w.calls, 0);
    qio_address_free(addr);
    finish();
}
END_TEST

START_TEST(test_name)
{
    QIOAddress *addr, *name;
    struct waiter w = {0};

    begin();
    addr = listen_somewhere(1);
    name = qio_address_new_inet("localhost", qio_address_port(addr), NULL);
    ck_assert_ptr_nonnull(qio_channel_socket_connect_async(
        name, loop, 5000, waiter_fn, &w, waiter_destroy, NULL));
    waiter_wait(&w, loop);
    qiotest_ok(&w.err);
    waiter_clear(&w);
    qio_address_free(addr);
    qio_address_free(name);
    finish();
}
END_TEST

/* ---- handshakes ---- */

struct stack {
    QIOChannel *base[2];
    QIOChannel *top[2]; /* TLS over TLS, client and server */
};

static void make_stack(struct stack *s, bool trickling)
{
    static const struct trickle_script script = {
        .max_read = 900, .max_write = 700, .stutter = true};
    QIOChannel *below[2];

    ck_assert_int_eq(qio_channel_unix_pair(s->base, NULL), 0);
    for (int i = 0; i < 2; i++) {
        below[i] = trickling ? trickle_new(s->base[i], &script, NULL)
                             : qio_channel_ref(s->base[i]);
        ck_assert_ptr_nonnull(below[i]);
    }
    for (int level = 0; level < 2; level++) {
        s->top[0] = qio_channel_tls_new_client(below[0], creds.client,
                                               "localhost", NULL);
        s->top[1] =
            qio_channel_tls_new_server(below[1], creds.server, NULL, NULL);
        for (int i = 0; i < 2; i++) {
            ck_assert_ptr_nonnull(s->top[i]);
            qio_channel_unref(below[i]);
            below[i] = s->top[i];
        }
    }
}

static void drop_stack(struct stack *s)
{
    for (int i = 0; i < 2; i++) {
        qio_channel_unref(s->top[i]);
        qio_channel_unref(s->base[i]);
    }
}

START_TEST(test_handshakes)
{
    struct waiter w[2] = {{0}};
    struct stack s;

    begin();
    make_stack(&s, _i == 1);
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(qio_channel_tls_handshake_async(
            s.top[i], loop, 20000, waiter_fn, &w[i], waiter_destroy, NULL));
    }
    for (int i = 0; i < 2; i++) {
        waiter_wait(&w[i], loop);
        qiotest_ok(&w[i].err);
        ck_assert_ptr_eq(w[i].ioc, s.top[i]);
        ck_assert(qio_channel_is_open(s.top[i]));
        waiter_clear(&w[i]);
    }
    drop_stack(&s);
    finish();
}
END_TEST

/* Cancel the client after n rounds of the loop. Returns whether it was done by
 * then. */
static bool cancel_after(int n)
{
    struct waiter w[2] = {{0}};
    struct stack s;
    QIOTask *task;
    bool done;

    make_stack(&s, false);
    task = qio_task_ref(qio_channel_open_async(s.top[0], loop, 20000, waiter_fn,
                                               &w[0], waiter_destroy, NULL));
    ck_assert_ptr_nonnull(qio_channel_open_async(
        s.top[1], loop, 20000, waiter_fn, &w[1], waiter_destroy, NULL));
    for (int i = 0; i < n && !w[0].calls; i++) {
        ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
    }
    done = w[0].calls > 0;
    qio_task_cancel(task);
    waiter_wait(&w[0], loop);
    if (done) {
        qiotest_ok(&w[0].err);
    } else {
        qiotest_error(&w[0].err, QIO_ERROR_CANCELLED);
    }
    qio_task_unref(task);
    waiter_clear(&w[0]);
    qio_channel_close(s.top[0], NULL);
    waiter_wait(&w[1], loop);
    waiter_clear(&w[1]);
    drop_stack(&s);
    return done;
}

START_TEST(test_cancel_at_every_step)
{
    int n = 0;

    begin();
    while (!cancel_after(n)) {
        n++;
    }
    ck_assert_int_ge(n, 4);
    finish();
}
END_TEST

/* The same while connecting and while a name is looked up. */
START_TEST(test_cancel_connecting)
{
    struct waiter once = {0};
    QIOAddress *addr;
    QIOError *err = NULL;
    unsigned threads;

    begin();
    addr = listen_somewhere(1);
    if (_i) {
        QIOAddress *name =
            qio_address_new_inet("localhost", qio_address_port(addr), &err);

        qio_address_free(addr);
        addr = name;
    }
    ck_assert_ptr_nonnull(qio_channel_socket_connect_async(
        addr, loop, 5000, waiter_fn, &once, waiter_destroy, &err));
    waiter_wait(&once, loop);
    waiter_clear(&once);
    usleep(50000);
    threads = waiter_threads();
    for (int n = 0; n < 6; n++) {
        struct waiter w = {0};
        QIOTask *task = qio_channel_socket_connect_async(
            addr, loop, 5000, waiter_fn, &w, waiter_destroy, &err);

        qiotest_ok(&err);
        qio_task_ref(task);
        for (int i = 0; i < n; i++) {
            ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
        }
        qio_task_cancel(task);
        waiter_wait(&w, loop);
        qio_task_unref(task);
        waiter_clear(&w);
    }
    qio_address_free(addr);
    finish();
    waiter_await_threads(threads);
}
END_TEST

/* Nobody answers. */
START_TEST(test_deadline)
{
    struct waiter w = {0};
    struct stack s;

    begin();
    make_stack(&s, false);
    ck_assert_ptr_nonnull(qio_channel_open_async(s.top[0], loop, 30, waiter_fn,
                                                 &w, waiter_destroy, NULL));
    waiter_wait(&w, loop);
    qiotest_error(&w.err, QIO_ERROR_TIMEOUT);
    waiter_clear(&w);
    drop_stack(&s);
    finish();
}
END_TEST

START_TEST(test_loop_goes_first)
{
    struct waiter w = {0};
    struct stack s;

    begin();
    make_stack(&s, false);
    ck_assert_ptr_nonnull(qio_channel_open_async(s.top[0], loop, 30, waiter_fn,
                                                 &w, waiter_destroy, NULL));
    ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
    finish();
    qiotest_error(&w.err, QIO_ERROR_CANCELLED);
    waiter_clear(&w);
    drop_stack(&s);
}
END_TEST

static void *shut(void *opaque)
{
    usleep(20000);
    qio_channel_shutdown(opaque, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    return NULL;
}

/* Of the top, of a layer in the middle, of the lowest channel. */
START_TEST(test_shut_down_by_a_thread)
{
    struct waiter w = {0};
    struct stack s;
    QIOChannel *victim;
    pthread_t t;

    begin();
    make_stack(&s, false);
    victim = _i == 0   ? s.top[0]
             : _i == 1 ? qio_channel_base(s.top[0])
                       : s.base[0];
    ck_assert_ptr_nonnull(qio_channel_open_async(
        s.top[0], loop, 20000, waiter_fn, &w, waiter_destroy, NULL));
    ck_assert_int_eq(pthread_create(&t, NULL, shut, victim), 0);
    waiter_wait(&w, loop);
    ck_assert_ptr_nonnull(w.err);
    ck_assert_int_ne(qio_error_code(w.err), QIO_ERROR_TIMEOUT);
    pthread_join(t, NULL);
    waiter_clear(&w);
    drop_stack(&s);
    finish();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("open");
    TCase *tc = qiotest_case(s, "open");

    tcase_add_test(tc, test_connect);
    tcase_add_test(tc, test_connect_fails);
    tcase_add_test(tc, test_name);
    tcase_add_loop_test(tc, test_handshakes, 0, 2);
    tcase_add_test(tc, test_cancel_at_every_step);
    tcase_add_loop_test(tc, test_cancel_connecting, 0, 2);
    tcase_add_test(tc, test_deadline);
    tcase_add_test(tc, test_loop_goes_first);
    tcase_add_loop_test(tc, test_shut_down_by_a_thread, 0, 3);
    return qiotest_main(s);
}
