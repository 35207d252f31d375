/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walking over an iovec that is not ours to change. */
#include <config.h>
#include "base/iov.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>
#include "base/hot.h"

QIOP_HOT size_t qiop_iov_sum(const struct iovec *iov, size_t niov)
{
    size_t total = 0;

    for (size_t i = 0; i < niov; i++) {
        if (iov[i].iov_len > (size_t)SSIZE_MAX - total) {
            return SIZE_MAX;
        }
        total += iov[i].iov_len;
    }
    return total;
}

/* Afterwards the cursor stands on a byte, or at the end. */
static void skip_finished(struct qiop_iov_cursor *c)
{
    while (c->niov && c->off >= c->iov->iov_len) {
        c->iov++;
        c->niov--;
        c->off = 0;
    }
}

QIOP_HOT void qiop_iov_cursor_init(struct qiop_iov_cursor *c,
                                   const struct iovec *iov, size_t niov)
{
    c->iov = iov;
    c->niov = niov;
    c->off = 0;
    skip_finished(c);
}

QIOP_HOT void qiop_iov_cursor_advance(struct qiop_iov_cursor *c, size_t n)
{
    while (n && c->niov) {
        size_t here = c->iov->iov_len - c->off;

        if (n < here) {
            c->off += n;
            return;
        }
        n -= here;
        c->off = c->iov->iov_len;
        skip_finished(c);
    }
}

void *qiop_iov_cursor_piece(struct qiop_iov_cursor *c, size_t *len)
{
    if (!c->niov) {
        *len = 0;
        return NULL;
    }
    *len = c->iov->iov_len - c->off;
    return (uint8_t *)c->iov->iov_base + c->off;
}

size_t qiop_iov_cursor_slice(const struct qiop_iov_cursor *c, struct iovec *out,
                             size_t max, size_t limit)
{
    size_t off = c->off;
    size_t n = 0;

    for (size_t i = 0; i < c->niov && n < max && limit; i++) {
        size_t here = c->iov[i].iov_len - off;

        if (here > limit) {
            here = limit;
        }
        if (here) {
            out[n].iov_base = (uint8_t *)c->iov[i].iov_base + off;
            out[n].iov_len = here;
            n++;
        }
        limit -= here;
        off = 0;
    }
    return n;
}

size_t qiop_iov_cursor_gather(struct qiop_iov_cursor *c, void *buf, size_t len)
{
    size_t done = 0, here;
    void *piece;

    while (done < len && (piece = qiop_iov_cursor_piece(c, &here))) {
        if (here > len - done) {
            here = len - done;
        }
        memcpy((uint8_t *)buf + done, piece, here);
        qiop_iov_cursor_advance(c, here);
        done += here;
    }
    return done;
}

size_t qiop_iov_cursor_scatter(struct qiop_iov_cursor *c, const void *buf,
                               size_t len)
{
    size_t done = 0, here;
    void *piece;

    while (done < len && (piece = qiop_iov_cursor_piece(c, &here))) {
        if (here > len - done) {
            here = len - done;
        }
        memcpy(piece, (const uint8_t *)buf + done, here);
        qiop_iov_cursor_advance(c, here);
        done += here;
    }
    return done;
}
