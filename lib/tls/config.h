/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What credentials are made of, again at each reload. */
#ifndef QIOP_TLS_CONFIG_H
#define QIOP_TLS_CONFIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <qio/tls-config.h>

/* Shared by the configs and credentials that have it; freed with the last. */
struct qiop_psk_func {
    atomic_int refs;
    QIOTLSPSKFunc *func;
    void *opaque;
    void (*destroy)(void *opaque);
};

/* Input of a handshake: room for a long chain of certificates with the large
 * signatures of post-quantum algorithms. */
#define QIOP_HANDSHAKE_LIMIT (128u << 10)
#define QIOP_HANDSHAKE_LIMIT_MIN (4u << 10)
#define QIOP_HANDSHAKE_LIMIT_MAX (16u << 20)

/* Records under one key: RFC 8446 §5.5 and RFC 9325 §4.4 allow 2^24.5 full ones
 * with AES-GCM; record.h has the same as its last line of defence. */
#define QIOP_REKEY_AFTER (1u << 24)
#define QIOP_REKEY_AFTER_MIN 1024u

/* Protocols, separated by ":". */
#define QIOP_ALPN_MAX 8

struct QIOTLSConfig {
    QIOTLSCredsKind kind;
    QIOTLSEndpoint endpoint;
    unsigned flags; /* QIO_TLS_CREDS_* */
    bool system_trust;
    bool resumption;
    uint32_t handshake_limit; /* bytes */
    uint32_t rekey_after;     /* records */
    /* 12 or 13; 0: not set. */
    int min_version, max_version;
    /* Texts that are kept as they are; NULL: not set. */
    char *dir;
    char *priority;
    char *groups;
    char *alpn;
    char *engine;
    char *username;
    char *certificate;
    char *key;
    char *password; /* wiped before it is freed */
    struct qiop_psk_func *psk_func;
};

/* A copy of its own, or NULL. */
QIOTLSConfig *qiop_tls_config_copy(const QIOTLSConfig *config, QIOError **errp);

#endif
