/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A TLS session's life: making it, the memory that GnuTLS pushes to and pulls
 * from, the handshake, and how it fails. */
#include <config.h>
#include "tls/session-priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define OUT_DEFAULT (512u << 10)
#define IN_START (32u << 10)
/* A peer's batch of OUT_DEFAULT in as few reads as it comes in. More would not
 * stay in the cache, which costs more than the calls. */
#define IN_DEFAULT (512u << 10)
#define BUFFER_MAX (64u << 20)

/* Warning alerts in a handshake before we lose patience. */
#define WARNINGS_MAX 16

/* ---- what GnuTLS calls ---- */

/* Only whole records are ever shown to GnuTLS: so "what the session holds" is
 * exact, and a record's bytes are never half here, half in there. */
bool qiop_tls_input_whole(struct qiop_tls_session *s)
{
    size_t len, size;
    const uint8_t *p = qiop_queue_peek(&s->in, &len);

    if (!len || s->in_bad) {
        return false;
    }
    /* Content types 20 to 24, version 3.x (RFC 8446 §5.1). */
    s->in_bad = p[0] < 20 || p[0] > 24 || (len > 1 && p[1] != 3);
    /* From then on all else is in the open: §5.1, appendix D.4. */
    s->in_bad |= s->only_data && p[0] != QIOP_RECORD_DATA;
    if (s->in_bad || len < QIOP_TLS_HEADER) {
        return false;
    }
    size = QIOP_TLS_HEADER + ((size_t)p[3] << 8 | p[4]);
    s->in_bad = size > QIOP_TLS_RECORD_MAX;
    return !s->in_bad && len >= size;
}

static bool too_long(const struct qiop_tls_session *s)
{
    return s->in_handshake > s->creds->config->handshake_limit;
}

/* Nobody may make us work and remember without end before we know him. */
static bool count_handshake(struct qiop_tls_session *s, size_t len)
{
    if (!too_long(s)) {
        s->in_handshake += (uint32_t)len;
    }
    return !too_long(s);
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
    struct qiop_tls_session *s = ptr;
    size_t have;

    if (!s->in_record) {
        const uint8_t *p = qiop_queue_peek(&s->in, &have);

        if (!qiop_tls_input_whole(s)) {
            gnutls_transport_set_errno(s->tls, EAGAIN);
            return -1;
        }
        s->in_record = QIOP_TLS_HEADER + ((uint32_t)p[3] << 8 | p[4]);
    }
    if (len > s->in_record) {
        len = s->in_record;
    }
    if (!s->done && !count_handshake(s, len)) {
        gnutls_transport_set_errno(s->tls, EMSGSIZE);
        return -1;
    }
    len = qiop_queue_take(&s->in, buf, len);
    s->in_record -= (uint32_t)len;
    return (ssize_t)len;
}

static int pull_timeout(gnutls_transport_ptr_t ptr, unsigned ms)
{
    struct qiop_tls_session *s = ptr;

    (void)ms;
    return s->in_record || qiop_tls_input_whole(s);
}

static ssize_t push(gnutls_transport_ptr_t ptr, const giovec_t *iov, int niov)
{
    struct qiop_tls_session *s = ptr;
    size_t total = 0;
    int i;

    if (!qiop_tls_may_push(s)) {
        gnutls_transport_set_errno(s->tls, EIO);
        return -1;
    }
    if (s->reading) {
        atomic_store(&s->out_urgent, true);
    }
    for (i = 0; i < niov; i++) {
        if (qiop_queue_append(&s->out, iov[i].iov_base, iov[i].iov_len, NULL)) {
            s->no_memory = true;
            gnutls_transport_set_errno(s->tls, ENOMEM);
            return -1;
        }
        total += iov[i].iov_len;
    }
    return (ssize_t)total;
}

