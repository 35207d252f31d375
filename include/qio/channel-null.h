/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A channel that takes everything and is always at its end. */
#ifndef QIO_CHANNEL_NULL_H
#define QIO_CHANNEL_NULL_H

#include <qio/channel.h>

QIO_BEGIN_DECLS

/* Writes accept all, reads give end of file, seek gives 0. Since: 0.1 */
QIO_API QIOChannel *qio_channel_null_new(QIOError **errp) QIO_MUST_CHECK;

QIO_END_DECLS

#endif
