/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Saying goodbye with a deadline, above all where TLS holds output; and what
 * the other direction can do afterwards. */
#include <config.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <qio/channel-fd.h>
#include <qio/channel-tls.h>
#include "base/fd.h"
#include "pairs.h"
#include "qiotest.h"
#include "tlspair.h"

static const char *const versions[] = {
    "NORMAL:-VERS-ALL:+VERS-TLS1.2",
    "NORMAL:-VERS-ALL:+VERS-TLS1.3",
};

static QIOChannel *base[2], *client, *server;
static QIOError *err;

static void begin(int version)
{
    struct tlspair_creds creds;

    tlspair_creds_make(&creds, versions[version]);
    ck_assert_int_eq(pair_unix(NULL, base, &err), 0);
    tlspair_open(&creds, base[0], base[1], &client, &server);
    tlspair_creds_free(&creds);
}

static void finish(void)
{
    qio_channel_unref(client);
    qio_channel_unref(server);
    qio_channel_unref(base[0]);
    qio_channel_unref(base[1]);
}

/* Write until nothing more is taken. */
static size_t fill(QIOChannel *ioc)
{
    char buf[4096] = "";
    size_t total = 0;
    ssize_t n;

    qio_channel_set_blocking(ioc, false);
    while ((n = qio_channel_write(ioc, buf, sizeof(buf), &err)) > 0) {
        total += (size_t)n;
    }
    ck_assert_int_eq(n, QIO_CHANNEL_ERR_BLOCK);
    return total;
}

static void *drain(void *opaque)
{
    static char buf[65536];
    size_t total = 0;
    ssize_t n;

    while ((n = qio_channel_read(opaque, buf, sizeof(buf), NULL)) > 0) {
        total += (size_t)n;
    }
    /* Not by way of a cut. */
    return n == 0 ? (void *)total : NULL;
}

/* Nobody reads; then somebody does, and the same goodbye leaves. */
START_TEST(deadline)
{
    pthread_t thread;
    size_t total;
    void *got;

    begin(_i);
    total = fill(client);
    ck_assert_int_eq(qio_channel_bye_sync(client, 20, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    qio_channel_set_blocking(client, true);
    ck_assert_int_eq(qio_channel_bye_sync(client, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    ck_assert_int_eq(qio_channel_write(client, "x", 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    ck_assert_int_eq(pthread_create(&thread, NULL, drain, server), 0);
    /* Its own limit is for other calls. */
    qio_channel_set_timeout(client, 1);
    ck_assert_int_eq(qio_channel_bye_sync(client, 20000, &err), 0);
    qiotest_ok(&err);
    pthread_join(thread, &got);
    ck_assert_uint_eq((size_t)got, total);
    ck_assert_int_eq(qio_channel_bye_sync(client, -1, &err), 0);
    qiotest_ok(&err);
    finish();
}
END_TEST

/* Each direction ends for itself. */
START_TEST(both_ways)
{
    char buf[16];
    int i;

    begin(_i);
    ck_assert_int_eq(qio_channel_bye_sync(client, 5000, &err), 0);
    ck_assert_int_eq(qio_channel_read(server, buf, sizeof(buf), &err), 0);
    for (i = 0; i < 3; i++) {
        ck_assert_int_eq(qio_channel_write_all(server, "later", 5, &err), 0);
        ck_assert_int_eq(qio_channel_read_all(client, buf, 5, &err), 0);
        ck_assert_mem_eq(buf, "later", 5);
    }
    /* The peer's goodbye has its own limit. */
    qio_channel_set_timeout(client, 20);
    ck_assert_int_eq(qio_channel_read(client, buf, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    qio_channel_set_timeout(client, -1);
    ck_assert_int_eq(qio_channel_bye_sync(server, 5000, &err), 0);
    ck_assert_int_eq(qio_channel_read(client, buf, 1, &err), 0);
    ck_assert_int_eq(qio_channel_read(server, buf, 1, &err), 0);
    qiotest_ok(&err);
    finish();
}
END_TEST

static void *say_bye(void *opaque)
{
    QIOError *why = NULL;

    ck_assert_int_eq(qio_channel_bye_sync(opaque, 20000, &why), -1);
    qiotest_error(&why, QIO_ERROR_SHUTDOWN);
    return NULL;
}

START_TEST(given_up)
{
    pthread_t thread;

    begin(_i);
    (void)fill(client);
    ck_assert_int_eq(pthread_create(&thread, NULL, say_bye, client), 0);
    usleep(20000);
    ck_assert_int_eq(
        qio_channel_shutdown(client, QIO_CHANNEL_SHUTDOWN_BOTH, &err), 0);
    pthread_join(thread, NULL);
    qiotest_ok(&err);
    finish();
}
END_TEST

START_TEST(peer_gone)
{
    begin(_i);
    (void)fill(client);
    qio_channel_close(server, NULL);
    ck_assert_int_eq(qio_channel_bye_sync(client, 20000, &err), -1);
    qiotest_error(&err, QIO_ERROR_BROKEN);
    finish();
}
END_TEST

/* A pipe cannot end a direction but by closing it. */
START_TEST(none_to_say)
{
    QIOChannel *pipes;
    int fd[2];

    ck_assert_int_eq(qiop_fd_pipe(fd, false, NULL), 0);
    pipes = qio_channel_fd_new(fd[1], NULL);
    ck_assert_int_eq(qio_channel_bye_sync(pipes, 0, &err), 0);
    qiotest_ok(&err);
    qio_channel_unref(pipes);
    qiop_fd_close(fd[0]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("channel-tls-bye");
    TCase *tc = qiotest_case(s, "bye");

    tcase_add_loop_test(tc, deadline, 0, 2);
    tcase_add_loop_test(tc, both_ways, 0, 2);
    tcase_add_loop_test(tc, given_up, 0, 2);
    tcase_add_loop_test(tc, peer_gone, 0, 2);
    tcase_add_test(tc, none_to_say);
    return qiotest_main(s);
}
