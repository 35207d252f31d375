/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Websocket channels against plain socket channels, wslay and libwebsockets:
 * messages of 64 KiB over TCP, unmasked from the server, masked from the
 * client. */
#include <stdio.h>
#include <stdlib.h>
#include <qio/qio.h>
#include "bench.h"
#include "bench-websocket.h"

struct qio_job {
    struct bench_job job; /* first: the others look at this */
    int plain;
};

static QIOChannel *open_end(int fd, const struct qio_job *j, int client)
{
    QIOChannel *tcp = qio_channel_socket_new_fd(fd, NULL);
    QIOChannel *ioc = tcp;

    if (tcp && !j->plain) {
        ioc = client ? qio_channel_websocket_new_client(tcp, NULL, NULL)
                     : qio_channel_websocket_new_server(tcp, NULL, NULL);
        qio_channel_unref(tcp);
    }
    if (!ioc || qio_channel_open_sync(ioc, -1, NULL) < 0) {
        bench_fail("cannot open a channel");
    }
    return ioc;
}

static void qio_send(int fd, const void *arg)
{
    const struct qio_job *j = arg;
    QIOChannel *ioc = open_end(fd, j, j->job.masked);
    char *b = calloc(1, BENCH_MESSAGE);

    bench_begin();
    for (uint64_t done = 0; done < j->job.total; done += BENCH_MESSAGE) {
        if (!b || qio_channel_write_all(ioc, b, BENCH_MESSAGE, NULL) < 0) {
            bench_fail("qio_channel_write_all");
        }
    }
    bench_end();
    qio_channel_unref(ioc);
}

static void qio_recv(int fd, const void *arg)
{
    const struct qio_job *j = arg;
    QIOChannel *ioc = open_end(fd, j, !j->job.masked);
    char *b = calloc(1, BENCH_MESSAGE);
    uint64_t done = 0;
    ssize_t n = 0;

    bench_begin();
    while (b && (n = qio_channel_read(ioc, b, BENCH_MESSAGE, NULL)) > 0) {
        done += (uint64_t)n;
    }
    bench_end();
    if (n < 0 || done != j->job.total) {
        bench_fail("qio_channel_read");
    }
    qio_channel_unref(ioc);
}

static void row(const char *name, int there, int mib,
                const struct bench_result *r)
{
    if (!there) {
        bench_left_out(name, "not installed");
        return;
    }
    bench_measured(name, r, mib);
    printf("  %-16s %6.0f MiB/s cpu %.2f+%.2f s\n", name, mib / r->seconds,
           r->send_cpu, r->recv_cpu);
}

static void way(int masked, int runs, int mib)
{
    uint64_t total = (uint64_t)mib << 20;
    struct qio_job plain = {{total, masked}, 1}, ours = {{total, masked}, 0};
    struct bench_case c[4] = {
        {BENCH_TCP, qio_send, &plain, qio_recv, &plain},
        {BENCH_TCP, qio_send, &ours, qio_recv, &ours},
    };
    const char *name = masked ? "client to server, masked" : "server to client";
    struct bench_result r[4];
    int wslay = 0, lws = 0;
    size_t n = 2;

    if (bench_has_wslay) {
        wslay = (int)n;
        c[n++] = (struct bench_case){BENCH_TCP, bench_wslay_send, &ours.job,
                                     bench_wslay_recv, &ours.job};
    }
    if (bench_has_lws) {
        lws = (int)n;
        c[n++] = (struct bench_case){BENCH_TCP, bench_lws_send, &ours.job,
                                     bench_lws_recv, &ours.job};
    }
    bench_compare(c, n, runs, r);
    printf("%s\n", name);
    bench_row(name);
    row("plain channel", 1, mib, &r[0]);
    row("qio websocket", 1, mib, &r[1]);
    row("wslay", wslay, mib, &r[wslay]);
    row("libwebsockets", lws, mib, &r[lws]);
    bench_ratio("throughput against the plain channel", r[1].speed_ratio,
                masked ? 0.8 : 0.9, 1);
    if (wslay) {
        bench_ratio("throughput against wslay",
                    r[1].speed_ratio / r[wslay].speed_ratio, 1.0, 1);
    }
    if (lws) {
        bench_ratio("throughput against libwebsockets",
                    r[1].speed_ratio / r[lws].speed_ratio, 1.0, 1);
    }
}

int main(int argc, char **argv)
{
    int runs = 7;
    int mib = 1024;

    bench_options(argc, argv, &runs, &mib);
    printf("websocket: %d MiB in messages of 64 KiB, median of %d runs, both "
           "ends on this machine\n",
           mib, runs);
    way(0, runs, mib);
    way(1, runs, mib);
    return 0;
}
