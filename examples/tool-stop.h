/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signals: the first one asks for an end, and what does not come to it is left
 * behind.
 */
#ifndef TOOL_STOP_H
#define TOOL_STOP_H

#include <stdbool.h>
#include <qio/qio.h>

typedef struct ToolStop {
    QIOLoop *loop;
    int fd;
    QIOWatch *watch;
    QIOTimer *grace;
    int signal; /* the first one that came, 0: none */
    void (*stop)(void *opaque);
    void (*last_resort)(void *opaque);
    void *opaque;
} ToolStop;

/* Block the signals that end a tool and watch for them. stop is called at the
 * first one, last_resort at a second one or when the loop still runs a while
 * later. 0 or -1. */
int tool_stop_init(ToolStop *stop, QIOLoop *loop, void (*ask)(void *),
                   void (*last_resort)(void *), void *opaque,
                   QIOError **errp) QIO_MUST_CHECK;
void tool_stop_clear(ToolStop *stop);

#endif
