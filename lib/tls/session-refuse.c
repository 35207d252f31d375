/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Refusing a peer for its certificate: the reason, in words that name the
 * certificate at fault, and the alert that fits. */
#include <config.h>
#include "tls/session-priv.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names of a certificate listed in a message. */
#define NAMES_SIZE 256

/* ---- names ---- */

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

int qiop_tls_refuse(struct qiop_tls_session *s,
                    gnutls_alert_description_t alert, QIOError *err)
{
    qio_error_free(s->verify_err);
    s->verify_err = err;
    s->verify_alert = alert;
    return GNUTLS_E_CERTIFICATE_ERROR;
}

int qiop_tls_refuse_cert(struct qiop_tls_session *s,
                         gnutls_alert_description_t alert,
                         gnutls_x509_crt_t crt, const char *why)
{
    char *dn = qiop_cert_dn(crt);
    QIOError *err = NULL;

    qio_error_set(&err, QIO_ERROR_TLS_VERIFY, 0, "the %s's certificate '%s' %s",
                  s->server ? "client" : "server", dn ? dn : "", why);
    free(dn);
    return qiop_tls_refuse(s, alert, err);
}

static int refuse_date(struct qiop_tls_session *s, gnutls_x509_crt_t crt,
                       const char *what, time_t when)
{
    char text[64], date[QIOP_DATE_SIZE];

    snprintf(text, sizeof(text), "%s %s", what, qiop_cert_date(when, date));
    return qiop_tls_refuse_cert(s, GNUTLS_A_CERTIFICATE_EXPIRED, crt, text);
}

int qiop_tls_check_dates(struct qiop_tls_session *s,
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
    int ret = qiop_tls_check_dates(s, chain);

    return ret ? ret
               : qiop_tls_refuse_cert(
                     s, GNUTLS_A_CERTIFICATE_EXPIRED, chain->crt[0],
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
            return qiop_tls_refuse_cert(s, GNUTLS_A_CERTIFICATE_REVOKED,
                                        chain->crt[i], text);
        }
    }
    if (status & GNUTLS_CERT_MISSING_OCSP_STATUS) {
        return qiop_tls_refuse_cert(
            s, alert, chain->crt[0],
            "must come with an OCSP response, and does not");
    }
    if (status & GNUTLS_CERT_INVALID_OCSP_STATUS) {
        return qiop_tls_refuse_cert(
            s, alert, chain->crt[0],
            "comes with an OCSP response that is not valid");
    }
    if (any && (status & GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED)) {
        return qiop_tls_refuse_cert(
            s, alert, chain->crt[0],
            "comes with an OCSP response that is out of date");
    }
    return 0;
}

int qiop_tls_refuse_status(struct qiop_tls_session *s,
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
        return qiop_tls_refuse_cert(s, GNUTLS_A_UNKNOWN_CA, chain->crt[0], why);
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
            return qiop_tls_refuse_cert(s, reasons[i].alert, chain->crt[0],
                                        reasons[i].why);
        }
    }
    return qiop_tls_refuse_cert(s, GNUTLS_A_BAD_CERTIFICATE, chain->crt[0],
                                "cannot be verified");
}

int qiop_tls_refuse_hostname(struct qiop_tls_session *s, gnutls_x509_crt_t crt)
{
    char names[NAMES_SIZE];
    QIOError *err = NULL;

    list_names(crt, names);
    qio_error_set(&err, QIO_ERROR_TLS_VERIFY, 0,
                  "server certificate is for %s, not '%s'", names, s->hostname);
    return qiop_tls_refuse(s, GNUTLS_A_BAD_CERTIFICATE, err);
}
