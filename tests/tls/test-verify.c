/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is accepted and who is refused; for every refusal, what each side says
 * about it in one line. */
#include <config.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include "verifypair.h"

/* ---- accepted ---- */

START_TEST(good)
{
    struct sessionpair p;

    load(&p, versions[_i], "localhost", NULL, 0);
    accepted(&p);
    load(&p, versions[_i], "a.example.", NULL, 0);
    accepted(&p);
}
END_TEST

START_TEST(wrong_host_message)
{
    struct sessionpair p;

    load(&p, versions[_i], "b.example", NULL, 0);
    client_refuses(&p,
                   "server certificate is for 'localhost', 'a.example', "
                   "'127.0.0.1', '::1', not 'b.example'",
                   "bad certificate (TLS alert 42)");
}
END_TEST

START_TEST(no_verify)
{
    struct sessionpair p;

    write_side(client_dir, "client", &other_ca, &client);
    write_side(server_dir, "server", &other_ca, &server);
    load(&p, versions[_i], "b.example", NULL, QIO_TLS_CREDS_NO_VERIFY_PEER);
    accepted(&p);
}
END_TEST

/* A server that does not verify its clients does not ask for certificates. */
START_TEST(not_asked)
{
    QIOError *err = NULL;
    struct sessionpair p;
    char *identity;

    load(&p, versions[_i], "localhost", NULL, QIO_TLS_CREDS_NO_VERIFY_PEER);
    identity = qiop_tls_session_identity(p.server, &err);
    ck_assert_ptr_null(identity);
    qiotest_error(&err, QIO_ERROR_NOT_FOUND);
    accepted(&p);

    load(&p, versions[_i], "localhost", NULL, 0);
    identity = qiop_tls_session_identity(p.server, &err);
    qiotest_ok(&err);
    ck_assert_str_eq(identity, "CN=client,C=UK");
    free(identity);
    accepted(&p);
}
END_TEST

/* ---- the client refuses ---- */

START_TEST(server_unknown_ca)
{
    struct sessionpair p;

    tlscert_write(client_dir, "ca-cert.pem", &other_ca, NULL);
    load(&p, versions[_i], "localhost", NULL, 0);
    client_refuses(&p,
                   "the server's certificate 'CN=server' is not signed by "
                   "a CA in '",
                   "the peer rejected our certificate: unknown CA "
                   "(TLS alert 48)");
}
END_TEST

static void replace(const char *dir, const char *role,
                    struct tlscert_spec *spec)
{
    struct tlscert cert;

    spec->dns[0] = "localhost";
    tlscert_make(&cert, spec, &ca);
    write_side(dir, role, &ca, &cert);
    tlscert_free(&cert);
}

START_TEST(server_expired)
{
    struct tlscert_spec spec = {
        .cn = "old", .from_hours = -48, .to_hours = -24};
    struct sessionpair p;

    replace(server_dir, "server", &spec);
    load(&p, versions[_i], "localhost", NULL, 0);
    client_refuses(&p, "the server's certificate 'CN=old' expired on 20",
                   "the peer rejected our certificate: certificate expired "
                   "(TLS alert 45)");
}
END_TEST

START_TEST(server_not_yet)
{
    struct tlscert_spec spec = {.cn = "new", .from_hours = 24, .to_hours = 48};
    struct sessionpair p;

    replace(server_dir, "server", &spec);
    load(&p, versions[_i], "localhost", NULL, 0);
    client_refuses(&p, "'CN=new' is not valid before 20",
                   "certificate expired (TLS alert 45)");
}
END_TEST

START_TEST(server_revoked)
{
    struct sessionpair p;

    tlscert_write_crl(client_dir, "ca-crl.pem", &ca, &server);
    load(&p, versions[_i], "localhost", NULL, 0);
    client_refuses(&p, "'CN=server' is revoked",
                   "the peer rejected our certificate: certificate revoked "
                   "(TLS alert 44)");
    tlscert_write_crl(client_dir, "ca-crl.pem", &ca, &client);
    load(&p, versions[_i], "localhost", NULL, 0);
    accepted(&p);
}
END_TEST

