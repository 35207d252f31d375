/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether bytes that come in pieces are UTF-8 (RFC 3629). */
#ifndef QIOP_WEBSOCKET_UTF8_H
#define QIOP_WEBSOCKET_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero between characters. */
struct qiop_utf8 {
    uint8_t left;      /* bytes that the character still needs */
    uint8_t low, high; /* what the next of them may be */
};

/* False as soon as no continuation could make it UTF-8. */
bool qiop_utf8_feed(struct qiop_utf8 *u, const uint8_t *data, size_t len);

static inline bool qiop_utf8_complete(const struct qiop_utf8 *u)
{
    return u->left == 0;
}

#endif
