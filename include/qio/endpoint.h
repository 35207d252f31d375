/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Endpoints: one text for every way to reach a peer, and the channels that
 * come of it.
 *
 *   tcp:… unix:… vsock:… fd:NUMBER   as <qio/address.h> says
 *   exec:COMMAND                     run by /bin/sh -c
 *   file:PATH[,offset=SIZE]          bytes; SIZE may end in k, M, G or T, or
 *                                    begin with 0x
 *   stdio:                           standard input and output
 *
 * On any of them, layers, applied left to right, the first one lowest:
 *
 *   ,tls-creds=ID[,tls-hostname=NAME][,tls-authz=ID]
 *   ,websocket=/PATH     (RFC 6455; a client asks for the path, a server
 *                        answers no other; <qio/channel-websocket.h>)
 *
 * so that wss is tcp:HOST:PORT,tls-creds=ID,websocket=/PATH
 *
 * and on tcp:, unix: and vsock:
 *
 *   ,listen=on|off       the direction, where a program has a default of its
 *                        own; see qio_endpoint_listen_mode()
 *
 * Commas: options are separated by single commas; a comma that is part of a
 * path, a command or a value is written twice. A COMMAND is treated kindly:
 * only the layer options at its very end (tls-…= and websocket=) are options,
 * all other single commas belong to the command, so that "exec:sed s/a,b/"
 * means what it says. In file: and unix: an option nobody knows is an error,
 * not a part of the path.
 */
#ifndef QIO_ENDPOINT_H
#define QIO_ENDPOINT_H

#include <qio/channel.h>
#include <qio/objects.h>
#include <qio/task.h>

QIO_BEGIN_DECLS

typedef struct QIOEndpoint QIOEndpoint;
typedef struct QIOListener QIOListener;

typedef enum QIOEndpointType {
    QIO_ENDPOINT_SOCKET, /* tcp, unix, vsock: can listen and accept */
    QIO_ENDPOINT_FD,
    QIO_ENDPOINT_EXEC,
    QIO_ENDPOINT_FILE,
    QIO_ENDPOINT_STDIO,
} QIOEndpointType;

/*
 * qio_endpoint_parse: Returns a new endpoint, or NULL.
 * Errors: QIO_ERROR_INVALID naming the rule broken, QIO_ERROR_UNSUPPORTED.
 * Never blocks, opens nothing. Since: 0.1
 */
QIO_API QIOEndpoint *qio_endpoint_parse(const char *text,
                                        QIOError **errp) QIO_MUST_CHECK;
QIO_API void qio_endpoint_free(QIOEndpoint *ep);
/* Text that parses to the same; free() it. */
QIO_API char *qio_endpoint_to_string(const QIOEndpoint *ep,
                                     QIOError **errp) QIO_MUST_CHECK;

/* What was parsed. Since: 0.1 */
QIO_API QIOEndpointType qio_endpoint_type(const QIOEndpoint *ep);
/* Borrowed; NULL for types without. */
QIO_API const QIOAddress *qio_endpoint_address(const QIOEndpoint *ep);
QIO_API const char *qio_endpoint_path(const QIOEndpoint *ep);    /* file */
QIO_API const char *qio_endpoint_command(const QIOEndpoint *ep); /* exec */
QIO_API uint64_t qio_endpoint_offset(const QIOEndpoint *ep);     /* file */
QIO_API bool qio_endpoint_has_tls(const QIOEndpoint *ep);
/* What ",listen=" says: 1 on, 0 off, -1 not given (and for types without).
 * Only for programs to obey: the calls below do what their name says. */
QIO_API int qio_endpoint_listen_mode(const QIOEndpoint *ep);

/*
 * qio_endpoint_add_tls: one more layer on top, as ",tls-creds=…" would.
 * hostname and authz may be NULL. 0, or -1 with the endpoint unchanged.
 * Since: 0.1
 */
