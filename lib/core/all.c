/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and writing until all is done. These wait in non-blocking mode too,
 * for a caller who asked for everything cannot use a part. */
#include <config.h>
#include "channel.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/fd.h"
#include "base/hot.h"
#include "base/iov.h"

/* Pieces handed on at once after a partial transfer; a whole rest is handed on
 * as it is. */
#define SLICE 64

/* What is left, without copying the caller's iovec unless it was entered. */
static QIOP_HOT const struct iovec *rest(const struct qiop_iov_cursor *c,
                                         struct iovec slice[SLICE],
                                         size_t *niov)
{
    if (c->off == 0) {
        *niov = c->niov;
        return c->iov;
    }
    *niov = qiop_iov_cursor_slice(c, slice, SLICE, SSIZE_MAX);
    return slice;
}

struct fd_list {
    int *v;
    size_t n;
};

/* Takes ownership of the descriptors, of the array in any case. */
static int fd_list_take(struct fd_list *l, int *fds, size_t n, QIOError **errp)
{
    int *v;

    if (n == 0) {
        free(fds);
        return 0;
    }
    v = realloc(l->v, (l->n + n) * sizeof(*v));
    if (!v) {
        qiop_fd_close_many(fds, n);
        free(fds);
        qio_error_set(errp, QIO_ERROR_NOMEM, 0,
                      "cannot keep the received descriptors");
        return -1;
    }
    memcpy(v + l->n, fds, n * sizeof(*v));
    l->v = v;
    l->n += n;
    free(fds);
    return 0;
}

static void fd_list_close(struct fd_list *l)
{
    qiop_fd_close_many(l->v, l->n);
    free(l->v);
}

/* Whether the call took too long with something still to do. A peer that always
 * has a little more never makes us wait, which is where a timeout is seen
 * otherwise. */
static QIOP_HOT bool too_late(QIOChannel *ioc, const struct qiop_iov_cursor *c,
                              int64_t deadline, QIOError **errp)
{
    if (c->niov == 0 || !qiop_deadline_passed(deadline)) {
        return false;
    }
    qio_error_set(errp, QIO_ERROR_TIMEOUT, 0, "%s: timed out",
                  qio_channel_name(ioc));
    return true;
}

/* 1 filled, 0 ended before the first byte, -1. */
static QIOP_HOT int fill(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                         struct fd_list *list, int flags, QIOError **errp)
{
    int64_t deadline = qiop_call_deadline(ioc);
    struct qiop_iov_cursor c;
    bool begun = false;

    qiop_iov_cursor_init(&c, iov, niov);
    while (qiop_iov_cursor_left(&c) > 0) {
        struct iovec slice[SLICE];
        size_t n;
        const struct iovec *v = rest(&c, slice, &n);
        int *fds = NULL;
        size_t nfds = 0;
        ssize_t r = qiop_readv_wait(ioc, v, n, list ? &fds : NULL,
                                    list ? &nfds : NULL, flags, deadline, errp);

        if (r == -1 || (list && fd_list_take(list, fds, nfds, errp) < 0)) {
            return -1;
        }
        if (r == 0 && !begun) {
            return 0;
        }
        if (r == 0) {
            qio_error_set(errp, QIO_ERROR_EOF, 0,
                          "%s: the stream ended with %zu bytes missing",
                          qio_channel_name(ioc), qiop_iov_cursor_left(&c));
            return -1;
        }
        begun = true;
        qiop_iov_cursor_advance(&c, (size_t)r);
        if (too_late(ioc, &c, deadline, errp)) {
            return -1;
        }
    }
    return 1;
}

