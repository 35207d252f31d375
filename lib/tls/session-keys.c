/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A session's keys for sending, and when they are replaced: on request of the
 * program or the peer, and before they are worn out. */
#include <config.h>
#include "tls/session-priv.h"

int qiop_tls_send_key_update(struct qiop_tls_session *s, unsigned flags,
                             QIOError **errp)
{
    int ret;

    if (qiop_tls_output_room(s, errp)) {
        return -1;
    }
    ret = qiop_tls_gnutls_enter(s, errp);
    if (ret == 0) {
        do {
            ret = gnutls_session_key_update(s->tls, flags);
        } while (ret == GNUTLS_E_AGAIN || ret == GNUTLS_E_INTERRUPTED);
        ret = ret < 0 ? qiop_tls_fail_code(s, ret, errp) : 0;
    }
    if (qiop_tls_gnutls_leave(s, ret ? NULL : errp)) {
        ret = -1;
    }
    s->asked |= ret == 0 && flags == GNUTLS_KU_PEER;
    s->sent.key_updates += ret == 0;
    return ret;
}

/* The update that the peer asked for, due before our next data. */
static int answer(struct qiop_tls_session *s, QIOError **errp)
{
    if (!s->answer_due) {
        return 0;
    }
    s->answer_due = false;
    return qiop_tls_send_key_update(s, 0, errp);
}

static int worn_out(struct qiop_tls_session *s, QIOError **errp)
{
    QIOError *err = NULL;

    (void)qiop_tls_gnutls_enter(s, NULL);
    qio_error_set(
        &err, QIO_ERROR_TLS, 0,
        "%u records were sent under one key, which is all that is "
        "safe, and %s cannot take a new one",
        s->creds->config->rekey_after,
        gnutls_protocol_get_name(gnutls_protocol_get_version(s->tls)));
    (void)qiop_tls_fail(s, GNUTLS_A_INTERNAL_ERROR, err, errp);
    (void)qiop_tls_gnutls_leave(s, NULL);
    return -1;
}

/* RFC 9325 §4.4: as many records as anybody can send. */
static bool never_worn(struct qiop_tls_session *s)
{
    gnutls_cipher_algorithm_t cipher;

    pthread_mutex_lock(&s->lock);
    cipher = gnutls_cipher_get(s->tls);
    pthread_mutex_unlock(&s->lock);
    return cipher == GNUTLS_CIPHER_CHACHA20_POLY1305;
}

/* Before a record: RFC 8446 §5.5. */
static int spare_key(struct qiop_tls_session *s, QIOError **errp)
{
    if (qiop_tls_records_sent(s) < s->creds->config->rekey_after) {
        return 0;
    }
    if (s->only_data) {
        return qiop_tls_send_key_update(s, 0, errp);
    }
    return never_worn(s) ? 0 : worn_out(s, errp);
}

int qiop_tls_tend_keys(struct qiop_tls_session *s, QIOError **errp)
{
    return answer(s, errp) || spare_key(s, errp) ? -1 : 0;
}

static int update_keys(struct qiop_tls_session *s, bool ask_peer,
                       QIOError **errp)
{
    bool answered, tls13;

    if (qiop_tls_check_writable(s, errp)) {
        return -1;
    }
    pthread_mutex_lock(&s->lock);
    tls13 = gnutls_protocol_get_version(s->tls) == GNUTLS_TLS1_3;
    pthread_mutex_unlock(&s->lock);
    if (!tls13) {
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
    return qiop_tls_send_key_update(s, ask_peer ? GNUTLS_KU_PEER : 0, errp);
}

int qiop_tls_session_update_keys(struct qiop_tls_session *s, bool ask_peer,
                                 QIOError **errp)
{
    int ret;

    qiop_tls_seal_enter(s);
    ret = update_keys(s, ask_peer, errp);
    qiop_tls_seal_leave(s);
    return ret;
}
