/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two ends of a handshake, ours and those of GnuTLS with nothing around,
 * in one thread, with the same files and settings. */
#ifndef QIO_BENCH_HANDSHAKE_H
#define QIO_BENCH_HANDSHAKE_H

#include <stdbool.h>

#define HANDSHAKE_PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define HANDSHAKE_PSK_PRIORITY                                                 \
    HANDSHAKE_PRIORITY ":-GROUP-ALL:+GROUP-X25519:-KX-ALL:+ECDHE-PSK"
#define HANDSHAKE_HOST "localhost"
#define HANDSHAKE_USER "qemu"
#define HANDSHAKE_KEY "5a8db3a1c02d4dbb1ff5b5a0c7a7d2e6"

struct handshake {
    const char *name;
    bool psk;
    bool mutual; /* the client shows a certificate, too */
    bool resume; /* after the first one */
};

/* CA, server's and client's certificate and keys.psk in a temporary directory,
 * removed at exit. */
const char *handshake_files(void);

/* n handshakes one after the other, each followed by a byte from the server. */
void raw_setup(const struct handshake *h, const char *dir);
void raw_run(const struct handshake *h, int n);
void raw_free(const struct handshake *h);

#endif
