/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLS 1.3 record protection by itself: vectors of RFC 8448, every
 * implementation against every other, and whatever must not be accepted. */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include "engines.h"
#include "innerseal.h"
#include "qiotest.h"
#include "tls/record.h"

static const struct qiop_aead *const aeads[] = {
    &qiop_aead_gnutls,
#ifdef HAVE_IPSEC_MB
    &qiop_aead_ipsecmb,
#endif
};
#define AEADS ((int)(sizeof(aeads) / sizeof(aeads[0])))

static const struct {
    gnutls_cipher_algorithm_t id;
    unsigned key;
} ciphers[] = {
    {GNUTLS_CIPHER_AES_128_GCM, 16},
    {GNUTLS_CIPHER_AES_256_GCM, 32},
    {GNUTLS_CIPHER_CHACHA20_POLY1305, 32},
};
#define CIPHERS ((int)(sizeof(ciphers) / sizeof(ciphers[0])))

#define ROOM (QIOP_RECORD_HEADER + QIOP_RECORD_CIPHER_MAX + 1)

/* What an implementation knows of the machine, once; false: not on this one. */
static bool shared_of(const struct qiop_aead *aead, const void **shared)
{
    static void *loaded[AEADS];
    size_t i = aead == aeads[0] ? 0 : AEADS - 1;
    QIOError *err = NULL;
    int ret = 0;

    if (aead->load && !loaded[i]) {
        ret = aead->load(&loaded[i], &err);
        qiotest_ok(&err);
        ck_assert(engines_have_ipsecmb() == (ret == 0));
    }
    *shared = loaded[i];
    return ret == 0;
}

static unsigned seed = 1;

static unsigned next_random(void)
{
    seed = seed * 1103515245u + 12345u;
    return seed >> 8 & 0xffffff;
}

static bool direction(struct qiop_record *r, const struct qiop_aead *aead,
                      int cipher, uint8_t fill, uint64_t seq)
{
    uint8_t bytes[QIOP_RECORD_KEY_MAX], ivs[QIOP_RECORD_NONCE];
    gnutls_datum_t key = {bytes, ciphers[cipher].key};
    gnutls_datum_t iv = {ivs, sizeof(ivs)};
    QIOError *err = NULL;

    memset(bytes, fill, sizeof(bytes));
    memset(ivs, fill + 1, sizeof(ivs));
    memset(r, 0, sizeof(*r));
    r->aead = aead;
    r->cipher = ciphers[cipher].id;
    if (!shared_of(aead, &r->shared)) {
        return false;
    }
    ck_assert_int_eq(qiop_record_set(r, &key, &iv, seq, &err), 0);
    return true;
}

static size_t seal_one(struct qiop_record *r, const void *data, size_t len,
                       uint8_t *rec)
{
    struct iovec iov = {(void *)data, len};
    struct qiop_iov_cursor c;
    size_t size;

    qiop_iov_cursor_init(&c, &iov, 1);
    ck_assert_int_eq(
        qiop_record_seal(r, &c, QIOP_RECORD_CONTENT_MAX, rec, &size),
        (ssize_t)len);
    ck_assert_uint_eq(size, len + QIOP_RECORD_OVERHEAD);
    return size;
}

/* What the record opens to, in `out`; or a code of GnuTLS. */
static ssize_t open_one(struct qiop_record *r, const uint8_t *rec, uint8_t *out,
                        uint8_t *type)
{
    ssize_t inner = qiop_record_inner_len(rec);
    struct iovec iov = {out, inner < 0 ? 0 : (size_t)inner};
    size_t len;
    int ret;

    if (inner < 0) {
        return inner;
    }
    ret = qiop_record_open(r, rec, &iov, 1, type, &len);
    return ret < 0 ? ret : (ssize_t)len;
}

static void seal_inner(struct qiop_record *r, const uint8_t *inner, size_t len,
                       uint8_t *rec)
{
    ck_assert_uint_gt(innerseal(r, inner, len, rec), 0);
    r->seq++;
}

/* ---- known answers ---- */

