/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a migration URI to a connected channel, with or without TLS, on every
 * transport of <qio/endpoint.h>.
 */
#ifndef QIO_MIGRATION_CONNECT_H
#define QIO_MIGRATION_CONNECT_H

#include <qio/endpoint.h>

QIO_BEGIN_DECLS

/*
 * qio_migration_connect_sync: outgoing. The channel is for writing, and for a
 * return path where the transport has one.
 * tls_creds: ID of client credentials in objects, NULL or "" for none beyond
 *   what the URI itself names. tls_hostname: overrides the URI's host in the
 *   certificate check; needed with x509 where the transport has no host name
 *   (unix, fd, exec, vsock, file). NULL for none.
 * objects: may be NULL without TLS.
 * timeout_ms: for connecting and handshakes together, -1 for no limit.
 *
 * Returns: an open channel, or NULL.
 * Errors: those of qio_endpoint_parse() and qio_endpoint_connect_sync().
 * Threads: any. Blocks. Since: 0.1
 */
QIO_API QIOChannel *qio_migration_connect_sync(
    const char *uri, const char *tls_creds, const char *tls_hostname,
    QIOObjects *objects, int timeout_ms, QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_migration_listen_sync: incoming. Connections are taken with
 * qio_listener_accept_open_sync(l, QIO_ENDPOINT_READWRITE, …).
 * tls_creds: server credentials; tls_authz: who may connect; either may be
 * NULL. Since: 0.1
 */
QIO_API QIOListener *qio_migration_listen_sync(const char *uri,
                                               const char *tls_creds,
                                               const char *tls_authz,
                                               QIOObjects *objects,
                                               QIOError **errp) QIO_MUST_CHECK;

/* Listen, accept one incoming migration, and stop listening. timeout_ms is for
 * everything together. Blocks. Since: 0.1 */
QIO_API QIOChannel *qio_migration_accept_sync(
    const char *uri, const char *tls_creds, const char *tls_authz,
    QIOObjects *objects, int timeout_ms, QIOError **errp) QIO_MUST_CHECK;

/*
 * The same without waiting; see <qio/task.h>. Parameters as above, copied.
 *
 * qio_migration_connect_async: the channel is qio_task_channel() in the
 *   callback. A fifo is refused, see qio_endpoint_connect_async().
 * qio_migration_listen_async: the listener is qio_task_take_result(); many
 *   migrations are taken from it with qio_listener_serve().
 * qio_migration_accept_async: the channel is qio_task_channel().
 *
 * What is wrong with the text, the IDs or the credentials fails the call, not
 * the task. Since: 0.1
 */
QIO_API QIOTask *qio_migration_connect_async(
    const char *uri, const char *tls_creds, const char *tls_hostname,
    QIOObjects *objects, QIOLoop *loop, int timeout_ms, QIOTaskFunc *fn,
    void *opaque, QIODestroyFunc *destroy, QIOError **errp);
QIO_API QIOTask *qio_migration_listen_async(
    const char *uri, const char *tls_creds, const char *tls_authz,
    QIOObjects *objects, QIOLoop *loop, int timeout_ms, QIOTaskFunc *fn,
    void *opaque, QIODestroyFunc *destroy, QIOError **errp);
QIO_API QIOTask *qio_migration_accept_async(
    const char *uri, const char *tls_creds, const char *tls_authz,
    QIOObjects *objects, QIOLoop *loop, int timeout_ms, QIOTaskFunc *fn,
    void *opaque, QIODestroyFunc *destroy, QIOError **errp);

QIO_END_DECLS

#endif
