/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A ring of bytes with one side that waits and one that does not. Bytes are
 * copied, read and written without the lock: what is held belongs to the one
 * who takes, the room to the one who puts, and each makes his own part smaller
 * only. The bell is a pair of sockets, as descriptors are not made in this
 * library; it is rung only for a caller who has asked what to wait for.
 */
#include <config.h>
#include "channels-ring.h"

#include <stdlib.h>
#include <string.h>
#include <qio/channel-unix.h>

/* Room for which it is worth to wake a thread that reads ahead. */
#define WORTH (QIOP_RING_SIZE / 4)

int qiop_ring_init(struct qiop_ring *r, QIOError **errp)
{
    uint8_t *data = malloc(QIOP_RING_SIZE);

    if (!data) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    if (qio_channel_unix_pair(r->bell, errp)) {
        free(data);
        return -1;
    }
    r->data = data;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    return 0;
}

void qiop_ring_destroy(struct qiop_ring *r)
{
    if (!r->data) {
        return;
    }
    qio_channel_unref(r->bell[0]);
    qio_channel_unref(r->bell[1]);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    qio_error_free(r->err);
    free(r->data);
    r->data = NULL;
}

/* ---- pieces; the lock is held ---- */

static size_t room(const struct qiop_ring *r)
{
    return QIOP_RING_SIZE - r->used;
}

/* The len bytes that begin at `at`, in one piece or two. */
static size_t pieces(const struct qiop_ring *r, size_t at, size_t len,
                     struct iovec iov[2])
{
    size_t first;

    at %= QIOP_RING_SIZE;
    first = len < QIOP_RING_SIZE - at ? len : QIOP_RING_SIZE - at;
    iov[0] = (struct iovec){r->data + at, first};
    iov[1] = (struct iovec){r->data, len - first};
    return (first > 0) + (len > first);
}

static void forget(struct qiop_ring *r, size_t n)
{
    r->start = (r->start + n) % QIOP_RING_SIZE;
    r->used -= n;
}

/* ---- the bell; the lock is held ---- */

/* It holds one byte at most, so there is room for it, and a byte to read. */
static void ring(struct qiop_ring *r)
{
    struct iovec iov = {(char[1]){0}, 1};

    if (r->waits && !r->rung) {
        r->rung = qio_channel_try_writev(r->bell[1], &iov, 1, NULL) == 1;
        r->waits = false;
    }
}

/* The next one is for this caller, not for one that came before. */
static void hush(struct qiop_ring *r)
{
    struct iovec iov = {(char[1]){0}, 1};

    if (r->rung && qio_channel_try_readv(r->bell[0], &iov, 1, NULL) == 1) {
        r->rung = false;
    }
    r->waits = true;
}

static void listen_for(struct qiop_ring *r, unsigned as, QIOPollSet *set)
{
    hush(r);
    qio_poll_set_below(set, r->bell[0], QIO_EVENT_IN, as);
}

/* ---- the caller ---- */

/* Copy between iov and a part of the ring, as far as both go. */
static size_t copy(const struct iovec *iov, size_t niov,
                   const struct iovec part[2], bool into_ring)
{
    size_t done = 0, p = 0, at = 0;

    for (size_t i = 0; i < niov; i++) {
        size_t off = 0;

        while (off < iov[i].iov_len && p < 2) {
            size_t n = part[p].iov_len - at;
            char *mine = (char *)part[p].iov_base + at;
            char *his = (char *)iov[i].iov_base + off;

            n = n < iov[i].iov_len - off ? n : iov[i].iov_len - off;
            memcpy(into_ring ? mine : his, into_ring ? his : mine, n);
            off += n;
            at += n;
            done += n;
            if (at == part[p].iov_len) {
                p++;
                at = 0;
            }
        }
    }
    return done;
}

static size_t total(const struct iovec *iov, size_t niov)
{
    size_t sum = 0;

    for (size_t i = 0; i < niov; i++) {
        sum += iov[i].iov_len;
    }
    return sum;
}

static int told(const struct qiop_ring *r, QIOError **errp)
{
    qio_error_propagate(errp, qio_error_copy(r->err));
    return -1;
}

ssize_t qiop_ring_put(struct qiop_ring *r, const struct iovec *iov, size_t niov,
                      QIOError **errp)
{
    size_t want = total(iov, niov), n;
    struct iovec part[2];
    bool fits;

    want = want < QIOP_RING_PIECE ? want : QIOP_RING_PIECE;
    pthread_mutex_lock(&r->lock);
    if (r->err) {
        n = (size_t)told(r, errp);
        pthread_mutex_unlock(&r->lock);
        return (ssize_t)n;
    }
    fits = room(r) >= want;
    pieces(r, r->start + r->used, fits ? want : 0, part);
    pthread_mutex_unlock(&r->lock);
    if (!fits) {
        return QIO_CHANNEL_ERR_BLOCK;
    }
    n = copy(iov, niov, part, true);
    pthread_mutex_lock(&r->lock);
    r->used += n;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return (ssize_t)n;
}

