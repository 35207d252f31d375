/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connecting, listening and accepting as tasks. */
#include <config.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <qio/channel-unix.h>
#include <qio/listener.h>
#include "base/fd.h"
#include "loop/waiter.h"
#include "tlspair.h"

static QIOLoop *loop;
static QIOObjects *objects[2]; /* client's, server's */
static struct tlspair_creds creds;

static void begin(void)
{
    QIOError *err = NULL;

    loop = qio_loop_new(&err);
    qiotest_ok(&err);
    tlspair_creds_make(&creds, NULL);
    for (int i = 0; i < 2; i++) {
        objects[i] = qio_objects_new(&err);
        ck_assert_int_eq(
            qio_objects_add_tls_creds(objects[i], "tls0",
                                      i ? creds.server : creds.client, &err),
            0);
    }
}

static void finish(void)
{
    qio_loop_free(loop);
    qio_objects_free(objects[0]);
    qio_objects_free(objects[1]);
    tlspair_creds_free(&creds);
}

static QIOEndpoint *parse(const char *text)
{
    QIOError *err = NULL;
    QIOEndpoint *ep = qio_endpoint_parse(text, &err);

    qiotest_ok(&err);
    return ep;
}

/* An endpoint of a socket in the scratch directory. */
static QIOEndpoint *unix_ep(const char *layers)
{
    char text[512];

    snprintf(text, sizeof(text), "unix:%s/sock%s", qiotest_tmpdir(), layers);
    return parse(text);
}

static void connect_to(const QIOEndpoint *ep, struct waiter *w)
{
    QIOError *err = NULL;

    ck_assert_ptr_nonnull(
        qio_endpoint_connect_async(ep, objects[0], QIO_ENDPOINT_READWRITE, loop,
                                   20000, waiter_fn, w, waiter_destroy, &err));
    qiotest_ok(&err);
}

static void exchange(QIOChannel *a, QIOChannel *b)
{
    char buf[5];

    ck_assert_int_eq(qio_channel_write_all(a, "hello", 5, NULL), 0);
    ck_assert_int_eq(qio_channel_read_all(b, buf, 5, NULL), 0);
    ck_assert_mem_eq(buf, "hello", 5);
}

/* Listen, accept one and connect, all of them at once. */
START_TEST(test_accept)
{
    static const char *const layers[] = {"", ",tls-creds=tls0",
                                         ",tls-creds=tls0,tls-creds=tls0"};
    struct waiter in = {0}, out = {0};
    QIOEndpoint *server, *client;
    char text[128];

    begin();
    server = unix_ep(layers[_i]);
    snprintf(text, sizeof(text), "%s%s", layers[_i],
             _i ? ",tls-hostname=localhost" : "");
    /* Both TLS layers need a name. */
    client = _i == 2 ? unix_ep(",tls-creds=tls0,tls-hostname=localhost,"
                               "tls-creds=tls0,tls-hostname=localhost")
                     : unix_ep(text);
    ck_assert_ptr_nonnull(qio_endpoint_accept_async(
        server, objects[1], QIO_ENDPOINT_READWRITE, loop, 20000, waiter_fn, &in,
        waiter_destroy, NULL));
    ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
    connect_to(client, &out);
    waiter_wait(&out, loop);
    waiter_wait(&in, loop);
    qiotest_ok(&out.err);
    qiotest_ok(&in.err);
    exchange(out.ioc, in.ioc);
    exchange(in.ioc, out.ioc);
    waiter_clear(&in);
    /* It does not listen any more. */
    waiter_clear(&out);
    connect_to(client, &out);
    waiter_wait(&out, loop);
    qiotest_error(&out.err, QIO_ERROR_CONNECT);
    ck_assert_ptr_null(out.ioc);
    qio_endpoint_free(server);
    qio_endpoint_free(client);
    finish();
}
END_TEST

static QIOListener *taken;

static void take_listener(QIOTask *task, void *opaque)
{
    taken = qio_task_take_result(task);
    waiter_fn(task, opaque);
}

