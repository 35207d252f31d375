/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loading X.509 credentials: our own certificates are judged, and files that
 * are missing, unreadable or wrong are named. */
#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <qio/tls-creds.h>
#include "qiotest.h"
#include "tlscert.h"

#define CLIENT QIO_TLS_ENDPOINT_CLIENT
#define SERVER QIO_TLS_ENDPOINT_SERVER
#define KP_SERVER GNUTLS_KP_TLS_WWW_SERVER
#define KP_CLIENT GNUTLS_KP_TLS_WWW_CLIENT
#define DIGSIG GNUTLS_KEY_DIGITAL_SIGNATURE
#define CERTSIGN GNUTLS_KEY_KEY_CERT_SIGN

#define CA(...)                                                                \
    {                                                                          \
        .cn = "CA", .ca = true, .constraints = TLSCERT_CRITICAL, __VA_ARGS__   \
    }
#define LEAF(...)                                                              \
    {                                                                          \
        .cn = "leaf", .constraints = TLSCERT_CRITICAL, __VA_ARGS__             \
    }
#define USAGE(ext, bits) .usage_ext = TLSCERT_##ext, .usage = (bits)
#define PURPOSE(ext, ...) .purpose_ext = TLSCERT_##ext, .purpose = {__VA_ARGS__}

static const char *role_of(QIOTLSEndpoint endpoint)
{
    return endpoint == SERVER ? "server" : "client";
}

static void write_own(const char *dir, QIOTLSEndpoint endpoint,
                      const struct tlscert *own)
{
    char name[32];

    snprintf(name, sizeof(name), "%s-cert.pem", role_of(endpoint));
    tlscert_write(dir, name, own, NULL);
    snprintf(name, sizeof(name), "%s-key.pem", role_of(endpoint));
    tlscert_write_key(dir, name, own, NULL);
}

/* Load and check; `fault` is a part of the message, NULL for success. */
static void load(QIOTLSEndpoint endpoint, const char *dir, const char *fault)
{
    QIOError *err = NULL;
    QIOTLSCreds *creds =
        qio_tls_creds_x509_new(endpoint, dir, NULL, NULL, 0, &err);

    if (!fault) {
        qiotest_ok(&err);
        ck_assert_ptr_nonnull(creds);
        ck_assert_int_eq(qio_tls_creds_endpoint(creds), endpoint);
        ck_assert_int_eq(qio_tls_creds_kind(creds), QIO_TLS_CREDS_X509);
        qio_tls_creds_unref(creds);
        return;
    }
    ck_assert_ptr_null(creds);
    ck_assert_msg(strstr(qio_error_message(err), fault) &&
                      strstr(qio_error_message(err), dir) &&
                      !strchr(qio_error_message(err), '\n'),
                  "'%s' or the directory is not in '%s'", fault,
                  qio_error_message(err));
    qiotest_error(&err, QIO_ERROR_CREDENTIALS);
}

static void load_unchecked(QIOTLSEndpoint endpoint, const char *dir)
{
    QIOError *err = NULL;
    QIOTLSCreds *creds = qio_tls_creds_x509_new(
        endpoint, dir, NULL, NULL, QIO_TLS_CREDS_NO_SANITY_CHECK, &err);

    qiotest_ok(&err);
    qio_tls_creds_unref(creds);
}

/* ---- one CA, one certificate ---- */

struct one {
    const char *name;
    QIOTLSEndpoint endpoint;
    struct tlscert_spec ca, leaf;
    const char *fault;
};

#define PERFECT_CA CA(USAGE(CRITICAL, CERTSIGN))
#define PERFECT(kp) LEAF(USAGE(CRITICAL, DIGSIG), PURPOSE(CRITICAL, kp))

