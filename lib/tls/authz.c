/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Authorizers: which authenticated identities may connect. */
#include <config.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <qio/tls-creds.h>

struct rule {
    char *match;
    QIOAuthzFormat format;
    bool allow;
};

struct QIOAuthz {
    atomic_int refs;
    bool simple;
    bool allow_by_default;
    struct rule *rules;
    size_t nrules;
};

static QIOAuthz *authz_new(bool simple, bool allow_by_default, QIOError **errp)
{
    QIOAuthz *authz = calloc(1, sizeof(*authz));

    if (!authz) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    atomic_init(&authz->refs, 1);
    authz->simple = simple;
    authz->allow_by_default = allow_by_default;
    return authz;
}

static int append(QIOAuthz *authz, const char *match, QIOAuthzFormat format,
                  bool allow, QIOError **errp)
{
    struct rule *rules =
        reallocarray(authz->rules, authz->nrules + 1, sizeof(*rules));
    char *copy = strdup(match);

    if (rules) {
        authz->rules = rules;
    }
    if (!rules || !copy) {
        free(copy);
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    rules[authz->nrules++] = (struct rule){copy, format, allow};
    return 0;
}

QIOAuthz *qio_authz_new_simple(const char *identity, QIOError **errp)
{
    QIOAuthz *authz;

    if (!identity || !*identity) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "an authorizer needs an identity");
        return NULL;
    }
    authz = authz_new(true, false, errp);
    if (authz && append(authz, identity, QIO_AUTHZ_FORMAT_EXACT, true, errp)) {
        qio_authz_unref(authz);
        return NULL;
    }
    return authz;
}

QIOAuthz *qio_authz_new_list(bool allow_by_default, QIOError **errp)
{
    return authz_new(false, allow_by_default, errp);
}

int qio_authz_list_append(QIOAuthz *authz, const char *match,
                          QIOAuthzFormat format, bool allow, QIOError **errp)
{
    if (authz->simple) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "this authorizer is not a list of rules");
        return -1;
    }
    if (!match ||
        (format != QIO_AUTHZ_FORMAT_EXACT && format != QIO_AUTHZ_FORMAT_GLOB)) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "an authorization rule needs a text and a format");
        return -1;
    }
    return append(authz, match, format, allow, errp);
}

/* '*' any run, '?' one byte; a star is only ever retried at the last one seen,
 * so the work is bounded by the product of the lengths. */
static bool glob_match(const char *pat, const char *text)
{
    const char *star = NULL, *retry = NULL;

    while (*text) {
        if (*pat == '*') {
            star = ++pat;
            retry = text;
            continue;
        }
        if (*pat && (*pat == '?' || *pat == *text)) {
            pat++;
            text++;
            continue;
        }
        if (!star) {
            return false;
        }
        pat = star;
        text = ++retry;
    }
    while (*pat == '*') {
        pat++;
    }
    return !*pat;
}

bool qio_authz_is_allowed(const QIOAuthz *authz, const char *identity)
{
    size_t i;

    if (!identity) {
        return false;
    }
    for (i = 0; i < authz->nrules; i++) {
        const struct rule *r = &authz->rules[i];
        bool hit = r->format == QIO_AUTHZ_FORMAT_GLOB
                       ? glob_match(r->match, identity)
                       : strcmp(r->match, identity) == 0;

        if (hit) {
            return r->allow;
        }
    }
    return authz->allow_by_default;
}

QIOAuthz *qio_authz_ref(QIOAuthz *authz)
{
    atomic_fetch_add_explicit(&authz->refs, 1, memory_order_relaxed);
    return authz;
}

void qio_authz_unref(QIOAuthz *authz)
{
    size_t i;

    if (!authz ||
        atomic_fetch_sub_explicit(&authz->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (i = 0; i < authz->nrules; i++) {
        free(authz->rules[i].match);
    }
    free(authz->rules);
    free(authz);
}
