/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions that go on from earlier ones, and what must end that. Each test
 * runs with TLS 1.2 and with 1.3. */
#include <config.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#include "resumepair.h"

static char *fact(struct qiop_tls_session *s, QIOTLSFact what)
{
    QIOError *err = NULL;
    char *text = qiop_tls_session_fact(s, what, &err);

    qiotest_ok(&err);
    return text;
}

static void same_fact(struct qiop_tls_session *a, struct qiop_tls_session *b,
                      QIOTLSFact what)
{
    char *x = fact(a, what), *y = fact(b, what);

    ck_assert_str_eq(x, y);
    free(x);
    free(y);
}

/* Whom one speaks with is known without certificates on the wire. */
START_TEST(identity)
{
    struct ends e = ends_make(X509, _i);
    struct sessionpair p, q;

    open_pair(&p, &e, "a.example");
    send_byte(p.server, p.client);
    open_pair(&q, &e, "a.example");
    ck_assert(!resumed(p.client) && resumed(q.client) && resumed(q.server));
    same_fact(p.client, q.client, QIO_TLS_FACT_PEER_CHAIN);
    same_fact(p.client, q.client, QIO_TLS_FACT_PEER_NAMES);
    same_fact(p.server, q.server, QIO_TLS_FACT_PEER_CHAIN);
    same_fact(p.server, q.server, QIO_TLS_FACT_PEER_NAMES);
    same_fact(p.server, q.server, QIO_TLS_FACT_CIPHER);
    send_byte(q.client, q.server);
    send_byte(q.server, q.client);
    sessionpair_free(&p);
    sessionpair_free(&q);
    ck_assert(again(&e));
    ends_free(&e);
}
END_TEST

/* Nothing is resumed unless both want it. */
START_TEST(off)
{
    struct ends e = ends_make(X509, _i);
    QIOTLSCreds *c = e.c, *s = e.s;

    e.c = qio_tls_creds_x509_new(CLIENT, dir, NULL, NULL, 0, NULL);
    ck_assert(!again(&e) && !again(&e));
    qio_tls_creds_unref(e.c);
    e.c = c;
    e.s = qio_tls_creds_x509_new(SERVER, dir, NULL, NULL, 0, NULL);
    ck_assert(!again(&e) && !again(&e));
    qio_tls_creds_unref(e.s);
    e.s = s;
    ck_assert(!again(&e) && again(&e));
    ends_free(&e);
}
END_TEST

/* A server that writes nothing sends no tickets to one who may not read. */
START_TEST(silent_server)
{
    struct ends e = ends_make(X509, 1);
    struct sessionpair p;

    open_pair(&p, &e, "a.example");
    send_byte(p.client, p.server);
    ck_assert_uint_eq(qiop_tls_session_output_len(p.server), 0);
    ck_assert(!qiop_tls_session_readable(p.client));
    sessionpair_free(&p);
    ck_assert(!session(&e, "a.example", false));
    ends_free(&e);
}
END_TEST

/* A client that does not read has tickets to read, and goes on. */
START_TEST(silent_client)
{
    struct ends e = ends_make(X509, _i);
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    struct sessionpair p;
    QIOError *err = NULL;
    int i;

    open_pair(&p, &e, "a.example");
    ck_assert_int_eq(qiop_tls_session_write(p.server, &iov, 1, 0, &err), 1);
    sessionpair_move(p.server, p.client, 0);
    for (i = 0; i < 3; i++) {
        send_byte(p.client, p.server);
    }
    ck_assert_int_eq(qiop_tls_session_update_keys(p.client, true, &err),
                     _i ? 0 : -1);
    qio_error_free(err);
    err = NULL;
    send_byte(p.client, p.server);
    /* Then it looks. */
    ck_assert(!qiop_tls_session_probe(p.client, &err));
    ck_assert_int_eq(qiop_tls_session_read(p.client, &iov, 1, false, &err), 1);
    ck_assert_int_eq(qiop_tls_session_bye(p.client, &err), 0);
    sessionpair_move(p.client, p.server, 0);
    ck_assert_int_eq(qiop_tls_session_read(p.server, &iov, 1, false, &err), 0);
    sessionpair_free(&p);
    ck_assert(again(&e));
    ends_free(&e);
}
END_TEST

