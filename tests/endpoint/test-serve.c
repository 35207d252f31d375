/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Serving: many addresses, limits, silent clients, lack of descriptors, ends in
 * every order. */
#include <config.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <qio/channel-socket.h>
#include <qio/listener.h>
#include "base/clock.h"
#include "base/fd.h"
#include "qiotest.h"
#include "tlspair.h"

#define MANY 40

struct server {
    QIOLoop *loop;
    QIOListener *l;
    QIOObjects *objects;
    QIOChannel *v[MANY]; /* connections kept */
    int n;
    int keep;
    int troubles;
    QIOErrorCode last;
    bool last_had_channel;
    int destroyed;
    bool free_it; /* the listener, in the next callback */
};

static struct tlspair_creds creds;

static void connection(QIOListener *l, QIOChannel *ioc, void *opaque)
{
    struct server *s = opaque;

    ck_assert_ptr_eq(l, s->l);
    ck_assert(qio_channel_is_open(ioc));
    if (s->n < s->keep) {
        s->v[s->n] = qio_channel_ref(ioc);
    }
    s->n++;
    if (s->free_it) {
        qio_listener_free(s->l);
        s->l = NULL;
        ck_assert_int_eq(s->destroyed, 0);
    }
}

static void trouble(QIOListener *l, QIOChannel *ioc, const QIOError *err,
                    void *opaque)
{
    struct server *s = opaque;

    ck_assert_ptr_eq(l, s->l);
    s->troubles++;
    s->last = qio_error_code(err);
    s->last_had_channel = ioc != NULL;
    if (s->free_it) {
        qio_listener_free(s->l);
        s->l = NULL;
    }
}

static void destroyed(void *opaque)
{
    ((struct server *)opaque)->destroyed++;
}

static const QIOListenerFuncs funcs = {
    .connection = connection,
    .trouble = trouble,
    .destroy = destroyed,
};

static void begin(struct server *s)
{
    QIOError *err = NULL;

    s->loop = qio_loop_new(&err);
    s->l = qio_listener_new(&err);
    s->objects = qio_objects_new(&err);
    qiotest_ok(&err);
    tlspair_creds_make(&creds, NULL);
    ck_assert_int_eq(
        qio_objects_add_tls_creds(s->objects, "tls0", creds.server, &err), 0);
}

static void add(struct server *s, const char *text)
{
    QIOError *err = NULL;
    QIOEndpoint *ep = qio_endpoint_parse(text, &err);

    qiotest_ok(&err);
    ck_assert_int_eq(qio_listener_add(s->l, ep, s->objects, 64, &err), 0);
    qiotest_ok(&err);
    qio_endpoint_free(ep);
}

static void serve(struct server *s)
{
    QIOError *err = NULL;

    ck_assert_int_eq(qio_listener_serve(s->l, QIO_ENDPOINT_READWRITE, s->loop,
                                        &funcs, s, &err),
                     0);
    qiotest_ok(&err);
}

static void finish(struct server *s)
{
    qio_listener_free(s->l);
    qio_loop_free(s->loop);
    for (int i = 0; i < s->n && i < s->keep; i++) {
        qio_channel_unref(s->v[i]);
    }
    qio_objects_free(s->objects);
    tlspair_creds_free(&creds);
    ck_assert_int_eq(s->destroyed, 1);
}

static void settle(struct server *s)
{
    for (int i = 0; i < 50; i++) {
        ck_assert_int_ge(qio_loop_dispatch(s->loop, NULL), 0);
    }
}

/* Run the loop until *n is at least this. */
static void await(struct server *s, const int *n, int least)
{
    while (*n < least) {
        ck_assert_int_eq(qio_loop_step(s->loop, 20000, NULL), 1);
    }
}

static QIOChannel *client(struct server *s, size_t i)
{
    QIOAddress *addr = qio_listener_get_address(s->l, i, NULL);
    QIOError *err = NULL;
    QIOChannel *ioc = qio_channel_socket_connect_sync(addr, 5000, &err);

    qiotest_ok(&err);
    qio_address_free(addr);
    return ioc;
}

