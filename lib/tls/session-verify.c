/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is at the other end: the certificate's chain, dates, purpose and name,
 * and the authorizer's opinion. */
#include <config.h>
#include "tls/session-priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

char *qiop_tls_plain_hostname(const char *name)
{
    char *copy = strdup(name), *zone;
    size_t len;

    if (!copy) {
        return NULL;
    }
    zone = strchr(copy, '%');
    if (zone && strchr(copy, ':')) {
        *zone = '\0';
    }
    len = strlen(copy);
    if (len > 1 && copy[len - 1] == '.') {
        copy[len - 1] = '\0';
    }
    return copy;
}

bool qiop_tls_is_ip(const char *name)
{
    unsigned char addr[16];

    return inet_pton(AF_INET, name, addr) == 1 ||
           inet_pton(AF_INET6, name, addr) == 1;
}

/* ---- checking ---- */

static int refuse_client(struct qiop_tls_session *s, QIOError *why)
{
    QIOError *err = NULL;

    if (qio_error_code(why) == QIO_ERROR_NOMEM) {
        qio_error_free(why);
        return GNUTLS_E_MEMORY_ERROR;
    }
    qio_error_set(&err, QIO_ERROR_AUTHZ, 0, "client %s",
                  qio_error_message(why));
    qio_error_free(why);
    return qiop_tls_refuse(s, GNUTLS_A_ACCESS_DENIED, err);
}

static int check_authz(struct qiop_tls_session *s, const char *const *names,
                       size_t n)
{
    QIOError *why = NULL;

    return qio_authz_check(s->authz, names, n, &why) == 0
               ? 0
               : refuse_client(s, why);
}

static int check_authz_cert(struct qiop_tls_session *s, gnutls_x509_crt_t crt)
{
    struct qiop_cert_names names;
    int ret = qiop_cert_names_load(&names, crt);

    if (ret == 0) {
        ret = check_authz(s, (const char *const *)names.v, names.n);
    } else if (ret != GNUTLS_E_MEMORY_ERROR) {
        ret = qiop_tls_refuse_cert(s, GNUTLS_A_ACCESS_DENIED, crt,
                                   "has an unreadable name");
    }
    qiop_cert_names_free(&names);
    return ret;
}

