/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The path of application data through a session: a record engine seals
 * plaintext into the output and opens the records of the input. Called with
 * the session's lock held, after the handshake. */
#ifndef QIOP_TLS_ENGINE_H
#define QIOP_TLS_ENGINE_H

#include <stddef.h>
#include <sys/types.h>
#include <qio/error.h>
#include "base/iov.h"

struct qiop_tls_session;

struct qiop_tls_engine {
    const char *name;

    /* start: called once, when the handshake is complete. 0 or -1. */
    int (*start)(struct qiop_tls_session *s, QIOError **errp);

    /* seal: one record from src into the output; there is room for it, and src
     * is not empty. Returns the plaintext bytes it took, or -1. */
    ssize_t (*seal)(struct qiop_tls_session *s, struct qiop_iov_cursor *src,
                    QIOError **errp);

    /* open: the plaintext held from before, or that of the whole record at the
     * head of the input, into dst; what does not fit is held. dst NULL: hold
     * all. Returns the bytes placed in dst; 0 when there were none (a control
     * record, dst NULL); -1 with the session failed. */
    ssize_t (*open)(struct qiop_tls_session *s, struct qiop_iov_cursor *dst,
                    QIOError **errp);

    /* pending: plaintext bytes held. */
    size_t (*pending)(const struct qiop_tls_session *s);

    /* stop: free what is held; also without start. */
    void (*stop)(struct qiop_tls_session *s);
};

/* gnutls_record_send and gnutls_record_recv_packet: serves every session. */
extern const struct qiop_tls_engine qiop_tls_engine_gnutls;

#endif
