/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pre-shared keys: DIR/keys.psk with lines USER:HEXKEY. */
#include <config.h>
#include "creds.h"

#include <stdlib.h>
#include <string.h>

#define PSK_FILE "keys.psk"
#define PSK_SUFFIX ":+ECDHE-PSK:+DHE-PSK:+PSK"
#define DEFAULT_USER "qemu"
/* RFC 4279 §5.3 asks for 64 octets at least; more is of no use. */
#define KEY_MAX 1024
#define USER_MAX_LEN 128

static void wipe_datum(gnutls_datum_t *d)
{
    if (d->data) {
        explicit_bzero(d->data, d->size);
        free(d->data);
    }
    d->data = NULL;
    d->size = 0;
}

void qiop_creds_psk_clear(QIOTLSCreds *creds)
{
    size_t i;

    for (i = 0; i < creds->npsk; i++) {
        free(creds->psk[i].user);
        wipe_datum(&creds->psk[i].key);
    }
    free(creds->psk);
    creds->psk = NULL;
    creds->npsk = 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* 0, -1 not a key, -2 no memory */
static int parse_key(const char *hex, size_t len, gnutls_datum_t *key)
{
    size_t i;

    if (!len || len % 2 || len / 2 > KEY_MAX) {
        return -1;
    }
    for (i = 0; i < len; i++) {
        if (hex_digit(hex[i]) < 0) {
            return -1;
        }
    }
    key->data = malloc(len / 2);
    if (!key->data) {
        return -2;
    }
    key->size = (unsigned)(len / 2);
    for (i = 0; i < len / 2; i++) {
        key->data[i] = (unsigned char)(hex_digit(hex[2 * i]) << 4 |
                                       hex_digit(hex[2 * i + 1]));
    }
    return 0;
}

static int bad_line(const char *path, unsigned line, const char *why,
                    QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_CREDENTIALS, 0, "'%s' line %u: %s", path,
                  line, why);
    return -1;
}

static int add_entry(QIOTLSCreds *creds, const char *user, size_t user_len,
                     gnutls_datum_t *key, QIOError **errp)
{
    struct qiop_psk_entry *psk;
    char *copy = strndup(user, user_len);

    psk = reallocarray(creds->psk, creds->npsk + 1, sizeof(*psk));
    if (psk) {
        creds->psk = psk;
    }
    if (!psk || !copy) {
        free(copy);
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    psk[creds->npsk].user = copy;
    psk[creds->npsk].key = *key;
    creds->npsk++;
    return 0;
}

static const struct qiop_psk_entry *find(const QIOTLSCreds *creds,
                                         const char *user, size_t len)
{
    size_t i;

    for (i = 0; i < creds->npsk; i++) {
        const struct qiop_psk_entry *e = &creds->psk[i];

        if (strlen(e->user) == len && memcmp(e->user, user, len) == 0) {
            return e;
        }
    }
    return NULL;
}

static int parse_line(QIOTLSCreds *creds, const char *path, unsigned line,
                      const char *text, size_t len, QIOError **errp)
{
    const char *colon = memchr(text, ':', len);
    gnutls_datum_t key = {NULL, 0};
    size_t user_len;
    int ret;

    if (!colon) {
        return bad_line(path, line, "expected USER:HEXKEY", errp);
    }
    user_len = (size_t)(colon - text);
    if (!user_len || user_len > USER_MAX_LEN || memchr(text, 0, user_len)) {
        return bad_line(path, line, "bad user name", errp);
    }
    if (find(creds, text, user_len)) {
        return bad_line(path, line, "a user named twice", errp);
    }
    ret = parse_key(colon + 1, len - user_len - 1, &key);
    if (ret == -1) {
        return bad_line(path, line,
                        "the key is not an even number of hex "
                        "digits",
                        errp);
    }
    if (ret == -2) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    if (add_entry(creds, text, user_len, &key, errp)) {
        wipe_datum(&key);
        return -1;
    }
    return 0;
}

static int parse_file(QIOTLSCreds *creds, const char *path,
                      const gnutls_datum_t *file, QIOError **errp)
{
    const char *p = (const char *)file->data, *end = p + file->size;
    unsigned line = 1;

    for (; p < end; line++) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        const char *next = nl ? nl + 1 : end;
        size_t len = (size_t)((nl ? nl : end) - p);

        if (len && p[len - 1] == '\r') {
            len--;
        }
        if (len && *p != '#' && parse_line(creds, path, line, p, len, errp)) {
            return -1;
        }
        p = next;
    }
    if (!creds->npsk) {
        qio_error_set(errp, QIO_ERROR_CREDENTIALS, 0, "no key in '%s'", path);
        return -1;
    }
    return 0;
}

