/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A migration of QEMU that has several connections by itself (its capability
 * multifd): as many come in, are told apart by their first bytes as QEMU does,
 * and each is passed on by a connection of its own.
 */
#ifndef TOOL_MULTIFD_H
#define TOOL_MULTIFD_H

#include "tool-transfer.h"

/* QEMU allows 255; each has a buffer here. */
#define TOOL_MULTIFD_MAX 64
/* What a channel says first. */
#define TOOL_MULTIFD_HELLO 64

/* A connection that came in; the first place is for the main one. */
typedef struct ToolMultifdPlace {
    QIOChannel *ioc; /* NULL: has not come yet */
    uint8_t first[TOOL_MULTIFD_HELLO];
    size_t n_first;
    ToolTransfer *transfer;
} ToolMultifdPlace;

typedef struct ToolMultifd {
    const ToolOptions *opt;
    QIOLoop *loop;
    QIOObjects *objects;
    void (*over)(void *opaque);
    void *opaque;

    ToolOptions each; /* what a transfer is told */
    ToolResult result;
    ToolSide door;
    ToolSide beyond; /* only to look at it */
    struct ToolMultifdGuest *guests;
    ToolMultifdPlace places[TOOL_MULTIFD_MAX + 1];
    unsigned n_came;
    unsigned n_running;
    QIOTimer *limit; /* for all to come; then of idleness */
    uint64_t moved;
    int64_t moved_us;
    bool ending;
    bool told; /* over was called */
} ToolMultifd;

/* Listen, let opt->multifd channels and the main connection come, and pass them
 * on; then call over, with the result set. */
void tool_multifd_start(ToolMultifd *m);

/* As tool_transfer_stop() and _leave(), for all. */
void tool_multifd_stop(ToolMultifd *m, int signal);
bool tool_multifd_leave(ToolMultifd *m, int signal);
void tool_multifd_clear(ToolMultifd *m);

#endif
