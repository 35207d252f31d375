/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The TLS channel: a cork holds whole records back and lets them go in
 * batches. */
#include <config.h>
#include <string.h>
#include <sys/ioctl.h>
#include <qio/channel-socket.h>
#include <qio/channel-tls.h>
#include "pairs.h"
#include "qiotest.h"
#include "tlspair.h"

#define PIECE 1000
#define BATCH (64 << 10)

static const char *const versions[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.2",
                                       "NORMAL:-VERS-ALL:+VERS-TLS1.3"};

static QIOChannel *client, *server;
static QIOChannel *base[2];
static QIOError *err;

static void setup(int version)
{
    struct tlspair_creds creds;
    QIOError *e = NULL;

    ck_assert_int_eq(pair_unix(NULL, base, &e), 0);
    tlspair_creds_make(&creds, versions[version]);
    client = qio_channel_tls_new_client(base[0], creds.client, "localhost", &e);
    qiotest_ok(&e);
    server = qio_channel_tls_new_server(base[1], creds.server, NULL, &e);
    qiotest_ok(&e);
    ck_assert_int_eq(qio_channel_tls_set_buffers(client, BATCH, 0, &e), 0);
    tlspair_handshake(client, server, &(struct tlspair_result){0},
                      &(struct tlspair_result){0});
    tlspair_creds_free(&creds);
    /* Tickets, if there were any, are out of the way. */
    pair_expect_talk(client, server);
}

static void teardown(void)
{
    qio_channel_unref(client);
    qio_channel_unref(server);
    qio_channel_unref(base[0]);
    qio_channel_unref(base[1]);
}

/* Encrypted bytes that lie at the server's door. */
static int arrived(void)
{
    int n = -1;

    ck_assert_int_eq(ioctl(qio_channel_socket_get_fd(base[1]), FIONREAD, &n),
                     0);
    return n;
}

static void write_pieces(int n)
{
    static const char piece[PIECE] = "piece";

    while (n-- > 0) {
        ck_assert_int_eq(qio_channel_write_all(client, piece, PIECE, &err), 0);
        qiotest_ok(&err);
    }
}

static void expect_pieces(int n)
{
    char piece[PIECE];

    while (n-- > 0) {
        ck_assert_int_eq(qio_channel_read_all(server, piece, PIECE, &err), 0);
        qiotest_ok(&err);
        ck_assert_str_eq(piece, "piece");
    }
}

START_TEST(held_until_uncorked)
{
    setup(_i);
    qio_channel_set_cork(client, true);
    write_pieces(20);
    ck_assert_int_eq(arrived(), 0);
    qio_channel_set_cork(client, false);
    ck_assert_int_gt(arrived(), 20 * PIECE);
    expect_pieces(20);
    write_pieces(1);
    ck_assert_int_gt(arrived(), PIECE);
    expect_pieces(1);
    teardown();
}
END_TEST

START_TEST(held_until_flushed)
{
    setup(_i);
    qio_channel_set_cork(client, true);
    for (int i = 0; i < 2; i++) {
        write_pieces(3);
        ck_assert_int_eq(arrived(), 0);
        ck_assert_int_eq(qio_channel_flush(client, &err), 0);
        ck_assert_int_gt(arrived(), 3 * PIECE);
        expect_pieces(3);
    }
    teardown();
}
END_TEST

/* No more is held than is gathered for one write. */
START_TEST(held_until_enough)
{
    int n = 0;

    setup(_i);
    qio_channel_set_cork(client, true);
    while (arrived() == 0) {
        ck_assert_int_le(n * PIECE, BATCH);
        write_pieces(1);
        n++;
    }
    ck_assert_int_ge(arrived(), BATCH);
    ck_assert_int_ge(n * PIECE, BATCH - BATCH / 8);
    expect_pieces(n);
    teardown();
}
END_TEST

START_TEST(nonblocking)
{
    static const char piece[PIECE] = "piece";

    setup(_i);
    qio_channel_set_blocking(client, false);
    qio_channel_set_cork(client, true);
    ck_assert_int_eq(qio_channel_write(client, piece, PIECE, &err), PIECE);
    ck_assert_int_eq(arrived(), 0);
    qio_channel_set_cork(client, false);
    ck_assert_int_gt(arrived(), PIECE);
    expect_pieces(1);
    teardown();
}
END_TEST

/* The goodbye does not overtake. */
START_TEST(ended)
{
    char byte;

    setup(_i);
    qio_channel_set_cork(client, true);
    write_pieces(2);
    ck_assert_int_eq(
        qio_channel_shutdown(client, QIO_CHANNEL_SHUTDOWN_WRITE, &err), 0);
    expect_pieces(2);
    ck_assert_int_eq(qio_channel_read(server, &byte, 1, &err), 0);
    qiotest_ok(&err);
    teardown();
}
END_TEST

/* Before the handshake there is nothing to hold. */
START_TEST(before_opening)
{
    QIOChannel *ioc;
    struct tlspair_creds creds;

    ck_assert_int_eq(pair_unix(NULL, base, &err), 0);
    tlspair_creds_make(&creds, NULL);
    ioc = qio_channel_tls_new_client(base[0], creds.client, "localhost", &err);
    qiotest_ok(&err);
    qio_channel_set_cork(ioc, true);
    qio_channel_set_cork(ioc, false);
    ck_assert_int_eq(arrived(), 0);
    qio_channel_unref(ioc);
    qio_channel_unref(base[0]);
    qio_channel_unref(base[1]);
    tlspair_creds_free(&creds);
}
END_TEST

/* A cork that holds until the reader wants it: only his side may read. */
START_TEST(peer_gone)
{
    setup(_i);
    qio_channel_set_cork(client, true);
    write_pieces(1);
    ck_assert_int_eq(qio_channel_close(server, &err), 0);
    ck_assert_int_eq(qio_channel_close(base[1], &err), 0);
    qio_channel_set_cork(client, false);
    ck_assert_int_eq(qio_channel_flush(client, &err), -1);
    qiotest_error(&err, QIO_ERROR_BROKEN);
    teardown();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("channel/tls-cork");
    TCase *tc = qiotest_case(s, "cork");

    tcase_add_loop_test(tc, held_until_uncorked, 0, 2);
    tcase_add_loop_test(tc, held_until_flushed, 0, 2);
    tcase_add_loop_test(tc, held_until_enough, 0, 2);
    tcase_add_loop_test(tc, nonblocking, 0, 2);
    tcase_add_loop_test(tc, ended, 0, 2);
    tcase_add_test(tc, before_opening);
    tcase_add_loop_test(tc, peer_gone, 0, 2);
    return qiotest_main(s);
}
