/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A throwaway certificate, and both kinds of TLS ends with the same settings:
 * GnuTLS straight on the socket, and a TLS channel on a socket channel. */
#ifndef QIO_BENCH_TLS_H
#define QIO_BENCH_TLS_H

#include <gnutls/gnutls.h>
#include <qio/qio.h>

/* The cipher whose costs vary least between libraries and machines: with a
 * longer key the ratios say more of it and less of what moves the records. */
#define BENCH_CIPHER "AES-128-GCM"
#define BENCH_PRIORITY                                                         \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+" BENCH_CIPHER
#define BENCH_SUITE "TLS_AES_128_GCM_SHA256" /* OpenSSL's name for it */

/* Makes a certificate in a temporary directory, removed at exit. */
void bench_tls_setup(void);
const char *bench_tls_dir(void);
gnutls_certificate_credentials_t bench_gnutls_server_cred(void);

/* Of channels made from now on, instead of BENCH_PRIORITY. */
void bench_tls_set_priority(const char *text);

/* After the handshake. */
gnutls_session_t bench_gnutls(int fd, int server);
QIOChannel *bench_qio_tls(int fd, int server);

#endif
