/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Anonymous credentials: encryption without authentication (TLS 1.2 only). */
#include <config.h>
#include "creds.h"

QIOTLSCreds *qio_tls_creds_anon_new(QIOTLSEndpoint endpoint,
                                    const char *priority, unsigned flags,
                                    QIOError **errp)
{
    QIOTLSCreds *creds =
        qiop_creds_new(endpoint, QIO_TLS_CREDS_ANON, NULL, priority,
                       ":+ANON-ECDH:+ANON-DH", flags, errp);
    int ret;

    if (!creds) {
        return NULL;
    }
    if (endpoint == QIO_TLS_ENDPOINT_CLIENT) {
        ret = gnutls_anon_allocate_client_credentials(&creds->anon_client);
    } else {
        ret = gnutls_anon_allocate_server_credentials(&creds->anon_server);
    }
    if (ret < 0) {
        qio_error_set_tls(errp, QIO_ERROR_NOMEM, ret, "out of memory");
        qio_tls_creds_unref(creds);
        return NULL;
    }
    return creds;
}
