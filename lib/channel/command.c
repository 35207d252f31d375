/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A channel to a child process: pipes for its bytes, a process descriptor for
 * its end. */
#include <config.h>
#include <qio/channel-command.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <qio/channel-ops.h>
#include "base/clock.h"
#include "base/fd.h"
#include "net/spawn.h"

/* How long to sleep between looks where there are no process descriptors. */
#define LOOK_FIRST_US 500
#define LOOK_LAST_US 20000

struct command {
    struct qiop_spawn child;
    char *program;
    /* Shutting down from another thread closes the descriptor that a writer
     * may be using. Held for one system call that does not wait. */
    pthread_mutex_t stdin_lock;
    bool lock_made;
    bool ended; /* reaped, status is known */
    int status; /* as from waitpid(2) */
};

/* ---- bytes ---- */

static int no_pipe(const struct command *c, const char *what, QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0,
                  "the %s of command '%s' is not connected", what, c->program);
    return -1;
}

static ssize_t name_command(const struct command *c, ssize_t n, QIOError **errp)
{
    if (n == -1) {
        qio_error_prefix(errp, "command '%s': ", c->program);
    }
    return n;
}

static ssize_t command_readv(QIOChannel *ioc, const struct iovec *iov,
                             size_t niov, int **fds, size_t *nfds, int flags,
                             QIOError **errp)
{
    struct command *c = qio_channel_private(ioc);

    (void)fds;
    (void)nfds;
    (void)flags;
    if (c->child.stdout_fd < 0) {
        return no_pipe(c, "output", errp);
    }
    return name_command(c, qiop_fd_readv(c->child.stdout_fd, iov, niov, errp),
                        errp);
}

static ssize_t command_writev(QIOChannel *ioc, const struct iovec *iov,
                              size_t niov, const int *fds, size_t nfds,
                              int flags, QIOError **errp)
{
    struct command *c = qio_channel_private(ioc);
    ssize_t n;

    (void)fds;
    (void)nfds;
    (void)flags;
    pthread_mutex_lock(&c->stdin_lock);
    n = c->child.stdin_fd < 0
            ? no_pipe(c, "input", errp)
            : name_command(
                  c, qiop_fd_writev(c->child.stdin_fd, iov, niov, errp), errp);
    pthread_mutex_unlock(&c->stdin_lock);
    return n;
}

/* A direction without a pipe is ready: trying it tells why it is not. */
static void command_poll(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    struct command *c = qio_channel_private(ioc);
    int stdin_fd;

    if (events & QIO_EVENT_IN) {
        if (c->child.stdout_fd < 0) {
            qio_poll_set_ready(set, QIO_EVENT_IN);
        }
        qio_poll_set_add_fd(set, c->child.stdout_fd, POLLIN, QIO_EVENT_IN);
    }
    if (events & QIO_EVENT_OUT) {
        pthread_mutex_lock(&c->stdin_lock);
        stdin_fd = c->child.stdin_fd;
        pthread_mutex_unlock(&c->stdin_lock);
        if (stdin_fd < 0) {
            qio_poll_set_ready(set, QIO_EVENT_OUT);
        }
        qio_poll_set_add_fd(set, stdin_fd, POLLOUT, QIO_EVENT_OUT);
    }
    qio_poll_set_ready(set, events & (QIO_EVENT_OPEN | QIO_EVENT_FLUSH));
}

static void close_stdin(struct command *c)
{
    pthread_mutex_lock(&c->stdin_lock);
    qiop_fd_close(c->child.stdin_fd);
    c->child.stdin_fd = -1;
    pthread_mutex_unlock(&c->stdin_lock);
}

static int command_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                            QIOError **errp)
{
    struct command *c = qio_channel_private(ioc);

    (void)errp;
    if (how & QIO_CHANNEL_SHUTDOWN_WRITE) {
        close_stdin(c);
    }
    return 0;
}

static int command_close(QIOChannel *ioc, QIOError **errp)
{
    struct command *c = qio_channel_private(ioc);

    (void)errp;
    if (c->lock_made) {
        close_stdin(c);
    }
    qiop_fd_close(c->child.stdout_fd);
    c->child.stdout_fd = -1;
    return 0;
}

static void command_finalize(QIOChannel *ioc)
{
    struct command *c = qio_channel_private(ioc);

    if (c->child.pid > 0) {
        qiop_fd_close(c->child.pidfd);
        if (!c->ended) {
            qiop_spawn_abandon(c->child.pid);
        }
    }
    if (c->lock_made) {
        pthread_mutex_destroy(&c->stdin_lock);
    }
    free(c->program);
}

static const QIOChannelOps command_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "command",
    .kind = QIO_CHANNEL_KIND_LEAF,
    .features = QIO_CHANNEL_FEATURE_SHUTDOWN,
    .readv = command_readv,
    .writev = command_writev,
    .poll = command_poll,
    .shutdown = command_shutdown,
    .close = command_close,
    .finalize = command_finalize,
};

/* ---- starting ---- */

static int start(struct command *c, const char *const argv[], unsigned pipes,
                 QIOError **errp)
{
    int r = pthread_mutex_init(&c->stdin_lock, NULL);

    if (r) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, r, "cannot make a lock");
        return -1;
    }
    c->lock_made = true;
    c->program = strdup(argv[0]);
    if (!c->program) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory for a command");
        return -1;
    }
    return qiop_spawn(argv, pipes, &c->child, errp);
}

