/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is inside a QIOObjects set, for the files that fill it. */
#ifndef QIOP_ENDPOINT_OBJECTS_H
#define QIOP_ENDPOINT_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <qio/objects.h>

/* More than any password or key; a file that is larger is a mistake. */
#define QIOP_SECRET_MAX 65536

enum qiop_object_kind {
    QIOP_OBJECT_CREDS,
    QIOP_OBJECT_AUTHZ,
    QIOP_OBJECT_SECRET,
};

struct qiop_object {
    enum qiop_object_kind kind;
    char *id;
    union {
        QIOTLSCreds *creds;
        QIOAuthz *authz;
        char *secret; /* text, wiped before it is freed */
    } u;
};

struct QIOObjects {
    struct qiop_object *v;
    size_t n;
    size_t room;
};

/* Whether a new object may have this ID: its syntax, and that it is free. */
int qiop_objects_check_id(const QIOObjects *objects, const char *id,
                          QIOError **errp);
/* Put an object into the set. Takes what u holds on success; id is copied. */
int qiop_objects_insert(QIOObjects *objects, const char *id,
                        const struct qiop_object *obj, QIOError **errp);
/* Drop what u holds. */
void qiop_object_release(struct qiop_object *obj);
/* The object of this kind, or NULL with *errp set. */
const struct qiop_object *qiop_objects_find(const QIOObjects *objects,
                                            const char *id,
                                            enum qiop_object_kind kind,
                                            QIOError **errp);

/* A new secret's text, from data or from a file; one of them is NULL. */
char *qiop_secret_load(const char *data, const char *file, bool base64,
                       QIOError **errp);
/* Overwrite and free a text; NULL is allowed. */
void qiop_wipe_text(char *text);

#endif
