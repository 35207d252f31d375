/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Choosing the record engine of a session. */
#include <config.h>
#include "tls/session-priv.h"

#include <stdlib.h>
#include <string.h>

static const char gnutls_name[] = "gnutls";

int qio_tls_creds_set_engine(QIOTLSCreds *creds, const char *engine,
                             QIOError **errp)
{
    static const char *const names[] = {"ipsec-mb", "aead", gnutls_name};
    size_t i;

    creds->engine = NULL;
    if (!engine || strcmp(engine, "auto") == 0) {
        return 0;
    }
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(engine, names[i]) == 0) {
            creds->engine = names[i];
        }
    }
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

/* Whether this one may be taken: it was asked for, or none was. */
static bool wanted(const struct qiop_tls_session *s, const char *name)
{
    const char *engine = s->creds->engine;

    if (!engine) {
        engine = secure_getenv("QIO_TLS_ENGINE");
    }
    return !engine || !*engine || strcmp(engine, "auto") == 0 ||
           strcmp(engine, name) == 0;
}

/* The fastest first; NULL for GnuTLS's own records, which serve always. */
static const struct qiop_aead *choose(const struct qiop_tls_session *s)
{
    gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(s->tls);

    if (gnutls_protocol_get_version(s->tls) != GNUTLS_TLS1_3 ||
        (cipher != GNUTLS_CIPHER_AES_128_GCM &&
         cipher != GNUTLS_CIPHER_AES_256_GCM &&
         cipher != GNUTLS_CIPHER_CHACHA20_POLY1305)) {
        return NULL;
    }
#ifdef HAVE_IPSEC_MB
    if (s->creds->ipsecmb && wanted(s, qiop_aead_ipsecmb.name)) {
        return &qiop_aead_ipsecmb;
    }
#endif
    return wanted(s, qiop_aead_gnutls.name) ? &qiop_aead_gnutls : NULL;
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
