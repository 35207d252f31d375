/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Objects from text: TYPE,id=ID[,PROPERTY=VALUE...]. */
#include <config.h>
#include "endpoint/objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <qio/tls-config.h>
#include "base/optstr.h"

/* Enough for any rule list; bounds what a text can make us allocate. */
#define PROPS_MAX 4096

struct prop {
    char *name;
    const char *value; /* inside name */
    size_t len;        /* of the whole piece, for wiping */
    bool seen;
};

struct props {
    const char *type;
    struct prop *v;
    size_t n;
};

static void props_free(struct props *p)
{
    while (p->n > 0) {
        p->n--;
        explicit_bzero(p->v[p->n].name, p->v[p->n].len);
        free(p->v[p->n].name);
    }
    free(p->v);
}

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names && strcmp(name, *names) != 0) {
        names++;
    }
    return *names != NULL;
}

/* Names the property, except when it may be a piece of a secret, behind a
 * comma that should have been written twice. */
static int invalid(QIOError **errp, const struct props *p, const char *name,
                   const char *what)
{
    static const char *const known[] = {"id", "data", "file", "format", NULL};

    if (strcmp(p->type, "secret") == 0 && !is_one_of(name, known)) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "secret: a property is not known (a comma that is part "
                      "of the data is written twice)");
        return -1;
    }
    qio_error_set(errp, QIO_ERROR_INVALID, 0, "%s: property '%s' %s", p->type,
                  name, what);
    return -1;
}

/* Take a property. Returns its value, NULL when it is not there. */
static const char *take(struct props *p, const char *name)
{
    size_t i;

    for (i = 1; i < p->n; i++) {
        if (strcmp(p->v[i].name, name) == 0) {
            p->v[i].seen = true;
            return p->v[i].value;
        }
    }
    return NULL;
}

/* A property that is missing or empty is an error. */
static const char *need(struct props *p, const char *name, QIOError **errp)
{
    const char *value = take(p, name);

    if (!value || !value[0]) {
        invalid(errp, p, name, value ? "is empty" : "is missing");
        return NULL;
    }
    return value;
}

/* One of two words; none: the default. Returns which, or -1. */
static int take_choice(struct props *p, const char *name, const char *zero,
                       const char *one, int by_default, QIOError **errp)
{
    const char *value = take(p, name);

    if (!value) {
        return by_default;
    }
    if (strcmp(value, zero) == 0) {
        return 0;
    }
    if (strcmp(value, one) == 0) {
        return 1;
    }
    qio_error_set(errp, QIO_ERROR_INVALID, 0,
                  "%s: property '%s' is either %s or %s", p->type, name, zero,
                  one);
    return -1;
}

/* Every property was meant by somebody. */
static int all_seen(const struct props *p, QIOError **errp)
{
    size_t i;

    for (i = 1; i < p->n; i++) {
        if (!p->v[i].seen) {
            return invalid(errp, p, p->v[i].name,
                           strncmp(p->v[i].name, "rules.", 6) == 0
                               ? "is not known, or its rule has no match or "
                                 "none before it"
                               : "is not known");
        }
    }
    return 0;
}

/* The side must be said; QEMU's default of one is an accident to come. */
static QIOTLSConfig *take_endpoint(struct props *p, QIOTLSCredsKind kind,
                                   QIOError **errp)
{
    int side;

    if (!need(p, "endpoint", errp)) {
        return NULL;
    }
    side = take_choice(p, "endpoint", "client", "server", -1, errp);
    if (side < 0) {
        return NULL;
    }
    return qio_tls_config_new(
        kind, side ? QIO_TLS_ENDPOINT_SERVER : QIO_TLS_ENDPOINT_CLIENT, errp);
}

/* A password is only ever named. */
static int take_password(const QIOObjects *objects, struct props *p,
                         QIOTLSConfig *config, QIOError **errp)
{
    const char *id = take(p, "passwordid");
    const struct qiop_object *secret;

    if (!id) {
        return 0;
    }
    if (take(p, "password")) {
        return invalid(errp, p, "password", "is not known");
    }
    secret = qiop_objects_find(objects, id, QIOP_OBJECT_SECRET, errp);
    return secret
               ? qio_tls_config_set(config, "password", secret->u.secret, errp)
               : -1;
}

