/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Properties of credentials by name, before the credentials are made. */
#include <config.h>
#include "tls/config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/optstr.h"

#define X509 (1u << QIO_TLS_CREDS_X509)
#define PSK (1u << QIO_TLS_CREDS_PSK)
#define ANON (1u << QIO_TLS_CREDS_ANON)
#define ALL (X509 | PSK | ANON)

struct property {
    const char *name;
    unsigned kinds;
    int (*set)(QIOTLSConfig *config, const struct property *p,
               const char *value, QIOError **errp);
    size_t offset; /* of the field that set fills */
    unsigned flag; /* for set_unless: what "off" means */
};

static int invalid(QIOError **errp, const struct property *p, const char *what)
{
    qio_error_set(errp, QIO_ERROR_INVALID, 0, "TLS property '%s' %s", p->name,
                  what);
    return -1;
}

static char **text_at(QIOTLSConfig *config, size_t offset)
{
    return (char **)((char *)config + offset);
}

static void wipe(char *text)
{
    if (text) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

static int set_text(QIOTLSConfig *config, const struct property *p,
                    const char *value, QIOError **errp)
{
    char **field = text_at(config, p->offset);
    char *copy = strdup(value);

    if (!copy) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    wipe(*field);
    *field = copy;
    return 0;
}

static int set_username(QIOTLSConfig *config, const struct property *p,
                        const char *value, QIOError **errp)
{
    if (config->endpoint == QIO_TLS_ENDPOINT_SERVER) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "a PSK server takes no user name");
        return -1;
    }
    return set_text(config, p, value, errp);
}

static int set_uri(QIOTLSConfig *config, const struct property *p,
                   const char *value, QIOError **errp)
{
    if (strncmp(value, "pkcs11:", 7) != 0) {
        return invalid(errp, p, "is a URI that starts with 'pkcs11:'");
    }
    return set_text(config, p, value, errp);
}

static int set_alpn(QIOTLSConfig *config, const struct property *p,
                    const char *value, QIOError **errp)
{
    const char *next = value;
    size_t n = 0;

    do {
        size_t len = strcspn(next, ":");

        if (!len || len > 255 || ++n > QIOP_ALPN_MAX) {
            return invalid(errp, p,
                           "is one to eight protocols with ':' between them");
        }
        next += len;
    } while (*next++);
    return set_text(config, p, value, errp);
}

static int set_bool(QIOTLSConfig *config, const struct property *p,
                    const char *value, QIOError **errp)
{
    bool *field = (bool *)((char *)config + p->offset);

    return qiop_optstr_bool(value, field) < 0 ? invalid(errp, p, "is on or off")
                                              : 0;
}

/* A flag for the unusual case. */
static int set_unless(QIOTLSConfig *config, const struct property *p,
                      const char *value, QIOError **errp)
{
    bool on;

    if (qiop_optstr_bool(value, &on) < 0) {
        return invalid(errp, p, "is on or off");
    }
    config->flags = on ? config->flags & ~p->flag : config->flags | p->flag;
    return 0;
}

static int set_version(QIOTLSConfig *config, const struct property *p,
                       const char *value, QIOError **errp)
{
    int *field = (int *)((char *)config + p->offset);

    if (strcmp(value, "1.2") != 0 && strcmp(value, "1.3") != 0) {
        return invalid(errp, p, "is 1.2 or 1.3");
    }
    *field = value[2] == '2' ? 12 : 13;
    return 0;
}

static int set_handshake_limit(QIOTLSConfig *config, const struct property *p,
                               const char *value, QIOError **errp)
{
    uint64_t n;

    if (qiop_optstr_uint(value, QIOP_HANDSHAKE_LIMIT_MAX, &n) < 0 ||
        n < QIOP_HANDSHAKE_LIMIT_MIN) {
        return invalid(errp, p, "is a number of bytes from 4096 to 16777216");
    }
    config->handshake_limit = (uint32_t)n;
    return 0;
}

static int set_rekey_after(QIOTLSConfig *config, const struct property *p,
                           const char *value, QIOError **errp)
{
    uint64_t n;

    if (qiop_optstr_uint(value, QIOP_REKEY_AFTER, &n) < 0 ||
        n < QIOP_REKEY_AFTER_MIN) {
        return invalid(errp, p, "is a number of records from 1024 to 16777216");
    }
    config->rekey_after = (uint32_t)n;
    return 0;
}

#define AT(field) offsetof(QIOTLSConfig, field)

