/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A channel over memory: one growing block, one position. */
#include <config.h>
#include <qio/channel-buffer.h>

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qio/channel-ops.h>
#include "base/iov.h"

#define SMALLEST 256

struct buffer {
    /* A reader and a writer share the position and the block. */
    pthread_mutex_t lock;
    bool lock_made;
    uint8_t *data;
    size_t len; /* content */
    size_t cap; /* allocated */
    size_t pos; /* may lie beyond the content, as in a file */
    size_t limit;
};

/* ---- with the lock held ---- */

static size_t read_at(const struct buffer *b, size_t pos,
                      const struct iovec *iov, size_t niov)
{
    struct qiop_iov_cursor c;

    if (pos >= b->len) {
        return 0;
    }
    qiop_iov_cursor_init(&c, iov, niov);
    return qiop_iov_cursor_scatter(&c, b->data + pos, b->len - pos);
}

static int make_room(struct buffer *b, size_t need, QIOError **errp)
{
    size_t cap = b->cap > b->limit / 2 ? b->limit : b->cap * 2;
    uint8_t *data;

    if (need <= b->cap) {
        return 0;
    }
    if (cap < SMALLEST && SMALLEST <= b->limit) {
        cap = SMALLEST;
    }
    if (cap < need) {
        cap = need;
    }
    data = realloc(b->data, cap);
    if (!data && cap > need) {
        cap = need;
        data = realloc(b->data, cap);
    }
    if (!data) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0,
                      "out of memory for a buffer of %zu bytes", need);
        return -1;
    }
    b->data = data;
    b->cap = cap;
    return 0;
}

/* Up to the limit, then ENOSPC, as on a disk. */
static ssize_t write_at(struct buffer *b, size_t pos, const struct iovec *iov,
                        size_t niov, QIOError **errp)
{
    size_t size = qiop_iov_size(iov, niov);
    struct qiop_iov_cursor c;

    if (size == 0) {
        return 0;
    }
    if (pos >= b->limit) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, ENOSPC,
                      "the buffer is limited to %zu bytes", b->limit);
        return -1;
    }
    if (size > b->limit - pos) {
        size = b->limit - pos;
    }
    if (make_room(b, pos + size, errp) < 0) {
        return -1;
    }
    if (pos > b->len) {
        memset(b->data + b->len, 0, pos - b->len);
    }
    qiop_iov_cursor_init(&c, iov, niov);
    qiop_iov_cursor_gather(&c, b->data + pos, size);
    if (pos + size > b->len) {
        b->len = pos + size;
    }
    return (ssize_t)size;
}

static int seek_to(struct buffer *b, off_t offset, int whence, QIOError **errp)
{
    int64_t from = 0;
    int64_t to;

    switch (whence) {
    case SEEK_SET:
        break;
    case SEEK_CUR:
        from = (int64_t)b->pos;
        break;
    case SEEK_END:
        from = (int64_t)b->len;
        break;
    default:
        from = -1;
        break;
    }
    if (from < 0 || __builtin_add_overflow(from, (int64_t)offset, &to) ||
        to < 0 || to > SSIZE_MAX) {
        qio_error_set(errp, QIO_ERROR_INVALID, EINVAL,
                      "no such position in the buffer");
        return -1;
    }
    b->pos = (size_t)to;
    return 0;
}

/* ---- slots ---- */

static ssize_t buffer_readv(QIOChannel *ioc, const struct iovec *iov,
                            size_t niov, int **fds, size_t *nfds, int flags,
                            QIOError **errp)
{
    struct buffer *b = qio_channel_private(ioc);
    size_t n;

    (void)fds;
    (void)nfds;
    (void)errp;
    pthread_mutex_lock(&b->lock);
    n = read_at(b, b->pos, iov, niov);
    if (!(flags & QIO_CHANNEL_READ_FLAG_MSG_PEEK)) {
        b->pos += n;
    }
    pthread_mutex_unlock(&b->lock);
    return (ssize_t)n;
}

