/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials made of properties: what each of them does to a session. */
#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <qio/tls-config.h>
#include "qiotest.h"
#include "sessionpair.h"
#include "tlscert.h"

#define CLIENT QIO_TLS_ENDPOINT_CLIENT
#define SERVER QIO_TLS_ENDPOINT_SERVER
#define NO_TEXT ((const char *)NULL)

static const char *dir;
static struct tlscert ca;

static void setup(void)
{
    struct tlscert server, client;

    dir = tlscert_dir("config");
    tlscert_make_ca(&ca, "CA");
    tlscert_make_server(&server, &ca);
    tlscert_make_client(&client, &ca, "client");
    tlscert_write(dir, "ca-cert.pem", &ca, NULL);
    tlscert_write(dir, "server-cert.pem", &server, NULL);
    tlscert_write_key(dir, "server-key.pem", &server, NULL);
    tlscert_write(dir, "client-cert.pem", &client, NULL);
    tlscert_write_key(dir, "client-key.pem", &client, NULL);
    tlscert_free(&server);
    tlscert_free(&client);
}

static void teardown(void)
{
    tlscert_free(&ca);
}

static void set(QIOTLSConfig *config, const char *property, const char *value)
{
    QIOError *err = NULL;

    ck_assert_int_eq(qio_tls_config_set(config, property, value, &err), 0);
    qiotest_ok(&err);
}

/* x509 in dir, with one more property, or NULL. */
static QIOTLSCreds *make(QIOTLSEndpoint endpoint, const char *property,
                         const char *value)
{
    QIOError *err = NULL;
    QIOTLSConfig *config =
        qio_tls_config_new(QIO_TLS_CREDS_X509, endpoint, &err);
    QIOTLSCreds *creds;

    set(config, "dir", dir);
    if (property) {
        set(config, property, value);
    }
    creds = qio_tls_creds_new(config, &err);
    qiotest_ok(&err);
    qio_tls_config_free(config);
    return creds;
}

static void run(struct sessionpair *p, QIOTLSCreds *c, QIOTLSCreds *s,
                const char *host)
{
    sessionpair_init(p, c, s, host, NULL);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
    sessionpair_run(p);
}

static void expect_described(struct sessionpair *p, const char *text)
{
    QIOError *err = NULL;
    char *line;

    qiotest_ok(&p->client_err);
    qiotest_ok(&p->server_err);
    line = qiop_tls_session_describe(p->client, &err);
    qiotest_ok(&err);
    ck_assert_msg(strstr(line, text) != NULL, "'%s' is not in '%s'", text,
                  line);
    free(line);
    sessionpair_free(p);
}

START_TEST(versions)
{
    struct sessionpair p;

    run(&p, make(CLIENT, NULL, NO_TEXT), make(SERVER, NULL, NO_TEXT),
        "localhost");
    expect_described(&p, "TLS1.3");
    run(&p, make(CLIENT, "max-version", "1.2"), make(SERVER, NULL, NO_TEXT),
        "localhost");
    expect_described(&p, "TLS1.2");
    run(&p, make(CLIENT, NULL, NO_TEXT), make(SERVER, "max-version", "1.2"),
        "localhost");
    expect_described(&p, "TLS1.2");
    run(&p, make(CLIENT, "max-version", "1.2"),
        make(SERVER, "min-version", "1.3"), "localhost");
    ck_assert_int_eq(p.server_ret, -1);
    ck_assert(strstr(qio_error_message(p.server_err), "no TLS version") !=
              NULL);
    ck_assert_int_eq(p.client_ret, -1);
    ck_assert_int_eq(qio_error_code(p.client_err), QIO_ERROR_TLS_REJECTED);
    sessionpair_free(&p);
}
END_TEST

START_TEST(groups)
{
    struct sessionpair p;

    run(&p, make(CLIENT, "groups", "X25519"), make(SERVER, NULL, NO_TEXT),
        "localhost");
    expect_described(&p, "X25519");
    run(&p, make(CLIENT, "groups", "SECP384R1:X25519"),
        make(SERVER, "groups", "SECP384R1"), "localhost");
    expect_described(&p, "SECP384R1");
    /* The finite field groups of RFC 7919; no file with parameters. */
    run(&p, make(CLIENT, "groups", "FFDHE2048"), make(SERVER, NULL, NO_TEXT),
        "localhost");
    expect_described(&p, "FFDHE2048");
    run(&p,
        make(CLIENT, "priority",
             "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL"
             ":+DHE-RSA:-GROUP-ALL:+GROUP-FFDHE3072"),
        make(SERVER, NULL, NO_TEXT), "localhost");
    /* The test's certificates are ECDSA, which DHE-RSA cannot use. */
    ck_assert_int_eq(p.client_ret, -1);
    sessionpair_free(&p);
    run(&p, make(CLIENT, "groups", "X25519"),
        make(SERVER, "groups", "FFDHE2048"), "localhost");
    ck_assert_int_eq(p.server_ret, -1);
    ck_assert(strstr(qio_error_message(p.server_err), "in common") != NULL);
    sessionpair_free(&p);
}
END_TEST

