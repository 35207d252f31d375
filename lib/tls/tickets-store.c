/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The session tickets that a client has for the hosts it spoke with: a few,
 * for a while. */
#include <config.h>
#include "tls/tickets.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define TICKETS_MAX 64
/* Of one host, for connections made at the same time. */
#define HOST_MAX 8
/* With the peer's certificates in it. */
#define DATA_MAX (32u << 10)

struct ticket {
    char *host;
    gnutls_datum_t data;
    time_t made, until;
    bool once;
};

struct qiop_ticket_store {
    gnutls_certificate_credentials_t x509;
    pthread_mutex_t lock;
    time_t trust_until;           /* see qiop_tickets_trust_until() */
    struct ticket v[TICKETS_MAX]; /* the oldest first */
    size_t n;
};

struct qiop_ticket_store *qiop_ticket_store_new(
    gnutls_certificate_credentials_t x509, QIOError **errp)
{
    struct qiop_ticket_store *store = calloc(1, sizeof(*store));

    if (!store) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    store->x509 = x509;
    pthread_mutex_init(&store->lock, NULL);
    return store;
}

void qiop_ticket_free(gnutls_datum_t *data)
{
    if (data->data) {
        gnutls_memset(data->data, 0, data->size);
        gnutls_free(data->data);
    }
    data->data = NULL;
    data->size = 0;
}

static void drop(struct qiop_ticket_store *store, size_t i)
{
    free(store->v[i].host);
    qiop_ticket_free(&store->v[i].data);
    store->n--;
    memmove(&store->v[i], &store->v[i + 1],
            (store->n - i) * sizeof(store->v[0]));
}

void qiop_ticket_store_free(struct qiop_ticket_store *store)
{
    if (!store) {
        return;
    }
    while (store->n) {
        drop(store, store->n - 1);
    }
    pthread_mutex_destroy(&store->lock);
    free(store);
}

/* A clock that was set back makes tickets of the future. */
static bool stale(const struct ticket *t, time_t now)
{
    return now < t->made || now >= t->until;
}

/* A copy for gnutls_free(). */
static bool copy(gnutls_datum_t *to, const gnutls_datum_t *from)
{
    to->data = gnutls_malloc(from->size);
    if (!to->data) {
        return false;
    }
    memcpy(to->data, from->data, from->size);
    to->size = from->size;
    return true;
}

/* Make room for one more of host. */
static void make_room(struct qiop_ticket_store *store, const char *host,
                      bool once, time_t now)
{
    size_t of_host = 0, i;

    for (i = store->n; i-- > 0;) {
        bool same = strcmp(store->v[i].host, host) == 0;

        of_host += same;
        /* One that serves for many sessions is one too many beside another. */
        if (stale(&store->v[i], now) ||
            (same && (of_host >= HOST_MAX || !once || !store->v[i].once))) {
            drop(store, i);
        }
    }
    if (store->n == TICKETS_MAX) {
        drop(store, 0);
    }
}

void qiop_ticket_store_put(struct qiop_ticket_store *store, const char *host,
                           const gnutls_datum_t *data, time_t until, bool once)
{
    time_t now = time(NULL);
    struct ticket *t;

    if (data->size > DATA_MAX || until <= now) {
        return;
    }
    pthread_mutex_lock(&store->lock);
    if (store->trust_until <= now) {
        store->trust_until = qiop_tickets_trust_until(store->x509, now);
    }
    make_room(store, host, once, now);
    t = &store->v[store->n];
    t->host = strdup(host);
    if (t->host && copy(&t->data, data)) {
        t->made = now;
        t->until = until < store->trust_until ? until : store->trust_until;
        t->once = once;
        store->n++;
    } else {
        free(t->host);
    }
    pthread_mutex_unlock(&store->lock);
}

bool qiop_ticket_store_take(struct qiop_ticket_store *store, const char *host,
                            gnutls_datum_t *data, time_t *until)
{
    time_t now = time(NULL);
    bool found = false;
    size_t i;

    pthread_mutex_lock(&store->lock);
    for (i = store->n; i-- > 0 && !found;) {
        struct ticket *t = &store->v[i];

        if (strcmp(t->host, host) != 0 || stale(t, now)) {
            continue;
        }
        *until = t->until;
        if (t->once) {
            *data = t->data;
            t->data.data = NULL;
            drop(store, i);
            found = true;
        } else {
            found = copy(data, &t->data);
        }
    }
    pthread_mutex_unlock(&store->lock);
    return found;
}

void qiop_ticket_store_forget(struct qiop_ticket_store *store, const char *host)
{
    size_t i;

    pthread_mutex_lock(&store->lock);
    for (i = store->n; i-- > 0;) {
        if (strcmp(store->v[i].host, host) == 0) {
            drop(store, i);
        }
    }
    pthread_mutex_unlock(&store->lock);
}
