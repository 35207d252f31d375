/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What connections that share a stream say, without I/O. The peer may have been
 * let in and be an attacker nevertheless: every field is bounded, and every
 * sequence of headers ends in order or in an error.
 */
#include <config.h>
#include "channels-wire.h"

#include <inttypes.h>
#include <string.h>

static const uint8_t hello_magic[8] = {'Q', 'I', 'O', '-', 'M', 'A', 'N', 'Y'};
static const uint8_t block_magic[4] = {'Q', 'I', 'O', 'B'};

enum { BLOCK_DATA = 1, BLOCK_END = 2 };

/* ---- numbers in network order ---- */

static void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, (uint16_t)(v >> 16));
    put16(p + 2, (uint16_t)v);
}

static void put64(uint8_t *p, uint64_t v)
{
    put32(p, (uint32_t)(v >> 32));
    put32(p + 4, (uint32_t)v);
}

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static uint64_t get64(const uint8_t *p)
{
    return (uint64_t)get32(p) << 32 | get32(p + 4);
}

static bool is_zero(const uint8_t *p, size_t len)
{
    while (len > 0 && !*p) {
        p++;
        len--;
    }
    return len == 0;
}

/* ---- hellos ---- */

void qiop_hello_write(const struct qiop_hello *h, uint8_t data[QIOP_HELLO_LEN])
{
    memset(data, 0, QIOP_HELLO_LEN);
    memcpy(data, hello_magic, sizeof(hello_magic));
    put16(data + 8, QIOP_CHANNELS_VERSION);
    data[10] = (uint8_t)h->type;
    put16(data + 12, (uint16_t)h->index);
    put16(data + 14, (uint16_t)h->count);
    put32(data + 16, h->block_max);
    memcpy(data + 32, h->token, QIOP_TOKEN_LEN);
    memcpy(data + 64, h->binding, QIOP_BINDING_LEN);
}

static int malformed(QIOError **errp, const char *why)
{
    qio_error_set(errp, QIO_ERROR_STREAM, 0, "malformed hello: %s", why);
    return -1;
}

int qiop_hello_parse(struct qiop_hello *h, const uint8_t data[QIOP_HELLO_LEN],
                     QIOError **errp)
{
    if (memcmp(data, hello_magic, sizeof(hello_magic))) {
        qio_error_set(errp, QIO_ERROR_STREAM, 0,
                      "not a connection of many: the other end does not speak "
                      "of channels");
        return -1;
    }
    if (get16(data + 8) != QIOP_CHANNELS_VERSION) {
        qio_error_set(errp, QIO_ERROR_STREAM, 0,
                      "the other end speaks version %u of channels, not %u",
                      get16(data + 8), QIOP_CHANNELS_VERSION);
        return -1;
    }
    if (data[10] != QIOP_HELLO_JOIN && data[10] != QIOP_HELLO_ACCEPT) {
        return malformed(errp, "unknown type");
    }
    h->type = data[10];
    h->index = get16(data + 12);
    h->count = get16(data + 14);
    h->block_max = get32(data + 16);
    if (data[11] || !is_zero(data + 20, 12)) {
        return malformed(errp, "reserved fields are not zero");
    }
    if (!h->count || h->count > QIOP_CHANNELS_MAX || h->index >= h->count) {
        qio_error_set(errp, QIO_ERROR_STREAM, 0,
                      "malformed hello: connection %u of %u", h->index + 1,
                      h->count);
        return -1;
    }
    if (!h->block_max || h->block_max > QIOP_BLOCK_LIMIT) {
        return malformed(errp, "block size out of bounds");
    }
    memcpy(h->token, data + 32, QIOP_TOKEN_LEN);
    memcpy(h->binding, data + 64, QIOP_BINDING_LEN);
    return 0;
}

bool qiop_same_secret(const uint8_t *a, const uint8_t *b, size_t len)
{
    volatile uint8_t differs = 0;

    for (size_t i = 0; i < len; i++) {
        differs |= a[i] ^ b[i];
    }
    return !differs;
}

/* ---- blocks ---- */

void qiop_block_write(const struct qiop_block *b, uint8_t data[QIOP_BLOCK_LEN])
{
    memset(data, 0, QIOP_BLOCK_LEN);
    memcpy(data, block_magic, sizeof(block_magic));
    data[4] = b->end ? BLOCK_END : BLOCK_DATA;
    put16(data + 6, (uint16_t)b->index);
    put32(data + 8, b->length);
    put64(data + 16, b->number);
    put64(data + 24, b->offset);
}

static int out_of_step(QIOError **errp, const char *why)
{
    qio_error_set(errp, QIO_ERROR_STREAM, 0, "malformed block: %s", why);
    return -1;
}

int qiop_block_parse(struct qiop_block *b, const uint8_t data[QIOP_BLOCK_LEN],
                     QIOError **errp)
{
    if (memcmp(data, block_magic, sizeof(block_magic))) {
        return out_of_step(errp, "it does not begin as one");
    }
    if (data[4] != BLOCK_DATA && data[4] != BLOCK_END) {
        return out_of_step(errp, "unknown type");
    }
    if (data[5] || !is_zero(data + 12, 4)) {
        return out_of_step(errp, "reserved fields are not zero");
    }
    b->end = data[4] == BLOCK_END;
    b->index = get16(data + 6);
    b->length = get32(data + 8);
    b->number = get64(data + 16);
    b->offset = get64(data + 24);
    if (b->end != !b->length || b->length > QIOP_BLOCK_LIMIT) {
        return out_of_step(errp, "length out of bounds");
    }
    if (b->number == UINT64_MAX || b->offset > UINT64_MAX - b->length) {
        return out_of_step(errp, "number out of bounds");
    }
    return 0;
}

