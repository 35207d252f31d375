/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From one channel into another. */
#include <config.h>
#include "channel.h"

#include <stdlib.h>
#include "base/pages.h"
#include "splice.h"

/* Large enough for layers beneath to batch. */
#define COPY_BYTES (512 * 1024)

static int failed(const char *doing, QIOError **errp)
{
    qio_error_prefix(errp, "%s ", doing);
    return -1;
}

static size_t share(uint64_t limit, uint64_t copied)
{
    return limit != 0 && limit - copied < COPY_BYTES ? (size_t)(limit - copied)
                                                     : COPY_BYTES;
}

/* The bytes that a target did not take from the pipe. */
static int write_held(struct qiop_splice *p, QIOChannel *dst, void *buf,
                      uint64_t *copied, QIOError **errp)
{
    while (p->held > 0) {
        ssize_t n = qiop_splice_take(p, buf, COPY_BYTES, errp);

        if (n < 0 || qio_channel_write_all(dst, buf, (size_t)n, errp) < 0) {
            return failed("writing to", errp);
        }
        *copied += (uint64_t)n;
    }
    return 0;
}

/* 1 when the rest, in the pipe or not, is for reading and writing. */
static int splice_some(struct qiop_splice *p, QIOChannel *src, QIOChannel *dst,
                       uint64_t limit, uint64_t *copied, QIOError **errp)
{
    while (limit == 0 || *copied < limit) {
        ssize_t n = qiop_splice_in_wait(p, src, share(limit, *copied), errp);

        if (n <= 0) {
            return n == 0 ? 1 : failed("reading from", errp);
        }
        n = qiop_splice_out_wait(p, dst, copied, errp);
        if (n <= 0) {
            return n == 0 ? 1 : failed("writing to", errp);
        }
    }
    return 0;
}

static int copy(QIOChannel *src, QIOChannel *dst, void *buf, uint64_t limit,
                uint64_t *copied, QIOError **errp)
{
    while (limit == 0 || *copied < limit) {
        struct iovec iov = {.iov_base = buf, .iov_len = share(limit, *copied)};
        ssize_t n;

        n = qiop_readv_wait(src, &iov, 1, NULL, NULL, 0,
                            qiop_call_deadline(src), errp);
        if (n == 0) {
            return 0;
        }
        if (n < 0) {
            return failed("reading from", errp);
        }
        if (qio_channel_write_all(dst, buf, (size_t)n, errp) < 0) {
            return failed("writing to", errp);
        }
        *copied += (uint64_t)n;
    }
    return 0;
}

static int copy_buffered(QIOChannel *src, QIOChannel *dst,
                         struct qiop_splice *p, uint64_t limit,
                         uint64_t *copied, QIOError **errp)
{
    void *buf = qiop_pages_alloc(COPY_BYTES);
    int r;

    if (!buf) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "cannot allocate a buffer");
        return -1;
    }
    r = write_held(p, dst, buf, copied, errp);
    if (r == 0) {
        r = copy(src, dst, buf, limit, copied, errp);
    }
    free(buf);
    return r;
}

int qio_channel_copy(QIOChannel *src, QIOChannel *dst, uint64_t limit,
                     uint64_t *copied, QIOError **errp)
{
    struct qiop_splice p = {0};
    uint64_t done = 0;
    int r = 1;

    if (qiop_splice_pays(src, dst) && qiop_splice_open(&p, COPY_BYTES)) {
        r = splice_some(&p, src, dst, limit, &done, errp);
    }
    if (r == 1) {
        r = copy_buffered(src, dst, &p, limit, &done, errp);
    }
    qiop_splice_close(&p);
    if (copied) {
        *copied = done;
    }
    return r;
}
