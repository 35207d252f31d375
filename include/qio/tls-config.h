/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making TLS credentials with all that can be said about them: properties are
 * set one by one, by the names that object texts use (objects.h), then the
 * credentials are made.
 *
 * Every kind
 *   verify-peer=on|off    off: any peer is taken; a server asks for no
 *                         certificate
 *   priority=TEXT         GnuTLS's priority string; for the default see
 *                         qio_tls_creds_x509_new()
 *   min-version=1.2|1.3   the versions of TLS that are spoken
 *   max-version=1.2|1.3
 *   groups=NAME[:NAME...] key exchange groups, the preferred one first, by
 *                         GnuTLS's names: X25519, SECP256R1, SECP384R1,
 *                         FFDHE2048 (RFC 7919)
 *   alpn=NAME[:NAME...]   protocols spoken above TLS (RFC 7301), the preferred
 *                         one first; the server's order counts. A server
 *                         refuses a client that offers others only; which it
 *                         was is QIO_TLS_FACT_ALPN
 *   handshake-limit=BYTES how much a peer may send before the handshake is
 *                         over (131072; 4096 at least, 16777216 at most). A
 *                         longer one fails with QIO_ERROR_TLS
 *   rekey-after=RECORDS   how many records are sent under one key (16777216,
 *                         as much as RFC 8446 §5.5 allows with AES-GCM; 1024
 *                         at least). Then TLS 1.3 takes a new key by itself;
 *                         a session of an earlier version, which cannot, ends
 *                         with QIO_ERROR_TLS, unless it uses ChaCha20. Peers
 *                         built on GnuTLS take eight new keys within a second
 *   tls-engine=NAME       see qio_tls_creds_set_engine()
 *
 * x509
 *   dir=PATH              the files are there
 *   sanity-check=on|off   off: our own certificates are not judged
 *   system-trust=on|off   on: the system's CAs are trusted, beside those of
 *                         ca-cert.pem, which then may be missing
 *   password=TEXT         decrypts private keys, or is the token's PIN. Object
 *                         texts have passwordid instead
 *   certificate=URI       PKCS #11 URIs (RFC 7512), both or none, of an
 *   key=URI               identity that comes first, before the files'. dir
 *                         may then be missing if system-trust is on
 *
 * x509 and psk
 *   resumption=on|off     off: each session begins with a full handshake. on:
 *                         see below
 *
 * psk
 *   dir=PATH              keys.psk is there; not with a callback
 *   username=NAME         whose key a client uses ("qemu")
 *
 * Resumption, RFC 8446 §2.2 and RFC 5077: a server with resumption=on gives its
 * clients tickets, and a client with resumption=on, of tickets from servers
 * that it knows by name, keeps a few in memory for its next session with that
 * name. Such a session takes about half the time of a full handshake. Tickets
 * are given four at a time, in resumed sessions one; they serve once with
 * TLS 1.3, and only with the same credentials: a reload of either side ends
 * them. A client goes on from a session for an hour at most after the peers
 * have shown who they are; a server renews its keys for tickets twice a day.
 * The expiry of certificates and the authorizer are asked again in every
 * session. A server whose pre-shared keys come from a function gives no
 * tickets. QIO_TLS_FACT_RESUMED tells what came of it.
 *
 * Whoever closes a TCP connection without having read all resets it, and what
 * it sent last may be lost. So our servers send TLS 1.3 tickets only ahead of
 * data of theirs. Others send them at once to a client that can resume: do not
 * turn it on in clients that only write, as migration does.
 */
#ifndef QIO_TLS_CONFIG_H
#define QIO_TLS_CONFIG_H

#include <stddef.h>
#include <sys/types.h>
#include <qio/tls-creds.h>

QIO_BEGIN_DECLS

typedef struct QIOTLSConfig QIOTLSConfig;

/* Nothing set yet. NULL without memory, or for an unknown kind or endpoint
 * (QIO_ERROR_INVALID). Since: 0.1 */
QIO_API QIOTLSConfig *qio_tls_config_new(QIOTLSCredsKind kind,
                                         QIOTLSEndpoint endpoint,
                                         QIOError **errp) QIO_MUST_CHECK;
/* NULL is allowed. Secrets are wiped. */
QIO_API void qio_tls_config_free(QIOTLSConfig *config);

/*
 * qio_tls_config_set: one property; the last value counts. Copied.
 * Returns: 0, or -1 with the property as it was.
 * Errors: QIO_ERROR_INVALID: a property that the kind does not have, or a value
 *   that it does not take. Priority, groups and engine are judged only when
 *   the credentials are made. Since: 0.1
 */
QIO_API int qio_tls_config_set(QIOTLSConfig *config, const char *property,
                               const char *value,
                               QIOError **errp) QIO_MUST_CHECK;

/*
 * QIOTLSPSKFunc: a user's pre-shared key.
 * user: as the client says; for a client its own username.
 * key: where to put it, with room for size bytes; wiped after use.
 * Returns: the length of the key; 0: no such user (to the peer this looks like
 *   a wrong key); -1: it cannot be said, the handshake fails.
 * Called in the thread that drives a handshake, for different handshakes at
 * once; by a client once for each loading. It may not call back into the
 * channel.
 */
typedef ssize_t QIOTLSPSKFunc(const char *user, unsigned char *key, size_t size,
                              void *opaque);

/*
 * qio_tls_config_set_psk_func: keys from a function instead of keys.psk.
 * destroy: called with opaque exactly once, when nothing uses func any more; on
 *   failure as well. May be NULL.
 * Errors: QIO_ERROR_INVALID (not PSK). Since: 0.1
 */
QIO_API int qio_tls_config_set_psk_func(QIOTLSConfig *config,
                                        QIOTLSPSKFunc *func, void *opaque,
                                        void (*destroy)(void *opaque),
                                        QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_tls_creds_new: make credentials of what was set, as the constructors of
 * tls-creds.h do. The config may be used again, and freed at any time.
 * Returns: credentials with one reference, or NULL.
 * Errors: those of the constructors. Reads files. Since: 0.1
 */
QIO_API QIOTLSCreds *qio_tls_creds_new(const QIOTLSConfig *config,
                                       QIOError **errp) QIO_MUST_CHECK;

QIO_END_DECLS

#endif