/* ---- order ---- */

void qiop_order_init(struct qiop_order *o, unsigned count, uint32_t block_max)
{
    memset(o, 0, sizeof(*o));
    o->count = count;
    o->block_max = block_max;
}

static int lane_ends(struct qiop_order *o, struct qiop_order_lane *l,
                     const struct qiop_block *b, QIOError **errp)
{
    if (o->ended &&
        (b->number != o->end.number || b->offset != o->end.offset)) {
        return out_of_step(errp, "two connections differ in where it ends");
    }
    o->end = *b;
    o->ended++;
    l->ended = true;
    return 0;
}

int qiop_order_header(struct qiop_order *o, unsigned lane,
                      const uint8_t data[QIOP_BLOCK_LEN], QIOError **errp)
{
    struct qiop_order_lane *l = &o->lanes[lane];
    struct qiop_block b;

    if (qiop_block_parse(&b, data, errp)) {
        return -1;
    }
    if (b.index != lane) {
        return out_of_step(errp, "it is of another connection");
    }
    if (b.length > o->block_max) {
        return out_of_step(errp, "larger than was announced");
    }
    if (b.number < l->least || b.number < o->next) {
        return out_of_step(errp, b.end ? "the end comes too early"
                                       : "its number was there already");
    }
    if (b.end) {
        return lane_ends(o, l, &b, errp);
    }
    if (o->ended && b.number >= o->end.number) {
        return out_of_step(errp, "it comes after the end");
    }
    l->held = true;
    l->least = b.number + 1;
    l->block = b;
    return 0;
}

static int nothing_due(const struct qiop_order *o, QIOError **errp)
{
    if (o->ended < o->count) {
        qio_error_set(errp, QIO_ERROR_STREAM, 0, "block %" PRIu64 " is missing",
                      o->next);
        return -1;
    }
    if (o->end.number != o->next || o->end.offset != o->offset) {
        qio_error_set(errp, QIO_ERROR_STREAM, 0,
                      "%" PRIu64 " bytes came of %" PRIu64, o->offset,
                      o->end.offset);
        return -1;
    }
    return QIOP_ORDER_END;
}

static const struct qiop_order_stored *stored_next(const struct qiop_order *o)
{
    const struct qiop_order_stored *s =
        o->n_stored ? &o->stored[o->next % QIOP_STORED_MAX] : NULL;

    return s && s->there ? s : NULL;
}

int qiop_order_next(const struct qiop_order *o, QIOError **errp)
{
    const struct qiop_order_stored *s = stored_next(o);
    unsigned wanting = 0;

    if (s) {
        return s->offset == o->offset
                   ? QIOP_ORDER_STORED
                   : out_of_step(errp, "it does not follow the one before");
    }

    for (unsigned i = 0; i < o->count; i++) {
        const struct qiop_order_lane *l = &o->lanes[i];

        /* Numbers only grow. */
        wanting += !l->held && !l->ended && l->least <= o->next;
        if (!l->held || l->block.number > o->next) {
            continue;
        }
        if (l->block.number < o->next) {
            return out_of_step(errp, "two have the same number");
        }
        if (l->block.offset != o->offset) {
            return out_of_step(errp, "it does not follow the one before");
        }
        return (int)i;
    }
    return wanting ? QIOP_ORDER_MORE : nothing_due(o, errp);
}

void qiop_order_done(struct qiop_order *o, unsigned lane)
{
    o->offset += o->lanes[lane].block.length;
    o->next = o->lanes[lane].block.number + 1;
    o->lanes[lane].held = false;
}

/* ---- what is put aside ---- */

bool qiop_order_may_store(const struct qiop_order *o, unsigned lane)
{
    const struct qiop_order_lane *l = &o->lanes[lane];

    return o->stored && l->held && l->block.number > o->next &&
           l->block.number - o->next < QIOP_STORED_MAX;
}

int qiop_order_check_store(const struct qiop_order *o, unsigned lane,
                           QIOError **errp)
{
    const struct qiop_block *b = &o->lanes[lane].block;
    uint64_t between = b->number - o->next;

    /* Each of those between has a byte, and not more than was announced. */
    if (b->offset < o->offset || b->offset - o->offset < between ||
        b->offset - o->offset > between * o->block_max) {
        return out_of_step(errp, "it cannot follow those before");
    }
    return 0;
}

int qiop_order_store(struct qiop_order *o, unsigned lane, QIOError **errp)
{
    struct qiop_order_lane *l = &o->lanes[lane];
    struct qiop_order_stored *s = &o->stored[l->block.number % QIOP_STORED_MAX];

    if (s->there) {
        return out_of_step(errp, "two have the same number");
    }
    *s = (struct qiop_order_stored){true, l->block.offset, l->block.length};
    o->n_stored++;
    l->held = false;
    return 0;
}

uint32_t qiop_order_take(struct qiop_order *o)
{
    struct qiop_order_stored *s = &o->stored[o->next % QIOP_STORED_MAX];

    s->there = false;
    o->n_stored--;
    o->next++;
    o->offset += s->length;
    return s->length;
}
