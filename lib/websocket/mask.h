/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Masking of payloads, RFC 6455 §5.3, and the keys for it. */
#ifndef QIOP_WEBSOCKET_MASK_H
#define QIOP_WEBSOCKET_MASK_H

#include <stddef.h>
#include <stdint.h>
#include <qio/error.h>

#define QIOP_WS_KEY_SIZE 4

/* dst = src xor key, for bytes that begin `at` bytes into the payload. dst is
 * src, or the two do not overlap. Does the opposite too. */
void qiop_ws_mask(uint8_t *dst, const uint8_t *src, size_t len,
                  const uint8_t key[QIOP_WS_KEY_SIZE], uint64_t at);

/* Keys nobody can foresee, fetched many at a time. All zero at first. */
struct qiop_ws_keys {
    uint8_t pool[64 * QIOP_WS_KEY_SIZE];
    size_t left; /* bytes of pool not used yet */
};

/* A key that was never used before. -1: no randomness (QIO_ERROR_SYSTEM). */
int qiop_ws_keys_next(struct qiop_ws_keys *k, uint8_t key[QIOP_WS_KEY_SIZE],
                      QIOError **errp);

#endif
