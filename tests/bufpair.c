/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two channels connected through memory; see bufpair.h. */
#include <config.h>
#include "bufpair.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <qio/channel-ops.h>

#define CAPACITY 65536

/* One direction. */
struct way {
    atomic_int refs;
    pthread_mutex_t lock;
    uint8_t data[CAPACITY];
    size_t head, len;
    bool ended;   /* nothing more will be written */
    bool unread;  /* nobody will read */
    int readable; /* counts while there is something to read, or the end */
    int writable; /* counts while there is room, or nobody to read it */
};

struct end {
    struct way *in, *out;
};

/* ---- with the lock held ---- */

static void set(int fd, bool on)
{
    uint64_t n = 1;
    ssize_t r = on ? write(fd, &n, sizeof(n)) : read(fd, &n, sizeof(n));

    /* Full or empty: it is as it should be. */
    (void)r;
}

static void tell(struct way *w)
{
    bool can_read = w->len > 0 || w->ended;
    bool can_write = w->len < CAPACITY || w->unread;

    set(w->readable, false);
    set(w->writable, false);
    if (can_read) {
        set(w->readable, true);
    }
    if (can_write) {
        set(w->writable, true);
    }
}

/* The next piece at `at`, not beyond the end of the ring. */
static size_t piece(size_t at, size_t want, size_t most)
{
    size_t n = CAPACITY - at;

    n = n < want ? n : want;
    return n < most ? n : most;
}

static size_t take(struct way *w, uint8_t *to, size_t want)
{
    size_t got = 0, n;

    while ((n = piece(w->head, want - got, w->len)) > 0) {
        memcpy(to + got, w->data + w->head, n);
        w->head = (w->head + n) % CAPACITY;
        w->len -= n;
        got += n;
    }
    return got;
}

static size_t put(struct way *w, const uint8_t *from, size_t want)
{
    size_t done = 0, n;

    for (;;) {
        size_t at = (w->head + w->len) % CAPACITY;

        n = piece(at, want - done, CAPACITY - w->len);
        if (n == 0) {
            return done;
        }
        memcpy(w->data + at, from + done, n);
        w->len += n;
        done += n;
    }
}

/* ---- slots ---- */

static ssize_t end_readv(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                         int **fds, size_t *nfds, int flags, QIOError **errp)
{
    struct end *e = qio_channel_private(ioc);
    ssize_t total = 0;

    (void)fds;
    (void)nfds;
    (void)flags;
    (void)errp;
    pthread_mutex_lock(&e->in->lock);
    for (size_t i = 0; i < niov; i++) {
        total += (ssize_t)take(e->in, iov[i].iov_base, iov[i].iov_len);
    }
    if (total == 0 && !e->in->ended) {
        total = QIO_CHANNEL_ERR_BLOCK;
    }
    tell(e->in);
    pthread_mutex_unlock(&e->in->lock);
    return total;
}

static ssize_t end_writev(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                          const int *fds, size_t nfds, int flags,
                          QIOError **errp)
{
    struct end *e = qio_channel_private(ioc);
    ssize_t total = 0;

    (void)fds;
    (void)nfds;
    (void)flags;
    pthread_mutex_lock(&e->out->lock);
    if (e->out->unread) {
        qio_error_set(errp, QIO_ERROR_BROKEN, EPIPE, "nobody reads");
        total = -1;
    }
    for (size_t i = 0; i < niov && total >= 0; i++) {
        total += (ssize_t)put(e->out, iov[i].iov_base, iov[i].iov_len);
    }
    if (total == 0) {
        total = QIO_CHANNEL_ERR_BLOCK;
    }
    tell(e->out);
    pthread_mutex_unlock(&e->out->lock);
    return total;
}

static void end_poll(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    struct end *e = qio_channel_private(ioc);

    if (events & QIO_EVENT_IN) {
        qio_poll_set_add_fd(set, e->in->readable, POLLIN, QIO_EVENT_IN);
    }
    if (events & QIO_EVENT_OUT) {
        qio_poll_set_add_fd(set, e->out->writable, POLLIN, QIO_EVENT_OUT);
    }
    qio_poll_set_ready(set, events & (QIO_EVENT_OPEN | QIO_EVENT_FLUSH));
}

static void finish(struct way *w, bool ended, bool unread)
{
    pthread_mutex_lock(&w->lock);
    w->ended |= ended;
    w->unread |= unread;
    tell(w);
    pthread_mutex_unlock(&w->lock);
}

static int end_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                        QIOError **errp)
{
    struct end *e = qio_channel_private(ioc);

    (void)errp;
    if (how & QIO_CHANNEL_SHUTDOWN_WRITE) {
        finish(e->out, true, false);
    }
    return 0;
}

static int end_close(QIOChannel *ioc, QIOError **errp)
{
    struct end *e = qio_channel_private(ioc);

    (void)errp;
    if (e->out) {
        finish(e->out, true, false);
    }
    if (e->in) {
        finish(e->in, false, true);
    }
    return 0;
}

static void way_unref(struct way *w)
{
    if (!w || atomic_fetch_sub(&w->refs, 1) != 1) {
        return;
    }
    close(w->readable);
    close(w->writable);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static void end_finalize(QIOChannel *ioc)
{
    struct end *e = qio_channel_private(ioc);

    way_unref(e->in);
    way_unref(e->out);
}

static const QIOChannelOps end_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "buffer-pair",
    .kind = QIO_CHANNEL_KIND_LEAF,
    .features = QIO_CHANNEL_FEATURE_SHUTDOWN,
    .readv = end_readv,
    .writev = end_writev,
    .poll = end_poll,
    .shutdown = end_shutdown,
    .close = end_close,
    .finalize = end_finalize,
};

/* ---- making them ---- */

static struct way *way_new(QIOError **errp)
{
    struct way *w = calloc(1, sizeof(*w));

    if (!w) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    atomic_init(&w->refs, 1);
    pthread_mutex_init(&w->lock, NULL);
    w->readable = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->writable = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->readable < 0 || w->writable < 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "no eventfd");
        way_unref(w);
        return NULL;
    }
    return w;
}

static QIOChannel *end_new(struct way *in, struct way *out, QIOError **errp)
{
    QIOChannel *ioc = qio_channel_alloc(&end_ops, sizeof(struct end), errp);
    struct end *e;

    if (ioc) {
        e = qio_channel_private(ioc);
        atomic_fetch_add(&in->refs, 1);
        atomic_fetch_add(&out->refs, 1);
        e->in = in;
        e->out = out;
    }
    return ioc;
}

int pair_buffer(void *opaque, QIOChannel *pair[2], QIOError **errp)
{
    struct way *there = way_new(errp);
    struct way *back = there ? way_new(errp) : NULL;

    (void)opaque;
    pair[0] = pair[1] = NULL;
    if (back) {
        pair[0] = end_new(back, there, errp);
        pair[1] = pair[0] ? end_new(there, back, errp) : NULL;
    }
    way_unref(there);
    way_unref(back);
    if (!pair[1]) {
        qio_channel_unref(pair[0]);
        return -1;
    }
    return 0;
}
