/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bounded queue of bytes in one piece of memory. */
#include <config.h>
#include "base/queue.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/pages.h"

#define SMALLEST 1024

void qiop_queue_init(struct qiop_queue *q, size_t limit)
{
    memset(q, 0, sizeof(*q));
    q->limit = limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX;
}

void qiop_queue_free(struct qiop_queue *q, bool wipe)
{
    uint32_t limit = q->limit;

    if (wipe && q->data) {
        explicit_bzero(q->data, q->cap);
    }
    free(q->data);
    qiop_queue_init(q, limit);
}

void qiop_queue_rest(struct qiop_queue *q)
{
    uint32_t usual = q->cap;

    if (q->len || !q->data) {
        return;
    }
    qiop_queue_free(q, false);
    q->usual = usual;
}

size_t qiop_queue_room(const struct qiop_queue *q)
{
    return q->limit - q->len;
}

static size_t tail_room(const struct qiop_queue *q)
{
    return q->cap - q->head - q->len;
}

/* The next capacity that holds `need` bytes; need <= limit. */
static size_t next_cap(const struct qiop_queue *q, size_t need)
{
    size_t cap = (size_t)q->cap * 2;

    if (cap < SMALLEST) {
        cap = SMALLEST;
    }
    if (cap < q->usual) {
        cap = q->usual;
    }
    if (cap < need) {
        cap = need;
    }
    return cap > q->limit ? q->limit : cap;
}

/* realloc() would leave a copy behind in memory that nobody wipes. */
static int grow(struct qiop_queue *q, size_t need, QIOError **errp)
{
    size_t cap = next_cap(q, need);
    uint8_t *data = qiop_pages_alloc(cap);

    if (!data) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0,
                      "out of memory for a buffer of %zu bytes", cap);
        return -1;
    }
    if (q->data) {
        memcpy(data, q->data + q->head, q->len);
        explicit_bzero(q->data, q->cap);
        free(q->data);
    }
    q->data = data;
    q->cap = (uint32_t)cap;
    q->head = 0;
    return 0;
}

uint8_t *qiop_queue_reserve(struct qiop_queue *q, size_t want, size_t *avail,
                            QIOError **errp)
{
    if (want == 0) {
        want = 1;
    }
    if (want > qiop_queue_room(q)) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "%zu bytes do not fit into a buffer limited to %" PRIu32,
                      want, q->limit);
        return NULL;
    }
    if (tail_room(q) < want) {
        if (q->cap - q->len >= want) {
            memmove(q->data, q->data + q->head, q->len);
            q->head = 0;
        } else if (grow(q, q->len + want, errp) < 0) {
            return NULL;
        }
    }
    *avail = tail_room(q);
    return q->data + q->head + q->len;
}

void qiop_queue_commit(struct qiop_queue *q, size_t len)
{
    size_t room = tail_room(q);

    q->len += (uint32_t)(len < room ? len : room);
}

int qiop_queue_append(struct qiop_queue *q, const void *data, size_t len,
                      QIOError **errp)
{
    size_t avail;
    uint8_t *tail;

    if (len == 0) {
        return 0;
    }
    tail = qiop_queue_reserve(q, len, &avail, errp);
    if (!tail) {
        return -1;
    }
    memcpy(tail, data, len);
    qiop_queue_commit(q, len);
    return 0;
}

const uint8_t *qiop_queue_peek(const struct qiop_queue *q, size_t *len)
{
    *len = q->len;
    return q->data ? q->data + q->head : NULL;
}

void qiop_queue_consume(struct qiop_queue *q, size_t len)
{
    if (len >= q->len) {
        q->head = 0;
        q->len = 0;
        return;
    }
    q->head += (uint32_t)len;
    q->len -= (uint32_t)len;
}

size_t qiop_queue_take(struct qiop_queue *q, void *buf, size_t len)
{
    if (len > q->len) {
        len = q->len;
    }
    if (len) {
        memcpy(buf, q->data + q->head, len);
        qiop_queue_consume(q, len);
    }
    return len;
}
