/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is inside a command channel, for the files that make it up and for the
 * loop's tasks. */
#ifndef QIOP_CHANNEL_COMMAND_PRIV_H
#define QIOP_CHANNEL_COMMAND_PRIV_H

#include <pthread.h>
#include <qio/channel-command.h>
#include "base/tail.h"
#include "net/spawn.h"

struct qiop_command {
    struct qiop_spawn child;
    int retired_stdin; /* its number, kept until the channel closes */
    char *program;
    /* Shutting down from another thread closes the descriptor that a writer
     * may be using. Held for one system call that does not wait. */
    pthread_mutex_t stdin_lock;
    /* Reader and writer both empty the captured standard error. */
    pthread_mutex_t stderr_lock;
    int locks_made;
    struct qiop_tail last_words; /* under stderr_lock */
    bool stderr_ended;           /* likewise */
    bool ended;                  /* reaped, status is known */
    int status;                  /* as from waitpid(2) */
};

/* NULL with QIO_ERROR_INVALID for a channel of another type. */
struct qiop_command *qiop_command_get(const QIOChannel *ioc, QIOError **errp);

/* Take what has come through the captured standard error, without waiting. The
 * descriptor to poll for more, which stays open as long as the channel is not
 * freed; -1 when there is none or nothing more can come. Any thread. */
int qiop_command_drain(struct qiop_command *c);

/* 1 when it has ended, 0 when it runs, -1. */
int qiop_command_look(struct qiop_command *c, QIOError **errp);
/* Of one that has ended: 0 or why it did not end well. */
int qiop_command_judge(struct qiop_command *c, QIOError **errp);

#endif
