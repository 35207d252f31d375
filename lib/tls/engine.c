/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Choosing the record engine of a session. */
#include <config.h>
#include "tls/session-priv.h"

#include <stdlib.h>
#include <string.h>

static const char gnutls_name[] = "gnutls";
static const char aead_name[] = "aead";

/* The constant of this name; NULL for none of them. */
static const char *known(const char *engine)
{
    static const char *const names[] = {"ipsec-mb", aead_name, gnutls_name};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(engine, names[i]) == 0) {
            return names[i];
        }
    }
    return NULL;
}

int qio_tls_creds_set_engine(QIOTLSCreds *creds, const char *engine,
                             QIOError **errp)
{
    creds->engine = NULL;
    if (!engine || strcmp(engine, "auto") == 0) {
        return 0;
    }
    creds->engine = known(engine);
    if (!creds->engine) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "unknown TLS record engine '%s': it is auto, ipsec-mb, "
                      "aead or gnutls",
                      engine);
        return -1;
    }
    return 0;
}

int qiop_creds_load_engines(QIOTLSCreds *creds, QIOError **errp)
{
#ifdef HAVE_IPSEC_MB
    return qiop_aead_ipsecmb.load(&creds->ipsecmb, errp) < 0 ? -1 : 0;
#else
    (void)creds;
    (void)errp;
    return 0;
#endif
}

/* What the credentials ask for, or else the environment; NULL for the best. */
static const char *asked_for(const struct qiop_tls_session *s)
{
    const char *engine = s->creds->engine;

    if (!engine) {
        engine = secure_getenv("QIO_TLS_ENGINE");
        engine = engine ? known(engine) : NULL;
    }
    return engine;
}

/* NULL for GnuTLS's own records, which serve always. */
static const struct qiop_aead *choose(const struct qiop_tls_session *s)
{
    gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(s->tls);
    const char *engine = asked_for(s);

    if (engine == gnutls_name ||
        gnutls_protocol_get_version(s->tls) != GNUTLS_TLS1_3 ||
        (cipher != GNUTLS_CIPHER_AES_128_GCM &&
         cipher != GNUTLS_CIPHER_AES_256_GCM &&
         cipher != GNUTLS_CIPHER_CHACHA20_POLY1305)) {
        return NULL;
    }
#ifdef HAVE_IPSEC_MB
    if (s->creds->ipsecmb && engine != aead_name) {
        return &qiop_aead_ipsecmb;
    }
#endif
    return &qiop_aead_gnutls;
}

/* What the peer takes in a record (RFC 8449). gnutls_record_get_max_size() is
 * about what we take; but GnuTLS also splits ranges, by the former. */
static size_t peer_limit(const struct qiop_tls_session *s)
{
    const gnutls_range_st all = {QIOP_TLS_PLAIN_MAX, QIOP_TLS_PLAIN_MAX};
    gnutls_range_st one, rest;

    if (gnutls_range_split(s->tls, &all, &one, &rest) != 0 || !one.high ||
        one.high > QIOP_TLS_PLAIN_MAX) {
        return QIOP_TLS_PLAIN_MAX;
    }
    return one.high;
}

void qiop_tls_engine_start(struct qiop_tls_session *s)
{
    s->record_max = (uint32_t)peer_limit(s);
    s->aead = choose(s);
    if (s->aead) {
        s->engine = &qiop_tls_engine_record;
    }
}

const char *qiop_tls_engine_name(const struct qiop_tls_session *s)
{
    return s->aead ? s->aead->name : gnutls_name;
}