/* All that is left are properties of the credentials. */
static int take_properties(struct props *p, QIOTLSConfig *config,
                           QIOError **errp)
{
    size_t i;

    for (i = 1; i < p->n; i++) {
        if (p->v[i].seen) {
            continue;
        }
        if (strcmp(p->v[i].name, "password") == 0) {
            return invalid(errp, p, "password", "is not known");
        }
        if (qio_tls_config_set(config, p->v[i].name, p->v[i].value, errp) < 0) {
            return -1;
        }
    }
    return 0;
}

static int make_creds(const QIOObjects *objects, struct props *p,
                      QIOTLSCredsKind kind, struct qiop_object *out,
                      QIOError **errp)
{
    QIOTLSConfig *config = take_endpoint(p, kind, errp);

    if (!config) {
        return -1;
    }
    out->u.creds = NULL;
    if ((kind != QIO_TLS_CREDS_X509 ||
         take_password(objects, p, config, errp) == 0) &&
        take_properties(p, config, errp) == 0) {
        out->u.creds = qio_tls_creds_new(config, errp);
    }
    qio_tls_config_free(config);
    return out->u.creds ? 0 : -1;
}

static int make_x509(const QIOObjects *objects, struct props *p,
                     struct qiop_object *out, QIOError **errp)
{
    return make_creds(objects, p, QIO_TLS_CREDS_X509, out, errp);
}

static int make_psk(const QIOObjects *objects, struct props *p,
                    struct qiop_object *out, QIOError **errp)
{
    return make_creds(objects, p, QIO_TLS_CREDS_PSK, out, errp);
}

static int make_anon(const QIOObjects *objects, struct props *p,
                     struct qiop_object *out, QIOError **errp)
{
    return make_creds(objects, p, QIO_TLS_CREDS_ANON, out, errp);
}

static int make_simple(const QIOObjects *objects, struct props *p,
                       struct qiop_object *out, QIOError **errp)
{
    const char *identity = need(p, "identity", errp);

    (void)objects;
    if (!identity || all_seen(p, errp) < 0) {
        return -1;
    }
    out->u.authz = qio_authz_new_simple(identity, errp);
    return out->u.authz ? 0 : -1;
}

/* Returns 1, 0 when there is no such rule, -1. */
static int take_rule(struct props *p, size_t i, QIOAuthz *authz,
                     QIOError **errp)
{
    char name[48];
    const char *match;
    int allow, glob;

    snprintf(name, sizeof(name), "rules.%zu.match", i);
    match = take(p, name);
    if (!match) {
        return 0;
    }
    snprintf(name, sizeof(name), "rules.%zu.policy", i);
    allow = take_choice(p, name, "deny", "allow", 1, errp);
    snprintf(name, sizeof(name), "rules.%zu.format", i);
    glob = take_choice(p, name, "exact", "glob", 0, allow < 0 ? NULL : errp);
    if (allow < 0 || glob < 0 ||
        qio_authz_list_append(
            authz, match, glob ? QIO_AUTHZ_FORMAT_GLOB : QIO_AUTHZ_FORMAT_EXACT,
            allow, errp) < 0) {
        return -1;
    }
    return 1;
}

static int make_list(const QIOObjects *objects, struct props *p,
                     struct qiop_object *out, QIOError **errp)
{
    int allow = take_choice(p, "policy", "deny", "allow", 0, errp);
    QIOAuthz *authz;
    size_t i = 0;
    int ret;

    (void)objects;
    if (allow < 0) {
        return -1;
    }
    authz = qio_authz_new_list(allow, errp);
    if (!authz) {
        return -1;
    }
    do {
        ret = take_rule(p, i++, authz, errp);
    } while (ret > 0);
    /* A rule after a gap, or without match, is one that nobody has seen. */
    if (ret < 0 || all_seen(p, errp) < 0) {
        qio_authz_unref(authz);
        return -1;
    }
    out->u.authz = authz;
    return 0;
}

static int make_list_file(const QIOObjects *objects, struct props *p,
                          struct qiop_object *out, QIOError **errp)
{
    const char *path = need(p, "filename", errp);
    int refresh;

    (void)objects;
    if (!path) {
        return -1;
    }
    refresh = take_choice(p, "refresh", "off", "on", 1, errp);
    if (refresh < 0 || all_seen(p, errp) < 0) {
        return -1;
    }
    out->u.authz = qio_authz_new_list_file(path, refresh, errp);
    return out->u.authz ? 0 : -1;
}

static int make_pam(const QIOObjects *objects, struct props *p,
                    struct qiop_object *out, QIOError **errp)
{
    const char *service = need(p, "service", errp);

    (void)objects;
    if (!service || all_seen(p, errp) < 0) {
        return -1;
    }
    out->u.authz = qio_authz_new_pam(service, errp);
    return out->u.authz ? 0 : -1;
}

