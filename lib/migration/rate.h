/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A token bucket that holds a tenth of a second's worth of bytes. */
#ifndef QIOP_MIGRATION_RATE_H
#define QIOP_MIGRATION_RATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <qio/error.h>

/* The bucket alone, without clock: times are given, in nanoseconds. */
struct qiop_bucket {
    uint64_t rate;   /* bytes a second, not 0 */
    uint64_t tokens; /* bytes that may go now */
    uint64_t part;   /* of the next byte, in 1e-9 */
    int64_t stamp;   /* when tokens was right */
};

/* The tokens held are kept as far as the new rate allows. */
void qiop_bucket_set(struct qiop_bucket *b, uint64_t rate, int64_t now);
/* How many of `want` bytes may go now, taking them. 0: none yet, and *wait
 * says how long to wait. Rather than to dribble, it lets half a bucket gather,
 * or all that is wanted if that is less. */
size_t qiop_bucket_take(struct qiop_bucket *b, size_t want, int64_t now,
                        int64_t *wait);

struct qiop_rate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    _Atomic uint64_t rate; /* 0: no limit; written under lock */
    bool stopped;
    struct qiop_bucket bucket;
};

int qiop_rate_init(struct qiop_rate *r, QIOError **errp);
void qiop_rate_destroy(struct qiop_rate *r);
/* Any thread; whoever sleeps in take goes by the new rate at once. */
void qiop_rate_set(struct qiop_rate *r, uint64_t rate);
/* Any thread; take returns 0 from now on. */
void qiop_rate_stop(struct qiop_rate *r);
/* Sleep until at least one of `want` bytes may go; how many. 0: stopped. */
size_t qiop_rate_take(struct qiop_rate *r, size_t want);

#endif
