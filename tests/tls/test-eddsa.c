/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ed25519 at both ends: a client shows its certificate with TLS 1.2, too. */
#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include "sessionpair.h"

static const char *const versions[] = {
    "NORMAL:-VERS-ALL:+VERS-TLS1.2",
    "NORMAL:-VERS-ALL:+VERS-TLS1.3",
};

static struct tlscert ca;
static const char *client_dir, *server_dir;

static void write_side(const char *dir, const char *role, const char *purpose)
{
    struct tlscert_spec spec = {.cn = role,
                                .dns = {"a.example"},
                                .purpose_ext = TLSCERT_PLAIN,
                                .purpose = {purpose},
                                .ed25519 = true};
    struct tlscert cert;
    char name[32];

    tlscert_make(&cert, &spec, &ca);
    tlscert_write(dir, "ca-cert.pem", &ca, NULL);
    snprintf(name, sizeof(name), "%s-cert.pem", role);
    tlscert_write(dir, name, &cert, NULL);
    snprintf(name, sizeof(name), "%s-key.pem", role);
    tlscert_write_key(dir, name, &cert, NULL);
    tlscert_free(&cert);
}

static void setup(void)
{
    tlscert_make_ca(&ca, "CA");
    client_dir = tlscert_dir("client");
    server_dir = tlscert_dir("server");
    write_side(server_dir, "server", GNUTLS_KP_TLS_WWW_SERVER);
}

static void teardown(void)
{
    tlscert_free(&ca);
}

static void run(struct sessionpair *p, const char *client, const char *server)
{
    unsigned flags = QIO_TLS_CREDS_NO_SANITY_CHECK;
    QIOError *err = NULL;
    QIOTLSCreds *c = qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_CLIENT, client_dir,
                                            NULL, client, flags, &err);
    QIOTLSCreds *s;

    qiotest_ok(&err);
    s = qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_SERVER, server_dir, NULL,
                               server, flags, &err);
    qiotest_ok(&err);
    sessionpair_init(p, c, s, "a.example", NULL);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
    sessionpair_run(p);
}

START_TEST(shown)
{
    struct sessionpair p;
    QIOError *err = NULL;
    char *who;

    write_side(client_dir, "client", GNUTLS_KP_TLS_WWW_CLIENT);
    run(&p, versions[_i], versions[_i]);
    qiotest_ok(&p.client_err);
    qiotest_ok(&p.server_err);
    ck_assert_int_eq(p.server_ret, 0);
    who = qiop_tls_session_identity(p.server, &err);
    qiotest_ok(&err);
    ck_assert_str_eq(who, "CN=client");
    free(who);
    sessionpair_free(&p);
}
END_TEST

/* The server does not know the algorithm. Its own certificate is another. */
START_TEST(not_understood)
{
    struct tlscert server;
    struct sessionpair p;
    char priority[128];

    write_side(client_dir, "client", GNUTLS_KP_TLS_WWW_CLIENT);
    tlscert_make_server(&server, &ca);
    tlscert_write(server_dir, "server-cert.pem", &server, NULL);
    tlscert_write_key(server_dir, "server-key.pem", &server, NULL);
    tlscert_free(&server);
    snprintf(priority, sizeof(priority), "%s:-SIGN-EDDSA-ED25519",
             versions[_i]);
    run(&p, versions[_i], priority);
    ck_assert_int_eq(p.server_ret, -1);
    ck_assert_ptr_nonnull(
        strstr(qio_error_message(p.server_err), "no certificate"));
    qiotest_error(&p.server_err, QIO_ERROR_TLS_VERIFY);
    qio_error_free(p.client_err);
    p.client_err = NULL;
    sessionpair_free(&p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-eddsa");
    TCase *tc = qiotest_case(s, "eddsa");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, shown, 0, 2);
    tcase_add_loop_test(tc, not_understood, 0, 2);
    return qiotest_main(s);
}
