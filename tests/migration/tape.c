/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See tape.h. */
#include <config.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <qio/channel-ops.h>
#include "tape.h"

/* 0 to go on, or what the call returns. */
static ssize_t mood(struct tape *t, size_t through, QIOError **errp)
{
    if (t->stutter && t->calls++ % 2 == 0) {
        return QIO_CHANNEL_ERR_BLOCK;
    }
    if (t->fail_at && through >= t->fail_at) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, EIO, "the tape tore");
        return -1;
    }
    return 0;
}

static size_t allowed(const struct tape *t, size_t through)
{
    size_t n = t->portion ? t->portion : SIZE_MAX;

    if (t->fail_at && n > t->fail_at - through) {
        n = t->fail_at - through;
    }
    return n;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static ssize_t tape_readv(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                          int **fds, size_t *nfds, int flags, QIOError **errp)
{
    struct tape *t = qio_channel_private(ioc);
    ssize_t ret = mood(t, t->pos, errp);
    size_t left;

    (void)fds;
    (void)nfds;
    (void)flags;
    if (ret) {
        return ret;
    }
    t->dst = iov[0].iov_base;
    t->first_dst = iov[0].iov_len;
    left = min_size(allowed(t, t->pos), t->len - t->pos);
    for (size_t i = 0; i < niov && left; i++) {
        size_t n = min_size(iov[i].iov_len, left);

        memcpy(iov[i].iov_base, t->data + t->pos, n);
        t->pos += n;
        left -= n;
        ret += n;
    }
    return ret;
}

static void append(struct tape *t, const void *data, size_t len)
{
    if (t->cap - t->len < len) {
        t->cap = 2 * t->cap + len;
        t->data = realloc(t->data, t->cap);
        ck_assert_ptr_nonnull(t->data);
    }
    memcpy(t->data + t->len, data, len);
    t->len += len;
}

static ssize_t tape_writev(QIOChannel *ioc, const struct iovec *iov,
                           size_t niov, const int *fds, size_t nfds, int flags,
                           QIOError **errp)
{
    struct tape *t = qio_channel_private(ioc);
    ssize_t ret = mood(t, t->len, errp);
    size_t left;

    (void)fds;
    (void)nfds;
    (void)flags;
    if (ret) {
        return ret;
    }
    left = allowed(t, t->len);
    t->writes++;
    for (size_t i = 0; i < niov && left; i++) {
        size_t n = min_size(iov[i].iov_len, left);

        append(t, iov[i].iov_base, n);
        t->pieces++;
        left -= n;
        ret += n;
    }
    t->last_bytes = ret;
    return ret;
}

static void tape_poll(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    (void)ioc;
    qio_poll_set_ready(set, events);
}

static int tape_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                         QIOError **errp)
{
    (void)ioc;
    (void)how;
    (void)errp;
    return 0;
}

static int tape_close(QIOChannel *ioc, QIOError **errp)
{
    (void)ioc;
    (void)errp;
    return 0;
}

static void tape_finalize(QIOChannel *ioc)
{
    struct tape *t = qio_channel_private(ioc);

    free(t->data);
}

static const QIOChannelOps tape_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "tape",
    .kind = QIO_CHANNEL_KIND_LEAF,
    .features = QIO_CHANNEL_FEATURE_SHUTDOWN,
    .readv = tape_readv,
    .writev = tape_writev,
    .poll = tape_poll,
    .shutdown = tape_shutdown,
    .close = tape_close,
    .finalize = tape_finalize,
};

QIOChannel *tape_new(void)
{
    QIOChannel *ioc = qio_channel_alloc(&tape_ops, sizeof(struct tape), NULL);

    ck_assert_ptr_nonnull(ioc);
    return ioc;
}

struct tape *tape_of(QIOChannel *ioc)
{
    return qio_channel_private_if(ioc, &tape_ops);
}