/* RFC 8446 appendix C.4: each ticket of TLS 1.3 serves once. */
START_TEST(once)
{
    struct ends e = ends_make(X509, _i);
    int i, n = 0;

    again(&e);
    for (i = 0; i < 20; i++) {
        n += session(&e, "a.example", false);
    }
    if (_i) {
        ck_assert_int_gt(n, 0);
        ck_assert_int_lt(n, 10);
    } else {
        ck_assert_int_eq(n, 20);
    }
    ends_free(&e);
}
END_TEST

START_TEST(other_host)
{
    struct ends e = ends_make(X509, _i);

    ck_assert(!session(&e, "a.example", true));
    ck_assert(!session(&e, "b.example", true));
    ck_assert(session(&e, "b.example", true));
    ck_assert(session(&e, "a.example", true));
    ends_free(&e);
}
END_TEST

/* Other credentials of the same server, as other listeners have them. */
START_TEST(other_creds)
{
    struct ends e = ends_make(X509, _i);
    struct ends f = {e.c, load(X509, SERVER, _i), NULL};

    ck_assert(!again(&e) && again(&e));
    ck_assert(!again(&f) && again(&f));
    qio_tls_creds_unref(f.s);
    ends_free(&e);
}
END_TEST

START_TEST(reloaded)
{
    struct ends e = ends_make(X509, _i);

    ck_assert(!again(&e) && again(&e));
    reload(e.s);
    ck_assert(!again(&e) && again(&e));
    reload(e.c);
    ck_assert(!again(&e) && again(&e));
    ends_free(&e);
}
END_TEST

/* A certificate revoked, and the server reloaded: a ticket does not help. */
START_TEST(revoked)
{
    struct ends e = ends_make(X509, _i);
    struct sessionpair p;
    struct tlscert client;

    tlscert_make_client(&client, &ca, "client");
    write_role("client", &client);
    reload(e.c);
    ck_assert(!again(&e) && again(&e));
    tlscert_write_crl(dir, "ca-crl.pem", &ca, &client);
    reload(e.s);
    open_pair(&p, &e, "a.example");
    ck_assert_int_eq(p.server_ret, -1);
    ck_assert_int_eq(qio_error_code(p.server_err), QIO_ERROR_TLS_VERIFY);
    sessionpair_free(&p);
    tlscert_free(&client);
    ends_free(&e);
}
END_TEST

/* The authorizer is asked each time; who was refused starts anew. */
START_TEST(authorizer)
{
    struct ends e = ends_make(X509, _i);
    QIOAuthz *everybody = qio_authz_new_simple("CN=client", NULL);
    QIOAuthz *nobody = qio_authz_new_simple("CN=nobody", NULL);

    e.authz = everybody;
    ck_assert(!again(&e) && again(&e));
    e.authz = nobody;
    refused(&e, QIO_ERROR_AUTHZ, "CN=client");
    e.authz = everybody;
    ck_assert(!again(&e) && again(&e));
    qio_authz_unref(nobody);
    ends_free(&e);
}
END_TEST

START_TEST(psk)
{
    struct ends e = ends_make(PSK, _i);

    e.authz = qio_authz_new_simple("qemu", NULL);
    ck_assert(!again(&e) && again(&e) && again(&e));
    /* Nobody knows whose tickets they would be. */
    ck_assert(!session(&e, NULL, true) && !session(&e, NULL, true));
    qio_authz_unref(e.authz);
    e.authz = qio_authz_new_simple("nobody", NULL);
    refused(&e, QIO_ERROR_AUTHZ, "'qemu'");
    qio_authz_unref(e.authz);
    e.authz = NULL;
    ck_assert(!again(&e) && again(&e));
    tlscert_write_text(dir, "keys.psk", "qemu:99887766554433221100\n");
    reload(e.s);
    refused(&e, QIO_ERROR_TLS_VERIFY, "the key of user 'qemu'");
    reload(e.c);
    ck_assert(!again(&e) && again(&e));
    ends_free(&e);
}
END_TEST

