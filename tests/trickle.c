/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A layer that splits, stutters, stalls and cuts; see trickle.h. */
#include <config.h>
#include "trickle.h"

#include <errno.h>
#include <stdatomic.h>
#include <qio/channel-ops.h>
#include "base/clock.h"
#include "base/iov.h"

#define MAX_IOV 64

/* One direction; used by one thread, but for what poll looks at. */
struct way {
    size_t done;
    bool skip;
    bool stalled;
    atomic_bool cut;
    _Atomic int64_t hold_until;
};

struct trickle {
    struct trickle_script script;
    struct way r, w;
};

enum verdict {
    PASS,
    HOLD,
    CUT,
};

static enum verdict judge(const struct trickle_script *s, struct way *way,
                          size_t cut_after)
{
    int64_t now = qiop_now_us();

    if (cut_after && way->done >= cut_after) {
        atomic_store(&way->cut, true);
        return CUT;
    }
    if (now < atomic_load(&way->hold_until)) {
        return HOLD;
    }
    if (s->stall_us && !way->stalled && way->done >= s->stall_after) {
        way->stalled = true;
        atomic_store(&way->hold_until, now + s->stall_us);
        return HOLD;
    }
    if (s->stutter) {
        way->skip = !way->skip;
        if (way->skip) {
            atomic_store(&way->hold_until, now + s->pause_us);
            return HOLD;
        }
    }
    return PASS;
}

/* The part of iov that one call may move. */
static size_t slice(const struct way *way, size_t max, size_t cut_after,
                    const struct iovec *iov, size_t niov, struct iovec *out)
{
    struct qiop_iov_cursor c;
    size_t limit = max ? max : SIZE_MAX;

    if (cut_after && cut_after - way->done < limit) {
        limit = cut_after - way->done;
    }
    qiop_iov_cursor_init(&c, iov, niov);
    return qiop_iov_cursor_slice(&c, out, MAX_IOV, limit);
}

static int cut_error(QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_BROKEN, ECONNRESET, "cut by the script");
    return -1;
}

static ssize_t trickle_readv(QIOChannel *ioc, const struct iovec *iov,
                             size_t niov, int **fds, size_t *nfds, int flags,
                             QIOError **errp)
{
    struct trickle *t = qio_channel_private(ioc);
    const struct trickle_script *s = &t->script;
    struct iovec part[MAX_IOV];
    size_t n;
    ssize_t r;

    (void)fds;
    (void)nfds;
    (void)flags;
    switch (judge(s, &t->r, s->cut_read)) {
    case HOLD:
        return QIO_CHANNEL_ERR_BLOCK;
    case CUT:
        return s->cut_is_eof ? 0 : cut_error(errp);
    case PASS:
        break;
    }
    n = slice(&t->r, s->max_read, s->cut_read, iov, niov, part);
    r = qio_channel_try_readv(qio_channel_base(ioc), part, n, errp);
    if (r > 0) {
        t->r.done += (size_t)r;
    }
    return r;
}

static ssize_t trickle_writev(QIOChannel *ioc, const struct iovec *iov,
                              size_t niov, const int *fds, size_t nfds,
                              int flags, QIOError **errp)
{
    struct trickle *t = qio_channel_private(ioc);
    const struct trickle_script *s = &t->script;
    struct iovec part[MAX_IOV];
    size_t n;
    ssize_t r;

    (void)fds;
    (void)nfds;
    (void)flags;
    switch (judge(s, &t->w, s->cut_write)) {
    case HOLD:
        return QIO_CHANNEL_ERR_BLOCK;
    case CUT:
        return cut_error(errp);
    case PASS:
        break;
    }
    n = slice(&t->w, s->max_write, s->cut_write, iov, niov, part);
    r = qio_channel_try_writev(qio_channel_base(ioc), part, n, errp);
    if (r > 0) {
        t->w.done += (size_t)r;
    }
    return r;
}

static void poll_way(QIOChannel *ioc, struct way *way, unsigned event,
                     QIOPollSet *set)
{
    int64_t hold = atomic_load(&way->hold_until);

    if (atomic_load(&way->cut)) {
        qio_poll_set_ready(set, event);
    } else if (qiop_now_us() < hold) {
        qio_poll_set_deadline(set, hold);
    } else {
        qio_poll_set_below(set, qio_channel_base(ioc), event, event);
    }
}

static void trickle_poll(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    struct trickle *t = qio_channel_private(ioc);

    if (events & QIO_EVENT_IN) {
        poll_way(ioc, &t->r, QIO_EVENT_IN, set);
    }
    if (events & QIO_EVENT_OUT) {
        poll_way(ioc, &t->w, QIO_EVENT_OUT, set);
    }
    /* Nothing is ever held. */
    qio_poll_set_ready(set, events & QIO_EVENT_FLUSH);
}

static int trickle_flush(QIOChannel *ioc, QIOError **errp)
{
    (void)ioc;
    (void)errp;
    return 0;
}

static int trickle_close(QIOChannel *ioc, QIOError **errp)
{
    (void)ioc;
    (void)errp;
    return 0;
}

static void trickle_finalize(QIOChannel *ioc)
{
    (void)ioc;
}

static const QIOChannelOps trickle_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "trickle",
    .kind = QIO_CHANNEL_KIND_TRANSPARENT,
    .readv = trickle_readv,
    .writev = trickle_writev,
    .poll = trickle_poll,
    .flush = trickle_flush,
    .close = trickle_close,
    .finalize = trickle_finalize,
};

QIOChannel *trickle_new(QIOChannel *base, const struct trickle_script *script,
                        QIOError **errp)
{
    QIOChannel *ioc = qio_channel_alloc_layer(
        &trickle_ops, sizeof(struct trickle), base, errp);
    struct trickle *t;

    if (!ioc) {
        return NULL;
    }
    t = qio_channel_private(ioc);
    t->script = *script;
    return ioc;
}

int trickle_wrap_pair(QIOChannel *pair[2], const struct trickle_script *script,
                      QIOError **errp)
{
    QIOChannel *top[2];

    top[0] = trickle_new(pair[0], script, errp);
    if (!top[0]) {
        return -1;
    }
    top[1] = trickle_new(pair[1], script, errp);
    if (!top[1]) {
        /* Unref would close the base as well. */
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        qio_channel_unref(pair[i]);
        pair[i] = top[i];
    }
    return 0;
}