static int psk_load(QIOTLSCreds *creds, QIOError **errp)
{
    char *path = qiop_creds_path(creds->dir, PSK_FILE, errp);
    gnutls_datum_t file = {NULL, 0};
    int ret = -1;

    if (path && qiop_creds_file_read(path, false, &file, errp) == 0) {
        ret = parse_file(creds, path, &file, errp);
    }
    qiop_creds_file_free(&file);
    free(path);
    return ret;
}

static int setup_client(QIOTLSCreds *creds, const char *username,
                        QIOError **errp)
{
    const char *user = username ? username : DEFAULT_USER;
    const struct qiop_psk_entry *e = find(creds, user, strlen(user));
    int ret;

    if (!e) {
        qio_error_set(errp, QIO_ERROR_CREDENTIALS, 0,
                      "user '%s' is not in '%s/" PSK_FILE "'", user,
                      creds->dir);
        return -1;
    }
    ret = gnutls_psk_allocate_client_credentials(&creds->psk_client);
    if (ret >= 0) {
        ret = gnutls_psk_set_client_credentials(creds->psk_client, user,
                                                &e->key, GNUTLS_PSK_KEY_RAW);
    }
    if (ret < 0) {
        qio_error_set_tls(errp,
                          ret == GNUTLS_E_MEMORY_ERROR ? QIO_ERROR_NOMEM
                                                       : QIO_ERROR_CREDENTIALS,
                          ret,
                          "cannot use the key of '%s' in '%s/" PSK_FILE "': %s",
                          user, creds->dir, gnutls_strerror(ret));
        return -1;
    }
    /* The other users' keys are none of a client's business. */
    qiop_creds_psk_clear(creds);
    return 0;
}

QIOTLSCreds *qio_tls_creds_psk_new(QIOTLSEndpoint endpoint, const char *dir,
                                   const char *username, const char *priority,
                                   unsigned flags, QIOError **errp)
{
    QIOTLSCreds *creds;

    if (endpoint == QIO_TLS_ENDPOINT_SERVER && username) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "a PSK server takes no user name");
        return NULL;
    }
    creds = qiop_creds_new(endpoint, QIO_TLS_CREDS_PSK, dir,
                           priority, PSK_SUFFIX, flags, errp);
    if (!creds) {
        return NULL;
    }
    if (psk_load(creds, errp)) {
        goto fail;
    }
    if (endpoint == QIO_TLS_ENDPOINT_CLIENT) {
        if (setup_client(creds, username, errp)) {
            goto fail;
        }
        return creds;
    }
    if (gnutls_psk_allocate_server_credentials(&creds->psk_server) < 0) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        goto fail;
    }
    gnutls_psk_set_server_credentials_function(creds->psk_server,
                                               qiop_creds_psk_lookup);
    return creds;
fail:
    qio_tls_creds_unref(creds);
    return NULL;
}

int qiop_creds_psk_find(const QIOTLSCreds *creds, const char *user,
                        gnutls_datum_t *key)
{
    const struct qiop_psk_entry *e = find(creds, user, strlen(user));

    if (!e) {
        return 1;
    }
    key->data = gnutls_malloc(e->key.size);
    if (!key->data) {
        return -1;
    }
    memcpy(key->data, e->key.data, e->key.size);
    key->size = e->key.size;
    return 0;
}
