/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets: read, decoded, and never left behind in memory. */
#include <config.h>
#include "endpoint/objects.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <gnutls/gnutls.h>
#include "base/fd.h"

void qiop_wipe_text(char *text)
{
    if (text) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

/* Reads the file into buf, which has QIOP_SECRET_MAX + 1 bytes of room.
 * Returns the length, or -1. */
static ssize_t read_file(const char *path, char *buf, QIOError **errp)
{
    int fd = qiop_fd_open(path, O_RDONLY, 0, errp);
    size_t len = 0;
    ssize_t n = 0;

    if (fd < 0) {
        return -1;
    }
    while (len <= QIOP_SECRET_MAX) {
        n = read(fd, buf + len, QIOP_SECRET_MAX + 1 - len);
        if (n > 0) {
            len += n;
        } else if (n == 0 || errno != EINTR) {
            break;
        }
    }
    if (n < 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "cannot read '%s'", path);
    } else if (len > QIOP_SECRET_MAX) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "'%s' is larger than a secret may be, %d bytes", path,
                      QIOP_SECRET_MAX);
        n = -1;
    }
    qiop_fd_close(fd);
    return n < 0 ? -1 : (ssize_t)len;
}

/* The bytes as text: a zero among them would cut it short unseen. */
static char *to_text(const void *data, size_t len, QIOError **errp)
{
    char *text;

    if (memchr(data, 0, len)) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "the secret has a zero byte in it");
        return NULL;
    }
    text = malloc(len + 1);
    if (!text) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    memcpy(text, data, len);
    text[len] = '\0';
    return text;
}

static char *decode(const char *data, size_t len, QIOError **errp)
{
    gnutls_datum_t in = {(unsigned char *)data, (unsigned)len};
    gnutls_datum_t out = {NULL, 0};
    char *text = NULL;
    int ret = gnutls_base64_decode2(&in, &out);

    if (ret == GNUTLS_E_MEMORY_ERROR) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
    } else if (ret < 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "the secret is not valid base64");
    } else {
        text = to_text(out.data, out.size, errp);
        gnutls_memset(out.data, 0, out.size);
    }
    gnutls_free(out.data);
    return text;
}

char *qiop_secret_load(const char *data, const char *file, bool base64,
                       QIOError **errp)
{
    char *buf = NULL;
    char *text;
    ssize_t len;

    if (data) {
        len = (ssize_t)strlen(data);
        return base64 ? decode(data, len, errp) : to_text(data, len, errp);
    }
    buf = malloc(QIOP_SECRET_MAX + 1);
    if (!buf) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    len = read_file(file, buf, errp);
    if (len < 0) {
        text = NULL;
    } else if (base64) {
        text = decode(buf, len, errp);
    } else {
        text = to_text(buf, len, errp);
    }
    explicit_bzero(buf, QIOP_SECRET_MAX + 1);
    free(buf);
    return text;
}
