/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TLS from end to end, both ends the same: our channels with each record
 * engine, a plain loop of GnuTLS, other libraries, and a plain socket. And what
 * a hypervisor sends, 8-byte headers and 4 KiB pages, as an iovec and as it
 * sends them, a record each. Small writes one after the other, with a cork. And
 * a ping-pong of 64 bytes.
 */
#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bench-peers.h"
#include "bench-ping.h"
#include "bench-tls.h"
#include "bench.h"
#include "vectors.h"

#define PAGE 4096
#define HEADER 8
#define PAGES 128 /* in one iovec */
#define LITTLE (4 << 10)
#define SMALL (64 << 10)
#define LARGE (512 << 10)
#define READ_BYTES (1 << 20)

struct job {
    size_t chunk; /* 0: pages */
    uint64_t total;
    const char *engine;
    int corked;
};

static char *buffer(size_t n)
{
    char *b = malloc(n);

    if (!b) {
        bench_fail("out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        b[i] = (char)(i * 7);
    }
    return b;
}

/* ---- a plain socket ---- */

static void raw_send(int fd, const void *arg)
{
    const struct job *j = arg;
    char *b = buffer(SMALL);

    bench_begin();
    for (uint64_t done = 0; done < j->total;) {
        ssize_t n = write(fd, b, SMALL);

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
    char *b = buffer(4 * SMALL);

    (void)arg;
    bench_begin();
    while (read(fd, b, 4 * SMALL) > 0) {
    }
    bench_end();
}

/* ---- GnuTLS ---- */

static void say(gnutls_session_t s, const char *b, size_t n)
{
    while (n > 0) {
        ssize_t r = gnutls_record_send(s, b, n);

        if (r <= 0) {
            bench_fail("gnutls_record_send");
        }
        b += r;
        n -= (size_t)r;
    }
}

static void gnutls_send(int fd, const void *arg)
{
    const struct job *j = arg;
    gnutls_session_t s = bench_gnutls(fd, 0);
    char *b = buffer(SMALL);

    size_t n = j->chunk == LITTLE ? LITTLE : SMALL;

    bench_begin();
    for (uint64_t done = 0; done < j->total;) {
        if (j->chunk) {
            say(s, b, n);
            done += n;
        } else {
            say(s, b, HEADER);
            say(s, b, PAGE);
            done += PAGE;
        }
    }
    bench_end();
    gnutls_bye(s, GNUTLS_SHUT_WR);
    close(fd);
}

static void gnutls_recv(int fd, const void *arg)
{
    const struct job *j = arg;
    gnutls_session_t s = bench_gnutls(fd, 1);
    char *b = buffer(SMALL);
    uint64_t done = 0;
    ssize_t n;

    bench_begin();
    while ((n = gnutls_record_recv(s, b, SMALL)) > 0) {
        done += (uint64_t)n;
    }
    bench_end();
    if (n < 0 || done < j->total) {
        bench_fail("gnutls_record_recv");
    }
}

/* ---- our channels ---- */

static QIOChannel *channel(int fd, const struct job *j, int server)
{
    if (j->engine) {
        setenv("QIO_TLS_ENGINE", j->engine, 1);
    } else {
        unsetenv("QIO_TLS_ENGINE");
    }
    return bench_qio_tls(fd, server);
}

static void qio_send(int fd, const void *arg)
{
    const struct job *j = arg;
    QIOChannel *ioc = channel(fd, j, 0);
    char *b = buffer(LARGE);
    struct iovec iov[2 * PAGES];

    for (size_t i = 0; i < PAGES; i++) {
        iov[2 * i] = (struct iovec){b, HEADER};
        iov[2 * i + 1] = (struct iovec){b + i * PAGE, PAGE};
    }
    bench_begin();
    qio_channel_set_cork(ioc, j->corked);
    for (uint64_t done = 0; done < j->total;) {
        int r = j->chunk ? qio_channel_write_all(ioc, b, j->chunk, NULL)
                         : qio_channel_writev_all(ioc, iov, 2 * PAGES, NULL);

        if (r < 0) {
            bench_fail("write to the TLS channel");
        }
        done += j->chunk ? j->chunk : (uint64_t)PAGES * PAGE;
    }
    bench_end();
    qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, NULL);
    if (qio_channel_flush(ioc, NULL) < 0) {
        bench_fail("flush");
    }
    qio_channel_unref(ioc);
}

static void qio_recv(int fd, const void *arg)
{
    const struct job *j = arg;
    QIOChannel *ioc = channel(fd, j, 1);
    char *b = buffer(READ_BYTES);
    uint64_t done = 0;
    ssize_t n;

    bench_begin();
    while ((n = qio_channel_read(ioc, b, READ_BYTES, NULL)) > 0) {
        done += (uint64_t)n;
    }
    bench_end();
    if (n < 0 || done < j->total) {
        bench_fail("read from the TLS channel");
    }
    qio_channel_unref(ioc);
}

/* ---- ping-pong ---- */

static void *gnutls_open(int fd, int server, const void *arg)
{
    (void)arg;
    return bench_gnutls(fd, server);
}

static void gnutls_say(void *end, const char *b)
{
    say(end, b, BENCH_PING);
}

static void gnutls_hear(void *end, char *b)
{
    for (size_t have = 0; have < BENCH_PING;) {
        ssize_t n = gnutls_record_recv(end, b + have, BENCH_PING - have);

        if (n <= 0) {
            bench_fail("gnutls_record_recv");
        }
        have += (size_t)n;
    }
}

static void *qio_open(int fd, int server, const void *arg)
{
    return channel(fd, arg, server);
}

/* ---- the table ---- */

enum { GNUTLS, BEST, AEAD, RAW, PEERS };

/* The first must be beaten as GnuTLS must, the others just be beaten. */
static const struct peer {
    const char *name;
    const char *(*missing)(void);
    bench_end_fn *send;
    bench_end_fn *recv;
} peers[] = {
    {"OpenSSL", bench_openssl_missing, bench_openssl_send, bench_openssl_recv},
    {"GIO", bench_gio_missing, bench_gio_send, bench_gio_recv},
    {"libevent", bench_libevent_missing, bench_libevent_send,
     bench_libevent_recv},
};
#define N_PEERS (sizeof(peers) / sizeof(peers[0]))

/* With VAES, without; 0: none. */
struct bars {
    double gnutls[2], openssl[2], raw[2], cpu[2];
};

/* Which bars are those of an engine: of the best (0) or of aead. */
static int column(int engine)
{
    return engine || bench_without_vaes();
}

static void show(const char *name, const struct bench_result *r, double mib)
{
    printf("  %-18s %6.0f MiB/s  cpu %.3f + %.3f s/GiB\n", name,
           mib / r->seconds, r->send_cpu * 1024 / mib,
           r->recv_cpu * 1024 / mib);
    bench_measured(name, r, mib);
}

static void bar(const char *what, int i, double ratio, double limit,
                int at_least)
{
    char name[80];

    if (limit > 0 && ratio > 0) {
        snprintf(name, sizeof(name), "%s, %s", i ? "aead" : "best", what);
        bench_ratio(name, ratio, limit, at_least);
    }
}

static void over_peers(int i, const struct bench_result *q, const size_t *at,
                       const struct bars *b)
{
    for (size_t k = 0; k < N_PEERS; k++) {
        char what[40];

        snprintf(what, sizeof(what), "throughput over %s", peers[k].name);
        bar(what, i, at[k] ? q->speed_against[at[k]] : 0,
            k ? 1 : b->openssl[column(i)], 1);
    }
}

static void row(enum bench_transport t, const char *name, struct job j,
                const struct bars *b, int runs)
{
    const double mib = (double)(j.total >> 20);
    const struct bench_bulk bulk = {j.chunk, j.total};
    struct job aead = j;
    struct bench_case c[PEERS + N_PEERS] = {
        [GNUTLS] = {t, gnutls_send, &j, gnutls_recv, &j},
        [BEST] = {t, qio_send, &j, qio_recv, &j},
        [AEAD] = {t, qio_send, &aead, qio_recv, &aead},
        [RAW] = {t, raw_send, &j, raw_recv, &j},
    };
    struct bench_result r[PEERS + N_PEERS];
    size_t at[N_PEERS] = {0};
    size_t n = j.chunk ? PEERS : RAW;

    if (!bench_wanted(name)) {
        return;
    }
    aead.engine = "aead";
    for (size_t k = 0; j.chunk && k < N_PEERS; k++) {
        if (!peers[k].missing()) {
            at[k] = n;
            c[n++] = (struct bench_case){t, peers[k].send, &bulk, peers[k].recv,
                                         &bulk};
        }
    }
    bench_compare(c, n, runs, r);
    printf("%s\n", name);
    bench_row(name);
    show(j.chunk ? "GnuTLS, 64 KiB" : "a record each", &r[GNUTLS], mib);
    if (j.chunk) {
        show("no TLS, 64 KiB", &r[RAW], mib);
    }
    for (size_t k = 0; j.chunk && k < N_PEERS; k++) {
        if (at[k]) {
            show(peers[k].name, &r[at[k]], mib);
        } else {
            bench_left_out(peers[k].name, peers[k].missing());
        }
    }
    show("qio", &r[BEST], mib);
    show("qio, aead", &r[AEAD], mib);
    for (int i = 0; i < 2; i++) {
        const struct bench_result *q = &r[i ? AEAD : BEST];

        bar(j.chunk ? "throughput over GnuTLS" : "throughput over that", i,
            q->speed_ratio, b->gnutls[column(i)], 1);
        over_peers(i, q, at, b);
        bar("throughput over no TLS", i, j.chunk ? q->speed_against[RAW] : 0,
            b->raw[column(i)], 1);
        bar("CPU of both ends", i, q->cpu_ratio, b->cpu[column(i)], 0);
    }
}

static void corked(int runs, uint64_t total)
{
    struct job plain = {LITTLE, total, NULL, 0},
               cork = {LITTLE, total, NULL, 1};
    struct job aead = {LITTLE, total, "aead", 1};
    struct bench_case c[4] = {
        {BENCH_TCP, gnutls_send, &plain, gnutls_recv, &plain},
        {BENCH_TCP, qio_send, &plain, qio_recv, &plain},
        {BENCH_TCP, qio_send, &cork, qio_recv, &cork},
        {BENCH_TCP, qio_send, &aead, qio_recv, &aead},
    };
    static const char *const names[4] = {"GnuTLS, 4 KiB", "qio", "qio, corked",
                                         "qio, aead, corked"};
    struct bench_result r[4];
    const char *name = "writes of 4 KiB, tcp";

    if (!bench_wanted(name)) {
        return;
    }
    bench_compare(c, 4, runs, r);
    printf("%s\n", name);
    bench_row(name);
    for (size_t i = 0; i < 4; i++) {
        show(names[i], &r[i], (double)(total >> 20));
    }
    /* Without a cork nothing is wanted: it depends on who waits for whom, for a
     * reader that is ahead is woken for every record. */
    for (int i = 0; i < 2; i++) {
        bar("corked, throughput over GnuTLS", i, r[2 + i].speed_ratio,
            column(i) ? 2 : 4, 1);
    }
}

/* How much a read finds depends on who is ahead: once says little. */
static double median_calls(const struct bench_case *c, int of_receiver,
                           double gb)
{
    double v[5];

    for (int i = 0; i < 5; i++) {
        v[i] = (double)bench_count_syscalls(c, of_receiver) / gb;
    }
    return bench_median(v, 5);
}

static void calls(uint64_t total)
{
    struct job j = {LARGE, total, NULL, 0};
    struct bench_case c = {BENCH_TCP, qio_send, &j, qio_recv, &j};
    const double gb = (double)total / 1e9;
    const char *name = "system calls per GB, 512 KiB writes, tcp";

    if (!bench_wanted(name)) {
        return;
    }
    printf("%s\n", name);
    bench_row(name);
    bench_ratio("sender", median_calls(&c, 0, gb), 2500, 0);
    bench_ratio("receiver", median_calls(&c, 1, gb), 6000, 0);
}

static void ping_pong(int runs)
{
    static const struct job best = {BENCH_PING, 0, NULL, 0};
    static const struct job aead = {BENCH_PING, 0, "aead", 0};
    static const struct bench_ping_case c[3] = {
        {"GnuTLS", gnutls_open, NULL, gnutls_say, gnutls_hear},
        {"qio", qio_open, &best, bench_ping_say, bench_ping_hear},
        {"qio, aead", qio_open, &aead, bench_ping_say, bench_ping_hear},
    };
    struct bench_ping_result r[3];
    const char *name = "ping-pong of 64 bytes, tcp";

    if (!bench_wanted(name)) {
        return;
    }
    bench_ping_compare(name, BENCH_TCP, c, 3, runs, r);
    for (int i = 0; i < 2; i++) {
        bar("median latency over GnuTLS", i, r[1 + i].ratio, 1.05, 0);
    }
}

int main(int argc, char **argv)
{
    const struct bars large_tcp = {
        {2.4, 1.45}, {2.4, 1.45}, {1.2, 0.75}, {0.36, 0.64}};
    const struct bars small_tcp = {{2, 1.25}, {2, 1.25}, {0}, {0}};
    const struct bars pages_tcp = {{5.5, 3.5}, {0}, {0}, {0.17, 0.28}};
    const struct bars large_unix = {{2, 1.2}, {2, 1.2}, {0}, {0}};
    const struct bars small_unix = {{1.8, 1.1}, {1.8, 1.1}, {0}, {0}};
    int runs = 21;
    int mib = 1024;
    uint64_t total;

    bench_options(argc, argv, &runs, &mib);
    total = (uint64_t)mib << 20;
    bench_tls_setup();
    printf("tls-both: TLS 1.3 %s, %d MiB, median of %d runs, both ends on "
           "this machine\n",
           BENCH_CIPHER, mib, runs);
    bench_tell_vaes();
    row(BENCH_TCP, "512 KiB writes, tcp", (struct job){LARGE, total, NULL, 0},
        &large_tcp, runs);
    row(BENCH_TCP, "64 KiB writes, each flushed, tcp",
        (struct job){SMALL, total, NULL, 0}, &small_tcp, runs);
    row(BENCH_TCP, "8-byte headers and 4 KiB pages, tcp",
        (struct job){0, total, NULL, 0}, &pages_tcp, runs);
    row(BENCH_UNIX, "512 KiB writes, unix", (struct job){LARGE, total, NULL, 0},
        &large_unix, runs);
    row(BENCH_UNIX, "64 KiB writes, each flushed, unix",
        (struct job){SMALL, total, NULL, 0}, &small_unix, runs);
    corked(runs, total / 2);
    calls(total);
    ping_pong(runs);
    return 0;
}
