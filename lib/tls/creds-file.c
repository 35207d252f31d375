/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading the files of credentials, remembering which they were, and texts
 * about certificates. */
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

/* ---- which files they were ---- */

static void stamp_set(struct qiop_creds_stamp *stamp, const struct stat *st)
{
    stamp->exists = st != NULL;
    if (st) {
        stamp->dev = st->st_dev;
        stamp->ino = st->st_ino;
        stamp->size = st->st_size;
        stamp->mtime = st->st_mtim;
        stamp->ctime = st->st_ctim;
    }
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Remember the file as it was when it was read; st NULL: it was not there. */
static int remember(struct qiop_creds_stamps *stamps, const char *path,
                    const struct stat *st, QIOError **errp)
{
    struct qiop_creds_stamp *v =
        reallocarray(stamps->v, stamps->n + 1, sizeof(*v));
    char *copy = strdup(path);

    if (v) {
        stamps->v = v;
    }
    if (!v || !copy) {
        free(copy);
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    memset(&v[stamps->n], 0, sizeof(*v));
    v[stamps->n].path = copy;
    stamp_set(&v[stamps->n], st);
    stamps->n++;
    return 0;
}

bool qiop_creds_stamps_changed(const struct qiop_creds_stamps *stamps)
{
    size_t i;

    for (i = 0; i < stamps->n; i++) {
        const struct qiop_creds_stamp *was = &stamps->v[i];
        struct qiop_creds_stamp now = {0};
        struct stat st;

        stamp_set(&now, stat(was->path, &st) == 0 ? &st : NULL);
        if (now.exists != was->exists || now.dev != was->dev ||
            now.ino != was->ino || now.size != was->size ||
            !same_time(&now.mtime, &was->mtime) ||
            !same_time(&now.ctime, &was->ctime)) {
            return true;
        }
    }
    return false;
}

void qiop_creds_stamps_free(struct qiop_creds_stamps *stamps)
{
    while (stamps->n > 0) {
        free(stamps->v[--stamps->n].path);
    }
    free(stamps->v);
    stamps->v = NULL;
}

/* ---- reading ---- */

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
                   struct qiop_creds_stamps *stamps, QIOError **errp)
{
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) < 0) {
        file_error(errp, path, errno);
        return -1;
    }
    if (remember(stamps, path, &st, errp)) {
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
                         struct qiop_creds_stamps *stamps, QIOError **errp)
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
            return remember(stamps, path, NULL, errp) ? -1 : 1;
        }
        if (e && e != ENOMEM) {
            qio_error_free(err);
            file_error(errp, path, e);
            return -1;
        }
        qio_error_propagate(errp, err);
        return -1;
    }
    ret = read_fd(fd, path, out, stamps, errp);
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
