/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One side of a transfer: from the text of an endpoint to an open channel, and
 * the ways to end it.
 */
#ifndef TOOL_SIDE_H
#define TOOL_SIDE_H

#include <stdbool.h>
#include <qio/qio.h>
#include "tool-options.h"
#include "tool-report.h"
#include "tool-sink.h"
#include "tool-stop.h"

typedef struct ToolSide {
    const ToolOptions *opt;
    ToolResult *result;
    ToolStop *stop;
    QIOObjects *objects;
    const char *text;
    bool input;   /* bytes come from here */
    bool network; /* the --tls options are for this side */

    QIOEndpoint *ep;
    QIOListener *listener; /* NULL: connects */
    ToolSink *sink;        /* an output file */
    QIOChannel *ioc;       /* open, all layers */
    QIOChannel *leaf;      /* borrowed from ioc */
    QIOChannel *tls;       /* the topmost such layer, borrowed; or NULL */
    bool talks;            /* the other end may say something, and ends */
} ToolSide;

/* Understand the text and the options; opens nothing. 0 or -1. */
int tool_side_prepare(ToolSide *side);

/* Bind and listen, if that is what this side does. */
int tool_side_listen(ToolSide *side);

/* Accept or connect, and open all layers. */
int tool_side_open(ToolSide *side);

/* The text for messages: what an operator calls this side. */
const char *tool_side_name(const ToolSide *side);

/* The exit code for a failure of this side while bytes move. */
int tool_side_exit(const ToolSide *side);

/* Whether a reset tells the other end that the transfer failed. */
int tool_side_socket(const ToolSide *side);

/* Wait for a command to end well; 0 at once for everything else. */
int tool_side_wait_command(ToolSide *side, QIOError **errp);

/* Make sure that the other end cannot take what comes for a success: break
 * does so for a process that is about to end, abort closes as well. */
void tool_side_break(ToolSide *side);
void tool_side_abort(ToolSide *side);

void tool_side_clear(ToolSide *side);

#endif
