/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ping-pongs compared; see bench-ping.h. */
#include <config.h>
#include "bench-ping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define TURNS 20
#define TRIPS 100
#define WARM_UP 10 /* of a turn, not counted */

void bench_ping_say(void *ioc, const char *b)
{
    if (qio_channel_write_all(ioc, b, BENCH_PING, NULL) < 0) {
        bench_fail("write to a channel");
    }
}

void bench_ping_hear(void *ioc, char *b)
{
    if (qio_channel_read_all(ioc, b, BENCH_PING, NULL) < 0) {
        bench_fail("read from a channel");
    }
}

static double trip(const struct bench_ping_case *c, void *end)
{
    char b[BENCH_PING] = "";
    double begin = bench_now();

    c->say(end, b);
    c->hear(end, b);
    return bench_now() - begin;
}

static void echo(const struct bench_ping_case *c, void *end)
{
    char b[BENCH_PING];

    for (int i = 0; i < WARM_UP + TRIPS; i++) {
        c->hear(end, b);
        c->say(end, b);
    }
}

/* Of each case the median; NULL for the end that answers. */
static void play(const struct bench_ping_case *c, size_t n,
                 int fds[BENCH_CASES][2], size_t first, double *medians)
{
    static double t[BENCH_CASES][TURNS * TRIPS];
    void *end[BENCH_CASES];
    int server = medians == NULL;

    for (size_t i = 0; i < n; i++) {
        const int *pair = fds[(first + i) % n];

        close(pair[!server]);
        end[i] = c[i].open(pair[server], server, c[i].arg);
    }
    for (int turn = 0; turn < TURNS; turn++) {
        for (size_t i = 0; i < n; i++) {
            if (server) {
                echo(&c[i], end[i]);
                continue;
            }
            for (int k = -WARM_UP; k < TRIPS; k++) {
                double one = trip(&c[i], end[i]);

                t[i][turn * TRIPS + (k < 0 ? 0 : k)] = one;
            }
        }
    }
    for (size_t i = 0; medians && i < n; i++) {
        medians[i] = bench_median(t[i], TURNS * TRIPS);
    }
}

static void run(enum bench_transport t, const struct bench_ping_case *c,
                size_t n, size_t first, double *medians)
{
    int fds[BENCH_CASES][2];
    pid_t pid[2];
    int status;

    for (size_t i = 0; i < n; i++) {
        bench_pair(t, fds[i]);
    }
    for (int server = 0; server < 2; server++) {
        pid[server] = fork();
        if (pid[server] < 0) {
            bench_fail("cannot fork");
        }
        if (pid[server] == 0) {
            bench_pin(server);
            play(c, n, fds, first, server ? NULL : medians);
            _exit(0);
        }
    }
    for (size_t i = 0; i < n; i++) {
        close(fds[i][0]);
        close(fds[i][1]);
    }
    for (int server = 0; server < 2; server++) {
        if (waitpid(pid[server], &status, 0) != pid[server] || status) {
            bench_fail("a process failed");
        }
    }
}

void bench_ping_compare(const char *row, enum bench_transport t,
                        const struct bench_ping_case *c, size_t n, int runs,
                        struct bench_ping_result *r)
{
    double *medians =
        mmap(NULL, BENCH_CASES * sizeof(*medians), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    /* Each kind in each place as often. */
    size_t rounds = (size_t)runs * n;
    double *times = calloc(2 * BENCH_CASES, rounds * sizeof(*times));
    double *ratios = times + BENCH_CASES * rounds;

    if (medians == MAP_FAILED || !times || n > BENCH_CASES) {
        bench_fail("cannot compare so many");
    }
    fflush(stdout);
    for (size_t k = 0; k < rounds; k++) {
        run(t, c, n, k % n, medians);
        for (size_t i = 0; i < n; i++) {
            times[i * rounds + k] = medians[i];
            ratios[i * rounds + k] = medians[i] / medians[0];
        }
    }
    munmap(medians, BENCH_CASES * sizeof(*medians));
    bench_row(row);
    printf("%s:", row);
    for (size_t i = 0; i < n; i++) {
        r[i].seconds = bench_median(times + i * rounds, (int)rounds);
        r[i].ratio = bench_median(ratios + i * rounds, (int)rounds);
        printf("%s %s %.1f us", i ? "," : "", c[i].name, r[i].seconds * 1e6);
        bench_measured_time(c[i].name, r[i].seconds);
    }
    printf("\n");
    free(times);
}
