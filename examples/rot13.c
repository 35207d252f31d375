/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A complete channel type: a layer that turns letters by 13 places, over any
 * channel. doc/write-a-channel.md walks through it.
 *
 *   rot13 TEXT   sends TEXT through the layer, shows what the other end gets
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <qio/channel-ops.h>
#include <qio/qio.h>

/* ---- the private part ---- */

struct rot13 {
    pthread_mutex_t lock;     /* a writer and somebody who shuts down */
    unsigned char held[4096]; /* turned, not yet taken by the base */
    size_t start;
    size_t len;
    bool end_pending; /* the base is to be shut for writing afterwards */
};

static void turn(unsigned char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] >= 'a' && p[i] <= 'z') {
            p[i] = (unsigned char)('a' + (p[i] - 'a' + 13) % 26);
        } else if (p[i] >= 'A' && p[i] <= 'Z') {
            p[i] = (unsigned char)('A' + (p[i] - 'A' + 13) % 26);
        }
    }
}

/* ---- reading ---- */

static ssize_t rot13_readv(QIOChannel *ioc, const struct iovec *iov,
                           size_t niov, int **fds, size_t *nfds, int flags,
                           QIOError **errp)
{
    ssize_t got = qio_channel_try_readv(qio_channel_base(ioc), iov, niov, errp);
    size_t left = got > 0 ? (size_t)got : 0;

    (void)fds;
    (void)nfds;
    (void)flags;
    for (size_t i = 0; left > 0; i++) {
        size_t len = iov[i].iov_len < left ? iov[i].iov_len : left;

        turn(iov[i].iov_base, len);
        left -= len;
    }
    return got;
}

/* ---- writing ---- */

/* Everything held goes down, then the end if it is due. Under the lock. */
static int push(QIOChannel *ioc, QIOError **errp)
{
    struct rot13 *r = qio_channel_private(ioc);
    QIOChannel *base = qio_channel_base(ioc);

    while (r->len > 0) {
        struct iovec iov = {r->held + r->start, r->len};
        ssize_t n = qio_channel_try_writev(base, &iov, 1, errp);

        if (n < 0) {
            return (int)n; /* -1, or QIO_CHANNEL_ERR_BLOCK */
        }
        r->start += (size_t)n;
        r->len -= (size_t)n;
    }
    r->start = 0;
    if (!r->end_pending) {
        return 0;
    }
    r->end_pending = false;
    return qio_channel_shutdown(base, QIO_CHANNEL_SHUTDOWN_WRITE, errp);
}

static size_t hold(struct rot13 *r, const struct iovec *iov, size_t niov)
{
    for (size_t i = 0; i < niov && r->len < sizeof(r->held); i++) {
        size_t room = sizeof(r->held) - r->len;
        size_t len = iov[i].iov_len < room ? iov[i].iov_len : room;

        memcpy(r->held + r->len, iov[i].iov_base, len);
        r->len += len;
    }
    turn(r->held, r->len);
    return r->len;
}

static ssize_t rot13_writev(QIOChannel *ioc, const struct iovec *iov,
                            size_t niov, const int *fds, size_t nfds, int flags,
                            QIOError **errp)
{
    struct rot13 *r = qio_channel_private(ioc);
    ssize_t result;

    (void)fds;
    (void)nfds;
    (void)flags;
    pthread_mutex_lock(&r->lock);
    result = push(ioc, errp);
    if (result == 0) {
        result = (ssize_t)hold(r, iov, niov);
        if (push(ioc, errp) == -1) {
            result = -1;
        }
    }
    pthread_mutex_unlock(&r->lock);
    return result;
}

static int rot13_flush(QIOChannel *ioc, QIOError **errp)
{
    struct rot13 *r = qio_channel_private(ioc);
    int result;

    pthread_mutex_lock(&r->lock);
    result = push(ioc, errp);
    pthread_mutex_unlock(&r->lock);
    return result;
}

