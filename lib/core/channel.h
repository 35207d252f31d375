/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a channel object holds, for the rest of lib/core. */
#ifndef QIOP_CORE_CHANNEL_H
#define QIOP_CORE_CHANNEL_H

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <qio/channel-ops.h>
#include "observe.h"

enum qiop_state {
    QIOP_STATE_OPENING,
    QIOP_STATE_OPEN,
    QIOP_STATE_FAILED, /* opening failed; nothing but closing is left */
    QIOP_STATE_CLOSED,
};

/* What becomes of bytes that were written. */
enum qiop_output {
    QIOP_OUTPUT_LEAVES, /* no flush slot anywhere in the stack */
    QIOP_OUTPUT_FLUSHED,
    QIOP_OUTPUT_CORKED, /* kept for now */
};

/* The two wake-up descriptors, by what their waiters wait for. */
enum qiop_wake {
    QIOP_WAKE_READ,
    QIOP_WAKE_WRITE,
};

/* The slots that every read, write and wait goes through. The others are put
 * together when they are called, for a channel at rest should be small. */
struct qiop_hot_ops {
    ssize_t (*readv)(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                     int **fds, size_t *nfds, int flags, QIOError **errp);
    ssize_t (*writev)(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                      const int *fds, size_t nfds, int flags, QIOError **errp);
    void (*poll)(QIOChannel *ioc, unsigned events, QIOPollSet *set);
    int (*flush)(QIOChannel *ioc, QIOError **errp);
};

/* Ordered so that there are no holes: a server has many of them. */
struct QIOChannel {
    struct qiop_hot_ops ops;
    const QIOChannelOps *type; /* as the type declared them */
    QIOChannel *base;          /* one reference */
    atomic_uint refs;
    atomic_uint features;
    atomic_int timeout_ms;
    atomic_uchar state;  /* enum qiop_state */
    atomic_uchar shut;   /* QIOChannelShutdown bits */
    atomic_uchar output; /* enum qiop_output */
    atomic_bool blocking;
    atomic_int wake[2]; /* eventfds, made when somebody first waits, or -1 */
    pthread_mutex_t observe_lock;
    _Atomic(struct qiop_observer *) observers;
    char *name;
    QIOChannelTraceFunc *trace;
    void *trace_opaque;
    alignas(max_align_t) unsigned char private[];
};

/* A type's operations, those that it left out filled in as its kind says. */
QIOChannelOps qiop_ops_complete(const QIOChannelOps *type);

/* ---- dispatch.c: one try, with all checks before and after ---- */

ssize_t qiop_try_readv(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                       int **fds, size_t *nfds, int flags, QIOError **errp);
ssize_t qiop_try_writev(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                        const int *fds, size_t nfds, int flags,
                        QIOError **errp);
/* One try of moving up to len bytes into the empty pipe fd, or out of the pipe
 * fd. A count, -1, BLOCK, or 0: not this way, read or write them. */
ssize_t qiop_try_splice_in(QIOChannel *ioc, int fd, size_t len, int flags,
                           QIOError **errp);
ssize_t qiop_try_splice_out(QIOChannel *ioc, int fd, size_t len, int flags,
                            QIOError **errp);
/* Whether there is a flush slot somewhere in the stack. */
bool qiop_holds_output(const QIOChannel *ioc);
/* Whether what was written is to leave without being asked for. */
bool qiop_flushes(const QIOChannel *ioc);
/* One try for the whole stack; on BLOCK *at is the channel that is stuck. */
int qiop_try_flush(QIOChannel *ioc, QIOChannel **at, QIOError **errp);
/* Whether memory written without a copy is free: 0, -1, BLOCK. */
int qiop_try_settle(QIOChannel *ioc, QIOError **errp);
/* One step of opening for the whole stack. */
int qiop_advance(QIOChannel *ioc, QIOError **errp);

/* ---- wait.c ---- */

/*
 * Wait until `at` (ioc itself, or a channel beneath it) may make progress with
 * `events`, or somebody shuts ioc down in one of the directions of `wake`.
 * Returns 0 try again, -1 (QIO_ERROR_TIMEOUT ...).
 */
int qiop_wait(QIOChannel *ioc, QIOChannel *at, unsigned events, unsigned wake,
              int64_t deadline, QIOError **errp);
/* The wake-up descriptor, made if need be. */
int qiop_wake_fd(QIOChannel *ioc, enum qiop_wake which, QIOError **errp);
/* End all waiting in these directions, now and later. */
void qiop_wake(QIOChannel *ioc, QIOChannelShutdown how);

/* ---- io.c: wait as long as the channel's timeout allows ---- */

ssize_t qiop_readv_wait(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                        int **fds, size_t *nfds, int flags, int64_t deadline,
                        QIOError **errp);
ssize_t qiop_writev_wait(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                         const int *fds, size_t nfds, int flags,
                         int64_t deadline, QIOError **errp);
/* Part of a blocking write: ends when somebody shuts writing down. */
int qiop_flush_written(QIOChannel *ioc, int64_t deadline, QIOError **errp);
int64_t qiop_call_deadline(const QIOChannel *ioc);
/* QIO_CHANNEL_TRY_MAY_BLOCK where it may be said, else 0. */
int qiop_may_block(const QIOChannel *ioc, int64_t deadline);
/* QIO_CHANNEL_TRY_MAY_WAIT, to a type that can, else 0. */
int qiop_may_wait(const QIOChannel *ioc);

#endif
