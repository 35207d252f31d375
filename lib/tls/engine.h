/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The path of application data through a session: a record engine seals
 * plaintext into the output and opens the records of the input, after the
 * handshake.
 *
 * GnuTLS keeps everything else, and sends and receives with the same keys. So
 * before GnuTLS is called on a session it is lent the record numbers, and
 * afterwards the engine takes keys and numbers again.
 */
#ifndef QIOP_TLS_ENGINE_H
#define QIOP_TLS_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <qio/error.h>
#include "base/iov.h"
#include "tls/record.h"

struct qiop_tls_session;

struct qiop_tls_engine {
    /* seal: one record from src into the output; there is room for it, and src
     * is not empty. Returns the plaintext bytes it took, or -1. Called with
     * seal_lock. */
    ssize_t (*seal)(struct qiop_tls_session *s, struct qiop_iov_cursor *src,
                    QIOError **errp);

    /* open: the plaintext held from before, or that of the whole record at the
     * head of the input, into dst; what does not fit is held. dst NULL: hold
     * all. Returns the bytes placed in dst; 0 when there were none (a control
     * record, dst NULL); -1 with the session failed. Called with open_lock. */
    ssize_t (*open)(struct qiop_tls_session *s, struct qiop_iov_cursor *dst,
                    QIOError **errp);

    /* pending: plaintext bytes held. Called with open_lock. */
    size_t (*pending)(const struct qiop_tls_session *s);

    /* rest: let go of memory that is not in use. With open_lock and seal_lock.
     */
    void (*rest)(struct qiop_tls_session *s);

    /* lend: GnuTLS is about to send; it gets the number of the next record.
     * reclaim: it has. Called with seal_lock and lock. 0 or -1. */
    int (*lend)(struct qiop_tls_session *s, QIOError **errp);
    int (*reclaim)(struct qiop_tls_session *s, QIOError **errp);

    /* stop: free what is held; also without start. */
    void (*stop)(struct qiop_tls_session *s);
};

/* gnutls_record_send and gnutls_record_recv_packet: serves every session. */
extern const struct qiop_tls_engine qiop_tls_engine_gnutls;

/* TLS 1.3 with AES-GCM or ChaCha20-Poly1305: records of our own for whatever
 * is not small, by the session's qiop_aead. */
extern const struct qiop_tls_engine qiop_tls_engine_record;

/* Choose the best engine for the session, of those its credentials allow. With
 * all locks, when the handshake is complete. */
void qiop_tls_engine_start(struct qiop_tls_session *s);
/* "ipsec-mb", "aead" or "gnutls". */
const char *qiop_tls_engine_name(const struct qiop_tls_session *s);

/* ---- engine-gnutls.c: control messages, for every engine ---- */

/* Let GnuTLS read the record at the head of the input. With all locks, GnuTLS
 * having the record numbers. 1 when it was data after all, in *packet; 0 when
 * not; -1. */
int qiop_tls_gnutls_receive(struct qiop_tls_session *s, gnutls_packet_t *packet,
                            QIOError **errp);
/* Another record without data: 0, or -1 when it is one too many. */
int qiop_tls_count_idle(struct qiop_tls_session *s, QIOError **errp);

#endif
