/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record engine that leaves everything to GnuTLS. */
#include <config.h>
#include "tls/session-priv.h"

#include <stdlib.h>
#include <string.h>

/* Records without data in a row (tickets, key updates, empty fragments) before
 * we take it for an attack on our time. */
#define IDLE_MAX 1024

/* A full record in one piece: the caller's memory if it is so already. */
static const void *next_record(struct qiop_tls_session *s,
                               struct qiop_iov_cursor *src, size_t *len,
                               QIOError **errp)
{
    size_t piece;
    void *p = qiop_iov_cursor_piece(src, &piece);

    if (piece >= s->record_max || piece == qiop_iov_cursor_left(src)) {
        *len = piece < s->record_max ? piece : s->record_max;
        qiop_iov_cursor_advance(src, *len);
        return p;
    }
    if (!s->staging) {
        s->staging = malloc(QIOP_TLS_PLAIN_MAX);
        if (!s->staging) {
            qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
            return NULL;
        }
    }
    *len = qiop_iov_cursor_gather(src, s->staging, s->record_max);
    return s->staging;
}

static ssize_t send_record(struct qiop_tls_session *s, const uint8_t *data,
                           size_t len, QIOError **errp)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = gnutls_record_send(s->tls, data + done, len - done);

        if (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_AGAIN) {
            continue;
        }
        if (n <= 0) {
            return qiop_tls_fail_code(s, n ? (int)n : GNUTLS_E_INTERNAL_ERROR,
                                      errp);
        }
        done += (size_t)n;
    }
    return (ssize_t)len;
}

static ssize_t seal(struct qiop_tls_session *s, struct qiop_iov_cursor *src,
                    QIOError **errp)
{
    size_t len;
    ssize_t done = -1;
    const uint8_t *data = next_record(s, src, &len, errp);

    if (!data) {
        return -1;
    }
    if (qiop_tls_gnutls_enter(s, errp) == 0) {
        done = send_record(s, data, len, errp);
    }
    (void)qiop_tls_gnutls_leave(s, NULL);
    return done;
}

static void drop_packet(struct qiop_tls_session *s)
{
    if (s->packet) {
        gnutls_packet_deinit(s->packet);
        s->packet = NULL;
    }
}

static size_t pending(const struct qiop_tls_session *s)
{
    gnutls_datum_t data;

    if (!s->packet) {
        return 0;
    }
    gnutls_packet_get(s->packet, &data, NULL);
    return data.size - s->packet_off;
}

static ssize_t hand_out(struct qiop_tls_session *s, struct qiop_iov_cursor *dst)
{
    gnutls_datum_t data;
    size_t n;

    if (!s->packet || !dst) {
        return 0;
    }
    gnutls_packet_get(s->packet, &data, NULL);
    n = qiop_iov_cursor_scatter(dst, data.data + s->packet_off,
                                data.size - s->packet_off);
    s->packet_off += n;
    if (s->packet_off == data.size) {
        drop_packet(s);
    }
    return (ssize_t)n;
}

/* A server's wish can be declined (RFC 5246 §7.4.1.1); with a client's hello
 * GnuTLS takes nothing else any more. */
static int renegotiation_refused(struct qiop_tls_session *s, QIOError **errp)
{
    QIOError *err = NULL;
    int ret;

    if (s->server) {
        qio_error_set(&err, QIO_ERROR_TLS, 0,
                      "the peer wants to renegotiate, which is refused");
        return qiop_tls_fail(s, GNUTLS_A_NO_RENEGOTIATION, err, errp);
    }
    ret =
        gnutls_alert_send(s->tls, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
    return ret < 0 ? qiop_tls_fail_code(s, ret, errp) : 0;
}

int qiop_tls_count_idle(struct qiop_tls_session *s, QIOError **errp)
{
    QIOError *err = NULL;

    if (++s->idle_records <= IDLE_MAX) {
        return 0;
    }
    qio_error_set(&err, QIO_ERROR_TLS, 0,
                  "the peer floods the session with records without data");
    return qiop_tls_fail(s, GNUTLS_A_UNEXPECTED_MESSAGE, err, errp);
}

/* The next record is no data (or was half of a message): 0, or -1. */
static int control(struct qiop_tls_session *s, int ret, QIOError **errp)
{
    if (ret != 0 && qiop_tls_count_idle(s, errp)) {
        return -1;
    }
    switch (ret) {
    case 0:
        s->bye_received = true;
        return 0;
    case GNUTLS_E_AGAIN:
    case GNUTLS_E_INTERRUPTED:
    case GNUTLS_E_WARNING_ALERT_RECEIVED:
        return 0;
    case GNUTLS_E_REHANDSHAKE:
        return renegotiation_refused(s, errp);
    default:
        return qiop_tls_fail_code(s, ret, errp);
    }
}

int qiop_tls_gnutls_receive(struct qiop_tls_session *s, gnutls_packet_t *packet,
                            QIOError **errp)
{
    size_t had = s->in.len;
    ssize_t ret;

    if (qiop_tls_messages_check(s, errp)) {
        return -1;
    }
    ret = gnutls_record_recv_packet(s->tls, packet);
    if (ret > 0) {
        s->idle_records = 0;
        qiop_tls_count_received(s, (size_t)ret);
        return 1;
    }
    if (*packet) {
        gnutls_packet_deinit(*packet);
        *packet = NULL;
    }
    qiop_tls_messages_count(s, had - s->in.len);
    return control(s, (int)ret, errp);
}

static ssize_t open_record(struct qiop_tls_session *s,
                           struct qiop_iov_cursor *dst, QIOError **errp)
{
    int ret;

    if (s->packet) {
        return hand_out(s, dst);
    }
    ret = qiop_tls_reader_enter(s, errp);
    if (ret == 0) {
        s->packet_off = 0;
        ret = qiop_tls_gnutls_receive(s, &s->packet, errp);
    }
    (void)qiop_tls_reader_leave(s, NULL);
    return ret < 0 ? -1 : hand_out(s, dst);
}

/* GnuTLS has the keys all the time. */
static int keep(struct qiop_tls_session *s, QIOError **errp)
{
    (void)s;
    (void)errp;
    return 0;
}

static void drop_staging(struct qiop_tls_session *s)
{
    if (s->staging) {
        explicit_bzero(s->staging, QIOP_TLS_PLAIN_MAX);
        free(s->staging);
        s->staging = NULL;
    }
}

static void stop(struct qiop_tls_session *s)
{
    drop_packet(s);
    drop_staging(s);
}

const struct qiop_tls_engine qiop_tls_engine_gnutls = {
    .seal = seal,
    .open = open_record,
    .pending = pending,
    .rest = drop_staging,
    .lend = keep,
    .reclaim = keep,
    .stop = stop,
};
