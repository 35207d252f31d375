/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many transfers at once: one listener, and a sink for each connection. */
#ifndef TOOL_SERVE_H
#define TOOL_SERVE_H

#include "tool-transfer.h"

typedef struct ToolServe {
    const ToolOptions *opt;
    QIOLoop *loop;
    QIOObjects *objects;
    void (*over)(void *opaque);
    void *opaque;

    ToolResult result; /* of listening */
    ToolSide door;
    QIOTLSCredsWatch *rotation;
    ToolLobby *lobby;        /* for those that share a stream, or NULL */
    unsigned long n;         /* connections so far */
    unsigned long n_running; /* transfers */
    ToolTransfer *transfers;
    bool closed; /* nobody is let in any more */
    bool told;   /* over was called */
    int worst;   /* exit status so far */
} ToolServe;

/* Listen, and serve until opt says that it is enough; then call over. */
void tool_serve_start(ToolServe *s);

/* Let nobody in any more, and have all transfers end. */
void tool_serve_stop(ToolServe *s, int signal);

/* As tool_transfer_leave(), for all. */
bool tool_serve_leave(ToolServe *s, int signal);
void tool_serve_clear(ToolServe *s);

#endif