/* RFC 8448, section 3: the first records of application data of each side. */
static const struct {
    uint8_t key[16], iv[12];
    uint64_t seq;
    uint8_t record[72];
} traces[] = {
    {{0x17, 0x42, 0x2d, 0xda, 0x59, 0x6e, 0xd5, 0xd9, 0xac, 0xd8, 0x90, 0xe3,
      0xc6, 0x3f, 0x50, 0x51},
     {0x5b, 0x78, 0x92, 0x3d, 0xee, 0x08, 0x57, 0x90, 0x33, 0xe5, 0x23, 0xd9},
     0,
     {0x17, 0x03, 0x03, 0x00, 0x43, 0xa2, 0x3f, 0x70, 0x54, 0xb6, 0x2c, 0x94,
      0xd0, 0xaf, 0xfa, 0xfe, 0x82, 0x28, 0xba, 0x55, 0xcb, 0xef, 0xac, 0xea,
      0x42, 0xf9, 0x14, 0xaa, 0x66, 0xbc, 0xab, 0x3f, 0x2b, 0x98, 0x19, 0xa8,
      0xa5, 0xb4, 0x6b, 0x39, 0x5b, 0xd5, 0x4a, 0x9a, 0x20, 0x44, 0x1e, 0x2b,
      0x62, 0x97, 0x4e, 0x1f, 0x5a, 0x62, 0x92, 0xa2, 0x97, 0x70, 0x14, 0xbd,
      0x1e, 0x3d, 0xea, 0xe6, 0x3a, 0xee, 0xbb, 0x21, 0x69, 0x49, 0x15, 0xe4}},
    /* The server's first record was a ticket. */
    {{0x9f, 0x02, 0x28, 0x3b, 0x6c, 0x9c, 0x07, 0xef, 0xc2, 0x6b, 0xb9, 0xf2,
      0xac, 0x92, 0xe3, 0x56},
     {0xcf, 0x78, 0x2b, 0x88, 0xdd, 0x83, 0x54, 0x9a, 0xad, 0xf1, 0xe9, 0x84},
     1,
     {0x17, 0x03, 0x03, 0x00, 0x43, 0x2e, 0x93, 0x7e, 0x11, 0xef, 0x4a, 0xc7,
      0x40, 0xe5, 0x38, 0xad, 0x36, 0x00, 0x5f, 0xc4, 0xa4, 0x69, 0x32, 0xfc,
      0x32, 0x25, 0xd0, 0x5f, 0x82, 0xaa, 0x1b, 0x36, 0xe3, 0x0e, 0xfa, 0xf9,
      0x7d, 0x90, 0xe6, 0xdf, 0xfc, 0x60, 0x2d, 0xcb, 0x50, 0x1a, 0x59, 0xa8,
      0xfc, 0xc4, 0x9c, 0x4b, 0xf2, 0xe5, 0xf0, 0xa2, 0x1c, 0x00, 0x47, 0xc2,
      0xab, 0xf3, 0x32, 0x54, 0x0d, 0xd0, 0x32, 0xe1, 0x67, 0xc2, 0x95, 0x5d}},
};

START_TEST(known_answers)
{
    gnutls_datum_t key = {(uint8_t *)traces[_i].key, 16};
    gnutls_datum_t iv = {(uint8_t *)traces[_i].iv, 12};
    uint8_t data[50], out[128], type = 0;
    int k;

    for (k = 0; k < 50; k++) {
        data[k] = (uint8_t)k;
    }
    for (k = 0; k < AEADS; k++) {
        struct qiop_record r = {.aead = aeads[k],
                                .cipher = GNUTLS_CIPHER_AES_128_GCM};

        if (!shared_of(aeads[k], &r.shared)) {
            continue;
        }
        ck_assert_int_eq(qiop_record_set(&r, &key, &iv, traces[_i].seq, NULL),
                         0);
        seal_one(&r, data, sizeof(data), out);
        ck_assert_mem_eq(out, traces[_i].record, sizeof(traces[_i].record));
        qiop_record_clear(&r);
        ck_assert_int_eq(qiop_record_set(&r, &key, &iv, traces[_i].seq, NULL),
                         0);
        ck_assert_int_eq(open_one(&r, traces[_i].record, out, &type), 50);
        ck_assert_mem_eq(out, data, sizeof(data));
        ck_assert_int_eq(type, QIOP_RECORD_DATA);
        qiop_record_clear(&r);
    }
}
END_TEST

