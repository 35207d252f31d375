/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walking over an iovec that is not ours to change. */
#ifndef QIOP_BASE_IOV_H
#define QIOP_BASE_IOV_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

size_t qiop_iov_sum(const struct iovec *iov, size_t niov);

/* Total size, SIZE_MAX on overflow of SSIZE_MAX. Mostly there is one piece. */
static inline size_t qiop_iov_size(const struct iovec *iov, size_t niov)
{
    return niov == 1 && iov->iov_len <= SSIZE_MAX ? iov->iov_len
                                                  : qiop_iov_sum(iov, niov);
}

struct qiop_iov_cursor {
    const struct iovec *iov;
    size_t niov;
    size_t off; /* within iov[0] */
};

void qiop_iov_cursor_init(struct qiop_iov_cursor *c, const struct iovec *iov,
                          size_t niov);
/* Bytes left. */
static inline size_t qiop_iov_cursor_left(const struct qiop_iov_cursor *c)
{
    size_t size = qiop_iov_size(c->iov, c->niov);

    return size == SIZE_MAX ? SIZE_MAX : size - c->off;
}
/* Step over n bytes; n must not exceed what is left. */
void qiop_iov_cursor_advance(struct qiop_iov_cursor *c, size_t n);
/* The current piece in one stretch: pointer and *len; NULL at the end. */
void *qiop_iov_cursor_piece(struct qiop_iov_cursor *c, size_t *len);
/* Up to max pieces from here, at most `limit` bytes, into out; how many. */
size_t qiop_iov_cursor_slice(const struct qiop_iov_cursor *c, struct iovec *out,
                             size_t max, size_t limit);
/* Copy out of (gather) or into (scatter) the iovec, advancing; how many. */
size_t qiop_iov_cursor_gather(struct qiop_iov_cursor *c, void *buf, size_t len);
size_t qiop_iov_cursor_scatter(struct qiop_iov_cursor *c, const void *buf,
                               size_t len);

#endif
