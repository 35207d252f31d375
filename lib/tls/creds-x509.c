/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* X.509 credentials: whom we trust, whose certificates are revoked. */
#include <config.h>
#include "creds.h"

#include <stdlib.h>

#define CA_CERT "ca-cert.pem"
#define CA_CRL "ca-crl.pem"

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

/* The CAs of the directory; *cas stays empty if the system's do. */
static int load_ca(struct qiop_tls_material *m, const char *path,
                   struct qiop_cert_list *cas, QIOError **errp)
{
    gnutls_datum_t pem;
    int ret, n;

    ret = qiop_creds_file_read(path, m->config->system_trust, &pem, &m->stamps,
                               errp);
    if (ret) {
        return ret < 0 ? -1 : 0;
    }
    ret = qiop_cert_list_load(cas, &pem, path, errp);
    qiop_creds_file_free(&pem);
    if (ret) {
        return -1;
    }
    n = gnutls_certificate_set_x509_trust(m->x509, cas->crt, (int)cas->n);
    if (n < 0) {
        qio_error_set_tls(errp, QIO_ERROR_CREDENTIALS, n, "cannot use '%s': %s",
                          path, gnutls_strerror(n));
        return -1;
    }
    return 0;
}

static int load_system(struct qiop_tls_material *m, QIOError **errp)
{
    int n;

    if (!m->config->system_trust) {
        return 0;
    }
    n = gnutls_certificate_set_x509_system_trust(m->x509);
    if (n <= 0) {
        qio_error_set_tls(errp, QIO_ERROR_CREDENTIALS, n < 0 ? n : 0,
                          "the system has no CAs to trust%s%s",
                          n < 0 ? ": " : "", n < 0 ? gnutls_strerror(n) : "");
        return -1;
    }
    return 0;
}

static int load_crl(struct qiop_tls_material *m, QIOError **errp)
{
    char *path = qiop_creds_path(m->config->dir, CA_CRL, errp);
    gnutls_datum_t pem;
    int ret;

    if (!path) {
        return -1;
    }
    ret = qiop_creds_file_read(path, true, &pem, &m->stamps, errp);
    if (ret == 0) {
        int n = gnutls_certificate_set_x509_crl_mem(m->x509, &pem,
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

static int check_config(const QIOTLSConfig *c, QIOError **errp)
{
    if ((!c->dir || !*c->dir) && !c->system_trust) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "TLS credentials need a directory");
        return -1;
    }
    if (!c->certificate != !c->key) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "a certificate on a token needs its key, and a key its "
                      "certificate");
        return -1;
    }
    return 0;
}

static int load_dir(struct qiop_tls_material *m, QIOError **errp)
{
    struct qiop_cert_list cas = {NULL, 0};
    char *ca_path = qiop_creds_path(m->config->dir, CA_CERT, errp);
    int ret = -1;

    if (ca_path && load_ca(m, ca_path, &cas, errp) == 0 &&
        load_crl(m, errp) == 0) {
        ret = qiop_creds_load_own(m, &cas, ca_path, errp);
    }
    qiop_cert_list_free(&cas);
    free(ca_path);
    return ret;
}

int qiop_creds_load_x509(struct qiop_tls_material *m, QIOError **errp)
{
    const struct qiop_cert_list none = {NULL, 0};

    if (check_config(m->config, errp)) {
        return -1;
    }
    if (gnutls_certificate_allocate_credentials(&m->x509) < 0) {
        m->x509 = NULL;
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    if (load_system(m, errp)) {
        return -1;
    }
    return m->config->dir ? load_dir(m, errp)
                          : qiop_creds_load_own(m, &none, "the system", errp);
}
