/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a peer may send besides data after the handshake: requests for new keys
 * at any time, renegotiation, floods. The peer's GnuTLS session is used
 * directly, for ours would not do such things. */
#include <config.h>
#include "sessionpair.h"
#include "tlspair.h"
#include "tls/session-priv.h"

#define TLS12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

static void make(struct sessionpair *p, const char *priority)
{
    struct tlspair_creds creds;

    tlspair_creds_make(&creds, priority);
    sessionpair_init(p, creds.client, creds.server, "localhost", NULL);
    tlspair_creds_free(&creds);
    sessionpair_run(p);
    qiotest_ok(&p->client_err);
    qiotest_ok(&p->server_err);
}

static void say(struct qiop_tls_session *from, struct qiop_tls_session *to)
{
    char buf[8] = "hello";
    struct iovec iov = {buf, 5};
    QIOError *err = NULL;

    ck_assert_int_eq(qiop_tls_session_write(from, &iov, 1, 0, &err), 5);
    sessionpair_move(from, to, 0);
    memset(buf, 0, sizeof(buf));
    (void)!qiop_tls_session_read(to, &iov, 1, false, &err);
    qiotest_ok(&err);
    ck_assert_str_eq(buf, "hello");
}

static void silent(struct qiop_tls_session *s)
{
    char byte;
    struct iovec iov = {&byte, 1};
    QIOError *err = NULL;

    ck_assert_int_eq(qiop_tls_session_read(s, &iov, 1, false, &err),
                     QIOP_TLS_BLOCK);
    qiotest_ok(&err);
}

/* Both ask before either has heard the other. */
START_TEST(requests_cross)
{
    struct sessionpair p;
    QIOError *err = NULL;
    int i;

    make(&p, TLS13);
    for (i = 0; i < 2; i++) {
        ck_assert_int_eq(qiop_tls_session_update_keys(p.client, true, &err), 0);
        ck_assert_int_eq(qiop_tls_session_update_keys(p.server, true, &err), 0);
        sessionpair_move(p.client, p.server, 0);
        sessionpair_move(p.server, p.client, 0);
        silent(p.client);
        silent(p.server);
        say(p.client, p.server);
        say(p.server, p.client);
    }
    sessionpair_free(&p);
}
END_TEST

/* Request after request to one who has nothing to say. */
START_TEST(requests_pile_up)
{
    struct sessionpair p;
    int i;

    make(&p, TLS13);
    for (i = 0; i < 4; i++) {
        qiop_tls_seal_enter(p.client);
        ck_assert_int_eq(
            qiop_tls_send_key_update(p.client, GNUTLS_KU_PEER, NULL), 0);
        qiop_tls_seal_leave(p.client);
        sessionpair_move(p.client, p.server, 0);
        silent(p.server);
        /* Answered with the next data, not before. */
        ck_assert_uint_eq(qiop_tls_session_output_len(p.server), 0);
    }
    say(p.client, p.server);
    say(p.server, p.client);
    say(p.server, p.client);
    sessionpair_free(&p);
}
END_TEST

/* A second request of ours while the first is open is not sent. */
START_TEST(requests_are_spared)
{
    struct sessionpair p;
    QIOError *err = NULL;
    int i;

    make(&p, TLS13);
    for (i = 0; i < 3; i++) {
        ck_assert_int_eq(qiop_tls_session_update_keys(p.client, true, &err), 0);
        ck_assert(p.client->asked);
        say(p.client, p.server);
    }
    say(p.server, p.client);
    ck_assert(!p.client->asked);
    sessionpair_free(&p);
}
END_TEST