int qio_channel_readv_full_all_eof(QIOChannel *ioc, const struct iovec *iov,
                                   size_t niov, int **fds, size_t *nfds,
                                   int flags, QIOError **errp)
{
    struct fd_list list = {NULL, 0};
    int r;

    if (fds) {
        *fds = NULL;
        *nfds = 0;
    }
    if (flags & QIO_CHANNEL_READ_FLAG_MSG_PEEK) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "%s: peeking cannot be repeated until all is read",
                      qio_channel_name(ioc));
        return -1;
    }
    flags &= QIO_CHANNEL_READ_FLAG_RELAXED_EOF;
    r = fill(ioc, iov, niov, fds ? &list : NULL, flags, errp);
    if (r != 1) {
        fd_list_close(&list);
        list = (struct fd_list){NULL, 0};
    }
    if (fds) {
        *fds = list.v;
        *nfds = list.n;
    }
    return r;
}

int qio_channel_readv_full_all(QIOChannel *ioc, const struct iovec *iov,
                               size_t niov, int **fds, size_t *nfds, int flags,
                               QIOError **errp)
{
    int r =
        qio_channel_readv_full_all_eof(ioc, iov, niov, fds, nfds, flags, errp);

    if (r == 0) {
        qio_error_set(errp, QIO_ERROR_EOF, 0,
                      "%s: the stream ended where more was expected",
                      qio_channel_name(ioc));
        return -1;
    }
    return r == 1 ? 0 : -1;
}

int qio_channel_readv_all_eof(QIOChannel *ioc, const struct iovec *iov,
                              size_t niov, QIOError **errp)
{
    return qio_channel_readv_full_all_eof(ioc, iov, niov, NULL, NULL, 0, errp);
}

int qio_channel_readv_all(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                          QIOError **errp)
{
    return qio_channel_readv_full_all(ioc, iov, niov, NULL, NULL, 0, errp);
}

int qio_channel_read_all_eof(QIOChannel *ioc, void *buf, size_t len,
                             QIOError **errp)
{
    struct iovec iov = {.iov_base = buf, .iov_len = len};

    return qio_channel_readv_all_eof(ioc, &iov, 1, errp);
}

int qio_channel_read_all(QIOChannel *ioc, void *buf, size_t len,
                         QIOError **errp)
{
    struct iovec iov = {.iov_base = buf, .iov_len = len};

    return qio_channel_readv_all(ioc, &iov, 1, errp);
}

QIOP_HOT int qio_channel_writev_full_all(QIOChannel *ioc,
                                         const struct iovec *iov, size_t niov,
                                         const int *fds, size_t nfds, int flags,
                                         QIOError **errp)
{
    int64_t deadline = qiop_call_deadline(ioc);
    struct qiop_iov_cursor c;

    flags &= QIO_CHANNEL_WRITE_FLAG_ZERO_COPY;
    qiop_iov_cursor_init(&c, iov, niov);
    if (nfds > 0 && qiop_iov_cursor_left(&c) == 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "%s: descriptors need a byte to travel with",
                      qio_channel_name(ioc));
        return -1;
    }
    while (qiop_iov_cursor_left(&c) > 0) {
        struct iovec slice[SLICE];
        size_t n;
        const struct iovec *v = rest(&c, slice, &n);
        ssize_t r =
            qiop_writev_wait(ioc, v, n, fds, nfds, flags, deadline, errp);

        if (r == -1) {
            return -1;
        }
        nfds = 0;
        qiop_iov_cursor_advance(&c, (size_t)r);
        if (too_late(ioc, &c, deadline, errp)) {
            return -1;
        }
    }
    return qiop_flushes(ioc) ? qiop_flush_written(ioc, deadline, errp) : 0;
}

int qio_channel_writev_all(QIOChannel *ioc, const struct iovec *iov,
                           size_t niov, QIOError **errp)
{
    return qio_channel_writev_full_all(ioc, iov, niov, NULL, 0, 0, errp);
}

int qio_channel_write_all(QIOChannel *ioc, const void *buf, size_t len,
                          QIOError **errp)
{
    struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};

    return qio_channel_writev_all(ioc, &iov, 1, errp);
}
