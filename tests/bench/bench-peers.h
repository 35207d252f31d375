/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Other libraries' TLS on the same socket with the same settings, to be
 * compared with. Each may have been missing when this was built. */
#ifndef QIO_BENCH_PEERS_H
#define QIO_BENCH_PEERS_H

#include <stddef.h>
#include <stdint.h>

/* What each end takes as its argument. */
struct bench_bulk {
    size_t chunk; /* of a write */
    uint64_t total;
};

/* Why it cannot be measured, or NULL. */
const char *bench_openssl_missing(void);
const char *bench_gio_missing(void);
const char *bench_libevent_missing(void);

/* A plain loop, 64 KiB at a time whatever the chunk. */
void bench_openssl_send(int fd, const void *arg);
void bench_openssl_recv(int fd, const void *arg);
/* GTlsConnection, blocking. */
void bench_gio_send(int fd, const void *arg);
void bench_gio_recv(int fd, const void *arg);
/* bufferevent_openssl in its event loop. */
void bench_libevent_send(int fd, const void *arg);
void bench_libevent_recv(int fd, const void *arg);

/* An SSL after the handshake. */
void *bench_openssl(int fd, int server);

#endif
