/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Certificates for tests; see tlscert.h. */
#include <config.h>
#include "tlscert.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <gnutls/x509-ext.h>
#include "qiotest.h"

#define DIRS 8

static void ok(int ret)
{
    ck_assert_msg(ret >= 0, "GnuTLS: %s", gnutls_strerror(ret));
}

static void set_extension(gnutls_x509_crt_t crt, const char *oid,
                          gnutls_datum_t *der, enum tlscert_ext how)
{
    ok(gnutls_x509_crt_set_extension_by_oid(crt, oid, der->data, der->size,
                                            how == TLSCERT_CRITICAL));
    gnutls_free(der->data);
}

static void set_purposes(gnutls_x509_crt_t crt, const struct tlscert_spec *spec)
{
    gnutls_x509_key_purposes_t p;
    gnutls_datum_t der;
    int i;

    ok(gnutls_x509_key_purpose_init(&p));
    for (i = 0; i < 2 && spec->purpose[i]; i++) {
        ok(gnutls_x509_key_purpose_set(p, spec->purpose[i]));
    }
    ok(gnutls_x509_ext_export_key_purposes(p, &der));
    gnutls_x509_key_purpose_deinit(p);
    set_extension(crt, "2.5.29.37", &der, spec->purpose_ext);
}

static void set_extensions(gnutls_x509_crt_t crt,
                           const struct tlscert_spec *spec)
{
    gnutls_datum_t der;

    if (spec->constraints) {
        ok(gnutls_x509_ext_export_basic_constraints(spec->ca, -1, &der));
        set_extension(crt, "2.5.29.19", &der, spec->constraints);
    }
    if (spec->usage_ext) {
        ok(gnutls_x509_ext_export_key_usage(spec->usage, &der));
        set_extension(crt, "2.5.29.15", &der, spec->usage_ext);
    }
    if (spec->purpose_ext) {
        set_purposes(crt, spec);
    }
    if (spec->must_staple) {
        gnutls_x509_tlsfeatures_t features;

        ok(gnutls_x509_tlsfeatures_init(&features));
        ok(gnutls_x509_tlsfeatures_add(features, 5)); /* status_request */
        ok(gnutls_x509_crt_set_tlsfeatures(crt, features));
        gnutls_x509_tlsfeatures_deinit(features);
    }
}

static void set_names(gnutls_x509_crt_t crt, const struct tlscert_spec *spec)
{
    int i;

    if (spec->country) {
        ok(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COUNTRY_NAME, 0,
                                         spec->country, strlen(spec->country)));
    }
    ok(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0,
                                     spec->cn, strlen(spec->cn)));
    for (i = 0; i < TLSCERT_NAMES && spec->dns[i]; i++) {
        ok(gnutls_x509_crt_set_subject_alt_name(
            crt, GNUTLS_SAN_DNSNAME, spec->dns[i], strlen(spec->dns[i]),
            GNUTLS_FSAN_APPEND));
    }
    for (i = 0; i < TLSCERT_NAMES && spec->ip[i]; i++) {
        unsigned char addr[16];
        bool v6 = strchr(spec->ip[i], ':') != NULL;

        ck_assert_int_eq(inet_pton(v6 ? AF_INET6 : AF_INET, spec->ip[i], addr),
                         1);
        ok(gnutls_x509_crt_set_subject_alt_name(
            crt, GNUTLS_SAN_IPADDRESS, addr, v6 ? 16 : 4, GNUTLS_FSAN_APPEND));
    }
}

void tlscert_make(struct tlscert *cert, const struct tlscert_spec *spec,
                  const struct tlscert *issuer)
{
    static unsigned serial = 1;
    unsigned char number[4] = {1, 0, (unsigned char)(serial >> 8),
                               (unsigned char)serial};
    time_t now = time(NULL);
    int to = spec->to_hours || spec->from_hours ? spec->to_hours : 24;
    int from = spec->to_hours || spec->from_hours ? spec->from_hours : -24;

    serial++;
    ok(gnutls_x509_privkey_init(&cert->key));
    ok(gnutls_x509_privkey_generate(
        cert->key, spec->ed25519 ? GNUTLS_PK_EDDSA_ED25519 : GNUTLS_PK_ECDSA,
        GNUTLS_CURVE_TO_BITS(spec->ed25519 ? GNUTLS_ECC_CURVE_ED25519
                                           : GNUTLS_ECC_CURVE_SECP256R1),
        0));
    ok(gnutls_x509_crt_init(&cert->crt));
    ok(gnutls_x509_crt_set_key(cert->crt, cert->key));
    ok(gnutls_x509_crt_set_version(cert->crt, 3));
    ok(gnutls_x509_crt_set_serial(cert->crt, number, sizeof(number)));
    ok(gnutls_x509_crt_set_activation_time(cert->crt, now + from * 3600));
    ok(gnutls_x509_crt_set_expiration_time(cert->crt, now + to * 3600));
    set_names(cert->crt, spec);
    set_extensions(cert->crt, spec);
    if (!issuer) {
        issuer = cert;
    }
    ok(gnutls_x509_crt_sign2(cert->crt, issuer->crt, issuer->key,
                             spec->digest ? spec->digest : GNUTLS_DIG_SHA256,
                             0));
}

