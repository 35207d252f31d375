/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One stream over many connections: a channel that stands on several others
 * ("connections", each open, with or without TLS), cuts what is written into
 * numbered blocks over all of them, and puts together in order what is read.
 * doc/migration-channels.md has the format and the reasons.
 *
 * The connections introduce themselves by hellos that share a random token. In
 * TLS a hello is bound to its session by an exported key (RFC 5705, RFC 8446
 * §7.5), so that nobody can repeat it on another one. Without TLS the token is
 * as public as everything else: it keeps migrations apart, not attackers out.
 *
 * The side that connects calls
 *
 *     ioc = qio_migration_channels_new_client(connections, n, &err);
 *     qio_channel_open_sync(ioc, timeout_ms, &err);
 *
 * and the one that accepts, for each connection that comes,
 *
 *     hello = qio_migration_hello_read_sync(connection, timeout_ms, &err);
 *     qio_migration_channels_join(ioc, connection, hello, &err);
 *
 * until all are there; then it opens its channel too, which tells the other
 * side. How long to wait for the missing ones is for the caller to say. Either
 * side may be the one that writes, and both may.
 *
 * Both ends of such a channel keep what every channel promises. Reading ends
 * (0) only when each connection has told of the end, all agree on how much
 * there was, and so much has come: else it is an error, whatever the transport
 * says. The failure of one connection is the failure of the whole; close the
 * channel then, which closes all of them.
 *
 * Threads: as any channel: one that reads and one that writes. No thread is
 * made. Since: 0.1
 */
#ifndef QIO_MIGRATION_CHANNELS_H
#define QIO_MIGRATION_CHANNELS_H

#include <stdbool.h>
#include <qio/channel.h>
#include <qio/task.h>

QIO_BEGIN_DECLS

/* The most connections that one stream can have. */
#define QIO_MIGRATION_CHANNELS_MAX 16

/* How a connection introduced itself. */
typedef struct QIOMigrationHello QIOMigrationHello;

/*
 * qio_migration_hello_read_sync: what the side that connected says first.
 * ioc: open. timeout_ms: -1 for no limit.
 *
 * Returns: a hello, to be freed, or NULL.
 * Errors: QIO_ERROR_STREAM: it is none, one of another version, out of bounds,
 *   or not bound to this TLS session; those of reading. Nobody has been told:
 *   that is done by ending the connection. Blocks. Since: 0.1
 */
QIO_API QIOMigrationHello *qio_migration_hello_read_sync(
    QIOChannel *ioc, int timeout_ms, QIOError **errp) QIO_MUST_CHECK;

/* The same without waiting; see <qio/task.h>. In the callback
 * qio_task_channel() is the connection; qio_migration_hello_take() gives the
 * hello, or NULL with the reason. destroy is called when opaque is not needed
 * any more, also when the call fails. Since: 0.1 */
QIO_API QIOTask *qio_migration_hello_read_async(QIOChannel *ioc, QIOLoop *loop,
                                                int timeout_ms, QIOTaskFunc *fn,
                                                void *opaque,
                                                QIODestroyFunc *destroy,
                                                QIOError **errp);
QIO_API QIOMigrationHello *qio_migration_hello_take(
    QIOTask *task, QIOError **errp) QIO_MUST_CHECK;

/* NULL is allowed. */
QIO_API void qio_migration_hello_free(QIOMigrationHello *hello);

/* Which of how many connections it is, from 0. Since: 0.1 */
QIO_API unsigned qio_migration_hello_index(const QIOMigrationHello *hello);
QIO_API unsigned qio_migration_hello_count(const QIOMigrationHello *hello);

/* Whether both have the same token. Since: 0.1 */
QIO_API bool qio_migration_hello_same(const QIOMigrationHello *a,
                                      const QIOMigrationHello *b);

/*
 * qio_migration_channels_new_client: for the side that connected. Takes a
 *   reference of its own on each of the n connections, which are open and which
 *   nobody else uses from now on. Opening (qio_channel_open_sync(), _async())
 *   sends the hellos and waits for all answers.
 * qio_migration_channels_new_server: for the side that accepts. The
 *   connections join one by one; the channel can be opened when all have.
 *
 * Returns: an opening channel, or NULL.
 * Errors: QIO_ERROR_INVALID: n is 0 or too large, or one is not open;
 *   QIO_ERROR_SYSTEM: no random numbers. Opening fails with QIO_ERROR_STREAM
 *   (the other side answers something else), QIO_ERROR_STATE (some have not
 *   joined yet), and with what befell a connection. Since: 0.1
 */
QIO_API QIOChannel *qio_migration_channels_new_client(
    QIOChannel *const *connections, size_t n, QIOError **errp) QIO_MUST_CHECK;
QIO_API QIOChannel *qio_migration_channels_new_server(QIOError **errp)
    QIO_MUST_CHECK;

/*
 * qio_migration_channels_join: one more connection, before opening; with the
 * first one it is settled how many there are, and the token. Takes a reference
 * of its own on connection; hello stays the caller's.
 *
 * Returns: how many are still missing, or -1 with the channel unchanged.
 * Errors: QIO_ERROR_STREAM: another token, another count, one that is there
 *   already, or one too many. Since: 0.1
 */
QIO_API int qio_migration_channels_join(QIOChannel *ioc, QIOChannel *connection,
                                        const QIOMigrationHello *hello,
                                        QIOError **errp) QIO_MUST_CHECK;

/* How many connections there are or will be, 0 when that is not known yet, or
 * when ioc is no such channel; and one of them, borrowed, NULL when it is not
 * there. Since: 0.1 */
QIO_API unsigned qio_migration_channels_count(const QIOChannel *ioc);
QIO_API QIOChannel *qio_migration_channels_get(const QIOChannel *ioc,
                                               unsigned i);

QIO_END_DECLS

#endif