QIO_API int qio_endpoint_add_tls(QIOEndpoint *ep, const char *creds_id,
                                 const char *hostname, const char *authz_id,
                                 QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_endpoint_set_tls_peer: whom the topmost TLS layer expects at the other
 * end, in place of what the text says. NULL keeps a value.
 * Returns: 0, or -1 with the endpoint unchanged.
 * Errors: QIO_ERROR_INVALID: no TLS layer. Since: 0.1
 */
QIO_API int qio_endpoint_set_tls_peer(QIOEndpoint *ep, const char *hostname,
                                      const char *authz_id,
                                      QIOError **errp) QIO_MUST_CHECK;

/* Which directions a file, command or stdio: is opened for. Layers need both:
 * a command or stdio: that has some is always opened for both. */
typedef enum QIOEndpointMode {
    QIO_ENDPOINT_READ = 1,
    QIO_ENDPOINT_WRITE = 2,
    QIO_ENDPOINT_READWRITE = 3,
} QIOEndpointMode;

/*
 * qio_endpoint_connect_sync: reach the endpoint and open all its layers, as
 *   client.
 * file: is created for WRITE (mode 0600) and truncated to offset; for READ it
 *   must be there; for READWRITE it is created but not truncated. All start at
 *   offset. Opening a fifo waits for its other end, without a limit.
 * fd: the descriptor belongs to the channel when the call succeeds, and stays
 *   the caller's when it fails. 0, 1 and 2 are duplicated and stay open; so
 *   does stdio:.
 * timeout_ms: for everything together; -1 for no limit.
 * objects: may be NULL when no layer names one. Not used after the call.
 *
 * Returns: an open channel, or NULL.
 * Errors: QIO_ERROR_NOT_FOUND (an ID), QIO_ERROR_INVALID (credentials for the
 *   other side; tls-authz, which is for servers; a path that cannot be asked
 *   for), all before anything is opened; then those of the channels,
 *   QIO_ERROR_TIMEOUT among them. Blocks. Since: 0.1
 */
QIO_API QIOChannel *qio_endpoint_connect_sync(const QIOEndpoint *ep,
                                              QIOObjects *objects,
                                              QIOEndpointMode mode,
                                              int timeout_ms,
                                              QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_endpoint_layer_sync: put the endpoint's layers on a channel that the
 * caller has (an accepted connection: as_server true) and open them. Takes its
 * own reference on base. Blocks. Since: 0.1
 */
QIO_API QIOChannel *qio_endpoint_layer_sync(const QIOEndpoint *ep,
                                            QIOObjects *objects,
                                            QIOChannel *base, bool as_server,
                                            int timeout_ms,
                                            QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_endpoint_listen_sync: listen. A socket endpoint is bound on every
 * address it resolves to; success if at least one works. fd: a listening
 * socket accepts, a connected one or a pipe is accepted once; so are exec:,
 * file: and stdio:. A unix path left by a process that is gone is replaced, a
 * live one is QIO_ERROR_IN_USE; it is removed when the listener is freed,
 * unless it is somebody else's by then.
 * objects: what the layers name is looked up now; not used after the call.
 *
 * Returns: a listener, or NULL. May block in name resolution. Since: 0.1
 */
QIO_API QIOListener *qio_endpoint_listen_sync(const QIOEndpoint *ep,
                                              QIOObjects *objects, int backlog,
                                              QIOError **errp) QIO_MUST_CHECK;
/* Number of bound addresses, and each (copied, to free): with port 0 or to=
 * the real port. Since: 0.1 */
QIO_API size_t qio_listener_count(const QIOListener *l);
QIO_API QIOAddress *qio_listener_get_address(const QIOListener *l, size_t i,
                                             QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_listener_accept_sync: the next connection, layers not opened yet (see
 *   qio_endpoint_layer_sync()); mode is for files and commands; READWRITE
 *   opens a file for reading: it is an incoming connection.
 * qio_listener_accept_open_sync: the next connection with all layers open, as
 *   server; one that fails its handshake is an error of this call, the
 *   listener goes on to be usable.
 * A client that is gone before it was accepted is passed over. When
 * descriptors run out, that is an error of the call; the client waits and can
 * be accepted later. Single-use endpoints: the second accept is
 * QIO_ERROR_CLOSED.
 * Returns: a channel, or NULL. Blocks up to timeout_ms (-1: no limit).
 * Threads: one at a time, and qio_listener_shutdown() from any.
 * Since: 0.1
 */
QIO_API QIOChannel *qio_listener_accept_sync(QIOListener *l,
                                             QIOEndpointMode mode,
                                             int timeout_ms,
                                             QIOError **errp) QIO_MUST_CHECK;
QIO_API QIOChannel *qio_listener_accept_open_sync(
    QIOListener *l, QIOEndpointMode mode, int timeout_ms,
    QIOError **errp) QIO_MUST_CHECK;
/* End a running or later accept with QIO_ERROR_SHUTDOWN. Any thread. */
QIO_API void qio_listener_shutdown(QIOListener *l);
QIO_API void qio_listener_free(QIOListener *l);

/* ---- the same without waiting; see <qio/task.h> ---- */

/*
 * qio_endpoint_connect_async: as qio_endpoint_connect_sync(). The channel is
 *   qio_task_channel() in the callback, NULL after a failure. A file: that is a
 *   fifo is QIO_ERROR_UNSUPPORTED: opening one waits; see
 *   qio_task_run_in_thread().
 * qio_endpoint_layer_async: as qio_endpoint_layer_sync().
 * What is wrong with the text, the IDs or the credentials fails the call, not
 * the task. Since: 0.1
 */
QIO_API QIOTask *qio_endpoint_connect_async(
    const QIOEndpoint *ep, QIOObjects *objects, QIOEndpointMode mode,
    QIOLoop *loop, int timeout_ms, QIOTaskFunc *fn, void *opaque,
    QIODestroyFunc *destroy, QIOError **errp);
QIO_API QIOTask *qio_endpoint_layer_async(
    const QIOEndpoint *ep, QIOObjects *objects, QIOChannel *base,
    bool as_server, QIOLoop *loop, int timeout_ms, QIOTaskFunc *fn,
    void *opaque, QIODestroyFunc *destroy, QIOError **errp);

/*
 * qio_endpoint_listen_async: as qio_endpoint_listen_sync(). The listener is
 *   qio_task_take_result() in the callback; not taken, it is freed.
 * qio_endpoint_accept_async: listen, accept one connection, open its layers as
 *   server, and stop listening.
 * qio_listener_accept_open_async: as qio_listener_accept_open_sync(). The
 *   listener must outlive the task and not be serving. Since: 0.1
 */
QIO_API QIOTask *qio_endpoint_listen_async(
    const QIOEndpoint *ep, QIOObjects *objects, int backlog, QIOLoop *loop,
    int timeout_ms, QIOTaskFunc *fn, void *opaque, QIODestroyFunc *destroy,
    QIOError **errp);
QIO_API QIOTask *qio_endpoint_accept_async(
    const QIOEndpoint *ep, QIOObjects *objects, QIOEndpointMode mode,
    QIOLoop *loop, int timeout_ms, QIOTaskFunc *fn, void *opaque,
    QIODestroyFunc *destroy, QIOError **errp);
QIO_API QIOTask *qio_listener_accept_open_async(
    QIOListener *l, QIOEndpointMode mode, QIOLoop *loop, int timeout_ms,
    QIOTaskFunc *fn, void *opaque, QIODestroyFunc *destroy, QIOError **errp);

QIO_END_DECLS

#endif
