/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* X.509 credentials from a directory: CAs, revocations, our certificates. */
#include <config.h>
#include "creds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CA_CERT "ca-cert.pem"
#define CA_CRL "ca-crl.pem"
/* server-cert-0.pem ... beside server-cert.pem, for a second algorithm. */
#define EXTRA_IDENTITIES 4
#define NAME_SIZE 32

int qiop_cert_list_load(struct qiop_cert_list *list, const gnutls_datum_t *pem,
                        const char *path, QIOError **errp)
{
    int ret;

    list->crt = NULL;
    list->n = 0;
    ret = gnutls_x509_crt_list_import2(&list->crt, &list->n, pem,
                                       GNUTLS_X509_FMT_PEM, 0);
    if (ret < 0) {
        list->crt = NULL;
        list->n = 0;
        qio_error_set_tls(errp, QIO_ERROR_CREDENTIALS, ret,
                          "no certificate can be read from '%s': %s", path,
                          gnutls_strerror(ret));
        return -1;
    }
    return 0;
}

void qiop_cert_list_free(struct qiop_cert_list *list)
{
    unsigned i;

    for (i = 0; i < list->n; i++) {
        gnutls_x509_crt_deinit(list->crt[i]);
    }
    gnutls_free(list->crt);
    list->crt = NULL;
    list->n = 0;
}

static int load_ca(QIOTLSCreds *creds, const char *path,
                   struct qiop_cert_list *cas, QIOError **errp)
{
    gnutls_datum_t pem;
    int ret = -1, n;

    if (qiop_creds_file_read(path, false, &pem, errp)) {
        return -1;
    }
    if (qiop_cert_list_load(cas, &pem, path, errp)) {
        goto out;
    }
    n = gnutls_certificate_set_x509_trust(creds->x509, cas->crt, (int)cas->n);
    if (n < 0) {
        qio_error_set_tls(errp, QIO_ERROR_CREDENTIALS, n, "cannot use '%s': %s",
                          path, gnutls_strerror(n));
        goto out;
    }
    ret = 0;
out:
    qiop_creds_file_free(&pem);
    return ret;
}

static int load_crl(QIOTLSCreds *creds, QIOError **errp)
{
    char *path = qiop_creds_path(creds->dir, CA_CRL, errp);
    gnutls_datum_t pem;
    int ret;

    if (!path) {
        return -1;
    }
    ret = qiop_creds_file_read(path, true, &pem, errp);
    if (ret == 0) {
        int n = gnutls_certificate_set_x509_crl_mem(creds->x509, &pem,
                                                    GNUTLS_X509_FMT_PEM);

        if (n <= 0) {
            qio_error_set_tls(errp, QIO_ERROR_CREDENTIALS, n,
                              "no revocation list can be read from '%s': %s",
                              path, n < 0 ? gnutls_strerror(n) : "empty");
            ret = -1;
        }
        qiop_creds_file_free(&pem);
    }
    free(path);
    return ret < 0 ? -1 : 0;
}

static void key_error(int code, const char *cert_path, const char *key_path,
                      const gnutls_datum_t *key, const char *password,
                      QIOError **errp)
{
    bool encrypted = memmem(key->data, key->size, "ENCRYPTED", 9) != NULL;

    if (encrypted && !password) {
        qio_error_set_tls(errp, QIO_ERROR_CREDENTIALS, code,
                          "'%s' is encrypted and no password was given",
                          key_path);
    } else if (encrypted && code == GNUTLS_E_DECRYPTION_FAILED) {
        qio_error_set_tls(errp, QIO_ERROR_CREDENTIALS, code,
                          "the password does not decrypt '%s'", key_path);
    } else if (code == GNUTLS_E_CERTIFICATE_KEY_MISMATCH) {
        qio_error_set_tls(errp, QIO_ERROR_CREDENTIALS, code,
                          "'%s' is not the key of '%s'", key_path, cert_path);
    } else {
        qio_error_set_tls(errp, QIO_ERROR_CREDENTIALS, code,
                          "cannot use '%s' with '%s': %s", cert_path, key_path,
                          gnutls_strerror(code));
    }
}

static int check_own(QIOTLSCreds *creds, const gnutls_datum_t *pem,
                     const char *cert_path, const struct qiop_cert_list *cas,
                     const char *ca_path, QIOError **errp)
{
    struct qiop_cert_list own;
    int ret;

    if (qiop_cert_list_load(&own, pem, cert_path, errp)) {
        return -1;
    }
    ret =
        qiop_cert_sanity(creds->endpoint, &own, cert_path, cas, ca_path, errp);
    qiop_cert_list_free(&own);
    return ret;
}

