/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A ping-pong over a channel, for whoever compares it with one over something
 * else. */
#ifndef QIO_BENCH_PING_H
#define QIO_BENCH_PING_H

#include <qio/channel.h>

#define BENCH_PING 64 /* bytes */

/* All of it, from bench_begin() to bench_end(); takes the channel. */
void bench_ping_client(QIOChannel *ioc);
void bench_ping_server(QIOChannel *ioc);

#endif
