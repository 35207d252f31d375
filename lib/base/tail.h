/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last so many bytes of a stream. Not locked. */
#ifndef QIOP_BASE_TAIL_H
#define QIOP_BASE_TAIL_H

#include <stdbool.h>
#include <stddef.h>

struct qiop_tail {
    char *data; /* NULL: keeps nothing */
    size_t cap;
    size_t len;
    size_t next; /* where the next byte goes */
    bool lost;   /* there were more bytes */
};

/* Allocates all it will ever need. 0, or -1 without memory. */
int qiop_tail_init(struct qiop_tail *t, size_t keep);
/* All zero is allowed. */
void qiop_tail_free(struct qiop_tail *t);
void qiop_tail_add(struct qiop_tail *t, const char *data, size_t len);
/* What is kept, len bytes, the oldest first. */
void qiop_tail_copy(const struct qiop_tail *t, char *buf);

#endif
