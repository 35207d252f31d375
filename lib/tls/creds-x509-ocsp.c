/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OCSP responses (RFC 6960): those that a server sends along with its
 * certificate, judged when they are loaded, and what they say in words. */
#include <config.h>
#include "creds.h"

#include <stdio.h>
#include <stdlib.h>
#include <gnutls/ocsp.h>

struct loading {
    struct qiop_tls_material *m;
    const char *path;
    QIOError **errp;
};

static int unfit(const struct loading *l, int code, const char *why)
{
    qio_error_set_tls(l->errp, QIO_ERROR_CREDENTIALS, code,
                      "the OCSP response '%s' %s", l->path, why);
    return -1;
}

static int unfit_since(const struct loading *l, const char *why, time_t when)
{
    char text[128], date[QIOP_DATE_SIZE];

    snprintf(text, sizeof(text), "%s %s", why, qiop_cert_date(when, date));
    return unfit(l, 0, text);
}

/* ---- what it says ---- */

static const char *reason_text(unsigned reason)
{
    static const char *const texts[] = {
        [GNUTLS_X509_CRLREASON_KEYCOMPROMISE] = "key compromised",
        [GNUTLS_X509_CRLREASON_CACOMPROMISE] = "CA compromised",
        [GNUTLS_X509_CRLREASON_AFFILIATIONCHANGED] = "affiliation changed",
        [GNUTLS_X509_CRLREASON_SUPERSEDED] = "superseded",
        [GNUTLS_X509_CRLREASON_CESSATIONOFOPERATION] = "no longer in use",
        [GNUTLS_X509_CRLREASON_CERTIFICATEHOLD] = "on hold",
        [GNUTLS_X509_CRLREASON_PRIVILEGEWITHDRAWN] = "privilege withdrawn",
        [GNUTLS_X509_CRLREASON_AACOMPROMISE] = "AA compromised",
    };
    const char *text =
        reason < sizeof(texts) / sizeof(texts[0]) ? texts[reason] : NULL;

    return text ? text : "no reason given";
}

bool qiop_ocsp_revoked(const gnutls_datum_t *der,
                       char text[QIOP_OCSP_TEXT_SIZE])
{
    unsigned status = GNUTLS_OCSP_CERT_UNKNOWN, reason = 0;
    gnutls_ocsp_resp_t resp;
    char date[QIOP_DATE_SIZE];
    time_t when = -1;
    bool revoked;

    if (gnutls_ocsp_resp_init(&resp) < 0) {
        return false;
    }
    revoked =
        gnutls_ocsp_resp_import(resp, der) >= 0 &&
        gnutls_ocsp_resp_get_single(resp, 0, NULL, NULL, NULL, NULL, &status,
                                    NULL, NULL, &when, &reason) >= 0 &&
        status == GNUTLS_OCSP_CERT_REVOKED;
    gnutls_ocsp_resp_deinit(resp);
    if (revoked) {
        snprintf(text, QIOP_OCSP_TEXT_SIZE,
                 "is revoked since %s (%s), as its OCSP response "
                 "says",
                 qiop_cert_date(when, date), reason_text(reason));
    }
    return revoked;
}

/* ---- sanity ---- */

/* Our own chain, as credentials have it. */
static int get_chain(const struct loading *l, unsigned index,
                     struct qiop_cert_list *chain)
{
    int ret = gnutls_certificate_get_x509_crt(l->m->x509, index, &chain->crt,
                                              &chain->n);

    return ret < 0 || !chain->n ? unfit(l, ret, "belongs to no certificate")
                                : 0;
}

static int check_signer(const struct loading *l, gnutls_ocsp_resp_t resp,
                        gnutls_x509_crt_t issuer)
{
    unsigned status = 0;
    int ret = gnutls_ocsp_resp_verify_direct(resp, issuer, &status, 0);

    if (ret < 0) {
        return unfit(l, ret, "cannot be verified");
    }
    return status ? unfit(l, 0,
                          "is not signed by the certificate's CA, or for "
                          "it")
                  : 0;
}

/* The chain's second, or the CA that it ends at; as GnuTLS's peers look for
 * it. */
