/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record engine that protects TLS 1.3 records itself. Data goes from the
 * caller's memory into the output and from the input into the caller's memory,
 * one direction with seal_lock, the other with open_lock. A record that is no
 * data is left at the head of the input, encrypted, and GnuTLS reads it.
 *
 * A direction's keys are taken when there is more than a little to seal or to
 * open, or a little again and again; before, and again once the connection
 * rests, GnuTLS has them and its own records serve. So a connection at rest
 * costs no more than it does.
 */
#include <config.h>
#include "tls/session-priv.h"

#include <stdlib.h>
#include <string.h>

/* Bytes for which it is worth while to take the keys. */
#define BULK 2048
/* As many little records without a rest are, too: what asks and answers without
 * a pause shall not wait for more than what it says. */
#define FEW 8

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

static void set_up(struct qiop_record *r, const struct qiop_tls_session *s)
{
    r->aead = s->aead;
    r->shared = s->creds->ipsecmb;
    r->cipher = gnutls_cipher_get(s->tls);
}

static int lend(struct qiop_tls_session *s, QIOError **errp)
{
    if (!s->sealing) {
        return 0;
    }
    if (give_number(s, false, &s->sealing->r, errp)) {
        return -1;
    }
    s->sealing->lent = true;
    return 0;
}

/* Without keys nothing is ever sealed or lent again. */
static int reclaim(struct qiop_tls_session *s, QIOError **errp)
{
    QIOError *err = NULL;

    if (!s->sealing || !s->sealing->lent) {
        return 0;
    }
    s->sealing->lent = false;
    if (take_keys(s, false, &s->sealing->r, &err) == 0) {
        return 0;
    }
    qiop_record_clear(&s->sealing->r);
    return qiop_tls_fail(s, QIOP_TLS_NO_ALERT, err, errp);
}

uint64_t qiop_tls_records_sent(struct qiop_tls_session *s)
{
    uint8_t number[8];
    int ret;

    if (s->sealing) {
        return s->sealing->r.seq;
    }
    pthread_mutex_lock(&s->lock);
    ret = gnutls_record_get_state(s->tls, 0, NULL, NULL, NULL, number);
    pthread_mutex_unlock(&s->lock);
    return ret < 0 ? UINT64_MAX : get_number(number);
}

bool qiop_tls_may_push(const struct qiop_tls_session *s)
{
    return !s->sealing || s->sealing->lent;
}

/* ---- taking a direction, giving it back ---- */

static int take_sealing(struct qiop_tls_session *s, QIOError **errp)
{
    struct qiop_tls_sealing *d = calloc(1, sizeof(*d));
    int ret;

    if (!d) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    pthread_mutex_lock(&s->lock);
    set_up(&d->r, s);
    ret = take_keys(s, false, &d->r, errp);
    pthread_mutex_unlock(&s->lock);
    if (ret) {
        free(d);
        return -1;
    }
    s->sealing = d;
    return 0;
}

static int take_opening(struct qiop_tls_session *s, QIOError **errp)
{
    struct qiop_tls_opening *d = calloc(1, sizeof(*d));
    int ret;

    if (!d) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    pthread_mutex_lock(&s->lock);
    set_up(&d->r, s);
    ret = take_keys(s, true, &d->r, errp);
    pthread_mutex_unlock(&s->lock);
    if (ret) {
        free(d);
        return -1;
    }
    s->opening = d;
    return 0;
}

static void drop_sealing(struct qiop_tls_session *s)
{
    if (s->sealing) {
        qiop_record_clear(&s->sealing->r);
        free(s->sealing);
        s->sealing = NULL;
    }
}

static void drop_opening(struct qiop_tls_session *s)
{
    struct qiop_tls_opening *d = s->opening;

    if (!d) {
        return;
    }
    qiop_record_clear(&d->r);
    if (d->held) {
        explicit_bzero(d->held, QIOP_RECORD_INNER_MAX);
        free(d->held);
    }
    free(d);
    s->opening = NULL;
}

/* Keys go back only together with the number that they have reached. */
static void rest(struct qiop_tls_session *s)
{
    s->few_sealed = 0;
    s->few_opened = 0;
    pthread_mutex_lock(&s->lock);
    if (s->sealing && !s->failed &&
        give_number(s, false, &s->sealing->r, NULL) == 0) {
        drop_sealing(s);
    }
    if (s->opening && !s->opening->held_len && !s->failed &&
        give_number(s, true, &s->opening->r, NULL) == 0) {
        drop_opening(s);
    }
    pthread_mutex_unlock(&s->lock);
}

static void stop(struct qiop_tls_session *s)
{
    drop_sealing(s);
    drop_opening(s);
    qiop_tls_engine_gnutls.stop(s);
}

/* Written seldom: what else is in that cache line, both directions read. */
static void stir(struct qiop_tls_session *s)
{
    if (!atomic_load(&s->stirred)) {
        atomic_store(&s->stirred, true);
    }
}

/* ---- sealing ---- */

static bool is_bulk(const struct qiop_iov_cursor *src)
{
    size_t len = 0, i;

    for (i = 0; i < src->niov && len < BULK + src->off; i++) {
        len += src->iov[i].iov_len;
    }
    return len >= BULK + src->off;
}

