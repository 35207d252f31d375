/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One stream over many TLS connections, with a thread for each or without.
 * Where both ends do all their work, two processors are busy with one
 * connection already: more of them must not lose. Where the other end only
 * throws away what comes, a second thread has a processor for itself.
 */
#include <config.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <qio/migration/channels.h>
#include "bench-tls.h"

#include "bench.h"

#define WRITE_BYTES (1 << 20) /* as the tools do */
#define READ_BYTES (1 << 20)
#define MOST 4
#define CHACHA "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305"

struct job {
    unsigned count; /* 0: a TLS channel and nothing else */
    bool threads;
    const char *engine;   /* NULL: the best */
    const char *priority; /* NULL: the usual cipher */
    uint64_t total;
};

/* ---- connections ---- */

/* As threads are not worth much on one processor, each end has all of them,
 * in every case. */
static void unpin(void)
{
    cpu_set_t all;

    CPU_ZERO(&all);
    for (int i = 0; i < CPU_SETSIZE; i++) {
        CPU_SET(i, &all);
    }
    sched_setaffinity(0, sizeof(all), &all);
}

static void begin(const struct job *j)
{
    unpin();
    if (j->engine) {
        setenv("QIO_TLS_ENGINE", j->engine, 1);
    }
    if (j->priority) {
        bench_tls_set_priority(j->priority);
    }
}

static void check(const void *good, const QIOError *err)
{
    if (!good) {
        bench_fail(err ? qio_error_message(err) : "it cannot be");
    }
}

/* Listen, and say where over fd. */
static int listen_on(int fd)
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    socklen_t len = sizeof(sin);
    int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (l < 0 || bind(l, (struct sockaddr *)&sin, len) || listen(l, MOST) ||
        getsockname(l, (struct sockaddr *)&sin, &len) ||
        write(fd, &sin, sizeof(sin)) != sizeof(sin)) {
        bench_fail("cannot listen on loopback");
    }
    return l;
}

static int connect_to(const struct sockaddr_in *sin)
{
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;

    if (s < 0 || connect(s, (const struct sockaddr *)sin, sizeof(*sin))) {
        bench_fail("cannot connect on loopback");
    }
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return s;
}

static QIOChannel *client(int fd, const struct job *j)
{
    QIOError *err = NULL;
    struct sockaddr_in sin;
    QIOChannel *ioc;

    if (!j->count) {
        return bench_qio_tls(fd, 0);
    }
    if (read(fd, &sin, sizeof(sin)) != sizeof(sin)) {
        bench_fail("nobody listens");
    }
    ioc = qio_migration_channels_new_client(j->count, &err);
    check(ioc, err);
    if (qio_migration_channels_set_threads(ioc, j->threads, &err)) {
        check(NULL, err);
    }
    for (unsigned i = 0; i < j->count; i++) {
        QIOChannel *tls = bench_qio_tls(connect_to(&sin), 0);

        if (qio_migration_channels_join(ioc, tls, NULL, &err) < 0) {
            check(NULL, err);
        }
        qio_channel_unref(tls);
    }
    if (qio_channel_open_sync(ioc, 10000, &err)) {
        check(NULL, err);
    }
    return ioc;
}

static QIOChannel *server(int fd, const struct job *j)
{
    QIOError *err = NULL;
    QIOChannel *ioc;
    int l;

    if (!j->count) {
        return bench_qio_tls(fd, 1);
    }
    l = listen_on(fd);
    ioc = qio_migration_channels_new_server(&err);
    check(ioc, err);
    if (qio_migration_channels_set_threads(ioc, j->threads, &err)) {
        check(NULL, err);
    }
    for (unsigned i = 0; i < j->count; i++) {
        QIOChannel *tls = bench_qio_tls(accept(l, NULL, NULL), 1);
        QIOMigrationHello *h = qio_migration_hello_read_sync(tls, 10000, &err);

        check(h, err);
        if (qio_migration_channels_join(ioc, tls, h, &err) < 0) {
            check(NULL, err);
        }
        qio_migration_hello_free(h);
        qio_channel_unref(tls);
    }
    if (qio_channel_open_sync(ioc, 10000, &err)) {
        check(NULL, err);
    }
    close(l);
    return ioc;
}

/* ---- ends ---- */

/* As the tools do: a blocking write would wait for the threads each time. */
static void write_all(QIOChannel *ioc, const char *b)
{
    QIOError *err = NULL;

    for (size_t done = 0; done < WRITE_BYTES;) {
        ssize_t n = qio_channel_write(ioc, b + done, WRITE_BYTES - done, &err);

        if (n == QIO_CHANNEL_ERR_BLOCK) {
            n = qio_channel_wait(ioc, QIO_EVENT_OUT, -1, &err) < 0 ? -1 : 0;
        }
        if (n < 0) {
            check(NULL, err);
        }
        done += (size_t)n;
    }
}

static void send_all(int fd, const void *arg)
{
    const struct job *j = arg;
    char *b = calloc(1, WRITE_BYTES);
    QIOError *err = NULL;
    QIOChannel *ioc;

    begin(j);
    ioc = client(fd, j);
    check(b, NULL);
    qio_channel_set_blocking(ioc, false);
    bench_begin();
    for (uint64_t done = 0; done < j->total; done += WRITE_BYTES) {
        write_all(ioc, b);
    }
    if (qio_channel_bye_sync(ioc, 30000, &err)) {
        check(NULL, err);
    }
    bench_end();
    qio_channel_unref(ioc);
}

