/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A record of TLS 1.3 with any inner plaintext, type and padding included: what
 * a peer with the right keys may send and the library never would. */
#ifndef INNERSEAL_H
#define INNERSEAL_H

#include <string.h>
#include "tls/record.h"

/* Under the next number of r, which stays as it is. The record's length in rec;
 * 0 when the cipher failed. */
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
