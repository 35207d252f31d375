/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unix stream sockets, with descriptor passing and peer credentials
 * (qio_channel_get_peer_cred()).
 *
 * Passing: up to QIO_CHANNEL_UNIX_MAX_FDS descriptors go with the first byte
 * of a write. Descriptors that arrive and are not asked for are closed; when
 * the kernel had to drop some (MSG_CTRUNC) the read fails with
 * QIO_ERROR_FD_TRUNCATED.
 */
#ifndef QIO_CHANNEL_UNIX_H
#define QIO_CHANNEL_UNIX_H

#include <qio/channel.h>

QIO_BEGIN_DECLS

/* Linux' SCM_MAX_FD; more in one write is QIO_ERROR_INVALID. */
#define QIO_CHANNEL_UNIX_MAX_FDS 253

/* A channel that will connect to a UNIX address when opened. addr is copied.
 * Errors: QIO_ERROR_INVALID (another type, a name too long). Since: 0.1 */
QIO_API QIOChannel *qio_channel_unix_new(const QIOAddress *addr,
                                         QIOError **errp) QIO_MUST_CHECK;

/* Adopt a connected unix stream socket; as qio_channel_socket_new_fd().
 * Since: 0.1 */
QIO_API QIOChannel *qio_channel_unix_new_fd(int fd,
                                            QIOError **errp) QIO_MUST_CHECK;

/* Two open channels connected to each other. Returns 0 or -1. Since: 0.1 */
QIO_API int qio_channel_unix_pair(QIOChannel *pair[2],
                                  QIOError **errp) QIO_MUST_CHECK;

QIO_END_DECLS

#endif
