/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials of every kind: their life, loading them, and loading them again
 * while sessions go on with what they have. */
#include <config.h>
#include "creds.h"
#include "tls/tickets.h"

#include <errno.h>
#include <stdlib.h>

/* ---- material ---- */

void qiop_tls_material_unref(struct qiop_tls_material *m)
{
    if (!m ||
        atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    qiop_ticket_keys_free(m->ticket_keys);
    qiop_ticket_store_free(m->ticket_store);
    if (m->x509) {
        gnutls_certificate_free_credentials(m->x509);
    }
    if (m->psk_client) {
        gnutls_psk_free_client_credentials(m->psk_client);
    }
    if (m->psk_server) {
        gnutls_psk_free_server_credentials(m->psk_server);
    }
    if (m->anon_client) {
        gnutls_anon_free_client_credentials(m->anon_client);
    }
    if (m->anon_server) {
        gnutls_anon_free_server_credentials(m->anon_server);
    }
    qiop_creds_psk_clear(m);
    qiop_creds_eddsa_free(m->eddsa);
    qiop_creds_stamps_free(&m->stamps);
    free(m);
}

struct qiop_tls_material *qiop_creds_material(QIOTLSCreds *creds)
{
    struct qiop_tls_material *m;

    pthread_mutex_lock(&creds->lock);
    m = creds->material;
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    pthread_mutex_unlock(&creds->lock);
    return m;
}

/* Whatever GnuTLS made of a lack of memory ("not the key of this
 * certificate"): when malloc() has left ENOMEM there, it was the memory. */
static void load_failed(QIOError *err, QIOError **errp)
{
    if (errno == ENOMEM && qio_error_code(err) != QIO_ERROR_NOMEM) {
        qio_error_free(err);
        err = NULL;
        qio_error_set(&err, QIO_ERROR_NOMEM, 0, "out of memory");
    }
    qio_error_propagate(errp, err);
}

static int load_tickets(struct qiop_tls_material *m, QIOError **errp)
{
    const QIOTLSConfig *c = m->config;

    if (!c->resumption) {
        return 0;
    }
    if (c->endpoint == QIO_TLS_ENDPOINT_CLIENT) {
        m->ticket_store = qiop_ticket_store_new(m->x509, errp);
        return m->ticket_store ? 0 : -1;
    }
    /* What a function thinks of a user's key may change at any time, and in a
     * resumed session it would not be asked. */
    if (c->psk_func) {
        return 0;
    }
    m->ticket_keys = qiop_ticket_keys_new(m->x509, errp);
    return m->ticket_keys ? 0 : -1;
}

static struct qiop_tls_material *load(const QIOTLSConfig *config,
                                      QIOError **errp)
{
    static int (*const loaders[])(struct qiop_tls_material * m,
                                  QIOError * *errp) = {
        [QIO_TLS_CREDS_X509] = qiop_creds_load_x509,
        [QIO_TLS_CREDS_PSK] = qiop_creds_load_psk,
        [QIO_TLS_CREDS_ANON] = qiop_creds_load_anon,
    };
    struct qiop_tls_material *m = calloc(1, sizeof(*m));
    QIOError *err = NULL;

    if (!m) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    atomic_init(&m->refs, 1);
    m->config = config;
    errno = 0;
    if (loaders[config->kind](m, &err) || load_tickets(m, &err)) {
        load_failed(err, errp);
        qiop_tls_material_unref(m);
        return NULL;
    }
    return m;
}

/* ---- credentials ---- */

QIOTLSCreds *qio_tls_creds_new(const QIOTLSConfig *config, QIOError **errp)
{
    QIOTLSCreds *creds = calloc(1, sizeof(*creds));

    if (!creds) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    atomic_init(&creds->refs, 1);
    pthread_mutex_init(&creds->lock, NULL);
    creds->config = qiop_tls_config_copy(config, errp);
    if (creds->config && qiop_creds_load_engines(creds, errp) == 0 &&
        qiop_creds_set_priority(creds, errp) == 0 &&
        qio_tls_creds_set_engine(creds, config->engine, errp) == 0) {
        creds->material = load(creds->config, errp);
    }
    if (!creds->material) {
        qio_tls_creds_unref(creds);
        return NULL;
    }
    return creds;
}

QIOTLSCreds *qio_tls_creds_ref(QIOTLSCreds *creds)
{
    atomic_fetch_add_explicit(&creds->refs, 1, memory_order_relaxed);
    return creds;
}

void qio_tls_creds_unref(QIOTLSCreds *creds)
{
    if (!creds ||
        atomic_fetch_sub_explicit(&creds->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    qiop_tls_material_unref(creds->material);
    if (creds->priority) {
        gnutls_priority_deinit(creds->priority);
    }
    free(creds->ipsecmb);
    qio_tls_config_free(creds->config);
    pthread_mutex_destroy(&creds->lock);
    free(creds);
}

int qio_tls_creds_reload(QIOTLSCreds *creds, QIOError **errp)
{
    struct qiop_tls_material *m = load(creds->config, errp), *old;

    if (!m) {
        return -1;
    }
    pthread_mutex_lock(&creds->lock);
    old = creds->material;
    creds->material = m;
    pthread_mutex_unlock(&creds->lock);
    qiop_tls_material_unref(old);
    return 0;
}

bool qio_tls_creds_changed(QIOTLSCreds *creds)
{
    struct qiop_tls_material *m = qiop_creds_material(creds);
    bool ret = qiop_creds_stamps_changed(&m->stamps);

    qiop_tls_material_unref(m);
    return ret;
}

time_t qio_tls_creds_expires(QIOTLSCreds *creds)
{
    struct qiop_tls_material *m = qiop_creds_material(creds);
    time_t ret = m->expires;

    qiop_tls_material_unref(m);
    return ret;
}

QIOTLSEndpoint qio_tls_creds_endpoint(const QIOTLSCreds *creds)
{
    return creds->config->endpoint;
}

QIOTLSCredsKind qio_tls_creds_kind(const QIOTLSCreds *creds)
{
    return creds->config->kind;
}

/* ---- the short forms ---- */

struct setting {
    const char *property, *value;
};

static QIOTLSCreds *make(QIOTLSCredsKind kind, QIOTLSEndpoint endpoint,
                         const struct setting *settings, size_t n,
                         unsigned flags, QIOError **errp)
{
    QIOTLSConfig *config = qio_tls_config_new(kind, endpoint, errp);
    QIOTLSCreds *creds = NULL;
    size_t i = 0;

    if (!config) {
        return NULL;
    }
    config->flags = flags;
    while (i < n && (!settings[i].value ||
                     qio_tls_config_set(config, settings[i].property,
                                        settings[i].value, errp) == 0)) {
        i++;
    }
    if (i == n) {
        creds = qio_tls_creds_new(config, errp);
    }
    qio_tls_config_free(config);
    return creds;
}

QIOTLSCreds *qio_tls_creds_x509_new(QIOTLSEndpoint endpoint, const char *dir,
                                    const char *password, const char *priority,
                                    unsigned flags, QIOError **errp)
{
    const struct setting settings[] = {
        {"dir", dir},
        {"password", password},
        {"priority", priority},
    };

    return make(QIO_TLS_CREDS_X509, endpoint, settings, 3, flags, errp);
}

QIOTLSCreds *qio_tls_creds_psk_new(QIOTLSEndpoint endpoint, const char *dir,
                                   const char *username, const char *priority,
                                   unsigned flags, QIOError **errp)
{
    const struct setting settings[] = {
        {"dir", dir},
        {"username", username},
        {"priority", priority},
    };

    return make(QIO_TLS_CREDS_PSK, endpoint, settings, 3, flags, errp);
}

QIOTLSCreds *qio_tls_creds_anon_new(QIOTLSEndpoint endpoint,
                                    const char *priority, unsigned flags,
                                    QIOError **errp)
{
    const struct setting settings[] = {{"priority", priority}};

    return make(QIO_TLS_CREDS_ANON, endpoint, settings, 1, flags, errp);
}