static const struct one ones[] = {
    {"perfectserver", SERVER, PERFECT_CA, PERFECT(KP_SERVER), NULL},
    {"perfectclient", CLIENT, PERFECT_CA, PERFECT(KP_CLIENT), NULL},
    {"goodca1", SERVER, CA(.country = NULL), PERFECT(KP_SERVER), NULL},
    {"goodca2",
     SERVER,
     {.cn = "CA", .ca = true, .constraints = TLSCERT_PLAIN},
     PERFECT(KP_SERVER),
     NULL},
    {"goodca3", SERVER, PERFECT_CA, PERFECT(KP_SERVER), NULL},
    {"badca1", SERVER, CA(USAGE(PLAIN, DIGSIG)), PERFECT(KP_SERVER),
     "fails against"},
    {"badca2",
     SERVER,
     {.cn = "CA"},
     PERFECT(KP_SERVER),
     "has no basic constraints"},
    {"badca3", SERVER, CA(USAGE(CRITICAL, DIGSIG)), PERFECT(KP_SERVER),
     "may not sign certificates"},
    {"badca not a CA",
     SERVER,
     {.cn = "CA", .constraints = TLSCERT_CRITICAL},
     PERFECT(KP_SERVER),
     "is not a CA's"},
    {"leaf is a CA", SERVER, PERFECT_CA, CA(USAGE(CRITICAL, CERTSIGN)),
     "is a CA's"},

    {"goodserver1", SERVER, PERFECT_CA, LEAF(.country = NULL), NULL},
    {"goodserver2", SERVER, PERFECT_CA,
     LEAF(USAGE(CRITICAL, CERTSIGN | DIGSIG)), NULL},
    {"goodserver3", SERVER, PERFECT_CA, LEAF(USAGE(PLAIN, CERTSIGN)), NULL},
    {"goodserver4", SERVER, PERFECT_CA, LEAF(PURPOSE(CRITICAL, KP_SERVER)),
     NULL},
    {"goodserver5", SERVER, PERFECT_CA, LEAF(PURPOSE(PLAIN, KP_SERVER)), NULL},
    {"goodserver6", SERVER, PERFECT_CA,
     LEAF(PURPOSE(CRITICAL, KP_CLIENT, KP_SERVER)), NULL},
    {"goodserver7", SERVER, PERFECT_CA,
     LEAF(PURPOSE(PLAIN, KP_CLIENT, KP_SERVER)), NULL},
    {"server any purpose", SERVER, PERFECT_CA,
     LEAF(PURPOSE(CRITICAL, GNUTLS_KP_ANY)), NULL},
    {"badserver1", SERVER, PERFECT_CA, LEAF(USAGE(CRITICAL, CERTSIGN)),
     "may not make digital signatures"},
    {"badserver2", SERVER, PERFECT_CA, LEAF(PURPOSE(CRITICAL, KP_CLIENT)),
     "is not for a TLS server"},
    {"badserver3", SERVER, PERFECT_CA, LEAF(USAGE(CRITICAL, 0)),
     "may not make digital signatures"},

    {"goodclient1", CLIENT, PERFECT_CA, LEAF(.country = NULL), NULL},
    {"goodclient2", CLIENT, PERFECT_CA,
     LEAF(USAGE(CRITICAL, CERTSIGN | DIGSIG)), NULL},
    {"goodclient3", CLIENT, PERFECT_CA, LEAF(USAGE(PLAIN, CERTSIGN)), NULL},
    {"goodclient4", CLIENT, PERFECT_CA, LEAF(PURPOSE(CRITICAL, KP_CLIENT)),
     NULL},
    {"goodclient5", CLIENT, PERFECT_CA, LEAF(PURPOSE(PLAIN, KP_CLIENT)), NULL},
    {"goodclient6", CLIENT, PERFECT_CA,
     LEAF(PURPOSE(CRITICAL, KP_CLIENT, KP_SERVER)), NULL},
    {"goodclient7", CLIENT, PERFECT_CA,
     LEAF(PURPOSE(PLAIN, KP_CLIENT, KP_SERVER)), NULL},
    {"badclient1", CLIENT, PERFECT_CA, LEAF(USAGE(CRITICAL, CERTSIGN)),
     "may not make digital signatures"},
    {"badclient2", CLIENT, PERFECT_CA, LEAF(PURPOSE(CRITICAL, KP_SERVER)),
     "is not for a TLS client"},
    {"badclient3", CLIENT, PERFECT_CA, LEAF(USAGE(CRITICAL, 0)),
     "may not make digital signatures"},

    {"expired1", SERVER, CA(.from_hours = -48, .to_hours = -24),
     PERFECT(KP_SERVER), "expired on 20"},
    {"expired2", SERVER, PERFECT_CA, LEAF(.from_hours = -48, .to_hours = -24),
     "expired on 20"},
    {"expired3", CLIENT, PERFECT_CA, LEAF(.from_hours = -48, .to_hours = -24),
     "expired on 20"},
    {"inactive1", SERVER, CA(.from_hours = 24, .to_hours = 48),
     PERFECT(KP_SERVER), "is not valid before 20"},
    {"inactive2", SERVER, PERFECT_CA, LEAF(.from_hours = 24, .to_hours = 48),
     "is not valid before 20"},
    {"inactive3", CLIENT, PERFECT_CA, LEAF(.from_hours = 24, .to_hours = 48),
     "is not valid before 20"},
};