/* Of several identities the one for the name that is asked for. */
START_TEST(identity_by_name)
{
    static const char *const hosts[] = {"localhost", "one.example",
                                        "two.example"};
    struct tlscert cert;
    size_t i;

    for (i = 0; i < 2; i++) {
        struct tlscert_spec spec = {.cn = "extra", .dns = {hosts[i + 1]}};
        char name[32];

        tlscert_make(&cert, &spec, &ca);
        snprintf(name, sizeof(name), "server-cert-%zu.pem", i);
        tlscert_write(dir, name, &cert, NULL);
        snprintf(name, sizeof(name), "server-key-%zu.pem", i);
        tlscert_write_key(dir, name, &cert, NULL);
        tlscert_free(&cert);
    }
    for (i = 0; i < 3; i++) {
        struct sessionpair p;

        run(&p, make(CLIENT, NULL, NO_TEXT), make(SERVER, NULL, NO_TEXT),
            hosts[i]);
        expect_described(&p, "TLS1.3");
    }
}
END_TEST

static void alpn(const char *client, const char *server, const char *agreed)
{
    QIOError *err = NULL;
    struct sessionpair p;
    char *name;

    run(&p, make(CLIENT, client ? "alpn" : NULL, client),
        make(SERVER, server ? "alpn" : NULL, server), "localhost");
    qiotest_ok(&p.client_err);
    name = qiop_tls_session_fact(p.server, QIO_TLS_FACT_ALPN, &err);
    if (agreed) {
        ck_assert_str_eq(name, agreed);
        free(name);
        name = qiop_tls_session_fact(p.client, QIO_TLS_FACT_ALPN, &err);
        ck_assert_str_eq(name, agreed);
        free(name);
    } else {
        ck_assert_ptr_null(name);
        qiotest_error(&err, QIO_ERROR_NOT_FOUND);
    }
    sessionpair_free(&p);
}

START_TEST(protocols)
{
    struct sessionpair p;

    alpn("migration:other", "other:migration", "other");
    alpn("migration", "other:migration", "migration");
    alpn("migration", NULL, NULL);
    alpn(NULL, "migration", NULL);
    run(&p, make(CLIENT, "alpn", "one:two"), make(SERVER, "alpn", "three"),
        "localhost");
    ck_assert_int_eq(p.server_ret, -1);
    ck_assert_int_eq(p.client_ret, -1);
    ck_assert_int_eq(qio_error_code(p.client_err), QIO_ERROR_TLS_REJECTED);
    ck_assert_msg(strstr(qio_error_message(p.client_err),
                         "no application protocol in common (TLS alert 120)"),
                  "%s", qio_error_message(p.client_err));
    ck_assert_msg(strstr(qio_error_message(p.server_err),
                         "the client offers no application protocol of ours"),
                  "%s", qio_error_message(p.server_err));
    sessionpair_free(&p);
}
END_TEST

START_TEST(system_trust)
{
    QIOError *err = NULL;
    QIOTLSConfig *config = qio_tls_config_new(QIO_TLS_CREDS_X509, CLIENT, &err);
    QIOTLSCreds *creds;
    struct sessionpair p;

    /* The test's CA is not among the system's. */
    set(config, "system-trust", "on");
    creds = qio_tls_creds_new(config, &err);
    qiotest_ok(&err);
    qio_tls_config_free(config);
    run(&p, creds, make(SERVER, "verify-peer", "off"), "localhost");
    ck_assert_int_eq(p.client_ret, -1);
    ck_assert_int_eq(qio_error_code(p.client_err), QIO_ERROR_TLS_VERIFY);
    ck_assert(strstr(qio_error_message(p.client_err),
                     "is not signed by a CA of the system") != NULL);
    sessionpair_free(&p);
    /* Beside the system's, those of the directory count, and do not have to be
     * there. */
    run(&p, make(CLIENT, "system-trust", "on"),
        make(SERVER, "verify-peer", "off"), "localhost");
    expect_described(&p, "TLS1.3");
}
END_TEST

