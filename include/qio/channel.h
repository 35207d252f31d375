/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QIOChannel: a bidirectional stream of bytes. For people who use channels;
 * people who write channel types also read <qio/channel-ops.h>.
 *
 * Life: a channel is *opening*, *open*, possibly shut for writing, *closed*. It
 * goes this way once; there is no reset or reconnect. Some types are open
 * from birth (a pair of sockets, a file); those that connect or shake hands
 * are opened with qio_channel_open_sync(). Opening a layer (TLS) opens what is
 * beneath it first.
 *
 * Blocking: a channel is born blocking: a call waits until it made progress,
 * or the timeout of qio_channel_set_timeout() passed, or another thread called
 * qio_channel_shutdown(). In non-blocking mode it returns
 * QIO_CHANNEL_ERR_BLOCK instead of waiting. The mode belongs to the object
 * that you call, not to the channel beneath or to a descriptor.
 *
 * Threads: one thread that reads and one that writes may use a channel at
 * once, during TLS key updates too. qio_channel_shutdown(), _ref() and
 * _unref() may be called from any thread at any time. Everything else: one
 * thread at a time.
 *
 * Errors common to all I/O calls: QIO_ERROR_STATE (not open),
 * QIO_ERROR_CLOSED, QIO_ERROR_SHUTDOWN (this side shut that direction, also
 * while the call was waiting), QIO_ERROR_TIMEOUT, QIO_ERROR_NOMEM, and what
 * the transport says (QIO_ERROR_BROKEN, QIO_ERROR_SYSTEM ...). SIGPIPE is
 * never raised, EINTR never seen.
 */
#ifndef QIO_CHANNEL_H
#define QIO_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <qio/address.h>
#include <qio/error.h>

QIO_BEGIN_DECLS

typedef struct QIOChannel QIOChannel;

/* Returned instead of a count when nothing can be done without waiting;
 * no error is set. */
#define QIO_CHANNEL_ERR_BLOCK (-2)

typedef enum QIOChannelFeature {
    QIO_CHANNEL_FEATURE_FD_PASS = 1 << 0,       /* descriptors travel along */
    QIO_CHANNEL_FEATURE_SHUTDOWN = 1 << 1,      /* directions end separately */
    QIO_CHANNEL_FEATURE_READ_MSG_PEEK = 1 << 2, /* QIO_CHANNEL_READ_FLAG_... */
    QIO_CHANNEL_FEATURE_SEEKABLE = 1 << 3,      /* has a position */
    QIO_CHANNEL_FEATURE_WRITE_ZERO_COPY = 1 << 4, /* QIO_CHANNEL_WRITE_... */
} QIOChannelFeature;

/* Flags for reading: look without taking (needs the feature). */
#define QIO_CHANNEL_READ_FLAG_MSG_PEEK 0x1
/* Take the end of a TLS stream without close_notify, or of a websocket without
 * close frame, as a normal end of file.
 * An attacker can then cut the stream unnoticed: only for streams that carry
 * their own end. */
#define QIO_CHANNEL_READ_FLAG_RELAXED_EOF 0x2

/* For writing: the bytes may be sent from where they are, which the feature
 * allows (see qio_channel_socket_enable_zero_copy()). That a write has returned
 * does not mean then that they were sent: the memory must stay as it is until
 * qio_channel_flush() has returned 0. When the channel is closed before that,
 * or a flush fails, what the peer gets of memory that changes is undefined. */
#define QIO_CHANNEL_WRITE_FLAG_ZERO_COPY 0x1

typedef enum QIOChannelShutdown {
    QIO_CHANNEL_SHUTDOWN_READ = 1,
    QIO_CHANNEL_SHUTDOWN_WRITE = 2,
    QIO_CHANNEL_SHUTDOWN_BOTH = 3,
} QIOChannelShutdown;

