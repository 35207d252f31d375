/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening stacks as tasks: success, failures, deadlines, shutting down. */
#include <config.h>
#include <pthread.h>
#include <unistd.h>
#include <qio/channel-websocket.h>
#include "loop/opening.h"

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

/* The same through a websocket, which shakes hands in its own way. */
START_TEST(test_websocket)
{
    struct waiter w[2] = {{0}};
    QIOChannel *base[2], *top[2];

    begin();
    ck_assert_int_eq(qio_channel_unix_pair(base, NULL), 0);
    top[0] = qio_channel_websocket_new_client(base[0], NULL, NULL);
    top[1] = qio_channel_websocket_new_server(base[1], NULL, NULL);
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(qio_channel_websocket_handshake_async(
            top[i], loop, 20000, waiter_fn, &w[i], waiter_destroy, NULL));
    }
    for (int i = 0; i < 2; i++) {
        waiter_wait(&w[i], loop);
        qiotest_ok(&w[i].err);
        ck_assert(qio_channel_is_open(top[i]));
        waiter_clear(&w[i]);
        qio_channel_unref(top[i]);
        qio_channel_unref(base[i]);
    }
    finish();
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
    tcase_add_test(tc, test_websocket);
    tcase_add_test(tc, test_deadline);
    tcase_add_test(tc, test_loop_goes_first);
    tcase_add_loop_test(tc, test_shut_down_by_a_thread, 0, 3);
    return qiotest_main(s);
}
