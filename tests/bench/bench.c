/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The measuring programs' shared room; see bench.h. */
#include <config.h>
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What a process tells about itself, in memory shared with the parent. */
struct marks {
    double begin;
    double end;
    double cpu_begin;
    double cpu_end;
    int trace;
    volatile int counting;
};

static struct marks *mine;

void bench_fail(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    _exit(1);
}

double bench_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double cpu(void)
{
    struct rusage ru;

    getrusage(RUSAGE_SELF, &ru);
    return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
           (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

void bench_begin(void)
{
    if (mine->trace) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        mine->counting = 1;
    }
    mine->cpu_begin = cpu();
    mine->begin = bench_now();
}

void bench_end(void)
{
    mine->end = bench_now();
    mine->cpu_end = cpu();
    mine->counting = 0;
}

static void tcp_pair(int fds[2])
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    socklen_t len = sizeof(sin);
    int one = 1;
    int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (l < 0 || fds[0] < 0 || bind(l, (struct sockaddr *)&sin, len) ||
        listen(l, 1) || getsockname(l, (struct sockaddr *)&sin, &len) ||
        connect(fds[0], (struct sockaddr *)&sin, len)) {
        bench_fail("cannot connect on loopback");
    }
    fds[1] = accept(l, NULL, NULL);
    if (fds[1] < 0) {
        bench_fail("cannot accept on loopback");
    }
    setsockopt(fds[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fds[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    close(l);
}

void bench_pair(enum bench_transport t, int fds[2])
{
    if (t == BENCH_TCP) {
        tcp_pair(fds);
    } else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
        bench_fail("cannot make a socket pair");
    }
}

void bench_pin(int end)
{
    cpu_set_t all, one;
    int left = end;

    if (sched_getaffinity(0, sizeof(all), &all) < 0 || CPU_COUNT(&all) < 2) {
        return;
    }
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &all) && left-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(i, &one);
            sched_setaffinity(0, sizeof(one), &one);
            return;
        }
    }
}

static pid_t start(bench_end_fn *fn, const void *arg, int fd, int other,
                   struct marks *m, int end)
{
    pid_t pid = fork();

    if (pid < 0) {
        bench_fail("cannot fork");
    }
    if (pid == 0) {
        mine = m;
        bench_pin(end);
        close(other);
        fn(fd, arg);
        _exit(0);
    }
    return pid;
}

static uint64_t count(pid_t pid, const struct marks *m)
{
    uint64_t stops = 0;
    int status;

    while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
        int sig = WSTOPSIG(status);

        if (sig == (SIGTRAP | 0x80)) {
            stops += m->counting != 0;
            sig = 0;
        } else if (sig == SIGSTOP) {
            ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD);
            sig = 0;
        }
        ptrace(PTRACE_SYSCALL, pid, NULL, sig);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        bench_fail("a traced process failed");
    }
    return stops / 2; /* a stop on entry and one on exit */
}

static void reap(pid_t pid)
{
    int status;

    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
        WEXITSTATUS(status)) {
        bench_fail("a process failed");
    }
}

