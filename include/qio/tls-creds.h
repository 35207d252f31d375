/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TLS credentials: what a TLS channel needs to know about this side and about
 * whom it trusts. Reference counted, shared by any
 * number of channels and threads; what changes is only by a reload, and a
 * channel keeps what it began with.
 *
 * Directory layout and file names are QEMU's:
 *   x509   DIR/ca-cert.pem (needed), DIR/ca-crl.pem,
 *          DIR/server-cert.pem + DIR/server-key.pem (needed by a server),
 *          DIR/client-cert.pem + DIR/client-key.pem;
 *          more identities in DIR/server-cert-N.pem + DIR/server-key-N.pem
 *          (client likewise), N from 0 to the first gap: a server shows the
 *          first that is for the name which the client asks for and of a kind
 *          that it can use;
 *          DIR/server-ocsp.der, DIR/server-ocsp-N.der: the OCSP response (RFC
 *          6960, in DER) that goes along with the certificate of that number.
 *          Have it fetched, and reload, before it expires: from then on it is
 *          not sent
 *   psk    DIR/keys.psk, lines USER:HEXKEY
 *   anon   nothing
 */
#ifndef QIO_TLS_CREDS_H
#define QIO_TLS_CREDS_H

#include <stdbool.h>
#include <time.h>
#include <qio/authz.h>
#include <qio/error.h>

QIO_BEGIN_DECLS

typedef struct QIOTLSCreds QIOTLSCreds;

typedef enum QIOTLSEndpoint {
    QIO_TLS_ENDPOINT_CLIENT,
    QIO_TLS_ENDPOINT_SERVER,
} QIOTLSEndpoint;

typedef enum QIOTLSCredsKind {
    QIO_TLS_CREDS_X509,
    QIO_TLS_CREDS_PSK,
    QIO_TLS_CREDS_ANON,
} QIOTLSCredsKind;

/* Bits of the flags below. */
/* Accept any peer, with or without certificate; a server does not even ask for
 * one. Off by default, that is peers are verified. */
#define QIO_TLS_CREDS_NO_VERIFY_PEER 0x1
/* x509: do not judge our own certificates when loading them. */
#define QIO_TLS_CREDS_NO_SANITY_CHECK 0x2

/*
 * qio_tls_creds_x509_new: load certificates from dir.
 * password: decrypts the private key; NULL for a plain key. Copied, kept for
 *   reloading, and wiped with the credentials.
 * priority: GnuTLS priority string. NULL for "NORMAL" with TLS 1.2 at least,
 *   AES-GCM first if the CPU has AES instructions, and the server's order.
 *
 * Our own certificates are checked while loading (validity, basic constraints,
 * key usage and purpose, chain up to a CA of ca-cert.pem), and so are OCSP
 * responses (about that certificate, good, in time, signed by its CA or for
 * it).
 *
 * A client takes what a server's OCSP response says: a revoked certificate is
 * refused, and so is one that must come with a response (RFC 7633) and does
 * not.
 *
 * Returns: credentials with one reference, or NULL.
 * Errors: QIO_ERROR_NOT_FOUND or QIO_ERROR_SYSTEM naming the file that cannot
 *   be read; QIO_ERROR_CREDENTIALS naming the file and the fault;
 *   QIO_ERROR_INVALID for a bad priority. Reads files. Since: 0.1
 */
QIO_API QIOTLSCreds *qio_tls_creds_x509_new(
    QIOTLSEndpoint endpoint, const char *dir, const char *password,
    const char *priority, unsigned flags, QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_tls_creds_psk_new: pre-shared keys from DIR/keys.psk. A client names the
 * user whose key it uses (NULL: "qemu"); for a server username must be NULL.
 * Errors as above. Since: 0.1
 */
QIO_API QIOTLSCreds *qio_tls_creds_psk_new(QIOTLSEndpoint endpoint,
                                           const char *dir,
                                           const char *username,
                                           const char *priority, unsigned flags,
                                           QIOError **errp) QIO_MUST_CHECK;

/* Encryption without any authentication, for tests. Since: 0.1 */
QIO_API QIOTLSCreds *qio_tls_creds_anon_new(QIOTLSEndpoint endpoint,
                                            const char *priority,
                                            unsigned flags,
                                            QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_tls_creds_set_engine: who protects application data in sessions with
 * these credentials. "auto", the default, or NULL: the fastest that there is.
 *   "ipsec-mb"  libipsec-mb; "aead" if not built with it or if the CPU has no
 *               AES instructions (x86-64)
 *   "aead"      records of our own with GnuTLS's AEAD functions
 *   "gnutls"    GnuTLS's records
 * A session that the engine cannot serve (TLS 1.2, another cipher than AES-GCM
 * and ChaCha20-Poly1305) is left to "gnutls"; which one it got is in
 * qio_channel_tls_describe(). Control messages and keys are always those of
 * GnuTLS.
 *
 * The environment variable QIO_TLS_ENGINE is there for tests: its value takes
 * the place of "auto", if it is one of these names. Ignored in a program with
 * raised privileges.
 *
 * Returns: 0, or -1. Errors: QIO_ERROR_INVALID, an unknown name.
 * Threads: before the credentials are shared. Since: 0.1
 */
QIO_API int qio_tls_creds_set_engine(QIOTLSCreds *creds, const char *engine,
                                     QIOError **errp) QIO_MUST_CHECK;

/*
 * qio_tls_creds_reload: read everything again, from the same places. What is
 * read is checked as at first, and only then put in the place of the old, for
 * sessions made from now on; sessions that exist keep what they have. A loop
 * can do so by itself when files change, see <qio/creds-watch.h>.
 * Returns: 0; or -1, the old is in use further, and *errp says why.
 * Errors: those of the constructor. Reads files. Threads: any. Since: 0.1
 *
 * qio_tls_creds_changed: whether a file that was read last is another one now,
 * or has come or gone: one stat() for each. Threads: any. Since: 0.1
 */
QIO_API int qio_tls_creds_reload(QIOTLSCreds *creds,
                                 QIOError **errp) QIO_MUST_CHECK;
QIO_API bool qio_tls_creds_changed(QIOTLSCreds *creds);

/* When the first certificate of our own chains expires; 0 without any.
 * Threads: any. Since: 0.1 */
QIO_API time_t qio_tls_creds_expires(QIOTLSCreds *creds);

/* Another reference, returning creds; dropping one, NULL is allowed; and what
 * the credentials were made for. Threads: any. Since: 0.1 */
QIO_API QIOTLSCreds *qio_tls_creds_ref(QIOTLSCreds *creds);
QIO_API void qio_tls_creds_unref(QIOTLSCreds *creds);
QIO_API QIOTLSEndpoint qio_tls_creds_endpoint(const QIOTLSCreds *creds);
QIO_API QIOTLSCredsKind qio_tls_creds_kind(const QIOTLSCreds *creds);

QIO_END_DECLS

#endif
