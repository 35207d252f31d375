/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be said about a session after its handshake. */
#include <config.h>
#include "tls/session-priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a text that GnuTLS owns; NULL: there is none. */
static int copy(const char *text, char **out)
{
    if (!text) {
        return GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
    }
    *out = strdup(text);
    return *out ? 0 : GNUTLS_E_MEMORY_ERROR;
}

/* Appends to *out, which is freed without memory. */
static int append(char **out, const char *text, size_t len, const char *end)
{
    char *longer = NULL;

    if (asprintf(&longer, "%s%.*s%s", *out ? *out : "", (int)len, text, end) <
        0) {
        longer = NULL;
    }
    free(*out);
    *out = longer;
    return longer ? 0 : GNUTLS_E_MEMORY_ERROR;
}

static int peer_chain(gnutls_session_t tls, char **out)
{
    unsigned n = 0, i;
    const gnutls_datum_t *der = gnutls_certificate_get_peers(tls, &n);
    int ret = der && n ? 0 : GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;

    for (i = 0; i < n && ret == 0; i++) {
        gnutls_datum_t pem = {NULL, 0};

        ret = gnutls_pem_base64_encode2("CERTIFICATE", &der[i], &pem);
        if (ret == 0) {
            ret = append(out, (const char *)pem.data, pem.size, "");
        }
        gnutls_free(pem.data);
    }
    return ret;
}

static int names_of(gnutls_x509_crt_t crt, char **out)
{
    struct qiop_cert_names names;
    int ret = qiop_cert_names_load(&names, crt);
    size_t i;

    for (i = 0; i < names.n && ret == 0; i++) {
        qiop_text_clean(names.v[i]);
        ret = append(out, names.v[i], strlen(names.v[i]), "\n");
    }
    qiop_cert_names_free(&names);
    return ret;
}

static int peer_names(gnutls_session_t tls, char **out)
{
    unsigned n = 0;
    const gnutls_datum_t *der = gnutls_certificate_get_peers(tls, &n);
    gnutls_x509_crt_t crt;
    int ret;

    if (!der || !n) {
        return GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
    }
    ret = gnutls_x509_crt_init(&crt);
    if (ret < 0) {
        return ret;
    }
    ret = gnutls_x509_crt_import(crt, &der[0], GNUTLS_X509_FMT_DER);
    if (ret >= 0) {
        ret = names_of(crt, out);
    }
    gnutls_x509_crt_deinit(crt);
    return ret;
}

static int alpn(gnutls_session_t tls, char **out)
{
    gnutls_datum_t name;

    if (gnutls_alpn_get_selected_protocol(tls, &name) < 0) {
        return GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
    }
    return append(out, (const char *)name.data, name.size, "");
}

/* What the peer has signed with; a session by a key alone has none. */
static const char *signature(const struct qiop_tls_session *s)
{
    int algo = s->server ? gnutls_sign_algorithm_get_client(s->tls)
                         : gnutls_sign_algorithm_get(s->tls);

    return algo > 0 ? gnutls_sign_get_name((gnutls_sign_algorithm_t)algo)
                    : NULL;
}

static int fact(const struct qiop_tls_session *s, QIOTLSFact what, char **out)
{
    gnutls_session_t tls = s->tls;

    switch (what) {
    case QIO_TLS_FACT_VERSION:
        return copy(gnutls_protocol_get_name(gnutls_protocol_get_version(tls)),
                    out);
    case QIO_TLS_FACT_CIPHER:
        return copy(gnutls_cipher_get_name(gnutls_cipher_get(tls)), out);
    case QIO_TLS_FACT_GROUP:
        return copy(gnutls_group_get_name(gnutls_group_get(tls)), out);
    case QIO_TLS_FACT_SIGNATURE:
        return copy(signature(s), out);
    case QIO_TLS_FACT_ENGINE:
        return copy(qiop_tls_engine_name(s), out);
    case QIO_TLS_FACT_PEER_CHAIN:
        return peer_chain(tls, out);
    case QIO_TLS_FACT_PEER_NAMES:
        return peer_names(tls, out);
    case QIO_TLS_FACT_ALPN:
        return alpn(tls, out);
    case QIO_TLS_FACT_RESUMED:
        return copy(gnutls_session_is_resumed(tls) ? "yes" : "no", out);
    }
    return GNUTLS_E_INVALID_REQUEST;
}

static void failed(int code, const char *what, QIOError **errp)
{
    if (code == GNUTLS_E_MEMORY_ERROR) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
    } else if (code == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
        qio_error_set(errp, QIO_ERROR_NOT_FOUND, 0, "the TLS session has no %s",
                      what);
    } else {
        qio_error_set_tls(errp, QIO_ERROR_INVALID, code,
                          "no such %s of a TLS session: %s", what,
                          gnutls_strerror(code));
    }
}

