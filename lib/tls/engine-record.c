/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record engine that protects TLS 1.3 records itself. Data goes from the
 * caller's memory into the output and from the input into the caller's memory,
 * one direction with seal_lock, the other with open_lock. A record that is no
 * data is left at the head of the input, encrypted, and GnuTLS reads it.
 */
#include <config.h>
#include "tls/session-priv.h"

#include <stdlib.h>
#include <string.h>

static const struct qiop_tls_engine record_engine;

/* ---- keys ---- */

static uint64_t get_number(const uint8_t *p)
{
    uint64_t n = 0;
    int i;

    for (i = 0; i < 8; i++) {
        n = n << 8 | p[i];
    }
    return n;
}

static int give_number(struct qiop_tls_session *s, bool read,
                       const struct qiop_record *r, QIOError **errp)
{
    uint8_t number[8];
    int i, ret;

    for (i = 0; i < 8; i++) {
        number[i] = (uint8_t)(r->seq >> (56 - 8 * i));
    }
    ret = r->ctx ? gnutls_record_set_state(s->tls, read, number)
                 : GNUTLS_E_INVALID_REQUEST;
    if (ret < 0) {
        QIOError *err = NULL;

        qio_error_set_tls(&err, QIO_ERROR_TLS, ret,
                          "cannot give back the record keys: %s",
                          gnutls_strerror(ret));
        return qiop_tls_fail(s, QIOP_TLS_NO_ALERT, err, errp);
    }
    return 0;
}

static int take_keys(struct qiop_tls_session *s, bool read,
                     struct qiop_record *r, QIOError **errp)
{
    gnutls_datum_t iv, key;
    uint8_t number[8];
    int ret;

    ret = gnutls_record_get_state(s->tls, read, NULL, &iv, &key, number);
    if (ret < 0) {
        qio_error_set_tls(errp, QIO_ERROR_TLS, ret,
                          "cannot take the record keys: %s",
                          gnutls_strerror(ret));
        return -1;
    }
    return qiop_record_set(r, &key, &iv, get_number(number), errp);
}

static int lend(struct qiop_tls_session *s, QIOError **errp)
{
    if (give_number(s, false, &s->records->seal, errp)) {
        return -1;
    }
    s->records->lent = true;
    return 0;
}

/* Without keys nothing is ever sealed or lent again. */
static int reclaim(struct qiop_tls_session *s, QIOError **errp)
{
    struct qiop_tls_records *r = s->records;
    QIOError *err = NULL;

    if (!r->lent) {
        return 0;
    }
    r->lent = false;
    if (take_keys(s, false, &r->seal, &err) == 0) {
        return 0;
    }
    qiop_record_clear(&r->seal);
    return qiop_tls_fail(s, QIOP_TLS_NO_ALERT, err, errp);
}

bool qiop_tls_may_push(const struct qiop_tls_session *s)
{
    return !s->records || s->records->lent;
}

/* ---- start and stop ---- */

static void stop(struct qiop_tls_session *s)
{
    struct qiop_tls_records *r = s->records;

    if (!r) {
        return;
    }
    qiop_record_clear(&r->seal);
    qiop_record_clear(&r->open);
    explicit_bzero(r->held, sizeof(r->held));
    free(r);
    s->records = NULL;
}

static bool can_serve(const struct qiop_tls_session *s)
{
    gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(s->tls);

    /* What GnuTLS has read beyond the handshake is only for itself. */
    return gnutls_protocol_get_version(s->tls) == GNUTLS_TLS1_3 &&
           (cipher == GNUTLS_CIPHER_AES_128_GCM ||
            cipher == GNUTLS_CIPHER_AES_256_GCM ||
            cipher == GNUTLS_CIPHER_CHACHA20_POLY1305) &&
           gnutls_record_check_pending(s->tls) == 0;
}

int qiop_tls_record_start(struct qiop_tls_session *s,
                          const struct qiop_aead *aead, QIOError **errp)
{
    struct qiop_tls_records *r;
    QIOError *err = NULL;

    if (!can_serve(s)) {
        return 1;
    }
    r = calloc(1, sizeof(*r));
    if (!r) {
        qio_error_set(&err, QIO_ERROR_NOMEM, 0, "out of memory");
        return qiop_tls_fail(s, GNUTLS_A_INTERNAL_ERROR, err, errp);
    }
    r->seal.aead = r->open.aead = aead;
    r->seal.cipher = r->open.cipher = gnutls_cipher_get(s->tls);
    if (take_keys(s, false, &r->seal, &err) ||
        take_keys(s, true, &r->open, &err)) {
        qiop_record_clear(&r->seal);
        free(r);
        if (qio_error_code(err) == QIO_ERROR_UNSUPPORTED) {
            qio_error_free(err);
            return 1;
        }
        return qiop_tls_fail(s, GNUTLS_A_INTERNAL_ERROR, err, errp);
    }
    s->records = r;
    s->engine = &record_engine;
    return 0;
}

/* ---- sealing ---- */