int qiop_tls_output_room(struct qiop_tls_session *s, QIOError **errp)
{
    size_t avail;

    return qiop_queue_reserve(&s->out, QIOP_TLS_RECORD_MAX + QIOP_TLS_SLACK,
                              &avail, errp)
               ? 0
               : -1;
}

struct qiop_tls_material *qiop_creds_of_session(gnutls_session_t tls)
{
    struct qiop_tls_session *s = gnutls_session_get_ptr(tls);

    return s->material;
}

int qiop_creds_psk_lookup(gnutls_session_t tls, const char *user,
                          gnutls_datum_t *key)
{
    struct qiop_tls_session *s = gnutls_session_get_ptr(tls);
    int ret = qiop_creds_psk_find(s->material, user, key);

    s->no_memory |= ret == -1;
    s->psk_failed = ret == -2;
    /* With 1 GnuTLS goes on with a random key, so that the peer cannot probe
     * for names; for our own message we remember what happened. */
    s->psk_unknown = ret == 1;
    free(s->psk_user);
    s->psk_user = strndup(user, 64);
    if (s->psk_user) {
        qiop_text_clean(s->psk_user);
    }
    return ret < 0 ? -1 : ret;
}

/* ---- making one ---- */

static int set_creds(struct qiop_tls_session *s)
{
    const struct qiop_tls_material *m = s->material;
    gnutls_credentials_type_t type;
    void *cred;

    if (m->config->kind == QIO_TLS_CREDS_X509) {
        type = GNUTLS_CRD_CERTIFICATE;
        cred = m->x509;
    } else if (m->config->kind == QIO_TLS_CREDS_PSK) {
        type = GNUTLS_CRD_PSK;
        cred = s->server ? (void *)m->psk_server : (void *)m->psk_client;
    } else {
        type = GNUTLS_CRD_ANON;
        cred = s->server ? (void *)m->anon_server : (void *)m->anon_client;
    }
    return gnutls_credentials_set(s->tls, type, cred);
}

static int set_alpn(struct qiop_tls_session *s)
{
    gnutls_datum_t names[QIOP_ALPN_MAX];
    char *p = s->creds->config->alpn;
    unsigned n = 0;

    while (p && *p && n < QIOP_ALPN_MAX) {
        names[n].data = (unsigned char *)p;
        names[n].size = (unsigned)strcspn(p, ":");
        p += names[n].size;
        p += *p == ':';
        n++;
    }
    return n ? gnutls_alpn_set_protocols(s->tls, names, n,
                                         GNUTLS_ALPN_MANDATORY |
                                             GNUTLS_ALPN_SERVER_PRECEDENCE)
             : 0;
}

static int setup(struct qiop_tls_session *s)
{
    unsigned flags =
        GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | qiop_tls_resume_flags(s);
    bool verify = qiop_creds_verify(s->creds);
    int ret;

    ret = gnutls_init(&s->tls,
                      flags | (s->server ? GNUTLS_SERVER : GNUTLS_CLIENT));
    if (ret < 0) {
        s->tls = NULL;
        return ret;
    }
    ret = gnutls_priority_set(s->tls, s->creds->priority);
    if (ret >= 0) {
        ret = set_creds(s);
    }
    if (ret >= 0) {
        ret = set_alpn(s);
    }
    if (ret >= 0) {
        ret = qiop_tls_resume_setup(s);
    }
    if (ret < 0) {
        return ret;
    }
    /* Of one message, ours as well; what is counted here is never less. */
    if (s->creds->config->handshake_limit > QIOP_HANDSHAKE_LIMIT) {
        gnutls_handshake_set_max_packet_length(
            s->tls, s->creds->config->handshake_limit);
    }
    gnutls_session_set_ptr(s->tls, s);
    gnutls_transport_set_ptr(s->tls, s);
    gnutls_transport_set_vec_push_function(s->tls, push);
    gnutls_transport_set_pull_function(s->tls, pull);
    gnutls_transport_set_pull_timeout_function(s->tls, pull_timeout);
    qiop_tls_messages_hook(s);
    if (s->creds->config->kind != QIO_TLS_CREDS_X509) {
        return 0;
    }
    if (verify) {
        gnutls_session_set_verify_function(s->tls, qiop_tls_verify_peer);
    }
    /* Whoever is not verified is not asked either: browsers give a websocket up
     * rather than choose a certificate for it. */
    if (s->server && verify) {
        gnutls_certificate_server_set_request(s->tls, GNUTLS_CERT_REQUIRE);
        /* Without the list of our CAs a client shows what it has, and can be
         * told what is wrong with it. */
        gnutls_certificate_send_x509_rdn_sequence(s->tls, 1);
    }
    return 0;
}

