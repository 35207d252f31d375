/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes that the kernel sends from the caller's memory (MSG_ZEROCOPY), and
 * what it tells of them in the socket's error queue. */
#ifndef QIOP_CHANNEL_ZEROCOPY_H
#define QIOP_CHANNEL_ZEROCOPY_H

#include <stdbool.h>
#include <sys/uio.h>
#include <qio/channel-socket.h>

struct qiop_zerocopy;

/* Switches it on for a connected TCP socket. NULL: not possible. */
struct qiop_zerocopy *qiop_zerocopy_new(int fd, QIOError **errp);
void qiop_zerocopy_free(struct qiop_zerocopy *z);

/* One write; the flags are qiop_fd_send()'s. What is too small, or not worth it
 * on this connection, or more than may be locked, is copied. */
ssize_t qiop_zerocopy_send(struct qiop_zerocopy *z, int fd,
                           const struct iovec *iov, size_t niov, int flags,
                           QIOError **errp);
/* Take what the kernel has told; any thread, never waits. */
void qiop_zerocopy_drain(struct qiop_zerocopy *z, int fd);
/* 0: no memory of the caller's is in use any more. -1, BLOCK. */
int qiop_zerocopy_settle(struct qiop_zerocopy *z, int fd, QIOError **errp);
void qiop_zerocopy_stats(struct qiop_zerocopy *z,
                         QIOChannelSocketZeroCopy *stats);

#endif
