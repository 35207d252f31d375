/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes that the kernel moves; see splice.h.
 *
 * Nothing is lost or sent twice when it stops half-way: the pipe is private,
 * only filled when it is empty, and its bytes are counted; what the target
 * refuses is read from it and written. The end of the source is never believed
 * from here (urgent data looks the same): it is read for.
 *
 * Files are left out. From a file the peer would be sent pages that others may
 * still change after the copy has returned; and into one there is as much to
 * copy as before.
 */
#include <config.h>
#include "splice.h"

#include <fcntl.h>
#include "base/clock.h"
#include "base/fd.h"

/* What a pipe has at least, unless its user has too many already; below it is
 * not worth it. */
#define LEAST_BYTES (64 * 1024)

static struct QIOChannelSplice kinds(QIOChannel *ioc)
{
    struct QIOChannelSplice k = {QIO_CHANNEL_SPLICE_NONE,
                                 QIO_CHANNEL_SPLICE_NONE};

    if (ioc->type->kind == QIO_CHANNEL_KIND_LEAF && !ioc->base &&
        qio_channel_query(ioc, QIO_CHANNEL_QUERY_SPLICE, &k, NULL) < 0) {
        k = (struct QIOChannelSplice){QIO_CHANNEL_SPLICE_NONE,
                                      QIO_CHANNEL_SPLICE_NONE};
    }
    return k;
}

bool qiop_splice_pays(QIOChannel *src, QIOChannel *dst)
{
    QIOChannelSpliceKind from = kinds(src).in;
    QIOChannelSpliceKind to = kinds(dst).out;

    if (from == QIO_CHANNEL_SPLICE_NONE || to == QIO_CHANNEL_SPLICE_NONE) {
        return false;
    }
    /* The kernel copies a part on the way and passes the rest in many small
     * pieces: no cheaper than reading and writing. */
    return !(from == QIO_CHANNEL_SPLICE_UNIX && to == QIO_CHANNEL_SPLICE_TCP);
}

/* ---- the pipe ---- */

bool qiop_splice_open(struct qiop_splice *p, size_t size)
{
    if (p->open) {
        return true;
    }
    if (qiop_fd_pipe(p->fd, true, NULL) < 0) {
        return false;
    }
    p->open = true;
    if (fcntl(p->fd[1], F_SETPIPE_SZ, (int)size) < 0 &&
        fcntl(p->fd[1], F_GETPIPE_SZ) < LEAST_BYTES) {
        qiop_splice_close(p);
        return false;
    }
    return true;
}

void qiop_splice_close(struct qiop_splice *p)
{
    if (p->open) {
        qiop_fd_close_many(p->fd, 2);
    }
    *p = (struct qiop_splice){0};
}

/* ---- one try ---- */

ssize_t qiop_splice_in(struct qiop_splice *p, QIOChannel *src, size_t len,
                       int flags, QIOError **errp)
{
    ssize_t n = qiop_try_splice_in(src, p->fd[1], len, flags, errp);

    p->held = n > 0 ? (size_t)n : 0;
    return n;
}

ssize_t qiop_splice_out(struct qiop_splice *p, QIOChannel *dst, int flags,
                        QIOError **errp)
{
    ssize_t n = qiop_try_splice_out(dst, p->fd[0], p->held, flags, errp);

    p->held -= n > 0 ? (size_t)n : 0;
    return n;
}

ssize_t qiop_splice_take(struct qiop_splice *p, void *buf, size_t len,
                         QIOError **errp)
{
    struct iovec iov = {.iov_base = buf, .iov_len = len};
    ssize_t n = qiop_fd_readv(p->fd[0], &iov, 1, errp);

    if (n == 0 || n == QIO_CHANNEL_ERR_BLOCK || n > (ssize_t)p->held) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, 0,
                      "the kernel does not give back what it took");
        n = -1;
    }
    p->held -= n > 0 ? (size_t)n : 0;
    return n;
}

/* ---- waiting ---- */

ssize_t qiop_splice_in_wait(struct qiop_splice *p, QIOChannel *src, size_t len,
                            QIOError **errp)
{
    int64_t deadline = qiop_call_deadline(src);

    for (;;) {
        ssize_t n =
            qiop_splice_in(p, src, len, qiop_may_block(src, deadline), errp);

        if (n != QIO_CHANNEL_ERR_BLOCK) {
            return n;
        }
        if (qiop_wait(src, src, QIO_EVENT_IN, QIO_CHANNEL_SHUTDOWN_READ,
                      deadline, errp) < 0) {
            return -1;
        }
    }
}

int qiop_splice_out_wait(struct qiop_splice *p, QIOChannel *dst, uint64_t *done,
                         QIOError **errp)
{
    int64_t deadline = qiop_call_deadline(dst);

    while (p->held > 0) {
        ssize_t n =
            qiop_splice_out(p, dst, qiop_may_block(dst, deadline), errp);

        if (n == 0 || n == -1) {
            return (int)n;
        }
        *done += n > 0 ? (uint64_t)n : 0;
        /* Late also when the target always takes a little. */
        if (p->held > 0 &&
            (n == QIO_CHANNEL_ERR_BLOCK || qiop_deadline_passed(deadline)) &&
            qiop_wait(dst, dst, QIO_EVENT_OUT, QIO_CHANNEL_SHUTDOWN_WRITE,
                      deadline, errp) < 0) {
            return -1;
        }
    }
    return 1;
}
