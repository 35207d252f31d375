/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One of many connections with threads of its own, one that reads and one that
 * writes, so that each connection is sealed and opened on another processor.
 * To those above it is a channel that never waits: they fill and empty rings.
 * Not a byte is looked at here; what blocks are is not known.
 *
 * A thread waits in the connection (then shutting that down ends it) or at its
 * ring (then stopping that does).
 */
#include <config.h>
#include "channels-thread.h"

#include <signal.h>
#include "channels-ring.h"

/* What a thread that is only busy may take. */
#define SETTLE_MS 100

/* One direction; used by whoever reads, or by whoever writes. */
struct half {
    bool tried; /* to start it */
    bool runs;
    bool joined;
    pthread_t thread;
    QIOChannel *base;
    struct qiop_ring ring;
};

struct threaded {
    bool begun;
    bool flushed; /* as far as we are concerned; the rest is base's */
    struct half in;
    struct half out;
};

static const QIOChannelOps threaded_ops;

QIOChannel *qiop_threaded_new(QIOChannel *base, QIOError **errp)
{
    return qio_channel_alloc_layer(&threaded_ops, sizeof(struct threaded), base,
                                   errp);
}

void qiop_threaded_begin(QIOChannel *ioc)
{
    struct threaded *t = qio_channel_private_if(ioc, &threaded_ops);

    if (t) {
        t->begun = true;
    }
}

QIOChannel *qiop_threaded_base(QIOChannel *ioc)
{
    bool is_layer = ioc && qio_channel_private_if(ioc, &threaded_ops);

    return is_layer ? qio_channel_base(ioc) : ioc;
}

/* ---- the threads ---- */

static void *read_ahead(void *opaque)
{
    struct half *h = opaque;
    QIOError *err = NULL;
    struct iovec iov[2];
    ssize_t got = 1;
    size_t n;

    while (got > 0 && (n = qiop_ring_wait_room(&h->ring, iov)) > 0) {
        got = qio_channel_readv(h->base, iov, n, &err);
        if (got > 0) {
            qiop_ring_came(&h->ring, (size_t)got);
        }
    }
    if (got > 0) {
        qio_error_set(&err, QIO_ERROR_SHUTDOWN, 0, "reading was ended");
    }
    qiop_ring_over(&h->ring, err);
    return NULL;
}

static void *write_behind(void *opaque)
{
    struct half *h = opaque;
    QIOError *err = NULL;
    struct iovec iov[2];
    ssize_t put = 1;
    size_t n;

    while (put > 0 && (n = qiop_ring_wait_held(&h->ring, iov)) > 0) {
        put = qio_channel_writev(h->base, iov, n, &err);
        if (put > 0) {
            qiop_ring_sent(&h->ring, (size_t)put);
        }
    }
    if (put > 0 && qiop_ring_is_stopped(&h->ring)) {
        qio_error_set(&err, QIO_ERROR_SHUTDOWN, 0, "writing was ended");
    } else if (put > 0) {
        (void)!qio_channel_bye_sync(h->base, -1, &err);
    }
    qiop_ring_over(&h->ring, err);
    return NULL;
}

static int start(struct half *h, void *(*run)(void *), QIOError **errp)
{
    sigset_t all, before;
    int ret;

    if (qiop_ring_init(&h->ring, errp)) {
        return -1;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ret = pthread_create(&h->thread, NULL, run, h);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (ret) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, ret, "cannot start a thread");
        qiop_ring_destroy(&h->ring);
        return -1;
    }
    return 0;
}

/* Whether this direction has a thread, now. */
static bool has_thread(QIOChannel *ioc, struct half *h, void *(*run)(void *))
{
    const struct threaded *t = qio_channel_private(ioc);
    QIOError *err = NULL;

    if (!t->begun || h->tried) {
        return h->runs;
    }
    h->tried = true;
    h->base = qio_channel_base(ioc);
    qio_channel_set_blocking(h->base, true);
    h->runs = !start(h, run, &err);
    if (!h->runs) {
        qio_channel_trace(ioc, "%s: goes on without a thread: %s",
                          qio_channel_name(ioc), qio_error_message(err));
        qio_error_free(err);
    }
    return h->runs;
}

void qiop_threaded_settle(QIOChannel *ioc)
{
    struct threaded *t =
        ioc ? qio_channel_private_if(ioc, &threaded_ops) : NULL;
    struct half *h = t ? &t->out : NULL;

    for (int ms = 0; h && h->runs && !h->joined && ms < SETTLE_MS; ms++) {
        if (!qiop_ring_lags(&h->ring) ||
            qio_channel_wait(h->base, QIO_EVENT_OUT, 0, NULL) <= 0) {
            return;
        }
    }
}

