/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames, RFC 6455 §5: writing their headers, and taking a stream of them
 * apart, in whatever pieces it comes. Payload is never kept here, but for that
 * of control frames.
 */
#ifndef QIOP_WEBSOCKET_FRAME_H
#define QIOP_WEBSOCKET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "websocket/mask.h"
#include "websocket/utf8.h"

#define QIOP_WS_HEADER_MAX 14
#define QIOP_WS_CONTROL_MAX 125
/* Of a close frame: what a reason has left. */
#define QIOP_WS_REASON_MAX (QIOP_WS_CONTROL_MAX - 2)

enum qiop_ws_opcode {
    QIOP_WS_CONTINUATION = 0x0,
    QIOP_WS_TEXT = 0x1,
    QIOP_WS_BINARY = 0x2,
    QIOP_WS_CLOSE = 0x8,
    QIOP_WS_PING = 0x9,
    QIOP_WS_PONG = 0xa,
};

/* RFC 6455 §7.4.1. */
enum qiop_ws_code {
    QIOP_WS_CODE_NORMAL = 1000,
    QIOP_WS_CODE_PROTOCOL = 1002,
    QIOP_WS_CODE_UNSUPPORTED = 1003,
    QIOP_WS_CODE_NONE = 1005, /* never on the wire */
    QIOP_WS_CODE_NOT_UTF8 = 1007,
    QIOP_WS_CODE_TOO_BIG = 1009,
    QIOP_WS_CODE_INTERNAL = 1011,
};

/* Whether the code may travel in a close frame. */
bool qiop_ws_code_is_valid(unsigned code);

/* Write a header; how many bytes. key NULL: not masked. */
size_t qiop_ws_header(uint8_t out[QIOP_WS_HEADER_MAX], bool fin,
                      enum qiop_ws_opcode opcode, uint64_t len,
                      const uint8_t *key);

enum qiop_ws_event {
    QIOP_WS_MORE,   /* nothing without more bytes */
    QIOP_WS_DATA,   /* the header of a data frame; its payload comes next */
    QIOP_WS_PINGED, /* a whole one, its payload is in control[] */
    QIOP_WS_PONGED,
    QIOP_WS_CLOSED, /* close_code, and the reason in control[2...] */
    QIOP_WS_FAILED, /* fail_code, fail_text: close with that */
};

struct qiop_ws_decoder {
    /* What is expected. */
    bool masked; /* the peer is a client */
    bool text;   /* text messages are welcome */
    uint64_t max_frame;
    uint64_t max_message; /* 0: no limit */

    /* The frame being read. */
    uint8_t header[QIOP_WS_HEADER_MAX];
    size_t have, need; /* of header */
    bool fin;
    bool in_payload;
    uint8_t opcode;
    uint64_t len, at; /* of the payload, and how much of it is through */
    uint8_t key[QIOP_WS_KEY_SIZE];
    uint8_t control[QIOP_WS_CONTROL_MAX];

    /* The message being read. */
    bool in_message;
    bool is_text;
    uint64_t message_len; /* of the frames before this one */
    struct qiop_utf8 utf8;

    bool closed;
    unsigned close_code; /* QIOP_WS_CODE_NONE: without one */
    unsigned fail_code;  /* 0: fine so far */
    const char *fail_text;
};

void qiop_ws_decoder_init(struct qiop_ws_decoder *d, bool masked, bool text,
                          uint64_t max_frame, uint64_t max_message);

/* Take bytes up to the next event; *used says how many. While payload of a
 * data frame is due, none are taken and the event is DATA again. After CLOSED
 * and FAILED nothing changes any more. */
enum qiop_ws_event qiop_ws_decode(struct qiop_ws_decoder *d,
                                  const uint8_t *data, size_t len,
                                  size_t *used);

/* Whether the frame being read, or that begins with these bytes, is one of
 * data; false also when nothing of it has come. */
bool qiop_ws_is_data(const struct qiop_ws_decoder *d, const uint8_t *data,
                     size_t len);
/* Payload of a data frame that is still due. */
uint64_t qiop_ws_payload_due(const struct qiop_ws_decoder *d);
/* The next len bytes of it, not more than are due: they are unmasked in place
 * and checked. False: failed. */
bool qiop_ws_payload(struct qiop_ws_decoder *d, uint8_t *data, size_t len);

/* Between two messages, with nothing of the next one seen. */
bool qiop_ws_between(const struct qiop_ws_decoder *d);
/* Length of the control payload after PINGED, PONGED and CLOSED. */
size_t qiop_ws_control_len(const struct qiop_ws_decoder *d);

#endif
