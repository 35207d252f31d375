/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one place that turns what GnuTLS says into an error with a code and a
 * line that a person can act on, and into the alert that tells the peer. */
#include <config.h>
#include "tls/session-priv.h"

static const struct {
    int alert;
    const char *text;
} alert_texts[] = {
    {GNUTLS_A_UNEXPECTED_MESSAGE, "unexpected message"},
    {GNUTLS_A_BAD_RECORD_MAC, "bad record MAC"},
    {GNUTLS_A_RECORD_OVERFLOW, "record overflow"},
    {GNUTLS_A_HANDSHAKE_FAILURE, "handshake failure"},
    {GNUTLS_A_BAD_CERTIFICATE, "bad certificate"},
    {GNUTLS_A_UNSUPPORTED_CERTIFICATE, "unsupported certificate"},
    {GNUTLS_A_CERTIFICATE_REVOKED, "certificate revoked"},
    {GNUTLS_A_CERTIFICATE_EXPIRED, "certificate expired"},
    {GNUTLS_A_CERTIFICATE_UNKNOWN, "certificate unknown"},
    {GNUTLS_A_ILLEGAL_PARAMETER, "illegal parameter"},
    {GNUTLS_A_UNKNOWN_CA, "unknown CA"},
    {GNUTLS_A_ACCESS_DENIED, "access denied"},
    {GNUTLS_A_DECODE_ERROR, "decode error"},
    {GNUTLS_A_DECRYPT_ERROR, "decrypt error"},
    {GNUTLS_A_PROTOCOL_VERSION, "protocol version"},
    {GNUTLS_A_INSUFFICIENT_SECURITY, "insufficient security"},
    {GNUTLS_A_INTERNAL_ERROR, "internal error"},
    {GNUTLS_A_USER_CANCELED, "user canceled"},
    {GNUTLS_A_NO_RENEGOTIATION, "no renegotiation"},
    {GNUTLS_A_UNRECOGNIZED_NAME, "unrecognized name"},
    {QIOP_A_BAD_CERTIFICATE_STATUS, "bad certificate status response"},
    {GNUTLS_A_UNKNOWN_PSK_IDENTITY, "unknown PSK identity"},
    {GNUTLS_A_CERTIFICATE_REQUIRED, "certificate required"},
    {GNUTLS_A_NO_APPLICATION_PROTOCOL, "no application protocol in common"},
};

static const char *alert_text(int alert)
{
    size_t i;

    for (i = 0; i < sizeof(alert_texts) / sizeof(alert_texts[0]); i++) {
        if (alert_texts[i].alert == alert) {
            return alert_texts[i].text;
        }
    }
    return "unknown reason";
}

/* What the peer must have meant, in front of ": reason (TLS alert N)". */
static const char *alert_meaning(const struct qiop_tls_session *s, int alert)
{
    bool psk = s->creds->config->kind == QIO_TLS_CREDS_PSK;

    switch (alert) {
    case GNUTLS_A_BAD_CERTIFICATE:
    case GNUTLS_A_UNSUPPORTED_CERTIFICATE:
    case GNUTLS_A_CERTIFICATE_REVOKED:
    case GNUTLS_A_CERTIFICATE_EXPIRED:
    case GNUTLS_A_CERTIFICATE_UNKNOWN:
    case GNUTLS_A_UNKNOWN_CA:
    case QIOP_A_BAD_CERTIFICATE_STATUS:
        return "the peer rejected our certificate";
    case GNUTLS_A_CERTIFICATE_REQUIRED:
        return s->material->own_certs
                   ? "the peer wants a certificate of another CA than ours"
                   : "the peer wants a certificate and we have none";
    case GNUTLS_A_ACCESS_DENIED:
        return "the peer knows us, but does not let us in";
    case GNUTLS_A_DECRYPT_ERROR:
    case GNUTLS_A_BAD_RECORD_MAC:
    case GNUTLS_A_UNKNOWN_PSK_IDENTITY:
        if (psk && (!s->done || alert != GNUTLS_A_BAD_RECORD_MAC)) {
            return "the peer rejected our pre-shared key (user unknown or "
                   "another key)";
        }
        break;
    case GNUTLS_A_PROTOCOL_VERSION:
        return "the peer accepts none of our TLS versions";
    default:
        break;
    }
    return s->done ? "the peer ended the TLS session"
                   : "the peer ended the TLS handshake";
}

static QIOError *explain_alert(struct qiop_tls_session *s, int code)
{
    int alert = (int)gnutls_alert_get(s->tls);
    QIOError *err = NULL;

    qio_error_set_tls(&err, QIO_ERROR_TLS_REJECTED, code,
                      "%s: %s (TLS alert %d)", alert_meaning(s, alert),
                      alert_text(alert), alert);
    qio_error_set_tls_alert(err, alert);
    return err;
}

