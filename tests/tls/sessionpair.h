/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two TLS sessions in memory and a pump between them, for the tests of this
 * folder; all inline, so that each program stays one source file. */
#ifndef SESSIONPAIR_H
#define SESSIONPAIR_H

#include <string.h>
#include "qiotest.h"
#include "tlscert.h"
#include "tls/session.h"

struct sessionpair {
    struct qiop_tls_session *client, *server;
    int client_ret, server_ret;
    QIOError *client_err, *server_err;
    size_t chunk; /* bytes per move, 0: all at once */
};

/* Move what one has sent to the other. Whether anything moved. */
static inline bool sessionpair_move(struct qiop_tls_session *from,
                                    struct qiop_tls_session *to, size_t chunk)
{
    struct qiop_queue flight;
    bool moved = false;
    size_t len, avail;
    const uint8_t *data;

    qiop_queue_init(&flight, 0);
    if (!qiop_tls_session_output_take(from, &flight)) {
        return false;
    }
    while ((data = qiop_queue_peek(&flight, &len)) && len) {
        QIOError *err = NULL;
        uint8_t *dst = qiop_tls_session_input_reserve(to, &avail, &err);

        qiotest_ok(&err);
        len = len < avail ? len : avail;
        len = chunk && len > chunk ? chunk : len;
        memcpy(dst, data, len);
        qiop_tls_session_input_commit(to, len, avail);
        qiop_queue_consume(&flight, len);
        moved = true;
        if (chunk && !qiop_tls_session_established(to)) {
            /* Between any two bytes the handshake may be tried. */
            (void)!qiop_tls_session_handshake(to, NULL);
        }
    }
    qiop_queue_free(&flight, false);
    return moved;
}

/* Until both are done, failed, or nothing moves any more. */
static inline void sessionpair_run(struct sessionpair *p)
{
    bool moved = true;

    p->client_ret = p->server_ret = QIOP_TLS_BLOCK;
    while (moved) {
        if (p->client_ret == QIOP_TLS_BLOCK) {
            p->client_ret =
                qiop_tls_session_handshake(p->client, &p->client_err);
        }
        if (p->server_ret == QIOP_TLS_BLOCK) {
            p->server_ret =
                qiop_tls_session_handshake(p->server, &p->server_err);
        }
        moved = sessionpair_move(p->client, p->server, p->chunk);
        moved |= sessionpair_move(p->server, p->client, p->chunk);
    }
}

static inline void sessionpair_init(struct sessionpair *p, QIOTLSCreds *client,
                                    QIOTLSCreds *server, const char *hostname,
                                    QIOAuthz *authz)
{
    QIOError *err = NULL;

    memset(p, 0, sizeof(*p));
    p->client =
        qiop_tls_session_new(client, QIO_TLS_ENDPOINT_CLIENT, NULL, &err);
    qiotest_ok(&err);
    p->server =
        qiop_tls_session_new(server, QIO_TLS_ENDPOINT_SERVER, authz, &err);
    qiotest_ok(&err);
    if (hostname) {
        ck_assert_int_eq(
            qiop_tls_session_set_hostname(p->client, hostname, &err), 0);
    }
}

/* A client that takes itself for done learns of its rejection by reading. */
static inline void sessionpair_client_reads(struct sessionpair *p)
{
    char byte;
    struct iovec iov = {&byte, 1};

    ck_assert_int_eq(p->client_ret, 0);
    ck_assert_int_eq(
        qiop_tls_session_read(p->client, &iov, 1, false, &p->client_err), -1);
}

static inline void sessionpair_free(struct sessionpair *p)
{
    qiop_tls_session_free(p->client);
    qiop_tls_session_free(p->server);
    qio_error_free(p->client_err);
    qio_error_free(p->server_err);
}

#endif
