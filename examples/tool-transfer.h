/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One transfer, from two texts to its result. */
#ifndef TOOL_TRANSFER_H
#define TOOL_TRANSFER_H

#include "tool-relay.h"

typedef struct ToolTransfer ToolTransfer;
typedef void ToolTransferFunc(ToolTransfer *t, void *opaque);

struct ToolTransfer {
    const ToolOptions *opt;
    QIOLoop *loop;
    ToolResult result;
    ToolSide in;
    ToolSide out;
    ToolRelay relay;
    bool relaying;
    bool over;
    char *output;
    ToolTransferFunc *done;
    void *opaque;
    /* Of one among several that belong together, before its start: what has
     * been read of its input already, borrowed; and who is told when both sides
     * are open. Then nobody but the owner minds when it is idle. */
    const uint8_t *first;
    size_t n_first;
    ToolTransferFunc *running;
    ToolTransfer *next; /* for those who have several */
};

/* done is called when it is over, which may be soon, but must not free it.
 * output is copied. NULL without memory. */
ToolTransfer *tool_transfer_new(const ToolOptions *opt, QIOLoop *loop,
                                QIOObjects *objects, const char *output,
                                ToolTransferFunc *done, void *opaque);

/* Open both sides, then move bytes. Or only the output: somebody came in. */
void tool_transfer_start(ToolTransfer *t);
void tool_transfer_start_with(ToolTransfer *t, QIOChannel *ioc);

/* Have it end because of a signal, unless it is too late. */
void tool_transfer_stop(ToolTransfer *t, int signal);

/* Have it end because of another one that belongs to it, unless it is too late;
 * its failure is not told. */
void tool_transfer_abandon(ToolTransfer *t);

/* The process is about to end: clean up what can be. False when it is too late
 * for that, all having arrived. */
bool tool_transfer_leave(ToolTransfer *t, int signal);

void tool_transfer_free(ToolTransfer *t);

#endif
