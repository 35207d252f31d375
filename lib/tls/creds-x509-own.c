/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* X.509 credentials: the certificates and keys that identify this side, from
 * files and from PKCS #11 tokens. */
#include <config.h>
#include "creds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* server-cert-0.pem ... beside server-cert.pem, for a second algorithm or for
 * another name. */
#define EXTRA_IDENTITIES 64
#define NAME_SIZE 32

/* What is the same for all identities. */
struct own {
    struct qiop_tls_material *m;
    const struct qiop_cert_list *cas;
    const char *ca_path;
    QIOError **errp;
};

static void note_expiry(struct qiop_tls_material *m,
                        const struct qiop_cert_list *chain)
{
    unsigned i;

    for (i = 0; i < chain->n; i++) {
        time_t when = gnutls_x509_crt_get_expiration_time(chain->crt[i]);

        if (when > 0 && (!m->expires || when < m->expires)) {
            m->expires = when;
        }
    }
}

/* A chain that was read is to be ours. */
static int accept_chain(const struct own *o, const struct qiop_cert_list *chain,
                        const char *path)
{
    if (!(o->m->config->flags & QIO_TLS_CREDS_NO_SANITY_CHECK) &&
        qiop_cert_sanity(o->m, chain, path, o->cas, o->ca_path, o->errp)) {
        return -1;
    }
    note_expiry(o->m, chain);
    return 0;
}

/* ---- files ---- */