static void rot13_poll(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    QIOChannel *base = qio_channel_base(ioc);
    unsigned out = events & (QIO_EVENT_OUT | QIO_EVENT_FLUSH);

    if (events & QIO_EVENT_IN) {
        qio_poll_set_below(set, base, QIO_EVENT_IN, QIO_EVENT_IN);
    }
    if (out) {
        qio_poll_set_below(set, base, QIO_EVENT_OUT, out);
    }
}

/* ---- ending ---- */

static int rot13_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                          QIOError **errp)
{
    struct rot13 *r = qio_channel_private(ioc);
    int result = 0;

    if (how & QIO_CHANNEL_SHUTDOWN_READ) {
        result = qio_channel_shutdown(qio_channel_base(ioc),
                                      QIO_CHANNEL_SHUTDOWN_READ, errp);
    }
    if (result == 0 && (how & QIO_CHANNEL_SHUTDOWN_WRITE)) {
        pthread_mutex_lock(&r->lock);
        r->end_pending = true;
        result = push(ioc, errp);
        pthread_mutex_unlock(&r->lock);
    }
    /* What is still held goes with the next flush. */
    return result == QIO_CHANNEL_ERR_BLOCK ? 0 : result;
}

static int rot13_close(QIOChannel *ioc, QIOError **errp)
{
    int result = rot13_flush(ioc, errp);

    return result == QIO_CHANNEL_ERR_BLOCK ? 0 : result;
}

static int rot13_query(QIOChannel *ioc, QIOChannelQuery what, void *out,
                       QIOError **errp)
{
    return qio_channel_query(qio_channel_base(ioc), what, out, errp);
}

static void rot13_finalize(QIOChannel *ioc)
{
    struct rot13 *r = qio_channel_private(ioc);

    pthread_mutex_destroy(&r->lock);
}

/* ---- the type ---- */

static const QIOChannelOps rot13_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "rot13",
    .kind = QIO_CHANNEL_KIND_OPAQUE,
    .features = QIO_CHANNEL_FEATURE_SHUTDOWN,
    .readv = rot13_readv,
    .writev = rot13_writev,
    .poll = rot13_poll,
    .flush = rot13_flush,
    .shutdown = rot13_shutdown,
    .close = rot13_close,
    .query = rot13_query,
    .finalize = rot13_finalize,
};

static QIOChannel *rot13_new(QIOChannel *base, QIOError **errp)
{
    QIOChannel *ioc =
        qio_channel_alloc_layer(&rot13_ops, sizeof(struct rot13), base, errp);
    struct rot13 *r;

    if (!ioc) {
        return NULL;
    }
    r = qio_channel_private(ioc);
    pthread_mutex_init(&r->lock, NULL);
    return ioc;
}

/* ---- a program that uses it ---- */

static int demonstrate(QIOChannel *near, QIOChannel *far, const char *text,
                       QIOError **errp)
{
    char there[256] = "";
    char back[256] = "";
    size_t len = strnlen(text, sizeof(there) - 1);

    if (qio_channel_write_all(near, text, len, errp) < 0 ||
        qio_channel_read_all(far, there, len, errp) < 0 ||
        qio_channel_write_all(far, there, len, errp) < 0 ||
        qio_channel_read_all(near, back, len, errp) < 0) {
        return -1;
    }
    printf("%s -> %s -> %s\n", text, there, back);
    return 0;
}

int main(int argc, char **argv)
{
    QIOError *err = NULL;
    QIOChannel *pair[2] = {NULL, NULL};
    QIOChannel *layer = NULL;
    int result = 1;

    if (qio_channel_unix_pair(pair, &err) < 0) {
        goto out;
    }
    layer = rot13_new(pair[0], &err);
    if (!layer ||
        demonstrate(layer, pair[1], argc > 1 ? argv[1] : "Hello", &err) < 0) {
        goto out;
    }
    result = 0;
out:
    if (err) {
        fprintf(stderr, "rot13: %s\n", qio_error_message(err));
        qio_error_free(err);
    }
    qio_channel_unref(layer);
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
    return result;
}
