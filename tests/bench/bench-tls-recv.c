/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Receiving over TLS: a TLS channel against a loop of gnutls_record_recv()
 * straight on the socket: CPU time and system calls per GiB. The sending
 * process is the same for both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "bench-tls.h"

#include "bench.h"

#define READ_BYTES (1 << 20)

struct job {
    size_t record; /* plaintext bytes in a record */
    uint64_t total;
};

static char *buffer(size_t n)
{
    char *b = calloc(1, n);

    if (!b) {
        bench_fail("out of memory");
    }
    return b;
}

/* Records of a chosen size, written in batches so that the sender does not
 * hold the receiver up. */
static void send_records(int fd, const void *arg)
{
    const struct job *j = arg;
    char *b = buffer(READ_BYTES);

    if (j->record == 16384) {
        QIOChannel *ioc = bench_qio_tls(fd, 0);

        bench_begin();
        for (uint64_t done = 0; done < j->total; done += READ_BYTES) {
            if (qio_channel_write_all(ioc, b, READ_BYTES, NULL) < 0) {
                bench_fail("write to the TLS channel");
            }
        }
        bench_end();
        qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, NULL);
        if (qio_channel_flush(ioc, NULL) < 0) {
            bench_fail("flush");
        }
        qio_channel_unref(ioc);
        return;
    }
    gnutls_session_t s = bench_gnutls(fd, 0);

    bench_begin();
    for (uint64_t done = 0; done < j->total; done += j->record) {
        if (gnutls_record_send(s, b, j->record) != (ssize_t)j->record) {
            bench_fail("gnutls_record_send");
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
    char *b = buffer(READ_BYTES);
    uint64_t done = 0;
    ssize_t n;

    bench_begin();
    while ((n = gnutls_record_recv(s, b, READ_BYTES)) > 0) {
        done += (uint64_t)n;
    }
    bench_end();
    if (n < 0 || done < j->total) {
        bench_fail("gnutls_record_recv");
    }
}

static void qio_recv(int fd, const void *arg)
{
    const struct job *j = arg;
    QIOChannel *ioc = bench_qio_tls(fd, 1);
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

int main(int argc, char **argv)
{
    static const size_t record[] = {16384, 4096};
    int runs = 7;
    int mib = 1024;

    bench_options(argc, argv, &runs, &mib);
    bench_tls_setup();
    printf("tls-recv: TLS 1.3 %s over TCP, %d MiB, median of %d runs\n",
           BENCH_CIPHER, mib, runs);
    for (size_t i = 0; i < 2; i++) {
        struct job j = {record[i], (uint64_t)mib << 20};
        struct bench_case c[2] = {
            {BENCH_TCP, send_records, &j, gnutls_recv, &j},
            {BENCH_TCP, send_records, &j, qio_recv, &j},
        };
        struct bench_result r[2];
        double calls[2];
        double gib = mib / 1024.0;

        bench_compare(c, 2, runs, r);
        for (int k = 0; k < 2; k++) {
            calls[k] = (double)bench_count_syscalls(&c[k], 1) / gib;
        }
        printf("records of %5zu bytes: gnutls %.3f s/GiB %.0f calls/GiB, "
               "qio %.3f s/GiB %.0f calls/GiB\n",
               record[i], r[0].recv_cpu / gib, calls[0], r[1].recv_cpu / gib,
               calls[1]);
        bench_row(record[i] == 4096 ? "records of 4 KiB" : "records of 16 KiB");
        bench_measured("GnuTLS", &r[0], mib);
        bench_measured("qio", &r[1], mib);
        /* What GnuTLS sends in little ones comes slower than it is read, so
         * much is waiting for it. */
        bench_ratio("CPU against gnutls_record_recv", r[1].recv_cpu_ratio,
                    record[i] == 4096 ? 0.95 : 0.85, 0);
        bench_ratio("system calls against gnutls_record_recv",
                    calls[1] / calls[0], record[i] == 4096 ? 0.2 : 0.1, 0);
    }
    return 0;
}
