/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OCSP responses for tests (RFC 6960 §4.2.1), written by hand: GnuTLS makes
 * none; see tlscert.h. */
#include <config.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include "qiotest.h"
#include "tlscert.h"

/* DER grows from the end: what is inside comes before its header. */
struct der {
    unsigned char buf[2048];
    size_t at; /* the first byte in use */
};

static void put(struct der *d, const void *data, size_t len)
{
    ck_assert_uint_ge(d->at, len);
    d->at -= len;
    memcpy(d->buf + d->at, data, len);
}

/* Everything from the present start up to `end` becomes the content of tag. */
static void wrap(struct der *d, unsigned char tag, size_t end)
{
    size_t len = end - d->at;
    unsigned char head[4] = {tag, (unsigned char)len};
    size_t n = 2;

    if (len >= 0x80) {
        head[1] = 0x82;
        head[2] = (unsigned char)(len >> 8);
        head[3] = (unsigned char)len;
        n = 4;
    }
    put(d, head, n);
}

static void put_as(struct der *d, unsigned char tag, const void *data,
                   size_t len)
{
    size_t end = d->at;

    put(d, data, len);
    wrap(d, tag, end);
}

static void put_time(struct der *d, time_t when)
{
    char text[16];
    struct tm tm;

    ck_assert_ptr_nonnull(gmtime_r(&when, &tm));
    ck_assert_uint_eq(strftime(text, sizeof(text), "%Y%m%d%H%M%SZ", &tm), 15);
    put_as(d, 0x18, text, 15);
}

static void put_hash(struct der *d, const void *data, size_t len)
{
    unsigned char hash[20];

    ck_assert_int_eq(gnutls_hash_fast(GNUTLS_DIG_SHA1, data, len, hash), 0);
    put_as(d, 0x04, hash, sizeof(hash));
}

/* Of the public point. */
static void key_bytes(const struct tlscert *cert, unsigned char point[65])
{
    gnutls_datum_t x, y;
    gnutls_ecc_curve_t curve;

    ck_assert_int_eq(gnutls_x509_crt_get_pk_ecc_raw(cert->crt, &curve, &x, &y),
                     0);
    memset(point, 0, 65);
    point[0] = 4;
    ck_assert_uint_ge(33, x.size);
    /* A leading zero may be there, or may be missing. */
    while (x.size > 32) {
        memmove(x.data, x.data + 1, --x.size);
    }
    while (y.size > 32) {
        memmove(y.data, y.data + 1, --y.size);
    }
    memcpy(point + 1 + 32 - x.size, x.data, x.size);
    memcpy(point + 33 + 32 - y.size, y.data, y.size);
    gnutls_free(x.data);
    gnutls_free(y.data);
}

static void put_cert_id(struct der *d, const struct tlscert *cert,
                        const struct tlscert *issuer)
{
    static const unsigned char sha1[] = {0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e,
                                         0x03, 0x02, 0x1a, 0x05, 0x00};
    unsigned char serial[32], point[65];
    size_t len = sizeof(serial), end = d->at;
    gnutls_datum_t dn;

    ck_assert_int_eq(gnutls_x509_crt_get_serial(cert->crt, serial, &len), 0);
    put_as(d, 0x02, serial, len);
    key_bytes(issuer, point);
    put_hash(d, point, sizeof(point));
    ck_assert_int_eq(gnutls_x509_crt_get_raw_dn(issuer->crt, &dn), 0);
    put_hash(d, dn.data, dn.size);
    gnutls_free(dn.data);
    put(d, sha1, sizeof(sha1));
    wrap(d, 0x30, end);
}

static void put_status(struct der *d, const struct tlscert_ocsp *ocsp)
{
    static const unsigned char key_compromise[] = {0xa0, 0x03, 0x0a, 0x01, 1};
    size_t end = d->at;

    if (ocsp->revoked) {
        put(d, key_compromise, sizeof(key_compromise));
        put_time(d, time(NULL) - 3600);
        wrap(d, 0xa1, end);
    } else {
        put_as(d, ocsp->unknown ? 0x82 : 0x80, "", 0);
    }
}

/* SingleResponse, then the rest of ResponseData. */
static void put_data(struct der *d, const struct tlscert *cert,
                     const struct tlscert *issuer,
                     const struct tlscert_ocsp *ocsp)
{
    const struct tlscert *signer = ocsp->signer ? ocsp->signer : issuer;
    size_t end = d->at, inner;
    gnutls_datum_t dn;
    time_t now = time(NULL);

    if (ocsp->to_hours) {
        put_time(d, now + ocsp->to_hours * 3600);
        wrap(d, 0xa0, end);
    }
    put_time(d, now + ocsp->from_hours * 3600);
    put_status(d, ocsp);
    put_cert_id(d, cert, issuer);
    wrap(d, 0x30, end);
    wrap(d, 0x30, end);
    put_time(d, now + ocsp->from_hours * 3600);
    inner = d->at;
    ck_assert_int_eq(gnutls_x509_crt_get_raw_dn(signer->crt, &dn), 0);
    put(d, dn.data, dn.size);
    gnutls_free(dn.data);
    wrap(d, 0xa1, inner);
    wrap(d, 0x30, end);
}

static void sign(const struct tlscert *signer, const struct der *data,
                 gnutls_datum_t *signature)
{
    gnutls_datum_t tbs = {(unsigned char *)data->buf + data->at,
                          (unsigned)(sizeof(data->buf) - data->at)};
    gnutls_privkey_t key;

    ck_assert_int_eq(gnutls_privkey_init(&key), 0);
    ck_assert_int_eq(gnutls_privkey_import_x509(key, signer->key, 0), 0);
    ck_assert_int_eq(
        gnutls_privkey_sign_data(key, GNUTLS_DIG_SHA256, 0, &tbs, signature),
        0);
    gnutls_privkey_deinit(key);
}

void tlscert_write_ocsp(const char *dir, const char *name,
                        const struct tlscert *cert,
                        const struct tlscert *issuer,
                        const struct tlscert_ocsp *ocsp)
{
    static const unsigned char ecdsa_sha256[] = {
        0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
    static const unsigned char basic[] = {0x06, 0x09, 0x2b, 0x06, 0x01, 0x05,
                                          0x05, 0x07, 0x30, 0x01, 0x01};
    static const unsigned char successful[] = {0x0a, 0x01, 0x00};
    struct der data = {.at = sizeof(data.buf)}, d = {.at = sizeof(d.buf)};
    gnutls_datum_t signature;
    char path[512];
    FILE *f;

    put_data(&data, cert, issuer, ocsp);
    sign(ocsp->signer ? ocsp->signer : issuer, &data, &signature);
    put(&d, signature.data, signature.size);
    gnutls_free(signature.data);
    put(&d, "", 1); /* no unused bits */
    wrap(&d, 0x03, sizeof(d.buf));
    put(&d, ecdsa_sha256, sizeof(ecdsa_sha256));
    put(&d, data.buf + data.at, sizeof(data.buf) - data.at);
    wrap(&d, 0x30, sizeof(d.buf));
    wrap(&d, 0x04, sizeof(d.buf));
    put(&d, basic, sizeof(basic));
    wrap(&d, 0x30, sizeof(d.buf));
    wrap(&d, 0xa0, sizeof(d.buf));
    put(&d, successful, sizeof(successful));
    wrap(&d, 0x30, sizeof(d.buf));
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "we");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(d.buf + d.at, 1, sizeof(d.buf) - d.at, f),
                      sizeof(d.buf) - d.at);
    ck_assert_int_eq(fclose(f), 0);
}