START_TEST(nonces)
{
    static const uint8_t iv[] = {0x5d, 0x31, 0x3e, 0xb2, 0x67, 0x12,
                                 0x76, 0xee, 0x13, 0x00, 0x0b, 0x30};
    static const struct {
        uint64_t seq;
        uint8_t tail[8];
    } want[] = {
        {0, {0x67, 0x12, 0x76, 0xee, 0x13, 0x00, 0x0b, 0x30}},
        {1, {0x67, 0x12, 0x76, 0xee, 0x13, 0x00, 0x0b, 0x31}},
        {0x0102030405060708, {0x66, 0x10, 0x75, 0xea, 0x16, 0x06, 0x0c, 0x38}},
        {UINT64_MAX, {0x98, 0xed, 0x89, 0x11, 0xec, 0xff, 0xf4, 0xcf}},
    };
    uint8_t nonce[QIOP_RECORD_NONCE];
    size_t i;

    for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        qiop_record_nonce(iv, want[i].seq, nonce);
        ck_assert_mem_eq(nonce, iv, 4);
        ck_assert_mem_eq(nonce + 4, want[i].tail, 8);
    }
}
END_TEST

/* ---- one against the other ---- */

/* Cut `len` bytes into pieces, some of them empty. */
static size_t pieces(struct iovec *iov, size_t max, uint8_t *p, size_t len)
{
    size_t n = 0;

    while (len) {
        size_t here = next_random() % 7 == 0 ? 0 : 1 + next_random() % 5000;

        if (next_random() % 3 == 0) {
            here %= 40;
        }
        if (here > len || n + 1 == max) {
            here = len;
        }
        iov[n++] = (struct iovec){p, here};
        p += here;
        len -= here;
    }
    return n;
}

static void exchange(struct qiop_record *from, struct qiop_record *to)
{
    static uint8_t data[40000], rec[ROOM], out[QIOP_RECORD_INNER_MAX];
    size_t len = 1 + next_random() % sizeof(data), done = 0, size, n, got, i;
    struct iovec iov[64], dst[QIOP_RECORD_PIECES];
    struct qiop_iov_cursor c;
    uint8_t type;

    for (i = 0; i < len; i++) {
        data[i] = (uint8_t)next_random();
    }
    qiop_iov_cursor_init(&c, iov, pieces(iov, 64, data, len));
    while (c.niov) {
        size_t max = 512 + next_random() % (QIOP_RECORD_CONTENT_MAX - 511);
        size_t left = qiop_iov_cursor_left(&c);
        ssize_t taken = qiop_record_seal(from, &c, max, rec, &size);

        ck_assert_int_eq(taken, (ssize_t)(left < max ? left : max));
        ck_assert_uint_eq(size, (size_t)taken + QIOP_RECORD_OVERHEAD);
        n = pieces(dst, QIOP_RECORD_PIECES, out, (size_t)taken + 1);
        ck_assert_int_eq(qiop_record_open(to, rec, dst, n, &type, &got), 0);
        ck_assert_uint_eq(got, (size_t)taken);
        ck_assert_mem_eq(out, data + done, got);
        done += got;
    }
    ck_assert_uint_eq(done, len);
}

START_TEST(each_against_each)
{
    struct qiop_record a, b;
    int from, to, i;

    for (from = 0; from < AEADS; from++) {
        for (to = 0; to < AEADS; to++) {
            if (!direction(&a, aeads[from], _i, 7, 1000) ||
                !direction(&b, aeads[to], _i, 7, 1000)) {
                qiop_record_clear(&a);
                continue;
            }
            for (i = 0; i < 60; i++) {
                exchange(&a, &b);
            }
            ck_assert_uint_eq(a.seq, b.seq);
            qiop_record_clear(&a);
            qiop_record_clear(&b);
        }
    }
}
END_TEST

/* ---- what must not be accepted ---- */

struct fixture {
    struct qiop_record from, to;
    uint8_t rec[ROOM], out[QIOP_RECORD_CIPHER_MAX];
    uint8_t type;
};

/* _i counts through implementations and ciphers. */
static bool fixture_init(struct fixture *f, int i)
{
    memset(f, 0, sizeof(*f));
    if (!direction(&f->from, aeads[i / CIPHERS], i % CIPHERS, 3, 0)) {
        return false;
    }
    ck_assert(direction(&f->to, aeads[i / CIPHERS], i % CIPHERS, 3, 0));
    return true;
}

static void fixture_free(struct fixture *f)
{
    qiop_record_clear(&f->from);
    qiop_record_clear(&f->to);
}

static bool all_zero(const uint8_t *p, size_t len)
{
    while (len && !*p) {
        p++;
        len--;
    }
    return !len;
}

