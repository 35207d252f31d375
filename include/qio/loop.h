/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QIOLoop: waiting for many channels, descriptors and times at once.
 *
 * A loop runs by itself (qio_loop_run) or inside any other main loop, because
 * it is one descriptor: qio_loop_get_fd() becomes readable when there is work,
 * also when a layer holds bytes or a timer is due, and then
 * qio_loop_dispatch() does it without ever blocking. Any number of loops may
 * run in as many threads.
 *
 * Threads: a loop with its timers and watches belongs to one thread at a time,
 * the one that runs or dispatches it; callbacks run there. From any other
 * thread: qio_loop_quit(), qio_loop_invoke(), and what <qio/task.h> says of
 * tasks. A channel that is watched may be read, written and shut down by other
 * threads as <qio/channel.h> says, but is closed only in the loop's thread.
 *
 * Callbacks may add, change and free any watch and timer, the running one too.
 * One round gives each ready watch one call, so that none starves the others.
 *
 * Destroy functions (all may be NULL) run exactly once, in the loop's thread:
 * when the thing is removed, when the loop is freed, and when the call that
 * should have made it fails.
 */
#ifndef QIO_LOOP_H
#define QIO_LOOP_H

#include <qio/channel.h>

QIO_BEGIN_DECLS

typedef struct QIOLoop QIOLoop;
typedef struct QIOTimer QIOTimer;
typedef struct QIOWatch QIOWatch;

typedef void QIODestroyFunc(void *opaque);

/* ---- the loop ---- */

/* Returns a new loop, or NULL (QIO_ERROR_NOMEM, QIO_ERROR_SYSTEM: no
 * descriptor). Uses two descriptors, and one more once it is embedded.
 * Since: 0.1 */
QIO_API QIOLoop *qio_loop_new(QIOError **errp) QIO_MUST_CHECK;

/* Removes all watches, stops all timers, cancels all tasks and runs their
 * callbacks (QIO_ERROR_CANCELLED), then frees; timers become useless, but are
 * still to be freed. Blocks only for work that qio_task_run_in_thread() has
 * under way. Not from one of its callbacks. NULL is allowed. Since: 0.1 */
QIO_API void qio_loop_free(QIOLoop *loop);

/* Run callbacks until qio_loop_quit(); one that came before counts. Returns 0,
 * or -1.
 * Errors: QIO_ERROR_STATE (from one of its callbacks), QIO_ERROR_SYSTEM.
 * Since: 0.1 */
QIO_API int qio_loop_run(QIOLoop *loop, QIOError **errp) QIO_MUST_CHECK;

/* Make the running, or else the next, qio_loop_run() return after the round
 * that it is in. Threads: any. Since: 0.1 */
QIO_API void qio_loop_quit(QIOLoop *loop);

/* One round: wait for work at most timeout_ms (-1: no limit) and do what there
 * is. Returns 1 when something was done, 0 when not, -1. Since: 0.1 */
QIO_API int qio_loop_step(QIOLoop *loop, int timeout_ms,
                          QIOError **errp) QIO_MUST_CHECK;

/* ---- inside another loop ---- */

/* The descriptor that is readable (POLLIN) while there is work; level, not
 * edge: it stays so until qio_loop_dispatch() has done it all. Borrowed, the
 * same for the loop's whole life. -1 on error. Since: 0.1 */
QIO_API int qio_loop_get_fd(QIOLoop *loop, QIOError **errp) QIO_MUST_CHECK;

/* qio_loop_step() without waiting. Since: 0.1 */
QIO_API int qio_loop_dispatch(QIOLoop *loop, QIOError **errp) QIO_MUST_CHECK;

/* ---- from other threads ---- */

/*
 * qio_loop_invoke: have fn(opaque) called in the loop's thread, soon; calls
 * run in the order in which they were asked for. When the loop is freed first,
 * fn is not called any more, destroy(opaque) is.
 * Returns 0, or -1 (QIO_ERROR_NOMEM). Threads: any. Since: 0.1
 */
