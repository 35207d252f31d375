/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of TLS 1.3 with any inner plaintext, type and padding included: what
 * a peer with the right keys may send and the library never would. */
#ifndef INNERSEAL_H
#define INNERSEAL_H

#include <string.h>
#include "tls/record.h"

#define INNERSEAL_SECRET 32 /* bytes of one, with SHA-256 */

/* HKDF-Expand-Label without context (RFC 8446 §7.1), of a secret of a cipher
 * suite with SHA-256: its "key" or "iv". 0 or a code of GnuTLS. */
static inline int innerseal_expand(const uint8_t *secret, const char *label,
                                   uint8_t *out, size_t len)
{
    uint8_t text[32] = {0, (uint8_t)len, (uint8_t)(6 + strlen(label))};
    gnutls_datum_t key = {(void *)secret, INNERSEAL_SECRET}, info = {text, 0};

    memcpy(text + 3, "tls13 ", 6);
    memcpy(text + 9, label, strlen(label));
    info.size = (unsigned)(10 + strlen(label));
    return gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &key, &info, out, len);
}

/* A record under the next number of r, which stays as it is. The record's
 * length in rec; 0 when the cipher failed. */
static inline size_t innerseal(const struct qiop_record *r,
                               const uint8_t *inner, size_t len, uint8_t *rec)
{
    uint8_t nonce[QIOP_RECORD_NONCE];
    struct iovec iov = {(void *)inner, len};
    size_t cipher = len + QIOP_RECORD_TAG;
    uint8_t header[] = {QIOP_RECORD_DATA, 3, 3, (uint8_t)(cipher >> 8),
                        (uint8_t)cipher};

    memcpy(rec, header, sizeof(header));
    qiop_record_nonce(r->iv, r->seq, nonce);
    return r->aead->seal(r->ctx, nonce, rec, &iov, 1, len,
                         rec + sizeof(header)) == 0
               ? sizeof(header) + cipher
               : 0;
}

#endif
