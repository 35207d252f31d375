/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What credentials are made of, again at each reload. */
#ifndef QIOP_TLS_CONFIG_H
#define QIOP_TLS_CONFIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <qio/tls-config.h>

/* Shared by the configs and credentials that have it; freed with the last. */
struct qiop_psk_func {
    atomic_int refs;
    QIOTLSPSKFunc *func;
    void *opaque;
    void (*destroy)(void *opaque);
};

/* Protocols, separated by ":". */
#define QIOP_ALPN_MAX 8

struct QIOTLSConfig {
    QIOTLSCredsKind kind;
    QIOTLSEndpoint endpoint;
    unsigned flags; /* QIO_TLS_CREDS_* */
    bool system_trust;
    bool resumption;
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
