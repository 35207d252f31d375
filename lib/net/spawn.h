/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starting a child process with pipes to its standard input and output, and
 * from its standard error.
 *
 * All that allocates is done before fork(); between fork() and exec() only
 * async-signal-safe calls run, so a program with threads may spawn. The child
 * has descriptors 0, 1 and 2 and no others, an empty signal mask and default
 * dispositions.
 */
#ifndef QIOP_NET_SPAWN_H
#define QIOP_NET_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>
#include <qio/spawn.h>

#define QIOP_SPAWN_STDIN 0x1  /* pipe to write to its standard input */
#define QIOP_SPAWN_STDOUT 0x2 /* pipe to read its standard output */

struct qiop_spawn {
    pid_t pid;
    int pidfd;     /* readable when it has ended; -1 on kernels without */
    int stdin_fd;  /* our end, non-blocking; -1: its input is /dev/null */
    int stdout_fd; /* our end, non-blocking; -1: it shares our output */
    int stderr_fd; /* our end, non-blocking; -1: it is not captured */
};

#define QIOP_SPAWN_NONE ((struct qiop_spawn){-1, -1, -1, -1, -1})

/*
 * Start argv[0] (searched in PATH when it has no slash). opt may be NULL.
 * Returns when the program runs: 0, or -1 with QIO_ERROR_COMMAND and the reason
 * when it cannot be executed; then nothing is left behind.
 * Blocks until exec() happened.
 */
int qiop_spawn(const char *const argv[], unsigned pipes,
               const QIOSpawnOptions *opt, struct qiop_spawn *out,
               QIOError **errp);

/*
 * Whether the child has ended. 1: *status as from waitpid(2), the child is
 * reaped; 0: it runs; -1: somebody else reaped it (SIGCHLD ignored, a stray
 * wait()).
 */
int qiop_spawn_try_wait(pid_t pid, int *status, QIOError **errp);

/* Send it a signal; one that has ended already is no error. */
int qiop_spawn_signal(const struct qiop_spawn *child, int sig, QIOError **errp);

/*
 * Let go of a child that nobody will wait for, and of its pidfd and stderr_fd:
 * reaped at once when it has ended, else a detached thread with a small stack
 * and all signals blocked waits for it, so that it is no zombie of ours, and
 * meanwhile reads what it says to stderr_fd. Without memory for a thread the
 * child is left to init at our exit.
 */
void qiop_spawn_abandon(const struct qiop_spawn *child);

#endif
