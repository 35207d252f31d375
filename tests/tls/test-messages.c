/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handshake messages after the handshake: in several records, with empty ones
 * between them (RFC 8446 §5.4), which would send GnuTLS into an endless loop.
 * And that it would not do so in the handshake, where nobody has said yet who
 * he is. What fails here hangs.
 */
#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include <gnutls/crypto.h>
#include "innerseal.h"
#include "resumepair.h"
#include "tlspair.h"
#include "tls/session-priv.h"

#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+"
#define TLS12 "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+"
#define TAG 16

/* ---- a peer who writes records himself ---- */

struct forger {
    gnutls_aead_cipher_hd_t cipher;
    size_t tag;
    uint8_t iv[QIOP_RECORD_NONCE];
    size_t iv_len;
    uint64_t seq;
};

/* The traffic secrets of the handshake, of client and server. */
static uint8_t secrets[2][INNERSEAL_SECRET];

static int keep_secret(gnutls_session_t tls, const char *label,
                       const gnutls_datum_t *secret)
{
    static const char *const labels[] = {"CLIENT_HANDSHAKE_TRAFFIC_SECRET",
                                         "SERVER_HANDSHAKE_TRAFFIC_SECRET"};
    int i;

    (void)tls;
    for (i = 0; i < 2; i++) {
        if (strcmp(label, labels[i]) == 0) {
            ck_assert_uint_eq(secret->size, sizeof(secrets[i]));
            memcpy(secrets[i], secret->data, sizeof(secrets[i]));
        }
    }
    return 0;
}

static void forger_make(struct forger *f, gnutls_session_t tls,
                        const gnutls_datum_t *key, const uint8_t *iv,
                        size_t iv_len, uint64_t seq)
{
    gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(tls);

    /* Of TLS 1.2. In its handshake GnuTLS names the cipher that is read with,
     * which may be none yet. */
    if (iv_len == 4) {
        cipher = GNUTLS_CIPHER_AES_128_GCM;
    }
    ck_assert_uint_le(iv_len, sizeof(f->iv));
    ck_assert_int_eq(gnutls_aead_cipher_init(&f->cipher, cipher, key), 0);
    f->tag = gnutls_cipher_get_tag_size(cipher);
    memcpy(f->iv, iv, iv_len);
    f->iv_len = iv_len;
    f->seq = seq;
}

/* With the keys of the handshake of TLS 1.3. */
static void forger_of_secret(struct forger *f, gnutls_session_t tls, int who)
{
    uint8_t key[32], iv[QIOP_RECORD_NONCE];
    gnutls_datum_t k = {key, 0};

    k.size = (unsigned)gnutls_cipher_get_key_size(gnutls_cipher_get(tls));
    ck_assert_int_eq(innerseal_expand(secrets[who], "key", key, k.size), 0);
    ck_assert_int_eq(innerseal_expand(secrets[who], "iv", iv, sizeof(iv)), 0);
    forger_make(f, tls, &k, iv, sizeof(iv), 0);
}

/* With the keys that a session sends with. */
static void forger_of_session(struct forger *f, gnutls_session_t tls)
{
    gnutls_datum_t key, iv;
    uint8_t number[8];

    ck_assert_int_eq(gnutls_record_get_state(tls, 0, NULL, &iv, &key, number),
                     0);
    forger_make(f, tls, &key, iv.data, iv.size, number[7]);
}

/* A record of TLS 1.3: the content, its type and padding. */
static size_t forge13(struct forger *f, int type, const uint8_t *content,
                      size_t len, size_t padding, uint8_t *rec)
{
    uint8_t inner[1024] = {0}, nonce[QIOP_RECORD_NONCE];
    size_t size, cipher;

    if (len) {
        memcpy(inner, content, len);
    }
    inner[len] = (uint8_t)type;
    size = len + 1 + padding;
    cipher = size + f->tag;
    rec[0] = QIOP_RECORD_DATA;
    rec[1] = rec[2] = 3;
    rec[3] = (uint8_t)(cipher >> 8);
    rec[4] = (uint8_t)cipher;
    qiop_record_nonce(f->iv, f->seq++, nonce);
    ck_assert_int_eq(gnutls_aead_cipher_encrypt(f->cipher, nonce, sizeof(nonce),
                                                rec, 5, f->tag, inner, size,
                                                rec + 5, &cipher),
                     0);
    return 5 + cipher;
}