static QIOListener *listen_async(const QIOEndpoint *ep, bool take)
{
    struct waiter w = {0};

    ck_assert_ptr_nonnull(qio_endpoint_listen_async(
        ep, objects[1], 5, loop, 20000, take ? take_listener : waiter_fn, &w,
        waiter_destroy, NULL));
    waiter_wait(&w, loop);
    qiotest_ok(&w.err);
    return take ? taken : NULL;
}

START_TEST(test_listen)
{
    struct waiter in = {0}, out = {0};
    QIOEndpoint *ep;
    QIOListener *l;
    QIOAddress *addr;
    char *text;

    begin();
    ep = parse(_i ? "tcp:localhost:0,ipv6=off" : "tcp:127.0.0.1:0");
    listen_async(ep, false);
    l = listen_async(ep, true);
    ck_assert_uint_eq(qio_listener_count(l), 1);
    qio_endpoint_free(ep);
    addr = qio_listener_get_address(l, 0, NULL);
    text = qio_address_to_string(addr, NULL);
    ep = parse(text);
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(qio_listener_accept_open_async(
            l, QIO_ENDPOINT_READWRITE, loop, 20000, waiter_fn, &in,
            waiter_destroy, NULL));
        connect_to(ep, &out);
        waiter_wait(&in, loop);
        waiter_wait(&out, loop);
        qiotest_ok(&in.err);
        qiotest_ok(&out.err);
        exchange(in.ioc, out.ioc);
        waiter_clear(&in);
        waiter_clear(&out);
    }
    free(text);
    qio_address_free(addr);
    qio_endpoint_free(ep);
    qio_listener_free(l);
    finish();
}
END_TEST

static void *shut(void *opaque)
{
    usleep(20000);
    qio_listener_shutdown(opaque);
    return NULL;
}

/* While nobody comes, and while somebody does not shake hands. */
START_TEST(test_shutdown)
{
    struct waiter in = {0}, out = {0};
    QIOEndpoint *ep, *plain;
    QIOListener *l;
    pthread_t t;

    begin();
    ep = unix_ep(",tls-creds=tls0");
    plain = unix_ep("");
    l = listen_async(ep, true);
    ck_assert_ptr_nonnull(
        qio_listener_accept_open_async(l, QIO_ENDPOINT_READWRITE, loop, 20000,
                                       waiter_fn, &in, waiter_destroy, NULL));
    if (_i) {
        connect_to(plain, &out);
        waiter_wait(&out, loop);
        for (int i = 0; i < 20; i++) {
            ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
        }
    }
    ck_assert_int_eq(pthread_create(&t, NULL, shut, l), 0);
    waiter_wait(&in, loop);
    qiotest_error(&in.err, QIO_ERROR_SHUTDOWN);
    pthread_join(t, NULL);
    qio_endpoint_free(ep);
    qio_endpoint_free(plain);
    qio_listener_free(l);
    waiter_clear(&out);
    finish();
}
END_TEST

START_TEST(test_cancel_and_deadline)
{
    QIOEndpoint *ep;
    int before;

    begin();
    ep = parse("tcp:127.0.0.1:0,tls-creds=tls0");
    before = qiotest_count_fds();
    for (int n = 0; n < 5; n++) {
        struct waiter w = {0};
        QIOTask *task = qio_task_ref(qio_endpoint_accept_async(
            ep, objects[1], QIO_ENDPOINT_READWRITE, loop, n == 4 ? 20 : -1,
            waiter_fn, &w, waiter_destroy, NULL));

        for (int i = 0; i < n; i++) {
            ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
        }
        if (n < 4) {
            qio_task_cancel(task);
        }
        waiter_wait(&w, loop);
        qiotest_error(&w.err, n < 4 ? QIO_ERROR_CANCELLED : QIO_ERROR_TIMEOUT);
        qio_task_unref(task);
        ck_assert_int_eq(qiotest_count_fds(), before);
    }
    qio_endpoint_free(ep);
    finish();
}
END_TEST