static void key_error(const struct own *o, int code, const char *cert_path,
                      const char *key_path, const gnutls_datum_t *key)
{
    bool encrypted = memmem(key->data, key->size, "ENCRYPTED", 9) != NULL;
    QIOError **errp = o->errp;

    if (encrypted && !o->m->config->password) {
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

static int use_pair(const struct own *o, const gnutls_datum_t *cert,
                    const char *cert_path, const gnutls_datum_t *key,
                    const char *key_path)
{
    struct qiop_cert_list chain;
    int ret;

    if (qiop_cert_list_load(&chain, cert, cert_path, o->errp)) {
        return -1;
    }
    ret = accept_chain(o, &chain, cert_path);
    qiop_cert_list_free(&chain);
    if (ret) {
        return -1;
    }
    ret = gnutls_certificate_set_x509_key_mem2(
        o->m->x509, cert, key, GNUTLS_X509_FMT_PEM, o->m->config->password, 0);
    if (ret < 0) {
        key_error(o, ret, cert_path, key_path, key);
        return -1;
    }
    o->m->own_certs++;
    return 0;
}

/* 0 loaded, 1 there is none of that name, -1 */
static int load_pair(const struct own *o, const char *cert_path,
                     const char *key_path)
{
    gnutls_datum_t cert = {NULL, 0}, key = {NULL, 0};
    int ret = -1, no_cert, no_key;

    no_cert =
        qiop_creds_file_read(cert_path, true, &cert, &o->m->stamps, o->errp);
    if (no_cert < 0) {
        return -1;
    }
    no_key = qiop_creds_file_read(key_path, true, &key, &o->m->stamps, o->errp);
    if (no_key == 1 && no_cert == 1) {
        ret = 1;
    } else if (no_key >= 0 && no_key != no_cert) {
        qio_error_set(
            o->errp, QIO_ERROR_NOT_FOUND, 0, "'%s' is there, but not '%s'",
            no_key ? cert_path : key_path, no_key ? key_path : cert_path);
    } else if (no_key == 0) {
        ret = use_pair(o, &cert, cert_path, &key, key_path);
    }
    qiop_creds_file_free(&cert);
    qiop_creds_file_free(&key);
    return ret;
}

/* Of the identity that was loaded last. */
static int load_staple(const struct own *o, const char *suffix)
{
    char name[NAME_SIZE], *path;
    int ret;

    snprintf(name, sizeof(name), "server-ocsp%s.der", suffix);
    path = qiop_creds_path(o->m->config->dir, name, o->errp);
    if (!path) {
        return -1;
    }
    ret = qiop_creds_load_ocsp(o->m, o->m->own_certs - 1, path, o->errp);
    free(path);
    return ret;
}

/* As load_pair. */
static int load_identity(const struct own *o, const char *suffix)
{
    const QIOTLSConfig *c = o->m->config;
    const char *role =
        c->endpoint == QIO_TLS_ENDPOINT_SERVER ? "server" : "client";
    char name[NAME_SIZE], *cert_path, *key_path;
    int ret = -1;

    snprintf(name, sizeof(name), "%s-cert%s.pem", role, suffix);
    cert_path = qiop_creds_path(c->dir, name, o->errp);
    if (!cert_path) {
        return -1;
    }
    snprintf(name, sizeof(name), "%s-key%s.pem", role, suffix);
    key_path = qiop_creds_path(c->dir, name, o->errp);
    if (key_path) {
        ret = load_pair(o, cert_path, key_path);
    }
    free(cert_path);
    free(key_path);
    if (ret == 0 && c->endpoint == QIO_TLS_ENDPOINT_SERVER) {
        ret = load_staple(o, suffix);
    }
    return ret;
}

static int load_files(const struct own *o)
{
    char suffix[16];
    int i, ret = 0;

    if (load_identity(o, "") < 0) {
        return -1;
    }
    for (i = 0; i < EXTRA_IDENTITIES && ret == 0; i++) {
        snprintf(suffix, sizeof(suffix), "-%d", i);
        ret = load_identity(o, suffix);
    }
    return ret < 0 ? -1 : 0;
}

/* ---- tokens ---- */

static int token_pin(void *opaque, int attempt, const char *url,
                     const char *label, unsigned flags, char *pin, size_t size)
{
    const char *text = opaque;

    (void)url;
    (void)label;
    /* One try: a second wrong PIN may lock the token. */
    if (!text || attempt || (flags & GNUTLS_PIN_WRONG) ||
        strlen(text) >= size) {
        return -1;
    }
    memcpy(pin, text, strlen(text) + 1);
    return 0;
}

static int check_token(const struct own *o)
{
    const QIOTLSConfig *c = o->m->config;
    struct qiop_cert_list chain = {NULL, 0};
    int ret;

    ret = gnutls_x509_crt_list_import_url(&chain.crt, &chain.n, c->certificate,
                                          token_pin, c->password, 0);
    if (ret < 0) {
        qio_error_set_tls(o->errp, QIO_ERROR_CREDENTIALS, ret,
                          "no certificate can be read from '%s': %s",
                          c->certificate, gnutls_strerror(ret));
        return -1;
    }
    ret = accept_chain(o, &chain, c->certificate);
    qiop_cert_list_free(&chain);
    return ret;
}

static int load_token(const struct own *o)
{
    const QIOTLSConfig *c = o->m->config;
    int ret;

    if (check_token(o)) {
        return -1;
    }
    gnutls_certificate_set_pin_function(o->m->x509, token_pin, c->password);
    ret = gnutls_certificate_set_x509_key_file2(
        o->m->x509, c->certificate, c->key, GNUTLS_X509_FMT_DER, NULL, 0);
    if (ret < 0) {
        qio_error_set_tls(o->errp, QIO_ERROR_CREDENTIALS, ret,
                          "cannot use the key '%s' with '%s': %s", c->key,
                          c->certificate, gnutls_strerror(ret));
        return -1;
    }
    o->m->own_certs++;
    return 0;
}

int qiop_creds_load_own(struct qiop_tls_material *m,
                        const struct qiop_cert_list *cas, const char *ca_path,
                        QIOError **errp)
{
    const struct own o = {m, cas, ca_path, errp};
    const QIOTLSConfig *c = m->config;

    if ((c->certificate && load_token(&o)) || (c->dir && load_files(&o))) {
        return -1;
    }
    if (c->endpoint == QIO_TLS_ENDPOINT_SERVER && !m->own_certs) {
        const char *dir = c->dir ? c->dir : "DIR";

        qio_error_set(errp, QIO_ERROR_NOT_FOUND, 0,
                      "a TLS server needs '%s/server-cert.pem' and "
                      "'%s/server-key.pem'",
                      dir, dir);
        return -1;
    }
    if (c->endpoint == QIO_TLS_ENDPOINT_CLIENT && m->own_certs == 1 &&
        !c->certificate) {
        return qiop_creds_load_eddsa(m, errp);
    }
    return 0;
}
