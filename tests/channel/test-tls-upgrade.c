/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLS in the middle of a stream: over everything, and never with bytes that
 * came before it. */
#include <config.h>
#include <string.h>
#include <qio/channel-tls.h>
#include "pairs.h"
#include "qiotest.h"
#include "stacks.h"
#include "tlspair.h"

#define ASK "STARTTLS\n"
#define YES "YES\n"
#define EVIL "EVIL\n"

/* The last one stutters: it says that nothing is there when something is, so
 * that bytes are not found before the handshake stumbles over them. */
static const char *const beneath[] = {
    "socketpair", "unix",           "tcp",
    "pipes",      "command",        "buffer",
    "tcp,ws",     "socketpair,tls", "tcp,tls,ws",
    "tcp,ws,tls", "buffer,trickle",
};

static void write_bytes(QIOChannel *ioc, const void *data, size_t len)
{
    QIOError *err = NULL;

    ck_assert_int_eq(qio_channel_write_all(ioc, data, len, &err), 0);
    qiotest_ok(&err);
}

static void write_text(QIOChannel *ioc, const char *text)
{
    write_bytes(ioc, text, strlen(text));
}

static void read_text(QIOChannel *ioc, const char *text)
{
    char buf[64];
    QIOError *err = NULL;

    ck_assert_int_eq(qio_channel_read_all(ioc, buf, strlen(text), &err), 0);
    qiotest_ok(&err);
    ck_assert_int_eq(memcmp(buf, text, strlen(text)), 0);
}

static void expect_early(QIOError **errp)
{
    ck_assert_ptr_nonnull(*errp);
    ck_assert_ptr_nonnull(strstr(qio_error_message(*errp), "ahead of"));
    qiotest_error(errp, QIO_ERROR_TLS);
}

static void drop(QIOChannel *pair[2])
{
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
}

START_TEST(over_everything)
{
    struct tlspair_creds creds;
    QIOChannel *pair[2], *client, *server;
    QIOError *err = NULL;

    ck_assert_int_eq(stack_make((void *)beneath[_i], pair, &err), 0);
    write_text(pair[0], ASK);
    read_text(pair[1], ASK);
    ck_assert_int_eq(qio_channel_tls_check_upgrade(pair[1], 0, &err), 0);
    write_text(pair[1], YES);
    read_text(pair[0], YES);
    ck_assert_int_eq(qio_channel_tls_check_upgrade(pair[0], 0, &err), 0);
    tlspair_creds_make_psk(&creds, NULL);
    tlspair_open(&creds, pair[0], pair[1], &client, &server);
    tlspair_creds_free(&creds);
    write_text(client, "ping");
    read_text(server, "ping");
    write_text(server, "pong");
    read_text(client, "pong");
    qio_channel_unref(client);
    qio_channel_unref(server);
    drop(pair);
}
END_TEST

/* Bytes behind the answer, in the same segment where there are any. */
START_TEST(behind_the_yes)
{
    struct tlspair_creds creds;
    QIOChannel *pair[2], *client;
    QIOError *err = NULL;
    char buf[8];

    ck_assert_int_eq(stack_make((void *)beneath[_i], pair, &err), 0);
    write_text(pair[1], YES EVIL);
    read_text(pair[0], YES);
    tlspair_creds_make_psk(&creds, NULL);
    client = qio_channel_tls_new_client(pair[0], creds.client, NULL, &err);
    ck_assert_int_eq(qio_channel_wait(pair[0], QIO_EVENT_IN, -1, &err),
                     QIO_EVENT_IN);
    ck_assert_int_eq(qio_channel_open_sync(client, -1, &err), -1);
    expect_early(&err);
    ck_assert_int_eq(qio_channel_read(client, buf, sizeof(buf), &err), -1);
    qiotest_error(&err, QIO_ERROR_STATE);
    qio_channel_unref(client);
    tlspair_creds_free(&creds);
    drop(pair);
}
END_TEST

