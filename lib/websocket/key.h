/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The proof that a server speaks websocket, RFC 6455 §4.2.2. */
#ifndef QIOP_WEBSOCKET_KEY_H
#define QIOP_WEBSOCKET_KEY_H

#include <stdbool.h>
#include <qio/error.h>

/* With the terminating NUL. */
#define QIOP_WS_NONCE_SIZE 25
#define QIOP_WS_ACCEPT_SIZE 29

/* A client's Sec-WebSocket-Key. */
int qiop_ws_nonce(char out[QIOP_WS_NONCE_SIZE], QIOError **errp);
/* Whether it is one: 16 bytes in base64, in the one form that has. */
bool qiop_ws_nonce_is_valid(const char *nonce);
/* The Sec-WebSocket-Accept that answers it. */
int qiop_ws_accept(char out[QIOP_WS_ACCEPT_SIZE], const char *nonce,
                   QIOError **errp);

#endif
