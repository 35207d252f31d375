/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A TLS session at work: encrypted bytes in and out, plaintext in and out, the
 * end, facts. */
#include <config.h>
#include "tls/session-priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/iov.h"

/* ---- encrypted side ---- */

uint8_t *qiop_tls_session_input_reserve(struct qiop_tls_session *s,
                                        size_t *avail, QIOError **errp)
{
    uint8_t *p;
    size_t want;

    pthread_mutex_lock(&s->open_lock);
    want = qiop_queue_room(&s->in);
    if (want > s->in_size) {
        want = s->in_size;
    }
    p = qiop_queue_reserve(&s->in, want, avail, errp);
    if (p && *avail > s->in_size) {
        *avail = s->in_size;
    }
    pthread_mutex_unlock(&s->open_lock);
    return p;
}

void qiop_tls_session_input_commit(struct qiop_tls_session *s, size_t len,
                                   size_t avail)
{
    pthread_mutex_lock(&s->open_lock);
    qiop_queue_commit(&s->in, len);
    if (len == avail && s->in_size < s->in_max) {
        s->in_size = 2 * s->in_size < s->in_max ? 2 * s->in_size : s->in_max;
    }
    pthread_mutex_unlock(&s->open_lock);
}

bool qiop_tls_session_rest(struct qiop_tls_session *s)
{
    if (atomic_exchange(&s->stirred, false)) {
        return false;
    }
    pthread_mutex_lock(&s->open_lock);
    qiop_queue_rest(&s->in);
    /* Whoever has it is filling the output. */
    if (pthread_mutex_trylock(&s->seal_lock) == 0) {
        qiop_queue_rest(&s->out);
        s->engine->rest(s);
        qiop_tls_seal_leave(s);
    }
    pthread_mutex_unlock(&s->open_lock);
    return true;
}

void qiop_tls_session_input_end(struct qiop_tls_session *s, QIOError *cause)
{
    pthread_mutex_lock(&s->open_lock);
    if (s->in_eof || s->in_err) {
        qio_error_free(cause);
    } else if (cause) {
        s->in_err = cause;
    } else {
        s->in_eof = true;
    }
    pthread_mutex_unlock(&s->open_lock);
}

bool qiop_tls_session_input_ended(struct qiop_tls_session *s)
{
    bool ret;

    pthread_mutex_lock(&s->open_lock);
    ret = s->in_eof || s->in_err || s->bye_received || atomic_load(&s->dead);
    pthread_mutex_unlock(&s->open_lock);
    return ret;
}

bool qiop_tls_session_output_take(struct qiop_tls_session *s,
                                  struct qiop_queue *flight)
{
    qiop_tls_seal_enter(s);
    if (!flight->len && s->out.len) {
        struct qiop_queue tmp = *flight;

        tmp.limit = s->out.limit;
        *flight = s->out;
        s->out = tmp;
        atomic_store(&s->out_urgent, false);
    }
    qiop_tls_seal_leave(s);
    return flight->len > 0;
}

bool qiop_tls_session_output_give(struct qiop_tls_session *s,
                                  struct qiop_queue *flight)
{
    bool more;

    qiop_tls_seal_enter(s);
    more = s->out.len > 0;
    if (!flight->len && !s->out.len && flight->cap >= s->out.cap) {
        struct qiop_queue tmp = s->out;

        flight->limit = s->out.limit;
        s->out = *flight;
        *flight = tmp;
    }
    qiop_tls_seal_leave(s);
    return more;
}

bool qiop_tls_session_output_urgent(struct qiop_tls_session *s)
{
    return atomic_load(&s->out_urgent);
}

size_t qiop_tls_session_output_len(struct qiop_tls_session *s)
{
    return atomic_load(&s->out_len);
}

bool qiop_tls_session_output_full(struct qiop_tls_session *s, size_t held)
{
    return atomic_load(&s->out_len) + held >= s->out_max;
}

/* ---- reading ---- */

/* Answers of ours that nobody takes: wait before reading more questions. */
static bool output_stuck(const struct qiop_tls_session *s)
{
    return atomic_load(&s->out_len) > 2 * s->out_max + 8 * QIOP_TLS_RECORD_MAX;
}

