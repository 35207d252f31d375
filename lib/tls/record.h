/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The protection of TLS 1.3 records (RFC 8446 §5): bytes in, bytes out, no
 * session. One direction of a connection is a struct qiop_record; it is not
 * locked.
 */
#ifndef QIOP_TLS_RECORD_H
#define QIOP_TLS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <qio/error.h>
#include "base/iov.h"

#define QIOP_RECORD_HEADER 5
#define QIOP_RECORD_TAG 16
#define QIOP_RECORD_NONCE 12
#define QIOP_RECORD_KEY_MAX 32
/* The most content; with the type and padding; as ciphertext (§5.1, §5.2). */
#define QIOP_RECORD_CONTENT_MAX 16384
#define QIOP_RECORD_INNER_MAX (QIOP_RECORD_CONTENT_MAX + 1)
#define QIOP_RECORD_CIPHER_MAX (QIOP_RECORD_CONTENT_MAX + 256)
/* What a record adds to its content when we seal it. */
#define QIOP_RECORD_OVERHEAD (QIOP_RECORD_HEADER + 1 + QIOP_RECORD_TAG)

/* Records under one key: §5.5 allows 2^24.5 full ones with AES-GCM. */
#define QIOP_RECORD_LIMIT (UINT64_C(1) << 24)

/* Pieces of the source or destination that a cipher is asked to walk over. */
#define QIOP_RECORD_PIECES 20

/* RFC 8446 §5.1, ContentType. */
enum {
    QIOP_RECORD_ALERT = 21,
    QIOP_RECORD_HANDSHAKE = 22,
    QIOP_RECORD_DATA = 23,
};

/* An implementation of AEAD ciphers. A context serves one direction, one
 * thread at a time. */
struct qiop_aead {
    const char *name;
    /* More pieces than this are gathered before they are sealed. */
    size_t pieces;
    /* What contexts need of the machine, to free(), in *shared. 0, -1, or 1
     * when it is the wrong one. Optional. */
    int (*load)(void **shared, QIOError **errp);
    void *(*make)(const void *shared, gnutls_cipher_algorithm_t cipher,
                  const gnutls_datum_t *key, QIOError **errp);
    /* Wipes the key. */
    void (*destroy)(void *ctx);
    /* src (`len` bytes) encrypted to dst, the tag behind it. One piece of src
     * may be dst itself. 0 or -1. */
    int (*seal)(void *ctx, const uint8_t *nonce, const uint8_t *header,
                const struct iovec *src, size_t n, size_t len, uint8_t *dst);
    /* src decrypted to dst, which holds `len` bytes; the tag is behind src.
     * 0, or -1 when the tag is wrong, whatever is in dst then. The tag is
     * compared in constant time. */
    int (*open)(void *ctx, const uint8_t *nonce, const uint8_t *header,
                const uint8_t *src, size_t len, const struct iovec *dst,
                size_t n);
};

/* GnuTLS's AEAD calls, and libipsec-mb where the library is built with it. */
extern const struct qiop_aead qiop_aead_gnutls;
extern const struct qiop_aead qiop_aead_ipsecmb;

/* gnutls_aead_cipher_init(), with one code for lack of memory. */
int qiop_aead_cipher_init(gnutls_aead_cipher_hd_t *hd,
                          gnutls_cipher_algorithm_t cipher,
                          const gnutls_datum_t *key);

/* One direction: a key and how many records it has protected. */
struct qiop_record {
    const struct qiop_aead *aead;
    const void *shared;
    void *ctx;
    gnutls_cipher_algorithm_t cipher;
    uint8_t key[QIOP_RECORD_KEY_MAX];
    size_t key_len;
    uint8_t iv[QIOP_RECORD_NONCE];
    uint64_t seq; /* of the next record */
};

/* The keys of a direction, as GnuTLS has them. Under the same key the sequence
 * number never goes back. 0 or -1. */
int qiop_record_set(struct qiop_record *r, const gnutls_datum_t *key,
                    const gnutls_datum_t *iv, uint64_t seq, QIOError **errp);
/* Wipe and free; what it was made of stays. */
void qiop_record_clear(struct qiop_record *r);

void qiop_record_nonce(const uint8_t *iv, uint64_t seq, uint8_t *nonce);

/* One record with up to `max` bytes of src, which it advances, to out; *len
 * says how long it is, at most max + QIOP_RECORD_OVERHEAD. Returns the bytes
 * taken, or -1 at the limit or when the cipher failed. */
ssize_t qiop_record_seal(struct qiop_record *r, struct qiop_iov_cursor *src,
                         size_t max, uint8_t *out, size_t *len);

/* The bytes that a record opens to, type and padding included, or a code of
 * GnuTLS. rec is a whole record with QIOP_RECORD_DATA in its header. */
ssize_t qiop_record_inner_len(const uint8_t *rec);

/* Open such a record into dst, which has exactly that many bytes. *type is
 * the inner type, *len the length of the content. 0, or a code of GnuTLS, and
 * dst is wiped. Only a record of data counts: another is left to GnuTLS, to be
 * opened under the same number. */
int qiop_record_open(struct qiop_record *r, const uint8_t *rec,
                     const struct iovec *dst, size_t n, uint8_t *type,
                     size_t *len);

#endif
