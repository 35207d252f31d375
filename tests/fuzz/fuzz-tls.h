/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the fuzz targets of TLS sessions have in common: credentials with which
 * a handshake takes almost no time, and bytes put into a session. */
#ifndef FUZZ_TLS_H
#define FUZZ_TLS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <qio/tls-config.h>
#include "tls/session-priv.h"

static inline void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static inline ssize_t fuzz_tls_key(const char *user, unsigned char *key,
                                   size_t size, void *opaque)
{
    (void)user;
    (void)opaque;
    must(size >= 32);
    memset(key, 'k', 32);
    return 32;
}

/* No certificates and no key exchange. (Nor AES-256-GCM, which does not go with
 * the hash of these keys.) */
static inline QIOTLSCreds *fuzz_tls_creds(QIOTLSEndpoint endpoint,
                                          const char *cipher,
                                          const char *engine)
{
    QIOTLSConfig *config =
        qio_tls_config_new(QIO_TLS_CREDS_PSK, endpoint, NULL);
    char priority[128];
    QIOTLSCreds *creds;

    must(config != NULL);
    snprintf(priority, sizeof(priority),
             "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+PSK:-CIPHER-ALL:+%s",
             cipher);
    must(qio_tls_config_set(config, "priority", priority, NULL) == 0);
    must(qio_tls_config_set(config, "tls-engine", engine, NULL) == 0);
    must(qio_tls_config_set_psk_func(config, fuzz_tls_key, NULL, NULL, NULL) ==
         0);
    creds = qio_tls_creds_new(config, NULL);
    must(creds != NULL);
    qio_tls_config_free(config);
    return creds;
}

static inline void fuzz_tls_give(struct qiop_tls_session *to,
                                 const uint8_t *data, size_t len)
{
    while (len) {
        size_t avail;
        uint8_t *dst = qiop_tls_session_input_reserve(to, &avail, NULL);

        must(dst != NULL);
        avail = avail < len ? avail : len;
        memcpy(dst, data, avail);
        qiop_tls_session_input_commit(to, avail, avail);
        data += avail;
        len -= avail;
    }
}

#endif