START_TEST(server_purpose)
{
    struct tlscert_spec spec = {.cn = "x",
                                .purpose_ext = TLSCERT_CRITICAL,
                                .purpose = {GNUTLS_KP_TLS_WWW_CLIENT}};
    struct sessionpair p;

    replace(server_dir, "server", &spec);
    load(&p, versions[_i], "localhost", NULL, 0);
    client_refuses(&p, "'CN=x' is not meant for this side of TLS",
                   "unsupported certificate (TLS alert 43)");
}
END_TEST

START_TEST(server_insecure)
{
    struct tlscert_spec spec = {.cn = "weak", .digest = GNUTLS_DIG_SHA1};
    struct sessionpair p;

    replace(server_dir, "server", &spec);
    load(&p, versions[_i], "localhost", NULL, 0);
    client_refuses(&p, "'CN=weak' is signed with an insecure algorithm",
                   "bad certificate (TLS alert 42)");
}
END_TEST

/* ---- the server refuses ---- */

START_TEST(client_none)
{
    struct sessionpair p;
    char path[512];

    snprintf(path, sizeof(path), "%s/client-cert.pem", client_dir);
    ck_assert_int_eq(remove(path), 0);
    snprintf(path, sizeof(path), "%s/client-key.pem", client_dir);
    ck_assert_int_eq(remove(path), 0);
    load(&p, versions[_i], "localhost", NULL, 0);
    server_refuses(&p, QIO_ERROR_TLS_VERIFY, "the client sent no certificate",
                   _i ? "the peer wants a certificate and we have none: "
                        "certificate required (TLS alert 116)"
                      : "handshake failure (TLS alert 40)");
    load(&p, versions[_i], "localhost", NULL, QIO_TLS_CREDS_NO_VERIFY_PEER);
    accepted(&p);
}
END_TEST

START_TEST(client_unknown_ca)
{
    struct sessionpair p;

    tlscert_write(server_dir, "ca-cert.pem", &other_ca, NULL);
    load(&p, versions[_i], "localhost", NULL, 0);
    server_refuses(&p, QIO_ERROR_TLS_VERIFY,
                   "the client's certificate 'CN=client,C=UK' is not signed "
                   "by a CA in '",
                   "the peer rejected our certificate: unknown CA "
                   "(TLS alert 48)");
}
END_TEST

START_TEST(client_expired)
{
    struct tlscert_spec spec = {
        .cn = "old", .from_hours = -48, .to_hours = -24};
    struct sessionpair p;

    replace(client_dir, "client", &spec);
    load(&p, versions[_i], "localhost", NULL, 0);
    server_refuses(&p, QIO_ERROR_TLS_VERIFY,
                   "the client's certificate 'CN=old' expired on 20",
                   "the peer rejected our certificate: certificate expired "
                   "(TLS alert 45)");
}
END_TEST

START_TEST(client_revoked)
{
    struct sessionpair p;

    tlscert_write_crl(server_dir, "ca-crl.pem", &ca, &client);
    load(&p, versions[_i], "localhost", NULL, 0);
    server_refuses(&p, QIO_ERROR_TLS_VERIFY, "'CN=client,C=UK' is revoked",
                   "certificate revoked (TLS alert 44)");
}
END_TEST

/* ---- authorizers ---- */

