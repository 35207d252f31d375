/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which record engine a session gets: by its credentials, by the environment,
 * by what there is. */
#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <qio/tls-info.h>
#include "engines.h"
#include "sessionpair.h"
#include "tls/session-priv.h"
#include "tlspair.h"

#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

static void make(struct tlspair_creds *creds, const char *client,
                 const char *server, const char *priority)
{
    QIOError *err = NULL;

    tlspair_creds_make(creds, priority);
    ck_assert_int_eq(qio_tls_creds_set_engine(creds->client, client, &err), 0);
    ck_assert_int_eq(qio_tls_creds_set_engine(creds->server, server, &err), 0);
}

/* All that tells of it. */
static void is(struct qiop_tls_session *s, const char *engine)
{
    QIOError *err = NULL;
    char *text = qiop_tls_session_describe(s, &err), *fact, records[32];

    snprintf(records, sizeof(records), ", %s records", engine);
    ck_assert_msg(strstr(text, records), "%s: not %s", text, engine);
    free(text);
    fact = qiop_tls_session_fact(s, QIO_TLS_FACT_ENGINE, &err);
    ck_assert_str_eq(fact, engine);
    free(fact);
}

/* A session with these, which are freed, has these engines. */
static void get(struct tlspair_creds *creds, const char *client,
                const char *server)
{
    struct sessionpair p;

    sessionpair_init(&p, creds->client, creds->server, "localhost", NULL);
    tlspair_creds_free(creds);
    sessionpair_run(&p);
    qiotest_ok(&p.client_err);
    qiotest_ok(&p.server_err);
    is(p.client, client);
    is(p.server, server);
    sessionpair_free(&p);
}

START_TEST(as_asked)
{
    static const char *const ciphers[] = {"AES-128-GCM", "AES-256-GCM",
                                          "CHACHA20-POLY1305"};
    struct tlspair_creds creds;
    char priority[128];

    snprintf(priority, sizeof(priority), TLS13 ":-CIPHER-ALL:+%s", ciphers[_i]);
    make(&creds, "ipsec-mb", "aead", priority);
    get(&creds, engines_expect("ipsec-mb"), "aead");
    make(&creds, "gnutls", "auto", priority);
    get(&creds, "gnutls", engines_expect("auto"));
    make(&creds, NULL, NULL, priority);
    get(&creds, engines_expect(NULL), engines_expect(NULL));
}
END_TEST

START_TEST(not_for_everything)
{
    struct tlspair_creds creds;

    make(&creds, "aead", "ipsec-mb", "NORMAL:-VERS-ALL:+VERS-TLS1.2");
    get(&creds, "gnutls", "gnutls");
    make(&creds, "ipsec-mb", NULL, TLS13 ":-CIPHER-ALL:+AES-128-CCM");
    get(&creds, "gnutls", "gnutls");
}
END_TEST

START_TEST(unknown)
{
    struct tlspair_creds creds;
    QIOError *err = NULL;

    tlspair_creds_make(&creds, NULL);
    ck_assert_int_eq(qio_tls_creds_set_engine(creds.client, "rot13", &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    tlspair_creds_free(&creds);
}
END_TEST

/* As without libipsec-mb, or on the wrong CPU: the next best, not the last. */
START_TEST(not_there)
{
    struct tlspair_creds creds;

    make(&creds, "ipsec-mb", "auto", TLS13);
    free(creds.client->ipsecmb);
    creds.client->ipsecmb = NULL;
    free(creds.server->ipsecmb);
    creds.server->ipsecmb = NULL;
    get(&creds, "aead", "aead");
}
END_TEST

/* In the place of "auto", and of nothing else. */
START_TEST(by_environment)
{
    static const char *const values[] = {"auto", "ipsec-mb", "aead", "gnutls"};
    struct tlspair_creds creds;
    size_t i;

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        setenv("QIO_TLS_ENGINE", values[i], 1);
        make(&creds, NULL, "auto", TLS13);
        get(&creds, engines_expect(values[i]), engines_expect(values[i]));
        make(&creds, "aead", "gnutls", TLS13);
        get(&creds, "aead", "gnutls");
    }
}
END_TEST

START_TEST(unknown_by_environment)
{
    static const char *const values[] = {"", "gnutsl", "AEAD", "aead "};
    struct tlspair_creds creds;
    size_t i;

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        setenv("QIO_TLS_ENGINE", values[i], 1);
        make(&creds, NULL, "gnutls", TLS13);
        get(&creds, engines_expect(NULL), "gnutls");
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-engine-choice");
    TCase *tc = qiotest_case(s, "choice");

    unsetenv("QIO_TLS_ENGINE");
    tcase_add_loop_test(tc, as_asked, 0, 3);
    tcase_add_test(tc, not_for_everything);
    tcase_add_test(tc, unknown);
    tcase_add_test(tc, not_there);
    tcase_add_test(tc, by_environment);
    tcase_add_test(tc, unknown_by_environment);
    return qiotest_main(s);
}
