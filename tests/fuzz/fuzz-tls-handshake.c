/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The handshake of a session whose peer has the keys of it and does with them
 * what the input says: messages in any number of records, something behind
 * them, records of anything between them, in clear and encrypted, messages
 * changed. With the same messages in other records it must succeed, with one
 * changed it must not.
 */
#include <config.h>
#include <string.h>
#include "fuzz-tls.h"
#include "innerseal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    struct qiop_tls_session *peer, *victim;
    const uint8_t *data; /* the input, what is left of it */
    size_t size;
    struct qiop_queue flight; /* what the peer has said, not forwarded yet */
    uint8_t secrets[2][INNERSEAL_SECRET]; /* of the handshake: client, server */
    bool known[2];
    struct qiop_record from; /* the peer's keys, as it uses them ... */
    struct qiop_record to;   /* ... and as we do */
    uint8_t text[QIOP_RECORD_INNER_MAX]; /* of a record of its, opened */
    size_t len, off;
    size_t own; /* so much of it the peer has said */
    uint8_t type;
    bool clear;   /* that was not encrypted */
    bool touched; /* and is not as it was */
    bool disturbed, changed;
    int peer_ret, ret;
} w;

static unsigned byte(void)
{
    if (!w.size) {
        return 0;
    }
    w.size--;
    return *w.data++;
}

/* ---- two sessions ---- */

static int keep_secret(gnutls_session_t tls, const char *label,
                       const gnutls_datum_t *secret)
{
    int who = label[0] == 'S';

    (void)tls;
    if (strstr(label, "_HANDSHAKE_TRAFFIC_SECRET")) {
        must(secret->size == INNERSEAL_SECRET);
        memcpy(w.secrets[who], secret->data, INNERSEAL_SECRET);
        w.known[who] = true;
    }
    return 0;
}

static bool have_keys(void)
{
    int who = w.peer->server;
    uint8_t key[16], iv[QIOP_RECORD_NONCE];
    gnutls_datum_t k = {key, sizeof(key)}, i = {iv, sizeof(iv)};

    if (!w.known[who] || w.from.ctx) {
        return w.known[who];
    }
    must(innerseal_expand(w.secrets[who], "key", key, sizeof(key)) == 0);
    must(innerseal_expand(w.secrets[who], "iv", iv, sizeof(iv)) == 0);
    w.from.aead = w.to.aead = &qiop_aead_gnutls;
    w.from.cipher = w.to.cipher = GNUTLS_CIPHER_AES_128_GCM;
    must(qiop_record_set(&w.from, &k, &i, 0, NULL) == 0);
    must(qiop_record_set(&w.to, &k, &i, 0, NULL) == 0);
    return true;
}

/* ---- records ---- */

static void give_clear(uint8_t type, const uint8_t *data, size_t len)
{
    uint8_t header[] = {type, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};

    fuzz_tls_give(w.victim, header, sizeof(header));
    fuzz_tls_give(w.victim, data, len);
}

static void give_sealed(uint8_t type, const uint8_t *data, size_t len,
                        size_t padding)
{
    static uint8_t inner[QIOP_RECORD_INNER_MAX + 256];
    static uint8_t rec[sizeof(inner) + QIOP_RECORD_OVERHEAD];
    size_t size;

    memcpy(inner, data, len);
    inner[len] = type;
    memset(inner + len + 1, 0, padding);
    size = innerseal(&w.to, inner, len + 1 + padding, rec);
    must(size > 0);
    w.to.seq++;
    fuzz_tls_give(w.victim, rec, size);
}

/* The peer's next record, opened. */
static bool fetch(void)
{
    size_t have, size;
    const uint8_t *p = qiop_queue_peek(&w.flight, &have);
    struct iovec iov = {w.text, 0};
    ssize_t inner;

    if (w.off < w.len) {
        return true;
    }
    if (have < QIOP_RECORD_HEADER) {
        return false;
    }
    w.off = 0;
    w.touched = false;
    w.len = (size_t)p[3] << 8 | p[4];
    size = QIOP_RECORD_HEADER + w.len;
    must(have >= size && w.len <= sizeof(w.text));
    w.type = p[0];
    w.clear = p[0] != QIOP_RECORD_DATA;
    if (w.clear) {
        memcpy(w.text, p + QIOP_RECORD_HEADER, w.len);
    } else {
        uint8_t nonce[QIOP_RECORD_NONCE];

        must(have_keys());
        inner = qiop_record_inner_len(p);
        must(inner > 0);
        iov.iov_len = (size_t)inner;
        qiop_record_nonce(w.from.iv, w.from.seq++, nonce);
        if (w.from.aead->open(w.from.ctx, nonce, p, p + QIOP_RECORD_HEADER,
                              (size_t)inner, &iov, 1)) {
            /* It has given up, and says so with the keys of data. */
            must(w.disturbed);
            qiop_queue_consume(&w.flight, have);
            w.len = 0;
            return false;
        }
        w.len = (size_t)inner - 1;
        w.type = w.text[w.len];
    }
    w.own = w.len;
    qiop_queue_consume(&w.flight, size);
    return w.len > 0;
}

/* Up to `max` bytes of it, in a record of their own. */
static void pass(size_t max, size_t padding)
{
    size_t n;

    if (!fetch()) {
        return;
    }
    n = w.len - w.off;
    /* An alert, or a change of cipher spec, is one thing. */
    n = n < max || w.type != QIOP_RECORD_HANDSHAKE ? n : max;
    if (w.clear) {
        give_clear(w.type, w.text + w.off, n);
    } else {
        give_sealed(w.type, w.text + w.off, n, padding);
    }
    w.off += n;
}