/* On an alternative name, and what the server's owner hears. */
START_TEST(authorizer_san)
{
    static const struct {
        const char *match;
        QIOAuthzFormat format;
        bool good;
    } cases[] = {
        {"DNS:client.example", QIO_AUTHZ_FORMAT_EXACT, true},
        {"IP:192.0.2.7", QIO_AUTHZ_FORMAT_EXACT, true},
        {"DNS:*.example", QIO_AUTHZ_FORMAT_GLOB, true},
        {"DNS:*.other", QIO_AUTHZ_FORMAT_GLOB, false},
        {"*client.example", QIO_AUTHZ_FORMAT_GLOB, false},
        {"client.example", QIO_AUTHZ_FORMAT_EXACT, false},
    };
    struct tlscert_spec spec = {
        .cn = "c", .dns = {"client.example"}, .ip = {"192.0.2.7"}};
    struct tlscert cert;
    size_t i;

    tlscert_make(&cert, &spec, &ca);
    write_side(client_dir, "client", &ca, &cert);
    tlscert_free(&cert);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        QIOError *err = NULL;
        QIOAuthz *authz = qio_authz_new_list(false, &err);
        struct sessionpair p;

        ck_assert_int_eq(qio_authz_list_append(authz, cases[i].match,
                                               cases[i].format, true, &err),
                         0);
        load(&p, versions[_i], "localhost", authz, 0);
        qio_authz_unref(authz);
        if (cases[i].good) {
            accepted(&p);
        } else {
            server_refuses(&p, QIO_ERROR_AUTHZ, "client 'CN=c' is not allowed",
                           "access denied (TLS alert 49)");
        }
    }
}
END_TEST

static bool never(const char *const *names, size_t n, void *opaque)
{
    (void)names;
    *(size_t *)opaque += n;
    return false;
}

START_TEST(authorizer_func)
{
    QIOError *err = NULL;
    size_t seen = 0;
    QIOAuthz *authz = qio_authz_new_func(never, &seen, NULL, &err);
    struct sessionpair p;

    load(&p, versions[_i], "localhost", authz, 0);
    qio_authz_unref(authz);
    ck_assert_uint_eq(seen, 1);
    server_refuses(&p, QIO_ERROR_AUTHZ, "client 'CN=client,C=UK' is not",
                   "access denied (TLS alert 49)");
}
END_TEST

/* ---- pre-shared keys ---- */

static void load_psk(struct sessionpair *p, const char *priority,
                     const char *client_keys, const char *server_keys,
                     const char *user, QIOAuthz *authz)
{
    QIOError *err = NULL;
    QIOTLSCreds *c, *s;

    tlscert_write_text(client_dir, "keys.psk", client_keys);
    tlscert_write_text(server_dir, "keys.psk", server_keys);
    c = qio_tls_creds_psk_new(QIO_TLS_ENDPOINT_CLIENT, client_dir, user,
                              priority, 0, &err);
    qiotest_ok(&err);
    s = qio_tls_creds_psk_new(QIO_TLS_ENDPOINT_SERVER, server_dir, NULL,
                              priority, 0, &err);
    qiotest_ok(&err);
    sessionpair_init(p, c, s, NULL, authz);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
    sessionpair_run(p);
}

#define REJECTED_KEY "the peer rejected our pre-shared key"

START_TEST(psk_good)
{
    struct sessionpair p;

    load_psk(&p, versions[_i], "qemu:0011223344556677\n",
             "a:00\nqemu:0011223344556677\n", NULL, NULL);
    accepted(&p);
}
END_TEST

START_TEST(psk_mismatch)
{
    struct sessionpair p;

    load_psk(&p, versions[_i], "qemu:0011223344556677\n",
             "qemu:0011223344556678\n", NULL, NULL);
    server_refuses(&p, QIO_ERROR_TLS_VERIFY, "the key of user 'qemu' in '",
                   REJECTED_KEY);
}
END_TEST

START_TEST(psk_unknown)
{
    struct sessionpair p;

    load_psk(&p, versions[_i], "eve:0011223344556677\n",
             "qemu:0011223344556677\n", "eve", NULL);
    server_refuses(&p, QIO_ERROR_TLS_VERIFY, "user 'eve' is not in '",
                   REJECTED_KEY);
}
END_TEST