static int make_secret(const QIOObjects *objects, struct props *p,
                       struct qiop_object *out, QIOError **errp)
{
    const char *data = take(p, "data");
    const char *file = take(p, "file");
    int base64 = take_choice(p, "format", "raw", "base64", 0, errp);

    (void)objects;
    if (base64 < 0 || all_seen(p, errp) < 0) {
        return -1;
    }
    if (!data == !file) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "secret: it has either data or file");
        return -1;
    }
    out->u.secret = qiop_secret_load(data, file, base64, errp);
    return out->u.secret ? 0 : -1;
}

static const struct {
    const char *name;
    enum qiop_object_kind kind;
    int (*make)(const QIOObjects *objects, struct props *p,
                struct qiop_object *out, QIOError **errp);
} types[] = {
    {"tls-creds-x509", QIOP_OBJECT_CREDS, make_x509},
    {"tls-creds-psk", QIOP_OBJECT_CREDS, make_psk},
    {"tls-creds-anon", QIOP_OBJECT_CREDS, make_anon},
    {"authz-simple", QIOP_OBJECT_AUTHZ, make_simple},
    {"authz-list", QIOP_OBJECT_AUTHZ, make_list},
    {"authz-list-file", QIOP_OBJECT_AUTHZ, make_list_file},
    {"authz-pam", QIOP_OBJECT_AUTHZ, make_pam},
    {"secret", QIOP_OBJECT_SECRET, make_secret},
};

#define N_TYPES (sizeof(types) / sizeof(types[0]))

/* Takes the piece apart; it is the set's from here on. */
static int add_prop(struct props *p, char *piece, QIOError **errp)
{
    static const char *const booleans[] = {"verify-peer", "sanity-check",
                                           "system-trust", NULL};
    struct prop *prop = &p->v[p->n];
    size_t i;

    memset(prop, 0, sizeof(*prop));
    prop->len = strlen(piece);
    prop->name = piece;
    if (p->n++ == 0) {
        p->type = piece;
        return 0;
    }
    prop->value = qiop_optstr_value(piece);
    if (!prop->value && is_one_of(piece, booleans)) {
        prop->value = "on";
    }
    if (!prop->value) {
        return invalid(errp, p, piece, "needs a value");
    }
    if (!piece[0]) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "%s: a property without a name", p->type);
        return -1;
    }
    for (i = 1; i + 1 < p->n; i++) {
        if (strcmp(p->v[i].name, piece) == 0) {
            return invalid(errp, p, piece, "is given twice");
        }
    }
    return 0;
}

static int split(struct props *p, const char *text, QIOError **errp)
{
    const char *pos = text;
    char *piece;
    int ret;

    while ((ret = qiop_optstr_next(&pos, &piece, errp)) > 0) {
        void *v = reallocarray(p->v, p->n + 1, sizeof(*p->v));

        if (!v || p->n == PROPS_MAX) {
            qio_error_set(errp, v ? QIO_ERROR_INVALID : QIO_ERROR_NOMEM, 0,
                          v ? "too many properties" : "out of memory");
            p->v = v ? v : p->v;
            qiop_wipe_text(piece);
            return -1;
        }
        p->v = v;
        if (add_prop(p, piece, errp) < 0) {
            return -1;
        }
    }
    return ret;
}

static int add_object(QIOObjects *objects, struct props *p, QIOError **errp)
{
    struct qiop_object obj;
    const char *id;
    size_t i = 0;

    while (i < N_TYPES && strcmp(p->type, types[i].name) != 0) {
        i++;
    }
    if (i == N_TYPES) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "unknown type of object '%s'",
                      p->type);
        return -1;
    }
    id = need(p, "id", errp);
    if (!id || qiop_objects_check_id(objects, id, errp) < 0) {
        return -1;
    }
    memset(&obj, 0, sizeof(obj));
    obj.kind = types[i].kind;
    if (types[i].make(objects, p, &obj, errp) < 0) {
        return -1;
    }
    if (qiop_objects_insert(objects, id, &obj, errp) == 0) {
        return 0;
    }
    qiop_object_release(&obj);
    return -1;
}

int qio_objects_add(QIOObjects *objects, const char *text, QIOError **errp)
{
    struct props p = {NULL, NULL, 0};
    int ret = split(&p, text, errp);

    if (ret == 0) {
        ret = add_object(objects, &p, errp);
    }
    props_free(&p);
    return ret;
}
