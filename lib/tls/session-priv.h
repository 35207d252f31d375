/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of a TLS session, for the files of this room.
 *
 * Locks, in this order. open_lock: the input and what opens it. seal_lock: the
 * output and what seals it. lock: GnuTLS's session, which is called with
 * seal_lock held too wherever it may send. Data takes one of the first two,
 * control messages and the handshake take what they need of all.
 */
#ifndef QIOP_TLS_SESSION_PRIV_H
#define QIOP_TLS_SESSION_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <gnutls/gnutls.h>
#include "base/queue.h"
#include "tls/creds.h"
#include "tls/engine.h"
#include "tls/session.h"

#define QIOP_TLS_HEADER 5
/* RFC 8446 §5.2 allows 256 octets beyond the plaintext, RFC 5246 §6.2.3 2048.
 */
#define QIOP_TLS_PLAIN_MAX 16384
#define QIOP_TLS_RECORD_MAX (QIOP_TLS_HEADER + QIOP_TLS_PLAIN_MAX + 2048)
/* What control messages sent along with a data record may add. */
#define QIOP_TLS_SLACK 1024

#define QIOP_TLS_NO_ALERT (-1)
/* RFC 8446 §6, for which GnuTLS has no name. */
#define QIOP_A_BAD_CERTIFICATE_STATUS 113

/* engine-record.c: a direction whose keys we have taken. */
struct qiop_tls_sealing {
    struct qiop_record r;
    bool lent; /* GnuTLS may send */
};

struct qiop_tls_opening {
    struct qiop_record r;
    uint8_t type; /* where it goes when the content fills the caller's memory */
    /* Plaintext that the reader has no room for yet, of a record's size. */
    uint8_t *held;
    size_t held_off, held_len;
};

/* What a direction has carried; of its lock. */
struct qiop_tls_counters {
    uint64_t records, bytes; /* of data */
    uint32_t key_updates;
};

/* Ordered so that there are few holes: a server has many of them. */
struct qiop_tls_session {
    pthread_mutex_t open_lock;
    pthread_mutex_t seal_lock;
    pthread_mutex_t lock;
    QIOTLSCreds *creds;
    struct qiop_tls_material *material; /* the creds' when we began */
    QIOAuthz *authz;
    char *hostname;
    gnutls_session_t tls;
    const struct qiop_tls_engine *engine;
    bool server;
    atomic_bool done;  /* the handshake is complete */
    bool bye_sent;     /* seal_lock */
    bool bye_received; /* open_lock */
    /* seal_lock: we asked for a key update that has not come; the peer asked
     * for one of ours. */
    bool asked;
    bool answer_due;
    bool tickets_due;    /* to be sent ahead of data; seal_lock */
    bool begun;          /* the first step of the handshake is made */
    bool offered;        /* a ticket, by a client */
    bool psk_unknown;    /* a client says who it is, and we do not know him */
    bool psk_failed;     /* ... and nobody could say */
    atomic_bool stirred; /* used since it last wanted to rest */
    uint8_t few_sealed;  /* little records since; seal_lock */
    /* The session is dead, and why: set once, with seal_lock and lock, before
     * `dead`, whose reader needs no lock for it. */
    atomic_bool dead;
    QIOError *failed;

    /* open_lock */
    struct qiop_queue in;
    uint32_t in_handshake; /* bytes before its end */
    uint32_t in_record;    /* of the record at the head, bytes not yet pulled */
    uint32_t in_size;      /* how far to read ahead */
    uint32_t in_max;
    bool in_bad;    /* what is at the head is no TLS record */
    bool only_data; /* the handshake of TLS 1.3 is over: one type remains */
    bool in_eof;
    uint8_t few_opened;    /* little records since it last rested */
    bool half;             /* GnuTLS may wait for the rest of a message */
    uint32_t told;         /* bytes of messages in the record it opens */
    unsigned idle_records; /* without data in a row */
    QIOError *in_err;

