/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record engine that encrypts with GnuTLS's AEAD calls. */
#include <config.h>
#include "tls/record.h"

#include <errno.h>
#include <string.h>

int qiop_aead_cipher_init(gnutls_aead_cipher_hd_t *hd,
                          gnutls_cipher_algorithm_t cipher,
                          const gnutls_datum_t *key)
{
    int ret;

    errno = 0;
    ret = gnutls_aead_cipher_init(hd, cipher, key);
    return ret < 0 && errno == ENOMEM ? GNUTLS_E_MEMORY_ERROR : ret;
}

static void *make(const void *shared, gnutls_cipher_algorithm_t cipher,
                  const gnutls_datum_t *key, QIOError **errp)
{
    gnutls_aead_cipher_hd_t hd;
    int ret = qiop_aead_cipher_init(&hd, cipher, key);

    (void)shared;
    if (ret < 0) {
        qio_error_set_tls(
            errp,
            ret == GNUTLS_E_MEMORY_ERROR ? QIO_ERROR_NOMEM : QIO_ERROR_TLS, ret,
            "cannot use the record keys: %s", gnutls_strerror(ret));
        return NULL;
    }
    return hd;
}

static void destroy(void *ctx)
{
    gnutls_aead_cipher_deinit(ctx);
}

static int seal(void *ctx, const uint8_t *nonce, const uint8_t *header,
                const struct iovec *src, size_t n, size_t len, uint8_t *dst)
{
    const giovec_t aad = {(void *)header, QIOP_RECORD_HEADER};
    size_t size = QIOP_RECORD_TAG;

    if (n == 1 && src->iov_base == dst) {
        return gnutls_aead_cipher_encryptv2(ctx, nonce, QIOP_RECORD_NONCE, &aad,
                                            1, src, 1, dst + len, &size);
    }
    size = len + QIOP_RECORD_TAG;
    return gnutls_aead_cipher_encryptv(ctx, nonce, QIOP_RECORD_NONCE, &aad, 1,
                                       QIOP_RECORD_TAG, src, (int)n, dst,
                                       &size);
}

static int open_record(void *ctx, const uint8_t *nonce, const uint8_t *header,
                       const uint8_t *src, size_t len, const struct iovec *dst,
                       size_t n)
{
    const giovec_t aad = {(void *)header, QIOP_RECORD_HEADER};
    const uint8_t *from = src;
    size_t size = len, i;

    if (n == 1) {
        return gnutls_aead_cipher_decrypt(
            ctx, nonce, QIOP_RECORD_NONCE, header, QIOP_RECORD_HEADER,
            QIOP_RECORD_TAG, src, len + QIOP_RECORD_TAG, dst->iov_base, &size);
    }
    for (i = 0; i < n; i++) {
        memcpy(dst[i].iov_base, from, dst[i].iov_len);
        from += dst[i].iov_len;
    }
    return gnutls_aead_cipher_decryptv2(ctx, nonce, QIOP_RECORD_NONCE, &aad, 1,
                                        dst, (int)n, (void *)(src + len),
                                        QIOP_RECORD_TAG);
}

const struct qiop_aead qiop_aead_gnutls = {
    .name = "aead",
    .pieces = 1,
    .make = make,
    .destroy = destroy,
    .seal = seal,
    .open = open_record,
};