/* Conditions to wait for. HUP and ERR are always delivered. */
typedef enum QIOEvent {
    QIO_EVENT_IN = 1 << 0,
    QIO_EVENT_OUT = 1 << 1,
    QIO_EVENT_HUP = 1 << 2,
    QIO_EVENT_ERR = 1 << 3,
    /* "whatever opening waits for"; used by channel types */
    QIO_EVENT_OPEN = 1 << 4,
    /* "whatever flushing waits for"; used by channel types */
    QIO_EVENT_FLUSH = 1 << 5,
} QIOEvent;

/* ---- object ---- */

/* Another reference. Returns ioc. Threads: any. Since: 0.1 */
QIO_API QIOChannel *qio_channel_ref(QIOChannel *ioc);

/* Drop a reference; with the last one the channel is closed, if it is not yet,
 * and freed. NULL is allowed. Never blocks. Threads: any. Since: 0.1 */
QIO_API void qio_channel_unref(QIOChannel *ioc);

/* A name for messages and traces, copied; the type's name by default.
 * Returns 0, or -1 without memory. Since: 0.1 */
QIO_API int qio_channel_set_name(QIOChannel *ioc, const char *name,
                                 QIOError **errp) QIO_MUST_CHECK;
QIO_API const char *qio_channel_name(const QIOChannel *ioc);

/* Name of the type: "socket", "tls" ... Static. Since: 0.1 */
QIO_API const char *qio_channel_type_name(const QIOChannel *ioc);

/* The channel beneath a layer, NULL for a leaf. Borrowed. Since: 0.1 */
QIO_API QIOChannel *qio_channel_base(const QIOChannel *ioc);

/* Whether the channel has the feature; for those that connect, once they are
 * open. Threads: any. Since: 0.1 */
QIO_API bool qio_channel_has_feature(const QIOChannel *ioc,
                                     QIOChannelFeature feature);

/* Trace lines of this channel go to fn, from whatever thread uses the channel;
 * NULL turns tracing off (the default). fn must not call the channel.
 * Set it before the channel is shared. Since: 0.1 */
typedef void QIOChannelTraceFunc(QIOChannel *ioc, const char *line,
                                 void *opaque);
QIO_API void qio_channel_set_trace(QIOChannel *ioc, QIOChannelTraceFunc *fn,
                                   void *opaque);

/* ---- opening ---- */

/* Whether the channel is open (and not closed). Threads: any. Since: 0.1 */
QIO_API bool qio_channel_is_open(const QIOChannel *ioc);

/*
 * qio_channel_open_sync: open the whole stack under and including ioc.
 * timeout_ms: -1 waits without limit. Opening an open channel succeeds at once.
 *
 * Returns: 0, or -1. After QIO_ERROR_TIMEOUT the call may be repeated to go on
 *   waiting; after any other error the channel stays unusable.
 * Errors: those of the types involved, e.g. QIO_ERROR_CONNECT,
 *   QIO_ERROR_TLS_VERIFY; QIO_ERROR_SHUTDOWN when another thread ended it.
 * Threads: one. Blocks. Since: 0.1
 */
QIO_API int qio_channel_open_sync(QIOChannel *ioc, int timeout_ms,
                                  QIOError **errp) QIO_MUST_CHECK;

/* ---- modes ---- */

/* Blocking (the default) or not. Since: 0.1 */
QIO_API void qio_channel_set_blocking(QIOChannel *ioc, bool enabled);
QIO_API bool qio_channel_is_blocking(const QIOChannel *ioc);

/* How long each later blocking call may take in all, in milliseconds; -1
 * (the default) for no limit. A call that runs out fails with
 * QIO_ERROR_TIMEOUT; what it had already read or written stays read or
 * written. Since: 0.1 */
QIO_API void qio_channel_set_timeout(QIOChannel *ioc, int timeout_ms);

/*
 * qio_channel_wait: wait until one of `events` may be true.
 *
 * Returns: the events that hold (for layers possibly too early: the next call
 *   may still say BLOCK), 0 after timeout_ms (-1: no limit), -1 on error.
 * Threads: a reader may wait for IN while a writer waits for OUT.
 * Blocks. Since: 0.1
 */
QIO_API int qio_channel_wait(QIOChannel *ioc, unsigned events, int timeout_ms,
                             QIOError **errp) QIO_MUST_CHECK;

