/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handshakes per second of CPU time, both ends in one thread: TLS channels
 * against GnuTLS doing the same, with certificates (ECDSA, P-256), resumed, and
 * with a pre-shared key.
 */
#include "bench-handshake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <qio/qio.h>
#include <qio/tls-config.h>
#include <qio/tls-info.h>
#include "bench.h"

#define BAR 0.9
/* A certificate that is read again, for its dates. */
#define JUDGED_BAR 0.85
#define RESUMED_BAR 1.5
#define HANDSHAKES 25 /* a run: short, so that both see the same machine */

static const struct handshake cases[] = {
    {"full", false, false, false},
    {"resumed", false, false, true},
    {"full, client certificate", false, true, false},
    {"resumed, client certificate", false, true, true},
    {"pre-shared key", true, false, false},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

/* ---- ours ---- */

static QIOTLSCreds *client_creds, *server_creds;

static void set(QIOTLSConfig *config, const char *property, const char *value)
{
    if (qio_tls_config_set(config, property, value, NULL)) {
        bench_fail(property);
    }
}

static QIOTLSCreds *load(const struct handshake *h, QIOTLSEndpoint endpoint,
                         const char *dir)
{
    QIOTLSConfig *config = qio_tls_config_new(
        h->psk ? QIO_TLS_CREDS_PSK : QIO_TLS_CREDS_X509, endpoint, NULL);
    QIOError *err = NULL;
    QIOTLSCreds *creds;

    set(config, "dir", dir);
    set(config, "priority",
        h->psk ? HANDSHAKE_PSK_PRIORITY : HANDSHAKE_PRIORITY);
    set(config, "resumption", h->resume ? "on" : "off");
    if (endpoint == QIO_TLS_ENDPOINT_SERVER && !h->psk && !h->mutual) {
        set(config, "verify-peer", "off");
    }
    creds = qio_tls_creds_new(config, &err);
    if (!creds) {
        bench_fail(qio_error_message(err));
    }
    qio_tls_config_free(config);
    return creds;
}

static void ours_setup(const struct handshake *h, const char *dir)
{
    client_creds = load(h, QIO_TLS_ENDPOINT_CLIENT, dir);
    server_creds = load(h, QIO_TLS_ENDPOINT_SERVER, dir);
}

static void ours_free(void)
{
    qio_tls_creds_unref(client_creds);
    qio_tls_creds_unref(server_creds);
}

/* One step of the opening: whether it is over. */
static bool step(QIOChannel *ioc)
{
    QIOError *err = NULL;

    if (qio_channel_open_sync(ioc, 0, &err) == 0) {
        return true;
    }
    if (qio_error_code(err) != QIO_ERROR_TIMEOUT) {
        bench_fail(qio_error_message(err));
    }
    qio_error_free(err);
    return false;
}

static void shake_hands(QIOChannel *client, QIOChannel *server)
{
    bool c = false, s = false;

    while (!c || !s) {
        c = c || step(client);
        s = s || step(server);
    }
}

static void check_resumed(QIOChannel *ioc, bool expected)
{
    char *text = qio_channel_tls_fact(ioc, QIO_TLS_FACT_RESUMED, NULL);

    if (!text || strcmp(text, expected ? "yes" : "no") != 0) {
        bench_fail("a session is not what it should be");
    }
    free(text);
}

static void one(bool expect_resumed)
{
    QIOChannel *base[2], *client, *server;
    char byte = 'x';
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                   fds)) {
        bench_fail("cannot make a socket pair");
    }
    base[0] = qio_channel_socket_new_fd(fds[0], NULL);
    base[1] = qio_channel_socket_new_fd(fds[1], NULL);
    client =
        qio_channel_tls_new_client(base[0], client_creds, HANDSHAKE_HOST, NULL);
    server = qio_channel_tls_new_server(base[1], server_creds, NULL, NULL);
    if (!client || !server) {
        bench_fail("cannot make a TLS channel");
    }
    qio_channel_unref(base[0]);
    qio_channel_unref(base[1]);
    shake_hands(client, server);
    check_resumed(client, expect_resumed);
    if (qio_channel_write(server, &byte, 1, NULL) != 1 ||
        qio_channel_read(client, &byte, 1, NULL) != 1) {
        bench_fail("a byte was lost");
    }
    qio_channel_unref(client);
    qio_channel_unref(server);
}

/* ---- both ---- */

/* Of this thread, which does all the work. */
static double cpu_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double timed_raw(const struct handshake *h)
{
    double begin = cpu_now();

    raw_run(h, HANDSHAKES);
    return cpu_now() - begin;
}

static double timed_ours(const struct handshake *h)
{
    double begin = cpu_now();

    for (int i = 0; i < HANDSHAKES; i++) {
        one(h->resume);
    }
    return cpu_now() - begin;
}

/* Seconds for one of ours. */
static double compare(const struct handshake *h, const char *dir, int runs)
{
    double raw[BENCH_RUNS], ours[BENCH_RUNS], ratio[BENCH_RUNS];
    double seconds;

    raw_setup(h, dir);
    ours_setup(h, dir);
    /* To warm up, and for tickets. */
    raw_run(h, 20);
    for (int i = 0; i < 20; i++) {
        one(h->resume && i > 0);
    }
    for (int k = 0; k < runs; k++) {
        raw[k] = timed_raw(h);
        ours[k] = timed_ours(h);
        ratio[k] = raw[k] / ours[k];
    }
    seconds = bench_median(ours, runs) / HANDSHAKES;
    printf("%-28s GnuTLS %.0f, channels %.0f a second\n", h->name,
           HANDSHAKES / bench_median(raw, runs), 1 / seconds);
    bench_row(h->name);
    bench_ratio("handshakes against GnuTLS", bench_median(ratio, runs),
                h->resume && h->mutual ? JUDGED_BAR : BAR, 1);
    raw_free(h);
    ours_free();
    return seconds;
}

int main(int argc, char **argv)
{
    const char *dir;
    double seconds[CASES];
    int runs = 61;
    int mib = 1;

    bench_options(argc, argv, &runs, &mib);
    if (runs > BENCH_RUNS) {
        bench_fail("cannot run that often");
    }
    dir = handshake_files();
    printf("TLS 1.3 handshakes, both ends in one thread, %d in a run, median "
           "of %d runs\n",
           HANDSHAKES, runs);
    for (size_t i = 0; i < CASES; i++) {
        seconds[i] = compare(&cases[i], dir, runs);
        if (cases[i].resume) {
            bench_ratio("resumed against full", seconds[i - 1] / seconds[i],
                        RESUMED_BAR, 1);
        }
    }
    return 0;
}
