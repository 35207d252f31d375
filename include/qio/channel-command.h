/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A channel to a child process: writes go to its standard input, reads come
 * from its standard output. No shell is involved.
 *
 * Closing the channel closes the pipes and neither waits nor kills. Ending is
 * explicit: qio_channel_command_wait(), qio_channel_command_terminate(), and as
 * tasks qio_channel_command_wait_async(), qio_channel_command_terminate_async()
 * of <qio/task.h>. What came from a command is whole only when it has ended
 * well: an end of the stream alone may be its death. A child that nobody waited
 * for is reaped when the channel is freed if it has ended by then; else a
 * detached thread of the library waits for it, so that it leaves no zombie
 * (without memory for the thread it stays one until this process ends).
 * Programs that mind that thread wait or terminate first.
 */
#ifndef QIO_CHANNEL_COMMAND_H
#define QIO_CHANNEL_COMMAND_H

#include <qio/channel.h>
#include <qio/spawn.h>

QIO_BEGIN_DECLS

/*
 * qio_channel_command_new_spawn: start argv[0] (looked up in PATH) with
 * argv[1..], NULL at the end. flags is O_RDONLY (read its output; its input is
 * /dev/null), O_WRONLY (its output is ours) or O_RDWR.
 *
 * Returns: an open channel, or NULL.
 * Errors: QIO_ERROR_COMMAND with the reason when it cannot be executed.
 * Since: 0.1
 */
QIO_API QIOChannel *qio_channel_command_new_spawn(
    const char *const argv[], int flags, QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_channel_command_new_options: the same with a working directory, an
 *   environment and so on of its own. options: used during the call only; NULL
 *   for the defaults.
 * Since: 0.1
 */
QIO_API QIOChannel *qio_channel_command_new_options(
    const char *const argv[], int flags, const QIOSpawnOptions *options,
    QIOError **errp) QIO_MUST_CHECK;

/* The child's process ID, -1 for channels of another type. Since: 0.1 */
QIO_API pid_t qio_channel_command_pid(const QIOChannel *ioc);

/* A descriptor that is readable (POLLIN) from when the child has ended, for
 * qio_loop_add_fd_watch() or another loop; qio_channel_command_wait() with a
 * timeout of 0 then tells how. Borrowed, the same until the channel is freed;
 * -1 for channels of another type and on kernels before 5.3. Since: 0.1 */
QIO_API int qio_channel_command_pidfd(const QIOChannel *ioc);

/*
 * qio_channel_command_get_stderr: the last bytes that the child wrote to its
 *   standard error so far, as many as QIO_SPAWN_STDERR_CAPTURE keeps.
 * len: may be NULL; how many. A NUL follows them.
 *
 * Returns: memory to free(), or NULL.
 * Errors: QIO_ERROR_INVALID: it is not captured; QIO_ERROR_NOMEM. Since: 0.1
 */
QIO_API char *qio_channel_command_get_stderr(QIOChannel *ioc, size_t *len,
                                             QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_channel_command_wait: wait until the child has ended, at most timeout_ms
 * (-1: no limit). Shut WRITE down first or it may wait for input.
 * status: may be NULL; as from waitpid(2).
 *
 * Returns: 0 when it exited with 0; -1 otherwise.
 * Errors: QIO_ERROR_TIMEOUT (it still runs; may be repeated),
 *   QIO_ERROR_COMMAND with exit status or signal, and the end of what it said
 *   where standard error is captured. Since: 0.1
 */
QIO_API int qio_channel_command_wait(QIOChannel *ioc, int timeout_ms,
                                     int *status,
                                     QIOError **errp) QIO_MUST_CHECK;

/* SIGTERM, then after grace_ms SIGKILL; returns when it has ended. 0, or -1
 * when signalling failed. Blocks. Since: 0.1 */
QIO_API int qio_channel_command_terminate(QIOChannel *ioc, int grace_ms,
                                          QIOError **errp);

QIO_END_DECLS

#endif
