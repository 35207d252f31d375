/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Migration channels as tasks, both ends in one loop. */
#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include <qio/listener.h>
#include <qio/migration/connect.h>
#include "loop/waiter.h"
#include "tlsdir.h"

#define MANY 5

static QIOLoop *loop;
static QIOObjects *objects;
static char uri[160];

static void begin(void)
{
    loop = qio_loop_new(NULL);
    ck_assert_ptr_nonnull(loop);
    objects = tlsdir_objects();
    snprintf(uri, sizeof(uri), "unix:%s/sock", qiotest_tmpdir());
}

static void finish(void)
{
    qio_loop_free(loop);
    qio_objects_free(objects);
}

static void connect_with(const char *creds, const char *hostname,
                         struct waiter *w)
{
    QIOError *err = NULL;

    ck_assert_ptr_nonnull(
        qio_migration_connect_async(uri, creds, hostname, objects, loop, 20000,
                                    waiter_fn, w, waiter_destroy, &err));
    qiotest_ok(&err);
}

START_TEST(test_accept)
{
    static const struct {
        const char *server, *client, *hostname;
        QIOErrorCode in, out;
    } ways[] = {
        {NULL, NULL, NULL, QIO_ERROR_NONE, QIO_ERROR_NONE},
        {"x509-server", "x509-client", TLSDIR_HOST, QIO_ERROR_NONE,
         QIO_ERROR_NONE},
        {"psk-server", "psk-client", NULL, QIO_ERROR_NONE, QIO_ERROR_NONE},
        {"x509-server", "x509-client", "b.example", QIO_ERROR_TLS_REJECTED,
         QIO_ERROR_TLS_VERIFY},
    };
    struct waiter in = {0}, out = {0};

    begin();
    ck_assert_ptr_nonnull(qio_migration_accept_async(
        uri, ways[_i].server, NULL, objects, loop, 20000, waiter_fn, &in,
        waiter_destroy, NULL));
    ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
    connect_with(ways[_i].client, ways[_i].hostname, &out);
    waiter_wait(&out, loop);
    waiter_wait(&in, loop);
    ck_assert_int_eq(qio_error_code(in.err), ways[_i].in);
    ck_assert_int_eq(qio_error_code(out.err), ways[_i].out);
    ck_assert_int_eq(in.ioc != NULL, ways[_i].in == QIO_ERROR_NONE);
    waiter_clear(&in);
    waiter_clear(&out);
    finish();
}
END_TEST

static QIOListener *taken;
static int served;

static void take_listener(QIOTask *task, void *opaque)
{
    taken = qio_task_take_result(task);
    waiter_fn(task, opaque);
}

static void serve_one(QIOListener *l, QIOChannel *ioc, void *opaque)
{
    (void)l;
    (void)opaque;
    ck_assert(qio_channel_is_open(ioc));
    served++;
}

/* One thread, many migrations. */
START_TEST(test_many)
{
    static const QIOListenerFuncs funcs = {.connection = serve_one};
    struct waiter listening = {0}, out[MANY] = {{0}};

    begin();
    ck_assert_ptr_nonnull(qio_migration_listen_async(
        uri, "psk-server", NULL, objects, loop, 20000, take_listener,
        &listening, waiter_destroy, NULL));
    waiter_wait(&listening, loop);
    qiotest_ok(&listening.err);
    ck_assert_int_eq(qio_listener_serve(taken, QIO_ENDPOINT_READWRITE, loop,
                                        &funcs, NULL, NULL),
                     0);
    for (int i = 0; i < MANY; i++) {
        connect_with("psk-client", NULL, &out[i]);
    }
    for (int i = 0; i < MANY; i++) {
        waiter_wait(&out[i], loop);
        qiotest_ok(&out[i].err);
        waiter_clear(&out[i]);
    }
    while (served < MANY) {
        ck_assert_int_ge(qio_loop_step(loop, 1000, NULL), 0);
    }
    qio_listener_free(taken);
    finish();
}
END_TEST

START_TEST(test_failing_calls)
{
    struct waiter w = {0};
    QIOError *err = NULL;

    begin();
    ck_assert_ptr_null(qio_migration_connect_async("nonsense", NULL, NULL,
                                                   objects, loop, -1, waiter_fn,
                                                   &w, waiter_destroy, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_migration_listen_async(uri, "no-such-id", NULL,
                                                  objects, loop, -1, waiter_fn,
                                                  &w, waiter_destroy, &err));
    qiotest_error(&err, QIO_ERROR_NOT_FOUND);
    ck_assert_ptr_null(qio_migration_accept_async(uri, "psk-client", NULL,
                                                  objects, loop, -1, waiter_fn,
                                                  &w, waiter_destroy, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(w.calls, 0);
    ck_assert_int_eq(w.destroyed, 3);
    finish();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("connect-async");
    TCase *tc = qiotest_case(s, "connect-async");

    tcase_add_loop_test(tc, test_accept, 0, 4);
    tcase_add_test(tc, test_many);
    tcase_add_test(tc, test_failing_calls);
    return qiotest_main(s);
}