static bool can_open(struct qiop_tls_session *s)
{
    if (s->engine->pending(s)) {
        return true;
    }
    return !atomic_load(&s->dead) && !s->bye_received && !output_stuck(s) &&
           qiop_tls_input_whole(s);
}

static int refuse_garbage(struct qiop_tls_session *s, QIOError **errp)
{
    (void)qiop_tls_reader_enter(s, NULL);
    (void)qiop_tls_fail_garbage(s, errp);
    (void)qiop_tls_reader_leave(s, NULL);
    return -1;
}

/* What to say when no plaintext is left. */
static ssize_t read_end(struct qiop_tls_session *s, bool relaxed,
                        QIOError **errp)
{
    if (!atomic_load(&s->dead) && !s->bye_received && s->in_bad) {
        return refuse_garbage(s, errp);
    }
    if (atomic_load(&s->dead)) {
        qio_error_propagate(errp, qio_error_copy(s->failed));
        return -1;
    }
    if (s->bye_received) {
        return 0;
    }
    if (s->in_err) {
        qio_error_propagate(errp, qio_error_copy(s->in_err));
        return -1;
    }
    if (!s->in_eof) {
        return QIOP_TLS_BLOCK;
    }
    if (relaxed && !s->in.len) {
        return 0;
    }
    qio_error_set(errp, QIO_ERROR_TLS_TRUNCATED, 0,
                  s->in.len ? "the TLS stream was cut in the middle of a record"
                            : "the TLS stream ended without close_notify: it "
                              "may have been cut");
    return -1;
}

ssize_t qiop_tls_session_read(struct qiop_tls_session *s,
                              const struct iovec *iov, size_t niov,
                              bool relaxed, QIOError **errp)
{
    struct qiop_iov_cursor c;
    ssize_t total = 0, n;

    qiop_iov_cursor_init(&c, iov, niov);
    pthread_mutex_lock(&s->open_lock);
    while (c.niov && can_open(s)) {
        /* A failure is kept in the session: data first, then that. */
        n = s->engine->open(s, &c, NULL);
        if (n < 0) {
            break;
        }
        total += n;
    }
    if (!total) {
        total = read_end(s, relaxed, errp);
    }
    pthread_mutex_unlock(&s->open_lock);
    return total;
}

bool qiop_tls_session_readable(struct qiop_tls_session *s)
{
    bool ret;

    pthread_mutex_lock(&s->open_lock);
    ret = can_open(s) || atomic_load(&s->dead) || s->bye_received ||
          s->in_bad || s->in_eof || s->in_err;
    pthread_mutex_unlock(&s->open_lock);
    return ret;
}

bool qiop_tls_session_wants_input(struct qiop_tls_session *s)
{
    bool ret;

    pthread_mutex_lock(&s->open_lock);
    ret = !qiop_tls_input_whole(s);
    pthread_mutex_unlock(&s->open_lock);
    return ret;
}

bool qiop_tls_session_probe(struct qiop_tls_session *s, QIOError **errp)
{
    bool ret;

    pthread_mutex_lock(&s->open_lock);
    while (atomic_load(&s->done) && !s->engine->pending(s) && can_open(s) &&
           s->engine->open(s, NULL, NULL) == 0) {
        continue;
    }
    ret = atomic_load(&s->dead);
    if (ret) {
        qio_error_propagate(errp, qio_error_copy(s->failed));
    }
    pthread_mutex_unlock(&s->open_lock);
    return ret;
}

/* ---- writing ---- */

int qiop_tls_check_writable(struct qiop_tls_session *s, QIOError **errp)
{
    if (atomic_load(&s->dead)) {
        qio_error_propagate(errp, qio_error_copy(s->failed));
        return -1;
    }
    if (!atomic_load(&s->done)) {
        qio_error_set(errp, QIO_ERROR_STATE, 0,
                      "the TLS handshake is not complete");
        return -1;
    }
    if (s->bye_sent) {
        qio_error_set(errp, QIO_ERROR_SHUTDOWN, 0,
                      "the TLS session was shut down for writing");
        return -1;
    }
    return 0;
}