static void tls_done(QIOTask *task, void *opaque)
{
    ck_assert_msg(!qio_task_error(task), "%s",
                  qio_error_message(qio_task_error(task)));
    ++*(int *)opaque;
}

/* A client that shakes hands in the same loop. */
static QIOChannel *tls_client(struct server *s, size_t i, int *done)
{
    QIOChannel *base = client(s, i);
    QIOError *err = NULL;
    QIOChannel *ioc =
        qio_channel_tls_new_client(base, creds.client, "localhost", &err);

    qiotest_ok(&err);
    qio_channel_unref(base);
    ck_assert_ptr_nonnull(qio_channel_open_async(ioc, s->loop, 20000, tls_done,
                                                 done, NULL, &err));
    return ioc;
}

START_TEST(test_many_kinds)
{
    struct server s = {.keep = 8};
    QIOChannel *c[4];
    char text[200], buf[6];
    int done = 0;

    begin(&s);
    add(&s, "tcp:127.0.0.1:0");
    snprintf(text, sizeof(text), "unix:%s/sock", qiotest_tmpdir());
    add(&s, text);
    add(&s, "tcp:127.0.0.1:0,tls-creds=tls0");
    add(&s, "exec:echo hello");
    ck_assert_uint_eq(qio_listener_count(s.l), 3);
    serve(&s);
    c[0] = client(&s, 0);
    c[1] = client(&s, 1);
    c[2] = tls_client(&s, 2, &done);
    await(&s, &s.n, 4);
    await(&s, &done, 1);
    settle(&s);
    ck_assert_int_eq(s.n, 4);
    ck_assert_int_eq(s.troubles, 0);
    ck_assert_uint_eq(qio_listener_connections(s.l), 4);
    /* The command was opened first, and once. */
    ck_assert_int_eq(qio_channel_read_all(s.v[0], buf, 6, NULL), 0);
    ck_assert_mem_eq(buf, "hello\n", 6);
    for (int i = 0; i < 4; i++) {
        qio_channel_close(s.v[i], NULL);
        ck_assert_uint_eq(qio_listener_connections(s.l), 3 - (size_t)i);
    }
    for (int i = 0; i < 3; i++) {
        qio_channel_unref(c[i]);
    }
    finish(&s);
}
END_TEST

/* Whom nobody keeps is closed. */
START_TEST(test_not_kept)
{
    struct server s = {.keep = 0};
    QIOChannel *c;
    char b;

    begin(&s);
    add(&s, "tcp:127.0.0.1:0");
    serve(&s);
    c = client(&s, 0);
    await(&s, &s.n, 1);
    ck_assert_int_eq(qio_channel_read(c, &b, 1, NULL), 0);
    ck_assert_uint_eq(qio_listener_connections(s.l), 0);
    qio_channel_unref(c);
    finish(&s);
}
END_TEST

START_TEST(test_max_connections)
{
    struct server s = {.keep = MANY};
    QIOChannel *c[5];

    begin(&s);
    add(&s, "tcp:127.0.0.1:0");
    qio_listener_set_max_connections(s.l, 2);
    serve(&s);
    for (int i = 0; i < 5; i++) {
        c[i] = client(&s, 0);
    }
    await(&s, &s.n, 2);
    settle(&s);
    ck_assert_int_eq(s.n, 2);
    /* By the last reference, and by closing. */
    qio_channel_unref(s.v[0]);
    await(&s, &s.n, 3);
    settle(&s);
    ck_assert_int_eq(s.n, 3);
    qio_channel_close(s.v[1], NULL);
    await(&s, &s.n, 4);
    settle(&s);
    ck_assert_int_eq(s.n, 4);
    qio_listener_set_max_connections(s.l, 0);
    await(&s, &s.n, 5);
    s.v[0] = NULL;
    for (int i = 0; i < 5; i++) {
        qio_channel_unref(c[i]);
    }
    finish(&s);
}
END_TEST

