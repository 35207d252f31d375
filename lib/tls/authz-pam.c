/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An authorizer that asks PAM whether an account may be used. */
#include <config.h>
#include "tls/authz.h"

#include <stdlib.h>
#include <string.h>

QIOAuthz *qio_authz_new_pam(const char *service, QIOError **errp)
{
    return qiop_authz_new_pam(service, NULL, errp);
}

#ifdef HAVE_PAM
#include <security/pam_appl.h>

struct pam {
    QIOAuthz base;
    char *service;
    char *confdir;
};

/* Who is to answer is at the other end of a network; PAM gets no answer. */
static int converse(int n, const struct pam_message **msg,
                    struct pam_response **resp, void *opaque)
{
    (void)n;
    (void)msg;
    (void)resp;
    (void)opaque;
    return PAM_CONV_ERR;
}

static int begin(const struct pam *p, const char *user,
                 const struct pam_conv *conv, pam_handle_t **handle)
{
    return p->confdir
               ? pam_start_confdir(p->service, user, conv, p->confdir, handle)
               : pam_start(p->service, user, conv, handle);
}

static int pam_decide(QIOAuthz *authz, const char *const *ids, size_t n,
                      QIOError **errp)
{
    const struct pam *p = (const struct pam *)authz;
    const struct pam_conv conv = {converse, NULL};
    pam_handle_t *handle = NULL;
    int ret;

    (void)n;
    ret = begin(p, ids[0], &conv, &handle);
    if (ret == PAM_SUCCESS) {
        ret = pam_acct_mgmt(handle, PAM_SILENT);
    }
    if (ret != PAM_SUCCESS) {
        qio_error_set(errp, QIO_ERROR_AUTHZ, 0, "PAM service '%s': %s",
                      p->service, pam_strerror(handle, ret));
    }
    if (handle) {
        pam_end(handle, ret);
    }
    return ret == PAM_SUCCESS;
}

static void pam_release(QIOAuthz *authz)
{
    struct pam *p = (struct pam *)authz;

    free(p->service);
    free(p->confdir);
}

static const struct qiop_authz_kind pam_kind = {
    .decide = pam_decide,
    .release = pam_release,
};

QIOAuthz *qiop_authz_new_pam(const char *service, const char *confdir,
                             QIOError **errp)
{
    struct pam *p;

    if (!service || !*service || strchr(service, '/')) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "an authorizer needs the name of a PAM service");
        return NULL;
    }
    p = qiop_authz_alloc(&pam_kind, sizeof(*p), errp);
    if (!p) {
        return NULL;
    }
    p->service = strdup(service);
    p->confdir = confdir ? strdup(confdir) : NULL;
    if (!p->service || (confdir && !p->confdir)) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        qio_authz_unref(&p->base);
        return NULL;
    }
    return &p->base;
}

#else /* !HAVE_PAM */

QIOAuthz *qiop_authz_new_pam(const char *service, const char *confdir,
                             QIOError **errp)
{
    (void)service;
    (void)confdir;
    qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0,
                  "this libqio was built without PAM");
    return NULL;
}

#endif