/* What is wrong with the text fails the call. */
START_TEST(test_failing_calls)
{
    static const struct {
        const char *text;
        QIOErrorCode code;
    } bad[] = {
        {"tcp:127.0.0.1:1,tls-creds=none", QIO_ERROR_NOT_FOUND},
        {"tcp:127.0.0.1:1,tls-creds=tls0", QIO_ERROR_INVALID},
    };
    struct waiter w = {0};
    QIOError *err = NULL;
    QIOEndpoint *ep;

    begin();
    ep = parse(bad[_i].text);
    ck_assert_ptr_null(
        qio_endpoint_connect_async(ep, objects[1], QIO_ENDPOINT_READWRITE, loop,
                                   -1, waiter_fn, &w, waiter_destroy, &err));
    qiotest_error(&err, bad[_i].code);
    ck_assert_ptr_null(
        qio_endpoint_accept_async(ep, objects[0], QIO_ENDPOINT_READWRITE, loop,
                                  -1, waiter_fn, &w, waiter_destroy, &err));
    qiotest_error(&err, bad[_i].code);
    ck_assert_int_eq(w.destroyed, 2);
    ck_assert_int_eq(w.calls, 0);
    qio_endpoint_free(ep);
    finish();
}
END_TEST

START_TEST(test_fifo)
{
    struct waiter w = {0};
    QIOError *err = NULL;
    QIOEndpoint *ep;
    char text[512];

    begin();
    snprintf(text, sizeof(text), "%s/fifo", qiotest_tmpdir());
    ck_assert_int_eq(mkfifo(text, 0600), 0);
    snprintf(text, sizeof(text), "file:%s/fifo", qiotest_tmpdir());
    ep = parse(text);
    ck_assert_ptr_null(qio_endpoint_connect_async(ep, NULL, QIO_ENDPOINT_READ,
                                                  loop, -1, waiter_fn, &w,
                                                  waiter_destroy, &err));
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    qio_endpoint_free(ep);
    finish();
}
END_TEST

/* The descriptor is the channel's after success, the caller's else. */
START_TEST(test_fd)
{
    struct waiter w = {0};
    QIOEndpoint *ep;
    char text[32];
    int fd[2];

    begin();
    ck_assert_int_eq(qiop_fd_socketpair(fd, NULL), 0);
    snprintf(text, sizeof(text), "fd:%d", fd[0]);
    ep = parse(text);
    connect_to(ep, &w);
    waiter_wait(&w, loop);
    qiotest_ok(&w.err);
    ck_assert_int_eq(write(fd[1], "x", 1), 1);
    ck_assert_int_eq(qio_channel_read(w.ioc, text, 1, NULL), 1);
    waiter_clear(&w);
    ck_assert_int_eq(close(fd[0]), -1);
    close(fd[1]);
    qio_endpoint_free(ep);
    finish();
}
END_TEST

START_TEST(test_layers)
{
    struct waiter w[2] = {{0}};
    QIOEndpoint *ep[2];
    QIOChannel *p[2];

    begin();
    ck_assert_int_eq(qio_channel_unix_pair(p, NULL), 0);
    ep[0] = unix_ep(",tls-creds=tls0,tls-hostname=localhost");
    ep[1] = unix_ep(",tls-creds=tls0");
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(qio_endpoint_layer_async(
            ep[i], objects[i], p[i], i == 1, loop, 20000, waiter_fn, &w[i],
            waiter_destroy, NULL));
    }
    for (int i = 0; i < 2; i++) {
        waiter_wait(&w[i], loop);
        qiotest_ok(&w[i].err);
    }
    exchange(w[0].ioc, w[1].ioc);
    for (int i = 0; i < 2; i++) {
        waiter_clear(&w[i]);
        qio_endpoint_free(ep[i]);
        qio_channel_unref(p[i]);
    }
    finish();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("async");
    TCase *tc = qiotest_case(s, "async");

    tcase_add_loop_test(tc, test_accept, 0, 3);
    tcase_add_loop_test(tc, test_listen, 0, 2);
    tcase_add_loop_test(tc, test_shutdown, 0, 2);
    tcase_add_test(tc, test_cancel_and_deadline);
    tcase_add_loop_test(tc, test_failing_calls, 0, 2);
    tcase_add_test(tc, test_fifo);
    tcase_add_test(tc, test_fd);
    tcase_add_test(tc, test_layers);
    return qiotest_main(s);
}
