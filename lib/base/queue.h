/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bounded queue of bytes in one piece of memory, filled at the tail and
 * emptied at the head. Not locked. */
#ifndef QIOP_BASE_QUEUE_H
#define QIOP_BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <qio/error.h>

struct qiop_queue {
    uint8_t *data;
    uint32_t cap;   /* allocated */
    uint32_t head;  /* first byte */
    uint32_t len;   /* bytes held */
    uint32_t limit; /* most bytes ever held */
    uint32_t usual; /* what was allocated before it rested */
};

/* Allocates nothing. A limit above UINT32_MAX is that. */
void qiop_queue_init(struct qiop_queue *q, size_t limit);
/* wipe: overwrite the memory before freeing it. Leaves an empty queue. */
void qiop_queue_free(struct qiop_queue *q, bool wipe);

/* Free the memory if it is empty; the next bytes get as much at once. */
void qiop_queue_rest(struct qiop_queue *q);

size_t qiop_queue_room(const struct qiop_queue *q); /* limit - len */

/* At least `want` writable bytes in one piece at the tail, compacting or
 * growing as needed; *avail says how many there are (>= want, and never
 * beyond the limit). NULL: QIO_ERROR_NOMEM, or QIO_ERROR_INVALID when the
 * limit forbids it. The pointer is valid until the next call that writes. */
uint8_t *qiop_queue_reserve(struct qiop_queue *q, size_t want, size_t *avail,
                            QIOError **errp);
/* len bytes were written at the reserved place. */
void qiop_queue_commit(struct qiop_queue *q, size_t len);
int qiop_queue_append(struct qiop_queue *q, const void *data, size_t len,
                      QIOError **errp);

const uint8_t *qiop_queue_peek(const struct qiop_queue *q, size_t *len);
void qiop_queue_consume(struct qiop_queue *q, size_t len);
/* Copy out up to len bytes and consume them; how many. */
size_t qiop_queue_take(struct qiop_queue *q, void *buf, size_t len);

#endif
