/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The opening handshake, RFC 6455 §4, both roles: heads in, heads out. */
#ifndef QIOP_WEBSOCKET_HANDSHAKE_H
#define QIOP_WEBSOCKET_HANDSHAKE_H

#include "base/queue.h"
#include "websocket/http.h"
#include "websocket/key.h"
#include "websocket/options.h"

/* ---- server ---- */

struct QIOWebsocketRequest {
    struct qiop_http_head head;
    char *target; /* path and query; inside head */
    const char *host;
    const char *origin;   /* or NULL */
    const char *protocol; /* chosen: the options', or NULL */
    const char *key;
};

/*
 * What is to be said to a head of this length, or to one that qiop_http_scan()
 * gave up on (len negative: what it said). Returns 101, or the HTTP status that
 * refuses, with *why for our side; or -1 with *errp set, for want of memory.
 * r: free it in any case.
 */
int qiop_ws_request_judge(QIOWebsocketRequest *r, const QIOWebsocketOptions *o,
                          const uint8_t *data, ssize_t len, const char **why,
                          QIOError **errp);
void qiop_ws_request_free(QIOWebsocketRequest *r);

/* Write the answer: 101 to a request that was judged so, or a refusal. */
int qiop_ws_answer(struct qiop_queue *out, int status,
                   const QIOWebsocketRequest *r, const QIOWebsocketOptions *o,
                   QIOError **errp);

/* ---- client ---- */

/* Write the request; key: of qiop_ws_nonce(). host: when the options have
 * none. */
int qiop_ws_ask(struct qiop_queue *out, const QIOWebsocketOptions *o,
                const char *host, const char *key, QIOError **errp);

/*
 * Look at the answer's head, or at what qiop_http_scan() said instead.
 * *protocol: what was chosen, borrowed from the options, or NULL. Returns 0, or
 * -1: QIO_ERROR_WEBSOCKET_REJECTED with the status, QIO_ERROR_WEBSOCKET for
 * what is no answer, QIO_ERROR_NOMEM.
 */
int qiop_ws_answer_check(const uint8_t *data, ssize_t len,
                         const QIOWebsocketOptions *o, const char *key,
                         const char **protocol, QIOError **errp);

#endif