static void *close_it(void *opaque)
{
    usleep(20000);
    qio_channel_close(opaque, NULL);
    return NULL;
}

/* The place of one that another thread closes is given away at once. */
START_TEST(test_closed_by_a_thread)
{
    struct server s = {.keep = MANY};
    QIOChannel *c[2];
    pthread_t t;

    begin(&s);
    add(&s, "tcp:127.0.0.1:0");
    qio_listener_set_max_connections(s.l, 1);
    serve(&s);
    c[0] = client(&s, 0);
    c[1] = client(&s, 0);
    await(&s, &s.n, 1);
    ck_assert_int_eq(pthread_create(&t, NULL, close_it, s.v[0]), 0);
    await(&s, &s.n, 2);
    pthread_join(t, NULL);
    qio_channel_unref(c[0]);
    qio_channel_unref(c[1]);
    finish(&s);
}
END_TEST

START_TEST(test_pause)
{
    struct server s = {.keep = MANY};
    QIOChannel *c[2];
    int done = 0;

    begin(&s);
    add(&s, "tcp:127.0.0.1:0,tls-creds=tls0");
    serve(&s);
    c[0] = tls_client(&s, 0, &done);
    while (!qio_listener_handshakes(s.l)) {
        ck_assert_int_eq(qio_loop_step(s.loop, 5000, NULL), 1);
    }
    qio_listener_pause(s.l);
    /* The handshake goes on; nobody else comes in. */
    c[1] = tls_client(&s, 0, &done);
    await(&s, &s.n, 1);
    await(&s, &done, 1);
    settle(&s);
    ck_assert_int_eq(s.n, 1);
    qio_listener_resume(s.l);
    await(&s, &s.n, 2);
    await(&s, &done, 2);
    qio_channel_unref(c[0]);
    qio_channel_unref(c[1]);
    finish(&s);
}
END_TEST

/* ---- clients that do not behave ---- */

START_TEST(test_handshake_deadline)
{
    struct server s = {.keep = MANY};
    QIOChannel *silent;
    char b;

    begin(&s);
    add(&s, "tcp:127.0.0.1:0,tls-creds=tls0");
    qio_listener_set_handshake_timeout(s.l, 50);
    serve(&s);
    silent = client(&s, 0);
    await(&s, &s.troubles, 1);
    ck_assert_int_eq(s.last, QIO_ERROR_TIMEOUT);
    ck_assert(s.last_had_channel);
    ck_assert_uint_eq(qio_listener_connections(s.l), 0);
    ck_assert_uint_eq(qio_listener_handshakes(s.l), 0);
    ck_assert_int_le(qio_channel_read(silent, &b, 1, NULL), 0);
    qio_channel_unref(silent);
    finish(&s);
}
END_TEST

START_TEST(test_garbage)
{
    struct server s = {.keep = MANY};
    QIOChannel *c;

    begin(&s);
    add(&s, "tcp:127.0.0.1:0,tls-creds=tls0");
    serve(&s);
    c = client(&s, 0);
    ck_assert_int_eq(
        qio_channel_write_all(c, "GET / HTTP/1.0\r\n\r\n", 18, NULL), 0);
    await(&s, &s.troubles, 1);
    ck_assert_int_eq(s.last, QIO_ERROR_TLS);
    qio_channel_unref(c);
    finish(&s);
}
END_TEST

/* More silent ones than there is place for: the oldest go, and a good one gets
 * through. */
