/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Socket channels against a loop of write(2) and read(2) on the same kind of
 * socket: throughput and CPU, 64 KiB and 1 MiB at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <qio/qio.h>
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

int main(int argc, char **argv)
{
    int runs = 7;
    int mib = 2048;

    bench_options(argc, argv, &runs, &mib);
    printf("plain: %d MiB, median of %d runs, both ends on this machine\n", mib,
           runs);
    for (int t = BENCH_TCP; t <= BENCH_UNIX; t++) {
        for (size_t chunk = 64 << 10; chunk <= 1 << 20; chunk <<= 4) {
            struct job j = {chunk, (uint64_t)mib << 20};
            struct bench_case c[2] = {
                {t, raw_send, &j, raw_recv, &j},
                {t, qio_send, &j, qio_recv, &j},
            };
            struct bench_result r[2];
            char name[80];

            bench_compare(c, 2, runs, r);
            snprintf(name, sizeof(name), "%s, %zu KiB",
                     t == BENCH_TCP ? "tcp" : "unix", chunk >> 10);
            printf("%-18s raw %6.0f MiB/s cpu %.2f+%.2f s, "
                   "qio %6.0f MiB/s cpu %.2f+%.2f s\n",
                   name, mib / r[0].seconds, r[0].send_cpu, r[0].recv_cpu,
                   mib / r[1].seconds, r[1].send_cpu, r[1].recv_cpu);
            bench_ratio("throughput against raw", r[1].speed_ratio, 0.95, 1);
        }
    }
    return 0;
}