#define NONES (int)(sizeof(ones) / sizeof(ones[0]))

START_TEST(one_ca_one_cert)
{
    const struct one *o = &ones[_i];
    const char *dir = tlscert_dir("x509");
    struct tlscert ca, leaf;

    tlscert_make(&ca, &o->ca, NULL);
    tlscert_make(&leaf, &o->leaf, &ca);
    tlscert_write(dir, "ca-cert.pem", &ca, NULL);
    write_own(dir, o->endpoint, &leaf);
    load(o->endpoint, dir, o->fault);
    load_unchecked(o->endpoint, dir);
    tlscert_free(&ca);
    tlscert_free(&leaf);
}
END_TEST

/* ---- chains ---- */

static struct tlscert root, l1a, l1b, l2a, unrelated, future, server, client;

static void chain_setup(void)
{
    struct tlscert_spec ca = CA(USAGE(CRITICAL, CERTSIGN));

    ca.cn = "root";
    tlscert_make(&root, &ca, NULL);
    ca.cn = "unrelated";
    tlscert_make(&unrelated, &ca, NULL);
    ca.cn = "1a";
    tlscert_make(&l1a, &ca, &root);
    ca.cn = "1b";
    tlscert_make(&l1b, &ca, &root);
    ca.cn = "2a";
    tlscert_make(&l2a, &ca, &l1a);
    ca.cn = "future";
    ca.from_hours = 24;
    ca.to_hours = 48;
    tlscert_make(&future, &ca, NULL);
    tlscert_make_server(&server, &l2a);
    tlscert_make_client(&client, &l1b, "client");
}

static void chain_teardown(void)
{
    struct tlscert *all[] = {&root,      &l1a,    &l1b,    &l2a,
                             &unrelated, &future, &server, &client};
    size_t i;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        tlscert_free(all[i]);
    }
}

#define CHAIN_MAX 5

static const struct chain {
    const char *name;
    QIOTLSEndpoint endpoint;
    const struct tlscert *cas[CHAIN_MAX]; /* what ca-cert.pem holds */
    const struct tlscert *own[3];
    const char *fault;
} chains[] = {
    {"chain1", SERVER, {&root, &l1a, &l1b, &l2a}, {&server}, NULL},
    {"chain2", CLIENT, {&root, &l1a, &l1b, &l2a}, {&client}, NULL},
    /* Others' bad certificates in the bundle are not our concern. */
    {"certchainwithexpiredcert",
     SERVER,
     {&root, &l1a, &l1b, &future, &l2a},
     {&server},
     NULL},
    {"serverchain", SERVER, {&root}, {&server, &l2a, &l1a}, NULL},
    {"multiplecaswithchain",
     SERVER,
     {&unrelated, &root},
     {&server, &l2a, &l1a},
     NULL},
    {"clientchain", CLIENT, {&root}, {&client, &l1b}, NULL},
    {"clientchain, several CAs",
     CLIENT,
     {&unrelated, &root},
     {&client, &l1b},
     NULL},
    {"chainincomplete",
     SERVER,
     {&root, &l1b, &l2a},
     {&server},
     "the issuer of certificate 'CN=2a' is not in"},
    {"incompleteserverchain",
     SERVER,
     {&root},
     {&server, &l2a},
     "the issuer of certificate 'CN=2a' is not in"},
    {"unsortedserverchain",
     SERVER,
     {&root},
     {&server, &l1a, &l2a},
     "'CN=server' in '"},
};

