/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pre-shared keys: DIR/keys.psk with lines USER:HEXKEY. */
#include <config.h>
#include "creds.h"

#include <stdlib.h>
#include <string.h>

#define PSK_FILE "keys.psk"
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

void qiop_creds_psk_clear(struct qiop_tls_material *m)
{
    size_t i;

    for (i = 0; i < m->npsk; i++) {
        free(m->psk[i].user);
        wipe_datum(&m->psk[i].key);
    }
    free(m->psk);
    m->psk = NULL;
    m->npsk = 0;
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

static int add_entry(struct qiop_tls_material *m, const char *user,
                     size_t user_len, gnutls_datum_t *key, QIOError **errp)
{
    struct qiop_psk_entry *psk;
    char *copy = strndup(user, user_len);

    psk = reallocarray(m->psk, m->npsk + 1, sizeof(*psk));
    if (psk) {
        m->psk = psk;
    }
    if (!psk || !copy) {
        free(copy);
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    psk[m->npsk].user = copy;
    psk[m->npsk].key = *key;
    m->npsk++;
    return 0;
}

static const struct qiop_psk_entry *find(const struct qiop_tls_material *m,
                                         const char *user, size_t len)
{
    size_t i;

    for (i = 0; i < m->npsk; i++) {
        const struct qiop_psk_entry *e = &m->psk[i];

        if (strlen(e->user) == len && memcmp(e->user, user, len) == 0) {
            return e;
        }
    }
    return NULL;
}

static int parse_line(struct qiop_tls_material *m, const char *path,
                      unsigned line, const char *text, size_t len,
                      QIOError **errp)
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
    if (find(m, text, user_len)) {
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
    if (add_entry(m, text, user_len, &key, errp)) {
        wipe_datum(&key);
        return -1;
    }
    return 0;
}

static int parse_file(struct qiop_tls_material *m, const char *path,
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
        if (len && *p != '#' && parse_line(m, path, line, p, len, errp)) {
            return -1;
        }
        p = next;
    }
    if (!m->npsk) {
        qio_error_set(errp, QIO_ERROR_CREDENTIALS, 0, "no key in '%s'", path);
        return -1;
    }
    return 0;
}

static int load_file(struct qiop_tls_material *m, QIOError **errp)
{
    gnutls_datum_t file = {NULL, 0};
    char *path;
    int ret = -1;

    if (!m->config->dir || !*m->config->dir) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "TLS credentials need a directory");
        return -1;
    }
    path = qiop_creds_path(m->config->dir, PSK_FILE, errp);
    if (path &&
        qiop_creds_file_read(path, false, &file, &m->stamps, errp) == 0) {
        ret = parse_file(m, path, &file, errp);
    }
    qiop_creds_file_free(&file);
    free(path);
    return ret;
}

/* Ask the program. Returns as qiop_creds_psk_find() does. */
static int ask(const struct qiop_psk_func *f, const char *user,
               gnutls_datum_t *key)
{
    unsigned char buf[KEY_MAX];
    ssize_t len = f->func(user, buf, sizeof(buf), f->opaque);
    int ret = 0;

    if (len < 0 || len > KEY_MAX) {
        ret = -2;
    } else if (len == 0) {
        ret = 1;
    } else {
        key->data = gnutls_malloc((size_t)len);
        if (key->data) {
            memcpy(key->data, buf, (size_t)len);
            key->size = (unsigned)len;
        } else {
            ret = -1;
        }
    }
    explicit_bzero(buf, sizeof(buf));
    return ret;
}

static void no_key(const QIOTLSConfig *c, const char *user, int ret,
                   QIOError **errp)
{
    if (ret == -1) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
    } else if (ret == -2) {
        qio_error_set(errp, QIO_ERROR_CREDENTIALS, 0,
                      "the key of user '%s' cannot be had", user);
    } else if (c->psk_func) {
        qio_error_set(errp, QIO_ERROR_CREDENTIALS, 0,
                      "there is no key for user '%s'", user);
    } else {
        qio_error_set(errp, QIO_ERROR_CREDENTIALS, 0,
                      "user '%s' is not in '%s/" PSK_FILE "'", user, c->dir);
    }
}

static int setup_client(struct qiop_tls_material *m, QIOError **errp)
{
    const char *user = m->config->username ? m->config->username : DEFAULT_USER;
    gnutls_datum_t key = {NULL, 0};
    int ret = qiop_creds_psk_find(m, user, &key);

    if (ret) {
        no_key(m->config, user, ret, errp);
        return -1;
    }
    ret = gnutls_psk_allocate_client_credentials(&m->psk_client);
    if (ret >= 0) {
        ret = gnutls_psk_set_client_credentials(m->psk_client, user, &key,
                                                GNUTLS_PSK_KEY_RAW);
    }
    gnutls_memset(key.data, 0, key.size);
    gnutls_free(key.data);
    if (ret < 0) {
        qio_error_set_tls(errp,
                          ret == GNUTLS_E_MEMORY_ERROR ? QIO_ERROR_NOMEM
                                                       : QIO_ERROR_CREDENTIALS,
                          ret, "cannot use the key of user '%s': %s", user,
                          gnutls_strerror(ret));
        return -1;
    }
    /* The other users' keys are none of a client's business. */
    qiop_creds_psk_clear(m);
    return 0;
}

static int setup_server(struct qiop_tls_material *m, QIOError **errp)
{
    if (gnutls_psk_allocate_server_credentials(&m->psk_server) < 0) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    gnutls_psk_set_server_credentials_function(m->psk_server,
                                               qiop_creds_psk_lookup);
    return 0;
}

int qiop_creds_load_psk(struct qiop_tls_material *m, QIOError **errp)
{
    if (!m->config->psk_func && load_file(m, errp)) {
        return -1;
    }
    return m->config->endpoint == QIO_TLS_ENDPOINT_CLIENT
               ? setup_client(m, errp)
               : setup_server(m, errp);
}

int qiop_creds_psk_find(const struct qiop_tls_material *m, const char *user,
                        gnutls_datum_t *key)
{
    const struct qiop_psk_entry *e;

    if (m->config->psk_func) {
        return ask(m->config->psk_func, user, key);
    }
    e = find(m, user, strlen(user));
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