START_TEST(tampered)
{
    struct fixture f;
    size_t size, i;

    if (!fixture_init(&f, _i)) {
        return;
    }
    size = seal_one(&f.from, "The quick brown fox", 19, f.rec);
    for (i = 0; i < 8 * size; i++) {
        size_t at = i / 8;
        ssize_t n;

        f.rec[at] ^= (uint8_t)(1u << i % 8);
        memset(f.out, 0xee, sizeof(f.out));
        n = open_one(&f.to, f.rec, f.out, &f.type);
        if (at == 3 || at == 4) {
            ck_assert_int_lt(n, 0);
        } else {
            ck_assert_int_eq(n, GNUTLS_E_DECRYPTION_FAILED);
            /* Nothing unauthenticated is left behind. */
            ck_assert(all_zero(f.out, 20));
        }
        f.rec[at] ^= (uint8_t)(1u << i % 8);
    }
    /* None of that counted. */
    ck_assert_int_eq(open_one(&f.to, f.rec, f.out, &f.type), 19);
    ck_assert_mem_eq(f.out, "The quick brown fox", 19);
    fixture_free(&f);
}
END_TEST

START_TEST(replayed_and_reordered)
{
    uint8_t first[64], second[64];
    struct fixture f;

    if (!fixture_init(&f, _i)) {
        return;
    }
    seal_one(&f.from, "first", 5, first);
    seal_one(&f.from, "second", 6, second);
    ck_assert_int_eq(open_one(&f.to, second, f.out, &f.type),
                     GNUTLS_E_DECRYPTION_FAILED);
    ck_assert_int_eq(open_one(&f.to, first, f.out, &f.type), 5);
    ck_assert_int_eq(open_one(&f.to, first, f.out, &f.type),
                     GNUTLS_E_DECRYPTION_FAILED);
    ck_assert_int_eq(open_one(&f.to, second, f.out, &f.type), 6);
    fixture_free(&f);
}
END_TEST

START_TEST(truncated)
{
    struct fixture f;
    size_t size, len;

    if (!fixture_init(&f, _i)) {
        return;
    }
    size = seal_one(&f.from, "The quick brown fox", 19, f.rec);
    for (len = 0; len < size - QIOP_RECORD_HEADER; len++) {
        f.rec[4] = (uint8_t)len;
        ck_assert_int_eq(open_one(&f.to, f.rec, f.out, &f.type),
                         GNUTLS_E_DECRYPTION_FAILED);
    }
    fixture_free(&f);
}
END_TEST

START_TEST(sizes)
{
    static uint8_t inner[QIOP_RECORD_INNER_MAX + 1];
    struct fixture f;

    if (!fixture_init(&f, _i)) {
        return;
    }
    /* No content at all, and only padding beside the type. */
    memset(inner, 0, sizeof(inner));
    inner[0] = QIOP_RECORD_DATA;
    seal_inner(&f.from, inner, 1, f.rec);
    ck_assert_int_eq(open_one(&f.to, f.rec, f.out, &f.type), 0);
    seal_inner(&f.from, inner, 300, f.rec);
    ck_assert_int_eq(open_one(&f.to, f.rec, f.out, &f.type), 0);
    ck_assert_int_eq(f.type, QIOP_RECORD_DATA);
    /* As much as there may be, with and without padding. */
    memset(inner, 'x', QIOP_RECORD_CONTENT_MAX);
    inner[QIOP_RECORD_CONTENT_MAX] = QIOP_RECORD_DATA;
    seal_inner(&f.from, inner, QIOP_RECORD_INNER_MAX, f.rec);
    ck_assert_int_eq(open_one(&f.to, f.rec, f.out, &f.type),
                     QIOP_RECORD_CONTENT_MAX);
    ck_assert_mem_eq(f.out, inner, QIOP_RECORD_CONTENT_MAX);
    inner[100] = QIOP_RECORD_DATA;
    memset(inner + 101, 0, QIOP_RECORD_INNER_MAX - 101);
    seal_inner(&f.from, inner, QIOP_RECORD_INNER_MAX, f.rec);
    ck_assert_int_eq(open_one(&f.to, f.rec, f.out, &f.type), 100);
    /* One more. */
    seal_inner(&f.from, inner, QIOP_RECORD_INNER_MAX + 1, f.rec);
    ck_assert_int_eq(open_one(&f.to, f.rec, f.out, &f.type),
                     GNUTLS_E_RECORD_OVERFLOW);
    f.rec[3] = (QIOP_RECORD_CIPHER_MAX + 1) >> 8;
    f.rec[4] = (QIOP_RECORD_CIPHER_MAX + 1) & 0xff;
    ck_assert_int_eq(open_one(&f.to, f.rec, f.out, &f.type),
                     GNUTLS_E_RECORD_OVERFLOW);
    fixture_free(&f);
}
END_TEST

