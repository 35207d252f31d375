/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A list in a circle, linked both ways; a node in none points to itself. */
#ifndef QIOP_LOOP_LIST_H
#define QIOP_LOOP_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct qiop_list {
    struct qiop_list *next;
    struct qiop_list *prev;
};

#define qiop_list_entry(ptr, type, member)                                     \
    ((type *)((char *)(ptr)-offsetof(type, member)))

static inline void qiop_list_init(struct qiop_list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool qiop_list_empty(const struct qiop_list *l)
{
    return l->next == l;
}

static inline void qiop_list_remove(struct qiop_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    qiop_list_init(node);
}

static inline void qiop_list_append(struct qiop_list *l, struct qiop_list *node)
{
    node->prev = l->prev;
    node->next = l;
    l->prev->next = node;
    l->prev = node;
}

/* All of `from` goes to the empty list `to`. */
static inline void qiop_list_take(struct qiop_list *to, struct qiop_list *from)
{
    qiop_list_init(to);
    if (qiop_list_empty(from)) {
        return;
    }
    *to = *from;
    to->next->prev = to;
    to->prev->next = to;
    qiop_list_init(from);
}

#endif