/* A record of TLS 1.2 with AES-GCM (RFC 5288 §3). */
static size_t forge12(struct forger *f, int type, const uint8_t *content,
                      size_t len, uint8_t *rec)
{
    uint8_t nonce[QIOP_RECORD_NONCE] = {0};
    uint8_t aad[13] = {0};
    size_t cipher = len + TAG;

    ck_assert_uint_eq(f->iv_len, 4);
    aad[7] = nonce[11] = (uint8_t)f->seq++;
    memcpy(nonce, f->iv, 4);
    aad[8] = (uint8_t)type;
    aad[9] = aad[10] = 3;
    aad[12] = (uint8_t)len;
    memcpy(rec, aad + 8, 3);
    rec[3] = 0;
    rec[4] = (uint8_t)(cipher + 8);
    memcpy(rec + 5, nonce + 4, 8);
    ck_assert_int_eq(gnutls_aead_cipher_encrypt(f->cipher, nonce, sizeof(nonce),
                                                aad, sizeof(aad), TAG, content,
                                                len, rec + 13, &cipher),
                     0);
    return 13 + cipher;
}

/* ---- between the two ---- */

static void give(struct qiop_tls_session *to, const uint8_t *data, size_t len)
{
    size_t avail;
    uint8_t *dst = qiop_tls_session_input_reserve(to, &avail, NULL);

    ck_assert_ptr_nonnull(dst);
    ck_assert_uint_ge(avail, len);
    memcpy(dst, data, len);
    qiop_tls_session_input_commit(to, len, avail);
}

/* What `from` has to say as far as it is in clear: from the first record of
 * `cut` on the rest is lost. */
static void move_clear(struct qiop_tls_session *from,
                       struct qiop_tls_session *to, int cut)
{
    struct qiop_queue flight;
    const uint8_t *p;
    size_t len, n = 0;

    qiop_queue_init(&flight, 0);
    ck_assert(qiop_tls_session_output_take(from, &flight));
    p = qiop_queue_peek(&flight, &len);
    while (n < len && p[n] != cut) {
        n += QIOP_RECORD_HEADER + ((size_t)p[n + 3] << 8 | p[n + 4]);
    }
    ck_assert_uint_lt(n, len);
    if (cut == 20) {
        n += 6; /* the change of cipher spec is in clear itself */
    }
    give(to, p, n);
    qiop_queue_free(&flight, false);
}

static void make(struct sessionpair *p, const char *priority)
{
    struct tlspair_creds creds;

    tlspair_creds_make(&creds, priority);
    sessionpair_init(p, creds.client, creds.server, "localhost", NULL);
    tlspair_creds_free(&creds);
    gnutls_session_set_keylog_function(p->client->tls, keep_secret);
    gnutls_session_set_keylog_function(p->server->tls, keep_secret);
}

/* Up to where `victim` waits for the first encrypted message of the other, who
 * is returned; the rest of the flight is lost. */
static struct qiop_tls_session *meet(struct sessionpair *p,
                                     const char *priority,
                                     bool victim_is_server, int cut)
{
    make(p, priority);
    ck_assert_int_eq(qiop_tls_session_handshake(p->client, NULL),
                     QIOP_TLS_BLOCK);
    sessionpair_move(p->client, p->server, 0);
    ck_assert_int_eq(qiop_tls_session_handshake(p->server, NULL),
                     QIOP_TLS_BLOCK);
    if (!victim_is_server && cut == QIOP_RECORD_DATA) {
        move_clear(p->server, p->client, cut);
        return p->server;
    }
    sessionpair_move(p->server, p->client, 0);
    p->client_ret = qiop_tls_session_handshake(p->client, NULL);
    ck_assert_int_ne(p->client_ret, -1);
    if (victim_is_server) {
        move_clear(p->client, p->server, cut);
        return p->client;
    }
    sessionpair_move(p->client, p->server, 0);
    ck_assert_int_eq(qiop_tls_session_handshake(p->server, NULL), 0);
    move_clear(p->server, p->client, cut);
    return p->server;
}

static struct qiop_tls_session *other(const struct sessionpair *p,
                                      const struct qiop_tls_session *s)
{
    return s == p->client ? p->server : p->client;
}

/* ---- in the handshake ---- */

static const char *const ciphers[] = {"AES-128-GCM", "CHACHA20-POLY1305",
                                      "AES-128-CCM", "AES-128-CCM-8"};
static const size_t paddings[] = {0, 1, 40};
/* Of EncryptedExtensions and Certificate: what client and server expect. */
static const uint8_t half_message[2][5] = {{8, 0, 0, 16, 0}, {11, 0, 0, 16, 0}};