START_TEST(test_silent_crowd)
{
    struct server s = {.keep = MANY};
    QIOChannel *c[MANY], *good;
    int done = 0;

    begin(&s);
    add(&s, "tcp:127.0.0.1:0,tls-creds=tls0");
    qio_listener_set_max_handshakes(s.l, 8);
    serve(&s);
    for (int i = 0; i < MANY; i++) {
        c[i] = client(&s, 0);
    }
    good = tls_client(&s, 0, &done);
    await(&s, &s.n, 1);
    await(&s, &done, 1);
    settle(&s);
    ck_assert_int_eq(s.n, 1);
    ck_assert_int_eq(s.last, QIO_ERROR_CANCELLED);
    ck_assert_int_eq(s.troubles, MANY + 1 - 8);
    ck_assert_uint_eq(qio_listener_handshakes(s.l), 7);
    ck_assert_uint_eq(qio_listener_connections(s.l), 8);
    for (int i = 0; i < MANY; i++) {
        qio_channel_unref(c[i]);
    }
    qio_channel_unref(good);
    finish(&s);
}
END_TEST

/* A burst does not drive out one who came just before. */
START_TEST(test_burst)
{
    struct server s = {.keep = MANY};
    QIOChannel *c[MANY];
    int64_t begin_us;

    begin(&s);
    add(&s, "tcp:127.0.0.1:0,tls-creds=tls0");
    qio_listener_set_max_handshakes(s.l, 2);
    serve(&s);
    begin_us = qiop_now_us();
    for (int i = 0; i < 6; i++) {
        c[i] = client(&s, 0);
    }
    for (int i = 0; i < 2; i++) {
        await(&s, &s.troubles, 2 * i + 1);
        ck_assert_int_eq(s.last, QIO_ERROR_CANCELLED);
        ck_assert_int_ge(qiop_now_us() - begin_us, (i + 1) * 100000 - 1000);
        ck_assert_uint_le(qio_listener_handshakes(s.l), 2);
    }
    await(&s, &s.troubles, 4);
    /* A place that is left is taken at once. */
    for (int i = 0; i < 6; i++) {
        qio_channel_unref(c[i]);
    }
    await(&s, &s.troubles, 6);
    ck_assert_uint_eq(qio_listener_handshakes(s.l), 0);
    finish(&s);
}
END_TEST

/* Without descriptors nobody new is accepted, nobody in is lost, and those who
 * wait get in when there are some again. */