static ssize_t seal_all(struct qiop_tls_session *s, struct qiop_iov_cursor *c,
                        size_t held, QIOError **errp)
{
    ssize_t total = 0, n;

    while (c->niov && s->out.len + held < s->out_max) {
        QIOError *err = NULL;

        n = -1;
        if (qiop_tls_tend_keys(s, &err) == 0 &&
            qiop_tls_send_tickets(s, &err) == 0 &&
            qiop_tls_output_room(s, &err) == 0) {
            n = s->engine->seal(s, c, &err);
        }
        if (n < 0) {
            /* After some bytes were taken the next call says it. */
            qio_error_propagate(total ? NULL : errp, err);
            return total ? total : -1;
        }
        total += n;
        s->sent.records++;
        s->sent.bytes += (uint64_t)n;
    }
    return total ? total : QIOP_TLS_BLOCK;
}

ssize_t qiop_tls_session_write(struct qiop_tls_session *s,
                               const struct iovec *iov, size_t niov,
                               size_t held, QIOError **errp)
{
    struct qiop_iov_cursor c;
    ssize_t ret = -1;

    qiop_iov_cursor_init(&c, iov, niov);
    qiop_tls_seal_enter(s);
    if (qiop_tls_check_writable(s, errp) == 0) {
        ret = seal_all(s, &c, held, errp);
    }
    qiop_tls_seal_leave(s);
    return ret;
}

/* ---- ending ---- */

static bool may_end(const struct qiop_tls_session *s)
{
    return atomic_load(&s->done) && !atomic_load(&s->dead) && !s->bye_sent;
}

int qiop_tls_session_bye(struct qiop_tls_session *s, QIOError **errp)
{
    int ret = 0;

    qiop_tls_seal_enter(s);
    if (may_end(s)) {
        ret = qiop_tls_gnutls_enter(s, errp);
        if (ret == 0) {
            ret = gnutls_bye(s->tls, GNUTLS_SHUT_WR);
            s->bye_sent = true;
            ret = ret < 0 ? qiop_tls_fail_code(s, ret, errp) : 0;
        }
        if (qiop_tls_gnutls_leave(s, ret ? NULL : errp)) {
            ret = -1;
        }
    }
    qiop_tls_seal_leave(s);
    return ret;
}

void qiop_tls_session_abort(struct qiop_tls_session *s)
{
    qiop_tls_seal_enter(s);
    if (may_end(s)) {
        if (qiop_tls_gnutls_enter(s, NULL) == 0) {
            gnutls_alert_send(s->tls, GNUTLS_AL_FATAL, GNUTLS_A_INTERNAL_ERROR);
            s->bye_sent = true;
        }
        (void)qiop_tls_gnutls_leave(s, NULL);
    }
    qiop_tls_seal_leave(s);
}

/* ---- facts ---- */

static char *describe(struct qiop_tls_session *s)
{
    gnutls_session_t tls = s->tls;
    const char *group = gnutls_group_get_name(gnutls_group_get(tls));
    gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(tls);
    char *text;

    if (asprintf(&text, "%s %s %s%s%s, %s records",
                 gnutls_protocol_get_name(gnutls_protocol_get_version(tls)),
                 gnutls_cipher_get_name(cipher),
                 gnutls_kx_get_name(gnutls_kx_get(tls)), group ? " " : "",
                 group ? group : "", qiop_tls_engine_name(s)) < 0) {
        return NULL;
    }
    return text;
}

char *qiop_tls_session_describe(struct qiop_tls_session *s, QIOError **errp)
{
    char *text = NULL;

    pthread_mutex_lock(&s->lock);
    if (!atomic_load(&s->done)) {
        qio_error_set(errp, QIO_ERROR_STATE, 0,
                      "the TLS handshake is not complete");
    } else {
        text = describe(s);
        if (!text) {
            qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        }
    }
    pthread_mutex_unlock(&s->lock);
    return text;
}

char *qiop_tls_session_identity(struct qiop_tls_session *s, QIOError **errp)
{
    char *text = NULL;

    pthread_mutex_lock(&s->lock);
    if (!atomic_load(&s->done)) {
        qio_error_set(errp, QIO_ERROR_STATE, 0,
                      "the TLS handshake is not complete");
    } else {
        text = qiop_tls_peer_identity(s, errp);
    }
    pthread_mutex_unlock(&s->lock);
    return text;
}