/* TLS 1.2: a server's wish is declined, a client's ends the session. */
START_TEST(renegotiation)
{
    struct sessionpair p;
    QIOError *err = NULL;
    char byte;
    struct iovec iov = {&byte, 1};

    make(&p, TLS12);
    ck_assert_int_eq(gnutls_rehandshake(p.server->tls), 0);
    sessionpair_move(p.server, p.client, 0);
    silent(p.client);
    ck_assert(qiop_tls_session_output_urgent(p.client));
    say(p.client, p.server);
    say(p.server, p.client);
    sessionpair_free(&p);

    make(&p, TLS12);
    ck_assert_int_eq(gnutls_handshake(p.client->tls), GNUTLS_E_AGAIN);
    sessionpair_move(p.client, p.server, 0);
    ck_assert_int_eq(qiop_tls_session_read(p.server, &iov, 1, false, &err), -1);
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), "renegotiate"));
    qiotest_error(&err, QIO_ERROR_TLS);
    sessionpair_move(p.server, p.client, 0);
    ck_assert_int_eq(gnutls_handshake(p.client->tls),
                     GNUTLS_E_FATAL_ALERT_RECEIVED);
    sessionpair_free(&p);
}
END_TEST

START_TEST(flood)
{
    struct sessionpair p;
    QIOError *err = NULL;
    char byte;
    struct iovec iov = {&byte, 1};
    ssize_t n = QIOP_TLS_BLOCK;
    int i;

    make(&p, TLS12);
    for (i = 0; i < 2000 && n == QIOP_TLS_BLOCK; i++) {
        ck_assert_int_eq(gnutls_alert_send(p.client->tls, GNUTLS_AL_WARNING,
                                           GNUTLS_A_USER_CANCELED),
                         0);
        sessionpair_move(p.client, p.server, 0);
        n = qiop_tls_session_read(p.server, &iov, 1, false, &err);
    }
    ck_assert_int_eq(n, -1);
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), "floods"));
    qiotest_error(&err, QIO_ERROR_TLS);
    sessionpair_free(&p);
}
END_TEST

/* A record that was tampered with ends the session for good, and the peer is
 * told. */
START_TEST(tampered)
{
    struct sessionpair p;
    struct qiop_queue flight;
    QIOError *err = NULL;
    char buf[8] = "hello";
    struct iovec iov = {buf, 5};
    uint8_t *dst;
    size_t avail, len;

    make(&p, _i ? TLS13 : TLS12);
    ck_assert_int_eq(qiop_tls_session_write(p.client, &iov, 1, 0, &err), 5);
    qiop_queue_init(&flight, 0);
    ck_assert(qiop_tls_session_output_take(p.client, &flight));
    len = flight.len;
    dst = qiop_tls_session_input_reserve(p.server, &avail, &err);
    qiop_queue_take(&flight, dst, len);
    dst[len - 1] ^= 1;
    qiop_tls_session_input_commit(p.server, len, avail);
    ck_assert_int_eq(qiop_tls_session_read(p.server, &iov, 1, false, &err), -1);
    ck_assert_str_eq(qio_error_message(err),
                     "a TLS record of the peer does not decrypt");
    qiotest_error(&err, QIO_ERROR_TLS);
    ck_assert_int_eq(qiop_tls_session_write(p.server, &iov, 1, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS);
    sessionpair_move(p.server, p.client, 0);
    ck_assert_int_eq(qiop_tls_session_read(p.client, &iov, 1, false, &err), -1);
    ck_assert_ptr_nonnull(
        strstr(qio_error_message(err), "bad record MAC (TLS alert 20)"));
    qiotest_error(&err, QIO_ERROR_TLS_REJECTED);
    qiop_queue_free(&flight, false);
    sessionpair_free(&p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-control");
    TCase *tc = qiotest_case(s, "control");

    tcase_add_test(tc, requests_cross);
    tcase_add_test(tc, requests_pile_up);
    tcase_add_test(tc, requests_are_spared);
    tcase_add_test(tc, renegotiation);
    tcase_add_test(tc, flood);
    tcase_add_loop_test(tc, tampered, 0, 2);
    return qiotest_main(s);
}
