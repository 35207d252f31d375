/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Facts about a session, exported keys and channel bindings. */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include <qio/tls-info.h>
#include "pairs.h"
#include "qiotest.h"
#include "sessionpair.h"
#include "tlscert.h"
#include "tlspair.h"

static const char *const versions[] = {
    "NORMAL:-VERS-ALL:+VERS-TLS1.2:-GROUP-ALL:+GROUP-SECP256R1:-CIPHER-ALL"
    ":+AES-128-GCM",
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519:-CIPHER-ALL"
    ":+AES-256-GCM",
};

static void make(struct sessionpair *p, const char *priority, bool psk)
{
    struct tlspair_creds creds;

    if (psk) {
        tlspair_creds_make_psk(&creds, priority);
    } else {
        tlspair_creds_make(&creds, priority);
    }
    sessionpair_init(p, creds.client, creds.server, psk ? NULL : "localhost",
                     NULL);
    tlspair_creds_free(&creds);
}

static void run(struct sessionpair *p)
{
    sessionpair_run(p);
    qiotest_ok(&p->client_err);
    qiotest_ok(&p->server_err);
}

static void is(struct qiop_tls_session *s, QIOTLSFact fact, const char *text)
{
    QIOError *err = NULL;
    char *got = qiop_tls_session_fact(s, fact, &err);

    qiotest_ok(&err);
    ck_assert_str_eq(got, text);
    free(got);
}

static void none(struct qiop_tls_session *s, QIOTLSFact fact, QIOErrorCode code)
{
    QIOError *err = NULL;

    ck_assert_ptr_null(qiop_tls_session_fact(s, fact, &err));
    qiotest_error(&err, code);
}

START_TEST(facts)
{
    struct sessionpair p;
    char *chain;

    make(&p, versions[_i], false);
    none(p.client, QIO_TLS_FACT_VERSION, QIO_ERROR_STATE);
    run(&p);
    is(p.client, QIO_TLS_FACT_VERSION, _i ? "TLS1.3" : "TLS1.2");
    is(p.server, QIO_TLS_FACT_CIPHER, _i ? "AES-256-GCM" : "AES-128-GCM");
    is(p.client, QIO_TLS_FACT_GROUP, _i ? "X25519" : "SECP256R1");
    if (_i) {
        is(p.client, QIO_TLS_FACT_SIGNATURE, "ECDSA-SECP256R1-SHA256");
        is(p.server, QIO_TLS_FACT_SIGNATURE, "ECDSA-SECP256R1-SHA256");
    } else {
        is(p.client, QIO_TLS_FACT_ENGINE, "gnutls");
    }
    is(p.server, QIO_TLS_FACT_PEER_NAMES, "CN=client,C=UK\n");
    is(p.client, QIO_TLS_FACT_PEER_NAMES,
       "CN=server\nDNS:localhost\nDNS:a.example\nIP:127.0.0.1\nIP:::1\n");
    chain = qiop_tls_session_fact(p.client, QIO_TLS_FACT_PEER_CHAIN, NULL);
    ck_assert(strncmp(chain, "-----BEGIN CERTIFICATE-----\n", 28) == 0);
    free(chain);
    none(p.client, (QIOTLSFact)99, QIO_ERROR_INVALID);
    sessionpair_free(&p);
}
END_TEST

START_TEST(psk)
{
    struct sessionpair p;

    make(&p, NULL, true);
    run(&p);
    none(p.client, QIO_TLS_FACT_SIGNATURE, QIO_ERROR_NOT_FOUND);
    none(p.server, QIO_TLS_FACT_PEER_CHAIN, QIO_ERROR_NOT_FOUND);
    none(p.server, QIO_TLS_FACT_PEER_NAMES, QIO_ERROR_NOT_FOUND);
    sessionpair_free(&p);
}
END_TEST

static void export(struct qiop_tls_session *s, const char *label,
                   const char *context, unsigned char out[32])
{
    QIOError *err = NULL;

    ck_assert_int_eq(qiop_tls_session_export(s, label, context,
                                             context ? strlen(context) : 0, out,
                                             32, &err),
                     0);
    qiotest_ok(&err);
}

