/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Authorizers: what all have, and those that need no more than their rules. */
#include <config.h>
#include "tls/authz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/creds.h"

/* ---- rules ---- */

int qiop_authz_rules_insert(struct qiop_authz_rules *r, size_t index,
                            const char *match, QIOAuthzFormat format,
                            bool allow, QIOError **errp)
{
    struct qiop_authz_rule *v = reallocarray(r->v, r->n + 1, sizeof(*v));
    char *copy = strdup(match);

    if (v) {
        r->v = v;
    }
    if (!v || !copy) {
        free(copy);
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    memmove(v + index + 1, v + index, (r->n - index) * sizeof(*v));
    v[index] = (struct qiop_authz_rule){copy, format, allow};
    r->n++;
    return 0;
}

void qiop_authz_rules_free(struct qiop_authz_rules *r)
{
    while (r->n > 0) {
        free(r->v[--r->n].match);
    }
    free(r->v);
    r->v = NULL;
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

static bool matches(const struct qiop_authz_rule *r, const char *text)
{
    return r->format == QIO_AUTHZ_FORMAT_GLOB ? glob_match(r->match, text)
                                              : strcmp(r->match, text) == 0;
}

/* "DNS:..." is looked for in its own kind only. */
static bool same_kind(const char *match, const char *alternative)
{
    const char *colon = strchr(alternative, ':');

    return colon &&
           strncmp(match, alternative, (size_t)(colon - alternative) + 1) == 0;
}

static bool hits(const struct qiop_authz_rule *r, const char *const *ids,
                 size_t n)
{
    size_t i;

    if (matches(r, ids[0])) {
        return true;
    }
    for (i = 1; i < n; i++) {
        if (same_kind(r->match, ids[i]) && matches(r, ids[i])) {
            return true;
        }
    }
    return false;
}

bool qiop_authz_rules_decide(const struct qiop_authz_rules *r,
                             const char *const *ids, size_t n)
{
    size_t i;

    for (i = 0; i < r->n; i++) {
        if (hits(&r->v[i], ids, n)) {
            return r->v[i].allow;
        }
    }
    return r->allow_by_default;
}

/* ---- all kinds ---- */

void *qiop_authz_alloc(const struct qiop_authz_kind *kind, size_t size,
                       QIOError **errp)
{
    QIOAuthz *authz = calloc(1, size);

    if (!authz) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    atomic_init(&authz->refs, 1);
    authz->kind = kind;
    return authz;
}

QIOAuthz *qio_authz_ref(QIOAuthz *authz)
{
    atomic_fetch_add_explicit(&authz->refs, 1, memory_order_relaxed);
    return authz;
}

void qio_authz_unref(QIOAuthz *authz)
{
    if (!authz ||
        atomic_fetch_sub_explicit(&authz->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    if (authz->kind->release) {
        authz->kind->release(authz);
    }
    free(authz);
}

int qio_authz_reload(QIOAuthz *authz, QIOError **errp)
{
    return authz->kind->reload ? authz->kind->reload(authz, errp) : 0;
}

/* A peer chooses its name: what could break a line is replaced. */
static void deny(const char *name, const QIOError *why, QIOError **errp)
{
    char text[256];

    snprintf(text, sizeof(text), "%s", name ? name : "");
    qiop_text_clean(text);
    qio_error_set(errp, QIO_ERROR_AUTHZ, 0, "'%s' is not allowed%s%s", text,
                  why ? ": " : "", why ? qio_error_message(why) : "");
}

int qio_authz_check(QIOAuthz *authz, const char *const *names, size_t n,
                    QIOError **errp)
{
    QIOError *why = NULL;
    int ret = 0;

    if (n && names[0]) {
        ret = authz->kind->decide(authz, names, n, &why);
    }
    if (ret > 0) {
        return 0;
    }
    if (qio_error_code(why) == QIO_ERROR_NOMEM) {
        qio_error_propagate(errp, why);
        return -1;
    }
    deny(n ? names[0] : NULL, why, errp);
    qio_error_free(why);
    return -1;
}

bool qio_authz_is_allowed(QIOAuthz *authz, const char *identity)
{
    return qio_authz_check(authz, &identity, 1, NULL) == 0;
}

/* ---- rules from the program ---- */

struct list {
    QIOAuthz base;
    struct qiop_authz_rules rules;
};

static int list_decide(QIOAuthz *authz, const char *const *ids, size_t n,
                       QIOError **errp)
{
    (void)errp;
    return qiop_authz_rules_decide(&((struct list *)authz)->rules, ids, n);
}

static void list_release(QIOAuthz *authz)
{
    qiop_authz_rules_free(&((struct list *)authz)->rules);
}

static const struct qiop_authz_kind simple_kind = {
    .decide = list_decide,
    .release = list_release,
};

static const struct qiop_authz_kind list_kind = {
    .decide = list_decide,
    .release = list_release,
};

QIOAuthz *qio_authz_new_simple(const char *identity, QIOError **errp)
{
    struct list *l;

    if (!identity || !*identity) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "an authorizer needs an identity");
        return NULL;
    }
    l = qiop_authz_alloc(&simple_kind, sizeof(*l), errp);
    if (l && qiop_authz_rules_insert(&l->rules, 0, identity,
                                     QIO_AUTHZ_FORMAT_EXACT, true, errp)) {
        qio_authz_unref(&l->base);
        return NULL;
    }
    return l ? &l->base : NULL;
}

QIOAuthz *qio_authz_new_list(bool allow_by_default, QIOError **errp)
{
    struct list *l = qiop_authz_alloc(&list_kind, sizeof(*l), errp);

    if (!l) {
        return NULL;
    }
    l->rules.allow_by_default = allow_by_default;
    return &l->base;
}

/* The rules of one to which some may be added, and that match is a text. */
static struct qiop_authz_rules *list_of(QIOAuthz *authz, const char *match,
                                        QIOError **errp)
{
    if (authz->kind != &list_kind) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "this authorizer is not a list of rules");
        return NULL;
    }
    if (!match) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "an authorization rule needs a text");
        return NULL;
    }
    return &((struct list *)authz)->rules;
}