static int enter(struct qiop_tls_session *s, QIOError **errp)
{
    pthread_mutex_lock(&s->lock);
    if (atomic_load(&s->done)) {
        return 0;
    }
    pthread_mutex_unlock(&s->lock);
    qio_error_set(errp, QIO_ERROR_STATE, 0,
                  "the TLS handshake is not complete");
    return -1;
}

char *qiop_tls_session_fact(struct qiop_tls_session *s, QIOTLSFact what,
                            QIOError **errp)
{
    char *text = NULL;
    int ret;

    if (enter(s, errp)) {
        return NULL;
    }
    ret = fact(s, what, &text);
    pthread_mutex_unlock(&s->lock);
    if (ret == 0) {
        return text;
    }
    free(text);
    failed(ret, "fact of this kind", errp);
    return NULL;
}

static int64_t count(const struct qiop_tls_session *s, QIOTLSCount what)
{
    switch (what) {
    case QIO_TLS_COUNT_HANDSHAKE_US:
        return s->handshake_us;
    case QIO_TLS_COUNT_RECORDS_SENT:
        return (int64_t)s->sent.records;
    case QIO_TLS_COUNT_BYTES_SENT:
        return (int64_t)s->sent.bytes;
    case QIO_TLS_COUNT_KEY_UPDATES_SENT:
        return s->sent.key_updates;
    case QIO_TLS_COUNT_RECORDS_RECEIVED:
        return (int64_t)s->received.records;
    case QIO_TLS_COUNT_BYTES_RECEIVED:
        return (int64_t)s->received.bytes;
    case QIO_TLS_COUNT_KEY_UPDATES_RECEIVED:
        return s->received.key_updates;
    }
    return -1;
}

int64_t qiop_tls_session_count(struct qiop_tls_session *s, QIOTLSCount what,
                               QIOError **errp)
{
    int64_t n;

    pthread_mutex_lock(&s->open_lock);
    qiop_tls_seal_enter(s);
    if (enter(s, errp)) {
        n = -1;
    } else {
        n = count(s, what);
        pthread_mutex_unlock(&s->lock);
        if (n < 0) {
            qio_error_set(errp, QIO_ERROR_INVALID, 0,
                          "no such count of a TLS session");
        }
    }
    qiop_tls_seal_leave(s);
    pthread_mutex_unlock(&s->open_lock);
    return n;
}

int qiop_tls_session_export(struct qiop_tls_session *s, const char *label,
                            const void *context, size_t context_len, void *out,
                            size_t len, QIOError **errp)
{
    int ret;

    if (!label || !*label || !len) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "exporting a key needs a label and a length");
        return -1;
    }
    if (enter(s, errp)) {
        return -1;
    }
    ret = gnutls_prf_rfc5705(s->tls, strlen(label), label, context_len, context,
                             len, out);
    pthread_mutex_unlock(&s->lock);
    if (ret < 0) {
        failed(ret, "exported key", errp);
        return -1;
    }
    return 0;
}

ssize_t qiop_tls_session_binding(struct qiop_tls_session *s, const char *type,
                                 void *out, size_t size, QIOError **errp)
{
    gnutls_datum_t cb = {NULL, 0};
    gnutls_channel_binding_t kind;
    ssize_t len = -1;
    int ret;

    if (strcmp(type, "tls-exporter") == 0) {
        kind = GNUTLS_CB_TLS_EXPORTER;
    } else if (strcmp(type, "tls-unique") == 0) {
        kind = GNUTLS_CB_TLS_UNIQUE;
    } else {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "a channel binding is tls-exporter or tls-unique");
        return -1;
    }
    if (enter(s, errp)) {
        return -1;
    }
    /* RFC 5929 §3 is unsafe by RFC 7627 and gone in RFC 8446 appendix C.5. */
    ret = kind == GNUTLS_CB_TLS_UNIQUE &&
                  gnutls_protocol_get_version(s->tls) == GNUTLS_TLS1_3
              ? GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE
              : gnutls_session_channel_binding(s->tls, kind, &cb);
    pthread_mutex_unlock(&s->lock);
    if (ret < 0) {
        failed(ret, "channel binding of this type", errp);
    } else if (cb.size > size) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "the channel binding has %u bytes", cb.size);
    } else {
        memcpy(out, cb.data, cb.size);
        len = cb.size;
    }
    gnutls_memset(cb.data, 0, cb.size);
    gnutls_free(cb.data);
    return len;
}
