/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client's certificate for Ed25519 or Ed448 in TLS 1.2. There a server asks
 * for it under the name of ECDSA (RFC 8422 §5.4), by which GnuTLS finds ECDSA
 * certificates only: we choose in its place.
 */
#include <config.h>
#include "creds.h"

#include <gnutls/abstract.h>
#include <stdlib.h>
#include <string.h>

struct qiop_eddsa {
    gnutls_sign_algorithm_t sign;
    gnutls_privkey_t key;
    gnutls_pcert_st *chain;
    gnutls_datum_t *issuers; /* DER, of each in the chain */
    unsigned n;
};

void qiop_creds_eddsa_free(struct qiop_eddsa *e)
{
    if (!e) {
        return;
    }
    for (unsigned i = 0; i < e->n; i++) {
        gnutls_pcert_deinit(&e->chain[i]);
        gnutls_free(e->issuers[i].data);
    }
    if (e->key) {
        gnutls_privkey_deinit(e->key);
    }
    free(e->chain);
    free(e->issuers);
    free(e);
}

/* Whether the server can do with it: no list of CAs, or one that has ours. */
static bool trusted(const struct qiop_eddsa *e, const gnutls_datum_t *cas,
                    int n)
{
    for (int ca = 0; ca < n; ca++) {
        for (unsigned i = 0; i < e->n; i++) {
            if (cas[ca].size == e->issuers[i].size &&
                memcmp(cas[ca].data, e->issuers[i].data, cas[ca].size) == 0) {
                return true;
            }
        }
    }
    return n == 0;
}

static bool understood(const struct qiop_eddsa *e, gnutls_session_t tls)
{
    gnutls_sign_algorithm_t sign;

    for (size_t i = 0; gnutls_sign_algorithm_get_requested(tls, i, &sign) == 0;
         i++) {
        if (sign == e->sign) {
            return true;
        }
    }
    return false;
}

static int choose(gnutls_session_t tls, const gnutls_datum_t *cas, int n,
                  const gnutls_pk_algorithm_t *algorithms, int n_algorithms,
                  gnutls_pcert_st **chain, unsigned *len, gnutls_privkey_t *key)
{
    const struct qiop_eddsa *e = qiop_creds_of_session(tls)->eddsa;

    (void)algorithms;
    (void)n_algorithms;
    *len = 0;
    if (trusted(e, cas, n) && understood(e, tls)) {
        *chain = e->chain;
        *len = e->n;
        *key = e->key;
    }
    return 0;
}

/* Takes key. */
static int fill(struct qiop_eddsa *e, gnutls_x509_privkey_t key,
                gnutls_x509_crt_t *crts, unsigned n)
{
    int ret = gnutls_privkey_init(&e->key);

    if (ret == 0) {
        ret = gnutls_privkey_import_x509(e->key, key,
                                         GNUTLS_PRIVKEY_IMPORT_AUTO_RELEASE);
    }
    if (ret < 0) {
        gnutls_x509_privkey_deinit(key);
        return ret;
    }
    e->chain = calloc(n, sizeof(*e->chain));
    e->issuers = calloc(n, sizeof(*e->issuers));
    if (!e->chain || !e->issuers) {
        return GNUTLS_E_MEMORY_ERROR;
    }
    while (e->n < n) {
        ret = gnutls_pcert_import_x509(&e->chain[e->n], crts[e->n], 0);
        if (ret < 0) {
            return ret;
        }
        ret = gnutls_x509_crt_get_raw_issuer_dn(crts[e->n], &e->issuers[e->n]);
        e->n++;
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

static int load(struct qiop_tls_material *m, gnutls_x509_crt_t *crts,
                unsigned n)
{
    gnutls_x509_privkey_t key;
    int ret = gnutls_certificate_get_x509_key(m->x509, 0, &key);
    int algorithm;

    if (ret < 0) {
        return ret;
    }
    algorithm = gnutls_x509_privkey_get_pk_algorithm(key);
    if (algorithm != GNUTLS_PK_EDDSA_ED25519 &&
        algorithm != GNUTLS_PK_EDDSA_ED448) {
        gnutls_x509_privkey_deinit(key);
        return 0;
    }
    m->eddsa = calloc(1, sizeof(*m->eddsa));
    if (!m->eddsa) {
        gnutls_x509_privkey_deinit(key);
        return GNUTLS_E_MEMORY_ERROR;
    }
    m->eddsa->sign = algorithm == GNUTLS_PK_EDDSA_ED25519
                         ? GNUTLS_SIGN_EDDSA_ED25519
                         : GNUTLS_SIGN_EDDSA_ED448;
    ret = fill(m->eddsa, key, crts, n);
    if (ret == 0) {
        gnutls_certificate_set_retrieve_function2(m->x509, choose);
    }
    return ret;
}

int qiop_creds_load_eddsa(struct qiop_tls_material *m, QIOError **errp)
{
    gnutls_x509_crt_t *crts;
    unsigned n, i;
    int ret = gnutls_certificate_get_x509_crt(m->x509, 0, &crts, &n);

    if (ret == 0) {
        ret = load(m, crts, n);
        for (i = 0; i < n; i++) {
            gnutls_x509_crt_deinit(crts[i]);
        }
        gnutls_free(crts);
    }
    if (ret < 0) {
        qio_error_set_tls(errp,
                          ret == GNUTLS_E_MEMORY_ERROR ? QIO_ERROR_NOMEM
                                                       : QIO_ERROR_CREDENTIALS,
                          ret, "cannot use our own certificate: %s",
                          gnutls_strerror(ret));
    }
    return ret < 0 ? -1 : 0;
}