/* Records that are no data are for GnuTLS, under the same number, and leave
 * nothing in the caller's memory. */
START_TEST(types)
{
    uint8_t inner[9] = "12345678";
    struct fixture f;
    int type;

    if (!fixture_init(&f, _i)) {
        return;
    }
    for (type = 1; type < 256; type++) {
        if (type == QIOP_RECORD_DATA) {
            continue;
        }
        inner[8] = (uint8_t)type;
        f.from.seq = 0;
        seal_inner(&f.from, inner, sizeof(inner), f.rec);
        ck_assert_int_eq(open_one(&f.to, f.rec, f.out, &f.type), 8);
        ck_assert_int_eq(f.type, type);
        ck_assert_uint_eq(f.to.seq, 0);
        ck_assert(all_zero(f.out, sizeof(inner)));
    }
    memset(inner, 0, sizeof(inner));
    f.from.seq = 0;
    seal_inner(&f.from, inner, sizeof(inner), f.rec);
    ck_assert_int_eq(open_one(&f.to, f.rec, f.out, &f.type),
                     GNUTLS_E_UNEXPECTED_PACKET);
    fixture_free(&f);
}
END_TEST

/* ---- numbers ---- */

START_TEST(limits)
{
    struct iovec iov = {(void *)"data", 4};
    struct qiop_iov_cursor c;
    struct qiop_record r;
    uint8_t rec[64], out[64], type;
    size_t size;

    ck_assert(direction(&r, &qiop_aead_gnutls, 0, 1, QIOP_RECORD_LIMIT - 1));
    seal_one(&r, "data", 4, rec);
    qiop_iov_cursor_init(&c, &iov, 1);
    ck_assert_int_eq(qiop_record_seal(&r, &c, 100, rec, &size), -1);
    ck_assert_uint_eq(r.seq, QIOP_RECORD_LIMIT);
    qiop_record_clear(&r);
    ck_assert_int_eq(qiop_record_seal(&r, &c, 100, rec, &size), -1);
    ck_assert_int_eq(open_one(&r, rec, out, &type),
                     GNUTLS_E_RECORD_LIMIT_REACHED);
    ck_assert(direction(&r, &qiop_aead_gnutls, 0, 1, UINT64_MAX));
    ck_assert_int_eq(open_one(&r, rec, out, &type),
                     GNUTLS_E_RECORD_LIMIT_REACHED);
    qiop_record_clear(&r);
}
END_TEST

/* A number never goes back under a key, and a new key begins where it is told
 * to. */
START_TEST(keys)
{
    uint8_t bytes[16] = {1}, ivs[12] = {2};
    gnutls_datum_t key = {bytes, 16}, iv = {ivs, 12};
    struct qiop_record r = {.aead = &qiop_aead_gnutls,
                            .cipher = GNUTLS_CIPHER_AES_128_GCM};
    QIOError *err = NULL;

    ck_assert_int_eq(qiop_record_set(&r, &key, &iv, 5, &err), 0);
    ck_assert_int_eq(qiop_record_set(&r, &key, &iv, 5, &err), 0);
    ck_assert_int_eq(qiop_record_set(&r, &key, &iv, 9, &err), 0);
    ck_assert_int_eq(qiop_record_set(&r, &key, &iv, 8, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS);
    ck_assert_uint_eq(r.seq, 9);
    bytes[3] = 7;
    ck_assert_int_eq(qiop_record_set(&r, &key, &iv, 0, &err), 0);
    ck_assert_uint_eq(r.seq, 0);
    iv.size = 8;
    ck_assert_int_eq(qiop_record_set(&r, &key, &iv, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS);
    qiop_record_clear(&r);
    ck_assert(all_zero(r.key, sizeof(r.key)) && all_zero(r.iv, sizeof(r.iv)));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-record");
    TCase *tc = qiotest_case(s, "record");
    const int all = AEADS * CIPHERS;

    tcase_add_loop_test(tc, known_answers, 0, 2);
    tcase_add_test(tc, nonces);
    tcase_add_loop_test(tc, each_against_each, 0, CIPHERS);
    tcase_add_loop_test(tc, tampered, 0, all);
    tcase_add_loop_test(tc, replayed_and_reordered, 0, all);
    tcase_add_loop_test(tc, truncated, 0, all);
    tcase_add_loop_test(tc, sizes, 0, all);
    tcase_add_loop_test(tc, types, 0, all);
    tcase_add_test(tc, limits);
    tcase_add_test(tc, keys);
    return qiotest_main(s);
}
