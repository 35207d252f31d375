/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sending over TLS: a TLS channel against a loop of gnutls_record_send()
 * straight on the socket. The receiving process takes part in the handshake and
 * then throws the ciphertext away, so that only the sender is measured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "bench-tls.h"

#include "bench.h"

#define PAGE 4096
#define HEADER 8
#define PAGES 512 /* in one iovec: 2 MiB of guest memory */

struct job {
    size_t chunk; /* 0: pages */
    uint64_t total;
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

static void drain(int fd, const void *arg)
{
    char b[4096];

    (void)arg;
    bench_gnutls(fd, 1);
    bench_begin();
    /* MSG_TRUNC on TCP: taken without being copied. */
    while (recv(fd, b, 1 << 20, MSG_TRUNC) > 0) {
    }
    bench_end();
}

static void record_send_all(gnutls_session_t s, const char *b, size_t n)
{
    while (n > 0) {
        ssize_t r = gnutls_record_send(s, b, n);

        if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED) {
            continue;
        }
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
    char *b = buffer(j->chunk ? j->chunk : PAGES * PAGE);

    bench_begin();
    for (uint64_t done = 0; done < j->total;) {
        if (j->chunk) {
            record_send_all(s, b, j->chunk);
            done += j->chunk;
            continue;
        }
        for (size_t i = 0; i < PAGES; i++) {
            record_send_all(s, b, HEADER);
            record_send_all(s, b + i * PAGE, PAGE);
        }
        done += (uint64_t)PAGES * PAGE;
    }
    bench_end();
    close(fd);
}

static void qio_send(int fd, const void *arg)
{
    const struct job *j = arg;
    QIOChannel *ioc = bench_qio_tls(fd, 0);
    char *b = buffer(j->chunk ? j->chunk : PAGES * PAGE);
    static struct iovec iov[2 * PAGES];

    for (size_t i = 0; i < PAGES; i++) {
        iov[2 * i] = (struct iovec){b, HEADER};
        iov[2 * i + 1] = (struct iovec){b + i * PAGE, PAGE};
    }
    bench_begin();
    for (uint64_t done = 0; done < j->total;) {
        int r = j->chunk ? qio_channel_write_all(ioc, b, j->chunk, NULL)
                         : qio_channel_writev_all(ioc, iov, 2 * PAGES, NULL);

        if (r < 0) {
            bench_fail("write to the TLS channel");
        }
        done += j->chunk ? j->chunk : (uint64_t)PAGES * PAGE;
    }
    bench_end();
    qio_channel_unref(ioc);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        size_t chunk;
        double bar;
    } what[] = {
        {"64 KiB writes", 64 << 10, 1.1},
        {"512 KiB writes", 512 << 10, 1.1},
        {"8-byte header + 4 KiB page", 0, 3},
    };
    int runs = 7;
    int mib = 1024;

    bench_options(argc, argv, &runs, &mib);
    bench_tls_setup();
    printf("tls-send: TLS 1.3 %s over TCP, %d MiB, median of %d runs\n",
           BENCH_CIPHER, mib, runs);
    for (size_t i = 0; i < 3; i++) {
        struct job j = {what[i].chunk, (uint64_t)mib << 20};
        struct bench_case c[2] = {
            {BENCH_TCP, gnutls_send, &j, drain, NULL},
            {BENCH_TCP, qio_send, &j, drain, NULL},
        };
        struct bench_result r[2];

        bench_compare(c, 2, runs, r);
        printf("%-28s gnutls %5.0f MiB/s cpu %.2f s, qio %5.0f MiB/s cpu "
               "%.2f s\n",
               what[i].name, mib / r[0].seconds, r[0].send_cpu,
               mib / r[1].seconds, r[1].send_cpu);
        bench_row(what[i].name);
        bench_measured("GnuTLS", &r[0], mib);
        bench_measured("qio", &r[1], mib);
        bench_ratio("throughput against gnutls_record_send", r[1].speed_ratio,
                    what[i].bar, 1);
    }
    return 0;
}
