/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Websocket (RFC 6455) over any channel, client and server.
 *
 * The opening handshake is the channel's opening: qio_channel_open_sync() or
 * qio_channel_websocket_handshake(). After it binary messages carry the stream
 * of bytes; where one ends and the next begins means nothing, unless the
 * functions for messages at the end of this header are used.
 *
 * End of stream: read returns 0 after the peer's close frame, with code 1000 or
 * without any. With any other code it is QIO_ERROR_WEBSOCKET_REJECTED, and an
 * end without a close frame is QIO_ERROR_WEBSOCKET_TRUNCATED (or what broke the
 * transport). QIO_CHANNEL_READ_FLAG_RELAXED_EOF takes such an end for a normal
 * one, except inside a message.
 * Shutting WRITE down and closing send our close frame: with code 1000, or the
 * one that the peer closed with, or that of qio_channel_websocket_goodbye().
 * What the peer sends afterwards can still be read; what we write after the
 * peer's close frame is sent as long as we have not closed, though browsers
 * drop it. So whoever reads 0 should shut WRITE down or close soon.
 *
 * A peer that breaks the protocol is told the code that RFC 6455 names (1002,
 * 1003, 1007, 1009), reading fails with QIO_ERROR_WEBSOCKET from then on and so
 * does writing. Pings are answered while somebody reads; of pings that come
 * faster than the transport takes the answers, the last one is answered
 * (§5.5.3).
 *
 * A reader and a writer thread may use the channel at once.
 */
#ifndef QIO_CHANNEL_WEBSOCKET_H
#define QIO_CHANNEL_WEBSOCKET_H

#include <qio/channel.h>
#include <qio/websocket.h>

QIO_BEGIN_DECLS

/*
 * qio_channel_websocket_new_client: a websocket above base, as client.
 * qio_channel_websocket_new_server: as server.
 * options: copied; NULL for the defaults.
 *
 * Returns: an opening channel with one reference, holding its own on base; or
 *   NULL.
 * Errors: QIO_ERROR_NOMEM, QIO_ERROR_INVALID (no base).
 * Opening fails with QIO_ERROR_WEBSOCKET_REJECTED (client: the server's HTTP
 *   status is in the message), QIO_ERROR_WEBSOCKET (client: the answer is none;
 *   server: we refuse the request, which the client is told by an HTTP status),
 *   QIO_ERROR_WEBSOCKET_TRUNCATED.
 * Since: 0.1
 */
QIO_API QIOChannel *qio_channel_websocket_new_client(
    QIOChannel *base, const QIOWebsocketOptions *options,
    QIOError **errp) QIO_MUST_CHECK;
QIO_API QIOChannel *qio_channel_websocket_new_server(
    QIOChannel *base, const QIOWebsocketOptions *options,
    QIOError **errp) QIO_MUST_CHECK;

/* qio_channel_open_sync() under its familiar name. Since: 0.1 */
QIO_API int qio_channel_websocket_handshake(QIOChannel *ioc, int timeout_ms,
                                            QIOError **errp) QIO_MUST_CHECK;

/* Facts after the handshake; borrowed, valid as long as the channel. The
 * sub-protocol, NULL for none; the path and query of the request. NULL for
 * channels that are no websocket. Since: 0.1 */
QIO_API const char *qio_channel_websocket_protocol(const QIOChannel *ioc);
QIO_API const char *qio_channel_websocket_path(const QIOChannel *ioc);

/*
 * qio_channel_websocket_goodbye: shut WRITE down with this code and reason in
 *   the close frame, after everything written before, instead of 1000: for
 *   example 1001 "going away" or 1011 "internal error" (RFC 6455 §7.4).
 *   qio_channel_flush() waits until it is sent.
 * reason: UTF-8, at most 123 bytes; NULL for none.
 *
 * Returns: 0, or -1.
 * Errors: QIO_ERROR_INVALID: a code that must not be sent, a bad reason;
 *   QIO_ERROR_STATE: not open, or our close frame is on its way already.
 * Threads: any. Never blocks. Since: 0.1
 */
QIO_API int qio_channel_websocket_goodbye(QIOChannel *ioc, unsigned code,
                                          const char *reason, QIOError **errp);

/*
 * qio_channel_websocket_peer_goodbye: the code of the peer's close frame; 1005
 *   when it has none.
 * reason: may be NULL, else receives the reason, never NULL, to free().
 * Returns: the code, or -1.
 * Errors: QIO_ERROR_NOT_FOUND: no close frame has been read so far. Since: 0.1
 */
QIO_API int qio_channel_websocket_peer_goodbye(QIOChannel *ioc, char **reason,
                                               QIOError **errp);

/* ---- messages ---- */

/* For peers to whom messages mean something. Use either these functions or the
 * ordinary ones for a direction, not both. */
typedef enum QIOWebsocketType {
    QIO_WEBSOCKET_BINARY,
    QIO_WEBSOCKET_TEXT,
} QIOWebsocketType;

/*
 * qio_channel_websocket_receive: the next bytes of a message, never beyond its
 *   end.
 * type: which kind of message they belong to; text comes only with
 *   qio_websocket_options_set_text(). Its UTF-8 is checked as it comes, so a
 *   message that turns out to be none has been delivered in part.
 * end: whether the message ends with these bytes.
 * timeout_ms: -1 for no limit; in place of the channel's own.
 *
 * Returns: a count, which is 0 with *end for an empty message or rest; 0
 *   without *end at the end of the stream; QIO_CHANNEL_ERR_BLOCK in
 *   non-blocking mode; -1.
 * Errors and threads: those of reading. Since: 0.1
 */
QIO_API ssize_t qio_channel_websocket_receive(QIOChannel *ioc, void *buf,
                                              size_t len,
                                              QIOWebsocketType *type, bool *end,
                                              int timeout_ms,
                                              QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_channel_websocket_send: a whole message, in as many fragments as needed;
 *   waits until it is sent, in non-blocking mode too.
 * Text must be UTF-8 (QIO_ERROR_INVALID). After another failure in the middle
 * of a message the channel can only be closed.
 * Returns: 0, or -1. Errors and threads: those of writing. Since: 0.1
 */
QIO_API int qio_channel_websocket_send(QIOChannel *ioc, QIOWebsocketType type,
                                       const void *buf, size_t len,
                                       int timeout_ms,
                                       QIOError **errp) QIO_MUST_CHECK;

QIO_END_DECLS

#endif