    struct qiop_tls_counters received; /* open_lock */
    struct qiop_tls_counters sent;     /* seal_lock */
    /* When the handshake began; once it is done, how long it took. */
    int64_t handshake_us;

    struct qiop_queue out; /* seal_lock */
    uint32_t out_max;
    uint32_t record_max;    /* plaintext that the peer takes in one */
    atomic_size_t out_len;  /* of out, for those without the lock */
    atomic_bool out_urgent; /* reading has put something there */
    bool reading;           /* what is pushed is an answer; seal_lock */
    bool no_memory;         /* a callback of ours failed for lack of it */

    /* Set by the verify callback, reported after it. */
    gnutls_alert_description_t verify_alert;
    QIOError *verify_err;
    /* Until when sessions may go on from this one; known where tickets are
     * given or kept. */
    time_t resume_until;
    char *psk_user; /* whom a client says it is, for messages */

    const struct qiop_aead *aead;     /* who protects data; NULL: GnuTLS */
    struct qiop_tls_sealing *sealing; /* seal_lock; NULL: GnuTLS has the keys */
    struct qiop_tls_opening *opening; /* open_lock; NULL: the same */
    /* engine-gnutls.c */
    gnutls_packet_t packet;
    size_t packet_off;
    uint8_t *staging;
};

/* A record of data was opened. With open_lock. */
static inline void qiop_tls_count_received(struct qiop_tls_session *s,
                                           size_t len)
{
    s->received.records++;
    s->received.bytes += len;
}

/* ---- session-lock.c ---- */

/* What is sealed or pushed goes to the output, which is locked. */
void qiop_tls_seal_enter(struct qiop_tls_session *s);
void qiop_tls_seal_leave(struct qiop_tls_session *s);
/* With seal_lock: GnuTLS may be called and may send. 0, or -1 with the session
 * failed; to be left in either case. */
int qiop_tls_gnutls_enter(struct qiop_tls_session *s, QIOError **errp);
int qiop_tls_gnutls_leave(struct qiop_tls_session *s, QIOError **errp);
/* The same for a reader, who has open_lock only. */
int qiop_tls_reader_enter(struct qiop_tls_session *s, QIOError **errp);
int qiop_tls_reader_leave(struct qiop_tls_session *s, QIOError **errp);

/* ---- engine-record.c ---- */

/* Whether GnuTLS may send: not while an engine has the keys. */
bool qiop_tls_may_push(const struct qiop_tls_session *s);
/* How many records have been sent under the present key. With seal_lock. */
uint64_t qiop_tls_records_sent(struct qiop_tls_session *s);

/* ---- session-messages.c: handshake messages after the handshake ---- */

void qiop_tls_messages_hook(struct qiop_tls_session *s);
/* Whether the last message, if it was whole, was the last of its record. With
 * all locks. */
bool qiop_tls_messages_aligned(const struct qiop_tls_session *s);
/* With all locks, GnuTLS having the record numbers. Whether it may be shown the
 * record at the head of the input: 0, or -1 with the session failed. */
int qiop_tls_messages_check(struct qiop_tls_session *s, QIOError **errp);
/* It has opened that, of `len` bytes, and found no data. */
void qiop_tls_messages_count(struct qiop_tls_session *s, size_t len);

/* ---- session-io.c ---- */

/* With seal_lock: whether data may still be sent. 0 or -1. */
int qiop_tls_check_writable(struct qiop_tls_session *s, QIOError **errp);

/* ---- session-keys.c ---- */

/* With seal_lock. flags as those of gnutls_session_key_update(). */
int qiop_tls_send_key_update(struct qiop_tls_session *s, unsigned flags,
                             QIOError **errp);
/* With seal_lock, before a record of data: the key update that is due, if one
 * is. 0, or -1 with the session failed. */
int qiop_tls_tend_keys(struct qiop_tls_session *s, QIOError **errp);

