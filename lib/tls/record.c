/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TLS 1.3 record protection (RFC 8446 §5).
 *
 * Why a nonce is never used twice under a key. The nonce is the key's IV and
 * the record's sequence number, injective in the latter for numbers below
 * 2^64. So it is enough that a sending direction never sees a number twice:
 *
 * - The number is raised in one place, seal_number(), before anything is
 *   encrypted with it; a record that then fails has used it up. It does not
 *   wrap, for nothing is sealed from QIOP_RECORD_LIMIT on.
 * - It is set in one place, qiop_record_set(): with a key that is new, or to a
 *   number that is not below the one reached.
 * - GnuTLS has the same key and sends control messages with it. It is told our
 *   number before it may send (lend() in engine-record.c), and we take its
 *   number back afterwards, all in one critical section of the lock that
 *   sealing needs. Outside such a section nothing that GnuTLS pushes is
 *   accepted (push() in session.c), so a record of its own under a number of
 *   ours cannot leave.
 * - The keys are given up only in the same way, together with the number.
 * - No copy of the key seals anywhere else: each direction has one context.
 *
 * A new key comes from the key schedule of GnuTLS, which never goes back.
 */
#include <config.h>
#include "tls/record.h"

#include <string.h>

/* ---- keys ---- */

static bool same_keys(const struct qiop_record *r, const gnutls_datum_t *key,
                      const gnutls_datum_t *iv)
{
    return r->ctx && r->key_len == key->size &&
           gnutls_memcmp(r->key, key->data, key->size) == 0 &&
           gnutls_memcmp(r->iv, iv->data, iv->size) == 0;
}

int qiop_record_set(struct qiop_record *r, const gnutls_datum_t *key,
                    const gnutls_datum_t *iv, uint64_t seq, QIOError **errp)
{
    if (iv->size != QIOP_RECORD_NONCE || key->size > QIOP_RECORD_KEY_MAX) {
        qio_error_set(errp, QIO_ERROR_TLS, 0, "record keys of unknown size");
        return -1;
    }
    if (same_keys(r, key, iv)) {
        if (seq < r->seq) {
            qio_error_set(errp, QIO_ERROR_TLS, 0,
                          "a record number would be used twice");
            return -1;
        }
        r->seq = seq;
        return 0;
    }
    qiop_record_clear(r);
    r->ctx = r->aead->make(r->shared, r->cipher, key, errp);
    if (!r->ctx) {
        return -1;
    }
    memcpy(r->key, key->data, key->size);
    r->key_len = key->size;
    memcpy(r->iv, iv->data, iv->size);
    r->seq = seq;
    return 0;
}

void qiop_record_clear(struct qiop_record *r)
{
    if (r->ctx) {
        r->aead->destroy(r->ctx);
        r->ctx = NULL;
    }
    explicit_bzero(r->key, sizeof(r->key));
    explicit_bzero(r->iv, sizeof(r->iv));
    r->key_len = 0;
    r->seq = 0;
}

/* §5.3 */
void qiop_record_nonce(const uint8_t *iv, uint64_t seq, uint8_t *nonce)
{
    int i;

    memcpy(nonce, iv, QIOP_RECORD_NONCE);
    for (i = 0; i < 8; i++) {
        nonce[QIOP_RECORD_NONCE - 1 - i] ^= (uint8_t)(seq >> (8 * i));
    }
}

/* ---- sealing ---- */

/* The nonce of the next record, which is thereby used up. */
static int seal_number(struct qiop_record *r, uint8_t *nonce)
{
    if (!r->ctx || r->seq >= QIOP_RECORD_LIMIT) {
        return -1;
    }
    qiop_record_nonce(r->iv, r->seq++, nonce);
    return 0;
}

