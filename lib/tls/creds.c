/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials of every kind: life, priority, and reading their files. */
#include <config.h>
#include "creds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

/* Far above any list of CAs or revocations in use. */
#define FILE_MAX (64u << 20)

static int set_priority(QIOTLSCreds *creds, const char *priority,
                        const char *suffix, QIOError **errp)
{
    const char *base = priority ? priority : qiop_tls_default_priority();
    const char *bad = NULL;
    char *text;
    int ret;

    if (asprintf(&text, "%s%s", base, suffix) < 0) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    errno = 0;
    ret = gnutls_priority_init(&creds->priority, text, &bad);
    if (ret == GNUTLS_E_MEMORY_ERROR || (ret < 0 && errno == ENOMEM)) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
    } else if (ret < 0) {
        qio_error_set_tls(errp, QIO_ERROR_INVALID, ret,
                          "bad TLS priority '%s' at '%s': %s", base,
                          bad ? bad : text, gnutls_strerror(ret));
    }
    free(text);
    return ret < 0 ? -1 : 0;
}

QIOTLSCreds *qiop_creds_new(QIOTLSEndpoint endpoint, QIOTLSCredsKind kind,
                            const char *dir, const char *priority,
                            const char *suffix, unsigned flags, QIOError **errp)
{
    QIOTLSCreds *creds;

    if (endpoint != QIO_TLS_ENDPOINT_CLIENT &&
        endpoint != QIO_TLS_ENDPOINT_SERVER) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "TLS credentials are for a client or a server");
        return NULL;
    }
    if (kind != QIO_TLS_CREDS_ANON && (!dir || !*dir)) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "TLS credentials need a directory");
        return NULL;
    }
    creds = calloc(1, sizeof(*creds));
    if (!creds) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    atomic_init(&creds->refs, 1);
    creds->endpoint = endpoint;
    creds->kind = kind;
    creds->flags = flags;
    if (dir) {
        creds->dir = strdup(dir);
        if (!creds->dir) {
            qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
            goto fail;
        }
    }
    if (qiop_creds_load_engines(creds, errp) ||
        set_priority(creds, priority, suffix, errp)) {
        goto fail;
    }
    return creds;
fail:
    qio_tls_creds_unref(creds);
    return NULL;
}

void qiop_creds_fail(QIOError *err, QIOError **errp)
{
    if (errno == ENOMEM && qio_error_code(err) != QIO_ERROR_NOMEM) {
        qio_error_free(err);
        err = NULL;
        qio_error_set(&err, QIO_ERROR_NOMEM, 0, "out of memory");
    }
    qio_error_propagate(errp, err);
}

QIOTLSCreds *qio_tls_creds_ref(QIOTLSCreds *creds)
{
    atomic_fetch_add_explicit(&creds->refs, 1, memory_order_relaxed);
    return creds;
}

void qio_tls_creds_unref(QIOTLSCreds *creds)
{
    if (!creds ||
        atomic_fetch_sub_explicit(&creds->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    if (creds->x509) {
        gnutls_certificate_free_credentials(creds->x509);
    }
    if (creds->psk_client) {
        gnutls_psk_free_client_credentials(creds->psk_client);
    }
    if (creds->psk_server) {
        gnutls_psk_free_server_credentials(creds->psk_server);
    }
    if (creds->anon_client) {
        gnutls_anon_free_client_credentials(creds->anon_client);
    }
    if (creds->anon_server) {
        gnutls_anon_free_server_credentials(creds->anon_server);
    }
    qiop_creds_psk_clear(creds);
    if (creds->priority) {
        gnutls_priority_deinit(creds->priority);
    }
    free(creds->ipsecmb);
    free(creds->dir);
    free(creds);
}

QIOTLSEndpoint qio_tls_creds_endpoint(const QIOTLSCreds *creds)
{
    return creds->endpoint;
}

QIOTLSCredsKind qio_tls_creds_kind(const QIOTLSCreds *creds)
{
    return creds->kind;
}

/* ---- files ---- */

char *qiop_creds_path(const char *dir, const char *name, QIOError **errp)
{
    char *path;

    if (asprintf(&path, "%s/%s", dir, name) < 0) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    return path;
}

static void file_error(QIOError **errp, const char *path, int err)
{
    if (err == ENOENT || err == ENOTDIR) {
        qio_error_set(errp, QIO_ERROR_NOT_FOUND, err, "cannot open '%s'", path);
    } else {
        qio_error_set(errp, QIO_ERROR_SYSTEM, err, "cannot read '%s'", path);
    }
}

static ssize_t read_all(int fd, unsigned char *buf, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = read(fd, buf + done, len - done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        done += (size_t)n;
    }
    return (ssize_t)done;
}

static int read_fd(int fd, const char *path, gnutls_datum_t *out,
                   QIOError **errp)
{
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) < 0) {
        file_error(errp, path, errno);
        return -1;
    }
    if (!S_ISREG(st.st_mode)) {
        qio_error_set(errp, QIO_ERROR_CREDENTIALS, 0,
                      "'%s' is not a regular file", path);
        return -1;
    }
    if (st.st_size > (off_t)FILE_MAX) {
        qio_error_set(errp, QIO_ERROR_CREDENTIALS, 0, "'%s' is too large",
                      path);
        return -1;
    }
    out->data = malloc((size_t)st.st_size + 1);
    if (!out->data) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    out->size = (unsigned)st.st_size;
    n = read_all(fd, out->data, out->size);
    if (n < 0) {
        file_error(errp, path, errno);
        qiop_creds_file_free(out);
        return -1;
    }
    out->size = (unsigned)n;
    out->data[n] = '\0';
    return 0;
}

int qiop_creds_file_read(const char *path, bool optional, gnutls_datum_t *out,
                         QIOError **errp)
{
    QIOError *err = NULL;
    int fd, ret;

    out->data = NULL;
    out->size = 0;
    /* Non-blocking, so that a FIFO of that name cannot hang us. */
    fd = qiop_fd_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &err);
    if (fd < 0) {
        int e = qio_error_errno(err);

        if (optional && e == ENOENT) {
            qio_error_free(err);
            return 1;
        }
        if (e && e != ENOMEM) {
            qio_error_free(err);
            file_error(errp, path, e);
            return -1;
        }
        qio_error_propagate(errp, err);
        return -1;
    }
    ret = read_fd(fd, path, out, errp);
    qiop_fd_close(fd);
    return ret;
}

void qiop_creds_file_free(gnutls_datum_t *data)
{
    if (data->data) {
        explicit_bzero(data->data, data->size);
        free(data->data);
    }
    data->data = NULL;
    data->size = 0;
}

/* ---- text ---- */

void qiop_text_clean(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            *text = '?';
        }
    }
}

char *qiop_cert_dn(gnutls_x509_crt_t crt)
{
    gnutls_datum_t dn = {NULL, 0};
    char *text;

    if (gnutls_x509_crt_get_dn3(crt, &dn, 0) < 0) {
        return strdup("");
    }
    text = strndup((const char *)dn.data, dn.size);
    gnutls_free(dn.data);
    if (text) {
        qiop_text_clean(text);
    }
    return text;
}

const char *qiop_cert_date(time_t when, char buf[QIOP_DATE_SIZE])
{
    struct tm tm;

    if (when == (time_t)-1 || !gmtime_r(&when, &tm) ||
        !strftime(buf, QIOP_DATE_SIZE, "%Y-%m-%d %H:%M:%S UTC", &tm)) {
        snprintf(buf, QIOP_DATE_SIZE, "an unknown date");
    }
    return buf;
}
