/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An authorizer whose rules are in a file that may change. */
#include <config.h>
#include "tls/authz.h"

#include <stdlib.h>
#include <string.h>

#include "tls/creds.h"

struct file {
    QIOAuthz base;
    char *path;
    bool refresh;
    pthread_mutex_t lock;
    /* With lock: the rules and the file that they are of. */
    struct qiop_authz_rules rules;
    struct qiop_creds_stamps stamps;
};

/* Into *rules, which is empty. *stamps says what was read, on failure too. */
static int load(const char *path, struct qiop_authz_rules *rules,
                struct qiop_creds_stamps *stamps, QIOError **errp)
{
    gnutls_datum_t text;
    int ret = qiop_creds_file_read(path, false, &text, stamps, errp);

    if (ret == 0) {
        ret = qiop_authz_rules_parse(rules, (const char *)text.data, text.size,
                                     path, errp);
        qiop_creds_file_free(&text);
    }
    if (ret) {
        qiop_authz_rules_free(rules);
    }
    return ret;
}

/* With lock: swap what was loaded in. */
static void adopt(struct file *f, const struct qiop_authz_rules *rules,
                  const struct qiop_creds_stamps *stamps)
{
    qiop_authz_rules_free(&f->rules);
    qiop_creds_stamps_free(&f->stamps);
    f->rules = *rules;
    f->stamps = *stamps;
}

static int file_reload(QIOAuthz *authz, QIOError **errp)
{
    struct file *f = (struct file *)authz;
    struct qiop_authz_rules rules = {0};
    struct qiop_creds_stamps stamps = {0};

    if (load(f->path, &rules, &stamps, errp)) {
        qiop_creds_stamps_free(&stamps);
        return -1;
    }
    pthread_mutex_lock(&f->lock);
    adopt(f, &rules, &stamps);
    pthread_mutex_unlock(&f->lock);
    return 0;
}

static int file_decide(QIOAuthz *authz, const char *const *ids, size_t n,
                       QIOError **errp)
{
    struct file *f = (struct file *)authz;
    int ret = 0;

    pthread_mutex_lock(&f->lock);
    if (f->refresh && qiop_creds_stamps_changed(&f->stamps)) {
        struct qiop_authz_rules rules = {0};
        struct qiop_creds_stamps stamps = {0};

        ret = load(f->path, &rules, &stamps, errp);
        if (ret == 0) {
            adopt(f, &rules, &stamps);
        } else {
            qiop_creds_stamps_free(&stamps);
        }
    }
    if (ret == 0) {
        ret = qiop_authz_rules_decide(&f->rules, ids, n);
    }
    pthread_mutex_unlock(&f->lock);
    return ret;
}

static void file_release(QIOAuthz *authz)
{
    struct file *f = (struct file *)authz;

    qiop_authz_rules_free(&f->rules);
    qiop_creds_stamps_free(&f->stamps);
    pthread_mutex_destroy(&f->lock);
    free(f->path);
}

static const struct qiop_authz_kind file_kind = {
    .decide = file_decide,
    .reload = file_reload,
    .release = file_release,
};

QIOAuthz *qio_authz_new_list_file(const char *path, bool refresh,
                                  QIOError **errp)
{
    struct file *f;

    if (!path || !*path) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "an authorizer's file needs a name");
        return NULL;
    }
    f = qiop_authz_alloc(&file_kind, sizeof(*f), errp);
    if (!f) {
        return NULL;
    }
    pthread_mutex_init(&f->lock, NULL);
    f->refresh = refresh;
    f->path = strdup(path);
    if (!f->path) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
    }
    if (!f->path || load(f->path, &f->rules, &f->stamps, errp)) {
        qio_authz_unref(&f->base);
        return NULL;
    }
    return &f->base;
}