ssize_t qio_authz_list_insert(QIOAuthz *authz, size_t index, const char *match,
                              QIOAuthzFormat format, bool allow,
                              QIOError **errp)
{
    struct qiop_authz_rules *r = list_of(authz, match, errp);

    if (!r) {
        return -1;
    }
    if (format != QIO_AUTHZ_FORMAT_EXACT && format != QIO_AUTHZ_FORMAT_GLOB) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "an authorization rule is exact or glob");
        return -1;
    }
    index = index < r->n ? index : r->n;
    return qiop_authz_rules_insert(r, index, match, format, allow, errp)
               ? -1
               : (ssize_t)index;
}

ssize_t qio_authz_list_append(QIOAuthz *authz, const char *match,
                              QIOAuthzFormat format, bool allow,
                              QIOError **errp)
{
    return qio_authz_list_insert(authz, (size_t)-1, match, format, allow, errp);
}

ssize_t qio_authz_list_delete(QIOAuthz *authz, const char *match,
                              QIOError **errp)
{
    struct qiop_authz_rules *r = list_of(authz, match, errp);
    size_t i;

    if (!r) {
        return -1;
    }
    for (i = 0; i < r->n; i++) {
        if (strcmp(r->v[i].match, match) == 0) {
            free(r->v[i].match);
            r->n--;
            memmove(r->v + i, r->v + i + 1, (r->n - i) * sizeof(*r->v));
            return (ssize_t)i;
        }
    }
    qio_error_set(errp, QIO_ERROR_NOT_FOUND, 0, "there is no rule '%s'", match);
    return -1;
}

/* ---- the program itself ---- */

struct func {
    QIOAuthz base;
    QIOAuthzFunc *func;
    void *opaque;
    void (*destroy)(void *opaque);
};

static int func_decide(QIOAuthz *authz, const char *const *ids, size_t n,
                       QIOError **errp)
{
    const struct func *f = (const struct func *)authz;

    (void)errp;
    return f->func(ids, n, f->opaque);
}

static void func_release(QIOAuthz *authz)
{
    const struct func *f = (const struct func *)authz;

    if (f->destroy) {
        f->destroy(f->opaque);
    }
}

static const struct qiop_authz_kind func_kind = {
    .decide = func_decide,
    .release = func_release,
};

QIOAuthz *qio_authz_new_func(QIOAuthzFunc *func, void *opaque,
                             void (*destroy)(void *opaque), QIOError **errp)
{
    struct func *f = NULL;

    if (func) {
        f = qiop_authz_alloc(&func_kind, sizeof(*f), errp);
    } else {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "an authorizer needs a function");
    }
    if (!f) {
        if (destroy) {
            destroy(opaque);
        }
        return NULL;
    }
    f->func = func;
    f->opaque = opaque;
    f->destroy = destroy;
    return &f->base;
}
