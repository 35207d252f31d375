/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ends of bench-websocket that other libraries make, where they are
 * installed. */
#ifndef QIO_BENCH_WEBSOCKET_H
#define QIO_BENCH_WEBSOCKET_H

#include <stdint.h>

#define BENCH_MESSAGE (64 << 10)

struct bench_job {
    uint64_t total;
    int masked; /* the client sends */
};

/* Whether they can run, and who they are. */
extern const int bench_has_wslay;
extern const int bench_has_lws;

void bench_wslay_send(int fd, const void *arg);
void bench_wslay_recv(int fd, const void *arg);
/* These connect anew: the library wants to do so itself. */
void bench_lws_send(int fd, const void *arg);
void bench_lws_recv(int fd, const void *arg);

#endif
