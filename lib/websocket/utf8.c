/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether bytes that come in pieces are UTF-8. */
#include <config.h>
#include "websocket/utf8.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* The first byte of a character of several: RFC 3629 §4. No overlong forms, no
 * surrogates, nothing above U+10FFFF. */
static bool begin(struct qiop_utf8 *u, uint8_t c)
{
    if (c < 0xc2 || c > 0xf4) {
        return false;
    }
    u->left = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    u->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    u->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    return true;
}

static bool go_on(struct qiop_utf8 *u, uint8_t c)
{
    if (c < u->low || c > u->high) {
        return false;
    }
    u->left--;
    u->low = 0x80;
    u->high = 0xbf;
    return true;
}

/* How many bytes of plain ASCII, in steps of eight. */
static size_t ascii_span(const uint8_t *data, size_t len)
{
    size_t i = 0;
    uint64_t word;

    for (; len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, data + i, sizeof(word));
        if (word & HIGH_BITS) {
            break;
        }
    }
    return i;
}

bool qiop_utf8_feed(struct qiop_utf8 *u, const uint8_t *data, size_t len)
{
    size_t i = 0;

    while (i < len) {
        if (u->left) {
            if (!go_on(u, data[i++])) {
                return false;
            }
            continue;
        }
        i += ascii_span(data + i, len - i);
        if (i < len && data[i] >= 0x80 && !begin(u, data[i])) {
            return false;
        }
        i++;
    }
    return true;
}
