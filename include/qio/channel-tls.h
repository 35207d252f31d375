/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TLS over any channel (RFC 8446, RFC 5246), client and server.
 *
 * The handshake is the channel's opening: qio_channel_open_sync() or
 * qio_channel_tls_handshake(). TLS 1.3 is preferred, 1.2 the least. Peers are
 * verified unless the credentials say otherwise: a server's certificate must
 * be for the expected host, a client must show a certificate.
 *
 * End of stream: read returns 0 only after the peer's close_notify; anything
 * else is QIO_ERROR_TLS_TRUNCATED (or what broke the transport). Shutting
 * WRITE down and closing send our close_notify.
 *
 * Records are opened in the caller's memory: a read may use all of what it is
 * given, also behind the bytes that it returns.
 *
 * A reader and a writer thread may use the channel at once; a TLS 1.3 key
 * update (§4.6.3) by either side at any time is part of that.
 */
#ifndef QIO_CHANNEL_TLS_H
#define QIO_CHANNEL_TLS_H

#include <qio/channel.h>
#include <qio/tls-creds.h>

QIO_BEGIN_DECLS

/*
 * qio_channel_tls_new_client: TLS above base, as client.
 * hostname: the name or IP address that the server's certificate must be for;
 *   NULL takes the host of the address that base connects to. Copied.
 *   Verification with x509 and no known name fails with QIO_ERROR_INVALID
 *   "no hostname for certificate validation".
 *
 * qio_channel_tls_new_server: TLS above base, as server.
 * authz: who may connect, NULL: anybody whom the credentials accept.
 *
 * Returns: an opening channel with one reference, holding its own on base,
 *   creds and authz; or NULL.
 * Errors: QIO_ERROR_INVALID (credentials for the other endpoint),
 *   QIO_ERROR_NOMEM.
 * Opening fails with QIO_ERROR_TLS (protocol, and bytes that base holds before
 *   a client has said anything), QIO_ERROR_TLS_VERIFY and
 *   QIO_ERROR_AUTHZ (we refuse, the peer is told by an alert),
 *   QIO_ERROR_TLS_REJECTED (the peer refuses). In TLS 1.3 a client may learn
 *   of its rejection only from its first read or write.
 * Since: 0.1
 */
QIO_API QIOChannel *qio_channel_tls_new_client(QIOChannel *base,
                                               QIOTLSCreds *creds,
                                               const char *hostname,
                                               QIOError **errp) QIO_MUST_CHECK;
QIO_API QIOChannel *qio_channel_tls_new_server(QIOChannel *base,
                                               QIOTLSCreds *creds,
                                               QIOAuthz *authz,
                                               QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_channel_tls_check_upgrade: for protocols that go on with TLS in the
 * middle of a stream (STARTTLS): whether base is silent, as it must be when TLS
 * is put on it. What came earlier is plaintext, of the peer or of somebody in
 * between, and must not count as anything that comes later.
 *
 * A server calls this when it has read the request for TLS, before it says yes;
 * a client when it has read the yes. The protocol's own reader may have read
 * on: unread is how many bytes it holds that it has not used. Channels hold
 * none: a layer, of TLS or websocket, gives out here what it has read ahead.
 * Opening a TLS client looks once more by itself, and fails likewise.
 *
 * From then on only the TLS channel touches base: no watch of it, no reader.
 *
 * Returns: 0: silent, or at its end; -1: do not go on with base.
 * Errors: QIO_ERROR_TLS (bytes came early), or what broke the transport.
 * Never blocks. Threads: a reader's. Since: 0.1
 */
QIO_API int qio_channel_tls_check_upgrade(QIOChannel *base, size_t unread,
                                          QIOError **errp) QIO_MUST_CHECK;

/* qio_channel_open_sync() under its familiar name. Since: 0.1 */
QIO_API int qio_channel_tls_handshake(QIOChannel *ioc, int timeout_ms,
                                      QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_channel_tls_set_buffers: bounds in bytes, rounded up to one record:
 * how much encrypted output is gathered for one write to the channel beneath
 * (default 512 KiB) and how far input is read ahead (default up to 512 KiB,
 * grown only under load, given back at rest). 0 keeps a value. Before the
 * handshake; on an open channel input can still be made less, by any thread.
 * Since: 0.1
 */
QIO_API int qio_channel_tls_set_buffers(QIOChannel *ioc, size_t output,
                                        size_t input,
                                        QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_channel_tls_update_keys: TLS 1.3 key update (RFC 8446 §4.6.3) of our
 * sending keys before the next byte, and of the peer's when ask_peer (unless it
 * still owes the last one asked for). Counts as a write for the threading rule.
 * Peers built on GnuTLS end the session after more than eight updates within a
 * second. Returns 0 or -1 (QIO_ERROR_UNSUPPORTED before TLS 1.3). Since: 0.1
 */
QIO_API int qio_channel_tls_update_keys(QIOChannel *ioc, bool ask_peer,
                                        QIOError **errp) QIO_MUST_CHECK;

/*
 * Facts after the handshake, one line of text each, to free(): protocol and
 * cipher suite ("TLS1.3 AES-256-GCM ..."); the peer's identity as authorizers
 * see it, NULL with QIO_ERROR_NOT_FOUND when it showed none. Since: 0.1
 */
QIO_API char *qio_channel_tls_describe(QIOChannel *ioc,
                                       QIOError **errp) QIO_MUST_CHECK;
QIO_API char *qio_channel_tls_peer_identity(QIOChannel *ioc,
                                            QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_channel_tls_abort: end the session by a fatal alert (internal_error,
 * RFC 8446 §6.2) instead of close_notify, so that the peer cannot take what it
 * got or sent for a success. Then close. Never blocks. Since: 0.1
 */
QIO_API int qio_channel_tls_abort(QIOChannel *ioc, QIOError **errp);

QIO_END_DECLS

#endif