static ssize_t seal(struct qiop_tls_session *s, struct qiop_iov_cursor *src,
                    QIOError **errp)
{
    struct qiop_record *r = &s->records->seal;
    size_t len, avail;
    uint8_t *out;
    ssize_t n;

    if (r->seq >= QIOP_RECORD_LIMIT && qiop_tls_send_key_update(s, 0, errp)) {
        return -1;
    }
    out = qiop_queue_reserve(&s->out, s->record_max + QIOP_RECORD_OVERHEAD,
                             &avail, errp);
    if (!out) {
        return -1;
    }
    n = qiop_record_seal(r, src, s->record_max, out, &len);
    if (n < 0) {
        (void)qiop_tls_gnutls_enter(s, NULL);
        (void)qiop_tls_fail_code(s, GNUTLS_E_ENCRYPTION_FAILED, errp);
        (void)qiop_tls_gnutls_leave(s, NULL);
        return -1;
    }
    qiop_queue_commit(&s->out, len);
    return n;
}

/* ---- opening ---- */

static ssize_t hand_out(struct qiop_tls_records *r, struct qiop_iov_cursor *dst)
{
    size_t n = 0;

    if (dst) {
        n = qiop_iov_cursor_scatter(dst, r->held + r->held_off, r->held_len);
        r->held_off += n;
        r->held_len -= n;
    }
    return (ssize_t)n;
}

/* With all locks. */
static int receive(struct qiop_tls_session *s, QIOError **errp)
{
    struct qiop_tls_records *r = s->records;
    gnutls_packet_t packet = NULL;
    QIOError *err = NULL;
    gnutls_datum_t data;
    int ret;

    if (give_number(s, true, &r->open, errp)) {
        return -1;
    }
    ret = qiop_tls_gnutls_receive(s, &packet, errp);
    if (ret < 0) {
        return -1;
    }
    if (ret > 0) {
        gnutls_packet_get(packet, &data, NULL);
        r->held_off = 0;
        r->held_len = data.size < sizeof(r->held) ? data.size : sizeof(r->held);
        memcpy(r->held, data.data, r->held_len);
        gnutls_packet_deinit(packet);
    }
    if (take_keys(s, true, &r->open, &err)) {
        return qiop_tls_fail(s, GNUTLS_A_INTERNAL_ERROR, err, errp);
    }
    return 0;
}

static ssize_t control(struct qiop_tls_session *s, struct qiop_iov_cursor *dst,
                       QIOError **errp)
{
    int ret = qiop_tls_reader_enter(s, errp);

    if (ret == 0) {
        ret = receive(s, errp);
    }
    if (qiop_tls_reader_leave(s, ret ? NULL : errp)) {
        ret = -1;
    }
    return ret ? -1 : hand_out(s->records, dst);
}

static ssize_t reject(struct qiop_tls_session *s, int code, QIOError **errp)
{
    (void)qiop_tls_reader_enter(s, NULL);
    (void)qiop_tls_fail_code(s, code, errp);
    (void)qiop_tls_reader_leave(s, NULL);
    return -1;
}

static ssize_t empty(struct qiop_tls_session *s, QIOError **errp)
{
    int ret = qiop_tls_reader_enter(s, errp);

    if (ret == 0) {
        ret = qiop_tls_count_idle(s, errp);
    }
    return qiop_tls_reader_leave(s, ret ? NULL : errp) ? -1 : ret;
}

/* Where the `inner` bytes of a record go: the caller's memory as far as it
 * reaches, then `held`. *placed: how many to the caller. */
static size_t destination(struct qiop_tls_records *r,
                          const struct qiop_iov_cursor *dst, size_t inner,
                          struct iovec *iov, size_t *placed)
{
    size_t n = 0;

    *placed = 0;
    if (dst) {
        n = qiop_iov_cursor_slice(dst, iov, QIOP_RECORD_PIECES, inner);
        *placed = qiop_iov_size(iov, n);
    }
    if (*placed < inner) {
        iov[n++] = (struct iovec){r->held, inner - *placed};
    }
    return n;
}

static ssize_t open_record(struct qiop_tls_session *s,
                           struct qiop_iov_cursor *dst, QIOError **errp)
{
    struct qiop_tls_records *r = s->records;
    struct iovec iov[QIOP_RECORD_PIECES + 1];
    size_t n, have, placed, len;
    const uint8_t *rec = qiop_queue_peek(&s->in, &have);
    uint8_t type;
    ssize_t inner;
    int ret;

    if (r->held_len) {
        return hand_out(r, dst);
    }
    inner = qiop_record_inner_len(rec);
    if (inner < 0) {
        return reject(s, (int)inner, errp);
    }
    n = destination(r, dst, (size_t)inner, iov, &placed);
    ret = qiop_record_open(&r->open, rec, iov, n, &type, &len);
    if (ret < 0) {
        return reject(s, ret, errp);
    }
    if (type == QIOP_RECORD_ALERT || type == QIOP_RECORD_HANDSHAKE) {
        return control(s, dst, errp);
    }
    if (type != QIOP_RECORD_DATA) {
        return reject(s, GNUTLS_E_UNEXPECTED_PACKET, errp);
    }
    qiop_queue_consume(&s->in,
                       QIOP_RECORD_HEADER + (size_t)inner + QIOP_RECORD_TAG);
    if (!len) {
        return empty(s, errp);
    }
    s->idle_records = 0;
    placed = placed < len ? placed : len;
    if (placed) {
        qiop_iov_cursor_advance(dst, placed);
    }
    r->held_off = 0;
    r->held_len = len - placed;
    return (ssize_t)placed;
}

static size_t pending(const struct qiop_tls_session *s)
{
    return s->records->held_len;
}

static const struct qiop_tls_engine record_engine = {
    .seal = seal,
    .open = open_record,
    .pending = pending,
    .lend = lend,
    .reclaim = reclaim,
    .stop = stop,
};
