/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stream's inside, shared by stream.c, stream-put.c and stream-get.c. */
#ifndef QIOP_MIGRATION_STREAM_PRIV_H
#define QIOP_MIGRATION_STREAM_PRIV_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <qio/migration/stream.h>

#include "rate.h"

/* Small things put are gathered here. */
#define QIOP_STREAM_PUT_BUFFER (64u << 10)
/* What goes to the channel at once: enough that a layer fills its records and
 * a system call is no matter, little enough for caches and pace. */
#define QIOP_STREAM_BATCH (1u << 20)
#define QIOP_STREAM_PIECES IOV_MAX

/* One read takes up to this much ahead. At least PEEK_MAX. */
#define QIOP_STREAM_GET_BUFFER (256u << 10)
/* Got in pieces of at least this size, straight into the caller's memory. */
#define QIOP_STREAM_DIRECT 4096u
/* Descriptors waiting to be taken; a peer that sends more is refused. */
#define QIOP_STREAM_FDS_MAX 512

/* A descriptor and the place of the byte that carried it. */
struct qiop_stream_fd {
    uint64_t at;
    int fd;
};

struct qiop_stream_out {
    struct iovec iov[QIOP_STREAM_PIECES];
    size_t niov;
    size_t bytes; /* in all pieces */
    uint8_t *buf;
    size_t used;
    struct qiop_rate rate;
};

struct qiop_stream_in {
    uint8_t *buf;
    size_t head;
    size_t tail;
    uint64_t at; /* place in the stream of the byte at head */
    bool ended;
    bool pass_fds;
    struct qiop_stream_fd *fds;
    size_t nfds;
    size_t fds_cap;
};

struct QIOMigrationStream {
    QIOChannel *ioc;
    bool output;
    _Atomic(QIOError *) error; /* set once, then constant */
    _Atomic uint64_t transferred;
    union {
        struct qiop_stream_out out;
        struct qiop_stream_in in;
    };
};

/* Whether there is an error already; copies it to *errp. */
bool qiop_stream_failed(const QIOMigrationStream *s, QIOError **errp);
/* Takes err, which becomes the stream's if it is the first. Returns -1 with
 * the first in *errp. */
int qiop_stream_fail(QIOMigrationStream *s, QIOError *err, QIOError **errp);
/* 0, or -1: an error, or a call of the other direction. */
int qiop_stream_check(QIOMigrationStream *s, bool output, QIOError **errp);

static inline void qiop_stream_count(QIOMigrationStream *s, size_t n)
{
    atomic_fetch_add_explicit(&s->transferred, n, memory_order_relaxed);
}

int qiop_stream_out_init(struct qiop_stream_out *out, QIOError **errp);
void qiop_stream_out_destroy(struct qiop_stream_out *out);
int qiop_stream_in_init(struct qiop_stream_in *in, bool pass_fds,
                        QIOError **errp);
/* Closes the descriptors that nobody took. */
void qiop_stream_in_destroy(struct qiop_stream_in *in);

#endif
