/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A TLS session at work: encrypted bytes in and out, plaintext in and out, the
 * end, key updates, facts. */
#include <config.h>
#include "tls/session-priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/iov.h"

/* Records handled before the other direction gets a chance at the lock. */
#define BATCH 16

/* ---- encrypted side ---- */

uint8_t *qiop_tls_session_input_reserve(struct qiop_tls_session *s,
                                        size_t *avail, QIOError **errp)
{
    uint8_t *p;
    size_t want;

    pthread_mutex_lock(&s->lock);
    want = qiop_queue_room(&s->in);
    if (want > s->in_size) {
        want = s->in_size;
    }
    p = qiop_queue_reserve(&s->in, want, avail, errp);
    if (p && *avail > s->in_size) {
        *avail = s->in_size;
    }
    pthread_mutex_unlock(&s->lock);
    return p;
}

void qiop_tls_session_input_commit(struct qiop_tls_session *s, size_t len,
                                   size_t avail)
{
    pthread_mutex_lock(&s->lock);
    qiop_queue_commit(&s->in, len);
    if (len == avail && s->in_size < s->in_max) {
        s->in_size = 2 * s->in_size < s->in_max ? 2 * s->in_size : s->in_max;
    }
    pthread_mutex_unlock(&s->lock);
}

void qiop_tls_session_rest(struct qiop_tls_session *s)
{
    pthread_mutex_lock(&s->lock);
    qiop_queue_rest(&s->in);
    qiop_queue_rest(&s->out);
    pthread_mutex_unlock(&s->lock);
}

void qiop_tls_session_input_end(struct qiop_tls_session *s, QIOError *cause)
{
    pthread_mutex_lock(&s->lock);
    if (s->in_eof || s->in_err) {
        qio_error_free(cause);
    } else if (cause) {
        s->in_err = cause;
    } else {
        s->in_eof = true;
    }
    pthread_mutex_unlock(&s->lock);
}

bool qiop_tls_session_input_ended(struct qiop_tls_session *s)
{
    bool ret;

    pthread_mutex_lock(&s->lock);
    ret = s->in_eof || s->in_err || s->bye_received || s->failed;
    pthread_mutex_unlock(&s->lock);
    return ret;
}

bool qiop_tls_session_output_take(struct qiop_tls_session *s,
                                  struct qiop_queue *flight)
{
    pthread_mutex_lock(&s->lock);
    if (!flight->len && s->out.len) {
        struct qiop_queue tmp = *flight;

        tmp.limit = s->out.limit;
        *flight = s->out;
        s->out = tmp;
        s->out_urgent = false;
    }
    pthread_mutex_unlock(&s->lock);
    return flight->len > 0;
}

void qiop_tls_session_output_give(struct qiop_tls_session *s,
                                  struct qiop_queue *flight)
{
    pthread_mutex_lock(&s->lock);
    if (!flight->len && !s->out.len && flight->cap >= s->out.cap) {
        struct qiop_queue tmp = s->out;

        flight->limit = s->out.limit;
        s->out = *flight;
        *flight = tmp;
    }
    pthread_mutex_unlock(&s->lock);
}

bool qiop_tls_session_output_urgent(struct qiop_tls_session *s)
{
    bool ret;

    pthread_mutex_lock(&s->lock);
    ret = s->out_urgent;
    pthread_mutex_unlock(&s->lock);
    return ret;
}

size_t qiop_tls_session_output_len(struct qiop_tls_session *s)
{
    size_t ret;

    pthread_mutex_lock(&s->lock);
    ret = s->out.len;
    pthread_mutex_unlock(&s->lock);
    return ret;
}

/* ---- reading ---- */

/* Answers of ours that nobody takes: wait before reading more questions. */
static bool output_stuck(const struct qiop_tls_session *s)
{
    return s->out.len > 2 * s->out_max + 8 * QIOP_TLS_RECORD_MAX;
}

static bool can_open(struct qiop_tls_session *s)
{
    if (s->engine->pending(s)) {
        return true;
    }
    return !s->failed && !s->bye_received && !output_stuck(s) &&
           qiop_tls_input_whole(s);
}

