/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes on their way between a thread of ours, which waits for them, and a
 * caller, who never does but in his poll slot. Bounded: whoever is ahead waits.
 */
#ifndef QIOP_MIGRATION_CHANNELS_RING_H
#define QIOP_MIGRATION_CHANNELS_RING_H

#include "channels-priv.h"

/* One is being sealed or opened while the other one is filled or emptied. */
#define QIOP_RING_PIECE ((size_t)QIOP_BLOCK_SIZE + QIOP_BLOCK_LEN)
#define QIOP_RING_SIZE (2 * QIOP_RING_PIECE)

struct qiop_ring {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* for the thread */
    uint8_t *data;
    size_t start;
    size_t used;
    bool ended;          /* the caller puts in nothing more */
    bool stopped;        /* the thread is to return as it is */
    bool over;           /* it has nothing to do any more */
    QIOError *err;       /* ... because of this */
    bool waits;          /* the caller does */
    bool rung;           /* the bell has a byte */
    QIOChannel *bell[2]; /* what the caller waits for, what the thread writes */
};

int qiop_ring_init(struct qiop_ring *r, QIOError **errp);
/* Also of one that is all zero. */
void qiop_ring_destroy(struct qiop_ring *r);

/* ---- the caller; none of them waits ---- */

/* As the slots. A piece or less is put in as a whole or not at all. */
ssize_t qiop_ring_put(struct qiop_ring *r, const struct iovec *iov, size_t niov,
                      QIOError **errp);
ssize_t qiop_ring_take(struct qiop_ring *r, const struct iovec *iov,
                       size_t niov, QIOError **errp);
/* Nothing more is put in. */
void qiop_ring_end(struct qiop_ring *r);
/* Whether the thread has done with everything, the end too: as the flush slot.
 */
int qiop_ring_drained(struct qiop_ring *r, QIOError **errp);
/* As the poll slot, for the event as; take: there is something to take, else
 * there is room for a piece, or nothing left when as is FLUSH. */
void qiop_ring_poll(struct qiop_ring *r, bool take, unsigned as,
                    QIOPollSet *set);
/* The same question, after a millisecond if need be: for those who close. */
bool qiop_ring_lags(struct qiop_ring *r);
/* The thread is to return. Whether it is busy, or may be, with what it took. */
bool qiop_ring_stop(struct qiop_ring *r);
bool qiop_ring_is_stopped(struct qiop_ring *r);

/* ---- the thread ---- */

/* Wait for something to send, or for room to receive into: so many pieces of
 * iov, 0 when there will be none. */
size_t qiop_ring_wait_held(struct qiop_ring *r, struct iovec iov[2]);
size_t qiop_ring_wait_room(struct qiop_ring *r, struct iovec iov[2]);
/* So much of that was sent, or has come. */
void qiop_ring_sent(struct qiop_ring *r, size_t n);
void qiop_ring_came(struct qiop_ring *r, size_t n);
/* The end, or the failure, which is taken; after what was put in before. */
void qiop_ring_over(struct qiop_ring *r, QIOError *err);

#endif
