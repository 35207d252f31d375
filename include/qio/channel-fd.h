/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Channels over one or two descriptors that are not sockets: plain files,
 * pipes, ttys, other devices.
 *
 * Pipes and devices need O_NONBLOCK, which is shared with everybody who has
 * the same open file. It is switched on where it was off and switched back
 * when the channel closes.
 */
#ifndef QIO_CHANNEL_FD_H
#define QIO_CHANNEL_FD_H

#include <qio/channel.h>

QIO_BEGIN_DECLS

/*
 * qio_channel_fd_new: adopt a descriptor for both directions, as far as its
 *   access mode goes. A connected stream socket is adopted as one.
 * qio_channel_fd_new_pair: read from rfd and write to wfd; one may be -1. The
 *   two may be the same number. Shutting WRITE down closes wfd, so that the
 *   reader of a pipe sees the end.
 * qio_channel_fd_new_path: open(2) a path; flags as there (O_CLOEXEC is
 *   added), mode for O_CREAT.
 *
 * Returns: an open channel owning the descriptors; on failure NULL, and the
 *   caller still owns them.
 * Errors: QIO_ERROR_SYSTEM with the path in the message, QIO_ERROR_INVALID.
 * SEEKABLE when lseek works. May block in open(2) (fifos). Since: 0.1
 */
QIO_API QIOChannel *qio_channel_fd_new(int fd, QIOError **errp) QIO_MUST_CHECK;
QIO_API QIOChannel *qio_channel_fd_new_pair(int rfd, int wfd,
                                            QIOError **errp) QIO_MUST_CHECK;
QIO_API QIOChannel *qio_channel_fd_new_path(const char *path, int flags,
                                            mode_t mode,
                                            QIOError **errp) QIO_MUST_CHECK;

/* The descriptors, borrowed; -1 where there is none. Since: 0.1 */
QIO_API int qio_channel_fd_get_read_fd(const QIOChannel *ioc);
QIO_API int qio_channel_fd_get_write_fd(const QIOChannel *ioc);

QIO_END_DECLS

#endif
