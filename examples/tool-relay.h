/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transfer itself, the same in both tools: bytes from the input to the
 * output, and the judgement whether that was all.
 */
#ifndef TOOL_RELAY_H
#define TOOL_RELAY_H

#include "tool-back.h"
#include "tool-side.h"

typedef enum ToolRelayState {
    TOOL_RELAY_PUMP,        /* bytes move */
    TOOL_RELAY_SOURCE_ENDS, /* all was read; its command has to end well */
    TOOL_RELAY_BYE,         /* all was written; the output is told so */
    TOOL_RELAY_PEER_LEAVES, /* ... and has to leave */
    TOOL_RELAY_SINK_ENDS,   /* ... its command has to end well */
    TOOL_RELAY_COMMIT,      /* the file gets its name */
    TOOL_RELAY_ANSWER,      /* a source on a return path is told */
    TOOL_RELAY_GOODBYE,     /* the input is told that all is well */
    TOOL_RELAY_REASON,      /* writing failed; the reason is on its way */
    TOOL_RELAY_BREAK,       /* both other ends learn that it failed */
    TOOL_RELAY_OVER,
} ToolRelayState;

typedef struct ToolRelay {
    const ToolOptions *opt;
    ToolResult *result;
    QIOLoop *loop;
    ToolSide *in;
    ToolSide *out;
    void (*over)(void *opaque);
    void *opaque;
    const uint8_t *first; /* read of the input already; NULL: nothing */
    size_t n_first;

    ToolRelayState state;
    ToolBack back;
    QIOMigrationFollow *follow;
    uint8_t *buf;
    size_t chunk;    /* of buf: what is read at once */
    size_t pos, len; /* of buf: to be written */
    /* The last byte of a command's output is written when it ended well:
     * without it no receiver takes the stream for whole. */
    bool holds_back;
    bool filed;        /* what is read is in the output's file already */
    size_t held;       /* 0 or 1, behind what is to be written */
    bool source_ended; /* ... well; what is left is written */
    uint8_t head[4];   /* the first bytes, while there are fewer than four */
    size_t n_head;
    uint64_t bytes;
    bool answering; /* ending the output is for the sake of an answer */
    bool answered;  /* SHUT was sent, the output is committed */
    bool committed; /* too late to stop */

    QIOWatch *watches[2];
    unsigned wanted[2];
    QIOTask *task;   /* of the state */
    QIOTimer *timer; /* of the state */
    QIOError *err;   /* TOOL_RELAY_REASON: how writing failed */
    int breaking;    /* sides */

    QIOTimer *pause;
    int64_t next_us; /* the rate limit's clock */
    bool paused;
    QIOTimer *tick;
    bool moving; /* idleness and progress count */
    uint64_t ticked_bytes;
    int64_t moved_us;
} ToolRelay;

/* Copy in to out, both open, until the end; end both of them well, or both so
 * that neither other end takes it for a success; then call over, with the
 * result set. */
void tool_relay_start(ToolRelay *relay);

/* Give up for the reason that the result holds, unless it is too late. */
void tool_relay_stop(ToolRelay *relay);
void tool_relay_clear(ToolRelay *relay);

/* ---- within the relay ---- */

/* Whether the stream has come to its end. */
bool tool_relay_is_whole(const ToolRelay *r);

/* A hypervisor closes right after the last byte, so that TLS ends without
 * goodbye, or by a reset when ours still comes. Without TLS nothing of ours can
 * come, and a reset is what it always is: something was not taken. */
bool tool_relay_is_abrupt_leave(const ToolRelay *r, const QIOError *err);

/* What the end of the input means: 0 for all, else the result is set. err is
 * NULL for a proper end, and taken. */
int tool_relay_judge_end(ToolRelay *r, QIOError *err);

/* Put a failure of the output into the result; takes err. */
void tool_relay_blame_output(ToolRelay *r, QIOError *err);

/* Say goodbye to the output, and what follows. */
void tool_relay_finish(ToolRelay *r);
/* The result is set: break both sides. */
void tool_relay_fail(ToolRelay *r);
/* Writing failed, or the way back did (NULL); takes err. */
void tool_relay_output_failed(ToolRelay *r, QIOError *err);
/* The way back has ended. */
void tool_relay_back_ended(ToolRelay *r);
/* The state's time is over, but for PUMP. */
void tool_relay_timed_out(ToolRelay *r);
/* Wait for what the state wants; or for nothing any more. */
void tool_relay_watch(ToolRelay *r);
void tool_relay_unwatch(ToolRelay *r);

/* Start or stop the state's clock. */
void tool_relay_set_timer(ToolRelay *r, int ms);

#endif