static const struct property properties[] = {
    {"verify-peer", ALL, set_unless, 0, QIO_TLS_CREDS_NO_VERIFY_PEER},
    {"sanity-check", X509, set_unless, 0, QIO_TLS_CREDS_NO_SANITY_CHECK},
    {"system-trust", X509, set_bool, AT(system_trust), 0},
    {"min-version", ALL, set_version, AT(min_version), 0},
    {"max-version", ALL, set_version, AT(max_version), 0},
    {"priority", ALL, set_text, AT(priority), 0},
    {"groups", ALL, set_text, AT(groups), 0},
    {"alpn", ALL, set_alpn, AT(alpn), 0},
    {"handshake-limit", ALL, set_handshake_limit, 0, 0},
    {"rekey-after", ALL, set_rekey_after, 0, 0},
    {"resumption", X509 | PSK, set_bool, AT(resumption), 0},
    {"tls-engine", ALL, set_text, AT(engine), 0},
    {"dir", X509 | PSK, set_text, AT(dir), 0},
    {"username", PSK, set_username, AT(username), 0},
    {"certificate", X509, set_uri, AT(certificate), 0},
    {"key", X509, set_uri, AT(key), 0},
    {"password", X509, set_text, AT(password), 0},
};

static const size_t texts[] = {
    AT(dir),      AT(priority),    AT(groups), AT(alpn),     AT(engine),
    AT(username), AT(certificate), AT(key),    AT(password),
};

#define N_PROPERTIES (sizeof(properties) / sizeof(properties[0]))
#define N_TEXTS (sizeof(texts) / sizeof(texts[0]))

QIOTLSConfig *qio_tls_config_new(QIOTLSCredsKind kind, QIOTLSEndpoint endpoint,
                                 QIOError **errp)
{
    QIOTLSConfig *config;

    if (endpoint != QIO_TLS_ENDPOINT_CLIENT &&
        endpoint != QIO_TLS_ENDPOINT_SERVER) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "TLS credentials are for a client or a server");
        return NULL;
    }
    if (kind != QIO_TLS_CREDS_X509 && kind != QIO_TLS_CREDS_PSK &&
        kind != QIO_TLS_CREDS_ANON) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "unknown kind of TLS credentials");
        return NULL;
    }
    config = calloc(1, sizeof(*config));
    if (!config) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    config->kind = kind;
    config->endpoint = endpoint;
    config->handshake_limit = QIOP_HANDSHAKE_LIMIT;
    config->rekey_after = QIOP_REKEY_AFTER;
    return config;
}

static void drop_psk_func(QIOTLSConfig *config)
{
    struct qiop_psk_func *f = config->psk_func;

    config->psk_func = NULL;
    if (!f ||
        atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    if (f->destroy) {
        f->destroy(f->opaque);
    }
    free(f);
}

void qio_tls_config_free(QIOTLSConfig *config)
{
    size_t i;

    if (!config) {
        return;
    }
    for (i = 0; i < N_TEXTS; i++) {
        wipe(*text_at(config, texts[i]));
    }
    drop_psk_func(config);
    free(config);
}

QIOTLSConfig *qiop_tls_config_copy(const QIOTLSConfig *config, QIOError **errp)
{
    QIOTLSConfig *copy = malloc(sizeof(*copy));
    bool complete = copy != NULL;
    size_t i;

    if (copy) {
        *copy = *config;
        if (copy->psk_func) {
            atomic_fetch_add_explicit(&copy->psk_func->refs, 1,
                                      memory_order_relaxed);
        }
        for (i = 0; i < N_TEXTS; i++) {
            char **text = text_at(copy, texts[i]);

            if (*text) {
                *text = strdup(*text);
                complete &= *text != NULL;
            }
        }
    }
    if (!complete) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        qio_tls_config_free(copy);
        return NULL;
    }
    return copy;
}

int qio_tls_config_set(QIOTLSConfig *config, const char *property,
                       const char *value, QIOError **errp)
{
    static const char *const kinds[] = {"x509", "psk", "anonymous"};
    size_t i;

    for (i = 0; i < N_PROPERTIES; i++) {
        const struct property *p = &properties[i];

        if (strcmp(p->name, property) != 0 ||
            !(p->kinds & 1u << config->kind)) {
            continue;
        }
        if (!value) {
            return invalid(errp, p, "needs a value");
        }
        return p->set(config, p, value, errp);
    }
    qio_error_set(errp, QIO_ERROR_INVALID, 0,
                  "%s credentials: property '%s' is not known",
                  kinds[config->kind], property);
    return -1;
}

int qio_tls_config_set_psk_func(QIOTLSConfig *config, QIOTLSPSKFunc *func,
                                void *opaque, void (*destroy)(void *opaque),
                                QIOError **errp)
{
    struct qiop_psk_func *f = NULL;

    if (config->kind != QIO_TLS_CREDS_PSK || !func) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "a function for keys is for PSK credentials");
    } else {
        f = calloc(1, sizeof(*f));
        if (!f) {
            qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        }
    }
    if (!f) {
        if (destroy) {
            destroy(opaque);
        }
        return -1;
    }
    atomic_init(&f->refs, 1);
    f->func = func;
    f->opaque = opaque;
    f->destroy = destroy;
    drop_psk_func(config);
    config->psk_func = f;
    return 0;
}
