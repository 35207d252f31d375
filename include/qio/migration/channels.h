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
 * Both sides make a channel, have their connections join it, and open it as any
 * other (qio_channel_open_sync(), qio_channel_open_async()), which is done when
 * all have joined and been answered. The side that connects:
 *
 *     ioc = qio_migration_channels_new_client(2, &err);
 *     qio_migration_channels_join(ioc, connection, NULL, &err);
 *
 * and the one that accepts, for each connection that comes:
 *
 *     hello = qio_migration_hello_read_sync(connection, timeout_ms, &err);
 *     qio_migration_channels_join(ioc, connection, hello, &err);
 *
 * In a loop opening may begin before they join: its time limit is then the one
 * for joining, and the loss of one that waits for the others ends it at once.
 * Without a loop it should begin when all have joined. Either side may be the
 * one that writes, and both may.
 *
 * Both ends of such a channel keep what every channel promises. Reading ends
 * (0) only when each connection has told of the end, all agree on how much
 * there was, and so much has come: else it is an error, whatever the transport
 * says. The failure of one connection is the failure of the whole; close the
 * channel then, which closes all of them.
 *
 * A TLS channel that is one of several reads 128 KiB ahead at most from then on,
 * one of many less: what they hold together should stay in the processor's
 * cache.
 *
 * Threads: as any channel: one that reads and one that writes. No thread is
 * made unless qio_migration_channels_set_threads() asks for them. Since: 0.1
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
 * ioc: open; has no timeout of its own afterwards. timeout_ms: -1 for no limit.
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
 * qio_migration_channels_new_client: for the side that connected, with the
 *   number of connections that it will have.
 * qio_migration_channels_new_server: for the side that accepts.
 *
 * Returns: an opening channel, or NULL.
 * Errors: QIO_ERROR_INVALID: too few or too many; QIO_ERROR_SYSTEM: no random
 *   numbers. Opening fails with QIO_ERROR_STREAM (the other side says something
 *   else), QIO_ERROR_TIMEOUT (some did not join), and with what befell a
 *   connection. Since: 0.1
 */
QIO_API QIOChannel *qio_migration_channels_new_client(
    unsigned count, QIOError **errp) QIO_MUST_CHECK;
QIO_API QIOChannel *qio_migration_channels_new_server(QIOError **errp)
    QIO_MUST_CHECK;

/*
 * qio_migration_channels_join: one more connection, which nobody else uses from
 * now on, and which is greeted or answered at once. A server learns from the
 * first one how many there will be, and the token.
 * connection: open; the channel takes a reference of its own.
 * hello: of a server's, stays the caller's; NULL at a client.
 *
 * Returns: how many are still missing, or -1 with the channel unchanged.
 * Errors: QIO_ERROR_STREAM: another token, another count, one that is there
 *   already, or one too many; QIO_ERROR_INVALID: ioc or connection is not fit.
 * Threads: the one that opens. Never blocks. Since: 0.1
 */
QIO_API int qio_migration_channels_join(QIOChannel *ioc, QIOChannel *connection,
                                        const QIOMigrationHello *hello,
                                        QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_migration_channels_on_answer: have fn called, while a client opens,
 * whenever one more connection has been answered; answered is how many have.
 * For those who let only the first one make a full TLS handshake: tickets for
 * resumption come with its answer. fn may have others join, or begin to connect
 * them; it must not close ioc. NULL for none. Returns 0, or -1 when ioc is no
 * client. Since: 0.1
 */
typedef void QIOMigrationAnswerFunc(QIOChannel *ioc, unsigned answered,
                                    void *opaque);
QIO_API int qio_migration_channels_on_answer(QIOChannel *ioc,
                                             QIOMigrationAnswerFunc *fn,
                                             void *opaque,
                                             QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_migration_channels_set_threads: whether each connection is read and
 * written by threads of its own, so that several processors seal and open. By
 * default none is made. The channel is used as ever, from a loop too; what is
 * between a caller and a thread is bounded: for each connection 1 MiB that was
 * written, and 1 MiB that was read ahead. So a write that has returned may
 * still fail: qio_channel_flush() and the next write say so.
 *
 * enabled: true before the first connection joins. In each direction the first
 *   read or write makes the threads, one for each connection; where one cannot
 *   be made that connection goes on without. All signals are blocked in them.
 *   false ends them, at any time: for those who break off and want to use the
 *   connections themselves once more, for instance to say why. What they hold
 * is lost then, and nothing but closing is left. Closing does the same.
 *
 * Returns: 0, or -1. Errors: QIO_ERROR_INVALID: connections have joined, or ioc
 *   is no such channel. Never waits for the network. Threads: one that opens;
 *   false: nobody may read or write meanwhile. Since: 0.1
 */
QIO_API int qio_migration_channels_set_threads(QIOChannel *ioc, bool enabled,
                                               QIOError **errp);

/*
 * qio_migration_channels_set_file: have all that comes written to a file at its
 * place, block 0 at offset, with qio_channel_pwritev(), be it due or not: so no
 * connection waits for another one's turn. Reading goes on as ever: it gives
 * every byte in order (from the file those that came early) and tells the end
 * and every failure. Only when it has told the end (0) is the file complete;
 * until then it may have gaps, and after a failure it is of no use. A block
 * that is more than 4095 ahead waits in its connection.
 *
 * file: seekable, readable and writable; kept until ioc ends. Calls to it may
 *   wait for the disk. Before the first read.
 * Returns: 0, or -1. Errors: QIO_ERROR_INVALID: it is not fit, ioc is no such
 *   channel or has been read; QIO_ERROR_NOMEM. Since: 0.1
 *
 * qio_migration_channels_file_failed: whether it is the file that made reading
 * fail. Since: 0.1
 */
QIO_API int qio_migration_channels_set_file(QIOChannel *ioc, QIOChannel *file,
                                            off_t offset,
                                            QIOError **errp) QIO_MUST_CHECK;
QIO_API bool qio_migration_channels_file_failed(const QIOChannel *ioc);

/* How many connections there are or will be, 0 when that is not known yet, or
 * when ioc is no such channel; and one of them, borrowed, NULL when it is not
 * there. Since: 0.1 */
QIO_API unsigned qio_migration_channels_count(const QIOChannel *ioc);
QIO_API QIOChannel *qio_migration_channels_get(const QIOChannel *ioc,
                                               unsigned i);

QIO_END_DECLS

#endif
