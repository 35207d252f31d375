/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a websocket (RFC 6455) asks for and accepts: the options of
 * <qio/channel-websocket.h>, for clients and servers.
 *
 * Options are made, set and then given to any number of channels, which copy
 * them; so they may be changed and freed afterwards. One thread at a time.
 *
 * The setters return 0, or -1 with the options unchanged. Errors:
 * QIO_ERROR_INVALID for text that must not go into an HTTP header (line ends
 * and other control characters, so that nobody's input becomes a header of its
 * own), QIO_ERROR_NOMEM. Texts are copied.
 */
#ifndef QIO_WEBSOCKET_H
#define QIO_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <qio/error.h>

QIO_BEGIN_DECLS

typedef struct QIOWebsocketOptions QIOWebsocketOptions;
/* A client's opening request, valid during the call that shows it. */
typedef struct QIOWebsocketRequest QIOWebsocketRequest;

/* New options, with the defaults that the setters name; NULL without memory.
 * Free them with qio_websocket_options_free(); NULL is allowed. Since: 0.1 */
QIO_API QIOWebsocketOptions *qio_websocket_options_new(QIOError **errp)
    QIO_MUST_CHECK;
QIO_API void qio_websocket_options_free(QIOWebsocketOptions *o);

/*
 * qio_websocket_options_set_path: begins with '/'.
 * Client: the path, and query if any, that is asked for; default "/".
 * Server: the only path that is answered, whatever the query; all others get
 *   404. Default: every path.
 * Since: 0.1
 */
QIO_API int qio_websocket_options_set_path(QIOWebsocketOptions *o,
                                           const char *path,
                                           QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_websocket_options_set_host: NAME or NAME:PORT.
 * Client: the Host header; default: what the channel beneath connects to, or
 *   "localhost".
 * Server: the only Host that is answered, in upper or lower case; all others
 *   get 403. Default: every host.
 * Since: 0.1
 */
QIO_API int qio_websocket_options_set_host(QIOWebsocketOptions *o,
                                           const char *host,
                                           QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_websocket_options_add_origin: where web pages come from,
 *   "https://a.example".
 * Client: the Origin header, if one is wanted; the last one counts.
 * Server: pages from there may connect; "*" is every page. Default: only pages
 *   whose origin is the Host that the request names. Browsers let any page
 *   connect to anybody, with the user's cookies: it is for the server to
 *   refuse, which it does with 403. Requests without Origin come from programs
 *   that are no browsers, and pass.
 * Since: 0.1
 */
QIO_API int qio_websocket_options_add_origin(QIOWebsocketOptions *o,
                                             const char *origin,
                                             QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_websocket_options_add_protocol: a sub-protocol, at most 32.
 * Client: offered, the preferred ones first. A server may choose one of them or
 *   none; an answer with another one is refused.
 * Server: supported; the first one of the client's list that is, is chosen.
 *   Without any, "binary" is; so a client that offers "binary" is told that,
 *   and one that offers nothing is as welcome.
 * Since: 0.1
 */
QIO_API int qio_websocket_options_add_protocol(QIOWebsocketOptions *o,
                                               const char *protocol,
                                               QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_websocket_options_add_header: one more header of the request (client) or
 * of the answer (server), at most 32: cookies, authorization. Those that make
 * the handshake (Host, Upgrade, Connection, Sec-WebSocket-...) and those that
 * announce a body are QIO_ERROR_INVALID. Since: 0.1
 */
QIO_API int qio_websocket_options_add_header(QIOWebsocketOptions *o,
                                             const char *name,
                                             const char *value,
                                             QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_websocket_options_set_judge: server: asked last, when path, Host and
 * Origin have passed. Returns 0 to accept, or the HTTP status that refuses
 * (400 to 599; anything else is taken for 403). Called from the thread that
 * opens the channel; must not call the channel. Default: accept. Since: 0.1
 */
typedef int QIOWebsocketJudge(const QIOWebsocketRequest *request, void *opaque);
QIO_API void qio_websocket_options_set_judge(QIOWebsocketOptions *o,
                                             QIOWebsocketJudge *judge,
                                             void *opaque);

/* What a judge may look at; borrowed, NULL when the request has no such thing.
 * path: with query. protocol: what would be chosen. header: the first value,
 * names in any case. Since: 0.1 */
QIO_API const char *qio_websocket_request_path(const QIOWebsocketRequest *r);
QIO_API const char *qio_websocket_request_host(const QIOWebsocketRequest *r);
QIO_API const char *qio_websocket_request_origin(const QIOWebsocketRequest *r);
QIO_API const char *qio_websocket_request_protocol(
    const QIOWebsocketRequest *r);
QIO_API const char *qio_websocket_request_header(const QIOWebsocketRequest *r,
                                                 const char *name);

/* Whether text messages are taken as well, their bytes in the same stream;
 * what is not UTF-8 is answered with 1007. Default: no, they are answered with
 * 1003. Since: 0.1 */
QIO_API void qio_websocket_options_set_text(QIOWebsocketOptions *o,
                                            bool accept);

/*
 * qio_websocket_options_set_limits: bytes that a frame, and a message of any
 * number of frames, may have at most; more is answered with 1009. 0: no limit.
 * Default: frames of 1 GiB, messages without limit. Nothing is ever stored for
 * a frame or message as a whole, so the limits cost no memory. Since: 0.1
 */
QIO_API void qio_websocket_options_set_limits(QIOWebsocketOptions *o,
                                              uint64_t frame, uint64_t message);

/*
 * qio_websocket_options_set_ping: keep-alive. When nothing has come from the
 * peer for interval_ms, it is sent a ping; when nothing comes for another
 * timeout_ms, reading fails with QIO_ERROR_TIMEOUT. 0 and 0, the default: no
 * pings of our own. Works while somebody reads or waits. Since: 0.1
 */
QIO_API void qio_websocket_options_set_ping(QIOWebsocketOptions *o,
                                            int interval_ms, int timeout_ms);

QIO_END_DECLS

#endif
