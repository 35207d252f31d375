/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a command is started, for qio_channel_command_new_options() in
 * <qio/channel-command.h>.
 *
 * Options are made, set and then used for any number of commands, which keep
 * nothing of them. One thread at a time may change them, any number may use
 * them meanwhile unchanged. Texts are copied.
 *
 * The setters return 0, or -1 with the options unchanged. Errors:
 * QIO_ERROR_INVALID, QIO_ERROR_NOMEM.
 */
#ifndef QIO_SPAWN_H
#define QIO_SPAWN_H

#include <stddef.h>
#include <qio/error.h>

QIO_BEGIN_DECLS

typedef struct QIOSpawnOptions QIOSpawnOptions;

/* New options, with the defaults that the setters name; NULL without memory.
 * Free them with qio_spawn_options_free(); NULL is allowed. Since: 0.1 */
QIO_API QIOSpawnOptions *qio_spawn_options_new(QIOError **errp) QIO_MUST_CHECK;
QIO_API void qio_spawn_options_free(QIOSpawnOptions *o);

/*
 * qio_spawn_options_set_search: directories, separated by ':', in which a
 *   program whose name has no slash is looked for; an empty one is the working
 *   directory. "" for no search: the name is that of a file. NULL, the
 *   default: this process's PATH, also when the command gets another one.
 * Since: 0.1
 */
QIO_API int qio_spawn_options_set_search(QIOSpawnOptions *o, const char *dirs,
                                         QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_spawn_options_set_directory: the command's working directory; NULL, the
 *   default, for ours. Programs and search directories with relative names are
 *   looked for from there.
 * Since: 0.1
 */
QIO_API int qio_spawn_options_set_directory(QIOSpawnOptions *o,
                                            const char *directory,
                                            QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_spawn_options_set_env: a variable of the command's environment; value
 *   NULL leaves it out. The others are ours, as they are when the command is
 *   started.
 * qio_spawn_options_clear_env: none of ours, and none that was set before: only
 *   those that are set from now on.
 * Errors: also QIO_ERROR_INVALID for a name that is empty or has a '='.
 * Since: 0.1
 */
QIO_API int qio_spawn_options_set_env(QIOSpawnOptions *o, const char *name,
                                      const char *value,
                                      QIOError **errp) QIO_MUST_CHECK;
QIO_API void qio_spawn_options_clear_env(QIOSpawnOptions *o);

typedef enum QIOSpawnStderr {
    QIO_SPAWN_STDERR_INHERIT, /* ours */
    QIO_SPAWN_STDERR_DISCARD, /* /dev/null */
    QIO_SPAWN_STDERR_CAPTURE, /* the end of it is kept */
} QIOSpawnStderr;

/*
 * qio_spawn_options_set_stderr: where the command's standard error goes;
 *   QIO_SPAWN_STDERR_INHERIT by default.
 * keep: for CAPTURE, how many of its last bytes are kept, 1 to 1 MiB, all
 *   allocated at the start; else 0. They are in the message when the command
 *   fails, and qio_channel_command_get_stderr() gives them as they are.
 *
 * What is captured comes through a pipe, which the channel's own calls empty:
 * those that wait to read or write, a watch, qio_channel_command_wait() and
 * _terminate() and their tasks. Who uses none of them and lets a command write
 * more than the pipe holds (64 KiB), lets it wait. It is never killed for it,
 * also not after the channel is closed or freed. Since: 0.1
 */
QIO_API int qio_spawn_options_set_stderr(QIOSpawnOptions *o, QIOSpawnStderr how,
                                         size_t keep,
                                         QIOError **errp) QIO_MUST_CHECK;

QIO_END_DECLS

#endif
