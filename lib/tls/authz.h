/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is behind a QIOAuthz, for the files that make one. */
#ifndef QIOP_TLS_AUTHZ_H
#define QIOP_TLS_AUTHZ_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <qio/authz.h>

struct qiop_authz_rule {
    char *match;
    QIOAuthzFormat format;
    bool allow;
};

/* Tried in order, the first that matches decides. */
struct qiop_authz_rules {
    struct qiop_authz_rule *v;
    size_t n;
    bool allow_by_default;
};

int qiop_authz_rules_insert(struct qiop_authz_rules *r, size_t index,
                            const char *match, QIOAuthzFormat format,
                            bool allow, QIOError **errp);
bool qiop_authz_rules_decide(const struct qiop_authz_rules *r,
                             const char *const *ids, size_t n);
void qiop_authz_rules_free(struct qiop_authz_rules *r);
/* From the text of a list file; *r is empty. 0 or -1. authz-json.c */
int qiop_authz_rules_parse(struct qiop_authz_rules *r, const char *text,
                           size_t len, const char *path, QIOError **errp);

/* decide: 1 may come in, 0 not, -1 cannot be said, and why. ids[0] is the name,
 * the others are alternative ones. Called by several threads at once.
 * reload, release: NULL if there is nothing to do. */
struct qiop_authz_kind {
    int (*decide)(QIOAuthz *authz, const char *const *ids, size_t n,
                  QIOError **errp);
    int (*reload)(QIOAuthz *authz, QIOError **errp);
    void (*release)(QIOAuthz *authz);
};

/* The private parts of the kinds begin with it. */
struct QIOAuthz {
    atomic_int refs;
    const struct qiop_authz_kind *kind;
};

/* size bytes of zeros with one reference and a kind. */
void *qiop_authz_alloc(const struct qiop_authz_kind *kind, size_t size,
                       QIOError **errp);

/* With the services' configuration in confdir; NULL: the system's. */
QIOAuthz *qiop_authz_new_pam(const char *service, const char *confdir,
                             QIOError **errp);

#endif