static int check_signature(const struct loading *l, gnutls_ocsp_resp_t resp,
                           const struct qiop_cert_list *chain)
{
    gnutls_x509_crt_t issuer;

    if (chain->n > 1) {
        return check_signer(l, resp, chain->crt[1]);
    }
    if (gnutls_certificate_get_issuer(l->m->x509, chain->crt[0], &issuer, 0) <
        0) {
        return unfit(l, 0, "is of a CA that we do not have");
    }
    return check_signer(l, resp, issuer);
}

/* Whether peers will accept it. */
static int check_content(const struct loading *l, gnutls_ocsp_resp_t resp)
{
    time_t now = time(NULL), from = -1, to = -1, revoked = -1;
    unsigned status = GNUTLS_OCSP_CERT_UNKNOWN;
    int ret = gnutls_ocsp_resp_get_single(resp, 0, NULL, NULL, NULL, NULL,
                                          &status, &from, &to, &revoked, NULL);

    if (ret < 0) {
        return unfit(l, ret, "says nothing");
    }
    if (status == GNUTLS_OCSP_CERT_REVOKED) {
        return unfit_since(l, "says that our certificate is revoked since",
                           revoked);
    }
    if (status != GNUTLS_OCSP_CERT_GOOD) {
        return unfit(l, 0, "does not know our certificate");
    }
    if (to != (time_t)-1 && to < now) {
        return unfit_since(l, "expired on", to);
    }
    if (from > now) {
        return unfit_since(l, "is not valid before", from);
    }
    return 0;
}

static int judge(const struct loading *l, gnutls_ocsp_resp_t resp,
                 unsigned index)
{
    struct qiop_cert_list chain = {NULL, 0};
    int ret = get_chain(l, index, &chain);

    if (ret == 0) {
        ret = check_content(l, resp);
    }
    if (ret == 0) {
        ret = check_signature(l, resp, &chain);
    }
    qiop_cert_list_free(&chain);
    return ret;
}

/* ---- loading ---- */

static int import(const struct loading *l, gnutls_ocsp_resp_t resp,
                  const gnutls_datum_t *der)
{
    int ret = gnutls_ocsp_resp_import(resp, der);

    if (ret < 0) {
        return unfit(l, ret, "cannot be read (it has to be DER)");
    }
    if (gnutls_ocsp_resp_get_status(resp) != GNUTLS_OCSP_RESP_SUCCESSFUL) {
        return unfit(l, 0, "is a refusal of the responder");
    }
    return 0;
}

static int use(const struct loading *l, const gnutls_datum_t *der,
               unsigned index)
{
    bool lenient = l->m->config->flags & QIO_TLS_CREDS_NO_SANITY_CHECK;
    int ret = gnutls_certificate_set_ocsp_status_request_mem(
        l->m->x509, der, index, GNUTLS_X509_FMT_DER);

    if (ret == GNUTLS_E_OCSP_MISMATCH_WITH_CERTS) {
        return unfit(l, ret, "is about another certificate");
    }
    /* One that is out of date helps nobody: it is not sent. */
    if (ret < 0 && !(lenient && ret == GNUTLS_E_EXPIRED)) {
        return unfit(l, ret, gnutls_strerror(ret));
    }
    return 0;
}

int qiop_creds_load_ocsp(struct qiop_tls_material *m, unsigned index,
                         const char *path, QIOError **errp)
{
    const struct loading l = {m, path, errp};
    gnutls_ocsp_resp_t resp;
    gnutls_datum_t der;
    int ret = qiop_creds_file_read(path, true, &der, &m->stamps, errp);

    if (ret) {
        return ret < 0 ? -1 : 0;
    }
    ret = gnutls_ocsp_resp_init(&resp);
    if (ret < 0) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
    } else {
        ret = import(&l, resp, &der);
        if (ret == 0 && !(m->config->flags & QIO_TLS_CREDS_NO_SANITY_CHECK)) {
            ret = judge(&l, resp, index);
        }
        if (ret == 0) {
            ret = use(&l, &der, index);
        }
        gnutls_ocsp_resp_deinit(resp);
    }
    qiop_creds_file_free(&der);
    return ret < 0 ? -1 : 0;
}
