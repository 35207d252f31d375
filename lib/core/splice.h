/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes on their way between two leaves without coming to us: the kernel moves
 * them into a pipe of ours and out of it again (splice(2)).
 */
#ifndef QIOP_CORE_SPLICE_H
#define QIOP_CORE_SPLICE_H

#include "channel.h"

/* All zero: no pipe. */
struct qiop_splice {
    bool open;
    int fd[2];
    size_t held; /* bytes in it */
};

/* Whether the kernel can do it with these two, and cheaper than we. */
bool qiop_splice_pays(QIOChannel *src, QIOChannel *dst);

/* A pipe that holds about `size` bytes, if there is none yet; false when there
 * is none to be had. */
bool qiop_splice_open(struct qiop_splice *p, size_t size);
/* With what is in it. Harmless without. */
void qiop_splice_close(struct qiop_splice *p);

/*
 * One try, of at most len bytes into the empty pipe, of all bytes out of it.
 * >0, -1, BLOCK, or 0: to be had by reading (perhaps the end) or writing.
 */
ssize_t qiop_splice_in(struct qiop_splice *p, QIOChannel *src, size_t len,
                       int flags, QIOError **errp);
ssize_t qiop_splice_out(struct qiop_splice *p, QIOChannel *dst, int flags,
                        QIOError **errp);
/* The same, waiting; out: until the pipe is empty, which is 1. */
ssize_t qiop_splice_in_wait(struct qiop_splice *p, QIOChannel *src, size_t len,
                            QIOError **errp);
int qiop_splice_out_wait(struct qiop_splice *p, QIOChannel *dst, uint64_t *done,
                         QIOError **errp);
/* What the target does not take in this way: a count, or -1. */
ssize_t qiop_splice_take(struct qiop_splice *p, void *buf, size_t len,
                         QIOError **errp);

#endif
