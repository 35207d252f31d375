/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is accepted and who is refused; for every refusal, what each side says
 * about it in one line. */
#include <config.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include "sessionpair.h"

#define TLS12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

static const char *const versions[] = {TLS12, TLS13};

static struct tlscert ca, other_ca, server, client;
static const char *client_dir, *server_dir;

static void write_side(const char *dir, const char *role,
                       const struct tlscert *trust, const struct tlscert *own)
{
    char name[32];

    tlscert_write(dir, "ca-cert.pem", trust, NULL);
    if (own) {
        snprintf(name, sizeof(name), "%s-cert.pem", role);
        tlscert_write(dir, name, own, NULL);
        snprintf(name, sizeof(name), "%s-key.pem", role);
        tlscert_write_key(dir, name, own, NULL);
    }
}

/* Good files for both; a test then replaces what it is about. */
static void setup(void)
{
    tlscert_make_ca(&ca, "good CA");
    tlscert_make_ca(&other_ca, "other CA");
    tlscert_make_server(&server, &ca);
    tlscert_make_client(&client, &ca, "client");
    client_dir = tlscert_dir("client");
    server_dir = tlscert_dir("server");
    write_side(client_dir, "client", &ca, &client);
    write_side(server_dir, "server", &ca, &server);
}

static void teardown(void)
{
    tlscert_free(&ca);
    tlscert_free(&other_ca);
    tlscert_free(&server);
    tlscert_free(&client);
}

static void load(struct sessionpair *p, const char *priority,
                 const char *hostname, QIOAuthz *authz, unsigned flags)
{
    QIOError *err = NULL;
    QIOTLSCreds *c, *s;

    flags |= QIO_TLS_CREDS_NO_SANITY_CHECK;
    c = qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_CLIENT, client_dir, NULL,
                               priority, flags, &err);
    qiotest_ok(&err);
    s = qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_SERVER, server_dir, NULL,
                               priority, flags, &err);
    qiotest_ok(&err);
    sessionpair_init(p, c, s, hostname, authz);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
    sessionpair_run(p);
}

static void expect(QIOError **err, QIOErrorCode code, const char *text)
{
    ck_assert_msg(*err != NULL, "no error where '%s' was expected", text);
    ck_assert_msg(strstr(qio_error_message(*err), text) != NULL,
                  "'%s' is not in '%s'", text, qio_error_message(*err));
    ck_assert_ptr_null(strchr(qio_error_message(*err), '\n'));
    qiotest_error(err, code);
}

static void accepted(struct sessionpair *p)
{
    qiotest_ok(&p->client_err);
    qiotest_ok(&p->server_err);
    ck_assert_int_eq(p->client_ret, 0);
    ck_assert_int_eq(p->server_ret, 0);
    sessionpair_free(p);
}

/* The client refuses the server. */
static void client_refuses(struct sessionpair *p, const char *why,
                           const char *told)
{
    ck_assert_int_eq(p->client_ret, -1);
    ck_assert_int_eq(p->server_ret, -1);
    expect(&p->client_err, QIO_ERROR_TLS_VERIFY, why);
    expect(&p->server_err, QIO_ERROR_TLS_REJECTED, told);
    sessionpair_free(p);
}

/* The server refuses the client, who in TLS 1.3 learns of it later. */
static void server_refuses(struct sessionpair *p, QIOErrorCode code,
                           const char *why, const char *told)
{
    ck_assert_int_eq(p->server_ret, -1);
    expect(&p->server_err, code, why);
    if (p->client_ret == 0) {
        sessionpair_client_reads(p);
    }
    expect(&p->client_err, QIO_ERROR_TLS_REJECTED, told);
    sessionpair_free(p);
}

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

static void name_case(const char *priority, const struct tlscert_spec *spec,
                      const char *host, bool fits)
{
    struct tlscert cert;
    struct sessionpair p;

    tlscert_make(&cert, spec, &ca);
    write_side(server_dir, "server", &ca, &cert);
    tlscert_free(&cert);
    load(&p, priority, host, NULL, 0);
    if (fits) {
        accepted(&p);
        return;
    }
    client_refuses(&p, "server certificate is for '",
                   "the peer rejected our certificate: bad certificate "
                   "(TLS alert 42)");
}

