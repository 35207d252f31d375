/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Judging our own certificates while loading them, so that a mistake shows up
 * here and not as a peer's terse alert. */
#include <config.h>
#include "creds.h"

#include <stdlib.h>
#include <string.h>

struct check {
    QIOTLSEndpoint endpoint;
    const char *path; /* file of the certificate at hand */
    QIOError **errp;
};

/* Always -1. */
static int unfit(const struct check *c, gnutls_x509_crt_t crt, const char *why)
{
    char *dn = qiop_cert_dn(crt);

    qio_error_set(c->errp, QIO_ERROR_CREDENTIALS, 0,
                  "certificate '%s' in '%s' %s", dn ? dn : "", c->path, why);
    free(dn);
    return -1;
}

static int unfit_date(const struct check *c, gnutls_x509_crt_t crt,
                      const char *what, time_t when)
{
    char date[QIOP_DATE_SIZE], *dn = qiop_cert_dn(crt);

    qio_error_set(c->errp, QIO_ERROR_CREDENTIALS, 0,
                  "certificate '%s' in '%s' %s %s", dn ? dn : "", c->path, what,
                  qiop_cert_date(when, date));
    free(dn);
    return -1;
}

static int check_times(const struct check *c, gnutls_x509_crt_t crt)
{
    time_t now = time(NULL);
    time_t to = gnutls_x509_crt_get_expiration_time(crt);
    time_t from = gnutls_x509_crt_get_activation_time(crt);

    if (to == (time_t)-1 || from == (time_t)-1) {
        return unfit(c, crt, "has no readable dates");
    }
    if (to < now) {
        return unfit_date(c, crt, "expired on", to);
    }
    if (from > now) {
        return unfit_date(c, crt, "is not valid before", from);
    }
    return 0;
}

static int check_constraints(const struct check *c, gnutls_x509_crt_t crt,
                             bool ca)
{
    int ret = gnutls_x509_crt_get_basic_constraints(crt, NULL, NULL, NULL);

    if (ret > 0 && !ca) {
        return unfit(c, crt,
                     "is a CA's (basic constraints), but used to "
                     "identify this side");
    }
    if (ret == 0 && ca) {
        return unfit(c, crt,
                     "signs others, but is not a CA's (basic "
                     "constraints)");
    }
    if (ret == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
        return ca ? unfit(c, crt, "has no basic constraints, which a CA needs")
                  : 0;
    }
    if (ret < 0) {
        return unfit(c, crt, "has unreadable basic constraints");
    }
    return 0;
}

/* Like all peers do: a usage that is not marked critical is advice. */
static int check_usage(const struct check *c, gnutls_x509_crt_t crt, bool ca)
{
    unsigned usage = 0, critical = 0;
    int ret = gnutls_x509_crt_get_key_usage(crt, &usage, &critical);

    if (ret == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
        return 0;
    }
    if (ret < 0) {
        return unfit(c, crt, "has an unreadable key usage");
    }
    if (!critical) {
        return 0;
    }
    if (ca && !(usage & GNUTLS_KEY_KEY_CERT_SIGN)) {
        return unfit(c, crt, "may not sign certificates (key usage)");
    }
    if (!ca && !(usage & GNUTLS_KEY_DIGITAL_SIGNATURE)) {
        return unfit(c, crt, "may not make digital signatures (key usage)");
    }
    return 0;
}

static int check_purpose(const struct check *c, gnutls_x509_crt_t crt)
{
    const char *wanted = c->endpoint == QIO_TLS_ENDPOINT_SERVER
                             ? GNUTLS_KP_TLS_WWW_SERVER
                             : GNUTLS_KP_TLS_WWW_CLIENT;
    bool critical = false, found = false;
    unsigned i;

    for (i = 0;; i++) {
        char oid[128];
        size_t size = sizeof(oid);
        unsigned crit = 0;
        int ret =
            gnutls_x509_crt_get_key_purpose_oid(crt, i, oid, &size, &crit);

        if (ret == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
            break;
        }
        if (ret == GNUTLS_E_SHORT_MEMORY_BUFFER) {
            continue;
        }
        if (ret < 0) {
            return unfit(c, crt, "has an unreadable key purpose");
        }
        critical |= crit != 0;
        found |= strcmp(oid, wanted) == 0 || strcmp(oid, GNUTLS_KP_ANY) == 0;
    }
    if (critical && !found) {
        return unfit(c, crt,
                     c->endpoint == QIO_TLS_ENDPOINT_SERVER
                         ? "is not for a TLS server (key purpose)"
                         : "is not for a TLS client (key purpose)");
    }
    return 0;
}

