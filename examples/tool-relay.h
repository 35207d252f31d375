/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transfer itself, the same in both tools: bytes from the input to the
 * output, and the judgement whether that was all.
 */
#ifndef TOOL_RELAY_H
#define TOOL_RELAY_H

#include "tool-back.h"
#include "tool-side.h"

typedef struct ToolRelay {
    const ToolOptions *opt;
    ToolResult *result;
    ToolStop *stop;
    ToolSide *in;
    ToolSide *out;

    ToolBack back;
    QIOMigrationFollow *follow;
    uint8_t *buf;
    uint8_t head[4]; /* the first bytes, while there are fewer than four */
    size_t n_head;
    uint64_t bytes;
    int64_t next_us; /* the rate limit's clock */
    bool answered;   /* SHUT was sent, the output is committed */
} ToolRelay;

/* Copy in to out, both open, until the end; end both of them well, or both so
 * that neither other end takes it for a success. 0, or -1 with the result
 * set. */
int tool_relay_run(ToolRelay *relay);

#endif