START_TEST(exported)
{
    unsigned char a[32], b[32];
    QIOError *err = NULL;
    struct sessionpair p;

    make(&p, versions[_i], false);
    ck_assert_int_eq(qiop_tls_session_export(p.client, "EXPERIMENTAL x", NULL,
                                             0, a, 32, &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_STATE);
    run(&p);
    export(p.client, "EXPERIMENTAL x", NULL, a);
    export(p.server, "EXPERIMENTAL x", NULL, b);
    ck_assert_mem_eq(a, b, 32);
    export(p.server, "EXPERIMENTAL x", "context", b);
    ck_assert_mem_ne(a, b, 32);
    export(p.client, "EXPERIMENTAL x", "context", a);
    ck_assert_mem_eq(a, b, 32);
    export(p.client, "EXPERIMENTAL y", "context", a);
    ck_assert_mem_ne(a, b, 32);
    ck_assert_int_eq(
        qiop_tls_session_export(p.client, "", NULL, 0, a, 32, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    sessionpair_free(&p);
}
END_TEST

START_TEST(bindings)
{
    static const char *const types[] = {"tls-unique", "tls-exporter"};
    unsigned char a[64], b[64];
    QIOError *err = NULL;
    struct sessionpair p;
    ssize_t n;

    make(&p, versions[_i], false);
    run(&p);
    n = qiop_tls_session_binding(p.client, types[_i], a, sizeof(a), &err);
    qiotest_ok(&err);
    ck_assert_int_gt(n, 0);
    ck_assert_int_eq(
        qiop_tls_session_binding(p.server, types[_i], b, sizeof(b), &err), n);
    ck_assert_mem_eq(a, b, (size_t)n);
    ck_assert_int_eq(qiop_tls_session_binding(p.server, types[_i], b, 1, &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(
        qiop_tls_session_binding(p.server, "tls-other", b, sizeof(b), &err),
        -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    if (_i) {
        ck_assert_int_eq(qiop_tls_session_binding(p.server, "tls-unique", b,
                                                  sizeof(b), &err),
                         -1);
        qiotest_error(&err, QIO_ERROR_NOT_FOUND);
    }
    sessionpair_free(&p);
}
END_TEST

/* The same by way of channels. */
START_TEST(channels)
{
    unsigned char a[32], b[32];
    struct tlspair_creds creds;
    QIOChannel *base[2], *client, *server;
    QIOError *err = NULL;
    char *text;

    tlspair_creds_make(&creds, versions[1]);
    ck_assert_int_eq(pair_unix(NULL, base, &err), 0);
    ck_assert_ptr_null(
        qio_channel_tls_fact(base[0], QIO_TLS_FACT_CIPHER, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    tlspair_open(&creds, base[0], base[1], &client, &server);
    text = qio_channel_tls_fact(server, QIO_TLS_FACT_CIPHER, &err);
    qiotest_ok(&err);
    ck_assert_str_eq(text, "AES-256-GCM");
    free(text);
    ck_assert_int_eq(
        qio_channel_tls_export(client, "EXPERIMENTAL x", "", 0, a, 32, &err),
        0);
    ck_assert_int_eq(
        qio_channel_tls_export(server, "EXPERIMENTAL x", "", 0, b, 32, &err),
        0);
    ck_assert_mem_eq(a, b, 32);
    ck_assert_int_eq(
        qio_channel_tls_binding(client, "tls-exporter", a, 32, &err), 32);
    ck_assert_int_eq(
        qio_channel_tls_binding(server, "tls-exporter", b, 32, &err), 32);
    ck_assert_mem_eq(a, b, 32);
    qio_channel_unref(client);
    qio_channel_unref(server);
    qio_channel_unref(base[0]);
    qio_channel_unref(base[1]);
    tlspair_creds_free(&creds);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-info");
    TCase *tc = qiotest_case(s, "info");

    tcase_add_loop_test(tc, facts, 0, 2);
    tcase_add_test(tc, psk);
    tcase_add_loop_test(tc, exported, 0, 2);
    tcase_add_loop_test(tc, bindings, 0, 2);
    tcase_add_test(tc, channels);
    return qiotest_main(s);
}
