/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record engine that encrypts with libipsec-mb, which has AES-GCM and
 * ChaCha20-Poly1305 for the widest vectors of the CPU. */
#include <config.h>
#include "tls/record.h"

#ifdef HAVE_IPSEC_MB
#include <stdlib.h>
#include <string.h>
#include <intel-ipsec-mb.h>

#define ALIGNMENT 64

/* What is called for one cipher. */
struct calls {
    aes_gcm_pre_t gcm_key;
    aes_gcm_init_t gcm_init;
    aes_gcm_enc_dec_update_t gcm_seal, gcm_open;
    aes_gcm_enc_dec_finalize_t gcm_seal_end, gcm_open_end;
    chacha_poly_init_t chacha_init;
    chacha_poly_enc_dec_update_t chacha_seal, chacha_open;
    chacha_poly_finalize_t chacha_end;
};

/* All that is wanted of the library's manager, which is large and takes time
 * to make. */
struct table {
    struct calls aes128, aes256, chacha20;
};

struct ipsecmb {
    union {
        struct gcm_key_data gcm_key;
        uint8_t chacha_key[QIOP_RECORD_KEY_MAX];
    };
    union {
        struct gcm_context_data gcm;
        struct chacha20_poly1305_context_data chacha;
    };
    struct calls call;
    bool is_chacha;
};

static void fill(struct table *t, const IMB_MGR *m)
{
    t->aes128 = (struct calls){
        .gcm_key = m->gcm128_pre,
        .gcm_init = m->gcm128_init,
        .gcm_seal = m->gcm128_enc_update,
        .gcm_seal_end = m->gcm128_enc_finalize,
        .gcm_open = m->gcm128_dec_update,
        .gcm_open_end = m->gcm128_dec_finalize,
    };
    t->aes256 = (struct calls){
        .gcm_key = m->gcm256_pre,
        .gcm_init = m->gcm256_init,
        .gcm_seal = m->gcm256_enc_update,
        .gcm_seal_end = m->gcm256_enc_finalize,
        .gcm_open = m->gcm256_dec_update,
        .gcm_open_end = m->gcm256_dec_finalize,
    };
    t->chacha20 = (struct calls){
        .chacha_init = m->chacha20_poly1305_init,
        .chacha_seal = m->chacha20_poly1305_enc_update,
        .chacha_open = m->chacha20_poly1305_dec_update,
        .chacha_end = m->chacha20_poly1305_finalize,
    };
}

/* Whether there are AES instructions, and the library's own test went well. */
static bool fit(IMB_MGR *mgr)
{
    const uint64_t needed = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
    bool tested = true;

#ifdef IMB_FEATURE_SELF_TEST
    tested = !(mgr->features & IMB_FEATURE_SELF_TEST) ||
             (mgr->features & IMB_FEATURE_SELF_TEST_PASS);
#endif
    return tested && (mgr->features & needed) == needed &&
           imb_get_errno(mgr) == 0;
}

static int load(void **shared, QIOError **errp)
{
    IMB_MGR *mgr = alloc_mb_mgr(0);
    struct table *t = malloc(sizeof(*t));
    IMB_ARCH arch;
    int ret = -1;

    if (!mgr || !t) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        goto out;
    }
    init_mb_mgr_auto(mgr, &arch);
    ret = fit(mgr) ? 0 : 1;
    if (ret == 0) {
        fill(t, mgr);
        *shared = t;
        t = NULL;
    }
out:
    free(t);
    if (mgr) {
        free_mb_mgr(mgr);
    }
    return ret;
}

static const struct calls *calls_for(const struct table *t,
                                     gnutls_cipher_algorithm_t cipher)
{
    switch (cipher) {
    case GNUTLS_CIPHER_AES_128_GCM:
        return &t->aes128;
    case GNUTLS_CIPHER_AES_256_GCM:
        return &t->aes256;
    default:
        return &t->chacha20;
    }
}

static void *make(const void *shared, gnutls_cipher_algorithm_t cipher,
                  const gnutls_datum_t *key, QIOError **errp)
{
    const size_t size =
        (sizeof(struct ipsecmb) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct ipsecmb *c = aligned_alloc(ALIGNMENT, size);

    if (!c) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    memset(c, 0, size);
    c->call = *calls_for(shared, cipher);
    c->is_chacha = !c->call.gcm_key;
    if (c->is_chacha) {
        memcpy(c->chacha_key, key->data, key->size);
    } else {
        c->call.gcm_key(key->data, &c->gcm_key);
    }
    return c;
}

static void destroy(void *ctx)
{
    explicit_bzero(ctx, sizeof(struct ipsecmb));
    free(ctx);
}

static void begin(struct ipsecmb *c, const uint8_t *nonce,
                  const uint8_t *header)
{
    if (c->is_chacha) {
        c->call.chacha_init(c->chacha_key, &c->chacha, nonce, header,
                            QIOP_RECORD_HEADER);
    } else {
        c->call.gcm_init(&c->gcm_key, &c->gcm, nonce, header,
                         QIOP_RECORD_HEADER);
    }
}

static int seal(void *ctx, const uint8_t *nonce, const uint8_t *header,
                const struct iovec *src, size_t n, size_t len, uint8_t *dst)
{
    struct ipsecmb *c = ctx;
    size_t i;

    begin(c, nonce, header);
    for (i = 0; i < n; i++) {
        if (c->is_chacha) {
            c->call.chacha_seal(c->chacha_key, &c->chacha, dst, src[i].iov_base,
                                src[i].iov_len);
        } else {
            c->call.gcm_seal(&c->gcm_key, &c->gcm, dst, src[i].iov_base,
                             src[i].iov_len);
        }
        dst += src[i].iov_len;
    }
    if (c->is_chacha) {
        c->call.chacha_end(&c->chacha, dst, QIOP_RECORD_TAG);
    } else {
        c->call.gcm_seal_end(&c->gcm_key, &c->gcm, dst, QIOP_RECORD_TAG);
    }
    (void)len;
    return 0;
}

static int open_record(void *ctx, const uint8_t *nonce, const uint8_t *header,
                       const uint8_t *src, size_t len, const struct iovec *dst,
                       size_t n)
{
    struct ipsecmb *c = ctx;
    uint8_t tag[QIOP_RECORD_TAG];
    const uint8_t *from = src;
    size_t i;

    begin(c, nonce, header);
    for (i = 0; i < n; i++) {
        if (c->is_chacha) {
            c->call.chacha_open(c->chacha_key, &c->chacha, dst[i].iov_base,
                                from, dst[i].iov_len);
        } else {
            c->call.gcm_open(&c->gcm_key, &c->gcm, dst[i].iov_base, from,
                             dst[i].iov_len);
        }
        from += dst[i].iov_len;
    }
    if (c->is_chacha) {
        c->call.chacha_end(&c->chacha, tag, sizeof(tag));
    } else {
        c->call.gcm_open_end(&c->gcm_key, &c->gcm, tag, sizeof(tag));
    }
    return gnutls_memcmp(tag, src + len, sizeof(tag)) == 0 ? 0 : -1;
}

const struct qiop_aead qiop_aead_ipsecmb = {
    .name = "ipsec-mb",
    .pieces = 16,
    .load = load,
    .make = make,
    .destroy = destroy,
    .seal = seal,
    .open = open_record,
};
#endif
