/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-idle [--connections N] [--no-bar]: a TLS echo server in one thread that
 * holds N connections at once, each of which echoes, rests, and echoes again;
 * and what one that rests costs in memory, against a server of bare GnuTLS
 * sessions with the same settings. Fails when an echo is wrong or a bar missed.
 *
 * The clients are a process of their own, and so is each of the servers, so
 * that each has its own descriptors and its own heap.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench-idle.h"
#include "bench-tls.h"
#include "bench.h"

#define BACKLOG 1024
#define BAR 1.15
/* With fewer, the memory that some of them used while they shook hands, and
 * that waits in the heap for the next ones, counts for too much. */
#define MANY 5000
/* What that is, for 64 at a time: input that has been read ahead. */
#define WORKING (64 * (32 << 10))

static int connections = 300;
static int with_bar = 1;

/* ---- processes ---- */

struct server {
    const char *name;
    idle_server_fn *run;
    struct idle_memory *memory; /* shared with the process */
};

static int listen_somewhere(struct sockaddr_in *sin)
{
    socklen_t len = sizeof(*sin);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *sin = (struct sockaddr_in){.sin_family = AF_INET};
    sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)sin, len) ||
        listen(fd, BACKLOG) || getsockname(fd, (struct sockaddr *)sin, &len)) {
        bench_fail("cannot listen on loopback");
    }
    return fd;
}

static pid_t start_server(const struct server *s, int listener, int control[2])
{
    pid_t pid = fork();

    if (pid < 0) {
        bench_fail("cannot fork");
    }
    if (pid == 0) {
        close(control[0]);
        s->run(listener, control[1], s->memory);
        _exit(0);
    }
    close(listener);
    close(control[1]);
    return pid;
}

static pid_t start_clients(const struct sockaddr_in *sin, int control)
{
    pid_t pid = fork();

    if (pid < 0) {
        bench_fail("cannot fork");
    }
    if (pid == 0) {
        idle_clients(ntohs(sin->sin_port), control, connections);
        _exit(0);
    }
    return pid;
}

static void reap(pid_t pid, const char *who)
{
    int status;

    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
        WEXITSTATUS(status)) {
        bench_fail(who);
    }
}

static void run(const struct server *s)
{
    struct sockaddr_in sin;
    double begin = bench_now();
    pid_t server, clients;
    int control[2], fd;

    fd = listen_somewhere(&sin);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control)) {
        bench_fail("cannot make a socket pair");
    }
    fflush(stdout);
    server = start_server(s, fd, control);
    clients = start_clients(&sin, control[0]);
    close(control[0]);
    reap(clients, "the clients failed");
    reap(server, s->name);
    printf("%-16s %d connections, each echoed twice, in %.1f s\n", s->name,
           connections, bench_now() - begin);
}

/* ---- figures ---- */

static double each(size_t after, size_t before)
{
    return ((double)after - (double)before) / connections;
}

static void tell(const struct server *s)
{
    const struct idle_memory *m = s->memory;

    printf("%-16s idle: heap %6.0f, resident %6.0f bytes; after more work: "
           "heap %6.0f, resident %6.0f bytes\n",
           s->name, each(m[1].heap, m[0].heap),
           each(m[1].resident, m[0].resident), each(m[2].heap, m[0].heap),
           each(m[2].resident, m[0].resident));
}

/* Whether the bar is met. */
static bool compare(const char *what, const struct idle_memory *raw,
                    const struct idle_memory *qio, int when)
{
    double heap =
        each(qio[when].heap, qio[0].heap) / each(raw[when].heap, raw[0].heap);
    double resident = each(qio[when].resident, qio[0].resident + WORKING) /
                      each(raw[when].resident, raw[0].resident);

    printf("%s\n", what);
    bench_ratio("heap against bare GnuTLS sessions", heap, BAR, 0);
    if (connections < MANY) {
        return heap <= BAR;
    }
    bench_ratio("resident, less the buffers of 64 at work", resident, BAR, 0);
    return heap <= BAR && resident <= BAR;
}

static void options(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--no-bar")) {
            with_bar = 0;
        } else if (!strcmp(argv[i], "--connections") && i + 1 < argc) {
            connections = atoi(argv[++i]);
        } else {
            bench_fail("usage: [--connections N] [--no-bar]");
        }
    }
}

/* A skipped test's status when this system does not let us. */
static int too_many(void)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + 100;

    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < wanted) {
        printf("no more than %llu descriptors are allowed here\n",
               (unsigned long long)limit.rlim_max);
        return 77;
    }
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct server s[2] = {{"bare GnuTLS", idle_server_gnutls, NULL},
                          {"QIOLoop", idle_server_qio, NULL}};
    bool met;

    options(argc, argv);
    if (too_many()) {
        return too_many();
    }
    bench_tls_setup();
    for (int i = 0; i < 2; i++) {
        s[i].memory =
            mmap(NULL, 3 * sizeof(*s[i].memory), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (s[i].memory == MAP_FAILED) {
            bench_fail("out of memory");
        }
        run(&s[i]);
    }
    if (!with_bar) {
        return 0;
    }
    tell(&s[0]);
    tell(&s[1]);
    met = compare("at rest", s[0].memory, s[1].memory, 1);
    met &= compare("at rest after more work", s[0].memory, s[1].memory, 2);
    return met ? 0 : 1;
}