#define NCHAINS (int)(sizeof(chains) / sizeof(chains[0]))

START_TEST(chain)
{
    const struct chain *c = &chains[_i];
    const char *dir = tlscert_dir("x509");
    const char *own =
        c->endpoint == SERVER ? "server-cert.pem" : "client-cert.pem";

    write_own(dir, c->endpoint, c->own[0]);
    tlscert_write(dir, own, c->own[0], c->own[1], c->own[2], NULL);
    tlscert_write(dir, "ca-cert.pem", c->cas[0], c->cas[1], c->cas[2],
                  c->cas[3], c->cas[4], NULL);
    load(c->endpoint, dir, c->fault);
}
END_TEST

/* ---- files ---- */

static void expect(QIOTLSEndpoint endpoint, const char *dir,
                   const char *password, QIOErrorCode code, const char *text)
{
    QIOError *err = NULL;

    ck_assert_ptr_null(
        qio_tls_creds_x509_new(endpoint, dir, password, NULL, 0, &err));
    ck_assert_msg(strstr(qio_error_message(err), text) != NULL,
                  "'%s' is not in '%s'", text, qio_error_message(err));
    qiotest_error(&err, code);
}

static void remove_file(const char *dir, const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    ck_assert_int_eq(remove(path), 0);
}

static const char *full_dir(const char *name)
{
    const char *dir = tlscert_dir(name);

    tlscert_write(dir, "ca-cert.pem", &root, &l1a, &l1b, &l2a, NULL);
    write_own(dir, SERVER, &server);
    write_own(dir, CLIENT, &client);
    return dir;
}

START_TEST(missingserver)
{
    const char *dir = full_dir("x509");

    remove_file(dir, "server-key.pem");
    expect(SERVER, dir, NULL, QIO_ERROR_NOT_FOUND, "server-key.pem'");
    remove_file(dir, "server-cert.pem");
    expect(SERVER, dir, NULL, QIO_ERROR_NOT_FOUND, "server-cert.pem'");
}
END_TEST

/* A client need not have a certificate; half of one is a mistake. */
START_TEST(missingclient)
{
    const char *dir = full_dir("x509");

    remove_file(dir, "client-cert.pem");
    expect(CLIENT, dir, NULL, QIO_ERROR_NOT_FOUND, "client-cert.pem'");
    remove_file(dir, "client-key.pem");
    load(CLIENT, dir, NULL);
}
END_TEST

START_TEST(missingca)
{
    const char *dir = full_dir("x509");

    remove_file(dir, "ca-cert.pem");
    expect(CLIENT, dir, NULL, QIO_ERROR_NOT_FOUND, "/ca-cert.pem'");
    expect(SERVER, dir, NULL, QIO_ERROR_NOT_FOUND, "/ca-cert.pem'");
    expect(SERVER, "/nonexistent/dir", NULL, QIO_ERROR_NOT_FOUND,
           "/nonexistent/dir/ca-cert.pem");
    expect(SERVER, "", NULL, QIO_ERROR_INVALID, "directory");
    expect(SERVER, NULL, NULL, QIO_ERROR_INVALID, "directory");
}
END_TEST

START_TEST(unreadable)
{
    const char *dir = full_dir("x509");
    char path[512];

    remove_file(dir, "server-key.pem");
    snprintf(path, sizeof(path), "%s/server-key.pem", dir);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    expect(SERVER, dir, NULL, QIO_ERROR_CREDENTIALS, path);
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_int_eq(symlink("server-key.pem", path), 0);
    expect(SERVER, dir, NULL, QIO_ERROR_SYSTEM, path);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    expect(SERVER, dir, NULL, QIO_ERROR_CREDENTIALS, path);
}
END_TEST