/* ---- keys from a function ---- */

struct keys {
    const char *user;
    unsigned char byte;
    int asked, destroyed;
};

static ssize_t key_of(const char *user, unsigned char *key, size_t size,
                      void *opaque)
{
    struct keys *k = opaque;

    k->asked++;
    ck_assert(size >= 32);
    if (strcmp(user, "broken") == 0) {
        return -1;
    }
    if (strcmp(user, k->user) != 0) {
        return 0;
    }
    memset(key, k->byte, 32);
    return 32;
}

static void destroyed(void *opaque)
{
    ((struct keys *)opaque)->destroyed++;
}

static QIOTLSCreds *psk(QIOTLSEndpoint endpoint, const char *user,
                        struct keys *keys, QIOError **errp)
{
    QIOTLSConfig *config =
        qio_tls_config_new(QIO_TLS_CREDS_PSK, endpoint, errp);
    QIOTLSCreds *creds;

    if (user) {
        set(config, "username", user);
    }
    ck_assert_int_eq(
        qio_tls_config_set_psk_func(config, key_of, keys, destroyed, errp), 0);
    creds = qio_tls_creds_new(config, errp);
    qio_tls_config_free(config);
    return creds;
}

static void psk_pair(const char *server_user, unsigned char server_byte,
                     const char *client_user, const char *why)
{
    struct keys c = {.user = client_user, .byte = 7};
    struct keys s = {.user = server_user, .byte = server_byte};
    QIOError *err = NULL;
    QIOTLSCreds *client = psk(CLIENT, client_user, &c, &err);
    QIOTLSCreds *server = psk(SERVER, NULL, &s, &err);
    struct sessionpair p;

    qiotest_ok(&err);
    run(&p, client, server, NULL);
    ck_assert_int_eq(c.asked, 1);
    ck_assert_int_ge(s.asked, 1);
    ck_assert_int_eq(s.destroyed, 0);
    if (why) {
        ck_assert_int_eq(p.server_ret, -1);
        ck_assert_msg(strstr(qio_error_message(p.server_err), why) != NULL,
                      "'%s'", qio_error_message(p.server_err));
        ck_assert_int_eq(p.client_ret, -1);
        sessionpair_free(&p);
    } else {
        expect_described(&p, "TLS1.3");
    }
    ck_assert_int_eq(c.destroyed, 1);
    ck_assert_int_eq(s.destroyed, 1);
}