static int check_one(const struct check *c, gnutls_x509_crt_t crt, bool ca)
{
    if (check_times(c, crt) || check_constraints(c, crt, ca) ||
        check_usage(c, crt, ca)) {
        return -1;
    }
    return ca ? 0 : check_purpose(c, crt);
}

static bool self_signed(gnutls_x509_crt_t crt)
{
    return gnutls_x509_crt_check_issuer(crt, crt) != 0;
}

/* The certificates of our own file, leaf first, each issued by the next. */
static int check_chain(const struct check *c,
                       const struct qiop_cert_list *chain)
{
    unsigned i;

    for (i = 0; i < chain->n; i++) {
        if (check_one(c, chain->crt[i], i > 0)) {
            return -1;
        }
        if (i &&
            !gnutls_x509_crt_check_issuer(chain->crt[i - 1], chain->crt[i])) {
            return unfit(c, chain->crt[i - 1],
                         "is not issued by the one that follows it; the order "
                         "is own certificate, its issuer, the issuer's ...");
        }
    }
    return 0;
}

/* On from the last of them to a root, by way of the CA file. Its other
 * certificates do not concern us. */
static int check_issuers(const struct check *c, gnutls_x509_crt_t crt,
                         const struct qiop_cert_list *cas)
{
    unsigned steps, i;

    for (steps = 0; steps <= cas->n && !self_signed(crt); steps++) {
        for (i = 0; i < cas->n; i++) {
            if (gnutls_x509_crt_check_issuer(crt, cas->crt[i])) {
                break;
            }
        }
        if (i == cas->n) {
            char *dn = qiop_cert_dn(crt);

            qio_error_set(c->errp, QIO_ERROR_CREDENTIALS, 0,
                          "the issuer of certificate '%s' is not in '%s'",
                          dn ? dn : "", c->path);
            free(dn);
            return -1;
        }
        crt = cas->crt[i];
        if (check_one(c, crt, true)) {
            return -1;
        }
    }
    return 0;
}

static int verify_failed(const struct check *c, gnutls_x509_crt_t crt, int code,
                         unsigned status, const char *ca_path)
{
    gnutls_datum_t text = {NULL, 0};
    char *dn = qiop_cert_dn(crt);

    if (code >= 0) {
        gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509,
                                                     &text, 0);
    }
    qio_error_set_tls(c->errp, QIO_ERROR_CREDENTIALS, code < 0 ? code : 0,
                      "certificate '%s' in '%s' fails against '%s': %s",
                      dn ? dn : "", c->path, ca_path,
                      text.data ? (char *)text.data : gnutls_strerror(code));
    free(dn);
    gnutls_free(text.data);
    return -1;
}

static int verify_list(const struct check *c,
                       const struct qiop_cert_list *chain,
                       const struct qiop_cert_list *cas, const char *ca_path)
{
    unsigned status = 0;
    int ret = gnutls_x509_crt_list_verify(chain->crt, (int)chain->n, cas->crt,
                                          (int)cas->n, NULL, 0, 0, &status);

    return ret >= 0 && !status
               ? 0
               : verify_failed(c, chain->crt[0], ret, status, ca_path);
}

/* The same with the system's CAs among them. */
static int verify_system(const struct check *c,
                         const struct qiop_tls_material *m,
                         const struct qiop_cert_list *chain)
{
    gnutls_x509_trust_list_t list;
    unsigned status = 0;
    int ret;

    gnutls_certificate_get_trust_list(m->x509, &list);
    ret = gnutls_x509_trust_list_verify_crt(list, chain->crt, chain->n,
                                            GNUTLS_VERIFY_DISABLE_CRL_CHECKS,
                                            &status, NULL);
    return ret >= 0 && !status ? 0
                               : verify_failed(c, chain->crt[0], ret, status,
                                               "the system's CAs");
}

int qiop_cert_sanity(const struct qiop_tls_material *m,
                     const struct qiop_cert_list *chain, const char *cert_path,
                     const struct qiop_cert_list *cas, const char *ca_path,
                     QIOError **errp)
{
    struct check own = {m->config->endpoint, cert_path, errp};
    struct check ca = {m->config->endpoint, ca_path, errp};

    if (check_chain(&own, chain)) {
        return -1;
    }
    if (m->config->system_trust) {
        return verify_system(&own, m, chain);
    }
    if (check_issuers(&ca, chain->crt[chain->n - 1], cas)) {
        return -1;
    }
    return verify_list(&own, chain, cas, ca_path);
}