static int check_args(QIOTLSCreds *creds, QIOTLSEndpoint endpoint,
                      QIOAuthz *authz, QIOError **errp)
{
    if (!creds || creds->config->endpoint != endpoint) {
        qio_error_set(
            errp, QIO_ERROR_INVALID, 0, "expected TLS credentials for a %s",
            endpoint == QIO_TLS_ENDPOINT_SERVER ? "server" : "client");
        return -1;
    }
    if (authz && (creds->config->kind == QIO_TLS_CREDS_ANON ||
                  !qiop_creds_verify(creds))) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "an authorizer needs credentials that verify peers");
        return -1;
    }
    return 0;
}

struct qiop_tls_session *qiop_tls_session_new(QIOTLSCreds *creds,
                                              QIOTLSEndpoint endpoint,
                                              QIOAuthz *authz, QIOError **errp)
{
    struct qiop_tls_session *s;
    int ret;

    if (check_args(creds, endpoint, authz, errp)) {
        return NULL;
    }
    s = calloc(1, sizeof(*s));
    if (!s) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&s->open_lock, NULL);
    pthread_mutex_init(&s->seal_lock, NULL);
    pthread_mutex_init(&s->lock, NULL);
    s->creds = qio_tls_creds_ref(creds);
    s->material = qiop_creds_material(creds);
    s->authz = authz ? qio_authz_ref(authz) : NULL;
    s->server = endpoint == QIO_TLS_ENDPOINT_SERVER;
    s->engine = &qiop_tls_engine_gnutls;
    s->in_size = IN_START;
    qiop_tls_session_set_buffers(s, OUT_DEFAULT, IN_DEFAULT);
    ret = setup(s);
    if (ret < 0) {
        qio_error_set_tls(
            errp,
            ret == GNUTLS_E_MEMORY_ERROR ? QIO_ERROR_NOMEM : QIO_ERROR_TLS, ret,
            "cannot make a TLS session: %s", gnutls_strerror(ret));
        qiop_tls_session_free(s);
        return NULL;
    }
    return s;
}

