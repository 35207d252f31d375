/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QIOTask: something that a loop does meanwhile.
 *
 * Every call that can wait has a form named …_async, which never waits, returns
 * a task, and tells of the end by a function:
 *
 *     task = qio_channel_open_async(ioc, loop, 5000, opened, me, NULL, &err);
 *
 *     static void opened(QIOTask *task, void *opaque)
 *     {
 *         QIOError *err = NULL;
 *
 *         if (qio_task_propagate_error(task, &err)) { … }
 *     }
 *
 * The callback runs exactly once, in the loop's thread, never within the call
 * that started or cancelled the task: with success, with the failure, with
 * QIO_ERROR_TIMEOUT when timeout_ms (-1: no limit) passed, or with
 * QIO_ERROR_CANCELLED. destroy(opaque) runs exactly once, after it. Either may
 * be NULL.
 *
 * When the starting call fails (QIO_ERROR_NOMEM, QIO_ERROR_INVALID …) it
 * returns NULL, destroy(opaque) has run, and the callback does not run.
 *
 * A task lives by itself until its callback has returned; who wants it longer,
 * or to cancel it at any time without minding whether it has ended, takes a
 * reference. A task that waits holds references on the channels it uses. A task
 * that ended early (failure, timeout, cancel) leaves them as they are: nothing
 * is closed, bytes may have been moved.
 */
#ifndef QIO_TASK_H
#define QIO_TASK_H

#include <qio/loop.h>

QIO_BEGIN_DECLS

typedef struct QIOTask QIOTask;

typedef void QIOTaskFunc(QIOTask *task, void *opaque);

/* Threads: any. Since: 0.1 */
QIO_API QIOTask *qio_task_ref(QIOTask *task);
QIO_API void qio_task_unref(QIOTask *task);

/* End the task with QIO_ERROR_CANCELLED, unless it has ended or is about to;
 * its callback tells. Threads: any. Never blocks. Since: 0.1 */
QIO_API void qio_task_cancel(QIOTask *task);

/* Whether it was cancelled or its time is over: for the worker of
 * qio_task_run_in_thread() to stop early. Threads: any. Since: 0.1 */
QIO_API bool qio_task_is_cancelled(const QIOTask *task);

/* ---- results: in the callback, and later by those who hold a reference ----
 */

/* Why it failed, NULL when it succeeded. Borrowed. Since: 0.1 */
QIO_API const QIOError *qio_task_error(const QIOTask *task);

/* Whether it failed; a copy of the reason goes to *errp. Since: 0.1 */
QIO_API bool qio_task_propagate_error(const QIOTask *task, QIOError **errp);

/* The channel that the task was about, or that it made; NULL when there is none
 * (a connection that failed). Borrowed: take a reference to keep it.
 * Since: 0.1 */
QIO_API QIOChannel *qio_task_channel(const QIOTask *task);

/* Bytes moved: read or written; for a copy, from the first channel to the
 * second, and back. Also after a failure. Since: 0.1 */
QIO_API uint64_t qio_task_bytes(const QIOTask *task);
QIO_API uint64_t qio_task_bytes_back(const QIOTask *task);

/* A pointer of the caller's own, for workers to hand something over; with the
 * function that frees it, unless it is taken, when the task is freed.
 * Threads: the worker's, until it returns; then the loop's. Since: 0.1 */
QIO_API void qio_task_set_result(QIOTask *task, void *result,
                                 QIODestroyFunc *destroy);
QIO_API void *qio_task_take_result(QIOTask *task);

/* ---- the caller's own blocking work ---- */

/*
 * qio_task_run_in_thread: run worker(task, opaque) in a thread of its own.
 * It returns 0, or -1 with *errp set. All signals are blocked there.
 *
 * A cancel or the end of timeout_ms does not wait for the worker: the callback
 * runs at once, and what the worker returns is dropped. destroy(opaque) runs
 * when both have returned. qio_loop_free() waits for workers.
 *
 * Errors: also QIO_ERROR_SYSTEM: no thread. Since: 0.1
 */
typedef int QIOTaskWorker(QIOTask *task, void *opaque, QIOError **errp);
QIO_API QIOTask *qio_task_run_in_thread(QIOLoop *loop, QIOTaskWorker *worker,
                                        int timeout_ms, QIOTaskFunc *fn,
                                        void *opaque, QIODestroyFunc *destroy,
                                        QIOError **errp);

/* ---- channels ---- */

/*
 * qio_channel_open_async: qio_channel_open_sync() of the whole stack under and
 * including ioc: resolving, connecting, handshakes. After any failure, a
 * timeout or cancel too, the channel is of no use any more but to be closed.
 * qio_channel_socket_connect_async: make a channel to addr and open it.
 * qio_channel_tls_handshake_async, qio_channel_websocket_handshake_async:
 *   qio_channel_open_async() under its familiar names.
 *
 * Errors: those of opening. Since: 0.1
 */
QIO_API QIOTask *qio_channel_open_async(QIOChannel *ioc, QIOLoop *loop,
                                        int timeout_ms, QIOTaskFunc *fn,
                                        void *opaque, QIODestroyFunc *destroy,
                                        QIOError **errp);
QIO_API QIOTask *qio_channel_socket_connect_async(const QIOAddress *addr,
                                                  QIOLoop *loop, int timeout_ms,
                                                  QIOTaskFunc *fn, void *opaque,
                                                  QIODestroyFunc *destroy,
                                                  QIOError **errp);