static ssize_t buffer_writev(QIOChannel *ioc, const struct iovec *iov,
                             size_t niov, const int *fds, size_t nfds,
                             int flags, QIOError **errp)
{
    struct buffer *b = qio_channel_private(ioc);
    ssize_t n;

    (void)fds;
    (void)nfds;
    (void)flags;
    pthread_mutex_lock(&b->lock);
    n = write_at(b, b->pos, iov, niov, errp);
    if (n > 0) {
        b->pos += (size_t)n;
    }
    pthread_mutex_unlock(&b->lock);
    return n;
}

static int check_offset(off_t offset, QIOError **errp)
{
    if (offset >= 0 && offset <= SSIZE_MAX) {
        return 0;
    }
    qio_error_set(errp, QIO_ERROR_INVALID, EINVAL,
                  "no such position in the buffer");
    return -1;
}

static ssize_t buffer_preadv(QIOChannel *ioc, const struct iovec *iov,
                             size_t niov, off_t offset, QIOError **errp)
{
    struct buffer *b = qio_channel_private(ioc);
    size_t n;

    if (check_offset(offset, errp) < 0) {
        return -1;
    }
    pthread_mutex_lock(&b->lock);
    n = read_at(b, (size_t)offset, iov, niov);
    pthread_mutex_unlock(&b->lock);
    return (ssize_t)n;
}

static ssize_t buffer_pwritev(QIOChannel *ioc, const struct iovec *iov,
                              size_t niov, off_t offset, QIOError **errp)
{
    struct buffer *b = qio_channel_private(ioc);
    ssize_t n;

    if (check_offset(offset, errp) < 0) {
        return -1;
    }
    pthread_mutex_lock(&b->lock);
    n = write_at(b, (size_t)offset, iov, niov, errp);
    pthread_mutex_unlock(&b->lock);
    return n;
}

static off_t buffer_seek(QIOChannel *ioc, off_t offset, int whence,
                         QIOError **errp)
{
    struct buffer *b = qio_channel_private(ioc);
    off_t pos = -1;

    pthread_mutex_lock(&b->lock);
    if (seek_to(b, offset, whence, errp) == 0) {
        pos = (off_t)b->pos;
    }
    pthread_mutex_unlock(&b->lock);
    return pos;
}

static void buffer_poll(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    (void)ioc;
    qio_poll_set_ready(set, events);
}

static int buffer_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                           QIOError **errp)
{
    (void)ioc;
    (void)how;
    (void)errp;
    return 0;
}

static int buffer_close(QIOChannel *ioc, QIOError **errp)
{
    struct buffer *b = qio_channel_private(ioc);

    (void)errp;
    free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
    return 0;
}

static void buffer_finalize(QIOChannel *ioc)
{
    struct buffer *b = qio_channel_private(ioc);

    free(b->data);
    if (b->lock_made) {
        pthread_mutex_destroy(&b->lock);
    }
}

static const QIOChannelOps buffer_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "buffer",
    .kind = QIO_CHANNEL_KIND_LEAF,
    .features = QIO_CHANNEL_FEATURE_SHUTDOWN | QIO_CHANNEL_FEATURE_SEEKABLE |
                QIO_CHANNEL_FEATURE_READ_MSG_PEEK,
    .readv = buffer_readv,
    .writev = buffer_writev,
    .poll = buffer_poll,
    .shutdown = buffer_shutdown,
    .close = buffer_close,
    .seek = buffer_seek,
    .preadv = buffer_preadv,
    .pwritev = buffer_pwritev,
    .finalize = buffer_finalize,
};

QIOChannel *qio_channel_buffer_new(size_t limit, QIOError **errp)
{
    QIOChannel *ioc =
        qio_channel_alloc(&buffer_ops, sizeof(struct buffer), errp);
    struct buffer *b;
    int r;

    if (!ioc) {
        return NULL;
    }
    b = qio_channel_private(ioc);
    b->limit = limit && limit < SSIZE_MAX ? limit : SSIZE_MAX;
    r = pthread_mutex_init(&b->lock, NULL);
    if (r) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, r, "cannot make a lock");
        qio_channel_unref(ioc);
        return NULL;
    }
    b->lock_made = true;
    return ioc;
}

const void *qio_channel_buffer_data(const QIOChannel *ioc, size_t *len)
{
    struct buffer *b = qio_channel_private_if(ioc, &buffer_ops);

    if (len) {
        *len = b ? b->len : 0;
    }
    return b ? b->data : NULL;
}
