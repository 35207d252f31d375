/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Socket channels: TCP, MPTCP and vsock streams (and a unix address is
 * accepted too and gives a unix channel: see <qio/channel-unix.h>).
 */
#ifndef QIO_CHANNEL_SOCKET_H
#define QIO_CHANNEL_SOCKET_H

#include <qio/channel.h>

QIO_BEGIN_DECLS

/*
 * qio_channel_socket_new: a channel that will connect to addr when it is
 * opened. Host names are resolved then, in a short-lived helper thread, and
 * several addresses are raced (RFC 8305). addr is copied. A UNIX address gives
 * a unix channel, an FD address adopts the descriptor, which must be a
 * connected stream socket.
 *
 * Returns: an opening channel, or NULL.
 * Errors: QIO_ERROR_INVALID, QIO_ERROR_UNSUPPORTED, QIO_ERROR_NOMEM.
 * Opening fails with QIO_ERROR_RESOLVE, QIO_ERROR_CONNECT, QIO_ERROR_TIMEOUT.
 * Since: 0.1
 */
QIO_API QIOChannel *qio_channel_socket_new(const QIOAddress *addr,
                                           QIOError **errp) QIO_MUST_CHECK;

/* The same and opened: connect within timeout_ms (-1: the kernel's limit).
 * Blocks. Since: 0.1 */
QIO_API QIOChannel *qio_channel_socket_connect_sync(
    const QIOAddress *addr, int timeout_ms, QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_channel_socket_new_fd: adopt a connected stream socket of any family; a
 * unix socket gives a unix channel. The descriptor's O_NONBLOCK is neither
 * used nor changed.
 *
 * Returns: an open channel that owns fd; on failure NULL, and the caller still
 *   owns fd.
 * Errors: QIO_ERROR_INVALID: not a connected stream socket. Since: 0.1
 */
QIO_API QIOChannel *qio_channel_socket_new_fd(int fd,
                                              QIOError **errp) QIO_MUST_CHECK;

/* Size of the kernel's send buffer (SO_SNDBUF), in bytes. Since: 0.1 */
QIO_API int qio_channel_socket_set_send_buffer(QIOChannel *ioc, int bytes,
                                               QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_channel_socket_enable_zero_copy: from now on a write with
 * QIO_CHANNEL_WRITE_FLAG_ZERO_COPY leaves the bytes where they are and lets the
 * network card fetch them (MSG_ZEROCOPY). TCP only, connected, accepted or
 * adopted; nobody must have written to the socket so before. Gives the channel
 * QIO_CHANNEL_FEATURE_WRITE_ZERO_COPY.
 *
 * It pays for writes of hundreds of KiB over fast networks. Writes below 32 KiB
 * are copied; all are as soon as the kernel turns out to copy anyway, as it
 * does for loopback, or to lock no memory for it (RLIMIT_MEMLOCK).
 *
 * Returns: 0, or -1 and nothing has changed.
 * Errors: QIO_ERROR_UNSUPPORTED: no TCP, or the kernel cannot;
 *   QIO_ERROR_STATE: not connected; QIO_ERROR_NOMEM.
 * Threads: not while another thread writes. Since: 0.1
 */
QIO_API int qio_channel_socket_enable_zero_copy(QIOChannel *ioc,
                                                QIOError **errp) QIO_MUST_CHECK;

/* Writes with QIO_CHANNEL_WRITE_FLAG_ZERO_COPY, one for each system call. */
typedef struct QIOChannelSocketZeroCopy {
    uint64_t sent;      /* not copied by us */
    uint64_t completed; /* of these: the memory is not in use any more */
    uint64_t copied;    /* ... but the kernel had copied it */
    uint64_t refused;   /* copied by us for want of memory to lock */
    bool active;        /* false: more are not tried, it does not pay */
} QIOChannelSocketZeroCopy;

/* Whether it was enabled, and what became of it; all 0 if not.
 * Threads: any. Since: 0.1 */
QIO_API bool qio_channel_socket_get_zero_copy(const QIOChannel *ioc,
                                              QIOChannelSocketZeroCopy *stats);

/* Whether the connection really speaks MPTCP; false after the kernel or the
 * peer fell back to TCP, and for channels of any other type. Since: 0.1 */
QIO_API bool qio_channel_socket_is_mptcp(const QIOChannel *ioc);

/* The descriptor, borrowed; -1 for other types or before it is connected. For
 * socket options; whoever reads or writes it breaks the channel. Accepts
 * socket and unix channels. Since: 0.1 */
QIO_API int qio_channel_socket_get_fd(const QIOChannel *ioc);

QIO_END_DECLS

#endif