static void insert(void)
{
    unsigned how = byte(), type = byte(), padding = byte(), i;
    size_t len = byte() << (how >> 4 & 7);
    static uint8_t text[256 << 7];

    for (i = 0; i < len; i++) {
        text[i] = (uint8_t)byte();
    }
    len = len < QIOP_RECORD_CONTENT_MAX ? len : QIOP_RECORD_CONTENT_MAX;
    w.disturbed = true;
    if ((how & 1) && have_keys()) {
        give_sealed((uint8_t)type, text, len, padding);
    } else {
        give_clear((uint8_t)type, text, len);
    }
}

static void change(void)
{
    size_t pos = byte() << 8;
    uint8_t x;

    pos |= byte();
    x = (uint8_t)byte();
    /* Once, so that it is not changed back. */
    if (x && fetch() && !w.touched) {
        pos = w.off + pos % (w.len - w.off);
        w.text[pos] ^= x;
        w.touched = true;
        w.disturbed = true;
        w.changed |= w.type == QIOP_RECORD_HANDSHAKE && pos < w.own;
    }
}

/* The record goes on behind its messages. */
static void lengthen(void)
{
    size_t n = byte();

    if (fetch() && n <= QIOP_RECORD_CONTENT_MAX - w.len) {
        w.disturbed |= n > 0;
        while (n-- > 0) {
            w.text[w.len++] = (uint8_t)byte();
        }
    }
}

/* ---- the handshake ---- */

static void collect(void)
{
    struct qiop_queue out;
    const uint8_t *p;
    size_t len;

    qiop_queue_init(&out, 0);
    if (qiop_tls_session_output_take(w.peer, &out)) {
        p = qiop_queue_peek(&out, &len);
        must(qiop_queue_append(&w.flight, p, len, NULL) == 0);
    }
    qiop_queue_free(&out, false);
}

/* Both as far as they get. */
static void advance(void)
{
    struct qiop_queue out;
    const uint8_t *p;
    size_t len;

    if (w.ret == QIOP_TLS_BLOCK) {
        QIOError *err = NULL;

        w.ret = qiop_tls_session_handshake(w.victim, &err);
        must((w.ret == -1) == (err != NULL));
        qio_error_free(err);
    }
    qiop_queue_init(&out, 0);
    if (qiop_tls_session_output_take(w.victim, &out)) {
        p = qiop_queue_peek(&out, &len);
        fuzz_tls_give(w.peer, p, len);
    }
    qiop_queue_free(&out, false);
    if (w.peer_ret == QIOP_TLS_BLOCK) {
        w.peer_ret = qiop_tls_session_handshake(w.peer, NULL);
    }
    collect();
}

static void one(unsigned what)
{
    switch (what % 8) {
    case 0:
        insert();
        break;
    case 1:
        change();
        break;
    case 2:
        pass(byte() + 1, 0);
        break;
    case 3:
        pass(byte() + 1, byte());
        break;
    case 4:
        pass(SIZE_MAX, byte());
        break;
    case 5:
        lengthen();
        break;
    default:
        advance();
        break;
    }
}

/* What is left as it is. */
static void finish(void)
{
    size_t had;

    do {
        had = w.flight.len + (w.len - w.off);
        while (fetch()) {
            pass(SIZE_MAX, 0);
        }
        advance();
    } while (w.ret == QIOP_TLS_BLOCK &&
             (w.flight.len + (w.len - w.off) || had));
}

/* The peer says a byte. */
static void talk(void)
{
    uint8_t sent = 'x', got = 0;
    struct iovec out = {&sent, 1}, in = {&got, 1};
    ssize_t n;

    if (w.ret != 0 || w.peer_ret != 0) {
        return;
    }
    must(qiop_tls_session_write(w.peer, &out, 1, 0, NULL) == 1);
    collect();
    while (w.flight.len) {
        size_t len;
        const uint8_t *p = qiop_queue_peek(&w.flight, &len);

        fuzz_tls_give(w.victim, p, len);
        qiop_queue_consume(&w.flight, len);
    }
    n = qiop_tls_session_read(w.victim, &in, 1, false, NULL);
    must(n == 1 ? got == sent : w.disturbed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static QIOTLSCreds *creds[2];
    struct qiop_tls_session *s[2];
    bool peer_is_server;
    int i;

    if (!size) {
        return 0;
    }
    memset(&w, 0, sizeof(w));
    qiop_queue_init(&w.flight, 1 << 20);
    for (i = 0; i < 2; i++) {
        QIOTLSEndpoint end =
            i ? QIO_TLS_ENDPOINT_SERVER : QIO_TLS_ENDPOINT_CLIENT;

        creds[i] =
            creds[i] ? creds[i] : fuzz_tls_creds(end, "AES-128-GCM", "auto");
        s[i] = qiop_tls_session_new(creds[i], end, NULL, NULL);
        must(s[i] != NULL);
    }
    peer_is_server = data[0] & 1;
    w.data = data + 1;
    w.size = size - 1;
    w.peer = s[peer_is_server];
    w.victim = s[!peer_is_server];
    w.ret = w.peer_ret = QIOP_TLS_BLOCK;
    gnutls_session_set_keylog_function(w.peer->tls, keep_secret);
    advance();
    while (w.size && w.ret == QIOP_TLS_BLOCK) {
        one(byte());
    }
    finish();
    talk();
    must(w.disturbed || w.ret == 0);
    must(!w.changed || w.ret != 0);
    for (i = 0; i < 2; i++) {
        qiop_tls_session_free(s[i]);
    }
    qiop_queue_free(&w.flight, false);
    if (w.from.ctx) {
        qiop_record_clear(&w.from);
        qiop_record_clear(&w.to);
    }
    return 0;
}