START_TEST(alternative_names)
{
    struct tlscert_spec all = {
        .cn = "qemu.org",
        .dns = {"qemu.org", "www.qemu.org"},
        .ip = {"192.168.122.1", "fec0::dead:beaf"},
    };
    struct tlscert_spec no_cn = {
        .cn = "qemu.org",
        .dns = {"www.qemu.org", "wiki.qemu.org"},
        .ip = {"192.168.122.1", "fec0::dead:beaf"},
    };
    struct tlscert_spec only_cn = {.cn = "qemu.org"};
    const char *v = versions[_i];

    name_case(v, &all, "qemu.org", true);
    name_case(v, &all, "www.qemu.org", true);
    name_case(v, &all, "wiki.qemu.org", false);
    name_case(v, &all, "192.168.122.1", true);
    name_case(v, &all, "192.168.122.2", false);
    name_case(v, &all, "fec0::dead:beaf", true);
    name_case(v, &all, "fec0::dead:beaf%eth0", true);
    name_case(v, &all, "fec0::dead:bea0", false);
    name_case(v, &no_cn, "qemu.org", false);
    name_case(v, &no_cn, "www.qemu.org", true);
    name_case(v, &no_cn, "wiki.qemu.org", true);
    name_case(v, &only_cn, "qemu.org", true);
    name_case(v, &only_cn, "www.qemu.org", false);
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

START_TEST(chain)
{
    struct tlscert_spec level = {
        .constraints = TLSCERT_CRITICAL,
        .ca = true,
        .usage_ext = TLSCERT_CRITICAL,
        .usage = GNUTLS_KEY_KEY_CERT_SIGN,
    };
    struct tlscert l1a, l1b, l2, leaf, who;
    struct sessionpair p;

    level.cn = "level 1a";
    tlscert_make(&l1a, &level, &ca);
    level.cn = "level 1b";
    tlscert_make(&l1b, &level, &ca);
    level.cn = "level 2";
    tlscert_make(&l2, &level, &l1a);
    tlscert_make_server(&leaf, &l2);
    tlscert_make_client(&who, &l1b, "client");
    write_side(server_dir, "server", &ca, &leaf);
    write_side(client_dir, "client", &ca, &who);
    tlscert_write(server_dir, "ca-cert.pem", &ca, &l1a, &l1b, &l2, NULL);
    tlscert_write(client_dir, "ca-cert.pem", &ca, &l1a, &l1b, &l2, NULL);
    load(&p, versions[_i], "localhost", NULL, 0);
    accepted(&p);
    /* The chain beside the certificate, the root alone at the peer. */
    tlscert_write(server_dir, "server-cert.pem", &leaf, &l2, &l1a, NULL);
    tlscert_write(client_dir, "client-cert.pem", &who, &l1b, NULL);
    tlscert_write(server_dir, "ca-cert.pem", &ca, NULL);
    tlscert_write(client_dir, "ca-cert.pem", &ca, NULL);
    load(&p, versions[_i], "localhost", NULL, 0);
    accepted(&p);
    tlscert_free(&l1a);
    tlscert_free(&l1b);
    tlscert_free(&l2);
    tlscert_free(&leaf);
    tlscert_free(&who);
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

static const struct {
    const char *match[2];
    QIOAuthzFormat format;
    bool good;
} rules[] = {
    {{"CN=dogfood,C=UK", NULL}, QIO_AUTHZ_FORMAT_EXACT, false},
    {{"CN=client,C=UK", NULL}, QIO_AUTHZ_FORMAT_EXACT, true},
    {{"CN=dogfood,C=UK", "CN=client,C=UK"}, QIO_AUTHZ_FORMAT_EXACT, true},
    {{"CN=clientstuff,C=UK", NULL}, QIO_AUTHZ_FORMAT_EXACT, false},
    {{"CN=cli*", NULL}, QIO_AUTHZ_FORMAT_GLOB, true},
    {{"CN=*ient,?=UK", NULL}, QIO_AUTHZ_FORMAT_GLOB, true},
};

START_TEST(authorizer)
{
    size_t n = (size_t)_i / 2;
    const char *v = versions[_i % 2];
    QIOError *err = NULL;
    QIOAuthz *authz = qio_authz_new_list(false, &err);
    struct sessionpair p;
    int i;

    for (i = 0; i < 2 && rules[n].match[i]; i++) {
        ck_assert_int_eq(qio_authz_list_append(authz, rules[n].match[i],
                                               rules[n].format, true, &err),
                         i);
    }
    load(&p, v, "localhost", authz, 0);
    qio_authz_unref(authz);
    if (rules[n].good) {
        accepted(&p);
        return;
    }
    server_refuses(&p, QIO_ERROR_AUTHZ,
                   "client 'CN=client,C=UK' is not allowed",
                   "the peer knows us, but does not let us in: access denied "
                   "(TLS alert 49)");
}
END_TEST

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
    tcase_add_loop_test(tc, alternative_names, 0, 2);
    tcase_add_loop_test(tc, wrong_host_message, 0, 2);
    tcase_add_loop_test(tc, no_verify, 0, 2);
    tcase_add_loop_test(tc, not_asked, 0, 2);
    tcase_add_loop_test(tc, chain, 0, 2);
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
    tcase_add_loop_test(tc, authorizer, 0, 12);
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
