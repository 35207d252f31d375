/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The attendant: one thread that takes the signals, watches for idleness and
 * moves the progress line, and breaks the transfer off where it stands.
 */
#ifndef TOOL_STOP_H
#define TOOL_STOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <qio/qio.h>
#include "tool-report.h"

typedef enum ToolStopReason {
    TOOL_STOP_NONE = 0,
    TOOL_STOP_IDLE = -1, /* positive: a signal */
} ToolStopReason;

typedef struct ToolStop {
    const ToolOptions *opt;
    ToolResult *result;
    atomic_ullong bytes; /* moved so far, written by the transfer */
    atomic_int reason;   /* ToolStopReason or signal */

    pthread_t thread;
    pthread_mutex_t lock; /* all that follows */
    pthread_cond_t cond;  /* a reason came */
    QIOChannel *channels[2];
    QIOChannelShutdown how[2];
    QIOListener *listener;
    bool moving;    /* the transfer runs: progress, idleness */
    bool committed; /* too late to stop */
    bool over;      /* the attendant is to end */
    void (*last_resort)(void *opaque);
    void *opaque;
} ToolStop;

/* Block the signals and start the thread. last_resort runs, in that thread,
 * when the transfer does not come back although it was broken off; then the
 * process ends. 0 or -1. */
int tool_stop_init(ToolStop *stop, const ToolOptions *opt, ToolResult *result,
                   void (*last_resort)(void *), void *opaque);

/* What to break when it is time to stop: slot 0 or 1, NULL for none. Breaks it
 * at once when it was time already. */
void tool_stop_watch(ToolStop *stop, int slot, QIOChannel *ioc,
                     QIOChannelShutdown how);
void tool_stop_watch_listener(ToolStop *stop, QIOListener *listener);

/* Idleness and progress count from here, or no longer. */
void tool_stop_moving(ToolStop *stop, bool on);

/* From now on nothing is broken off any more; false when it is to be. */
bool tool_stop_commit(ToolStop *stop);

/* It is all over but for the report: end the thread. */
void tool_stop_end(ToolStop *stop);

/* Sleep until then, or until it is time to stop. */
void tool_stop_sleep_until(ToolStop *stop, int64_t when_us);

/* Whether to stop; if so the result says why. */
bool tool_stop_explain(ToolStop *stop, ToolResult *r);

#endif