static void in_handshake13(const char *cipher, bool victim_is_server,
                           size_t padding)
{
    struct qiop_tls_session *from, *to;
    char priority[128];
    QIOError *err = NULL;
    struct sessionpair p;
    uint8_t rec[256];
    struct forger f;

    snprintf(priority, sizeof(priority), TLS13 "%s", cipher);
    from = meet(&p, priority, victim_is_server, QIOP_RECORD_DATA);
    to = other(&p, from);
    forger_of_secret(&f, from->tls, from == p.server);
    give(to, rec,
         forge13(&f, QIOP_RECORD_HANDSHAKE, half_message[victim_is_server], 5,
                 padding, rec));
    ck_assert_int_eq(qiop_tls_session_handshake(to, NULL), QIOP_TLS_BLOCK);
    give(to, rec, forge13(&f, QIOP_RECORD_HANDSHAKE, NULL, 0, padding, rec));
    ck_assert_int_eq(qiop_tls_session_handshake(to, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS);
    gnutls_aead_cipher_deinit(f.cipher);
    sessionpair_free(&p);
}

START_TEST(in_the_handshake)
{
    size_t i;

    for (i = 0; i < sizeof(paddings) / sizeof(paddings[0]); i++) {
        in_handshake13(ciphers[_i / 2], _i % 2, paddings[i]);
    }
}
END_TEST

/* TLS 1.2, where only the end of the handshake is encrypted. */
START_TEST(in_the_handshake_before_13)
{
    static const uint8_t half_finished[] = {20, 0, 0, 12, 0};
    struct qiop_tls_session *from, *to;
    struct sessionpair p;
    uint8_t rec[256];
    struct forger f;

    from = meet(&p, TLS12 "AES-128-GCM", _i, 20);
    to = other(&p, from);
    forger_of_session(&f, from->tls);
    f.seq = 0;
    give(to, rec,
         forge12(&f, QIOP_RECORD_HANDSHAKE, half_finished,
                 sizeof(half_finished), rec));
    give(to, rec, forge12(&f, QIOP_RECORD_HANDSHAKE, NULL, 0, rec));
    ck_assert_int_lt(qiop_tls_session_handshake(to, NULL), 0);
    gnutls_aead_cipher_deinit(f.cipher);
    sessionpair_free(&p);
}
END_TEST

/* ---- after it ---- */

/* Some have no engine but GnuTLS's. */
static const struct {
    const char *engine, *cipher;
} kinds[] = {{"ipsec-mb", "AES-128-GCM"},     {"aead", "AES-128-GCM"},
             {"gnutls", "AES-128-GCM"},       {"aead", "CHACHA20-POLY1305"},
             {"gnutls", "CHACHA20-POLY1305"}, {"auto", "AES-128-CCM"},
             {"auto", "AES-128-CCM-8"}};
#define KINDS (int)(sizeof(kinds) / sizeof(kinds[0]))

static void connect_with(struct sessionpair *p, int kind)
{
    char priority[128];

    snprintf(priority, sizeof(priority), TLS13 "%s", kinds[kind].cipher);
    ck_assert_int_eq(setenv("QIO_TLS_ENGINE", kinds[kind].engine, 1), 0);
    make(p, priority);
    sessionpair_run(p);
    qiotest_ok(&p->client_err);
    qiotest_ok(&p->server_err);
}

static ssize_t read_byte(struct qiop_tls_session *s, QIOError **errp)
{
    char byte;
    struct iovec iov = {&byte, 1};

    return qiop_tls_session_read(s, &iov, 1, false, errp);
}

START_TEST(afterwards)
{
    static const uint8_t half_update[] = {GNUTLS_HANDSHAKE_KEY_UPDATE, 0, 0, 1};
    struct qiop_tls_session *from, *to;
    struct sessionpair p;
    uint8_t rec[256];
    struct forger f;
    size_t i;

    for (i = 0; i < sizeof(paddings) / sizeof(paddings[0]); i++) {
        QIOError *err = NULL;

        connect_with(&p, _i / 2);
        from = _i % 2 ? p.client : p.server;
        to = other(&p, from);
        forger_of_session(&f, from->tls);
        give(to, rec,
             forge13(&f, QIOP_RECORD_HANDSHAKE, half_update,
                     sizeof(half_update), paddings[i], rec));
        ck_assert_int_eq(read_byte(to, &err), QIOP_TLS_BLOCK);
        give(to, rec,
             forge13(&f, QIOP_RECORD_HANDSHAKE, NULL, 0, paddings[i], rec));
        ck_assert_int_eq(read_byte(to, &err), -1);
        ck_assert_ptr_nonnull(strstr(qio_error_message(err), "empty"));
        qiotest_error(&err, QIO_ERROR_TLS);
        gnutls_aead_cipher_deinit(f.cipher);
        sessionpair_free(&p);
    }
}
END_TEST

/* What comes in parts is put together. */
START_TEST(in_parts)
{
    static const uint8_t update[] = {GNUTLS_HANDSHAKE_KEY_UPDATE, 0, 0, 1, 0};
    struct sessionpair p;
    uint8_t rec[256];
    struct forger f;
    size_t i;

    for (i = 0; i < sizeof(update) - 1; i++) {
        QIOError *err = NULL;

        connect_with(&p, _i);
        forger_of_session(&f, p.client->tls);
        give(p.server, rec,
             forge13(&f, QIOP_RECORD_HANDSHAKE, update, i + 1, i, rec));
        ck_assert_int_eq(read_byte(p.server, &err), QIOP_TLS_BLOCK);
        ck_assert_uint_eq(p.server->received.key_updates, 0);
        give(p.server, rec,
             forge13(&f, QIOP_RECORD_HANDSHAKE, update + i + 1,
                     sizeof(update) - i - 1, i, rec));
        ck_assert_int_eq(read_byte(p.server, &err), QIOP_TLS_BLOCK);
        ck_assert_uint_eq(p.server->received.key_updates, 1);
        qiotest_ok(&err);
        gnutls_aead_cipher_deinit(f.cipher);
        sessionpair_free(&p);
    }
}
END_TEST

/* What comes whole leaves nothing to be looked into. */
START_TEST(whole)
{
    struct sessionpair p;
    QIOError *err = NULL;

    connect_with(&p, _i);
    ck_assert_int_eq(qiop_tls_session_update_keys(p.client, true, &err), 0);
    sessionpair_move(p.client, p.server, 0);
    ck_assert_int_eq(read_byte(p.server, &err), QIOP_TLS_BLOCK);
    ck_assert_int_eq(qiop_tls_session_update_keys(p.server, false, &err), 0);
    sessionpair_move(p.server, p.client, 0);
    ck_assert_int_eq(read_byte(p.client, &err), QIOP_TLS_BLOCK);
    qiotest_ok(&err);
    ck_assert_uint_eq(p.server->received.key_updates, 1);
    ck_assert_uint_eq(p.client->received.key_updates, 1);
    ck_assert(!p.client->half);
    ck_assert(!p.server->half);
    sessionpair_free(&p);
}
END_TEST

/* Nor do tickets. */
START_TEST(tickets)
{
    struct ends e = ends_make(X509, 1);
    struct sessionpair p;

    ck_assert_int_eq(setenv("QIO_TLS_ENGINE", kinds[_i].engine, 1), 0);
    open_pair(&p, &e, "a.example");
    send_byte(p.server, p.client);
    ck_assert(!p.client->half);
    sessionpair_free(&p);
    ck_assert(again(&e));
    ends_free(&e);
}
END_TEST

/* Nor are empty records kept when no message has begun. */
START_TEST(before_any)
{
    struct sessionpair p;
    QIOError *err = NULL;
    uint8_t rec[256];
    struct forger f;
    int i;

    connect_with(&p, _i);
    forger_of_session(&f, p.client->tls);
    for (i = 0; i < 2; i++) {
        give(p.server, rec,
             forge13(&f, QIOP_RECORD_HANDSHAKE, NULL, 0, 0, rec));
    }
    ck_assert_int_eq(read_byte(p.server, &err), -1);
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), "empty"));
    qiotest_error(&err, QIO_ERROR_TLS);
    gnutls_aead_cipher_deinit(f.cipher);
    sessionpair_free(&p);
}
END_TEST