START_TEST(psk_authz)
{
    QIOError *err = NULL;
    QIOAuthz *authz = qio_authz_new_simple("alice", &err);
    struct sessionpair p;

    load_psk(&p, versions[_i], "alice:00112233\n", "alice:00112233\n", "alice",
             authz);
    accepted(&p);
    load_psk(&p, versions[_i], "bob:00112233\n", "bob:00112233\n", "bob",
             authz);
    server_refuses(&p, QIO_ERROR_AUTHZ, "client 'bob' is not allowed",
                   "access denied (TLS alert 49)");
    qio_authz_unref(authz);
}
END_TEST

/* ---- nothing in common ---- */

START_TEST(other_kind)
{
    QIOError *err = NULL;
    QIOTLSCreds *c, *s;
    struct sessionpair p;

    c = qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_CLIENT, client_dir, NULL,
                               versions[_i], 0, &err);
    qiotest_ok(&err);
    tlscert_write_text(server_dir, "keys.psk", "qemu:0011\n");
    s = qio_tls_creds_psk_new(QIO_TLS_ENDPOINT_SERVER, server_dir, NULL,
                              versions[_i], 0, &err);
    qiotest_ok(&err);
    sessionpair_init(&p, c, s, "localhost", NULL);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
    sessionpair_run(&p);
    expect(&p.server_err, QIO_ERROR_TLS, "cipher suite in common");
    expect(&p.client_err, QIO_ERROR_TLS_REJECTED, "(TLS alert ");
    sessionpair_free(&p);
}
END_TEST

START_TEST(other_version)
{
    QIOError *err = NULL;
    QIOTLSCreds *c, *s;
    struct sessionpair p;

    c = qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_CLIENT, client_dir, NULL,
                               versions[_i], 0, &err);
    s = qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_SERVER, server_dir, NULL,
                               versions[!_i], 0, &err);
    qiotest_ok(&err);
    sessionpair_init(&p, c, s, "localhost", NULL);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
    sessionpair_run(&p);
    ck_assert_int_eq(p.client_ret, -1);
    ck_assert_int_eq(p.server_ret, -1);
    expect(&p.server_err, QIO_ERROR_TLS, "TLS version");
    expect(&p.client_err, QIO_ERROR_TLS_REJECTED, "(TLS alert ");
    sessionpair_free(&p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-verify");
    TCase *tc = qiotest_case(s, "verify");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, good, 0, 2);
    tcase_add_loop_test(tc, wrong_host_message, 0, 2);
    tcase_add_loop_test(tc, no_verify, 0, 2);
    tcase_add_loop_test(tc, not_asked, 0, 2);
    tcase_add_loop_test(tc, server_unknown_ca, 0, 2);
    tcase_add_loop_test(tc, server_expired, 0, 2);
    tcase_add_loop_test(tc, server_not_yet, 0, 2);
    tcase_add_loop_test(tc, server_revoked, 0, 2);
    tcase_add_loop_test(tc, server_purpose, 0, 2);
    tcase_add_loop_test(tc, server_insecure, 0, 2);
    tcase_add_loop_test(tc, client_none, 0, 2);
    tcase_add_loop_test(tc, client_unknown_ca, 0, 2);
    tcase_add_loop_test(tc, client_expired, 0, 2);
    tcase_add_loop_test(tc, client_revoked, 0, 2);
    tcase_add_loop_test(tc, authorizer_san, 0, 2);
    tcase_add_loop_test(tc, authorizer_func, 0, 2);
    tcase_add_loop_test(tc, psk_good, 0, 2);
    tcase_add_loop_test(tc, psk_mismatch, 0, 2);
    tcase_add_loop_test(tc, psk_unknown, 0, 2);
    tcase_add_loop_test(tc, psk_authz, 0, 2);
    tcase_add_loop_test(tc, other_kind, 0, 2);
    tcase_add_loop_test(tc, other_version, 0, 2);
    return qiotest_main(s);
}
