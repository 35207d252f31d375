/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Masking of payloads at the speed of memory. */
#include <config.h>
#include "websocket/mask.h"

#include <string.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

/* Bytes per round: eight words, which compilers turn into vector registers. */
#define BLOCK 64

static void mask_block(uint8_t *dst, const uint8_t *src, uint64_t word)
{
    uint64_t w[BLOCK / sizeof(word)];

    /* Through memcpy(), for neither side need be aligned. */
    memcpy(w, src, BLOCK);
    for (size_t i = 0; i < BLOCK / sizeof(word); i++) {
        w[i] ^= word;
    }
    memcpy(dst, w, BLOCK);
}

void qiop_ws_mask(uint8_t *dst, const uint8_t *src, size_t len,
                  const uint8_t key[QIOP_WS_KEY_SIZE], uint64_t at)
{
    uint8_t turned[sizeof(uint64_t)];
    uint64_t word;
    size_t i = 0;

    for (size_t k = 0; k < sizeof(turned); k++) {
        turned[k] = key[(at + k) % QIOP_WS_KEY_SIZE];
    }
    memcpy(&word, turned, sizeof(word));
    for (; len - i >= BLOCK; i += BLOCK) {
        mask_block(dst + i, src + i, word);
    }
    for (; i < len; i++) {
        dst[i] = src[i] ^ turned[i % sizeof(turned)];
    }
}

int qiop_ws_keys_next(struct qiop_ws_keys *k, uint8_t key[QIOP_WS_KEY_SIZE],
                      QIOError **errp)
{
    int rc;

    if (k->left < QIOP_WS_KEY_SIZE) {
        rc = gnutls_rnd(GNUTLS_RND_RANDOM, k->pool, sizeof(k->pool));
        if (rc < 0) {
            qio_error_set_tls(errp, QIO_ERROR_SYSTEM, rc,
                              "no random bytes for a masking key: %s",
                              gnutls_strerror(rc));
            return -1;
        }
        k->left = sizeof(k->pool);
    }
    k->left -= QIOP_WS_KEY_SIZE;
    memcpy(key, k->pool + k->left, QIOP_WS_KEY_SIZE);
    return 0;
}