START_TEST(afterwards_before_13)
{
    static const uint8_t hello[2][5] = {{0, 0, 1, 0, 3}, {1, 0, 1, 0, 3}};
    struct qiop_tls_session *from, *to;
    struct sessionpair p;
    uint8_t rec[256];
    struct forger f;

    make(&p, TLS12 "AES-128-GCM");
    sessionpair_run(&p);
    qiotest_ok(&p.client_err);
    qiotest_ok(&p.server_err);
    from = _i ? p.client : p.server;
    to = other(&p, from);
    forger_of_session(&f, from->tls);
    give(to, rec, forge12(&f, QIOP_RECORD_HANDSHAKE, hello[_i], 5, rec));
    give(to, rec, forge12(&f, QIOP_RECORD_HANDSHAKE, NULL, 0, rec));
    ck_assert_int_lt(read_byte(to, NULL), 0);
    gnutls_aead_cipher_deinit(f.cipher);
    sessionpair_free(&p);
}
END_TEST

/* ---- where keys change ---- */

/* What `from` has to say, its last record with `more` in it. */
static void move_longer(struct qiop_tls_session *from,
                        struct qiop_tls_session *to, struct forger *f,
                        const uint8_t *more, size_t more_len)
{
    uint8_t rec[256], inner[256], nonce[QIOP_RECORD_NONCE];
    size_t len, next = 0, last = 0, size = sizeof(inner);
    struct qiop_queue flight;
    const uint8_t *p;

    qiop_queue_init(&flight, 0);
    ck_assert(qiop_tls_session_output_take(from, &flight));
    p = qiop_queue_peek(&flight, &len);
    while (next < len) {
        f->seq += next && p[last] == QIOP_RECORD_DATA;
        last = next;
        next += QIOP_RECORD_HEADER + ((size_t)p[next + 3] << 8 | p[next + 4]);
    }
    give(to, p, last);
    p += last;
    qiop_record_nonce(f->iv, f->seq, nonce);
    ck_assert_int_eq(gnutls_aead_cipher_decrypt(
                         f->cipher, nonce, sizeof(nonce), p, QIOP_RECORD_HEADER,
                         TAG, p + QIOP_RECORD_HEADER,
                         len - last - QIOP_RECORD_HEADER, inner, &size),
                     0);
    ck_assert_uint_lt(size + more_len, sizeof(inner));
    memcpy(inner + size - 1, more, more_len);
    give(to, rec,
         forge13(f, QIOP_RECORD_HANDSHAKE, inner, size - 1 + more_len, 0, rec));
    qiop_queue_free(&flight, false);
}