/* 0 loaded, 1 there is none of that name, -1 */
static int load_identity(QIOTLSCreds *creds, const char *suffix,
                         const char *password, const struct qiop_cert_list *cas,
                         const char *ca_path, QIOError **errp)
{
    const char *role =
        creds->endpoint == QIO_TLS_ENDPOINT_SERVER ? "server" : "client";
    gnutls_datum_t cert = {NULL, 0}, key = {NULL, 0};
    char name[NAME_SIZE], *cert_path, *key_path = NULL;
    int ret = -1, have_cert, have_key;

    snprintf(name, sizeof(name), "%s-cert%s.pem", role, suffix);
    cert_path = qiop_creds_path(creds->dir, name, errp);
    snprintf(name, sizeof(name), "%s-key%s.pem", role, suffix);
    if (cert_path) {
        key_path = qiop_creds_path(creds->dir, name, errp);
    }
    if (!key_path) {
        goto out;
    }
    have_cert = qiop_creds_file_read(cert_path, true, &cert, errp);
    if (have_cert < 0) {
        goto out;
    }
    have_key = qiop_creds_file_read(key_path, true, &key, errp);
    if (have_key < 0) {
        goto out;
    }
    if (have_cert == 1 && have_key == 1) {
        ret = 1;
        goto out;
    }
    if (have_cert != have_key) {
        qio_error_set(
            errp, QIO_ERROR_NOT_FOUND, 0, "'%s' is there, but not '%s'",
            have_key ? cert_path : key_path, have_key ? key_path : cert_path);
        goto out;
    }
    if (!(creds->flags & QIO_TLS_CREDS_NO_SANITY_CHECK) &&
        check_own(creds, &cert, cert_path, cas, ca_path, errp)) {
        goto out;
    }
    ret = gnutls_certificate_set_x509_key_mem2(
        creds->x509, &cert, &key, GNUTLS_X509_FMT_PEM, password, 0);
    if (ret < 0) {
        key_error(ret, cert_path, key_path, &key, password, errp);
        ret = -1;
        goto out;
    }
    creds->own_cert = true;
    ret = 0;
out:
    qiop_creds_file_free(&cert);
    qiop_creds_file_free(&key);
    free(cert_path);
    free(key_path);
    return ret;
}

static int load_identities(QIOTLSCreds *creds, const char *password,
                           const struct qiop_cert_list *cas,
                           const char *ca_path, QIOError **errp)
{
    char suffix[16];
    int i, ret;

    if (load_identity(creds, "", password, cas, ca_path, errp) < 0) {
        return -1;
    }
    for (i = 0; i < EXTRA_IDENTITIES; i++) {
        snprintf(suffix, sizeof(suffix), "-%d", i);
        ret = load_identity(creds, suffix, password, cas, ca_path, errp);
        if (ret < 0) {
            return -1;
        }
        if (ret == 1) {
            break;
        }
    }
    if (creds->endpoint == QIO_TLS_ENDPOINT_SERVER && !creds->own_cert) {
        qio_error_set(errp, QIO_ERROR_NOT_FOUND, 0,
                      "a TLS server needs '%s/server-cert.pem' and "
                      "'%s/server-key.pem'",
                      creds->dir, creds->dir);
        return -1;
    }
    return 0;
}

static int x509_load(QIOTLSCreds *creds, const char *password, QIOError **errp)
{
    struct qiop_cert_list cas = {NULL, 0};
    char *ca_path;
    int ret = -1;

    if (gnutls_certificate_allocate_credentials(&creds->x509) < 0) {
        creds->x509 = NULL;
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    ca_path = qiop_creds_path(creds->dir, CA_CERT, errp);
    if (ca_path && load_ca(creds, ca_path, &cas, errp) == 0 &&
        load_crl(creds, errp) == 0) {
        ret = load_identities(creds, password, &cas, ca_path, errp);
    }
    qiop_cert_list_free(&cas);
    free(ca_path);
    return ret;
}

QIOTLSCreds *qio_tls_creds_x509_new(QIOTLSEndpoint endpoint, const char *dir,
                                    const char *password, const char *priority,
                                    unsigned flags, QIOError **errp)
{
    QIOError *err = NULL;
    QIOTLSCreds *creds;

    creds = qiop_creds_new(endpoint, QIO_TLS_CREDS_X509, dir, priority, "",
                           flags, errp);
    errno = 0;
    if (creds && x509_load(creds, password, &err)) {
        qiop_creds_fail(err, errp);
        qio_tls_creds_unref(creds);
        return NULL;
    }
    return creds;
}
