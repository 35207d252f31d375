/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What connections that share a stream say, without I/O: hellos, the headers of
 * blocks, and the order in which blocks go together. doc/migration-channels.md
 * has the format.
 */
#ifndef QIOP_MIGRATION_CHANNELS_WIRE_H
#define QIOP_MIGRATION_CHANNELS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <qio/error.h>

#define QIOP_CHANNELS_MAX 16
#define QIOP_CHANNELS_VERSION 1
#define QIOP_TOKEN_LEN 32
#define QIOP_BINDING_LEN 32

#define QIOP_HELLO_LEN 96
/* Of it: what the binding is about. */
#define QIOP_HELLO_BOUND 64
#define QIOP_BLOCK_LEN 32
/* The largest block that anybody may announce. */
#define QIOP_BLOCK_LIMIT (16u << 20)

/* ---- hellos ---- */

enum qiop_hello_type {
    QIOP_HELLO_JOIN = 1,   /* from the side that connected */
    QIOP_HELLO_ACCEPT = 2, /* the answer, when all have joined */
};

struct qiop_hello {
    enum qiop_hello_type type;
    unsigned index; /* of the connection, from 0 */
    unsigned count;
    uint32_t block_max; /* the largest block that this side will send */
    uint8_t token[QIOP_TOKEN_LEN];
    uint8_t binding[QIOP_BINDING_LEN];
};

void qiop_hello_write(const struct qiop_hello *h, uint8_t data[QIOP_HELLO_LEN]);
/* 0, or -1 with QIO_ERROR_STREAM: then h is of no use. */
int qiop_hello_parse(struct qiop_hello *h, const uint8_t data[QIOP_HELLO_LEN],
                     QIOError **errp);

/* In a time that does not tell where they differ. */
bool qiop_same_secret(const uint8_t *a, const uint8_t *b, size_t len);

/* ---- blocks ---- */

struct qiop_block {
    bool end;        /* nothing more comes on this connection */
    unsigned index;  /* of the connection */
    uint32_t length; /* of what follows; of an end 0 */
    uint64_t number; /* of the block, from 0; of an end: how many there were */
    uint64_t offset; /* bytes of the stream before it; of an end: all */
};

void qiop_block_write(const struct qiop_block *b, uint8_t data[QIOP_BLOCK_LEN]);
/* 0, or -1 with QIO_ERROR_STREAM. */
int qiop_block_parse(struct qiop_block *b, const uint8_t data[QIOP_BLOCK_LEN],
                     QIOError **errp);

/* ---- order ---- */

struct qiop_order_lane {
    bool held; /* block has come, and is not due yet */
    bool ended;
    uint64_t least; /* what its next number must be, at least */
    struct qiop_block block;
};

/* How far ahead of what is due blocks are put aside. */
#define QIOP_STORED_MAX 4096

/* A block that has come whole before it was due. */
struct qiop_order_stored {
    bool there;
    uint64_t offset;
    uint32_t length;
};

struct qiop_order {
    unsigned count;
    uint32_t block_max;
    uint64_t next;   /* the number that is due */
    uint64_t offset; /* bytes put together so far */
    unsigned ended;
    struct qiop_block end; /* what the first one to end said */
    struct qiop_order_lane lanes[QIOP_CHANNELS_MAX];
    /* By number, modulo QIOP_STORED_MAX of them; NULL: nothing is put aside. */
    struct qiop_order_stored *stored;
    unsigned n_stored;
};

void qiop_order_init(struct qiop_order *o, unsigned count, uint32_t block_max);

/* A header came on this connection, which must want one: neither held nor
 * ended. 0, or -1 with QIO_ERROR_STREAM. */
int qiop_order_header(struct qiop_order *o, unsigned lane,
                      const uint8_t data[QIOP_BLOCK_LEN], QIOError **errp);

enum {
    QIOP_ORDER_MORE = -2,   /* more headers are needed to tell */
    QIOP_ORDER_END = -3,    /* everything has come */
    QIOP_ORDER_STORED = -4, /* the block that is due was put aside */
};

/* The connection that has the block which is due, _MORE, _END, or -1 with
 * QIO_ERROR_STREAM when there can be none. */
int qiop_order_next(const struct qiop_order *o, QIOError **errp);

/* All of the block that was due has been read from this connection. */
void qiop_order_done(struct qiop_order *o, unsigned lane);

/* Whether the block of this connection is not due and can be put aside. */
bool qiop_order_may_store(const struct qiop_order *o, unsigned lane);
/* Whether it can belong where it says, as far as one can tell so early. 0, or
 * -1 with QIO_ERROR_STREAM. */
int qiop_order_check_store(const struct qiop_order *o, unsigned lane,
                           QIOError **errp);
/* All of it has been read and put aside. 0, or -1 with QIO_ERROR_STREAM. */
int qiop_order_store(struct qiop_order *o, unsigned lane, QIOError **errp);
/* After QIOP_ORDER_STORED: that block is done. Returns its length. */
uint32_t qiop_order_take(struct qiop_order *o);

#endif