static ssize_t key_of(const char *user, unsigned char *key, size_t size,
                      void *opaque)
{
    (void)user;
    (void)size;
    ++*(int *)opaque;
    memset(key, 7, 16);
    return 16;
}

/* Keys from a function: it is asked each time. */
START_TEST(psk_function)
{
    QIOTLSConfig *config = configure(PSK, SERVER, _i);
    struct ends e;
    QIOError *err = NULL;
    int asked = 0;

    tlscert_write_text(dir, "keys.psk",
                       "qemu:07070707070707070707070707070707\n");
    ck_assert_int_eq(
        qio_tls_config_set_psk_func(config, key_of, &asked, NULL, &err), 0);
    e = (struct ends){load(PSK, CLIENT, _i), qio_tls_creds_new(config, &err),
                      NULL};
    qiotest_ok(&err);
    qio_tls_config_free(config);
    ck_assert(!again(&e) && !again(&e));
    ck_assert_int_eq(asked, 2);
    ends_free(&e);
}
END_TEST

/* Whose certificates nobody looks at may go on, too. */
START_TEST(unverified)
{
    struct ends e = ends_make(X509, _i);
    QIOTLSConfig *config = configure(X509, SERVER, _i);
    QIOError *err = NULL;

    ck_assert_int_eq(qio_tls_config_set(config, "verify-peer", "off", &err), 0);
    qio_tls_creds_unref(e.s);
    e.s = qio_tls_creds_new(config, &err);
    qiotest_ok(&err);
    qio_tls_config_free(config);
    ck_assert(!again(&e) && again(&e));
    ends_free(&e);
}
END_TEST

static void *come_again(void *opaque)
{
    int i;

    for (i = 0; i < 20; i++) {
        (void)again(opaque);
    }
    return NULL;
}

static atomic_bool stop;

static void *reload_often(void *opaque)
{
    const struct ends *e = opaque;

    while (!atomic_load(&stop)) {
        reload(e->s);
        reload(e->c);
        usleep(1000);
    }
    return NULL;
}

/* Threads that share credentials, which are loaded again all the time: some
 * sessions are resumed and some are not, and none fails. */
START_TEST(at_once)
{
    struct ends e = ends_make(X509, _i);
    pthread_t t[3], reloader;
    int i;

    ck_assert_int_eq(pthread_create(&reloader, NULL, reload_often, &e), 0);
    for (i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_create(&t[i], NULL, come_again, &e), 0);
    }
    for (i = 0; i < 3; i++) {
        pthread_join(t[i], NULL);
    }
    atomic_store(&stop, true);
    pthread_join(reloader, NULL);
    ends_free(&e);
}
END_TEST

START_TEST(property)
{
    QIOTLSConfig *config = qio_tls_config_new(X509, CLIENT, NULL);
    QIOError *err = NULL;

    ck_assert_int_eq(qio_tls_config_set(config, "resumption", "often", &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_tls_config_free(config);
    config = qio_tls_config_new(QIO_TLS_CREDS_ANON, CLIENT, NULL);
    ck_assert_int_eq(qio_tls_config_set(config, "resumption", "on", &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_tls_config_free(config);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-resume");
    TCase *tc = qiotest_case(s, "resume");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, identity, 0, 2);
    tcase_add_loop_test(tc, off, 0, 2);
    tcase_add_test(tc, silent_server);
    tcase_add_loop_test(tc, silent_client, 0, 2);
    tcase_add_loop_test(tc, once, 0, 2);
    tcase_add_loop_test(tc, other_host, 0, 2);
    tcase_add_loop_test(tc, other_creds, 0, 2);
    tcase_add_loop_test(tc, reloaded, 0, 2);
    tcase_add_loop_test(tc, revoked, 0, 2);
    tcase_add_loop_test(tc, authorizer, 0, 2);
    tcase_add_loop_test(tc, psk, 0, 2);
    tcase_add_loop_test(tc, psk_function, 0, 2);
    tcase_add_loop_test(tc, unverified, 0, 2);
    tcase_add_loop_test(tc, at_once, 0, 2);
    tcase_add_test(tc, property);
    return qiotest_main(s);
}
