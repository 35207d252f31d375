/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Choosing the record engine of a session. */
#include <config.h>
#include "tls/session-priv.h"

#include <stdlib.h>
#include <string.h>

/* The fastest first; behind them GnuTLS's own records, which always serve. */
static const struct qiop_aead *const aeads[] = {
#ifdef HAVE_IPSEC_MB
    &qiop_aead_ipsecmb,
#endif
    &qiop_aead_gnutls,
};

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

/* The one asked for, NULL for any. */
static const char *wanted(const struct qiop_tls_session *s)
{
    const char *name = s->creds->engine;

    if (!name) {
        name = secure_getenv("QIO_TLS_ENGINE");
    }
    return name && *name && strcmp(name, "auto") != 0 ? name : NULL;
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

int qiop_tls_engine_start(struct qiop_tls_session *s, QIOError **errp)
{
    const char *name = wanted(s);
    size_t i;

    s->record_max = peer_limit(s);
    for (i = 0; i < sizeof(aeads) / sizeof(aeads[0]); i++) {
        int ret;

        if (name && strcmp(name, aeads[i]->name) != 0) {
            continue;
        }
        ret = qiop_tls_record_start(s, aeads[i], errp);
        if (ret <= 0) {
            return ret;
        }
    }
    return 0;
}

const char *qiop_tls_engine_name(const struct qiop_tls_session *s)
{
    return s->records ? s->records->seal.aead->name : gnutls_name;
}
