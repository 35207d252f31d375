/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handshake messages after the handshake: what we have to know of them, and
 * what GnuTLS must not be shown or does not look at. An empty record within a
 * message, which RFC 8446 §5.4 forbids, it would take for the message's next
 * part for ever. (In the handshake it refuses it.) What follows in the record
 * of a message that changes the keys (§5.1) it would keep, and lose.
 */
#include <config.h>
#include "tls/session-priv.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* RFC 8446 §4: its type and length. */
#define MESSAGE_HEADER 4

/* ---- messages ---- */

/*
 * A KeyUpdate came in, before GnuTLS looks at it (RFC 8446 §4.6.3). Requests
 * may cross, and one may follow another before we have anything to send; GnuTLS
 * fails on both. So it sees each as an update without request, and we answer.
 */
static void key_update_came(struct qiop_tls_session *s,
                            const gnutls_datum_t *msg)
{
    s->asked = false;
    s->received.key_updates++;
    if (msg->size == 1 && msg->data[0] == 1) {
        msg->data[0] = 0;
        s->answer_due = true;
    }
}

bool qiop_tls_messages_aligned(const struct qiop_tls_session *s)
{
    return gnutls_record_check_pending(s->tls) == 0;
}

static int message_came(gnutls_session_t tls, unsigned type, unsigned when,
                        unsigned incoming, const gnutls_datum_t *msg)
{
    struct qiop_tls_session *s = gnutls_session_get_ptr(tls);

    if (!incoming) {
        return 0;
    }
    if (when == GNUTLS_HOOK_PRE) {
        s->told += MESSAGE_HEADER + msg->size;
    }
    if (type == GNUTLS_HANDSHAKE_KEY_UPDATE && when == GNUTLS_HOOK_PRE) {
        if (!qiop_tls_messages_aligned(s)) {
            return GNUTLS_E_UNEXPECTED_PACKET;
        }
        key_update_came(s, msg);
    }
    /* Not of a peer that is not verified yet: before TLS 1.3 it comes early. */
    if (type == GNUTLS_HANDSHAKE_NEW_SESSION_TICKET &&
        when == GNUTLS_HOOK_POST && s->done) {
        qiop_tls_keep_ticket(s);
    }
    return 0;
}

void qiop_tls_messages_hook(struct qiop_tls_session *s)
{
    gnutls_handshake_set_hook_function(s->tls, GNUTLS_HANDSHAKE_ANY,
                                       GNUTLS_HOOK_BOTH, message_came);
}

/* ---- their parts ---- */

/* RFC 8446 §5.2: the content, its type, padding. */
static bool is_empty(const uint8_t *inner, size_t len)
{
    while (len > 1 && !inner[len - 1]) {
        len--;
    }
    return len == 1 && inner[0] != QIOP_RECORD_DATA;
}

/* Whether a record holds nothing, and no data either; or a code of GnuTLS. One
 * that does not open is left to GnuTLS. */
static int holds_nothing(struct qiop_tls_session *s, const uint8_t *rec)
{
    gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(s->tls);
    size_t tag = gnutls_cipher_get_tag_size(cipher);
    size_t len = (size_t)rec[3] << 8 | rec[4], size = len;
    uint8_t nonce[QIOP_RECORD_NONCE], *inner;
    gnutls_aead_cipher_hd_t hd;
    gnutls_datum_t iv, key;
    uint64_t number; /* big-endian */
    int ret;

    ret = gnutls_record_get_state(s->tls, 1, NULL, &iv, &key, (void *)&number);
    if (ret < 0 || iv.size != sizeof(nonce)) {
        return ret < 0 ? ret : GNUTLS_E_INTERNAL_ERROR;
    }
    qiop_record_nonce(iv.data, be64toh(number), nonce);
    ret = qiop_aead_cipher_init(&hd, cipher, &key);
    if (ret < 0) {
        return ret;
    }
    inner = malloc(len + 1);
    if (!inner) {
        gnutls_aead_cipher_deinit(hd);
        return GNUTLS_E_MEMORY_ERROR;
    }
    ret = gnutls_aead_cipher_decrypt(hd, nonce, sizeof(nonce), rec,
                                     QIOP_TLS_HEADER, tag,
                                     rec + QIOP_TLS_HEADER, len, inner, &size);
    ret = ret == 0 && is_empty(inner, size);
    explicit_bzero(inner, len);
    free(inner);
    gnutls_aead_cipher_deinit(hd);
    return ret;
}

int qiop_tls_messages_check(struct qiop_tls_session *s, QIOError **errp)
{
    QIOError *err = NULL;
    size_t have;
    int ret;

    s->told = 0;
    ret = s->half ? holds_nothing(s, qiop_queue_peek(&s->in, &have)) : 0;
    if (ret < 0) {
        return qiop_tls_fail_code(s, ret, errp);
    }
    if (ret == 0) {
        return 0;
    }
    qio_error_set(&err, QIO_ERROR_TLS, 0,
                  "the peer sent an empty record within a TLS message");
    return qiop_tls_fail(s, GNUTLS_A_UNEXPECTED_MESSAGE, err, errp);
}

void qiop_tls_messages_count(struct qiop_tls_session *s, size_t len)
{
    size_t tag = gnutls_cipher_get_tag_size(gnutls_cipher_get(s->tls));

    /* Nothing may be an empty part of a message that has not begun: GnuTLS
     * keeps each of them, in 16 KiB. */
    s->half |= s->only_data &&
               (!s->told || len != QIOP_TLS_HEADER + s->told + 1 + tag);
}
