/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Session tickets, by which a session begins where an earlier one left off
 * (RFC 5077, RFC 8446 §2.2): the keys that a server seals them with, and the
 * place where a client keeps them.
 *
 * Both belong to the material of credentials. A reload starts anew, so nothing
 * that was granted under other CAs, revocations or keys is taken up again.
 * Threads: any.
 */
#ifndef QIOP_TLS_TICKETS_H
#define QIOP_TLS_TICKETS_H

#include <stdbool.h>
#include <time.h>
#include <gnutls/gnutls.h>
#include <qio/error.h>

/* How long a ticket serves, counted from the handshake in which the peers
 * showed who they are. */
#define QIOP_TICKET_SECONDS 3600

/* When the first of the CAs expires that are valid now; what was verified
 * before then has to be verified again. x509 NULL, or no CA: never, which is
 * the end of time. */
time_t qiop_tickets_trust_until(gnutls_certificate_credentials_t x509,
                                time_t now);

/* ---- tickets-keys.c: a server's ---- */

struct qiop_ticket_keys;

/* x509: what peers are verified with, NULL with other kinds; to outlive us. */
struct qiop_ticket_keys *qiop_ticket_keys_new(
    gnutls_certificate_credentials_t x509, QIOError **errp);
void qiop_ticket_keys_free(struct qiop_ticket_keys *keys);
/* Let a session give and take tickets of the present key. GnuTLS's code. */
int qiop_ticket_keys_use(struct qiop_ticket_keys *keys, gnutls_session_t tls);

/* ---- tickets-store.c: a client's ---- */

struct qiop_ticket_store;

struct qiop_ticket_store *qiop_ticket_store_new(
    gnutls_certificate_credentials_t x509, QIOError **errp);
void qiop_ticket_store_free(struct qiop_ticket_store *store);
/* Keep a copy of data for sessions with host until then; once: it serves one
 * session only (RFC 8446 appendix C.4). Without memory, or when there is too
 * much of it, it is not kept. */
void qiop_ticket_store_put(struct qiop_ticket_store *store, const char *host,
                           const gnutls_datum_t *data, time_t until, bool once);
/* The newest for host; *data to be given back to qiop_ticket_free(). False:
 * there is none. */
bool qiop_ticket_store_take(struct qiop_ticket_store *store, const char *host,
                            gnutls_datum_t *data, time_t *until);
void qiop_ticket_store_forget(struct qiop_ticket_store *store,
                              const char *host);
/* Wipe and free. */
void qiop_ticket_free(gnutls_datum_t *data);

#endif
