/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Session resumption: when tickets are given, kept and offered. Who the peer
 * is gets judged again in session-verify.c. */
#include <config.h>
#include "tls/session-priv.h"

#include <errno.h>

#include "tls/tickets.h"

/* For connections made at the same time; one replaces the one that was used. */
#define TICKETS_FIRST 4
#define TICKETS_AGAIN 1

unsigned qiop_tls_resume_flags(const struct qiop_tls_session *s)
{
    if (s->server && s->material->ticket_keys) {
        /* Not with the handshake: see qiop_tls_send_tickets(). */
        return GNUTLS_NO_AUTO_SEND_TICKET;
    }
    return s->material->ticket_store ? 0 : GNUTLS_NO_TICKETS;
}

int qiop_tls_resume_setup(struct qiop_tls_session *s)
{
    if (s->material->ticket_keys || s->material->ticket_store) {
        gnutls_db_set_cache_expiration(s->tls, QIOP_TICKET_SECONDS);
    }
    return s->material->ticket_keys
               ? qiop_ticket_keys_use(s->material->ticket_keys, s->tls)
               : 0;
}

/* The store of a client that can say whose tickets it wants. */
static struct qiop_ticket_store *store_of(const struct qiop_tls_session *s)
{
    return s->hostname && *s->hostname ? s->material->ticket_store : NULL;
}

int qiop_tls_offer_ticket(struct qiop_tls_session *s)
{
    struct qiop_ticket_store *store = store_of(s);
    gnutls_datum_t data;
    int ret;

    if (!store ||
        !qiop_ticket_store_take(store, s->hostname, &data, &s->resume_until)) {
        return 0;
    }
    errno = 0;
    ret = gnutls_session_set_data(s->tls, data.data, data.size);
    qiop_ticket_free(&data);
    s->offered = ret >= 0;
    /* One that GnuTLS does not like is not offered; but one of which it took
     * half, for lack of memory, is nothing to go on with. */
    return ret < 0 && errno == ENOMEM ? GNUTLS_E_MEMORY_ERROR : 0;
}

void qiop_tls_keep_ticket(struct qiop_tls_session *s)
{
    struct qiop_ticket_store *store = store_of(s);
    bool tls13 = gnutls_protocol_get_version(s->tls) == GNUTLS_TLS1_3;
    gnutls_datum_t data = {NULL, 0};

    /* Without the flag GnuTLS would wait for a ticket. */
    if (!store ||
        !(gnutls_session_get_flags(s->tls) & GNUTLS_SFLAGS_SESSION_TICKET)) {
        return;
    }
    if (gnutls_session_get_data2(s->tls, &data) >= 0) {
        qiop_ticket_store_put(store, s->hostname, &data, s->resume_until,
                              tls13);
    }
    qiop_ticket_free(&data);
}

void qiop_tls_forget_tickets(struct qiop_tls_session *s)
{
    struct qiop_ticket_store *store = store_of(s);

    if (store && s->offered) {
        qiop_ticket_store_forget(store, s->hostname);
    }
}

/*
 * In TLS 1.3 tickets are sent when the handshake is over, and what a peer that
 * never reads leaves in its socket resets the connection when it closes. So
 * they go ahead of data of ours, which the peer has to read.
 */
int qiop_tls_send_tickets(struct qiop_tls_session *s, QIOError **errp)
{
    int ret;

    if (!s->tickets_due) {
        return 0;
    }
    s->tickets_due = false;
    if (qiop_tls_output_room(s, errp)) {
        return -1;
    }
    ret = qiop_tls_gnutls_enter(s, errp);
    if (ret == 0) {
        unsigned n =
            gnutls_session_is_resumed(s->tls) ? TICKETS_AGAIN : TICKETS_FIRST;

        /* That there is none to give is no failure; half of one is. */
        if (time(NULL) < s->resume_until) {
            (void)gnutls_session_ticket_send(s->tls, n, 0);
        }
        if (s->no_memory) {
            ret = qiop_tls_fail_code(s, GNUTLS_E_MEMORY_ERROR, errp);
        }
    }
    if (qiop_tls_gnutls_leave(s, ret ? NULL : errp)) {
        ret = -1;
    }
    return ret;
}

/* Not longer than the certificates last, nor than anybody should be trusted
 * for having shown one. */
static void bound(struct qiop_tls_session *s)
{
    time_t limit = time(NULL) + QIOP_TICKET_SECONDS;

    if (!s->resume_until || limit < s->resume_until) {
        s->resume_until = limit;
    }
}

int qiop_tls_resume_complete(struct qiop_tls_session *s)
{
    bool tls13 = gnutls_protocol_get_version(s->tls) == GNUTLS_TLS1_3;

    if (!s->material->ticket_keys && !s->material->ticket_store) {
        return 0;
    }
    if (gnutls_session_is_resumed(s->tls)) {
        int ret = qiop_tls_verify_resumed(s);

        if (ret < 0) {
            return ret;
        }
    }
    bound(s);
    s->tickets_due = tls13 && s->server && s->material->ticket_keys;
    if (!tls13) {
        qiop_tls_keep_ticket(s);
    }
    return 0;
}