/* ---- one try (or, in blocking mode, wait and one try) ---- */

/*
 * qio_channel_readv_full: read into iov[0..niov).
 * fds, nfds: both NULL, or (FD_PASS only) receive descriptors that came along:
 *   *fds is an array to free() and *nfds its length, the descriptors belong to
 *   the caller, are close-on-exec, and keep their blocking mode. (NULL, 0) when
 *   none came.
 * flags: QIO_CHANNEL_READ_FLAG_*.
 *
 * Returns: bytes read (at least 1), 0 at the end of the stream (and when iov
 *   has no room), QIO_CHANNEL_ERR_BLOCK, or -1.
 * Errors: also QIO_ERROR_FD_TRUNCATED: descriptors were lost on the way (those
 *   that did arrive are closed); QIO_ERROR_TLS_TRUNCATED,
 *   QIO_ERROR_WEBSOCKET_TRUNCATED; QIO_ERROR_INVALID for fds or flags without
 *   the feature.
 * Since: 0.1
 */
QIO_API ssize_t qio_channel_readv_full(QIOChannel *ioc, const struct iovec *iov,
                                       size_t niov, int **fds, size_t *nfds,
                                       int flags,
                                       QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_channel_writev_full: write from iov[0..niov).
 * fds, nfds: descriptors to send along (FD_PASS only); the caller keeps his.
 *   They go with the first byte if the result is positive, else not at all.
 * flags: QIO_CHANNEL_WRITE_FLAG_ZERO_COPY; QIO_ERROR_INVALID without the
 *   feature, and together with descriptors.
 *
 * Returns: bytes accepted (possibly fewer than given; 0 only for empty iov),
 *   QIO_CHANNEL_ERR_BLOCK, or -1. In blocking mode all accepted bytes have
 *   reached the lowest channel; in non-blocking mode a layer may still hold
 *   them: see qio_channel_flush().
 * Since: 0.1
 */
QIO_API ssize_t qio_channel_writev_full(QIOChannel *ioc,
                                        const struct iovec *iov, size_t niov,
                                        const int *fds, size_t nfds, int flags,
                                        QIOError **errp) QIO_MUST_CHECK;

/* The same without descriptors and flags. Since: 0.1 */
QIO_API ssize_t qio_channel_readv(QIOChannel *ioc, const struct iovec *iov,
                                  size_t niov, QIOError **errp) QIO_MUST_CHECK;
QIO_API ssize_t qio_channel_writev(QIOChannel *ioc, const struct iovec *iov,
                                   size_t niov, QIOError **errp) QIO_MUST_CHECK;
QIO_API ssize_t qio_channel_read(QIOChannel *ioc, void *buf, size_t len,
                                 QIOError **errp) QIO_MUST_CHECK;
QIO_API ssize_t qio_channel_write(QIOChannel *ioc, const void *buf, size_t len,
                                  QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_channel_flush: move what layers have accepted but still hold down to the
 * lowest channel, and wait until memory that was written with
 * QIO_CHANNEL_WRITE_FLAG_ZERO_COPY is the caller's again: for a peer that reads
 * slowly that takes as long as the peer does. Returns 0 when nothing is held
 * any more, QIO_CHANNEL_ERR_BLOCK (non-blocking mode), or -1. Since: 0.1
 */
QIO_API int qio_channel_flush(QIOChannel *ioc, QIOError **errp) QIO_MUST_CHECK;

/* ---- until all is done; these wait in non-blocking mode too ---- */

/*
 * qio_channel_readv_full_all_eof: fill iov completely.
 * Descriptors are collected over the whole read.
 *
 * Returns: 1 when filled; 0 when the stream ended before the first byte (no
 *   error); -1 on error, descriptors received by then are closed.
 * Errors: also QIO_ERROR_EOF: the stream ended in the middle. Since: 0.1
 */
QIO_API int qio_channel_readv_full_all_eof(QIOChannel *ioc,
                                           const struct iovec *iov, size_t niov,
                                           int **fds, size_t *nfds, int flags,
                                           QIOError **errp) QIO_MUST_CHECK;
/* The same, and any end of the stream is QIO_ERROR_EOF: 0 or -1. Since: 0.1 */
QIO_API int qio_channel_readv_full_all(QIOChannel *ioc, const struct iovec *iov,
                                       size_t niov, int **fds, size_t *nfds,
                                       int flags,
                                       QIOError **errp) QIO_MUST_CHECK;
QIO_API int qio_channel_readv_all_eof(QIOChannel *ioc, const struct iovec *iov,
                                      size_t niov,
                                      QIOError **errp) QIO_MUST_CHECK;
QIO_API int qio_channel_readv_all(QIOChannel *ioc, const struct iovec *iov,
                                  size_t niov, QIOError **errp) QIO_MUST_CHECK;
QIO_API int qio_channel_read_all_eof(QIOChannel *ioc, void *buf, size_t len,
                                     QIOError **errp) QIO_MUST_CHECK;
QIO_API int qio_channel_read_all(QIOChannel *ioc, void *buf, size_t len,
                                 QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_channel_writev_full_all: write all of iov and flush it; descriptors go
 * with the first byte. iov is not changed, any number of pieces is allowed.
 * With QIO_CHANNEL_WRITE_FLAG_ZERO_COPY the memory is in use afterwards, until
 * qio_channel_flush().
 * Returns: 0, or -1. Since: 0.1
 */
QIO_API int qio_channel_writev_full_all(QIOChannel *ioc,
                                        const struct iovec *iov, size_t niov,
                                        const int *fds, size_t nfds, int flags,
                                        QIOError **errp) QIO_MUST_CHECK;
QIO_API int qio_channel_writev_all(QIOChannel *ioc, const struct iovec *iov,
                                   size_t niov, QIOError **errp) QIO_MUST_CHECK;
QIO_API int qio_channel_write_all(QIOChannel *ioc, const void *buf, size_t len,
                                  QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_channel_copy: read from src and write to dst until src ends or `limit`
 * bytes (0: no limit) are through. Does not shut dst down.
 * copied: may be NULL; the bytes that reached dst, on failure too.
 * The channels' timeouts are for each read and each write, not for the whole.
 * Between pipes, TCP and unix sockets without a layer the kernel moves the
 * bytes where that is cheaper (splice(2), through a pipe made for the call);
 * where it cannot, they are read and written.
 * Returns: 0, or -1; the message names the side that failed. Since: 0.1
 */
QIO_API int qio_channel_copy(QIOChannel *src, QIOChannel *dst, uint64_t limit,
                             uint64_t *copied, QIOError **errp) QIO_MUST_CHECK;

/* ---- ending ---- */

/*
 * qio_channel_shutdown: end one direction or both.
 * WRITE tells the peer that no more bytes come (FIN; close_notify, RFC 8446
 * §6.1), after everything written before; if that cannot be sent at once it is
 * queued, and qio_channel_flush() waits for it. READ makes reads fail with
 * QIO_ERROR_SHUTDOWN. Calls waiting in that direction return with
 * QIO_ERROR_SHUTDOWN. Shutting down twice is harmless.
 *
 * Returns: 0, or -1.
 * Errors: QIO_ERROR_UNSUPPORTED when the transport cannot; the local effect
 *   (waiters end, further calls fail) is there nevertheless.
 * Threads: any, at any time before the last unref. Never blocks. Since: 0.1
 */
QIO_API int qio_channel_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                                 QIOError **errp);

/*
 * qio_channel_bye_sync: say goodbye: shut WRITE down and flush, so that
 * everything written before, and close_notify (RFC 8446 §6.1) or the close
 * frame, has been taken by the lowest channel. A transport that cannot end one
 * direction is flushed only. The channel stays open for reading: read until 0
 * for the peer's goodbye.
 * timeout_ms: for all of it, -1 for none; the channel's own does not count.
 *
 * Returns: 0, or -1 with the goodbye still queued; it may be called again.
 * Errors: QIO_ERROR_TIMEOUT, QIO_ERROR_SHUTDOWN (another thread has shut both
 *   directions down), or what broke the transport.
 * May block, in either mode. Threads: a writer's. Since: 0.1
 */
QIO_API int qio_channel_bye_sync(QIOChannel *ioc, int timeout_ms,
                                 QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_channel_close: close the whole stack, from ioc downwards. A layer tries
 * to send what it holds and its goodbye, without waiting; call
 * qio_channel_bye_sync() first where that matters.
 * Closing twice is harmless. No other call may be running.
 *
 * Returns: 0, or -1 with the first failure; closed in any case.
 * Never blocks. Since: 0.1
 */
QIO_API int qio_channel_close(QIOChannel *ioc, QIOError **errp);

/* ---- position (SEEKABLE) ---- */

/* lseek(2) semantics. Returns the new position or -1. Since: 0.1 */
QIO_API off_t qio_channel_io_seek(QIOChannel *ioc, off_t offset, int whence,
                                  QIOError **errp) QIO_MUST_CHECK;
/* Read or write at an offset without moving the position; results as readv
 * and writev. Errors: QIO_ERROR_UNSUPPORTED without SEEKABLE. Since: 0.1 */
QIO_API ssize_t qio_channel_preadv(QIOChannel *ioc, const struct iovec *iov,
                                   size_t niov, off_t offset,
                                   QIOError **errp) QIO_MUST_CHECK;
QIO_API ssize_t qio_channel_pread(QIOChannel *ioc, void *buf, size_t len,
                                  off_t offset, QIOError **errp) QIO_MUST_CHECK;
QIO_API ssize_t qio_channel_pwritev(QIOChannel *ioc, const struct iovec *iov,
                                    size_t niov, off_t offset,
                                    QIOError **errp) QIO_MUST_CHECK;
QIO_API ssize_t qio_channel_pwrite(QIOChannel *ioc, const void *buf, size_t len,
                                   off_t offset,
                                   QIOError **errp) QIO_MUST_CHECK;

/* ---- hints and facts ---- */

/*
 * Hints, ignored where they mean nothing. Never block. Threads: a writer's.
 * Since: 0.1
 *
 * qio_channel_set_delay: off is TCP_NODELAY, which sockets that the library
 * connects or accepts have from the start; a descriptor of the caller's is left
 * as it is.
 *
 * qio_channel_set_cork: on says that more will be written soon, so that small
 * writes may leave together. TCP holds partial segments back (TCP_CORK, 200 ms
 * at most); a TLS channel holds its records until they are a batch
 * (qio_channel_tls_set_buffers()), without a time limit; no layer is flushed
 * after a write. What is held leaves with qio_channel_flush(), with the end
 * (shutdown, close), or when the cork is lifted: then it is tried at once, and
 * what the transport does not take goes with the next call or in the loop. So
 * lift it, or flush, before waiting for an answer. Worth it for writes below
 * 64 KiB; larger ones are batches already.
 */
QIO_API void qio_channel_set_delay(QIOChannel *ioc, bool enabled);
QIO_API void qio_channel_set_cork(QIOChannel *ioc, bool enabled);

/* Addresses of the transport, found through layers too. The caller frees them.
 * Errors: QIO_ERROR_UNSUPPORTED for transports without. Since: 0.1 */
QIO_API QIOAddress *qio_channel_get_local_address(
    QIOChannel *ioc, QIOError **errp) QIO_MUST_CHECK;
QIO_API QIOAddress *qio_channel_get_remote_address(
    QIOChannel *ioc, QIOError **errp) QIO_MUST_CHECK;

/* Who is at the other end of a unix socket, as the kernel recorded it when the
 * connection was made (SO_PEERCRED). Any pointer may be NULL. Since: 0.1 */
QIO_API int qio_channel_get_peer_cred(QIOChannel *ioc, pid_t *pid, uid_t *uid,
                                      gid_t *gid,
                                      QIOError **errp) QIO_MUST_CHECK;

/* The library's version, "0.1.0". Static. Since: 0.1 */
QIO_API const char *qio_version(void);

QIO_END_DECLS

#endif