static ssize_t seal(struct qiop_tls_session *s, struct qiop_iov_cursor *src,
                    QIOError **errp)
{
    size_t len, avail;
    uint8_t *out;
    ssize_t n;

    if (!s->sealing) {
        if (!is_bulk(src) && s->few_sealed < FEW) {
            s->few_sealed++;
            return qiop_tls_engine_gnutls.seal(s, src, errp);
        }
        if (take_sealing(s, errp)) {
            return -1;
        }
    }
    stir(s);
    out = qiop_queue_reserve(&s->out, s->record_max + QIOP_RECORD_OVERHEAD,
                             &avail, errp);
    if (!out) {
        return -1;
    }
    n = qiop_record_seal(&s->sealing->r, src, s->record_max, out, &len);
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

static ssize_t hand_out(struct qiop_tls_opening *d, struct qiop_iov_cursor *dst)
{
    size_t n = 0;

    if (dst && d->held_len) {
        n = qiop_iov_cursor_scatter(dst, d->held + d->held_off, d->held_len);
        d->held_off += n;
        d->held_len -= n;
    }
    return (ssize_t)n;
}

static int need_held(struct qiop_tls_opening *d, QIOError **errp)
{
    if (!d->held) {
        d->held = malloc(QIOP_RECORD_INNER_MAX);
    }
    if (!d->held) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    return 0;
}

/* With all locks. */
static int receive(struct qiop_tls_session *s, QIOError **errp)
{
    struct qiop_tls_opening *d = s->opening;
    gnutls_packet_t packet = NULL;
    QIOError *err = NULL;
    gnutls_datum_t data;
    int ret;

    if (give_number(s, true, &d->r, errp)) {
        return -1;
    }
    ret = qiop_tls_gnutls_receive(s, &packet, errp);
    if (ret < 0) {
        return -1;
    }
    if (ret > 0) {
        gnutls_packet_get(packet, &data, NULL);
        ret = data.size <= QIOP_RECORD_INNER_MAX ? need_held(d, &err) : -1;
        if (ret == 0) {
            d->held_off = 0;
            d->held_len = data.size;
            memcpy(d->held, data.data, data.size);
        }
        gnutls_packet_deinit(packet);
        if (ret < 0) {
            return err ? qiop_tls_fail(s, GNUTLS_A_INTERNAL_ERROR, err, errp)
                       : qiop_tls_fail_code(s, GNUTLS_E_RECORD_OVERFLOW, errp);
        }
    }
    if (take_keys(s, true, &d->r, &err)) {
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
    return ret ? -1 : hand_out(s->opening, dst);
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

static int no_keys(struct qiop_tls_session *s, QIOError *err, QIOError **errp)
{
    (void)qiop_tls_reader_enter(s, NULL);
    (void)qiop_tls_fail(s, GNUTLS_A_INTERNAL_ERROR, err, errp);
    (void)qiop_tls_reader_leave(s, NULL);
    return -1;
}

/* Where the `inner` bytes of a record go: the caller's memory as far as it
 * reaches, then `held`; *placed: how many to the caller. The pieces, or -1. */
static ssize_t destination(struct qiop_tls_opening *d,
                           const struct qiop_iov_cursor *dst, size_t inner,
                           struct iovec *iov, size_t *placed, QIOError **errp)
{
    size_t n = 0;

    *placed = 0;
    if (dst) {
        n = qiop_iov_cursor_slice(dst, iov, QIOP_RECORD_PIECES, inner);
        *placed = qiop_iov_size(iov, n);
    }
    if (*placed + 1 == inner) {
        /* That is the type, or padding. */
        iov[n++] = (struct iovec){&d->type, 1};
    } else if (*placed < inner) {
        if (need_held(d, errp)) {
            return -1;
        }
        iov[n++] = (struct iovec){d->held, inner - *placed};
    }
    return (ssize_t)n;
}

static bool is_bulk_record(const uint8_t *rec)
{
    return ((size_t)rec[3] << 8 | rec[4]) >= BULK;
}

static ssize_t open_record(struct qiop_tls_session *s,
                           struct qiop_iov_cursor *dst, QIOError **errp)
{
    struct qiop_tls_opening *d = s->opening;
    struct iovec iov[QIOP_RECORD_PIECES + 1];
    size_t have, placed, len;
    const uint8_t *rec = qiop_queue_peek(&s->in, &have);
    QIOError *err = NULL;
    ssize_t inner, n;
    uint8_t type;
    int ret;

    if (!d) {
        if (s->packet || (!is_bulk_record(rec) && s->few_opened < FEW)) {
            s->few_opened += !s->packet;
            return qiop_tls_engine_gnutls.open(s, dst, errp);
        }
        if (take_opening(s, &err)) {
            return no_keys(s, err, errp);
        }
        d = s->opening;
    }
    if (d->held_len) {
        return hand_out(d, dst);
    }
    stir(s);
    inner = qiop_record_inner_len(rec);
    if (inner < 0) {
        return reject(s, (int)inner, errp);
    }
    n = destination(d, dst, (size_t)inner, iov, &placed, &err);
    if (n < 0) {
        return no_keys(s, err, errp);
    }
    ret = qiop_record_open(&d->r, rec, iov, (size_t)n, &type, &len);
    if (ret < 0) {
        return reject(s, ret, errp);
    }
    if (type == QIOP_RECORD_ALERT || type == QIOP_RECORD_HANDSHAKE) {
        /* §5.4; see session-messages.c. */
        return len ? control(s, dst, errp)
                   : reject(s, GNUTLS_E_UNEXPECTED_PACKET, errp);
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
    qiop_tls_count_received(s, len);
    placed = placed < len ? placed : len;
    if (placed) {
        qiop_iov_cursor_advance(dst, placed);
    }
    d->held_off = 0;
    d->held_len = len - placed;
    return (ssize_t)placed;
}

static size_t pending(const struct qiop_tls_session *s)
{
    return qiop_tls_engine_gnutls.pending(s) +
           (s->opening ? s->opening->held_len : 0);
}

const struct qiop_tls_engine qiop_tls_engine_record = {
    .seal = seal,
    .open = open_record,
    .pending = pending,
    .rest = rest,
    .lend = lend,
    .reclaim = reclaim,
    .stop = stop,
};