typedef void QIOInvokeFunc(void *opaque);
QIO_API int qio_loop_invoke(QIOLoop *loop, QIOInvokeFunc *fn, void *opaque,
                            QIODestroyFunc *destroy,
                            QIOError **errp) QIO_MUST_CHECK;

/* ---- timers ---- */

/*
 * qio_timer_new: a timer that calls fn(timer, opaque), not started.
 * qio_timer_start: call after delay_ms, and when interval_ms is not 0 every
 *   interval_ms after that; ticks that were missed are left out. A timer that
 *   runs is started anew. Never early. Timers that are due together are called
 *   by their times, and those of the same time in the order of starting.
 * qio_timer_stop: harmless when it does not run.
 * qio_timer_free: stops and frees; NULL is allowed.
 *
 * A timer that is not freed is not freed by anything else. Since: 0.1
 */
typedef void QIOTimerFunc(QIOTimer *timer, void *opaque);
QIO_API QIOTimer *qio_timer_new(QIOLoop *loop, QIOTimerFunc *fn, void *opaque,
                                QIOError **errp) QIO_MUST_CHECK;
QIO_API int qio_timer_start(QIOTimer *timer, int delay_ms, int interval_ms,
                            QIOError **errp) QIO_MUST_CHECK;
QIO_API void qio_timer_stop(QIOTimer *timer);
QIO_API void qio_timer_free(QIOTimer *timer);

/* ---- watches ---- */

/*
 * qio_channel_add_watch: call fn whenever one of `events` (QIO_EVENT_IN, _OUT)
 * may hold. HUP and ERR are always delivered, asked for or not; 0 waits for
 * those alone. Events are levels: as long as one holds, fn is called again in
 * every round. Bytes that a layer holds count as IN. For layers an event may
 * come too early; the next call then says QIO_CHANNEL_ERR_BLOCK, so watched
 * channels are used in non-blocking mode. As long as there is a watch, what
 * layers hold of earlier writes is flushed by the loop; if that fails, the
 * watch gets ERR once, and the next write says why.
 *
 * fn returns whether to keep the watch. A channel may have several watches, in
 * several loops. The watch holds a reference on the channel. When the channel
 * is closed, the watch gets HUP and ERR until it is removed.
 *
 * Returns: the watch, valid until it is removed; NULL with destroy(opaque)
 *   called.
 * Errors: QIO_ERROR_STATE: not open; QIO_ERROR_NOMEM. Since: 0.1
 */
typedef bool QIOWatchFunc(QIOChannel *ioc, unsigned events, void *opaque);
QIO_API QIOWatch *qio_channel_add_watch(QIOChannel *ioc, QIOLoop *loop,
                                        unsigned events, QIOWatchFunc *fn,
                                        void *opaque, QIODestroyFunc *destroy,
                                        QIOError **errp) QIO_MUST_CHECK;

/* The same for a descriptor that is no channel (a signalfd, a pidfd ...), which
 * stays the caller's. Remove the watch before closing it. Since: 0.1 */
typedef bool QIOFDWatchFunc(int fd, unsigned events, void *opaque);
QIO_API QIOWatch *qio_loop_add_fd_watch(QIOLoop *loop, int fd, unsigned events,
                                        QIOFDWatchFunc *fn, void *opaque,
                                        QIODestroyFunc *destroy,
                                        QIOError **errp) QIO_MUST_CHECK;

/* Wait for other events from now on. Since: 0.1 */
QIO_API void qio_watch_set_events(QIOWatch *watch, unsigned events);

/* Its function is not called any more; destroy runs now, or when the watch's
 * own callback, if that is where this is called, has returned. Since: 0.1 */
QIO_API void qio_watch_remove(QIOWatch *watch);

QIO_END_DECLS

#endif
