/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is at the other end: the certificate's chain, dates, purpose and name,
 * the authorizer; and for each refusal a reason and the fitting alert. */
#include <config.h>
#include "tls/session-priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names of a certificate listed in a message. */
#define NAMES_SIZE 256

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

static void add_name(char names[NAMES_SIZE], const char *name)
{
    size_t len = strlen(names);

    if (len + strlen(name) + sizeof("', '...") >= NAMES_SIZE) {
        if (len && !strstr(names, "...")) {
            snprintf(names + len, NAMES_SIZE - len, ", ...");
        }
        return;
    }
    snprintf(names + len, NAMES_SIZE - len, "%s'%s'", len ? ", " : "", name);
}

/* One subject alternative name as text; false when of no interest. */
static bool san_text(int type, const char *data, size_t len, char *out,
                     size_t size)
{
    if (type == GNUTLS_SAN_DNSNAME) {
        snprintf(out, size, "%.*s", (int)len, data);
        qiop_text_clean(out);
        return true;
    }
    if (type != GNUTLS_SAN_IPADDRESS || (len != 4 && len != 16)) {
        return false;
    }
    return inet_ntop(len == 4 ? AF_INET : AF_INET6, data, out,
                     (socklen_t)size) != NULL;
}

/* "'a.example', '192.0.2.1'": what the certificate says it is for. */
static void list_names(gnutls_x509_crt_t crt, char names[NAMES_SIZE])
{
    char buf[256], text[256];
    size_t size;
    unsigned i;

    names[0] = '\0';
    for (i = 0; i < 64; i++) {
        int type;

        size = sizeof(buf);
        type = gnutls_x509_crt_get_subject_alt_name(crt, i, buf, &size, NULL);
        if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
            break;
        }
        if (type >= 0 && san_text(type, buf, size, text, sizeof(text))) {
            add_name(names, text);
        }
    }
    size = sizeof(buf);
    if (!names[0] &&
        gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0,
                                      buf, &size) == 0) {
        qiop_text_clean(buf);
        add_name(names, buf);
    }
    if (!names[0]) {
        snprintf(names, NAMES_SIZE, "nobody by name");
    }
}

/* ---- refusing ---- */

/* Always GNUTLS_E_CERTIFICATE_ERROR. */
static int refuse(struct qiop_tls_session *s, gnutls_alert_description_t alert,
                  QIOError *err)
{
    qio_error_free(s->verify_err);
    s->verify_err = err;
    s->verify_alert = alert;
    return GNUTLS_E_CERTIFICATE_ERROR;
}

static int refuse_cert(struct qiop_tls_session *s,
                       gnutls_alert_description_t alert, gnutls_x509_crt_t crt,
                       const char *why)
{
    char *dn = qiop_cert_dn(crt);
    QIOError *err = NULL;

    qio_error_set(&err, QIO_ERROR_TLS_VERIFY, 0, "the %s's certificate '%s' %s",
                  s->server ? "client" : "server", dn ? dn : "", why);
    free(dn);
    return refuse(s, alert, err);
}

static int refuse_date(struct qiop_tls_session *s, gnutls_x509_crt_t crt,
                       const char *what, time_t when)
{
    char text[64], date[QIOP_DATE_SIZE];

    snprintf(text, sizeof(text), "%s %s", what, qiop_cert_date(when, date));
    return refuse_cert(s, GNUTLS_A_CERTIFICATE_EXPIRED, crt, text);
}

/* Is one of the chain out of date? */
static int check_dates(struct qiop_tls_session *s,
                       const struct qiop_cert_list *chain)
{
    time_t now = time(NULL);
    unsigned i;

    for (i = 0; i < chain->n; i++) {
        time_t to = gnutls_x509_crt_get_expiration_time(chain->crt[i]);
        time_t from = gnutls_x509_crt_get_activation_time(chain->crt[i]);

        if (to < now) {
            return refuse_date(s, chain->crt[i], "expired on", to);
        }
        if (from > now) {
            return refuse_date(s, chain->crt[i], "is not valid before", from);
        }
    }
    return 0;
}

static int refuse_time(struct qiop_tls_session *s,
                       const struct qiop_cert_list *chain)
{
    int ret = check_dates(s, chain);

    return ret ? ret
               : refuse_cert(s, GNUTLS_A_CERTIFICATE_EXPIRED, chain->crt[0],
                             "is signed by a CA whose certificate is out of "
                             "date");
}

/* For what the responses say that came with the certificates, or because there
 * is none (RFC 7633); 0: not for that. */