START_TEST(wrong_content)
{
    const char *dir = full_dir("x509");

    tlscert_write_key(dir, "server-key.pem", &client, NULL);
    expect(SERVER, dir, NULL, QIO_ERROR_CREDENTIALS, "is not the key of");
    tlscert_write_text(dir, "server-key.pem", "not a key\n");
    expect(SERVER, dir, NULL, QIO_ERROR_CREDENTIALS, "server-key.pem");
    tlscert_write_text(dir, "server-cert.pem", "");
    expect(SERVER, dir, NULL, QIO_ERROR_CREDENTIALS, "server-cert.pem");
    tlscert_write_text(dir, "ca-crl.pem", "nothing\n");
    expect(SERVER, dir, NULL, QIO_ERROR_CREDENTIALS, "ca-crl.pem");
    tlscert_write_text(dir, "ca-cert.pem", "nothing\n");
    expect(SERVER, dir, NULL, QIO_ERROR_CREDENTIALS, "ca-cert.pem");
}
END_TEST

START_TEST(crl)
{
    const char *dir = full_dir("x509");

    tlscert_write_crl(dir, "ca-crl.pem", &root, &l1b);
    load(SERVER, dir, NULL);
    load(CLIENT, dir, NULL);
}
END_TEST

START_TEST(password)
{
    const char *dir = full_dir("x509");
    QIOError *err = NULL;
    QIOTLSCreds *creds;

    tlscert_write_key(dir, "server-key.pem", &server, "sesame");
    expect(SERVER, dir, NULL, QIO_ERROR_CREDENTIALS, "is encrypted and no");
    expect(SERVER, dir, "wrong", QIO_ERROR_CREDENTIALS, "does not decrypt");
    creds = qio_tls_creds_x509_new(SERVER, dir, "sesame", NULL, 0, &err);
    qiotest_ok(&err);
    qio_tls_creds_unref(creds);
    /* A password that is not needed does no harm. */
    tlscert_write_key(dir, "server-key.pem", &server, NULL);
    creds = qio_tls_creds_x509_new(SERVER, dir, "sesame", NULL, 0, &err);
    qiotest_ok(&err);
    qio_tls_creds_unref(creds);
}
END_TEST

START_TEST(identities)
{
    const char *dir = full_dir("x509");

    tlscert_write(dir, "server-cert-0.pem", &server, NULL);
    expect(SERVER, dir, NULL, QIO_ERROR_NOT_FOUND, "server-key-0.pem'");
    tlscert_write_key(dir, "server-key-0.pem", &server, NULL);
    load(SERVER, dir, NULL);
    remove_file(dir, "server-cert.pem");
    remove_file(dir, "server-key.pem");
    load(SERVER, dir, NULL);
}
END_TEST

START_TEST(priority)
{
    const char *dir = full_dir("x509");
    QIOError *err = NULL;
    QIOTLSCreds *creds;

    creds = qio_tls_creds_x509_new(SERVER, dir, NULL, "SECURE256", 0, &err);
    qiotest_ok(&err);
    ck_assert_ptr_eq(qio_tls_creds_ref(creds), creds);
    qio_tls_creds_unref(creds);
    qio_tls_creds_unref(creds);
    ck_assert_ptr_null(
        qio_tls_creds_x509_new(SERVER, dir, NULL, "NORMAL:+BAH", 0, &err));
    ck_assert(strstr(qio_error_message(err), "NORMAL:+BAH") != NULL);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_tls_creds_unref(NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-creds-x509");
    TCase *tc = qiotest_case(s, "sanity");

    tcase_add_loop_test(tc, one_ca_one_cert, 0, NONES);
    tc = qiotest_case(s, "files");
    tcase_add_checked_fixture(tc, chain_setup, chain_teardown);
    tcase_add_loop_test(tc, chain, 0, NCHAINS);
    tcase_add_test(tc, missingserver);
    tcase_add_test(tc, missingclient);
    tcase_add_test(tc, missingca);
    tcase_add_test(tc, unreadable);
    tcase_add_test(tc, wrong_content);
    tcase_add_test(tc, crl);
    tcase_add_test(tc, password);
    tcase_add_test(tc, identities);
    tcase_add_test(tc, priority);
    return qiotest_main(s);
}
