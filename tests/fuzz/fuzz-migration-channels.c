/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a hello, then as headers of blocks on many connections. What is
 * accepted must be within bounds, write itself as it was read, and go together
 * without gap or overlap.
 */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include "migration/channels-wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void try_hello(const uint8_t *data)
{
    uint8_t again[QIOP_HELLO_LEN];
    QIOError *err = NULL;
    struct qiop_hello h;

    if (qiop_hello_parse(&h, data, &err)) {
        must(qio_error_code(err) == QIO_ERROR_STREAM);
        qio_error_free(err);
        return;
    }
    must(!err && h.count > 0 && h.count <= QIOP_CHANNELS_MAX);
    must(h.index < h.count);
    must(h.block_max > 0 && h.block_max <= QIOP_BLOCK_LIMIT);
    qiop_hello_write(&h, again);
    must(!memcmp(data, again, sizeof(again)));
}

/* Everything that is due is "read". False when it cannot go on. */
static bool put_together(struct qiop_order *o)
{
    QIOError *err = NULL;
    int r;

    while ((r = qiop_order_next(o, &err)) >= 0) {
        const struct qiop_block b = o->lanes[r].block;

        must((unsigned)r < o->count && o->lanes[r].held);
        must(b.number == o->next && b.offset == o->offset);
        must(b.length > 0 && b.length <= o->block_max);
        qiop_order_done(o, (unsigned)r);
        must(o->next == b.number + 1 && o->offset == b.offset + b.length);
    }
    must(!err == (r != -1));
    qio_error_free(err);
    if (r == QIOP_ORDER_END) {
        must(o->ended == o->count && o->end.number == o->next &&
             o->end.offset == o->offset);
    }
    return r == QIOP_ORDER_MORE;
}

/* A byte for the connection, then a header, again and again. */
static void try_blocks(const uint8_t *data, size_t size)
{
    struct qiop_order o;

    if (size < 2) {
        return;
    }
    qiop_order_init(&o, 1 + data[0] % QIOP_CHANNELS_MAX,
                    1 + (uint32_t)data[1] * 100000);
    data += 2;
    size -= 2;
    while (size > QIOP_BLOCK_LEN) {
        unsigned lane = data[0] % o.count;

        if (o.lanes[lane].held || o.lanes[lane].ended ||
            qiop_order_header(&o, lane, data + 1, NULL) || !put_together(&o)) {
            return;
        }
        data += 1 + QIOP_BLOCK_LEN;
        size -= 1 + QIOP_BLOCK_LEN;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= QIOP_HELLO_LEN) {
        try_hello(data);
    }
    try_blocks(data, size);
    return 0;
}