/* What to say when no plaintext is left. */
static ssize_t read_end(struct qiop_tls_session *s, bool relaxed,
                        QIOError **errp)
{
    if (!s->failed && !s->bye_received && s->in_bad) {
        return qiop_tls_fail_garbage(s, errp);
    }
    if (s->failed) {
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
    unsigned batch = 0;

    qiop_iov_cursor_init(&c, iov, niov);
    pthread_mutex_lock(&s->lock);
    while (qiop_iov_cursor_left(&c) && can_open(s)) {
        size_t before = s->out.len;

        /* A failure is kept in the session: data first, then that. */
        n = s->engine->open(s, &c, NULL);
        s->out_urgent |= s->out.len > before;
        if (n < 0) {
            break;
        }
        total += n;
        if (++batch % BATCH == 0) {
            pthread_mutex_unlock(&s->lock);
            pthread_mutex_lock(&s->lock);
        }
    }
    if (!total) {
        total = read_end(s, relaxed, errp);
    }
    pthread_mutex_unlock(&s->lock);
    return total;
}

bool qiop_tls_session_readable(struct qiop_tls_session *s)
{
    bool ret;

    pthread_mutex_lock(&s->lock);
    ret = can_open(s) || s->failed || s->bye_received || s->in_bad ||
          s->in_eof || s->in_err;
    pthread_mutex_unlock(&s->lock);
    return ret;
}

bool qiop_tls_session_wants_input(struct qiop_tls_session *s)
{
    bool ret;

    pthread_mutex_lock(&s->lock);
    ret = !qiop_tls_input_whole(s);
    pthread_mutex_unlock(&s->lock);
    return ret;
}

bool qiop_tls_session_probe(struct qiop_tls_session *s, QIOError **errp)
{
    bool ret;

    pthread_mutex_lock(&s->lock);
    while (s->done && !s->engine->pending(s) && can_open(s) &&
           s->engine->open(s, NULL, NULL) == 0) {
        continue;
    }
    ret = s->failed != NULL;
    if (ret) {
        qio_error_propagate(errp, qio_error_copy(s->failed));
    }
    pthread_mutex_unlock(&s->lock);
    return ret;
}

/* ---- writing ---- */

static int check_writable(struct qiop_tls_session *s, QIOError **errp)
{
    if (s->failed) {
        qio_error_propagate(errp, qio_error_copy(s->failed));
        return -1;
    }
    if (!s->done) {
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

static int send_key_update(struct qiop_tls_session *s, unsigned flags,
                           QIOError **errp)
{
    int ret;

    if (qiop_tls_output_room(s, errp)) {
        return -1;
    }
    do {
        ret = gnutls_session_key_update(s->tls, flags);
    } while (ret == GNUTLS_E_AGAIN || ret == GNUTLS_E_INTERRUPTED);
    if (ret < 0) {
        return qiop_tls_fail_code(s, ret, errp);
    }
    s->asked |= flags == GNUTLS_KU_PEER;
    return 0;
}

/* The update that the peer asked for, due before our next data. */
static int answer(struct qiop_tls_session *s, QIOError **errp)
{
    if (!s->answer_due) {
        return 0;
    }
    s->answer_due = false;
    return send_key_update(s, 0, errp);
}

static ssize_t seal_all(struct qiop_tls_session *s, struct qiop_iov_cursor *c,
                        size_t held, QIOError **errp)
{
    ssize_t total = 0, n;

    while (qiop_iov_cursor_left(c) && s->out.len + held < s->out_max) {
        QIOError *err = NULL;

        n = -1;
        if (answer(s, &err) == 0 && qiop_tls_output_room(s, &err) == 0) {
            n = s->engine->seal(s, c, &err);
        }
        if (n < 0) {
            /* After some bytes were taken the next call says it. */
            qio_error_propagate(total ? NULL : errp, err);
            return total ? total : -1;
        }
        total += n;
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
    pthread_mutex_lock(&s->lock);
    if (check_writable(s, errp) == 0) {
        ret = seal_all(s, &c, held, errp);
    }
    pthread_mutex_unlock(&s->lock);
    return ret;
}

/* ---- ending ---- */

int qiop_tls_session_bye(struct qiop_tls_session *s, QIOError **errp)
{
    int ret = 0;

    pthread_mutex_lock(&s->lock);
    if (s->done && !s->failed && !s->bye_sent) {
        ret = gnutls_bye(s->tls, GNUTLS_SHUT_WR);
        s->bye_sent = true;
        if (ret < 0) {
            ret = qiop_tls_fail_code(s, ret, errp);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return ret;
}

void qiop_tls_session_abort(struct qiop_tls_session *s)
{
    pthread_mutex_lock(&s->lock);
    if (s->done && !s->failed && !s->bye_sent) {
        gnutls_alert_send(s->tls, GNUTLS_AL_FATAL, GNUTLS_A_INTERNAL_ERROR);
        s->bye_sent = true;
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- keys and facts ---- */

static int update_keys(struct qiop_tls_session *s, bool ask_peer,
                       QIOError **errp)
{
    bool answered;

    if (check_writable(s, errp)) {
        return -1;
    }
    if (gnutls_protocol_get_version(s->tls) != GNUTLS_TLS1_3) {
        qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0,
                      "keys cannot be updated before TLS 1.3");
        return -1;
    }
    answered = s->answer_due;
    if (answer(s, errp)) {
        return -1;
    }
    /* A second request while one is open would only annoy the peer. */
    ask_peer = ask_peer && !s->asked;
    if (answered && !ask_peer) {
        return 0;
    }
    return send_key_update(s, ask_peer ? GNUTLS_KU_PEER : 0, errp);
}

int qiop_tls_session_update_keys(struct qiop_tls_session *s, bool ask_peer,
                                 QIOError **errp)
{
    int ret;

    pthread_mutex_lock(&s->lock);
    ret = update_keys(s, ask_peer, errp);
    pthread_mutex_unlock(&s->lock);
    return ret;
}

static char *describe(struct qiop_tls_session *s)
{
    gnutls_session_t tls = s->tls;
    const char *group = gnutls_group_get_name(gnutls_group_get(tls));
    gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(tls);
    char *text;

    if (asprintf(&text, "%s %s %s%s%s",
                 gnutls_protocol_get_name(gnutls_protocol_get_version(tls)),
                 gnutls_cipher_get_name(cipher),
                 gnutls_kx_get_name(gnutls_kx_get(tls)), group ? " " : "",
                 group ? group : "") < 0) {
        return NULL;
    }
    return text;
}

char *qiop_tls_session_describe(struct qiop_tls_session *s, QIOError **errp)
{
    char *text = NULL;

    pthread_mutex_lock(&s->lock);
    if (!s->done) {
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
    if (!s->done) {
        qio_error_set(errp, QIO_ERROR_STATE, 0,
                      "the TLS handshake is not complete");
    } else {
        text = qiop_tls_peer_identity(s, errp);
    }
    pthread_mutex_unlock(&s->lock);
    return text;
}