QIO_API QIOTask *qio_channel_tls_handshake_async(QIOChannel *ioc, QIOLoop *loop,
                                                 int timeout_ms,
                                                 QIOTaskFunc *fn, void *opaque,
                                                 QIODestroyFunc *destroy,
                                                 QIOError **errp);

QIO_API QIOTask *qio_channel_websocket_handshake_async(
    QIOChannel *ioc, QIOLoop *loop, int timeout_ms, QIOTaskFunc *fn,
    void *opaque, QIODestroyFunc *destroy, QIOError **errp);

/*
 * qio_channel_read_all_async: fill buf with len bytes. QIO_ERROR_EOF when the
 *   stream ends before.
 * qio_channel_write_all_async: write len bytes and flush them.
 *
 * buf stays the caller's and must not change (or go) before the callback. The
 * channel may be in either mode. One reader and one writer at a time, tasks and
 * other users together. Since: 0.1
 */
QIO_API QIOTask *qio_channel_read_all_async(
    QIOChannel *ioc, QIOLoop *loop, void *buf, size_t len, int timeout_ms,
    QIOTaskFunc *fn, void *opaque, QIODestroyFunc *destroy, QIOError **errp);
QIO_API QIOTask *qio_channel_write_all_async(
    QIOChannel *ioc, QIOLoop *loop, const void *buf, size_t len, int timeout_ms,
    QIOTaskFunc *fn, void *opaque, QIODestroyFunc *destroy, QIOError **errp);

/*
 * qio_channel_bye_async: what qio_channel_bye_sync() does: say goodbye, and see
 * to its leaving. Since: 0.1
 */
QIO_API QIOTask *qio_channel_bye_async(QIOChannel *ioc, QIOLoop *loop,
                                       int timeout_ms, QIOTaskFunc *fn,
                                       void *opaque, QIODestroyFunc *destroy,
                                       QIOError **errp);

/*
 * qio_channel_copy_async: copy from a to b until a ends, and with
 * QIO_COPY_BOTH_WAYS also from b to a until b ends. When one side ends, the
 * other side's WRITE is shut down and flushed: a half-close travels. Not more
 * than 256 KiB wait in each direction: a slow reader slows the writer down.
 * The kernel moves the bytes where qio_channel_copy() lets it, but with a socket
 * made by the caller only if that is O_NONBLOCK; the library's own become so.
 * The task ends when every direction has ended, or at the first failure.
 * flags: QIO_COPY_*. Bytes: qio_task_bytes(), qio_task_bytes_back(); the
 * message names the side that failed. Since: 0.1
 */
#define QIO_COPY_ONE_WAY 0x0
#define QIO_COPY_BOTH_WAYS 0x1
/* Leave the direction open when its source ends. */
#define QIO_COPY_KEEP_OPEN 0x2
QIO_API QIOTask *qio_channel_copy_async(QIOChannel *a, QIOChannel *b,
                                        QIOLoop *loop, unsigned flags,
                                        int timeout_ms, QIOTaskFunc *fn,
                                        void *opaque, QIODestroyFunc *destroy,
                                        QIOError **errp);

/* ---- commands ---- */

/*
 * qio_channel_command_wait_async: qio_channel_command_wait(). In the callback,
 *   and later, that function with a timeout of 0 gives the status. A command
 *   that runs on after timeout_ms, or a cancel, is left alone.
 * qio_channel_command_terminate_async: qio_channel_command_terminate():
 * SIGTERM, after grace_ms SIGKILL; it succeeds when the command has ended,
 * however it did. Cancelled, or late, it sends no more signals.
 *
 * What the command says to a captured standard error is read meanwhile. The
 * channel may be closed before. One of these at a time.
 * Errors: also QIO_ERROR_INVALID: no command. Since: 0.1
 */
QIO_API QIOTask *qio_channel_command_wait_async(QIOChannel *ioc, QIOLoop *loop,
                                                int timeout_ms, QIOTaskFunc *fn,
                                                void *opaque,
                                                QIODestroyFunc *destroy,
                                                QIOError **errp);
QIO_API QIOTask *qio_channel_command_terminate_async(
    QIOChannel *ioc, QIOLoop *loop, int grace_ms, int timeout_ms,
    QIOTaskFunc *fn, void *opaque, QIODestroyFunc *destroy, QIOError **errp);

/* ---- names ---- */

/*
 * qio_address_resolve_async: look the host and service names of addr up.
 * Addresses that hold no name come back as they are, whatever their type. All
 * other options stay. The answers are in the order in which to try them.
 *
 * qio_task_addresses: how many, and with i each; borrowed from the task.
 *
 * Uses a short-lived helper thread for names. Errors: QIO_ERROR_RESOLVE.
 * Since: 0.1
 */
QIO_API QIOTask *qio_address_resolve_async(const QIOAddress *addr,
                                           QIOLoop *loop, int timeout_ms,
                                           QIOTaskFunc *fn, void *opaque,
                                           QIODestroyFunc *destroy,
                                           QIOError **errp);
QIO_API size_t qio_task_addresses(const QIOTask *task);
QIO_API const QIOAddress *qio_task_address(const QIOTask *task, size_t i);

QIO_END_DECLS

#endif
