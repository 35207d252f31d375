/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A ping-pong over a channel. */
#include "bench-ping.h"

#include "bench.h"

static void trip(void *of)
{
    char b[BENCH_PING] = "";

    if (qio_channel_write_all(of, b, BENCH_PING, NULL) < 0 ||
        qio_channel_read_all(of, b, BENCH_PING, NULL) < 0) {
        bench_fail("ping");
    }
}

void bench_ping_client(QIOChannel *ioc)
{
    bench_begin();
    bench_ping(BENCH_PINGS, trip, ioc);
    bench_end();
    qio_channel_unref(ioc);
}

void bench_ping_server(QIOChannel *ioc)
{
    char b[BENCH_PING];

    bench_begin();
    for (int i = 0; i < BENCH_PINGS; i++) {
        if (qio_channel_read_all(ioc, b, BENCH_PING, NULL) < 0 ||
            qio_channel_write_all(ioc, b, BENCH_PING, NULL) < 0) {
            bench_fail("pong");
        }
    }
    bench_end();
    qio_channel_unref(ioc);
}