ssize_t qiop_ring_take(struct qiop_ring *r, const struct iovec *iov,
                       size_t niov, QIOError **errp)
{
    ssize_t ret = QIO_CHANNEL_ERR_BLOCK;
    struct iovec part[2];
    size_t n;

    pthread_mutex_lock(&r->lock);
    n = pieces(r, r->start, r->used, part);
    if (!n && r->over) {
        ret = r->err ? told(r, errp) : 0;
    }
    pthread_mutex_unlock(&r->lock);
    if (!n) {
        return ret;
    }
    n = copy(iov, niov, part, false);
    pthread_mutex_lock(&r->lock);
    forget(r, n);
    if (room(r) >= WORTH) {
        pthread_cond_signal(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
    return (ssize_t)n;
}

void qiop_ring_end(struct qiop_ring *r)
{
    pthread_mutex_lock(&r->lock);
    r->ended = true;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static bool is_busy(const struct qiop_ring *r)
{
    return !r->over && (r->used || r->ended);
}

int qiop_ring_drained(struct qiop_ring *r, QIOError **errp)
{
    int ret;

    pthread_mutex_lock(&r->lock);
    ret = is_busy(r) ? QIO_CHANNEL_ERR_BLOCK : 0;
    if (r->err) {
        ret = told(r, errp);
    }
    pthread_mutex_unlock(&r->lock);
    return ret;
}

bool qiop_ring_lags(struct qiop_ring *r)
{
    bool busy;

    pthread_mutex_lock(&r->lock);
    hush(r);
    busy = is_busy(r);
    pthread_mutex_unlock(&r->lock);
    return busy && qio_channel_wait(r->bell[0], QIO_EVENT_IN, 1, NULL) >= 0;
}

void qiop_ring_poll(struct qiop_ring *r, bool take, unsigned as,
                    QIOPollSet *set)
{
    bool ready;

    pthread_mutex_lock(&r->lock);
    if (take) {
        ready = r->used;
    } else if (as == QIO_EVENT_FLUSH) {
        ready = !is_busy(r);
    } else {
        ready = room(r) >= QIOP_RING_PIECE;
    }
    if (ready || r->over) {
        qio_poll_set_ready(set, as);
    } else {
        listen_for(r, as, set);
    }
    pthread_mutex_unlock(&r->lock);
}

bool qiop_ring_stop(struct qiop_ring *r)
{
    bool busy;

    pthread_mutex_lock(&r->lock);
    r->stopped = true;
    busy = is_busy(r);
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return busy;
}

bool qiop_ring_is_stopped(struct qiop_ring *r)
{
    bool stopped;

    pthread_mutex_lock(&r->lock);
    stopped = r->stopped;
    pthread_mutex_unlock(&r->lock);
    return stopped;
}

/* ---- the thread ---- */

size_t qiop_ring_wait_held(struct qiop_ring *r, struct iovec iov[2])
{
    size_t n;

    pthread_mutex_lock(&r->lock);
    while (!r->used && !r->ended && !r->stopped) {
        pthread_cond_wait(&r->changed, &r->lock);
    }
    /* Not more at once, so that there is room again soon. */
    n = r->used < QIOP_RING_PIECE ? r->used : QIOP_RING_PIECE;
    n = r->stopped ? 0 : pieces(r, r->start, n, iov);
    pthread_mutex_unlock(&r->lock);
    return n;
}

size_t qiop_ring_wait_room(struct qiop_ring *r, struct iovec iov[2])
{
    size_t n;

    pthread_mutex_lock(&r->lock);
    while (room(r) < WORTH && !r->stopped) {
        pthread_cond_wait(&r->changed, &r->lock);
    }
    n = r->stopped ? 0 : pieces(r, r->start + r->used, room(r), iov);
    pthread_mutex_unlock(&r->lock);
    return n;
}

void qiop_ring_sent(struct qiop_ring *r, size_t n)
{
    pthread_mutex_lock(&r->lock);
    forget(r, n);
    if (room(r) >= QIOP_RING_PIECE) {
        ring(r);
    }
    pthread_mutex_unlock(&r->lock);
}

void qiop_ring_came(struct qiop_ring *r, size_t n)
{
    pthread_mutex_lock(&r->lock);
    r->used += n;
    ring(r);
    pthread_mutex_unlock(&r->lock);
}

void qiop_ring_over(struct qiop_ring *r, QIOError *err)
{
    pthread_mutex_lock(&r->lock);
    r->over = true;
    r->err = err;
    ring(r);
    pthread_mutex_unlock(&r->lock);
}