static void receive_all(int fd, const void *arg)
{
    const struct job *j = arg;
    char *b = malloc(READ_BYTES);
    QIOError *err = NULL;
    uint64_t done = 0;
    QIOChannel *ioc;
    ssize_t n;

    begin(j);
    ioc = server(fd, j);
    check(b, NULL);
    bench_begin();
    while ((n = qio_channel_read(ioc, b, READ_BYTES, &err)) > 0) {
        done += (uint64_t)n;
    }
    bench_end();
    if (n < 0 || done != j->total) {
        check(NULL, err);
    }
    qio_channel_unref(ioc);
}

/* What comes is thrown away by the kernel, still sealed. */
static void drain(int fd, const void *arg)
{
    const struct job *j = arg;
    struct pollfd v[MOST];
    unsigned open;
    QIOChannel *ioc;

    begin(j);
    ioc = server(fd, j);
    open = j->count;
    for (unsigned i = 0; i < j->count; i++) {
        QIOChannel *leaf = qio_migration_channels_get(ioc, i);

        while (qio_channel_base(leaf)) {
            leaf = qio_channel_base(leaf);
        }
        v[i] = (struct pollfd){qio_channel_socket_get_fd(leaf), POLLIN, 0};
    }
    bench_begin();
    while (open) {
        poll(v, j->count, -1);
        for (unsigned i = 0; i < j->count; i++) {
            if (v[i].revents &&
                recv(v[i].fd, NULL, 16 << 20, MSG_TRUNC | MSG_DONTWAIT) == 0) {
                v[i].fd = -1;
                open--;
            }
        }
    }
    bench_end();
    qio_channel_unref(ioc);
}

/* ---- the table ---- */

static void show(const char *name, const struct bench_result *r, double mib)
{
    printf("  %-32s %6.0f MiB/s  cpu %.3f + %.3f s/GiB\n", name,
           mib / r->seconds, r->send_cpu * 1024 / mib,
           r->recv_cpu * 1024 / mib);
    bench_measured(name, r, mib);
}

/* The tools make threads where there are processors to spare. */
static bool tools_make_threads(void)
{
    cpu_set_t mine;

    return !sched_getaffinity(0, sizeof(mine), &mine) && CPU_COUNT(&mine) > 2;
}

static void both_ends(uint64_t total, int runs)
{
    const struct job jobs[] = {
        {.count = 0, .total = total},
        {.count = 1, .total = total},
        {.count = 2, .total = total},
        {.count = 2, .threads = true, .total = total},
        {.count = 4, .total = total},
        {.count = 4, .threads = true, .total = total},
    };
    static const char *const names[] = {
        "a TLS channel", "1 connection",
        "2 connections", "2 connections with threads",
        "4 connections", "4 connections with threads",
    };
    struct bench_case c[6];
    struct bench_result r[6];
    const double mib = (double)(total >> 20);
    int threads = tools_make_threads();

    for (size_t i = 0; i < 6; i++) {
        c[i] = (struct bench_case){BENCH_TCP, send_all, &jobs[i], receive_all,
                                   &jobs[i]};
    }
    bench_compare(c, 6, runs, r);
    bench_row("one stream over many connections, both ends");
    for (size_t i = 0; i < 6; i++) {
        show(names[i], &r[i], mib);
    }
    bench_ratio("2 as the tools do it, throughput over 1",
                r[2 + threads].speed_against[1], 0.95, 1);
    bench_ratio("4 as the tools do it, throughput over 1",
                r[4 + threads].speed_against[1], 0.95, 1);
}

static void sealing_only(const char *name, struct job j, double limit, int runs)
{
    struct job jobs[3] = {j, j, j};
    static const char *const names[] = {
        "1 connection",
        "2 connections",
        "2 connections with threads",
    };
    struct bench_case c[3];
    struct bench_result r[3];
    const double mib = (double)(j.total >> 20);

    jobs[0].count = 1;
    jobs[2].threads = true;
    for (size_t i = 0; i < 3; i++) {
        c[i] =
            (struct bench_case){BENCH_TCP, send_all, &jobs[i], drain, &jobs[i]};
    }
    bench_compare(c, 3, runs, r);
    bench_row(name);
    for (size_t i = 0; i < 3; i++) {
        show(names[i], &r[i], mib);
    }
    bench_ratio("2 with threads, throughput over 1", r[2].speed_ratio, limit,
                1);
}

int main(int argc, char **argv)
{
    struct job j = {.count = 2, .engine = "gnutls"};
    int runs = 7, mib = 1024;

    bench_options(argc, argv, &runs, &mib);
    bench_tls_setup();
    /* Many short runs: how a process is woken differs from one to the next. */
    both_ends((uint64_t)mib << 19, 3 * runs);
    j.total = (uint64_t)mib << 19;
    sealing_only("sealing only, AES-256-GCM by GnuTLS", j, 1.0, runs);
    j.priority = CHACHA;
    j.total /= 2;
    sealing_only("sealing only, CHACHA20-POLY1305", j, 1.5, runs);
    return 0;
}