static int load_chain(gnutls_session_t tls, struct qiop_cert_list *chain)
{
    unsigned n = 0, i;
    const gnutls_datum_t *der = gnutls_certificate_get_peers(tls, &n);

    chain->crt = NULL;
    chain->n = 0;
    if (!der || !n) {
        return GNUTLS_E_NO_CERTIFICATE_FOUND;
    }
    chain->crt = gnutls_calloc(n, sizeof(*chain->crt));
    if (!chain->crt) {
        return GNUTLS_E_MEMORY_ERROR;
    }
    for (i = 0; i < n; i++) {
        int ret = gnutls_x509_crt_init(&chain->crt[i]);

        if (ret < 0) {
            return ret;
        }
        chain->n++;
        ret =
            gnutls_x509_crt_import(chain->crt[i], &der[i], GNUTLS_X509_FMT_DER);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

static void note_expiry(struct qiop_tls_session *s,
                        const struct qiop_cert_list *chain)
{
    unsigned i;

    s->resume_until = gnutls_x509_crt_get_expiration_time(chain->crt[0]);
    for (i = 1; i < chain->n; i++) {
        time_t when = gnutls_x509_crt_get_expiration_time(chain->crt[i]);

        s->resume_until = when < s->resume_until ? when : s->resume_until;
    }
}

/* What GnuTLS thinks of the peer: chain, purpose, and name of a server. */
static int get_status(struct qiop_tls_session *s, unsigned *status)
{
    gnutls_typed_vdata_st want[2] = {
        {
            .type = GNUTLS_DT_KEY_PURPOSE_OID,
            .data = (unsigned char *)(s->server ? GNUTLS_KP_TLS_WWW_CLIENT
                                                : GNUTLS_KP_TLS_WWW_SERVER),
        },
        {
            .type = GNUTLS_DT_DNS_HOSTNAME,
            .data = (unsigned char *)s->hostname,
        },
    };

    return gnutls_certificate_verify_peers(s->tls, want, s->server ? 1 : 2,
                                           status);
}

static int check_chain(struct qiop_tls_session *s,
                       const struct qiop_cert_list *chain, unsigned status)
{
    const unsigned name = GNUTLS_CERT_INVALID | GNUTLS_CERT_UNEXPECTED_OWNER;
    int ret = 0;

    /* Who is not whom we expect is "invalid", too. */
    if (status && (status & ~name || status == GNUTLS_CERT_INVALID)) {
        return qiop_tls_refuse_status(s, chain, status);
    }
    if (s->authz) {
        ret = check_authz_cert(s, chain->crt[0]);
    }
    if (ret == 0 && status) {
        ret = qiop_tls_refuse_hostname(s, chain->crt[0]);
    }
    if (ret == 0 && s->material->ticket_store) {
        note_expiry(s, chain);
    }
    return ret;
}

/* Signatures, purposes and revocations are what they were: a ticket serves
 * with the same material only, and not longer than our CAs do. */
static int check_again(struct qiop_tls_session *s,
                       const struct qiop_cert_list *chain)
{
    int ret = qiop_tls_check_dates(s, chain);

    return ret == 0 && s->authz ? check_authz_cert(s, chain->crt[0]) : ret;
}

/* Parsing certificates takes about as long as checking a signature, so it is
 * done only when somebody wants to look at them. */
static int verify(struct qiop_tls_session *s, bool resumed)
{
    struct qiop_cert_list chain = {NULL, 0};
    unsigned status = 0;
    int ret;

    /* Without memory GnuTLS refuses for all kinds of reasons; what malloc()
     * leaves in errno is the only sign that it is not the peer's fault. */
    errno = 0;
    ret = resumed ? 0 : get_status(s, &status);
    if (ret == 0 &&
        (status || resumed || s->authz || s->material->ticket_store)) {
        ret = load_chain(s->tls, &chain);
        if (ret == 0) {
            ret = resumed ? check_again(s, &chain)
                          : check_chain(s, &chain, status);
        }
    }
    if (ret < 0 && errno == ENOMEM) {
        qio_error_free(s->verify_err);
        s->verify_err = NULL;
        ret = GNUTLS_E_MEMORY_ERROR;
    }
    qiop_cert_list_free(&chain);
    return ret;
}

int qiop_tls_verify_peer(gnutls_session_t tls)
{
    return verify(gnutls_session_get_ptr(tls), false);
}

int qiop_tls_verify_resumed(struct qiop_tls_session *s)
{
    if (s->creds->config->kind != QIO_TLS_CREDS_X509 ||
        !qiop_creds_verify(s->creds)) {
        return 0;
    }
    /* A client's store knows the host and the dates of what it offered. */
    if (!s->server && !s->authz && time(NULL) < s->resume_until) {
        return 0;
    }
    return verify(s, true);
}

/* ---- identity ---- */

int qiop_tls_authorize_psk(struct qiop_tls_session *s, QIOError **errp)
{
    char *user = qiop_tls_peer_identity(s, errp);
    int ret;

    if (!user) {
        return -1;
    }
    ret = check_authz(s, (const char *const *)&user, 1);
    free(user);
    return ret ? qiop_tls_fail_code(s, ret, errp) : 0;
}

/* 0, or GnuTLS' code. */
static int identity_x509(struct qiop_tls_session *s, char **text)
{
    struct qiop_cert_list chain;
    gnutls_datum_t dn = {NULL, 0};
    int ret = load_chain(s->tls, &chain);

    if (ret == 0) {
        ret = gnutls_x509_crt_get_dn3(chain.crt[0], &dn, 0);
    }
    qiop_cert_list_free(&chain);
    if (ret < 0) {
        return ret;
    }
    *text = strndup((const char *)dn.data, dn.size);
    gnutls_free(dn.data);
    if (!*text) {
        return GNUTLS_E_MEMORY_ERROR;
    }
    qiop_text_clean(*text);
    return 0;
}

static int identity_psk(struct qiop_tls_session *s, char **text)
{
    const char *user = gnutls_psk_server_get_username(s->tls);

    if (!user) {
        return GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
    }
    *text = strdup(user);
    return *text ? 0 : GNUTLS_E_MEMORY_ERROR;
}

char *qiop_tls_peer_identity(struct qiop_tls_session *s, QIOError **errp)
{
    int ret = GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
    char *text = NULL;

    errno = 0;
    if (s->creds->config->kind == QIO_TLS_CREDS_X509) {
        ret = identity_x509(s, &text);
    } else if (s->creds->config->kind == QIO_TLS_CREDS_PSK && s->server) {
        ret = identity_psk(s, &text);
    }
    if (ret == 0) {
        return text;
    }
    if (ret == GNUTLS_E_MEMORY_ERROR || errno == ENOMEM) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
    } else {
        qio_error_set(errp, QIO_ERROR_NOT_FOUND, 0,
                      "the peer showed no identity");
    }
    return NULL;
}
