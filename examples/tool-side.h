/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One side of a transfer: from the text of an endpoint to an open channel, and
 * the ways to end it.
 *
 * What can wait calls `then` when it is through, at once or later; there is one
 * such thing at a time.
 */
#ifndef TOOL_SIDE_H
#define TOOL_SIDE_H

#include <stdbool.h>
#include <qio/qio.h>
#include "tool-crew.h"
#include "tool-lobby.h"
#include "tool-options.h"
#include "tool-report.h"
#include "tool-sink.h"

/* Takes err, which says why it failed; NULL when the result says so already. */
typedef void ToolSideFunc(void *opaque, bool failed, QIOError *err);

typedef struct ToolSide {
    const ToolOptions *opt;
    ToolResult *result;
    QIOLoop *loop;
    QIOObjects *objects;
    const char *text;
    bool input;   /* bytes come from here */
    bool network; /* the --tls options are for this side */

    int backlog; /* where it listens */

    QIOEndpoint *ep;
    QIOListener *listener; /* NULL: connects */
    ToolLobby *lobby;      /* of many connections that come */
    ToolCrew *crew;        /* ... that are made */
    ToolSink *sink;        /* an output file */
    QIOChannel *ioc;       /* open, all layers */
    QIOChannel *leaf;      /* borrowed from ioc */
    QIOChannel *tls;       /* the topmost such layer, borrowed; or NULL */
    bool talks;            /* the other end may say something, and ends */

    ToolSideFunc *then; /* NULL: nothing is under way */
    void *opaque;
    QIOTask *task;
    QIOTimer *timer;
    QIOWatch *child;
    int64_t child_until_us; /* INT64_MAX: no limit */
    bool ending;            /* a command is being terminated */
} ToolSide;

/* Understand the text and the options; opens nothing. 0 or -1. */
int tool_side_prepare(ToolSide *side);

/* Whether this side waits to be called, rather than calls. */
bool tool_side_listens(const ToolSide *side);

/* Bind and listen, if that is what this side does. */
void tool_side_listen(ToolSide *side, ToolSideFunc *then, void *opaque);

/* Whether this side is of many connections. */
bool tool_side_is_many(const ToolSide *side);

/* Accept or connect, and open all layers. */
void tool_side_open(ToolSide *side, ToolSideFunc *then, void *opaque);

/* A connection that a server of ours has accepted and opened. */
void tool_side_adopt(ToolSide *side, QIOChannel *ioc);

/* Have what is under way fail, soon or at once. */
void tool_side_cancel(ToolSide *side);

/* The text for messages: what an operator calls this side. */
const char *tool_side_name(const ToolSide *side);

/* The exit code for a failure of this side while bytes move. */
int tool_side_exit(const ToolSide *side);

/* The descriptor, where a reset tells the other end that the transfer failed;
 * or -1. */
int tool_side_socket(const ToolSide *side);

/* What it is opened for. */
QIOEndpointMode tool_side_mode(const ToolSide *side);

/* Whether it is a file: without layers. */
bool tool_side_is_plain_file(const ToolSide *side);

/* Whether it is a file that may wait in open(2), and has no name to lose. */
bool tool_side_is_special(const ToolSide *side);

/* Wait for a command to end well; at once for everything else. */
void tool_side_wait_command(ToolSide *side, ToolSideFunc *then, void *opaque);

/* Make sure that the other end cannot take what comes for a success: break
 * does so for a process that is about to end, abort closes as well. */
void tool_side_break(ToolSide *side);
void tool_side_abort(ToolSide *side, ToolSideFunc *then, void *opaque);

void tool_side_clear(ToolSide *side);

/* Accept many or connect many, which tool_side_open() does when it is so; and
 * what is left of that, when it is over. */
void tool_side_open_many(ToolSide *side);
void tool_side_end_many(ToolSide *side);

/* For this room alone: nobody else is let in; the wait for somebody; the ways
 * in which opening ends. */
void tool_side_stop_listening(ToolSide *side);
int tool_side_limit_wait(ToolSide *side, QIOError **errp);
void tool_side_opened(ToolSide *side, QIOChannel *ioc);
void tool_side_not_reached(ToolSide *side, QIOError *err, const char *what);
void tool_side_not_accepted(ToolSide *side, QIOError *err);

/* For this room alone: what is under way begins, and is through. */
void tool_side_begin(ToolSide *side, ToolSideFunc *then, void *opaque);
void tool_side_through(ToolSide *side, bool failed, QIOError *err);

#endif
