/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening stacks as tasks that are cancelled after each event that it takes:
 * without a thread of this file's own, for memcheck to look at it. */
#include <config.h>
#include <unistd.h>
#include <qio/channel-websocket.h>
#include "base/fd.h"
#include "loop/opening.h"

static bool web; /* the upper layer is a websocket, else TLS again */

/* One layer more; takes `below`. */
static QIOChannel *layer(QIOChannel *below, bool server, bool websocket)
{
    QIOChannel *ioc;

    ck_assert_ptr_nonnull(below);
    if (websocket) {
        ioc = server ? qio_channel_websocket_new_server(below, NULL, NULL)
                     : qio_channel_websocket_new_client(below, NULL, NULL);
    } else {
        ioc = server
                  ? qio_channel_tls_new_server(below, creds.server, NULL, NULL)
                  : qio_channel_tls_new_client(below, creds.client, "localhost",
                                               NULL);
    }
    qio_channel_unref(below);
    ck_assert_ptr_nonnull(ioc);
    return ioc;
}

/* A server that answers every client of the listening socket. */
struct answering {
    struct waiter w;
    QIOChannel *ioc;
};

static bool answer(int fd, unsigned events, void *opaque)
{
    struct answering *a = opaque;
    int client = qiop_fd_accept(fd, false, NULL);

    (void)events;
    a->ioc = layer(qio_channel_socket_new_fd(client, NULL), true, false);
    a->ioc = layer(a->ioc, true, web);
    ck_assert_ptr_nonnull(qio_channel_open_async(a->ioc, loop, 20000, waiter_fn,
                                                 &a->w, waiter_destroy, NULL));
    return false;
}

/* Two layers over a connection that is to be made. */
static QIOChannel *client_of(const QIOAddress *addr)
{
    QIOChannel *tls = layer(qio_channel_socket_new(addr, NULL), false, false);

    return layer(tls, false, web);
}

/* Open ioc and cancel after n rounds of the loop. Returns whether it was open
 * by then. */
static bool open_and_cancel(QIOChannel *ioc, int n)
{
    struct waiter w = {0};
    QIOTask *task = qio_task_ref(qio_channel_open_async(
        ioc, loop, 20000, waiter_fn, &w, waiter_destroy, NULL));
    bool done;

    for (int i = 0; i < n && !w.calls; i++) {
        /* Over a network events take their time. */
        ck_assert_int_ge(qio_loop_step(loop, 1000, NULL), 0);
    }
    done = w.calls > 0;
    qio_task_cancel(task);
    waiter_wait(&w, loop);
    if (done) {
        qiotest_ok(&w.err);
    } else {
        qiotest_error(&w.err, QIO_ERROR_CANCELLED);
    }
    qio_task_unref(task);
    waiter_clear(&w);
    qio_channel_close(ioc, NULL);
    return done;
}

static bool cancel_pair(int n)
{
    struct waiter w = {0};
    struct stack s;
    bool done;

    make_stack(&s, false);
    ck_assert_ptr_nonnull(qio_channel_open_async(
        s.top[1], loop, 20000, waiter_fn, &w, waiter_destroy, NULL));
    done = open_and_cancel(s.top[0], n);
    waiter_wait(&w, loop);
    waiter_clear(&w);
    drop_stack(&s);
    return done;
}

static bool cancel_connection(const QIOAddress *addr, int n)
{
    QIOChannel *client = client_of(addr);
    struct answering a = {.ioc = NULL};
    QIOWatch *w = qio_loop_add_fd_watch(loop, listening.v[0].fd, QIO_EVENT_IN,
                                        answer, &a, NULL, NULL);
    bool done;

    ck_assert_ptr_nonnull(w);
    done = open_and_cancel(client, n);
    /* A client that was cancelled early may have left a connection behind. */
    for (int i = 0; i < 10 && !a.ioc; i++) {
        ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
    }
    if (a.ioc) {
        waiter_wait(&a.w, loop);
        waiter_clear(&a.w);
        qio_channel_unref(a.ioc);
    } else {
        qio_watch_remove(w);
    }
    qio_channel_unref(client);
    return done;
}

/* TLS over TLS over: 0 a pair, 1 a TCP connection, 2 one by name; 3 a websocket
 * over TLS over TCP. */
START_TEST(test_cancel_at_every_step)
{
    QIOAddress *addr, *name;
    unsigned threads = 0;
    int n = 0;

    begin();
    web = _i == 3;
    addr = listen_somewhere(100);
    name = qio_address_new_inet("localhost", qio_address_port(addr), NULL);
    if (_i == 2) {
        cancel_connection(name, 1000);
        usleep(50000);
        threads = waiter_threads();
    }
    while (
        !(_i ? cancel_connection(_i == 1 ? addr : name, n) : cancel_pair(n))) {
        n++;
    }
    ck_assert_int_ge(n, 4);
    qio_address_free(addr);
    qio_address_free(name);
    finish();
    if (threads) {
        waiter_await_threads(threads);
    }
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

int main(void)
{
    Suite *s = suite_create("cancel");
    TCase *tc = qiotest_case(s, "cancel");

    tcase_add_loop_test(tc, test_cancel_at_every_step, 0, 4);
    tcase_add_loop_test(tc, test_cancel_connecting, 0, 2);
    return qiotest_main(s);
}
