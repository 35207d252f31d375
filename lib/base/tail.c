/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last so many bytes of a stream: a ring that forgets. */
#include <config.h>
#include "base/tail.h"

#include <stdlib.h>
#include <string.h>

int qiop_tail_init(struct qiop_tail *t, size_t keep)
{
    *t = (struct qiop_tail){.data = malloc(keep), .cap = keep};
    return t->data ? 0 : -1;
}

void qiop_tail_free(struct qiop_tail *t)
{
    free(t->data);
    *t = (struct qiop_tail){0};
}

void qiop_tail_add(struct qiop_tail *t, const char *data, size_t len)
{
    size_t first;

    if (len > t->cap - t->len) {
        t->lost = true;
    }
    if (len > t->cap) {
        data += len - t->cap;
        len = t->cap;
    }
    if (len == 0) {
        return;
    }
    first = t->cap - t->next < len ? t->cap - t->next : len;
    memcpy(t->data + t->next, data, first);
    memcpy(t->data, data + first, len - first);
    t->next = (t->next + len) % t->cap;
    t->len = t->len + len < t->cap ? t->len + len : t->cap;
}

void qiop_tail_copy(const struct qiop_tail *t, char *buf)
{
    size_t start = t->len < t->cap ? 0 : t->next;
    size_t first = t->len - start;

    if (t->len) {
        memcpy(buf, t->data + start, first);
        memcpy(buf + first, t->data, start);
    }
}
