/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From one channel into another. */
#include <config.h>
#include "channel.h"

#include <stdlib.h>

/* Large enough for layers beneath to batch. */
#define COPY_BYTES (512 * 1024)

static int copy(QIOChannel *src, QIOChannel *dst, void *buf, uint64_t limit,
                uint64_t *copied, QIOError **errp)
{
    while (limit == 0 || *copied < limit) {
        struct iovec iov = {.iov_base = buf, .iov_len = COPY_BYTES};
        ssize_t n;

        if (limit != 0 && limit - *copied < COPY_BYTES) {
            iov.iov_len = (size_t)(limit - *copied);
        }
        n = qiop_readv_wait(src, &iov, 1, NULL, NULL, 0,
                            qiop_call_deadline(src), errp);
        if (n == 0) {
            return 0;
        }
        if (n < 0) {
            qio_error_prefix(errp, "reading from ");
            return -1;
        }
        if (qio_channel_write_all(dst, buf, (size_t)n, errp) < 0) {
            qio_error_prefix(errp, "writing to ");
            return -1;
        }
        *copied += (uint64_t)n;
    }
    return 0;
}

int qio_channel_copy(QIOChannel *src, QIOChannel *dst, uint64_t limit,
                     uint64_t *copied, QIOError **errp)
{
    uint64_t done = 0;
    void *buf = malloc(COPY_BYTES);
    int r;

    if (!buf) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "cannot allocate a buffer");
        return -1;
    }
    r = copy(src, dst, buf, limit, &done, errp);
    free(buf);
    if (copied) {
        *copied = done;
    }
    return r;
}