START_TEST(test_no_descriptors)
{
    struct server s = {.keep = MANY};
    struct rlimit before, tight;
    QIOChannel *c[3];
    int last;

    begin(&s);
    add(&s, "tcp:127.0.0.1:0");
    serve(&s);
    c[0] = client(&s, 0);
    await(&s, &s.n, 1);
    c[1] = client(&s, 0);
    c[2] = client(&s, 0);
    last = qiop_fd_eventfd(0, NULL);
    close(last);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = before;
    tight.rlim_cur = (rlim_t)last;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
    await(&s, &s.troubles, 1);
    ck_assert_int_eq(s.last, QIO_ERROR_SYSTEM);
    ck_assert(!s.last_had_channel);
    ck_assert_int_eq(s.n, 1);
    /* It does not spin. */
    settle(&s);
    ck_assert_int_eq(s.troubles, 1);
    ck_assert_int_eq(qio_channel_write_all(c[0], "x", 1, NULL), 0);
    ck_assert_int_eq(qio_channel_read_all(s.v[0], (char[1]){0}, 1, NULL), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    await(&s, &s.n, 3);
    for (int i = 0; i < 3; i++) {
        qio_channel_unref(c[i]);
    }
    finish(&s);
}
END_TEST

/* ---- ends ---- */

static void *shut(void *opaque)
{
    usleep(20000);
    qio_listener_shutdown(opaque);
    return NULL;
}

START_TEST(test_ends)
{
    struct server s = {.keep = MANY};
    QIOError *err = NULL;
    QIOChannel *silent;
    pthread_t t;

    begin(&s);
    add(&s, "tcp:127.0.0.1:0,tls-creds=tls0");
    serve(&s);
    silent = client(&s, 0);
    while (!qio_listener_handshakes(s.l)) {
        ck_assert_int_eq(qio_loop_step(s.loop, 5000, NULL), 1);
    }
    ck_assert_int_eq(qio_listener_serve(s.l, QIO_ENDPOINT_READWRITE, s.loop,
                                        &funcs, &s, &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_STATE);
    ck_assert_int_eq(s.destroyed, 1);
    s.destroyed = 0;
    switch (_i) {
    case 0:
        qio_listener_stop(s.l);
        qio_listener_stop(s.l);
        settle(&s);
        ck_assert_int_eq(s.destroyed, 1);
        ck_assert_uint_eq(qio_listener_connections(s.l), 0);
        s.destroyed = 0;
        serve(&s);
        break;
    case 1: /* the loop goes first */
        qio_loop_free(s.loop);
        s.loop = NULL;
        ck_assert_int_eq(s.destroyed, 1);
        break;
    case 2:
        ck_assert_int_eq(pthread_create(&t, NULL, shut, s.l), 0);
        await(&s, &s.destroyed, 1);
        pthread_join(t, NULL);
        break;
    case 3:
        s.free_it = true;
        qio_channel_close(silent, NULL);
        await(&s, &s.troubles, 1);
        ck_assert_int_eq(s.destroyed, 1);
        break;
    default: /* with one whose place was taken */
        qio_listener_set_max_handshakes(s.l, 1);
        qio_channel_unref(silent);
        silent = client(&s, 0);
        break;
    }
    qio_channel_unref(silent);
    finish(&s);
}
END_TEST

/* The listener is freed by the very function that it calls, with other clients
 * at the door. */
START_TEST(test_freed_within)
{
    struct server s = {.keep = MANY, .free_it = true};
    QIOChannel *c[3];

    begin(&s);
    add(&s, "tcp:127.0.0.1:0");
    add(&s, "tcp:127.0.0.1:0");
    if (_i) {
        add(&s, "exec:cat");
    }
    serve(&s);
    for (int i = 0; i < 3; i++) {
        c[i] = client(&s, (size_t)i % 2);
    }
    await(&s, &s.n, 1);
    settle(&s);
    ck_assert_int_eq(s.n, 1);
    ck_assert_int_eq(s.destroyed, 1);
    for (int i = 0; i < 3; i++) {
        qio_channel_unref(c[i]);
    }
    finish(&s);
}
END_TEST

START_TEST(test_cannot_open)
{
    struct server s = {.keep = MANY};

    begin(&s);
    add(&s, "file:/nonexistent/file");
    serve(&s);
    await(&s, &s.troubles, 1);
    settle(&s);
    ck_assert_int_eq(s.troubles, 1);
    finish(&s);
}
END_TEST

START_TEST(test_add_while_serving)
{
    struct server s = {.keep = MANY};
    QIOEndpoint *ep = qio_endpoint_parse("tcp:127.0.0.1:0", NULL);
    QIOError *err = NULL;

    begin(&s);
    serve(&s);
    ck_assert_int_eq(qio_listener_add(s.l, ep, NULL, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_STATE);
    qio_endpoint_free(ep);
    finish(&s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("serve");
    TCase *tc = qiotest_case(s, "serve");

    tcase_add_test(tc, test_many_kinds);
    tcase_add_test(tc, test_not_kept);
    tcase_add_test(tc, test_max_connections);
    tcase_add_test(tc, test_closed_by_a_thread);
    tcase_add_test(tc, test_pause);
    tcase_add_test(tc, test_handshake_deadline);
    tcase_add_test(tc, test_garbage);
    tcase_add_test(tc, test_silent_crowd);
    tcase_add_test(tc, test_burst);
    tcase_add_test(tc, test_no_descriptors);
    tcase_add_loop_test(tc, test_ends, 0, 5);
    tcase_add_loop_test(tc, test_freed_within, 0, 2);
    tcase_add_test(tc, test_cannot_open);
    tcase_add_test(tc, test_add_while_serving);
    return qiotest_main(s);
}
