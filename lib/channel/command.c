/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A channel to a child process: pipes for its bytes. Its end is in
 * command-end.c. */
#include <config.h>
#include <qio/channel-command.h>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <qio/channel-ops.h>
#include "base/fd.h"
#include "channel/command-priv.h"
#include "net/spawn-options.h"

/* ---- bytes ---- */

static int no_pipe(const struct qiop_command *c, const char *what,
                   QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0,
                  "the %s of command '%s' is not connected", what, c->program);
    return -1;
}

static ssize_t name_command(const struct qiop_command *c, ssize_t n,
                            QIOError **errp)
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
    struct qiop_command *c = qio_channel_private(ioc);

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
    struct qiop_command *c = qio_channel_private(ioc);
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

/* A command that is not connected says so where it is read or written. */
static ssize_t command_splice_in(QIOChannel *ioc, int pipe_fd, size_t len,
                                 int flags, QIOError **errp)
{
    struct qiop_command *c = qio_channel_private(ioc);

    (void)flags;
    if (c->child.stdout_fd < 0) {
        return no_pipe(c, "output", errp);
    }
    return name_command(c,
                        qiop_fd_splice(c->child.stdout_fd, pipe_fd, len, false,
                                       "cannot read", errp),
                        errp);
}

static ssize_t command_splice_out(QIOChannel *ioc, int pipe_fd, size_t len,
                                  int flags, QIOError **errp)
{
    struct qiop_command *c = qio_channel_private(ioc);
    ssize_t n;

    (void)flags;
    pthread_mutex_lock(&c->stdin_lock);
    n = c->child.stdin_fd < 0
            ? no_pipe(c, "input", errp)
            : name_command(c,
                           qiop_fd_splice(pipe_fd, c->child.stdin_fd, len,
                                          false, "cannot write", errp),
                           errp);
    pthread_mutex_unlock(&c->stdin_lock);
    return n;
}

static int command_query(QIOChannel *ioc, QIOChannelQuery what, void *out,
                         QIOError **errp)
{
    (void)ioc;
    if (what == QIO_CHANNEL_QUERY_SPLICE) {
        *(struct QIOChannelSplice *)out = (struct QIOChannelSplice){
            QIO_CHANNEL_SPLICE_PIPE, QIO_CHANNEL_SPLICE_PIPE};
        return 0;
    }
    qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0,
                  "a command channel cannot tell that");
    return -1;
}

/* A direction without a pipe is ready: trying it tells why it is not. Standard
 * error is emptied whoever waits for whatever, since the command may go on only
 * then. */
static void command_poll(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    struct qiop_command *c = qio_channel_private(ioc);
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
    qio_poll_set_add_fd(set, qiop_command_drain(c), POLLIN, 0);
    qio_poll_set_ready(set, events & (QIO_EVENT_OPEN | QIO_EVENT_FLUSH));
}

/* Others may still wait for the number. */
static void end_stdin(struct qiop_command *c)
{
    pthread_mutex_lock(&c->stdin_lock);
    if (c->child.stdin_fd >= 0) {
        c->retired_stdin = qiop_fd_retire(c->child.stdin_fd);
        c->child.stdin_fd = -1;
    }
    pthread_mutex_unlock(&c->stdin_lock);
}

static int command_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                            QIOError **errp)
{
    struct qiop_command *c = qio_channel_private(ioc);

    (void)errp;
    if (how & QIO_CHANNEL_SHUTDOWN_WRITE) {
        end_stdin(c);
    }
    return 0;
}

static int command_close(QIOChannel *ioc, QIOError **errp)
{
    struct qiop_command *c = qio_channel_private(ioc);

    (void)errp;
    qiop_fd_close(c->child.stdin_fd);
    qiop_fd_close(c->retired_stdin);
    qiop_fd_close(c->child.stdout_fd);
    c->child.stdin_fd = c->retired_stdin = c->child.stdout_fd = -1;
    return 0;
}

static void command_finalize(QIOChannel *ioc)
{
    struct qiop_command *c = qio_channel_private(ioc);

    if (c->child.pid > 0 && !c->ended) {
        qiop_spawn_abandon(&c->child);
    } else {
        qiop_fd_close(c->child.pidfd);
        qiop_fd_close(c->child.stderr_fd);
    }
    if (c->locks_made > 0) {
        pthread_mutex_destroy(&c->stdin_lock);
    }
    if (c->locks_made > 1) {
        pthread_mutex_destroy(&c->stderr_lock);
    }
    qiop_tail_free(&c->last_words);
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
    .query = command_query,
    .finalize = command_finalize,
    .splice_in = command_splice_in,
    .splice_out = command_splice_out,
};

/* ---- starting ---- */

static int make_locks(struct qiop_command *c, QIOError **errp)
{
    pthread_mutex_t *locks[] = {&c->stdin_lock, &c->stderr_lock};

    for (; c->locks_made < 2; c->locks_made++) {
        int r = pthread_mutex_init(locks[c->locks_made], NULL);

        if (r) {
            qio_error_set(errp, QIO_ERROR_SYSTEM, r, "cannot make a lock");
            return -1;
        }
    }
    return 0;
}

static int start(struct qiop_command *c, const char *const argv[],
                 unsigned pipes, const QIOSpawnOptions *options,
                 QIOError **errp)
{
    if (make_locks(c, errp) < 0) {
        return -1;
    }
    c->program = strdup(argv[0]);
    if (!c->program ||
        (options && options->stderr_keep &&
         qiop_tail_init(&c->last_words, options->stderr_keep) < 0)) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory for a command");
        return -1;
    }
    return qiop_spawn(argv, pipes, options, &c->child, errp);
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

QIOChannel *qio_channel_command_new_options(const char *const argv[], int flags,
                                            const QIOSpawnOptions *options,
                                            QIOError **errp)
{
    struct qiop_command *c;
    QIOChannel *ioc;
    unsigned pipes;

    if (!argv || !argv[0] || pipes_for(flags, &pipes) < 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "a command needs a program and O_RDONLY, O_WRONLY or "
                      "O_RDWR");
        return NULL;
    }
    ioc = qio_channel_alloc(&command_ops, sizeof(struct qiop_command), errp);
    if (!ioc) {
        return NULL;
    }
    c = qio_channel_private(ioc);
    c->child = QIOP_SPAWN_NONE;
    c->retired_stdin = -1;
    if (start(c, argv, pipes, options, errp) < 0) {
        qio_channel_unref(ioc);
        return NULL;
    }
    return ioc;
}

QIOChannel *qio_channel_command_new_spawn(const char *const argv[], int flags,
                                          QIOError **errp)
{
    return qio_channel_command_new_options(argv, flags, NULL, errp);
}

struct qiop_command *qiop_command_get(const QIOChannel *ioc, QIOError **errp)
{
    struct qiop_command *c = qio_channel_private_if(ioc, &command_ops);

    if (!c) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "not a command channel");
    }
    return c;
}

pid_t qio_channel_command_pid(const QIOChannel *ioc)
{
    struct qiop_command *c = qiop_command_get(ioc, NULL);

    return c ? c->child.pid : -1;
}

int qio_channel_command_pidfd(const QIOChannel *ioc)
{
    struct qiop_command *c = qiop_command_get(ioc, NULL);

    return c ? c->child.pidfd : -1;
}