static int refuse_ocsp(struct qiop_tls_session *s,
                       const struct qiop_cert_list *chain, unsigned status)
{
    const gnutls_alert_description_t alert =
        (gnutls_alert_description_t)QIOP_A_BAD_CERTIFICATE_STATUS;
    char text[QIOP_OCSP_TEXT_SIZE];
    gnutls_datum_t der;
    bool any = false;
    unsigned i;

    for (i = 0; i < chain->n; i++) {
        if (gnutls_ocsp_status_request_get2(s->tls, i, &der) < 0) {
            continue;
        }
        any = true;
        if ((status & GNUTLS_CERT_REVOKED) && qiop_ocsp_revoked(&der, text)) {
            return refuse_cert(s, GNUTLS_A_CERTIFICATE_REVOKED, chain->crt[i],
                               text);
        }
    }
    if (status & GNUTLS_CERT_MISSING_OCSP_STATUS) {
        return refuse_cert(s, alert, chain->crt[0],
                           "must come with an OCSP response, and does not");
    }
    if (status & GNUTLS_CERT_INVALID_OCSP_STATUS) {
        return refuse_cert(s, alert, chain->crt[0],
                           "comes with an OCSP response that is not valid");
    }
    if (any && (status & GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED)) {
        return refuse_cert(s, alert, chain->crt[0],
                           "comes with an OCSP response that is out of date");
    }
    return 0;
}

static int refuse_status(struct qiop_tls_session *s,
                         const struct qiop_cert_list *chain, unsigned status)
{
    static const struct {
        unsigned bit;
        gnutls_alert_description_t alert;
        const char *why;
    } reasons[] = {
        {GNUTLS_CERT_REVOKED, GNUTLS_A_CERTIFICATE_REVOKED, "is revoked"},
        {GNUTLS_CERT_SIGNER_NOT_CA, GNUTLS_A_UNKNOWN_CA,
         "is signed by one who is not a CA"},
        {GNUTLS_CERT_SIGNATURE_FAILURE, GNUTLS_A_BAD_CERTIFICATE,
         "has a wrong signature"},
        {GNUTLS_CERT_INSECURE_ALGORITHM, GNUTLS_A_BAD_CERTIFICATE,
         "is signed with an insecure algorithm"},
        {GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE, GNUTLS_A_BAD_CERTIFICATE,
         "breaks a constraint of the CA that signed it"},
        {GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED, GNUTLS_A_BAD_CERTIFICATE,
         "cannot be checked: our revocation list is too old"},
        {GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE, GNUTLS_A_BAD_CERTIFICATE,
         "cannot be checked: our revocation list is of the future"},
        {GNUTLS_CERT_PURPOSE_MISMATCH, GNUTLS_A_UNSUPPORTED_CERTIFICATE,
         "is not meant for this side of TLS (key purpose)"},
    };
    char why[128 + 256];
    int ret;
    size_t i;

    if (status & GNUTLS_CERT_SIGNER_NOT_FOUND) {
        const QIOTLSConfig *c = s->creds->config;

        snprintf(why, sizeof(why), "is not signed by a CA %s%.255s%s",
                 c->dir ? "in '" : "of the system", c->dir ? c->dir : "",
                 !c->dir           ? ""
                 : c->system_trust ? "/ca-cert.pem' or of the system"
                                   : "/ca-cert.pem'");
        return refuse_cert(s, GNUTLS_A_UNKNOWN_CA, chain->crt[0], why);
    }
    ret = refuse_ocsp(s, chain, status);
    if (ret) {
        return ret;
    }
    if (!(status & GNUTLS_CERT_REVOKED) &&
        (status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED))) {
        return refuse_time(s, chain);
    }
    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (status & reasons[i].bit) {
            return refuse_cert(s, reasons[i].alert, chain->crt[0],
                               reasons[i].why);
        }
    }
    return refuse_cert(s, GNUTLS_A_BAD_CERTIFICATE, chain->crt[0],
                       "cannot be verified");
}

/* ---- checking ---- */

static int refuse_hostname(struct qiop_tls_session *s, gnutls_x509_crt_t crt)
{
    char names[NAMES_SIZE];
    QIOError *err = NULL;

    list_names(crt, names);
    qio_error_set(&err, QIO_ERROR_TLS_VERIFY, 0,
                  "server certificate is for %s, not '%s'", names, s->hostname);
    return refuse(s, GNUTLS_A_BAD_CERTIFICATE, err);
}

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
    return refuse(s, GNUTLS_A_ACCESS_DENIED, err);
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
        ret = refuse_cert(s, GNUTLS_A_ACCESS_DENIED, crt,
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
        return refuse_status(s, chain, status);
    }
    if (s->authz) {
        ret = check_authz_cert(s, chain->crt[0]);
    }
    if (ret == 0 && status) {
        ret = refuse_hostname(s, chain->crt[0]);
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
    int ret = check_dates(s, chain);

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
