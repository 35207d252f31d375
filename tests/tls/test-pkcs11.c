/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A certificate and its key on a PKCS #11 token: one of SoftHSM, made for the
 * test. */
#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <gnutls/pkcs11.h>
#include <qio/tls-config.h>
#include "qiotest.h"
#include "sessionpair.h"
#include "tlscert.h"

#define CLIENT QIO_TLS_ENDPOINT_CLIENT
#define SERVER QIO_TLS_ENDPOINT_SERVER
#define PIN "1234"
#define TOKEN "pkcs11:token=qio-test"

static const char *dir;
static struct tlscert ca;

/* Where distributions put it. */
static const char *const modules[] = {
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
};

#define N_MODULES (sizeof(modules) / sizeof(modules[0]))

static const char *find_module(void)
{
    size_t i = 0;

    while (i < N_MODULES && access(modules[i], R_OK) != 0) {
        i++;
    }
    return i < N_MODULES ? modules[i] : NULL;
}

static int user_pin(void *opaque, int attempt, const char *url,
                    const char *label, unsigned flags, char *pin, size_t size)
{
    (void)opaque;
    (void)url;
    (void)label;
    (void)flags;
    snprintf(pin, size, PIN);
    return attempt ? -1 : 0;
}

static void good(int code)
{
    ck_assert_msg(code >= 0, "%s", gnutls_strerror(code));
}

/* GnuTLS does not see a token that was never initialised. */
static void init_token(void)
{
    ck_assert_int_eq(system("softhsm2-util --init-token --free --label qio-test"
                            " --so-pin so-pin --pin " PIN " >/dev/null"),
                     0);
    good(gnutls_pkcs11_add_provider(find_module(), NULL));
    gnutls_pkcs11_set_pin_function(user_pin, NULL);
}

static void put(const char *label, const struct tlscert *cert)
{
    good(gnutls_pkcs11_copy_x509_crt(TOKEN, cert->crt, label,
                                     GNUTLS_PKCS11_OBJ_FLAG_LOGIN));
    good(gnutls_pkcs11_copy_x509_privkey(
        TOKEN, cert->key, label, GNUTLS_KEY_DIGITAL_SIGNATURE,
        GNUTLS_PKCS11_OBJ_FLAG_LOGIN | GNUTLS_PKCS11_OBJ_FLAG_MARK_PRIVATE |
            GNUTLS_PKCS11_OBJ_FLAG_MARK_SENSITIVE));
}

static void setup(void)
{
    struct tlscert server, client;
    char conf[512], text[512];
    const char *tokens = tlscert_dir("tokens");

    dir = tlscert_dir("pki");
    snprintf(text, sizeof(text), "directories.tokendir = %s\n", tokens);
    tlscert_write_text(dir, "softhsm2.conf", text);
    snprintf(conf, sizeof(conf), "%s/softhsm2.conf", dir);
    setenv("SOFTHSM2_CONF", conf, 1);
    /* Only this module: the machine's others are none of our business. */
    good(gnutls_pkcs11_init(GNUTLS_PKCS11_FLAG_MANUAL, NULL));
    init_token();

    tlscert_make_ca(&ca, "CA");
    tlscert_write(dir, "ca-cert.pem", &ca, NULL);
    tlscert_make_server(&server, &ca);
    tlscert_make_client(&client, &ca, "client");
    put("server", &server);
    put("client", &client);
    tlscert_free(&server);
    tlscert_free(&client);
}

static void teardown(void)
{
    tlscert_free(&ca);
    gnutls_pkcs11_deinit();
}

static QIOTLSCreds *make(QIOTLSEndpoint endpoint, const char *object,
                         const char *pin, QIOError **errp)
{
    QIOTLSConfig *config =
        qio_tls_config_new(QIO_TLS_CREDS_X509, endpoint, errp);
    QIOTLSCreds *creds;
    char cert[128], key[128];

    snprintf(cert, sizeof(cert), TOKEN ";object=%s;type=cert", object);
    snprintf(key, sizeof(key), TOKEN ";object=%s;type=private", object);
    ck_assert_int_eq(qio_tls_config_set(config, "dir", dir, errp), 0);
    ck_assert_int_eq(qio_tls_config_set(config, "certificate", cert, errp), 0);
    ck_assert_int_eq(qio_tls_config_set(config, "key", key, errp), 0);
    if (pin) {
        ck_assert_int_eq(qio_tls_config_set(config, "password", pin, errp), 0);
    }
    creds = qio_tls_creds_new(config, errp);
    qio_tls_config_free(config);
    return creds;
}

static void refused(QIOTLSEndpoint endpoint, const char *object,
                    const char *pin, const char *why)
{
    QIOError *err = NULL;

    ck_assert_ptr_null(make(endpoint, object, pin, &err));
    ck_assert_msg(strstr(qio_error_message(err), why) != NULL,
                  "'%s' is not in '%s'", why, qio_error_message(err));
    ck_assert_ptr_null(strstr(qio_error_message(err), PIN));
    qiotest_error(&err, QIO_ERROR_CREDENTIALS);
}

START_TEST(both_sides)
{
    QIOError *err = NULL;
    QIOTLSCreds *c, *s;
    struct sessionpair p;
    int i;

    c = make(CLIENT, "client", PIN, &err);
    qiotest_ok(&err);
    s = make(SERVER, "server", PIN, &err);
    qiotest_ok(&err);
    ck_assert_int_gt(qio_tls_creds_expires(s), 0);
    for (i = 0; i < 2; i++) {
        sessionpair_init(&p, c, s, "localhost", NULL);
        sessionpair_run(&p);
        qiotest_ok(&p.client_err);
        qiotest_ok(&p.server_err);
        ck_assert_int_eq(p.server_ret, 0);
        sessionpair_free(&p);
        ck_assert_int_eq(qio_tls_creds_reload(s, &err), 0);
        qiotest_ok(&err);
    }
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
}
END_TEST

START_TEST(faults)
{
    refused(SERVER, "nobody", PIN, "no certificate can be read from 'pkcs11:");
    refused(SERVER, "server", "4321", "cannot use the key 'pkcs11:");
    refused(SERVER, "server", NULL, "cannot use the key 'pkcs11:");
    refused(SERVER, "client", PIN, "is not for a TLS server");
}
END_TEST

int main(void)
{
    Suite *s;
    TCase *tc;

    if (!find_module()) {
        fprintf(stderr, "no SoftHSM: skipped\n");
        return 77;
    }
    s = suite_create("tls-pkcs11");
    tc = qiotest_case(s, "token");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, both_sides);
    tcase_add_test(tc, faults);
    return qiotest_main(s);
}
