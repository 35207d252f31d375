/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A layer that leaves what is beneath it to threads of its own. */
#ifndef QIOP_MIGRATION_CHANNELS_THREAD_H
#define QIOP_MIGRATION_CHANNELS_THREAD_H

#include <qio/channel.h>

/* A layer above base, which lets everything through until it is told to begin.
 */
QIOChannel *qiop_threaded_new(QIOChannel *base, QIOError **errp);

/* From now on the first read and the first write start a thread each; where
 * that fails it goes on without. Nothing may be held by base. */
void qiop_threaded_begin(QIOChannel *ioc);

/* Give the one that writes a moment for what it holds, unless the connection
 * takes nothing. */
void qiop_threaded_settle(QIOChannel *ioc);

/* End them. What they hold is lost, unless the end was sent and flushed. Does
 * not wait for the network. By whoever reads and writes. Harmless for any other
 * channel, and when done twice. */
void qiop_threaded_stop(QIOChannel *ioc);

/* What is beneath, or ioc when it is no such layer. */
QIOChannel *qiop_threaded_base(QIOChannel *ioc);

#endif
