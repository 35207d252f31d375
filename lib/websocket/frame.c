/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames: writing their headers, and taking a stream of them apart. */
#include <config.h>
#include "websocket/frame.h"

#include <string.h>

#define FIN 0x80
#define RESERVED 0x70
#define OPCODE 0x0f
#define MASKED 0x80
#define LENGTH 0x7f
#define LENGTH_16 126
#define LENGTH_64 127

static bool is_control(unsigned opcode)
{
    return (opcode & 0x8) != 0;
}

bool qiop_ws_code_is_valid(unsigned code)
{
    if (code >= 3000 && code <= 4999) {
        return true;
    }
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

static size_t put_be(uint8_t *out, uint64_t v, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(v >> 8 * (size - 1 - i));
    }
    return size;
}

static uint64_t get_be(const uint8_t *p, size_t size)
{
    uint64_t v = 0;

    for (size_t i = 0; i < size; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

size_t qiop_ws_header(uint8_t out[QIOP_WS_HEADER_MAX], bool fin,
                      enum qiop_ws_opcode opcode, uint64_t len,
                      const uint8_t *key)
{
    uint8_t mask = key ? MASKED : 0;
    size_t n = 2;

    out[0] = (uint8_t)((fin ? FIN : 0) | opcode);
    if (len < LENGTH_16) {
        out[1] = (uint8_t)(mask | len);
    } else if (len <= UINT16_MAX) {
        out[1] = mask | LENGTH_16;
        n += put_be(out + n, len, 2);
    } else {
        out[1] = mask | LENGTH_64;
        n += put_be(out + n, len, 8);
    }
    if (key) {
        memcpy(out + n, key, QIOP_WS_KEY_SIZE);
        n += QIOP_WS_KEY_SIZE;
    }
    return n;
}

/* ---- reading ---- */

void qiop_ws_decoder_init(struct qiop_ws_decoder *d, bool masked, bool text,
                          uint64_t max_frame, uint64_t max_message)
{
    memset(d, 0, sizeof(*d));
    d->masked = masked;
    d->text = text;
    d->max_frame = max_frame;
    d->max_message = max_message;
    d->need = 1;
}

static bool fail(struct qiop_ws_decoder *d, enum qiop_ws_code code,
                 const char *text)
{
    d->fail_code = code;
    d->fail_text = text;
    return false;
}

static bool broken(struct qiop_ws_decoder *d, const char *text)
{
    return fail(d, QIOP_WS_CODE_PROTOCOL, text);
}

/* ---- the header, byte by byte as far as it is there ---- */

static bool first_byte(struct qiop_ws_decoder *d)
{
    uint8_t b = d->header[0];

    d->fin = (b & FIN) != 0;
    d->opcode = b & OPCODE;
    if (b & RESERVED) {
        return broken(d, "reserved bits are set");
    }
    switch (d->opcode) {
    case QIOP_WS_CONTINUATION:
        return d->in_message ||
               broken(d, "a continuation without a message to continue");
    case QIOP_WS_TEXT:
    case QIOP_WS_BINARY:
        if (d->in_message) {
            return broken(d, "a message begins inside another one");
        }
        if (d->opcode == QIOP_WS_TEXT && !d->text) {
            return fail(d, QIOP_WS_CODE_UNSUPPORTED,
                        "text messages are not accepted");
        }
        return true;
    case QIOP_WS_CLOSE:
    case QIOP_WS_PING:
    case QIOP_WS_PONG:
        return d->fin || broken(d, "a control frame in fragments");
    default:
        return broken(d, "an unknown opcode");
    }
}

static bool second_byte(struct qiop_ws_decoder *d)
{
    uint8_t b = d->header[1];
    uint8_t len = b & LENGTH;
    bool masked = (b & MASKED) != 0;

    if (masked != d->masked) {
        return broken(d, d->masked ? "a client's frame is not masked"
                                   : "a server's frame is masked");
    }
    if (is_control(d->opcode) && len > QIOP_WS_CONTROL_MAX) {
        return broken(d, "a control frame of more than 125 bytes");
    }
    d->need += len == LENGTH_16 ? 2 : len == LENGTH_64 ? 8 : 0;
    d->need += masked ? QIOP_WS_KEY_SIZE : 0;
    return true;
}

static bool check_length(struct qiop_ws_decoder *d)
{
    uint64_t all = d->in_message ? d->message_len : 0;

    if (d->len > INT64_MAX) {
        return broken(d, "a length of more than 63 bits");
    }
    if (is_control(d->opcode)) {
        return true;
    }
    if (d->len > d->max_frame) {
        return fail(d, QIOP_WS_CODE_TOO_BIG, "a frame is too large");
    }
    if (d->max_message &&
        (all > d->max_message || d->len > d->max_message - all)) {
        return fail(d, QIOP_WS_CODE_TOO_BIG, "a message is too large");
    }
    return true;
}

static bool whole_header(struct qiop_ws_decoder *d)
{
    uint8_t len = d->header[1] & LENGTH;
    size_t n = 2;

    d->len = len;
    if (len == LENGTH_16) {
        d->len = get_be(d->header + n, 2);
        n += 2;
        if (d->len < LENGTH_16) {
            return broken(d, "a length is not in its shortest form");
        }
    } else if (len == LENGTH_64) {
        d->len = get_be(d->header + n, 8);
        n += 8;
        if (d->len <= UINT16_MAX) {
            return broken(d, "a length is not in its shortest form");
        }
    }
    if (d->masked) {
        memcpy(d->key, d->header + n, QIOP_WS_KEY_SIZE);
    }
    return check_length(d);
}

/* Between two frames. */
static void next_frame(struct qiop_ws_decoder *d)
{
    d->have = 0;
    d->need = 1;
    d->in_payload = false;
}

static bool end_of_frame(struct qiop_ws_decoder *d)
{
    d->message_len += d->len;
    next_frame(d);
    if (!d->fin) {
        return true;
    }
    d->in_message = false;
    return !d->is_text || qiop_utf8_complete(&d->utf8) ||
           fail(d, QIOP_WS_CODE_NOT_UTF8,
                "a text message ends inside a character");
}

static bool begin_data(struct qiop_ws_decoder *d)
{
    if (d->opcode != QIOP_WS_CONTINUATION) {
        d->is_text = d->opcode == QIOP_WS_TEXT;
        d->in_message = true;
        d->message_len = 0;
        memset(&d->utf8, 0, sizeof(d->utf8));
    }
    return d->len > 0 || end_of_frame(d);
}

/* Take header bytes; true when the header is whole. */
static bool take_header(struct qiop_ws_decoder *d, const uint8_t *data,
                        size_t len, size_t *used)
{
    while (d->have < d->need) {
        if (*used == len) {
            return false;
        }
        d->header[d->have++] = data[(*used)++];
        if (d->have == 1) {
            if (!first_byte(d)) {
                return false;
            }
            d->need = 2;
        } else if (d->have == 2 && !second_byte(d)) {
            return false;
        }
    }
    if (!whole_header(d)) {
        return false;
    }
    d->in_payload = true;
    d->at = 0;
    return true;
}

/* ---- control frames ---- */

static enum qiop_ws_event closed(struct qiop_ws_decoder *d)
{
    struct qiop_utf8 utf8 = {0, 0, 0};

    d->close_code = QIOP_WS_CODE_NONE;
    if (d->len == 1) {
        broken(d, "half a close code");
        return QIOP_WS_FAILED;
    }
    if (d->len >= 2) {
        d->close_code = (unsigned)get_be(d->control, 2);
        if (!qiop_ws_code_is_valid(d->close_code)) {
            broken(d, "a close code that must not be sent");
            return QIOP_WS_FAILED;
        }
        if (!qiop_utf8_feed(&utf8, d->control + 2, (size_t)d->len - 2) ||
            !qiop_utf8_complete(&utf8)) {
            fail(d, QIOP_WS_CODE_NOT_UTF8, "a close reason is not UTF-8");
            return QIOP_WS_FAILED;
        }
    }
    d->closed = true;
    return QIOP_WS_CLOSED;
}

static enum qiop_ws_event take_control(struct qiop_ws_decoder *d,
                                       const uint8_t *data, size_t len,
                                       size_t *used)
{
    size_t n = (size_t)(d->len - d->at);

    n = n < len - *used ? n : len - *used;
    if (n) {
        memcpy(d->control + d->at, data + *used, n);
    }
    *used += n;
    d->at += n;
    if (d->at < d->len) {
        return QIOP_WS_MORE;
    }
    if (d->masked) {
        qiop_ws_mask(d->control, d->control, (size_t)d->len, d->key, 0);
    }
    next_frame(d);
    if (d->opcode == QIOP_WS_CLOSE) {
        return closed(d);
    }
    return d->opcode == QIOP_WS_PING ? QIOP_WS_PINGED : QIOP_WS_PONGED;
}

enum qiop_ws_event qiop_ws_decode(struct qiop_ws_decoder *d,
                                  const uint8_t *data, size_t len, size_t *used)
{
    *used = 0;
    if (d->fail_code) {
        return QIOP_WS_FAILED;
    }
    if (d->closed) {
        return QIOP_WS_CLOSED;
    }
    if (!d->in_payload) {
        if (!take_header(d, data, len, used)) {
            return d->fail_code ? QIOP_WS_FAILED : QIOP_WS_MORE;
        }
        if (!is_control(d->opcode)) {
            return begin_data(d) ? QIOP_WS_DATA : QIOP_WS_FAILED;
        }
    }
    if (is_control(d->opcode)) {
        return take_control(d, data, len, used);
    }
    return QIOP_WS_DATA;
}

bool qiop_ws_is_data(const struct qiop_ws_decoder *d, const uint8_t *data,
                     size_t len)
{
    if (d->in_payload) {
        return !is_control(d->opcode);
    }
    if (!d->have && !len) {
        return false;
    }
    return !is_control((d->have ? d->header[0] : data[0]) & OPCODE);
}

uint64_t qiop_ws_payload_due(const struct qiop_ws_decoder *d)
{
    bool data = d->in_payload && !is_control(d->opcode);

    return data && !d->fail_code ? d->len - d->at : 0;
}

bool qiop_ws_payload(struct qiop_ws_decoder *d, uint8_t *data, size_t len)
{
    if (d->masked) {
        qiop_ws_mask(data, data, len, d->key, d->at);
    }
    d->at += len;
    if (d->is_text && !qiop_utf8_feed(&d->utf8, data, len)) {
        return fail(d, QIOP_WS_CODE_NOT_UTF8, "a text message is not UTF-8");
    }
    return d->at < d->len || end_of_frame(d);
}

bool qiop_ws_between(const struct qiop_ws_decoder *d)
{
    return !d->in_message && d->have == 0;
}

size_t qiop_ws_control_len(const struct qiop_ws_decoder *d)
{
    return (size_t)d->len;
}
