/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QIOObjects: a set of credentials, authorizers and secrets by ID. */
#include <config.h>
#include "endpoint/objects.h"

#include <stdlib.h>
#include <string.h>

static const char *kind_name(enum qiop_object_kind kind)
{
    switch (kind) {
    case QIOP_OBJECT_CREDS:
        return "TLS credentials";
    case QIOP_OBJECT_AUTHZ:
        return "authorizer";
    case QIOP_OBJECT_SECRET:
        return "secret";
    }
    return "object";
}

QIOObjects *qio_objects_new(QIOError **errp)
{
    QIOObjects *objects = calloc(1, sizeof(*objects));

    if (!objects) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
    }
    return objects;
}

void qiop_object_release(struct qiop_object *obj)
{
    switch (obj->kind) {
    case QIOP_OBJECT_CREDS:
        qio_tls_creds_unref(obj->u.creds);
        break;
    case QIOP_OBJECT_AUTHZ:
        qio_authz_unref(obj->u.authz);
        break;
    case QIOP_OBJECT_SECRET:
        qiop_wipe_text(obj->u.secret);
        break;
    }
}

void qio_objects_free(QIOObjects *objects)
{
    if (!objects) {
        return;
    }
    while (objects->n > 0) {
        objects->n--;
        qiop_object_release(&objects->v[objects->n]);
        free(objects->v[objects->n].id);
    }
    free(objects->v);
    free(objects);
}

static const struct qiop_object *find_any(const QIOObjects *objects,
                                          const char *id)
{
    size_t i;

    for (i = 0; i < objects->n; i++) {
        if (strcmp(objects->v[i].id, id) == 0) {
            return &objects->v[i];
        }
    }
    return NULL;
}

/* Not isalpha(): an ID means the same in every locale. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_id(const char *id)
{
    if (!is_letter(*id)) {
        return false;
    }
    while (*++id) {
        if (!is_letter(*id) && !(*id >= '0' && *id <= '9') &&
            !strchr("-._", *id)) {
            return false;
        }
    }
    return true;
}

int qiop_objects_check_id(const QIOObjects *objects, const char *id,
                          QIOError **errp)
{
    if (!id || !is_id(id)) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "bad ID '%s': it is a letter, then letters, digits, "
                      "'-', '.' and '_'",
                      id ? id : "");
        return -1;
    }
    if (find_any(objects, id)) {
        qio_error_set(errp, QIO_ERROR_IN_USE, 0,
                      "there is already an object with the ID '%s'", id);
        return -1;
    }
    return 0;
}

int qiop_objects_insert(QIOObjects *objects, const char *id,
                        const struct qiop_object *obj, QIOError **errp)
{
    struct qiop_object entry = *obj;

    if (qiop_objects_check_id(objects, id, errp) < 0) {
        return -1;
    }
    if (objects->n == objects->room) {
        size_t room = objects->room ? objects->room * 2 : 8;
        void *v = reallocarray(objects->v, room, sizeof(*objects->v));

        if (!v) {
            qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
            return -1;
        }
        objects->v = v;
        objects->room = room;
    }
    entry.id = strdup(id);
    if (!entry.id) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    objects->v[objects->n++] = entry;
    return 0;
}

const struct qiop_object *qiop_objects_find(const QIOObjects *objects,
                                            const char *id,
                                            enum qiop_object_kind kind,
                                            QIOError **errp)
{
    const struct qiop_object *obj = find_any(objects, id);

    if (!obj) {
        qio_error_set(errp, QIO_ERROR_NOT_FOUND, 0, "no %s with the ID '%s'",
                      kind_name(kind), id);
        return NULL;
    }
    if (obj->kind != kind) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "the ID '%s' is of a different kind: %s, not %s", id,
                      kind_name(obj->kind), kind_name(kind));
        return NULL;
    }
    return obj;
}

int qio_objects_add_tls_creds(QIOObjects *objects, const char *id,
                              QIOTLSCreds *creds, QIOError **errp)
{
    struct qiop_object obj = {.kind = QIOP_OBJECT_CREDS, .u.creds = creds};

    if (qiop_objects_insert(objects, id, &obj, errp) < 0) {
        return -1;
    }
    qio_tls_creds_ref(creds);
    return 0;
}

int qio_objects_add_authz(QIOObjects *objects, const char *id, QIOAuthz *authz,
                          QIOError **errp)
{
    struct qiop_object obj = {.kind = QIOP_OBJECT_AUTHZ, .u.authz = authz};

    if (qiop_objects_insert(objects, id, &obj, errp) < 0) {
        return -1;
    }
    qio_authz_ref(authz);
    return 0;
}

QIOTLSCreds *qio_objects_get_tls_creds(const QIOObjects *objects,
                                       const char *id, QIOError **errp)
{
    const struct qiop_object *obj =
        qiop_objects_find(objects, id, QIOP_OBJECT_CREDS, errp);

    return obj ? obj->u.creds : NULL;
}

QIOAuthz *qio_objects_get_authz(const QIOObjects *objects, const char *id,
                                QIOError **errp)
{
    const struct qiop_object *obj =
        qiop_objects_find(objects, id, QIOP_OBJECT_AUTHZ, errp);

    return obj ? obj->u.authz : NULL;
}