void qiop_tls_session_free(struct qiop_tls_session *s)
{
    if (!s) {
        return;
    }
    s->engine->stop(s);
    if (s->tls) {
        gnutls_deinit(s->tls);
    }
    qiop_queue_free(&s->in, false);
    qiop_queue_free(&s->out, false);
    qio_error_free(s->failed);
    qio_error_free(s->in_err);
    qio_error_free(s->verify_err);
    qiop_tls_material_unref(s->material);
    qio_tls_creds_unref(s->creds);
    qio_authz_unref(s->authz);
    free(s->psk_user);
    free(s->hostname);
    pthread_mutex_destroy(&s->open_lock);
    pthread_mutex_destroy(&s->seal_lock);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void qiop_tls_session_set_buffers(struct qiop_tls_session *s, size_t output,
                                  size_t input)
{
    if (output) {
        s->out_max = output < QIOP_TLS_PLAIN_MAX ? QIOP_TLS_PLAIN_MAX
                     : output > BUFFER_MAX       ? BUFFER_MAX
                                                 : (uint32_t)output;
    }
    if (input) {
        s->in_max = input < QIOP_TLS_RECORD_MAX ? QIOP_TLS_RECORD_MAX
                    : input > BUFFER_MAX        ? BUFFER_MAX
                                                : (uint32_t)input;
        s->in_size = s->in_size < s->in_max ? s->in_size : s->in_max;
    }
    /* Beyond the bounds: the record at hand, control messages. */
    qiop_queue_init(&s->out, 2 * s->out_max + 16 * QIOP_TLS_RECORD_MAX);
    qiop_queue_init(&s->in, s->in_max + 2 * QIOP_TLS_RECORD_MAX);
}

void qiop_tls_session_limit_input(struct qiop_tls_session *s, size_t input)
{
    pthread_mutex_lock(&s->open_lock);
    if (input && input < s->in_max) {
        s->in_max =
            input < QIOP_TLS_RECORD_MAX ? QIOP_TLS_RECORD_MAX : (uint32_t)input;
        s->in_size = s->in_size < s->in_max ? s->in_size : s->in_max;
    }
    pthread_mutex_unlock(&s->open_lock);
}

bool qiop_tls_session_needs_hostname(const struct qiop_tls_session *s)
{
    return !s->server && !s->hostname;
}

int qiop_tls_session_set_hostname(struct qiop_tls_session *s, const char *name,
                                  QIOError **errp)
{
    free(s->hostname);
    s->hostname = qiop_tls_plain_hostname(name);
    if (!s->hostname) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    /* RFC 6066 §3: names only. One that GnuTLS cannot encode is not sent. */
    if (*s->hostname && !qiop_tls_is_ip(s->hostname) &&
        gnutls_server_name_set(s->tls, GNUTLS_NAME_DNS, s->hostname,
                               strlen(s->hostname)) == GNUTLS_E_MEMORY_ERROR) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    return 0;
}

/* ---- failing ---- */

int qiop_tls_fail(struct qiop_tls_session *s, int alert, QIOError *err,
                  QIOError **errp)
{
    if (!s->failed) {
        if (alert != QIOP_TLS_NO_ALERT && !s->bye_sent) {
            gnutls_alert_send(s->tls, GNUTLS_AL_FATAL,
                              (gnutls_alert_description_t)alert);
        }
        s->failed = err;
        atomic_store(&s->dead, true);
        qiop_tls_forget_tickets(s);
    } else {
        qio_error_free(err);
    }
    qio_error_propagate(errp, qio_error_copy(s->failed));
    return -1;
}

int qiop_tls_fail_code(struct qiop_tls_session *s, int code, QIOError **errp)
{
    int alert = QIOP_TLS_NO_ALERT;
    QIOError *err = qiop_tls_explain(s, code, &alert);

    return qiop_tls_fail(s, alert, err, errp);
}

int qiop_tls_fail_garbage(struct qiop_tls_session *s, QIOError **errp)
{
    char text[3 * 8 + 1] = "";
    QIOError *err = NULL;
    size_t len, i;
    const uint8_t *p = qiop_queue_peek(&s->in, &len);

    for (i = 0; i < len && i < 8; i++) {
        snprintf(text + 3 * i, sizeof(text) - 3 * i, " %02x", p[i]);
    }
    qio_error_set(&err, QIO_ERROR_TLS, 0,
                  s->done ? "the peer sent what is no TLS record of this "
                            "session (%s ...)"
                          : "the peer does not speak TLS (it sent%s ...)",
                  text);
    return qiop_tls_fail(s, GNUTLS_A_UNEXPECTED_MESSAGE, err, errp);
}

/* ---- handshake ---- */

/* The handshake needs input and there is none. */
static int starved(struct qiop_tls_session *s, QIOError **errp)
{
    QIOError *err = NULL;

    if (s->in_bad) {
        return qiop_tls_fail_garbage(s, errp);
    }
    if (s->in_err) {
        return qiop_tls_fail(s, QIOP_TLS_NO_ALERT, qio_error_copy(s->in_err),
                             errp);
    }
    if (s->in_eof) {
        qio_error_set(&err, QIO_ERROR_TLS_TRUNCATED, 0,
                      "the peer closed the connection in the TLS handshake");
        return qiop_tls_fail(s, QIOP_TLS_NO_ALERT, err, errp);
    }
    return QIOP_TLS_BLOCK;
}

static int complete(struct qiop_tls_session *s, QIOError **errp)
{
    int ret = qiop_tls_messages_aligned(s) ? qiop_tls_resume_complete(s)
                                           : GNUTLS_E_UNEXPECTED_PACKET;

    if (ret < 0) {
        return qiop_tls_fail_code(s, ret, errp);
    }
    if (s->authz && s->creds->config->kind == QIO_TLS_CREDS_PSK &&
        qiop_tls_authorize_psk(s, errp)) {
        return -1;
    }
    qiop_tls_engine_start(s);
    s->only_data = gnutls_protocol_get_version(s->tls) == GNUTLS_TLS1_3;
    s->handshake_us = qiop_now_us() - s->handshake_us;
    atomic_store(&s->done, true);
    return 0;
}

/* gnutls_handshake(), until it needs what has not come. It says so as well
 * after each part of a message that comes in several records, which it would
 * find in its socket; here they have been read. */
static int advance(struct qiop_tls_session *s)
{
    int ret, warnings = 0;
    size_t had;

    do {
        had = s->in.len;
        errno = 0;
        ret = gnutls_handshake(s->tls);
    } while (
        ret == GNUTLS_E_INTERRUPTED ||
        (ret == GNUTLS_E_AGAIN && s->in.len < had && !s->in_record &&
         qiop_tls_input_whole(s)) ||
        (ret == GNUTLS_E_WARNING_ALERT_RECEIVED && ++warnings < WARNINGS_MAX));
    return ret;
}

static int step(struct qiop_tls_session *s, QIOError **errp)
{
    int ret;

    if (s->failed) {
        qio_error_propagate(errp, qio_error_copy(s->failed));
        return -1;
    }
    if (s->done) {
        return 0;
    }
    if (!s->server && s->creds->config->kind == QIO_TLS_CREDS_X509 &&
        qiop_creds_verify(s->creds) && (!s->hostname || !*s->hostname)) {
        QIOError *err = NULL;

        qio_error_set(&err, QIO_ERROR_INVALID, 0,
                      "no hostname for certificate validation");
        return qiop_tls_fail(s, QIOP_TLS_NO_ALERT, err, errp);
    }
    if (!s->begun) {
        s->begun = true;
        s->handshake_us = qiop_now_us();
        ret = qiop_tls_offer_ticket(s);
        if (ret < 0) {
            return qiop_tls_fail_code(s, ret, errp);
        }
    }
    ret = advance(s);
    if (ret == GNUTLS_E_AGAIN) {
        return starved(s, errp);
    }
    if (ret < 0 && too_long(s)) {
        ret = GNUTLS_E_HANDSHAKE_TOO_LARGE;
    }
    /* GnuTLS has many names for it. */
    s->no_memory |=
        ret < 0 && ret != GNUTLS_E_FATAL_ALERT_RECEIVED && errno == ENOMEM;
    return ret < 0 ? qiop_tls_fail_code(s, ret, errp) : complete(s, errp);
}

int qiop_tls_session_handshake(struct qiop_tls_session *s, QIOError **errp)
{
    int ret;

    pthread_mutex_lock(&s->open_lock);
    qiop_tls_seal_enter(s);
    ret = qiop_tls_gnutls_enter(s, errp);
    if (ret == 0) {
        ret = step(s, errp);
    }
    if (qiop_tls_gnutls_leave(s, ret == 0 ? errp : NULL)) {
        ret = -1;
    }
    qiop_tls_seal_leave(s);
    pthread_mutex_unlock(&s->open_lock);
    return ret;
}

bool qiop_tls_session_established(struct qiop_tls_session *s)
{
    return atomic_load(&s->done) && !atomic_load(&s->dead);
}
