/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where connections wait that share a stream, until all of it are there: each
 * says which stream it belongs to.
 */
#ifndef TOOL_LOBBY_H
#define TOOL_LOBBY_H

#include <stdbool.h>
#include <qio/migration/migration.h>
#include <qio/qio.h>

typedef struct ToolLobby ToolLobby;

typedef struct ToolLobbyPlan {
    QIOLoop *loop;
    unsigned most;  /* connections that a stream may have */
    bool threads;   /* one for each of them */
    bool single;    /* there is one stream only */
    int timeout_ms; /* for a hello, and for all of a stream to come */
    /* A stream has all of its connections; ioc is borrowed, and open. */
    void (*ready)(QIOChannel *ioc, void *opaque);
    /* A connection, or a stream with all that it has, came to nothing; they
     * have been told. ioc is borrowed, err to be freed. A connection that does
     * not fit into its stream takes that along. */
    void (*refused)(QIOChannel *ioc, QIOError *err, void *opaque);
    void *opaque;
} ToolLobbyPlan;

ToolLobby *tool_lobby_new(const ToolLobbyPlan *plan, QIOError **errp);

/* Somebody came in; ioc is open. Tells later what comes of it. */
void tool_lobby_enter(ToolLobby *lobby, QIOChannel *ioc);

/* Whoever still waits is turned out, without anybody being told of it here. May
 * be called by the functions above. NULL is allowed. */
void tool_lobby_free(ToolLobby *lobby);

#endif