void tlscert_free(struct tlscert *cert)
{
    gnutls_x509_crt_deinit(cert->crt);
    gnutls_x509_privkey_deinit(cert->key);
}

void tlscert_make_ca(struct tlscert *cert, const char *cn)
{
    struct tlscert_spec spec = {
        .cn = cn,
        .constraints = TLSCERT_CRITICAL,
        .ca = true,
        .usage_ext = TLSCERT_CRITICAL,
        .usage = GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN,
    };

    tlscert_make(cert, &spec, NULL);
}

void tlscert_make_server(struct tlscert *cert, const struct tlscert *ca)
{
    struct tlscert_spec spec = {
        .cn = "server",
        .dns = {"localhost", "a.example"},
        .ip = {"127.0.0.1", "::1"},
        .constraints = TLSCERT_CRITICAL,
        .usage_ext = TLSCERT_CRITICAL,
        .usage = GNUTLS_KEY_DIGITAL_SIGNATURE,
        .purpose_ext = TLSCERT_CRITICAL,
        .purpose = {GNUTLS_KP_TLS_WWW_SERVER},
    };

    tlscert_make(cert, &spec, ca);
}

void tlscert_make_client(struct tlscert *cert, const struct tlscert *ca,
                         const char *cn)
{
    struct tlscert_spec spec = {
        .country = "UK",
        .cn = cn,
        .constraints = TLSCERT_CRITICAL,
        .usage_ext = TLSCERT_CRITICAL,
        .usage = GNUTLS_KEY_DIGITAL_SIGNATURE,
        .purpose_ext = TLSCERT_CRITICAL,
        .purpose = {GNUTLS_KP_TLS_WWW_CLIENT},
    };

    tlscert_make(cert, &spec, ca);
}

/* ---- files ---- */

static FILE *create(const char *dir, const char *name)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "we");
    ck_assert_ptr_nonnull(f);
    return f;
}

static void put(FILE *f, gnutls_datum_t *pem)
{
    ck_assert_uint_eq(fwrite(pem->data, 1, pem->size, f), pem->size);
    gnutls_free(pem->data);
}

void tlscert_write(const char *dir, const char *name,
                   const struct tlscert *first, ...)
{
    const struct tlscert *cert;
    FILE *f = create(dir, name);
    va_list ap;

    va_start(ap, first);
    for (cert = first; cert; cert = va_arg(ap, const struct tlscert *)) {
        gnutls_datum_t pem;

        ok(gnutls_x509_crt_export2(cert->crt, GNUTLS_X509_FMT_PEM, &pem));
        put(f, &pem);
    }
    va_end(ap);
    ck_assert_int_eq(fclose(f), 0);
}

void tlscert_write_key(const char *dir, const char *name,
                       const struct tlscert *cert, const char *password)
{
    FILE *f = create(dir, name);
    gnutls_datum_t pem;

    ok(gnutls_x509_privkey_export2_pkcs8(
        cert->key, GNUTLS_X509_FMT_PEM, password,
        password ? GNUTLS_PKCS_PBES2_AES_128 : GNUTLS_PKCS_PLAIN, &pem));
    put(f, &pem);
    ck_assert_int_eq(fclose(f), 0);
}

void tlscert_write_crl(const char *dir, const char *name,
                       const struct tlscert *ca, const struct tlscert *revoked)
{
    FILE *f = create(dir, name);
    time_t now = time(NULL);
    gnutls_x509_crl_t crl;
    gnutls_datum_t pem;

    ok(gnutls_x509_crl_init(&crl));
    ok(gnutls_x509_crl_set_version(crl, 2));
    ok(gnutls_x509_crl_set_this_update(crl, now - 3600));
    ok(gnutls_x509_crl_set_next_update(crl, now + 24 * 3600));
    ok(gnutls_x509_crl_set_number(crl, "\x01", 1));
    if (revoked) {
        ok(gnutls_x509_crl_set_crt(crl, revoked->crt, now - 1800));
    }
    ok(gnutls_x509_crl_sign2(crl, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0));
    ok(gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_PEM, &pem));
    put(f, &pem);
    gnutls_x509_crl_deinit(crl);
    ck_assert_int_eq(fclose(f), 0);
}

void tlscert_write_text(const char *dir, const char *name, const char *text)
{
    FILE *f = create(dir, name);

    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

const char *tlscert_dir(const char *name)
{
    static char dirs[DIRS][256];
    static unsigned next;
    char *dir = dirs[next++ % DIRS];

    snprintf(dir, sizeof(dirs[0]), "%s/%s", qiotest_tmpdir(), name);
    ck_assert(mkdir(dir, 0700) == 0 || errno == EEXIST);
    return dir;
}
