/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Socket channels against a loop of write(2) and read(2) on the same kind of
 * socket: throughput and CPU, 64 KiB and 1 MiB at a time; writes asked to go
 * without a copy, which over loopback means noticing that they do not; and a
 * ping-pong. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <qio/qio.h>
#include "bench-ping.h"
#include "bench.h"

struct job {
    size_t chunk;
    uint64_t total;
    int zero_copy;
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
    struct iovec iov = {b, j->chunk};
    int flags = j->zero_copy ? QIO_CHANNEL_WRITE_FLAG_ZERO_COPY : 0;

    if (!ioc || (flags && qio_channel_socket_enable_zero_copy(ioc, NULL) < 0)) {
        bench_fail("cannot set a socket channel up");
    }
    bench_begin();
    for (uint64_t done = 0; done < j->total; done += j->chunk) {
        if (qio_channel_writev_full_all(ioc, &iov, 1, NULL, 0, flags, NULL) <
            0) {
            bench_fail("qio_channel_writev_full_all");
        }
    }
    if (flags && qio_channel_flush(ioc, NULL) < 0) {
        bench_fail("qio_channel_flush");
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

static void *raw_open(int fd, int server, const void *arg)
{
    int *end = malloc(sizeof(*end));

    (void)server;
    (void)arg;
    if (!end) {
        bench_fail("out of memory");
    }
    *end = fd;
    return end;
}

static void raw_say(void *end, const char *b)
{
    if (write(*(int *)end, b, BENCH_PING) != BENCH_PING) {
        bench_fail("write");
    }
}

static void raw_hear(void *end, char *b)
{
    for (size_t have = 0; have < BENCH_PING;) {
        ssize_t n = read(*(int *)end, b + have, BENCH_PING - have);

        if (n <= 0) {
            bench_fail("read");
        }
        have += (size_t)n;
    }
}

/* On some machines a round trip jumps from one value to another when anybody
 * is late by a fraction of a microsecond, as waking a processor that has just
 * gone to sleep takes longer: this tells whether that is so. */
static void dawdle(void)
{
    double until = bench_now() + 0.1e-6;

    while (bench_now() < until) {
        continue;
    }
}

static void late_say(void *end, const char *b)
{
    dawdle();
    raw_say(end, b);
}

static void late_hear(void *end, char *b)
{
    dawdle();
    raw_hear(end, b);
}

static void *qio_open(int fd, int server, const void *arg)
{
    QIOChannel *ioc = qio_channel_socket_new_fd(fd, NULL);

    (void)server;
    (void)arg;
    if (!ioc) {
        bench_fail("cannot set a socket channel up");
    }
    return ioc;
}

/* ---- the rows ---- */

static const char *name_of(enum bench_transport t)
{
    return t == BENCH_TCP ? "tcp" : "unix";
}

static void throughput(enum bench_transport t, size_t chunk, int zero_copy,
                       int mib, int runs)
{
    struct job j = {chunk, (uint64_t)mib << 20, zero_copy};
    struct bench_case c[2] = {
        {t, raw_send, &j, raw_recv, &j},
        {t, qio_send, &j, qio_recv, &j},
    };
    struct bench_result r[2];
    char name[80];

    snprintf(name, sizeof(name), "%s, %zu KiB%s", name_of(t), chunk >> 10,
             zero_copy ? ", zero copy" : "");
    if (!bench_wanted(name)) {
        return;
    }
    bench_compare(c, 2, runs, r);
    printf("%-24s raw %6.0f MiB/s cpu %.2f+%.2f s, "
           "qio %6.0f MiB/s cpu %.2f+%.2f s\n",
           name, mib / r[0].seconds, r[0].send_cpu, r[0].recv_cpu,
           mib / r[1].seconds, r[1].send_cpu, r[1].recv_cpu);
    bench_row(name);
    bench_measured("raw", &r[0], mib);
    bench_measured("qio", &r[1], mib);
    /* The first sixteen pin pages, and are copied all the same. */
    bench_ratio("throughput against raw", r[1].speed_ratio,
                zero_copy ? 0.95 : 0.98, 1);
}

static void ping_pong(enum bench_transport t, int runs)
{
    static const struct bench_ping_case c[3] = {
        {"raw", raw_open, NULL, raw_say, raw_hear},
        {"qio", qio_open, NULL, bench_ping_say, bench_ping_hear},
        {"raw, each call 0.1 us late", raw_open, NULL, late_say, late_hear},
    };
    struct bench_ping_result r[3];
    char name[80];

    snprintf(name, sizeof(name), "%s, ping-pong of 64 bytes", name_of(t));
    if (!bench_wanted(name)) {
        return;
    }
    bench_ping_compare(name, t, c, 3, runs, r);
    bench_ratio("median latency over raw", r[1].ratio, 1.05, 0);
}

int main(int argc, char **argv)
{
    /* Many short runs: throughput differs by up to half from one to the next.
     */
    int runs = 189;
    int mib = 256;
    int few;

    bench_options(argc, argv, &runs, &mib);
    few = (runs + 8) / 9;
    printf("plain: %d MiB, median of %d runs, both ends on this machine\n", mib,
           runs);
    for (int t = BENCH_TCP; t <= BENCH_UNIX; t++) {
        throughput(t, 64 << 10, 0, mib, runs);
        throughput(t, 1 << 20, 0, mib, runs);
        if (t == BENCH_TCP) {
            /* Long ones: finding out that the kernel copies takes a while. */
            throughput(t, 1 << 20, 1, 8 * mib, few);
        }
        ping_pong(t, few);
    }
    return 0;
}
