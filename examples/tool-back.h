/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way back: a thread that reads what the output's other end says, passes
 * it on to the input when the stream opened a return path, and learns how that
 * end leaves.
 */
#ifndef TOOL_BACK_H
#define TOOL_BACK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <qio/migration/migration.h>
#include <qio/qio.h>

typedef struct ToolBack {
    QIOChannel *from; /* the output, read here */
    QIOChannel *to;   /* the input, NULL when it takes nothing */
    QIOChannel *wake; /* the input: its reader must hear of a failure */
    atomic_int state; /* QIOMigrationFollowState of what was read so far */
    atomic_bool return_path;

    bool started;
    pthread_t thread;
    pthread_mutex_t lock; /* all that follows */
    pthread_cond_t cond;
    bool ended;
    QIOError *err; /* how it ended, NULL: properly */
    uint8_t last[QIO_MIGRATION_RP_SHUT_LEN];
    size_t n_last;
} ToolBack;

void tool_back_init(ToolBack *back);

/* Read from `from`, which is the output, while the caller copies from `wake`,
 * the input, to it. 0 or -1. */
int tool_back_start(ToolBack *back, QIOChannel *from, QIOChannel *to,
                    QIOChannel *wake);

/* What the stream looks like up to the byte that is written next. */
void tool_back_publish(ToolBack *back, QIOMigrationFollowState state,
                       bool return_path);

/* Wait until the other end has left; false after timeout_ms. True when nothing
 * was started. */
bool tool_back_wait(ToolBack *back, int timeout_ms);

/* How it left: a copy, NULL for properly or not yet. */
QIOError *tool_back_error(ToolBack *back);

/* Whether its last words were that it loaded the stream without error. */
bool tool_back_confirmed(ToolBack *back);

/* End the thread; afterwards the channels may be closed. */
void tool_back_stop(ToolBack *back);
void tool_back_clear(ToolBack *back);

/* Whether such an error is only the way in which a hypervisor closes. */
bool tool_is_cut(const QIOError *err);

#endif
