/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cuts by script: what a trickle layer does, and how TLS takes it at every
 * place of a stream. */
#include <config.h>
#include "pairs.h"
#include "qiotest.h"
#include "tlspair.h"
#include "trickle.h"

#include <pthread.h>
#include <string.h>
#include <qio/channel-unix.h>

static QIOError *err;

/* Over pair[1], by this script; pair[0] stays as it is. */
static void make_pair(QIOChannel *pair[2], const struct trickle_script *script)
{
    QIOChannel *top;

    ck_assert_int_eq(qio_channel_unix_pair(pair, &err), 0);
    top = trickle_new(pair[1], script, &err);
    qiotest_ok(&err);
    qio_channel_unref(pair[1]);
    pair[1] = top;
}

static void drop_pair(QIOChannel *pair[2])
{
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
}

START_TEST(splits_what_it_moves)
{
    struct trickle_script s = {.max_read = 3, .max_write = 2};
    QIOChannel *pair[2];
    char buf[8];

    make_pair(pair, &s);
    ck_assert_int_eq(qio_channel_write_all(pair[0], "abcd", 4, &err), 0);
    ck_assert_int_eq(qio_channel_read(pair[1], buf, 8, &err), 3);
    ck_assert_int_eq(qio_channel_read(pair[1], buf + 3, 5, &err), 1);
    ck_assert_mem_eq(buf, "abcd", 4);
    ck_assert_int_eq(qio_channel_write(pair[1], "abcd", 4, &err), 2);
    qiotest_ok(&err);
    drop_pair(pair);
}
END_TEST

START_TEST(stutters)
{
    struct trickle_script s = {.stutter = true, .pause_us = 1000};
    QIOChannel *pair[2];
    char c;

    make_pair(pair, &s);
    ck_assert_int_eq(qio_channel_write_all(pair[0], "ab", 2, &err), 0);
    qio_channel_set_blocking(pair[1], false);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(qio_channel_read(pair[1], &c, 1, &err),
                         QIO_CHANNEL_ERR_BLOCK);
        ck_assert_int_eq(qio_channel_wait(pair[1], QIO_EVENT_IN, 5000, &err),
                         QIO_EVENT_IN);
        ck_assert_int_eq(qio_channel_read(pair[1], &c, 1, &err), 1);
        ck_assert_int_eq(c, "ab"[i]);
    }
    qiotest_ok(&err);
    drop_pair(pair);
}
END_TEST

START_TEST(cuts)
{
    struct trickle_script fails = {.cut_read = 2, .cut_write = 3};
    struct trickle_script ends = {.cut_read = 2, .cut_is_eof = true};
    QIOChannel *pair[2];
    char buf[8];

    make_pair(pair, &fails);
    ck_assert_int_eq(qio_channel_write_all(pair[0], "abcd", 4, &err), 0);
    ck_assert_int_eq(qio_channel_read(pair[1], buf, 8, &err), 2);
    ck_assert_int_eq(qio_channel_read(pair[1], buf, 8, &err), -1);
    qiotest_error(&err, QIO_ERROR_BROKEN);
    ck_assert_int_eq(qio_channel_write(pair[1], "abcd", 4, &err), 3);
    ck_assert_int_eq(qio_channel_write(pair[1], "d", 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_BROKEN);
    drop_pair(pair);
    make_pair(pair, &ends);
    ck_assert_int_eq(qio_channel_write_all(pair[0], "abcd", 4, &err), 0);
    ck_assert_int_eq(qio_channel_read_all(pair[1], buf, 3, &err), -1);
    qiotest_error(&err, QIO_ERROR_EOF);
    drop_pair(pair);
}
END_TEST

/* ---- under TLS ---- */

#define MESSAGE "a migration stream that must not look whole when it is not"

struct cut_run {
    bool opened;   /* the handshake came through */
    ssize_t total; /* application bytes read */
    ssize_t last;  /* 0 or -1 */
    QIOErrorCode code;
};

/* Say it all, and goodbye; what fails is seen at the other end. */
static void *talk(void *opaque)
{
    QIOChannel *client = opaque;

    if (qio_channel_open_sync(client, 10000, NULL) == 0 &&
        qio_channel_write_all(client, MESSAGE, strlen(MESSAGE), NULL) == 0) {
        qio_channel_shutdown(client, QIO_CHANNEL_SHUTDOWN_WRITE, NULL);
        (void)!qio_channel_flush(client, NULL);
    }
    return NULL;
}

/* A TLS server that reads through a script. */
static struct cut_run run_cut(const struct tlspair_creds *creds, size_t cut,
                              bool eof)
{
    struct trickle_script s = {.cut_read = cut, .cut_is_eof = eof};
    struct cut_run r = {.last = -1};
    QIOChannel *base[2], *client, *server;
    char buf[4096];
    pthread_t thread;

    make_pair(base, &s);
    client =
        qio_channel_tls_new_client(base[0], creds->client, "localhost", &err);
    qiotest_ok(&err);
    server = qio_channel_tls_new_server(base[1], creds->server, NULL, &err);
    qiotest_ok(&err);
    drop_pair(base);
    ck_assert_int_eq(pthread_create(&thread, NULL, talk, client), 0);
    r.opened = qio_channel_open_sync(server, 10000, &err) == 0;
    if (r.opened) {
        qio_channel_set_timeout(server, 10000);
        do {
            r.last = qio_channel_read(server, buf, sizeof(buf), &err);
            r.total += r.last > 0 ? r.last : 0;
        } while (r.last > 0);
    }
    r.code = qio_error_code(err);
    qio_error_free(err);
    err = NULL;
    qio_channel_unref(server);
    pthread_join(thread, NULL);
    qio_channel_unref(client);
    return r;
}

/* Wherever the transport ends, in the handshake too, the reader never takes
 * it for the end of the stream, until the goodbye is through. */
static void cut_everywhere(bool eof)
{
    struct tlspair_creds creds;
    bool whole = false;
    size_t cut = 1;
    int in_handshake = 0, in_stream = 0;

    tlspair_creds_make_psk(&creds, NULL);
    for (; cut < 20000 && !whole; cut += cut < 300 ? 23 : 1) {
        struct cut_run r = run_cut(&creds, cut, eof);

        in_handshake += !r.opened;
        in_stream += r.opened && r.last < 0;
        whole = r.opened && r.last == 0;
        if (whole) {
            ck_assert_int_eq(r.total, strlen(MESSAGE));
            break;
        }
        ck_assert_int_eq(r.last, -1);
        ck_assert_int_ne(r.code, QIO_ERROR_NONE);
        if (r.opened) {
            ck_assert_int_eq(r.code,
                             eof ? QIO_ERROR_TLS_TRUNCATED : QIO_ERROR_BROKEN);
        }
    }
    ck_assert(whole);
    ck_assert_int_gt(in_handshake, 5);
    ck_assert_int_gt(in_stream, 5);
    tlspair_creds_free(&creds);
}

START_TEST(tls_over_an_early_end)
{
    cut_everywhere(true);
}
END_TEST

START_TEST(tls_over_a_failure)
{
    cut_everywhere(false);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("trickle");
    TCase *tc = qiotest_case(s, "trickle");

    tcase_add_test(tc, splits_what_it_moves);
    tcase_add_test(tc, stutters);
    tcase_add_test(tc, cuts);
    tc = qiotest_case(s, "tls over cuts");
    tcase_add_test(tc, tls_over_an_early_end);
    tcase_add_test(tc, tls_over_a_failure);
    return qiotest_main(s);
}
