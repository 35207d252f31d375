/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a stream of frames. The first byte chooses who the peer is,
 * whether text is welcome, and the size of the pieces; in pieces and at once
 * the same must come out.
 */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include "websocket/frame.h"

#define MAX_FRAME 100000
#define MAX_MESSAGE 150000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
    uint64_t hash; /* of all events and payloads */
    uint64_t payload;
    unsigned fail_code;
    unsigned close_code;
};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void mix(struct result *r, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        r->hash = (r->hash ^ data[i]) * UINT64_C(0x100000001b3);
    }
}

static void take_payload(struct qiop_ws_decoder *d, struct result *r,
                         const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n);

    must(copy != NULL);
    memcpy(copy, data, n);
    if (qiop_ws_payload(d, copy, n)) {
        mix(r, copy, n);
        r->payload += n;
    } else {
        must(d->fail_code == QIOP_WS_CODE_NOT_UTF8);
    }
    free(copy);
}

/* False when there is nothing more in data. */
static bool step(struct qiop_ws_decoder *d, struct result *r,
                 const uint8_t *data, size_t len, size_t *at)
{
    uint64_t due = qiop_ws_payload_due(d);
    uint8_t event;
    size_t used;

    if (due) {
        size_t n = due < len - *at ? (size_t)due : len - *at;

        if (n) {
            take_payload(d, r, data + *at, n);
        }
        *at += n;
        return n > 0 && !d->fail_code;
    }
    event = (uint8_t)qiop_ws_decode(d, data + *at, len - *at, &used);
    must(used <= len - *at);
    *at += used;
    if (event == QIOP_WS_MORE) {
        must(*at == len);
        return false;
    }
    mix(r, &event, 1);
    if (event == QIOP_WS_PINGED || event == QIOP_WS_PONGED) {
        must(qiop_ws_control_len(d) <= QIOP_WS_CONTROL_MAX);
        mix(r, d->control, qiop_ws_control_len(d));
    }
    must(event != QIOP_WS_DATA ||
         qiop_ws_payload_due(d) <= (d->masked ? MAX_FRAME : MAX_MESSAGE));
    return event != QIOP_WS_CLOSED && event != QIOP_WS_FAILED;
}

static void decode(struct result *r, uint8_t how, const uint8_t *data,
                   size_t size, size_t piece)
{
    struct qiop_ws_decoder d;
    size_t used;

    memset(r, 0, sizeof(*r));
    qiop_ws_decoder_init(&d, how & 1, how & 2, MAX_FRAME, MAX_MESSAGE);
    for (size_t from = 0; from < size && !d.closed && !d.fail_code;) {
        size_t to = size - from < piece ? size : from + piece;
        size_t at = from;

        while (step(&d, r, data, to, &at)) {
        }
        must(at == to || d.closed || d.fail_code);
        from = to;
    }
    r->fail_code = d.fail_code;
    r->close_code = d.closed ? d.close_code : 0;
    if (d.fail_code) {
        must(d.fail_text && qiop_ws_code_is_valid(d.fail_code));
        must(qiop_ws_decode(&d, data, size, &used) == QIOP_WS_FAILED && !used);
    }
    must(!d.closed || d.close_code == QIOP_WS_CODE_NONE ||
         qiop_ws_code_is_valid(d.close_code));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct result whole, pieces;

    if (size < 1) {
        return 0;
    }
    decode(&whole, data[0], data + 1, size - 1, SIZE_MAX);
    decode(&pieces, data[0], data + 1, size - 1, 1 + (data[0] >> 2) % 31);
    must(whole.fail_code == pieces.fail_code);
    must(whole.close_code == pieces.close_code);
    /* A failure inside a text is seen with the piece that has it. */
    must(whole.fail_code == QIOP_WS_CODE_NOT_UTF8 ||
         (whole.hash == pieces.hash && whole.payload == pieces.payload));
    return 0;
}
