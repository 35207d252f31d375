/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A token bucket, and sleeping until it has enough. */
#include <config.h>
#include "rate.h"

#include <time.h>

#define SECOND 1000000000
#define SLICES 10 /* the bucket holds 1/SLICES of a second */

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- the bucket ---- */

static uint64_t capacity(const struct qiop_bucket *b)
{
    return b->rate < SLICES ? 1 : b->rate / SLICES;
}

static void refill(struct qiop_bucket *b, int64_t now)
{
    uint64_t ns = now > b->stamp ? now - b->stamp : 0;
    uint64_t parts;

    b->stamp = now;
    /* A bucket of a single byte may take longer than a slice to fill. */
    if (ns >= SECOND / SLICES && b->rate >= SLICES) {
        b->tokens = capacity(b);
        b->part = 0;
        return;
    }
    ns = min_u64(ns, SECOND);
    parts = b->rate % SECOND * ns + b->part;
    b->tokens += b->rate / SECOND * ns + parts / SECOND;
    b->part = parts % SECOND;
    if (b->tokens >= capacity(b)) {
        b->tokens = capacity(b);
        b->part = 0;
    }
}

void qiop_bucket_set(struct qiop_bucket *b, uint64_t rate, int64_t now)
{
    if (b->rate) {
        refill(b, now);
    }
    b->rate = rate;
    b->stamp = now;
    b->tokens = min_u64(b->tokens, capacity(b));
}

/* Rounded up, and never more than a second at once. */
static int64_t time_for(const struct qiop_bucket *b, uint64_t tokens)
{
    double ns = (double)tokens * SECOND / (double)b->rate + 1;

    return ns < SECOND ? (int64_t)ns : SECOND;
}

size_t qiop_bucket_take(struct qiop_bucket *b, size_t want, int64_t now,
                        int64_t *wait)
{
    uint64_t need = capacity(b) / 2;
    size_t n;

    need = min_u64(need ? need : 1, want);
    refill(b, now);
    if (b->tokens < need) {
        *wait = time_for(b, need - b->tokens);
        return 0;
    }
    n = (size_t)min_u64(b->tokens, want);
    b->tokens -= n;
    return n;
}

/* ---- with clock and sleep ---- */

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * SECOND + ts.tv_nsec;
}

static int init_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    int ret = pthread_condattr_init(&attr);

    if (ret) {
        return ret;
    }
    ret = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (!ret) {
        ret = pthread_cond_init(cond, &attr);
    }
    pthread_condattr_destroy(&attr);
    return ret;
}

int qiop_rate_init(struct qiop_rate *r, QIOError **errp)
{
    int ret = init_cond(&r->changed);

    if (ret) {
        goto fail;
    }
    ret = pthread_mutex_init(&r->lock, NULL);
    if (ret) {
        pthread_cond_destroy(&r->changed);
        goto fail;
    }
    atomic_init(&r->rate, 0);
    r->stopped = false;
    r->bucket = (struct qiop_bucket){0};
    return 0;
fail:
    qio_error_set(errp, QIO_ERROR_SYSTEM, ret, "cannot make a rate limiter");
    return -1;
}

void qiop_rate_destroy(struct qiop_rate *r)
{
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->changed);
}

void qiop_rate_set(struct qiop_rate *r, uint64_t rate)
{
    pthread_mutex_lock(&r->lock);
    if (rate) {
        qiop_bucket_set(&r->bucket, rate, now_ns());
    } else {
        r->bucket = (struct qiop_bucket){0};
    }
    atomic_store(&r->rate, rate);
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

void qiop_rate_stop(struct qiop_rate *r)
{
    pthread_mutex_lock(&r->lock);
    r->stopped = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static void sleep_until(struct qiop_rate *r, int64_t when)
{
    struct timespec ts = {when / SECOND, when % SECOND};

    pthread_cond_timedwait(&r->changed, &r->lock, &ts);
}

static size_t take_locked(struct qiop_rate *r, size_t want)
{
    int64_t now, wait;
    size_t n;

    while (!r->stopped) {
        if (!atomic_load(&r->rate)) {
            return want;
        }
        now = now_ns();
        n = qiop_bucket_take(&r->bucket, want, now, &wait);
        if (n) {
            return n;
        }
        sleep_until(r, now + wait);
    }
    return 0;
}

size_t qiop_rate_take(struct qiop_rate *r, size_t want)
{
    size_t n;

    if (!atomic_load_explicit(&r->rate, memory_order_relaxed)) {
        return want;
    }
    pthread_mutex_lock(&r->lock);
    n = take_locked(r, want);
    pthread_mutex_unlock(&r->lock);
    return n;
}