static size_t put_header(uint8_t *out, size_t inner)
{
    size_t len = inner + QIOP_RECORD_TAG;

    out[0] = QIOP_RECORD_DATA;
    out[1] = 3;
    out[2] = 3;
    out[3] = (uint8_t)(len >> 8);
    out[4] = (uint8_t)len;
    return QIOP_RECORD_HEADER + len;
}

ssize_t qiop_record_seal(struct qiop_record *r, struct qiop_iov_cursor *src,
                         size_t max, uint8_t *out, size_t *len)
{
    static const uint8_t data_type = QIOP_RECORD_DATA;
    uint8_t nonce[QIOP_RECORD_NONCE], *body = out + QIOP_RECORD_HEADER;
    struct iovec iov[QIOP_RECORD_PIECES + 1];
    size_t n, taken;

    if (seal_number(r, nonce)) {
        return -1;
    }
    n = qiop_iov_cursor_slice(src, iov, r->aead->pieces, max);
    taken = qiop_iov_size(iov, n);
    if (taken < max && n == r->aead->pieces) {
        /* Perhaps not all: gather, and encrypt in place. */
        taken = qiop_iov_cursor_gather(src, body, max);
        body[taken] = data_type;
        iov[0] = (struct iovec){body, taken + 1};
        n = 1;
    } else {
        qiop_iov_cursor_advance(src, taken);
        iov[n++] = (struct iovec){(void *)&data_type, 1};
    }
    *len = put_header(out, taken + 1);
    return r->aead->seal(r->ctx, nonce, out, iov, n, taken + 1, body)
               ? -1
               : (ssize_t)taken;
}

/* ---- opening ---- */

ssize_t qiop_record_inner_len(const uint8_t *rec)
{
    size_t len = (size_t)rec[3] << 8 | rec[4];

    if (len > QIOP_RECORD_CIPHER_MAX) {
        return GNUTLS_E_RECORD_OVERFLOW;
    }
    if (len < QIOP_RECORD_TAG + 1) {
        return GNUTLS_E_DECRYPTION_FAILED;
    }
    len -= QIOP_RECORD_TAG;
    return len > QIOP_RECORD_INNER_MAX ? GNUTLS_E_RECORD_OVERFLOW
                                       : (ssize_t)len;
}

/* The type is the last byte that is not zero, the content what precedes it:
 * §5.4. */
static int strip(const struct iovec *dst, size_t n, uint8_t *type, size_t *len)
{
    size_t left = qiop_iov_size(dst, n);

    while (n-- > 0) {
        const uint8_t *p = dst[n].iov_base;
        size_t i;

        for (i = dst[n].iov_len; i > 0; i--) {
            left--;
            if (p[i - 1]) {
                *type = p[i - 1];
                *len = left;
                return 0;
            }
        }
    }
    return GNUTLS_E_UNEXPECTED_PACKET;
}

static void wipe(const struct iovec *dst, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        explicit_bzero(dst[i].iov_base, dst[i].iov_len);
    }
}

int qiop_record_open(struct qiop_record *r, const uint8_t *rec,
                     const struct iovec *dst, size_t n, uint8_t *type,
                     size_t *len)
{
    ssize_t inner = qiop_record_inner_len(rec);
    uint8_t nonce[QIOP_RECORD_NONCE];
    int ret;

    if (inner < 0) {
        return (int)inner;
    }
    if (!r->ctx || r->seq == UINT64_MAX) {
        return GNUTLS_E_RECORD_LIMIT_REACHED;
    }
    qiop_record_nonce(r->iv, r->seq, nonce);
    if (r->aead->open(r->ctx, nonce, rec, rec + QIOP_RECORD_HEADER,
                      (size_t)inner, dst, n)) {
        wipe(dst, n);
        return GNUTLS_E_DECRYPTION_FAILED;
    }
    ret = strip(dst, n, type, len);
    if (ret < 0 || *type != QIOP_RECORD_DATA) {
        wipe(dst, n);
        return ret;
    }
    r->seq++;
    return 0;
}
