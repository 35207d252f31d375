/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The processes of bench-idle: two servers that do the same, and clients. */
#ifndef QIO_BENCH_IDLE_H
#define QIO_BENCH_IDLE_H

#include <stdbool.h>
#include <stddef.h>

/* What a server has: a few connections, all of them, all of them after a
 * second round. */
struct idle_memory {
    size_t heap;     /* as malloc() counts it */
    size_t resident; /* as the kernel does */
};

void idle_memory_measure(struct idle_memory *m);

/* Serve until `control` ends, and measure whenever a byte comes there. */
typedef void idle_server_fn(int listener, int control, struct idle_memory *m);
idle_server_fn idle_server_gnutls;
idle_server_fn idle_server_qio;

/* Connect a few times, then n times more, and have each connection echo once;
 * then each once more. Each time the server is told by a byte and answers. */
void idle_clients(int port, int control, int n);

#endif