START_TEST(behind_the_request)
{
    QIOChannel *pair[2];
    QIOError *err = NULL;

    ck_assert_int_eq(stack_make((void *)beneath[_i], pair, &err), 0);
    write_text(pair[0], ASK EVIL);
    read_text(pair[1], ASK);
    ck_assert_int_eq(qio_channel_wait(pair[1], QIO_EVENT_IN, -1, &err),
                     QIO_EVENT_IN);
    ck_assert_int_eq(qio_channel_tls_check_upgrade(pair[1], 0, &err), -1);
    expect_early(&err);
    drop(pair);
}
END_TEST

/* They sit in the buffer of a reader that reads on. */
START_TEST(in_the_readers_hands)
{
    QIOChannel *pair[2];
    QIOError *err = NULL;
    char buf[64];
    ssize_t n;

    ck_assert_int_eq(pair_unix(NULL, pair, &err), 0);
    write_text(pair[0], ASK EVIL);
    n = qio_channel_read(pair[1], buf, sizeof(buf), &err);
    ck_assert_int_eq(n, (ssize_t)strlen(ASK EVIL));
    ck_assert_int_eq(
        qio_channel_tls_check_upgrade(pair[1], (size_t)n - strlen(ASK), &err),
        -1);
    expect_early(&err);
    drop(pair);
}
END_TEST

START_TEST(an_end_is_no_byte)
{
    QIOChannel *pair[2];
    QIOError *err = NULL;

    ck_assert_int_eq(qio_channel_tls_check_upgrade(NULL, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(pair_unix(NULL, pair, &err), 0);
    qio_channel_unref(pair[1]);
    ck_assert_int_eq(qio_channel_tls_check_upgrade(pair[0], 0, &err), 0);
    qio_channel_unref(pair[0]);
}
END_TEST

/* A plaintext record of application data, as TLS looks. */
static const unsigned char fake[] = {23, 3, 3, 0, 5, 'E', 'V', 'I', 'L', '\n'};

/* Whoever is in between waits until the server has said yes. Nothing can tell
 * that from what the client sends, but it is no handshake. */
START_TEST(between_yes_and_hello)
{
    struct tlspair_result c, s;
    struct tlspair_creds creds;
    QIOChannel *pair[2], *client, *server;
    QIOError *err = NULL;
    char buf[8];

    ck_assert_int_eq(pair_unix(NULL, pair, &err), 0);
    if (_i) {
        write_bytes(pair[0], fake, sizeof(fake));
    } else {
        write_text(pair[0], EVIL);
    }
    tlspair_creds_make_psk(&creds, NULL);
    client = qio_channel_tls_new_client(pair[0], creds.client, NULL, &err);
    server = qio_channel_tls_new_server(pair[1], creds.server, NULL, &err);
    tlspair_handshake(client, server, &c, &s);
    ck_assert_int_eq(s.ret, -1);
    qiotest_error(&s.err, QIO_ERROR_TLS);
    ck_assert_int_eq(c.ret, -1);
    qio_error_free(c.err);
    ck_assert_int_eq(qio_channel_read(server, buf, sizeof(buf), &err), -1);
    qiotest_error(&err, QIO_ERROR_STATE);
    qio_channel_unref(client);
    qio_channel_unref(server);
    tlspair_creds_free(&creds);
    drop(pair);
}
END_TEST

int main(void)
{
    const int n = sizeof(beneath) / sizeof(beneath[0]);
    Suite *s = suite_create("tls-upgrade");
    TCase *tc = qiotest_case(s, "upgrade");

    tcase_add_loop_test(tc, over_everything, 0, n);
    tcase_add_loop_test(tc, behind_the_yes, 0, n - 1);
    tcase_add_loop_test(tc, behind_the_request, 0, n - 1);
    tcase_add_test(tc, in_the_readers_hands);
    tcase_add_test(tc, an_end_is_no_byte);
    tcase_add_loop_test(tc, between_yes_and_hello, 0, 2);
    return qiotest_main(s);
}
