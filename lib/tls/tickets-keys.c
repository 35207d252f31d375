/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The key that a server's session tickets are sealed with, shared by all
 * sessions of the same credentials, and replaced from time to time. */
#include <config.h>
#include "tls/tickets.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <gnutls/x509.h>

/*
 * GnuTLS derives keys for shorter times from this one, but whoever has it can
 * derive them all. Its successor ends what tickets are out, which costs each
 * client one handshake.
 */
#define KEY_SECONDS (12 * 3600)

#define END_OF_TIME ((time_t)INT64_MAX)

struct qiop_ticket_keys {
    gnutls_certificate_credentials_t x509;
    pthread_mutex_t lock;
    gnutls_datum_t key; /* none before its first use */
    time_t made, until;
};

time_t qiop_tickets_trust_until(gnutls_certificate_credentials_t x509,
                                time_t now)
{
    gnutls_x509_trust_list_iter_t iter = NULL;
    gnutls_x509_trust_list_t list;
    time_t until = END_OF_TIME;
    gnutls_x509_crt_t ca;

    if (!x509) {
        return until;
    }
    gnutls_certificate_get_trust_list(x509, &list);
    while (gnutls_x509_trust_list_iter_get_ca(list, &iter, &ca) == 0) {
        time_t when = gnutls_x509_crt_get_expiration_time(ca);

        if (when >= now && when < until) {
            until = when;
        }
        gnutls_x509_crt_deinit(ca);
    }
    return until;
}

struct qiop_ticket_keys *qiop_ticket_keys_new(
    gnutls_certificate_credentials_t x509, QIOError **errp)
{
    struct qiop_ticket_keys *keys = calloc(1, sizeof(*keys));

    if (!keys) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    keys->x509 = x509;
    pthread_mutex_init(&keys->lock, NULL);
    return keys;
}

void qiop_ticket_keys_free(struct qiop_ticket_keys *keys)
{
    if (!keys) {
        return;
    }
    qiop_ticket_free(&keys->key);
    pthread_mutex_destroy(&keys->lock);
    free(keys);
}

static int renew(struct qiop_ticket_keys *keys, time_t now)
{
    time_t until = qiop_tickets_trust_until(keys->x509, now);
    gnutls_datum_t key = {NULL, 0};
    int ret = gnutls_session_ticket_key_generate(&key);

    if (ret < 0) {
        return ret;
    }
    qiop_ticket_free(&keys->key);
    keys->key = key;
    keys->made = now;
    keys->until = until < now + KEY_SECONDS ? until : now + KEY_SECONDS;
    return 0;
}

int qiop_ticket_keys_use(struct qiop_ticket_keys *keys, gnutls_session_t tls)
{
    time_t now = time(NULL);
    int ret = 0;

    pthread_mutex_lock(&keys->lock);
    if (!keys->key.data || now < keys->made || now > keys->until) {
        ret = renew(keys, now);
    }
    if (ret >= 0) {
        ret = gnutls_session_ticket_enable_server(tls, &keys->key);
    }
    pthread_mutex_unlock(&keys->lock);
    return ret;
}
