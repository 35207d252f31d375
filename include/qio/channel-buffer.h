/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A channel over memory: writes append at the position, reads take from the
 * position, seek moves it. Useful for tests and for building messages.
 */
#ifndef QIO_CHANNEL_BUFFER_H
#define QIO_CHANNEL_BUFFER_H

#include <qio/channel.h>

QIO_BEGIN_DECLS

/* An empty buffer that grows up to `limit` bytes (0: no limit but memory;
 * beyond it writes fail with ENOSPC). Open from birth, one position for
 * reading and writing, reading at the end gives end of file. Since: 0.1 */
QIO_API QIOChannel *qio_channel_buffer_new(size_t limit,
                                           QIOError **errp) QIO_MUST_CHECK;

/* The content, borrowed until the next write or close. Since: 0.1 */
QIO_API const void *qio_channel_buffer_data(const QIOChannel *ioc, size_t *len);

QIO_END_DECLS

#endif