/* traced: 0 none, 1 the sender, 2 the receiver. */
static uint64_t run(const struct bench_case *c, struct bench_result *r,
                    int traced)
{
    struct marks *m = mmap(NULL, 2 * sizeof(*m), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t calls = 0;
    pid_t pid[2];
    int fds[2];

    if (m == MAP_FAILED) {
        bench_fail("out of memory");
    }
    bench_pair(c->transport, fds);
    m[0].trace = traced == 1;
    m[1].trace = traced == 2;
    fflush(stdout);
    pid[0] = start(c->send, c->send_arg, fds[0], fds[1], &m[0], 0);
    pid[1] = start(c->recv, c->recv_arg, fds[1], fds[0], &m[1], 1);
    close(fds[0]);
    close(fds[1]);
    if (traced) {
        calls = count(pid[traced - 1], &m[traced - 1]);
        reap(pid[2 - traced]);
    } else {
        reap(pid[0]);
        reap(pid[1]);
    }
    r->seconds = m[1].end - m[0].begin;
    r->send_cpu = m[0].cpu_end - m[0].cpu_begin;
    r->recv_cpu = m[1].cpu_end - m[1].cpu_begin;
    munmap(m, 2 * sizeof(*m));
    return calls;
}

void bench_run(const struct bench_case *c, struct bench_result *r)
{
    run(c, r, 0);
}

uint64_t bench_count_syscalls(const struct bench_case *c, int of_receiver)
{
    struct bench_result r;

    return run(c, &r, of_receiver ? 2 : 1);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof(*v), by_value);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* Medians of one case's runs, and of its ratios to the first case's. */
static void summarize(const struct bench_result *of,
                      const struct bench_result *first, int runs,
                      struct bench_result *r)
{
    double v[6][BENCH_RUNS];

    for (int k = 0; k < runs; k++) {
        v[0][k] = of[k].seconds;
        v[1][k] = of[k].send_cpu;
        v[2][k] = of[k].recv_cpu;
        v[3][k] = first[k].seconds / of[k].seconds;
        v[4][k] = of[k].recv_cpu / first[k].recv_cpu;
        v[5][k] = (of[k].send_cpu + of[k].recv_cpu) /
                  (first[k].send_cpu + first[k].recv_cpu);
    }
    r->seconds = bench_median(v[0], runs);
    r->send_cpu = bench_median(v[1], runs);
    r->recv_cpu = bench_median(v[2], runs);
    r->speed_ratio = bench_median(v[3], runs);
    r->recv_cpu_ratio = bench_median(v[4], runs);
    r->cpu_ratio = bench_median(v[5], runs);
}

static void against_each(const struct bench_result *all, size_t i, size_t n,
                         int runs, struct bench_result *r)
{
    const size_t m = (size_t)runs;

    for (size_t j = 0; j < n; j++) {
        double v[BENCH_RUNS];

        for (size_t k = 0; k < m; k++) {
            v[k] = all[j * m + k].seconds / all[i * m + k].seconds;
        }
        r->speed_against[j] = bench_median(v, runs);
    }
}

void bench_compare(const struct bench_case *c, size_t n, int runs,
                   struct bench_result *r)
{
    struct bench_result *all = calloc(n * (size_t)runs, sizeof(*all));

    if (!all || runs < 1 || runs > BENCH_RUNS || n > BENCH_CASES) {
        bench_fail("cannot run that often");
    }
    for (int k = -1; k < runs; k++) {
        for (size_t j = 0; j < n; j++) {
            /* Nobody is always the one that comes first. */
            size_t i = k % 2 ? n - 1 - j : j;
            struct bench_result one;

            bench_run(&c[i], &one);
            if (k >= 0) {
                all[i * (size_t)runs + (size_t)k] = one;
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        summarize(all + i * (size_t)runs, all, runs, &r[i]);
        against_each(all, i, n, runs, &r[i]);
    }
    free(all);
}

static const char *only;

int bench_wanted(const char *row_name)
{
    return !only || strstr(row_name, only) != NULL;
}

void bench_options(int argc, char **argv, int *runs, int *mib)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--runs")) {
            *runs = atoi(argv[i + 1]);
        } else if (!strcmp(argv[i], "--mib")) {
            *mib = atoi(argv[i + 1]);
        } else if (!strcmp(argv[i], "--only")) {
            only = argv[i + 1];
        } else {
            bench_fail("usage: [--runs N] [--mib N] [--only ROW]");
        }
    }
    if (*runs < 1 || *mib < 1) {
        bench_fail("usage: [--runs N] [--mib N] [--only ROW]");
    }
}

static const char *row = "";

void bench_row(const char *name)
{
    row = name;
}

/* An object of the row at hand, begun; NULL when nobody wants it. */
static FILE *json_begin(void)
{
    const char *path = getenv("QIO_BENCH_JSON");
    FILE *json = path && *path ? fopen(path, "a") : NULL;

    if (json) {
        fprintf(json, "{\"program\": \"%s\", \"row\": \"%s\", ",
                program_invocation_short_name, row);
    }
    return json;
}

void bench_measured(const char *name, const struct bench_result *r, double mib)
{
    FILE *json = json_begin();

    if (!json) {
        return;
    }
    fprintf(json,
            "\"case\": \"%s\", \"mib_per_second\": %.0f, "
            "\"sender_cpu_per_gib\": %.3f, \"receiver_cpu_per_gib\": %.3f}\n",
            name, mib / r->seconds, r->send_cpu * 1024 / mib,
            r->recv_cpu * 1024 / mib);
    fclose(json);
}

void bench_measured_time(const char *name, double seconds)
{
    FILE *json = json_begin();

    if (json) {
        fprintf(json, "\"case\": \"%s\", \"microseconds\": %.2f}\n", name,
                seconds * 1e6);
        fclose(json);
    }
}

void bench_left_out(const char *name, const char *why)
{
    FILE *json = json_begin();

    printf("  %-18s left out: %s\n", name, why);
    if (json) {
        fprintf(json, "\"case\": \"%s\", \"left_out\": \"%s\"}\n", name, why);
        fclose(json);
    }
}

void bench_ratio(const char *name, double ratio, double bar, int at_least)
{
    int met = at_least ? ratio >= bar : ratio <= bar;
    FILE *json = json_begin();

    printf("  %-44s %6.2f  (%s %.2f: %s)\n", name, ratio,
           at_least ? "at least" : "at most", bar, met ? "met" : "NOT met");
    if (json) {
        fprintf(json,
                "\"name\": \"%s\", \"ratio\": %.3f, \"%s\": %.2f, "
                "\"met\": %s}\n",
                name, ratio, at_least ? "at_least" : "at_most", bar,
                met ? "true" : "false");
        fclose(json);
    }
}
