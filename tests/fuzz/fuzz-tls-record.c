/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The opening side of TLS records. The first byte chooses the cipher, whether
 * the rest is a record as it comes from the network or what is inside of one
 * that the peer sealed, and how the memory is cut that it is opened into; the
 * second one who seals and who opens.
 */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include "innerseal.h"
#include "tls/record.h"

#define ROOM (QIOP_RECORD_HEADER + QIOP_RECORD_CIPHER_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* libipsec-mb where it is there, what it knows of the machine in *shared. */
static const struct qiop_aead *implementation(bool ipsecmb, void **shared)
{
#ifdef HAVE_IPSEC_MB
    static void *loaded;

    if (ipsecmb && (loaded || qiop_aead_ipsecmb.load(&loaded, NULL) == 0)) {
        *shared = loaded;
        return &qiop_aead_ipsecmb;
    }
#endif
    (void)ipsecmb;
    *shared = NULL;
    return &qiop_aead_gnutls;
}

static void set(struct qiop_record *r, unsigned cipher, bool ipsecmb)
{
    static const gnutls_cipher_algorithm_t ids[] = {
        GNUTLS_CIPHER_AES_128_GCM, GNUTLS_CIPHER_AES_256_GCM,
        GNUTLS_CIPHER_CHACHA20_POLY1305};
    uint8_t key[32] = {1, 2, 3}, iv[QIOP_RECORD_NONCE] = {4, 5, 6};
    gnutls_datum_t k = {key, cipher % 3 ? 32 : 16}, i = {iv, sizeof(iv)};

    void *shared;

    memset(r, 0, sizeof(*r));
    r->aead = implementation(ipsecmb, &shared);
    r->shared = shared;
    r->cipher = ids[cipher % 3];
    must(qiop_record_set(r, &k, &i, 7, NULL) == 0);
}

/* Memory of its own for each piece, so that a sanitizer sees their ends. */
static size_t cut(struct iovec *iov, size_t len, unsigned how)
{
    size_t n = 0;

    while (len) {
        size_t here = how ? 1 + (how * 37u + n * 101u) % 9000 : len;

        if (here > len || n + 1 == QIOP_RECORD_PIECES) {
            here = len;
        }
        iov[n].iov_base = malloc(here);
        must(iov[n].iov_base != NULL);
        iov[n++].iov_len = here;
        len -= here;
    }
    return n;
}

/* What the content must be: RFC 8446, section 5.4. */
static void check_content(const uint8_t *inner, size_t len,
                          const struct iovec *iov, size_t n, uint8_t type,
                          size_t got)
{
    static uint8_t all[QIOP_RECORD_INNER_MAX];
    struct qiop_iov_cursor c;

    while (len && !inner[len - 1]) {
        len--;
    }
    must(len > 0 && type == inner[len - 1] && got == len - 1);
    qiop_iov_cursor_init(&c, iov, n);
    must(qiop_iov_cursor_gather(&c, all, got) == got);
    while (got && type != QIOP_RECORD_DATA) {
        must(all[--got] == 0);
    }
    must(memcmp(all, inner, got) == 0);
}

static void open_one(struct qiop_record *r, const uint8_t *rec,
                     const uint8_t *inner, size_t inner_len, unsigned how)
{
    struct iovec iov[QIOP_RECORD_PIECES];
    ssize_t len = qiop_record_inner_len(rec);
    uint64_t before = r->seq;
    uint8_t type = 0;
    size_t n, i, got = 0;
    int ret;

    if (len < 0) {
        return;
    }
    n = cut(iov, (size_t)len, how);
    ret = qiop_record_open(r, rec, iov, n, &type, &got);
    if (ret == 0) {
        must(inner != NULL); /* nobody forges a tag */
        check_content(inner, inner_len, iov, n, type, got);
    } else {
        must(!inner || ret == GNUTLS_E_UNEXPECTED_PACKET);
    }
    must(r->seq == before + (ret == 0 && type == QIOP_RECORD_DATA));
    for (i = 0; i < n; i++) {
        free(iov[i].iov_base);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t rec[ROOM];
    struct qiop_record from, to;
    unsigned how, who;

    if (size < 3) {
        return 0;
    }
    how = *data++;
    who = *data++;
    size -= 2;
    set(&from, how, who & 1);
    set(&to, how, who & 2);
    if (how & 0x80) {
        memset(rec, 0, sizeof(rec));
        memcpy(rec, data, size < sizeof(rec) ? size : sizeof(rec));
        open_one(&to, rec, NULL, 0, how >> 2 & 31);
    } else if (size <= QIOP_RECORD_INNER_MAX) {
        must(innerseal(&from, data, size, rec) > 0);
        open_one(&to, rec, data, size, how >> 2 & 31);
    }
    qiop_record_clear(&from);
    qiop_record_clear(&to);
    return 0;
}
