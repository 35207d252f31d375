/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Socket channels against a loop of write(2) and read(2) on the same kind of
 * socket: throughput and CPU, 64 KiB and 1 MiB at a time; and a ping-pong. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <qio/qio.h>
#include "bench-ping.h"
#include "bench.h"

struct job {
    size_t chunk;
    uint64_t total;
};

static char *buffer(size_t n)
{
    char *b = malloc(n);

    if (!b) {
        bench_fail("out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        b[i] = (char)i;
    }
    return b;
}

static void raw_send(int fd, const void *arg)
{
    const struct job *j = arg;
    char *b = buffer(j->chunk);

    bench_begin();
    for (uint64_t done = 0; done < j->total;) {
        size_t at = (size_t)(done % j->chunk);
        ssize_t n = write(fd, b + at, j->chunk - at);

        if (n <= 0) {
            bench_fail("write");
        }
        done += (uint64_t)n;
    }
    bench_end();
    close(fd);
}

static void raw_recv(int fd, const void *arg)
{
    const struct job *j = arg;
    char *b = buffer(j->chunk);
    uint64_t done = 0;
    ssize_t n;

    bench_begin();
    while ((n = read(fd, b, j->chunk)) > 0) {
        done += (uint64_t)n;
    }
    bench_end();
    if (n < 0 || done != j->total) {
        bench_fail("read");
    }
}

static void qio_send(int fd, const void *arg)
{
    const struct job *j = arg;
    char *b = buffer(j->chunk);
    QIOChannel *ioc = qio_channel_socket_new_fd(fd, NULL);

    bench_begin();
    for (uint64_t done = 0; done < j->total; done += j->chunk) {
        if (!ioc || qio_channel_write_all(ioc, b, j->chunk, NULL) < 0) {
            bench_fail("qio_channel_write_all");
        }
    }
    bench_end();
    qio_channel_unref(ioc);
}

static void qio_recv(int fd, const void *arg)
{
    const struct job *j = arg;
    char *b = buffer(j->chunk);
    QIOChannel *ioc = qio_channel_socket_new_fd(fd, NULL);
    uint64_t done = 0;
    ssize_t n;

    bench_begin();
    while (ioc && (n = qio_channel_read(ioc, b, j->chunk, NULL)) > 0) {
        done += (uint64_t)n;
    }
    bench_end();
    if (done != j->total) {
        bench_fail("qio_channel_read");
    }
    qio_channel_unref(ioc);
}

/* ---- ping-pong ---- */

static void raw_all(int fd, char *b)
{
    for (size_t have = 0; have < BENCH_PING;) {
        ssize_t n = read(fd, b + have, BENCH_PING - have);

        if (n <= 0) {
            bench_fail("read");
        }
        have += (size_t)n;
    }
}

static void raw_say(int fd, const char *b)
{
    if (write(fd, b, BENCH_PING) != BENCH_PING) {
        bench_fail("write");
    }
}

static void raw_trip(void *of)
{
    const int *fd = of;
    char b[BENCH_PING] = "";

    raw_say(*fd, b);
    raw_all(*fd, b);
}

static void raw_client(int fd, const void *arg)
{
    (void)arg;
    bench_begin();
    bench_ping(BENCH_PINGS, raw_trip, &fd);
    bench_end();
}

static void raw_server(int fd, const void *arg)
{
    char b[BENCH_PING];

    (void)arg;
    bench_begin();
    for (int i = 0; i < BENCH_PINGS; i++) {
        raw_all(fd, b);
        raw_say(fd, b);
    }
    bench_end();
}

static void qio_client(int fd, const void *arg)
{
    (void)arg;
    bench_ping_client(qio_channel_socket_new_fd(fd, NULL));
}

static void qio_server(int fd, const void *arg)
{
    (void)arg;
    bench_ping_server(qio_channel_socket_new_fd(fd, NULL));
}

/* ---- the rows ---- */

static const char *name_of(enum bench_transport t)
{
    return t == BENCH_TCP ? "tcp" : "unix";
}

static void throughput(enum bench_transport t, size_t chunk, int mib, int runs)
{
    struct job j = {chunk, (uint64_t)mib << 20};
    struct bench_case c[2] = {
        {t, raw_send, &j, raw_recv, &j},
        {t, qio_send, &j, qio_recv, &j},
    };
    struct bench_result r[2];
    char name[80];

    snprintf(name, sizeof(name), "%s, %zu KiB", name_of(t), chunk >> 10);
    if (!bench_wanted(name)) {
        return;
    }
    bench_compare(c, 2, runs, r);
    printf("%-18s raw %6.0f MiB/s cpu %.2f+%.2f s, "
           "qio %6.0f MiB/s cpu %.2f+%.2f s\n",
           name, mib / r[0].seconds, r[0].send_cpu, r[0].recv_cpu,
           mib / r[1].seconds, r[1].send_cpu, r[1].recv_cpu);
    bench_row(name);
    bench_measured("raw", &r[0], mib);
    bench_measured("qio", &r[1], mib);
    bench_ratio("throughput against raw", r[1].speed_ratio, 0.98, 1);
}

static void ping_pong(enum bench_transport t, int runs)
{
    struct bench_case c[2] = {
        {t, raw_client, NULL, raw_server, NULL},
        {t, qio_client, NULL, qio_server, NULL},
    };
    struct bench_result r[2];
    char name[80];

    snprintf(name, sizeof(name), "%s, ping-pong of 64 bytes", name_of(t));
    if (!bench_wanted(name)) {
        return;
    }
    bench_compare(c, 2, BENCH_PING_RUNS(runs), r);
    printf("%s: raw %.1f us, qio %.1f us\n", name, r[0].latency * 1e6,
           r[1].latency * 1e6);
    bench_row(name);
    bench_measured("raw", &r[0], 0);
    bench_measured("qio", &r[1], 0);
    bench_ratio("median latency over raw", r[1].latency_ratio, 1.05, 0);
}

int main(int argc, char **argv)
{
    int runs = 7;
    int mib = 2048;

    bench_options(argc, argv, &runs, &mib);
    printf("plain: %d MiB, median of %d runs, both ends on this machine\n", mib,
           runs);
    for (int t = BENCH_TCP; t <= BENCH_UNIX; t++) {
        throughput(t, 64 << 10, mib, runs);
        throughput(t, 1 << 20, mib, runs);
        ping_pong(t, runs);
    }
    return 0;
}