START_TEST(psk_func)
{
    struct keys k = {.user = "fred", .byte = 1};
    QIOError *err = NULL;
    QIOTLSConfig *config;

    psk_pair("fred", 7, "fred", NULL);
    psk_pair("fred", 8, "fred", "our key of user 'fred' is not the peer's");
    psk_pair("frida", 7, "fred", "there is no key for user 'fred'");

    ck_assert_ptr_null(psk(CLIENT, "frida", &k, &err));
    ck_assert(strstr(qio_error_message(err), "no key for user 'frida'"));
    qiotest_error(&err, QIO_ERROR_CREDENTIALS);
    ck_assert_int_eq(k.destroyed, 1);
    ck_assert_ptr_null(psk(CLIENT, "broken", &k, &err));
    ck_assert(strstr(qio_error_message(err), "'broken' cannot be had"));
    qiotest_error(&err, QIO_ERROR_CREDENTIALS);
    ck_assert_int_eq(k.destroyed, 2);
    /* Credentials of another kind take none, and let go of it. */
    config = qio_tls_config_new(QIO_TLS_CREDS_ANON, CLIENT, &err);
    ck_assert_int_eq(
        qio_tls_config_set_psk_func(config, key_of, &k, destroyed, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(k.destroyed, 3);
    qio_tls_config_free(config);
}
END_TEST

/* ---- what does not go ---- */

static void refused(QIOTLSCredsKind kind, const char *property,
                    const char *value, const char *why)
{
    QIOError *err = NULL;
    QIOTLSConfig *config = qio_tls_config_new(kind, SERVER, &err);

    ck_assert_int_eq(qio_tls_config_set(config, property, value, &err), -1);
    ck_assert_msg(strstr(qio_error_message(err), why) != NULL,
                  "'%s' is not in '%s'", why, qio_error_message(err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_tls_config_free(config);
}

/* Told when they are made. */
static void useless(QIOTLSCredsKind kind, const char *const *settings,
                    const char *why)
{
    QIOError *err = NULL;
    QIOTLSConfig *config = qio_tls_config_new(kind, SERVER, &err);

    for (; *settings; settings += 2) {
        set(config, settings[0], settings[1]);
    }
    ck_assert_ptr_null(qio_tls_creds_new(config, &err));
    ck_assert_msg(strstr(qio_error_message(err), why) != NULL,
                  "'%s' is not in '%s'", why, qio_error_message(err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_tls_config_free(config);
}

START_TEST(bad_values)
{
    static const char *const upside[] = {"min-version", "1.3", "max-version",
                                         "1.2", NULL};
    static const char *const anon13[] = {"min-version", "1.3", NULL};
    static const char *const group[] = {"groups", "X25519:nonsense", NULL};
    static const char *const engine[] = {"tls-engine", "nonsense", NULL};
    static const char *const half[] = {"dir", "/", "key", "pkcs11:object=k",
                                       NULL};
    QIOError *err = NULL;

    refused(QIO_TLS_CREDS_X509, "username", "a", "'username' is not known");
    refused(QIO_TLS_CREDS_PSK, "sanity-check", "on", "is not known");
    refused(QIO_TLS_CREDS_PSK, "username", "a", "takes no user name");
    refused(QIO_TLS_CREDS_X509, "nonsense", "a", "'nonsense' is not known");
    refused(QIO_TLS_CREDS_X509, "verify-peer", "2", "is on or off");
    refused(QIO_TLS_CREDS_X509, "system-trust", "2", "is on or off");
    refused(QIO_TLS_CREDS_X509, "min-version", "1.1", "is 1.2 or 1.3");
    refused(QIO_TLS_CREDS_X509, "max-version", "1.4", "is 1.2 or 1.3");
    refused(QIO_TLS_CREDS_X509, "key", "/etc/key", "starts with 'pkcs11:'");
    refused(QIO_TLS_CREDS_X509, "alpn", "a::b", "one to eight protocols");
    refused(QIO_TLS_CREDS_X509, "alpn", "", "one to eight protocols");
    refused(QIO_TLS_CREDS_X509, "alpn", "1:2:3:4:5:6:7:8:9", "one to eight");
    refused(QIO_TLS_CREDS_X509, "dir", NULL, "needs a value");
    useless(QIO_TLS_CREDS_ANON, upside, "above max-version");
    useless(QIO_TLS_CREDS_ANON, anon13, "no anonymous key exchange");
    useless(QIO_TLS_CREDS_ANON, group, "unknown key exchange group 'nonsense'");
    useless(QIO_TLS_CREDS_ANON, engine, "unknown TLS record engine");
    useless(QIO_TLS_CREDS_X509, half, "needs its key");
    ck_assert_ptr_null(qio_tls_config_new((QIOTLSCredsKind)9, SERVER, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(
        qio_tls_config_new(QIO_TLS_CREDS_PSK, (QIOTLSEndpoint)9, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_tls_config_free(NULL);
}
END_TEST

/* A certificate with many names, of role. */
static void write_long(const char *role)
{
    static char names[6][1500];
    struct tlscert_spec spec = {.cn = "long"};
    struct tlscert cert[8];
    char name[32];
    size_t i;

    for (i = 0; i < 6; i++) {
        memset(names[i], 'a' + (int)i, sizeof(names[i]) - 1);
        spec.dns[i] = names[i];
    }
    for (i = 0; i < 8; i++) {
        tlscert_make(&cert[i], &spec, &ca);
    }
    snprintf(name, sizeof(name), "%s-cert.pem", role);
    tlscert_write(dir, name, &cert[0], &cert[1], &cert[2], &cert[3], &cert[4],
                  &cert[5], &cert[6], &cert[7], NULL);
    snprintf(name, sizeof(name), "%s-key.pem", role);
    tlscert_write_key(dir, name, &cert[0], NULL);
    for (i = 0; i < 8; i++) {
        tlscert_free(&cert[i]);
    }
}

/* In dir, for one version, with a limit on the peer's handshake. */
static QIOTLSCreds *limited(QIOTLSEndpoint endpoint, int version,
                            const char *bytes)
{
    QIOTLSConfig *config =
        qio_tls_config_new(QIO_TLS_CREDS_X509, endpoint, NULL);
    QIOError *err = NULL;
    QIOTLSCreds *creds;

    set(config, "dir", dir);
    set(config, "sanity-check", "off");
    set(config, "max-version", version ? "1.3" : "1.2");
    set(config, "handshake-limit", bytes);
    creds = qio_tls_creds_new(config, &err);
    qiotest_ok(&err);
    qio_tls_config_free(config);
    return creds;
}

static void too_long(int ret, QIOError *err)
{
    ck_assert_int_eq(ret, -1);
    ck_assert_int_eq(qio_error_code(err), QIO_ERROR_TLS);
    ck_assert_str_eq(
        qio_error_message(err),
        "the peer's TLS handshake is longer than the limit of 8192 bytes");
}

/* Whoever says too much before it is known is sent away, and told so. */
START_TEST(handshake_limit_server)
{
    struct sessionpair p;

    write_long("client");
    run(&p, limited(CLIENT, _i, "16384"), limited(SERVER, _i, "8192"),
        "localhost");
    too_long(p.server_ret, p.server_err);
    if (p.client_ret == 0) {
        sessionpair_client_reads(&p);
    }
    ck_assert_int_eq(qio_error_code(p.client_err), QIO_ERROR_TLS_REJECTED);
    ck_assert_int_eq(qio_error_tls_alert(p.client_err), 40);
    sessionpair_free(&p);
    run(&p, limited(CLIENT, _i, "4096"), limited(SERVER, _i, "32768"),
        "localhost");
    expect_described(&p, _i ? "TLS1.3" : "TLS1.2");
}
END_TEST

START_TEST(handshake_limit_client)
{
    struct sessionpair p;

    write_long("server");
    run(&p, limited(CLIENT, _i, "8192"), limited(SERVER, _i, "4096"),
        "localhost");
    too_long(p.client_ret, p.client_err);
    ck_assert_int_eq(p.server_ret, -1);
    ck_assert_int_eq(qio_error_code(p.server_err), QIO_ERROR_TLS_REJECTED);
    sessionpair_free(&p);
}
END_TEST

/* A client hello that says it has 16 MiB, or one that comes in crumbs of which
 * most is records' headers. */
START_TEST(handshake_limit_endless)
{
    static const uint8_t large[] = {22, 3, 1, 0, 8, 1, 255, 255, 255};
    static const uint8_t crumbs[] = {22, 3, 1,         0,         8,
                                     1,  0, 8000 >> 8, 8000 & 255};
    uint8_t rec[13] = {0};
    QIOTLSCreds *creds = limited(SERVER, 1, "8192");
    struct qiop_tls_session *s;
    QIOError *err = NULL;
    int ret = QIOP_TLS_BLOCK, n = 0;

    memcpy(rec, _i ? crumbs : large, 9);
    s = qiop_tls_session_new(creds, SERVER, NULL, &err);
    while (ret == QIOP_TLS_BLOCK) {
        size_t avail;
        uint8_t *p = qiop_tls_session_input_reserve(s, &avail, &err);

        memcpy(p, rec, sizeof(rec));
        qiop_tls_session_input_commit(s, sizeof(rec), avail);
        ret = qiop_tls_session_handshake(s, &err);
        memset(rec + 5, 0, 8);
        ck_assert_int_le(++n, 8192 / 13 + 1);
    }
    too_long(ret, err);
    ck_assert_uint_gt(qiop_tls_session_output_len(s), 0);
    qio_error_free(err);
    qiop_tls_session_free(s);
    qio_tls_creds_unref(creds);
}
END_TEST

START_TEST(handshake_limit_values)
{
    static const char *const bad[] = {"", "0", "4095", "16777217", "8K", "-1"};
    QIOTLSConfig *config = qio_tls_config_new(QIO_TLS_CREDS_PSK, SERVER, NULL);
    QIOError *err = NULL;
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_int_eq(
            qio_tls_config_set(config, "handshake-limit", bad[i], &err), -1);
        qiotest_error(&err, QIO_ERROR_INVALID);
    }
    set(config, "handshake-limit", "4096");
    set(config, "handshake-limit", "16777216");
    qio_tls_config_free(config);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-config");
    TCase *tc = qiotest_case(s, "properties");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, versions);
    tcase_add_test(tc, groups);
    tcase_add_test(tc, identity_by_name);
    tcase_add_test(tc, protocols);
    tcase_add_test(tc, system_trust);
    tcase_add_test(tc, psk_func);
    tcase_add_test(tc, bad_values);
    tcase_add_loop_test(tc, handshake_limit_server, 0, 2);
    tcase_add_loop_test(tc, handshake_limit_client, 0, 2);
    tcase_add_loop_test(tc, handshake_limit_endless, 0, 2);
    tcase_add_test(tc, handshake_limit_values);
    return qiotest_main(s);
}