static void stop(struct half *h, QIOChannelShutdown how, bool always)
{
    h->tried = true;
    if (!h->runs || h->joined) {
        return;
    }
    if (qiop_ring_stop(&h->ring) || always) {
        (void)qio_channel_shutdown(h->base, how, NULL);
    }
    pthread_join(h->thread, NULL);
    h->joined = true;
}

void qiop_threaded_stop(QIOChannel *ioc)
{
    struct threaded *t =
        ioc ? qio_channel_private_if(ioc, &threaded_ops) : NULL;

    if (!t) {
        return;
    }
    /* A goodbye that is waited for ends when both directions do. */
    stop(&t->out, QIO_CHANNEL_SHUTDOWN_BOTH, false);
    stop(&t->in, QIO_CHANNEL_SHUTDOWN_READ, true);
}

/* ---- the slots ---- */

static ssize_t threaded_readv(QIOChannel *ioc, const struct iovec *iov,
                              size_t niov, int **fds, size_t *nfds, int flags,
                              QIOError **errp)
{
    struct threaded *t = qio_channel_private(ioc);

    (void)fds;
    (void)nfds;
    (void)flags;
    return has_thread(ioc, &t->in, read_ahead)
               ? qiop_ring_take(&t->in.ring, iov, niov, errp)
               : qio_channel_try_readv(qio_channel_base(ioc), iov, niov, errp);
}

static ssize_t threaded_writev(QIOChannel *ioc, const struct iovec *iov,
                               size_t niov, const int *fds, size_t nfds,
                               int flags, QIOError **errp)
{
    struct threaded *t = qio_channel_private(ioc);

    (void)fds;
    (void)nfds;
    (void)flags;
    return has_thread(ioc, &t->out, write_behind)
               ? qiop_ring_put(&t->out.ring, iov, niov, errp)
               : qio_channel_try_writev(qio_channel_base(ioc), iov, niov, errp);
}

static int threaded_flush(QIOChannel *ioc, QIOError **errp)
{
    struct threaded *t = qio_channel_private(ioc);

    int r = t->out.runs ? qiop_ring_drained(&t->out.ring, errp) : 0;

    t->flushed = r == 0;
    return r;
}

static void poll_one(QIOChannel *ioc, struct half *h, unsigned event,
                     QIOPollSet *set)
{
    const struct threaded *t = qio_channel_private(ioc);

    if (h->runs && !(event == QIO_EVENT_FLUSH && t->flushed)) {
        qiop_ring_poll(&h->ring, event == QIO_EVENT_IN, event, set);
    } else {
        qio_poll_set_below(set, qio_channel_base(ioc), event, event);
    }
}

static void threaded_poll(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    static const unsigned each[] = {QIO_EVENT_IN, QIO_EVENT_OUT,
                                    QIO_EVENT_FLUSH};
    struct threaded *t = qio_channel_private(ioc);

    for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
        if (events & each[i]) {
            poll_one(ioc, each[i] == QIO_EVENT_IN ? &t->in : &t->out, each[i],
                     set);
        }
    }
}

/* The thread tells the end when it has written what came before. */
static int threaded_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                             QIOError **errp)
{
    struct threaded *t = qio_channel_private(ioc);

    if ((how & QIO_CHANNEL_SHUTDOWN_WRITE) && t->out.runs) {
        qiop_ring_end(&t->out.ring);
        how &= ~(unsigned)QIO_CHANNEL_SHUTDOWN_WRITE;
    }
    return how ? qio_channel_shutdown(qio_channel_base(ioc), how, errp) : 0;
}

static int threaded_close(QIOChannel *ioc, QIOError **errp)
{
    (void)errp;
    qiop_threaded_stop(ioc);
    return 0;
}

static void threaded_finalize(QIOChannel *ioc)
{
    struct threaded *t = qio_channel_private(ioc);

    qiop_ring_destroy(&t->in.ring);
    qiop_ring_destroy(&t->out.ring);
}

static const QIOChannelOps threaded_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "threaded",
    .kind = QIO_CHANNEL_KIND_TRANSPARENT,
    .features = QIO_CHANNEL_FEATURE_SHUTDOWN,
    .flags = QIO_CHANNEL_OPS_SHUTDOWN_WAKES,
    .readv = threaded_readv,
    .writev = threaded_writev,
    .poll = threaded_poll,
    .flush = threaded_flush,
    .shutdown = threaded_shutdown,
    .close = threaded_close,
    .finalize = threaded_finalize,
};