/* ---- session.c ---- */

/* Whether a whole record is at the head of the input; may set in_bad. */
bool qiop_tls_input_whole(struct qiop_tls_session *s);
/* Room for a record's worth of output, so that pushing cannot fail. */
int qiop_tls_output_room(struct qiop_tls_session *s, QIOError **errp);
/* End the session: keep err (taken), tell the peer by an alert unless it is
 * QIOP_TLS_NO_ALERT. Copies to errp and returns -1. Between entering and
 * leaving GnuTLS. */
int qiop_tls_fail(struct qiop_tls_session *s, int alert, QIOError *err,
                  QIOError **errp);
/* The same for a code of GnuTLS. */
int qiop_tls_fail_code(struct qiop_tls_session *s, int code, QIOError **errp);
int qiop_tls_fail_garbage(struct qiop_tls_session *s, QIOError **errp);

/* ---- session-error.c: what GnuTLS means, for programs and for people ---- */

/* The error for a code; *alert is what to tell the peer. */
QIOError *qiop_tls_explain(struct qiop_tls_session *s, int code, int *alert);

/* ---- session-resume.c ---- */

/* For gnutls_init(); then, with a GnuTLS code, what else it takes. */
unsigned qiop_tls_resume_flags(const struct qiop_tls_session *s);
int qiop_tls_resume_setup(struct qiop_tls_session *s);
/* A client, before the handshake: take up an earlier session, if there is one
 * with this host. GnuTLS's code. */
int qiop_tls_offer_ticket(struct qiop_tls_session *s);
/* The peer gave one. */
void qiop_tls_keep_ticket(struct qiop_tls_session *s);
/* The session failed after one was offered. */
void qiop_tls_forget_tickets(struct qiop_tls_session *s);
/* After the handshake; GnuTLS's code. */
int qiop_tls_resume_complete(struct qiop_tls_session *s);
/* With seal_lock, before data: what is due to the peer. */
int qiop_tls_send_tickets(struct qiop_tls_session *s, QIOError **errp);

/* ---- session-refuse.c ---- */

/* Note why the peer is refused, for the session's error (err is taken), and
 * the alert for the peer. Always GNUTLS_E_CERTIFICATE_ERROR. */
int qiop_tls_refuse(struct qiop_tls_session *s,
                    gnutls_alert_description_t alert, QIOError *err);
/* For a certificate; why: what follows "the certificate". */
int qiop_tls_refuse_cert(struct qiop_tls_session *s,
                         gnutls_alert_description_t alert,
                         gnutls_x509_crt_t crt, const char *why);
/* For what gnutls_certificate_verify_peers() says. */
int qiop_tls_refuse_status(struct qiop_tls_session *s,
                           const struct qiop_cert_list *chain, unsigned status);
int qiop_tls_refuse_hostname(struct qiop_tls_session *s, gnutls_x509_crt_t crt);
/* When one of the chain is out of date; else 0. */
int qiop_tls_check_dates(struct qiop_tls_session *s,
                         const struct qiop_cert_list *chain);

/* ---- session-verify.c ---- */

/* For gnutls_session_set_verify_function(). */
int qiop_tls_verify_peer(gnutls_session_t tls);
/* What time or the authorizer may have changed about a peer whose chain was
 * verified in an earlier session. GnuTLS's code. */
int qiop_tls_verify_resumed(struct qiop_tls_session *s);
/* Asked after the handshake for identities without a certificate. */
int qiop_tls_authorize_psk(struct qiop_tls_session *s, QIOError **errp);
/* The peer's identity, to free(); NULL. */
char *qiop_tls_peer_identity(struct qiop_tls_session *s, QIOError **errp);
/* The name to look for in a certificate: no zone, no trailing dot. To free() */
char *qiop_tls_plain_hostname(const char *name);
bool qiop_tls_is_ip(const char *name);

#endif
