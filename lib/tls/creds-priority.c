/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What credentials say about versions, ciphers and groups, parsed once for all
 * sessions. */
#include <config.h>
#include "creds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a kind needs beyond all priorities. */
static const char *kind_suffix(QIOTLSCredsKind kind)
{
    switch (kind) {
    case QIO_TLS_CREDS_PSK:
        return ":+ECDHE-PSK:+DHE-PSK:+PSK";
    case QIO_TLS_CREDS_ANON:
        return ":+ANON-ECDH:+ANON-DH";
    case QIO_TLS_CREDS_X509:
        break;
    }
    return "";
}

static const char *base_priority(const QIOTLSConfig *c)
{
    return c->priority ? c->priority : qiop_tls_default_priority();
}

/* Replaces *text, which ends up NULL without memory. */
static void append(char **text, const char *more)
{
    char *longer = NULL;

    if (*text && asprintf(&longer, "%s%s", *text, more) < 0) {
        longer = NULL;
    }
    free(*text);
    *text = longer;
}

static void append_versions(const QIOTLSConfig *c, char **text)
{
    if (!c->min_version && !c->max_version) {
        return;
    }
    append(text, ":-VERS-ALL");
    if (c->max_version != 12) {
        append(text, ":+VERS-TLS1.3");
    }
    if (c->min_version != 13) {
        append(text, ":+VERS-TLS1.2");
    }
}

static int append_groups(const QIOTLSConfig *c, char **text, QIOError **errp)
{
    const char *p = c->groups;

    if (!p) {
        return 0;
    }
    append(text, ":-GROUP-ALL");
    while (*p) {
        size_t len = strcspn(p, ":");
        char item[64];

        snprintf(item, sizeof(item), ":+GROUP-%.*s", (int)(len > 32 ? 32 : len),
                 p);
        if (gnutls_group_get_id(item + sizeof(":+GROUP-") - 1) ==
            GNUTLS_GROUP_INVALID) {
            qio_error_set(errp, QIO_ERROR_INVALID, 0,
                          "unknown key exchange group '%s'",
                          item + sizeof(":+GROUP-") - 1);
            return -1;
        }
        append(text, item);
        p += len + (p[len] == ':');
    }
    return 0;
}

static int parse(QIOTLSCreds *creds, const char *text, QIOError **errp)
{
    const char *bad = NULL;
    int ret;

    errno = 0;
    ret = gnutls_priority_init(&creds->priority, text, &bad);
    if (ret >= 0) {
        return 0;
    }
    if (ret == GNUTLS_E_MEMORY_ERROR || errno == ENOMEM) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
    } else {
        qio_error_set_tls(errp, QIO_ERROR_INVALID, ret,
                          "bad TLS priority '%s' at '%s': %s",
                          base_priority(creds->config), bad ? bad : text,
                          gnutls_strerror(ret));
    }
    return -1;
}

int qiop_creds_set_priority(QIOTLSCreds *creds, QIOError **errp)
{
    const QIOTLSConfig *c = creds->config;
    char *text;
    int ret = -1;

    if (c->min_version == 13 && c->max_version == 12) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "min-version is above max-version");
        return -1;
    }
    if (c->min_version == 13 && c->kind == QIO_TLS_CREDS_ANON) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "TLS 1.3 has no anonymous key exchange");
        return -1;
    }
    text = strdup(base_priority(c));
    append(&text, kind_suffix(c->kind));
    append_versions(c, &text);
    if (append_groups(c, &text, errp) == 0) {
        if (text) {
            ret = parse(creds, text, errp);
        } else {
            qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        }
    }
    free(text);
    return ret;
}
