/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Listeners that serve: many addresses, many connections, one thread.
 *
 * A listener has any number of endpoints, each with its own layers. Serving
 * means that a loop accepts connections, opens their layers, and hands each
 * over when it is open, so that nobody who does not finish his handshake is
 * ever seen. What can be limited is limited:
 *
 *   handshakes   time: 10 s each by default. Number: 1024 at once by default;
 *                the next client then takes the place of the one that has been
 *                at it for longest, but leaves it 100 ms. So clients that
 *                connect and stay silent do not keep the others out.
 *   connections  unlimited by default. A connection counts from being accepted
 *                until its channel is closed (or the last reference dropped).
 * At the limit nobody is accepted; clients wait in the kernel's backlog.
 *
 * When accepting fails for lack of descriptors or memory, it is tried again
 * after 100 ms; clients wait meanwhile, connections go on.
 *
 * Threads: the loop's, but for qio_listener_shutdown().
 */
#ifndef QIO_LISTENER_H
#define QIO_LISTENER_H

#include <qio/endpoint.h>

QIO_BEGIN_DECLS

/* A listener without endpoints. Since: 0.1 */
QIO_API QIOListener *qio_listener_new(QIOError **errp) QIO_MUST_CHECK;

/* Listen on one more endpoint, as qio_endpoint_listen_sync(). Not while
 * serving. Returns 0, or -1 with the listener unchanged. Since: 0.1 */
QIO_API int qio_listener_add(QIOListener *l, const QIOEndpoint *ep,
                             QIOObjects *objects, int backlog,
                             QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_listener_add_activated: listen on the descriptors that a service manager
 * passed to this process (sd_listen_fds(3): LISTEN_PID, LISTEN_FDS,
 * LISTEN_FDNAMES). They become close-on-exec and belong to the listener; call
 * it once.
 * name: only those that LISTEN_FDNAMES calls so; NULL for all.
 * layers: what to put on each, as in an endpoint's text:
 *   ",tls-creds=tls0"; NULL or "" for none.
 *
 * Returns: how many there were, 0 when the process was not activated so, or -1.
 * Errors: QIO_ERROR_INVALID: the variables make no sense, or a descriptor is
 *   no stream socket. Since: 0.1
 */
QIO_API int qio_listener_add_activated(QIOListener *l, const char *name,
                                       const char *layers, QIOObjects *objects,
                                       QIOError **errp) QIO_MUST_CHECK;

/* Limits; see above. 0 means unlimited, but the number of handshakes is at
 * least 1. timeout_ms: -1 for no limit. Any time. Since: 0.1 */
QIO_API void qio_listener_set_max_connections(QIOListener *l, size_t n);
QIO_API void qio_listener_set_max_handshakes(QIOListener *l, size_t n);
QIO_API void qio_listener_set_handshake_timeout(QIOListener *l, int timeout_ms);

/* Connections that count, handshakes under way among them; and those alone.
 * Since: 0.1 */
QIO_API size_t qio_listener_connections(const QIOListener *l);
QIO_API size_t qio_listener_handshakes(const QIOListener *l);

/*
 * What a server is told. ioc is borrowed.
 *
 * connection: ioc is open, all layers. Who wants to keep it takes a reference;
 *   else it is closed when the function returns.
 * trouble: may be NULL. ioc is the connection whose opening failed (its
 *   addresses can be asked for); NULL when accepting itself failed.
 *   QIO_ERROR_TIMEOUT: too slow; QIO_ERROR_CANCELLED: gave way to others.
 * destroy: once, when serving has ended.
 *
 * The functions may call anything, qio_listener_free() too.
 */
typedef struct QIOListenerFuncs {
    void (*connection)(QIOListener *l, QIOChannel *ioc, void *opaque);
    void (*trouble)(QIOListener *l, QIOChannel *ioc, const QIOError *err,
                    void *opaque);
    QIODestroyFunc *destroy;
} QIOListenerFuncs;

/*
 * qio_listener_serve: accept connections from now on. mode is for files and
 *   commands, which are opened once. funcs is copied.
 * qio_listener_stop: accept nobody any more and give unfinished handshakes up;
 *   connections live on. Harmless when it does not serve.
 * qio_listener_pause, _resume: leave new clients in the kernel's backlog for a
 *   while; handshakes go on.
 *
 * Returns 0, or -1 with destroy called.
 * Errors: QIO_ERROR_STATE: it serves already. Since: 0.1
 */
QIO_API int qio_listener_serve(QIOListener *l, QIOEndpointMode mode,
                               QIOLoop *loop, const QIOListenerFuncs *funcs,
                               void *opaque, QIOError **errp) QIO_MUST_CHECK;
QIO_API void qio_listener_stop(QIOListener *l);
QIO_API void qio_listener_pause(QIOListener *l);
QIO_API void qio_listener_resume(QIOListener *l);

QIO_END_DECLS

#endif
