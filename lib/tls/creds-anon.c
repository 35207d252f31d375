/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Anonymous credentials: encryption without authentication (TLS 1.2 only). */
#include <config.h>
#include "creds.h"

int qiop_creds_load_anon(struct qiop_tls_material *m, QIOError **errp)
{
    int ret;

    if (m->config->endpoint == QIO_TLS_ENDPOINT_CLIENT) {
        ret = gnutls_anon_allocate_client_credentials(&m->anon_client);
    } else {
        ret = gnutls_anon_allocate_server_credentials(&m->anon_server);
    }
    if (ret < 0) {
        qio_error_set_tls(errp, QIO_ERROR_NOMEM, ret, "out of memory");
        return -1;
    }
    return 0;
}