static int pipes_for(int flags, unsigned *pipes)
{
    switch (flags) {
    case O_RDONLY:
        *pipes = QIOP_SPAWN_STDOUT;
        return 0;
    case O_WRONLY:
        *pipes = QIOP_SPAWN_STDIN;
        return 0;
    case O_RDWR:
        *pipes = QIOP_SPAWN_STDIN | QIOP_SPAWN_STDOUT;
        return 0;
    default:
        return -1;
    }
}

QIOChannel *qio_channel_command_new_spawn(const char *const argv[], int flags,
                                          QIOError **errp)
{
    struct command *c;
    QIOChannel *ioc;
    unsigned pipes;

    if (!argv || !argv[0] || pipes_for(flags, &pipes) < 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "a command needs a program and O_RDONLY, O_WRONLY or "
                      "O_RDWR");
        return NULL;
    }
    ioc = qio_channel_alloc(&command_ops, sizeof(struct command), errp);
    if (!ioc) {
        return NULL;
    }
    c = qio_channel_private(ioc);
    c->child = (struct qiop_spawn){-1, -1, -1, -1};
    if (start(c, argv, pipes, errp) < 0) {
        qio_channel_unref(ioc);
        return NULL;
    }
    return ioc;
}

pid_t qio_channel_command_pid(const QIOChannel *ioc)
{
    struct command *c = qio_channel_private_if(ioc, &command_ops);

    return c ? c->child.pid : -1;
}

/* ---- its end ---- */

static struct command *get_command(QIOChannel *ioc, QIOError **errp)
{
    struct command *c = qio_channel_private_if(ioc, &command_ops);

    if (!c) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "not a command channel");
    }
    return c;
}

/* 1 when it has ended, 0 when it runs, -1. */
static int look(struct command *c, QIOError **errp)
{
    int r;

    if (c->ended) {
        return 1;
    }
    r = qiop_spawn_try_wait(c->child.pid, &c->status, errp);
    if (r > 0) {
        c->ended = true;
    }
    if (r < 0) {
        qio_error_prefix(errp, "command '%s': ", c->program);
    }
    return r;
}

static void sleep_until_look(int64_t deadline, int64_t *pause_us)
{
    int64_t left =
        deadline == QIOP_NEVER ? *pause_us : deadline - qiop_now_us();
    struct timespec ts = {0, 0};

    if (left > *pause_us) {
        left = *pause_us;
    }
    if (left > 0) {
        ts.tv_nsec = (long)left * 1000;
        nanosleep(&ts, NULL);
    }
    *pause_us = *pause_us * 2 < LOOK_LAST_US ? *pause_us * 2 : LOOK_LAST_US;
}

/* 1 when it has ended, 0 when the deadline passed, -1. */
static int wait_for_end(struct command *c, int64_t deadline, QIOError **errp)
{
    struct pollfd pfd = {.fd = c->child.pidfd, .events = POLLIN};
    int64_t pause_us = LOOK_FIRST_US;

    for (;;) {
        int r = look(c, errp);

        if (r != 0) {
            return r;
        }
        if (qiop_deadline_passed(deadline)) {
            return 0;
        }
        if (pfd.fd < 0) {
            sleep_until_look(deadline, &pause_us);
            continue;
        }
        if (poll(&pfd, 1, qiop_deadline_left_ms(deadline)) < 0 &&
            errno != EINTR) {
            pfd.fd = -1;
        }
    }
}

static int judge(const struct command *c, QIOError **errp)
{
    if (WIFSIGNALED(c->status)) {
        int sig = WTERMSIG(c->status);
        const char *what = sigdescr_np(sig);

        qio_error_set(errp, QIO_ERROR_COMMAND, 0,
                      "command '%s' was ended by signal %d (%s)", c->program,
                      sig, what ? what : "unknown");
        return -1;
    }
    if (WEXITSTATUS(c->status) != 0) {
        qio_error_set(errp, QIO_ERROR_COMMAND, 0,
                      "command '%s' exited with status %d", c->program,
                      WEXITSTATUS(c->status));
        return -1;
    }
    return 0;
}

int qio_channel_command_wait(QIOChannel *ioc, int timeout_ms, int *status,
                             QIOError **errp)
{
    struct command *c = get_command(ioc, errp);
    int r;

    if (!c) {
        return -1;
    }
    r = wait_for_end(c, qiop_deadline(timeout_ms), errp);
    if (r < 0) {
        return -1;
    }
    if (r == 0) {
        qio_error_set(errp, QIO_ERROR_TIMEOUT, 0,
                      "command '%s' is still running", c->program);
        return -1;
    }
    if (status) {
        *status = c->status;
    }
    return judge(c, errp);
}

int qio_channel_command_terminate(QIOChannel *ioc, int grace_ms,
                                  QIOError **errp)
{
    struct command *c = get_command(ioc, errp);
    int r;

    if (!c) {
        return -1;
    }
    r = look(c, errp);
    if (r == 0) {
        if (qiop_spawn_signal(&c->child, SIGTERM, errp) < 0) {
            return -1;
        }
        r = wait_for_end(c, qiop_deadline(grace_ms), errp);
    }
    if (r == 0) {
        if (qiop_spawn_signal(&c->child, SIGKILL, errp) < 0) {
            return -1;
        }
        r = wait_for_end(c, QIOP_NEVER, errp);
    }
    return r < 0 ? -1 : 0;
}
