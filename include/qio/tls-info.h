/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a TLS channel has negotiated and with whom. After the handshake; before,
 * all of it fails with QIO_ERROR_STATE. Never blocks. Threads: any.
 */
#ifndef QIO_TLS_INFO_H
#define QIO_TLS_INFO_H

#include <stdint.h>
#include <sys/types.h>
#include <qio/channel.h>

QIO_BEGIN_DECLS

typedef enum QIOTLSFact {
    QIO_TLS_FACT_VERSION,    /* "TLS1.3" */
    QIO_TLS_FACT_CIPHER,     /* "AES-256-GCM" */
    QIO_TLS_FACT_GROUP,      /* of the key exchange: "X25519" */
    QIO_TLS_FACT_SIGNATURE,  /* by the peer: "ECDSA-SECP256R1-SHA256" */
    QIO_TLS_FACT_ENGINE,     /* who protects data: "ipsec-mb" */
    QIO_TLS_FACT_PEER_CHAIN, /* its certificates as PEM, its own first */
    /* A name a line: the distinguished name, then alternative names as
     * authorizers see them; what could break a line is replaced. */
    QIO_TLS_FACT_PEER_NAMES,
    QIO_TLS_FACT_ALPN,    /* the protocol that both agreed on */
    QIO_TLS_FACT_RESUMED, /* whether it goes on from an earlier session: "yes"
                           * or "no" */
} QIOTLSFact;

/*
 * qio_channel_tls_fact: one of them as text, to free().
 * Errors: QIO_ERROR_NOT_FOUND (the session has no such thing: a signature with
 *   a pre-shared key), QIO_ERROR_INVALID (no TLS channel). Since: 0.1
 */
QIO_API char *qio_channel_tls_fact(QIOChannel *ioc, QIOTLSFact fact,
                                   QIOError **errp) QIO_MUST_CHECK;

/* Of a direction: records of data (not of the handshake, alerts and the like),
 * the bytes in them, key updates (RFC 8446 §4.6.3). */
typedef enum QIOTLSCount {
    /* Microseconds from the first step of the handshake to its end, waiting
     * for the peer included. */
    QIO_TLS_COUNT_HANDSHAKE_US,
    QIO_TLS_COUNT_RECORDS_SENT,
    QIO_TLS_COUNT_BYTES_SENT,
    QIO_TLS_COUNT_KEY_UPDATES_SENT,
    QIO_TLS_COUNT_RECORDS_RECEIVED,
    QIO_TLS_COUNT_BYTES_RECEIVED,
    QIO_TLS_COUNT_KEY_UPDATES_RECEIVED,
} QIOTLSCount;

/*
 * qio_channel_tls_count: one of them, as it is now; also after the session has
 * failed. What was sealed counts as sent, what was opened as received, even if
 * nobody has read it yet.
 * Returns: the number, or -1.
 * Errors: QIO_ERROR_INVALID (no TLS channel, no such count). Since: 0.1
 */
QIO_API int64_t qio_channel_tls_count(QIOChannel *ioc, QIOTLSCount what,
                                      QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_channel_tls_export: len bytes of key material that only the two ends can
 * know (RFC 5705, RFC 8446 §7.5), the same on both for the same label and
 * context. context may be NULL, which before TLS 1.3 differs from an empty one.
 * Wipe it after use. Returns 0 or -1. Since: 0.1
 */
QIO_API int qio_channel_tls_export(QIOChannel *ioc, const char *label,
                                   const void *context, size_t context_len,
                                   void *out, size_t len,
                                   QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_channel_tls_binding: what ties an authentication inside the channel to
 * the channel. type: "tls-exporter" (RFC 9266) or "tls-unique" (RFC 5929; not
 * with TLS 1.3: QIO_ERROR_NOT_FOUND).
 * Returns: its length, at most size; or -1. Since: 0.1
 */
QIO_API ssize_t qio_channel_tls_binding(QIOChannel *ioc, const char *type,
                                        void *out, size_t size,
                                        QIOError **errp) QIO_MUST_CHECK;

QIO_END_DECLS

#endif
