/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of a channel that stands on many others. */
#ifndef QIOP_MIGRATION_CHANNELS_PRIV_H
#define QIOP_MIGRATION_CHANNELS_PRIV_H

#include <pthread.h>
#include <qio/channel-ops.h>
#include <qio/migration/channels.h>
#include "channels-wire.h"

_Static_assert(QIOP_CHANNELS_MAX == QIO_MIGRATION_CHANNELS_MAX,
               "the header and the format agree");

/* What we cut blocks to: large enough for TLS to seal and send at once, small
 * enough for two to be under way in what programs write at a time. */
#define QIOP_BLOCK_SIZE (512u << 10)
/* At most: the rest of a block, the end, or a hello. */
#define QIOP_LANE_OUT (QIOP_BLOCK_SIZE + 2 * QIOP_BLOCK_LEN + QIOP_HELLO_LEN)
/* Pieces of an iovec that are looked at at once. */
#define QIOP_LANE_IOV 16

/* One of the connections. */
struct qiop_lane {
    QIOChannel *ioc;
    /* What is accepted, or ours to say, and not taken by ioc yet. */
    uint8_t *out;
    size_t out_start;
    size_t out_len;
    bool out_ends;    /* after it this direction does */
    bool out_blocked; /* ioc holds something back */
    /* The header that is being read; the first one is an answer. */
    uint8_t head[QIOP_HELLO_LEN];
    size_t head_len;
    bool answered;
    uint32_t left; /* of the block whose header came */
    /* The peer has ended it while others were due: what it still had. */
    bool over;   /* nothing else will come */
    bool whole;  /* its end is among it */
    char *early; /* of early_size bytes */
    size_t early_start;
    size_t early_len;
    size_t early_size;
    size_t early_head; /* where the next header is, from early_start on */
};

struct qiop_channels {
    bool server;
    bool threads;      /* each connection has its own */
    unsigned count;    /* 0: not known yet */
    unsigned joined;   /* so many are there */
    unsigned answered; /* of a client's */
    QIOMigrationAnswerFunc *on_answer;
    void *on_answer_opaque;
    uint8_t token[QIOP_TOKEN_LEN];
    uint32_t block_max; /* what the other side announced */
    struct qiop_lane lanes[QIOP_CHANNELS_MAX];

    pthread_mutex_t in_lock;
    QIOError *in_err; /* stays */
    struct qiop_order order;
    bool in_begun;
    /* Where all that comes is written, be it due or not; or NULL. */
    QIOChannel *file;
    off_t file_base;
    bool file_failed;
    uint8_t *file_buf;
    struct qiop_order_stored *file_stored;
    uint64_t told;  /* bytes of the stream that the caller has got */
    uint64_t ready; /* so many are in the file, without a gap */

    pthread_mutex_t out_lock;
    QIOError *out_err; /* stays */
    uint64_t number;   /* of the next block */
    uint64_t offset;
    unsigned turn; /* who is asked first: without threads always 0 */
    bool out_over; /* the end is said, if not sent */
};

/* How a connection introduced itself, and who reads that. */
struct QIOMigrationHello {
    struct qiop_hello hello;
    QIOError *err; /* of one that was read by a task */
};

/* The bytes of a hello on this connection, bound to its TLS. 0 or -1. */
int qiop_hello_make(struct qiop_hello *h, QIOChannel *ioc,
                    uint8_t data[QIOP_HELLO_LEN], QIOError **errp);
/* Read and verify one, of this type. 0 or -1. */
int qiop_hello_check(struct qiop_hello *h, QIOChannel *ioc,
                     const uint8_t data[QIOP_HELLO_LEN],
                     enum qiop_hello_type type, QIOError **errp);

/* "connection 2 of 4: " in front of what befell it. -1. */
int qiop_lane_failed(const struct qiop_channels *c, const struct qiop_lane *l,
                     QIOError *err, QIOError **errp);
/* The same for one that ended in the middle of something. */
int qiop_lane_ended(const struct qiop_channels *c, const struct qiop_lane *l,
                    QIOError **errp);

/* ---- reading; in_lock is held ---- */

/* As the readv slot. */
ssize_t qiop_channels_read(struct qiop_channels *c, const struct iovec *iov,
                           size_t niov, QIOError **errp);
void qiop_channels_poll_in(struct qiop_channels *c, QIOPollSet *set);

/* Whether the peer has ended one that is not due, before it said all. 0 or -1.
 */
int qiop_channels_look(struct qiop_channels *c, QIOError **errp);
/* In the poll slot: that the peer ends it is input. */
void qiop_lane_await_end(const struct qiop_lane *l, QIOPollSet *set);
/* As qio_channel_try_readv() on the connection, and on what it still had. */
ssize_t qiop_lane_read(struct qiop_lane *l, const struct iovec *iov,
                       size_t niov, QIOError **errp);

/* More of a header. Whether something came, or -1. */
int qiop_lane_header(struct qiop_channels *c, struct qiop_lane *l,
                     QIOError **errp);
/* From at bytes into iov on, at most len of them, which is made smaller. The
 * number of pieces, one less than QIOP_LANE_IOV at most. */
size_t qiop_cut(struct iovec *out, const struct iovec *iov, size_t niov,
                size_t at, size_t *len);

/* ... with a file, channels-file.c ... */

/* The next bytes of the stream have been read into v, len of them: write them
 * too. 0 or -1. */
int qiop_file_told(struct qiop_channels *c, const struct iovec *v, size_t len,
                   QIOError **errp);
/* The next ones from the file, of those that are ready. As the readv slot. */
ssize_t qiop_file_read(struct qiop_channels *c, const struct iovec *iov,
                       size_t niov, size_t at, QIOError **errp);
/* Blocks that are not due, from all who have some. 0 or -1. */
int qiop_file_put_aside(struct qiop_channels *c, QIOError **errp);

/* ---- writing; out_lock is held ---- */

/* As the writev slot. */
ssize_t qiop_channels_write(struct qiop_channels *c, const struct iovec *iov,
                            size_t niov, QIOError **errp);
/* As the flush slot. */
int qiop_channels_flush(struct qiop_channels *c, QIOError **errp);
/* Something of ours, to be flushed; it must have room. 0 or -1. */
int qiop_lane_say(struct qiop_lane *l, const void *data, size_t len,
                  QIOError **errp);
/* The end of all blocks, on all connections. */
int qiop_channels_end(struct qiop_channels *c, QIOError **errp);
void qiop_channels_poll_flush(struct qiop_channels *c, unsigned as,
                              QIOPollSet *set);
/* Whether one is dead, be it that it has nothing to send. 0 or -1. */
int qiop_channels_look_out(struct qiop_channels *c, QIOError **errp);
/* In the poll slot: that it dies is `as`. */
void qiop_lane_await_loss(const struct qiop_channels *c,
                          const struct qiop_lane *l, unsigned as,
                          QIOPollSet *set);

#endif
