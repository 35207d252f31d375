/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Masking of payloads at the speed of memory. */
#include <config.h>
#include "websocket/mask.h"

#include <string.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

/* A vector register where there are such, else what replaces it. */
typedef uint64_t vec __attribute__((vector_size(16)));

/* Bytes per round: a cache line. */
#define BLOCK (4 * sizeof(vec))
/* From so much on it pays to begin at a cache line. */
#define LARGE 1024

static vec load(const uint8_t *p)
{
    vec v;

    /* Neither side need be aligned. */
    memcpy(&v, p, sizeof(v));
    return v;
}

static void store(uint8_t *p, vec v)
{
    memcpy(p, &v, sizeof(v));
}

static void mask_block(uint8_t *dst, const uint8_t *src, vec key)
{
    vec a = load(src) ^ key;
    vec b = load(src + sizeof(vec)) ^ key;
    vec c = load(src + 2 * sizeof(vec)) ^ key;
    vec d = load(src + 3 * sizeof(vec)) ^ key;

    store(dst, a);
    store(dst + sizeof(vec), b);
    store(dst + 2 * sizeof(vec), c);
    store(dst + 3 * sizeof(vec), d);
}

static void mask_words(uint8_t *dst, const uint8_t *src, size_t len,
                       const uint8_t key[QIOP_WS_KEY_SIZE], uint64_t at)
{
    uint8_t turned[sizeof(vec)];
    size_t i = 0;
    vec word;

    for (size_t k = 0; k < sizeof(turned); k++) {
        turned[k] = key[(at + k) % QIOP_WS_KEY_SIZE];
    }
    word = load(turned);
    for (; len - i >= BLOCK; i += BLOCK) {
        mask_block(dst + i, src + i, word);
    }
    for (; len - i >= sizeof(vec); i += sizeof(vec)) {
        store(dst + i, load(src + i) ^ word);
    }
    for (; i < len; i++) {
        dst[i] = src[i] ^ turned[i % sizeof(turned)];
    }
}

void qiop_ws_mask(uint8_t *dst, const uint8_t *src, size_t len,
                  const uint8_t key[QIOP_WS_KEY_SIZE], uint64_t at)
{
    size_t head = 0;

    /* Stores that cross cache lines take half the speed. */
    if (len >= LARGE) {
        head = -(uintptr_t)dst % BLOCK;
        mask_words(dst, src, head, key, at);
    }
    mask_words(dst + head, src + head, len - head, key, at + head);
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