/* A server's PSK handshake that does not decrypt. */
static QIOError *explain_psk(struct qiop_tls_session *s, int code)
{
    const char *user = s->psk_user ? s->psk_user : "";
    const QIOTLSConfig *c = s->creds->config;
    QIOError *err = NULL;

    if (s->psk_failed) {
        qio_error_set_tls(&err, QIO_ERROR_TLS_VERIFY, code,
                          "the key of user '%s' cannot be had", user);
    } else if (s->psk_unknown && c->psk_func) {
        qio_error_set_tls(&err, QIO_ERROR_TLS_VERIFY, code,
                          "there is no key for user '%s'", user);
    } else if (s->psk_unknown) {
        qio_error_set_tls(&err, QIO_ERROR_TLS_VERIFY, code,
                          "user '%s' is not in '%s/keys.psk'", user, c->dir);
    } else if (c->psk_func) {
        qio_error_set_tls(&err, QIO_ERROR_TLS_VERIFY, code,
                          "our key of user '%s' is not the peer's", user);
    } else {
        qio_error_set_tls(&err, QIO_ERROR_TLS_VERIFY, code,
                          "the key of user '%s' in '%s/keys.psk' is not the "
                          "peer's",
                          user, c->dir);
    }
    return err;
}

static bool psk_mismatch(const struct qiop_tls_session *s, int code)
{
    if (s->done || !s->server || s->creds->config->kind != QIO_TLS_CREDS_PSK) {
        return false;
    }
    return s->psk_unknown || s->psk_failed ||
           code == GNUTLS_E_DECRYPTION_FAILED ||
           code == GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER ||
           code == GNUTLS_E_ERROR_IN_FINISHED_PACKET;
}

static QIOError *simple(QIOErrorCode kind, int code, const char *text)
{
    QIOError *err = NULL;

    qio_error_set_tls(&err, kind, code, "%s", text);
    return err;
}

QIOError *qiop_tls_explain(struct qiop_tls_session *s, int code, int *alert)
{
    QIOError *err = NULL;
    int level;

    *alert = gnutls_error_to_alert(code, &level);
    if (s->no_memory || code == GNUTLS_E_MEMORY_ERROR) {
        return simple(QIO_ERROR_NOMEM, code, "out of memory");
    }
    if (s->verify_err) {
        *alert = (int)s->verify_alert;
        err = s->verify_err;
        s->verify_err = NULL;
        return err;
    }
    if (psk_mismatch(s, code)) {
        /* The same for both faults, so that names cannot be probed. */
        *alert = GNUTLS_A_DECRYPT_ERROR;
        return explain_psk(s, code);
    }
    switch (code) {
    case GNUTLS_E_FATAL_ALERT_RECEIVED:
        *alert = QIOP_TLS_NO_ALERT;
        return explain_alert(s, code);
    case GNUTLS_E_WARNING_ALERT_RECEIVED:
        return explain_alert(s, code);
    case GNUTLS_E_NO_CERTIFICATE_FOUND:
    case GNUTLS_E_CERTIFICATE_REQUIRED:
        /* Also what GnuTLS makes of an alert in place of a certificate. */
        if (gnutls_alert_get(s->tls) != GNUTLS_A_CLOSE_NOTIFY) {
            *alert = QIOP_TLS_NO_ALERT;
            return explain_alert(s, code);
        }
        *alert = gnutls_protocol_get_version(s->tls) == GNUTLS_TLS1_3
                     ? GNUTLS_A_CERTIFICATE_REQUIRED
                     : GNUTLS_A_HANDSHAKE_FAILURE;
        return simple(QIO_ERROR_TLS_VERIFY, code,
                      s->server ? "the client sent no certificate"
                                : "the server sent no certificate");
    case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
        return simple(QIO_ERROR_TLS, code,
                      "the peer offers no TLS version that we accept");
    case GNUTLS_E_NO_CIPHER_SUITES:
    case GNUTLS_E_UNKNOWN_CIPHER_SUITE:
    case GNUTLS_E_NO_COMMON_KEY_SHARE:
    case GNUTLS_E_INSUFFICIENT_CREDENTIALS:
        return simple(QIO_ERROR_TLS, code,
                      "no TLS version or cipher suite in common: the peer has "
                      "another kind of credentials, or another priority");
    case GNUTLS_E_HANDSHAKE_TOO_LARGE:
        *alert = GNUTLS_A_HANDSHAKE_FAILURE;
        qio_error_set_tls(&err, QIO_ERROR_TLS, code,
                          "the peer's TLS handshake is longer than the limit "
                          "of %u bytes",
                          s->creds->config->handshake_limit);
        return err;
    case GNUTLS_E_NO_APPLICATION_PROTOCOL:
        return simple(QIO_ERROR_TLS, code,
                      "the client offers no application protocol of ours");
    case GNUTLS_E_DECRYPTION_FAILED:
        return simple(QIO_ERROR_TLS, code,
                      "a TLS record of the peer does not decrypt");
    default:
        qio_error_set_tls(&err, QIO_ERROR_TLS, code, "%s: %s",
                          s->done ? "TLS failure" : "TLS handshake failure",
                          gnutls_strerror(code));
        return err;
    }
}