/* The record of the handshake's last message goes on after it, which GnuTLS
 * lets pass: RFC 8446 §5.1. */
START_TEST(finished_and_more)
{
    static const uint8_t more[] = {GNUTLS_HANDSHAKE_KEY_UPDATE, 0, 0, 1};
    struct qiop_tls_session *from, *to;
    QIOError *err = NULL;
    struct sessionpair p;
    struct forger f;

    make(&p, TLS13 "AES-128-GCM");
    ck_assert_int_eq(qiop_tls_session_handshake(p.client, NULL),
                     QIOP_TLS_BLOCK);
    sessionpair_move(p.client, p.server, 0);
    ck_assert_int_eq(qiop_tls_session_handshake(p.server, NULL),
                     QIOP_TLS_BLOCK);
    if (_i) {
        sessionpair_move(p.server, p.client, 0);
        ck_assert_int_eq(qiop_tls_session_handshake(p.client, NULL), 0);
    }
    from = _i ? p.client : p.server;
    to = other(&p, from);
    forger_of_secret(&f, from->tls, from == p.server);
    move_longer(from, to, &f, more, sizeof(more));
    ck_assert_int_eq(qiop_tls_session_handshake(to, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS);
    gnutls_aead_cipher_deinit(f.cipher);
    sessionpair_free(&p);
}
END_TEST

/* So does that of new keys. */
START_TEST(update_and_more)
{
    static const uint8_t updates[] = {GNUTLS_HANDSHAKE_KEY_UPDATE, 0, 0, 1, 0,
                                      GNUTLS_HANDSHAKE_KEY_UPDATE, 0, 0, 1, 0};
    size_t len;

    for (len = 6; len <= sizeof(updates); len++) {
        QIOError *err = NULL;
        struct sessionpair p;
        uint8_t rec[256];
        struct forger f;

        connect_with(&p, _i);
        forger_of_session(&f, p.client->tls);
        give(p.server, rec,
             forge13(&f, QIOP_RECORD_HANDSHAKE, updates, len, 0, rec));
        ck_assert_int_eq(read_byte(p.server, &err), -1);
        qiotest_error(&err, QIO_ERROR_TLS);
        gnutls_aead_cipher_deinit(f.cipher);
        sessionpair_free(&p);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-messages");
    TCase *tc = qiotest_case(s, "messages");

    tcase_set_timeout(tc, 5);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, in_the_handshake, 0, 8);
    tcase_add_loop_test(tc, in_the_handshake_before_13, 0, 2);
    tcase_add_loop_test(tc, afterwards, 0, 2 * KINDS);
    tcase_add_loop_test(tc, before_any, 0, KINDS);
    tcase_add_loop_test(tc, in_parts, 0, KINDS);
    tcase_add_loop_test(tc, whole, 0, KINDS);
    tcase_add_loop_test(tc, tickets, 0, 3);
    tcase_add_loop_test(tc, afterwards_before_13, 0, 2);
    tcase_add_loop_test(tc, finished_and_more, 0, 2);
    tcase_add_loop_test(tc, update_and_more, 0, KINDS);
    return qiotest_main(s);
}
