/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a loop costs: 64 bytes go to and fro between two channels with a watch
 * each, against the same between two sockets on bare epoll, in one thread.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <qio/qio.h>
#include "bench.h"

#define SIZE 64
#define BAR 1.3

static int trips = 20000;

/* ---- two connected sockets that do not block ---- */

static void tcp_pair(int fds[2])
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    socklen_t len = sizeof(sin);
    int one = 1;
    int l = socket(AF_INET, SOCK_STREAM, 0);

    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (l < 0 || fds[0] < 0 || bind(l, (struct sockaddr *)&sin, len) ||
        listen(l, 1) || getsockname(l, (struct sockaddr *)&sin, &len) ||
        connect(fds[0], (struct sockaddr *)&sin, len)) {
        bench_fail("cannot connect on loopback");
    }
    fds[1] = accept(l, NULL, NULL);
    close(l);
    for (int i = 0; i < 2; i++) {
        setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
}

static void make_pair(enum bench_transport t, int fds[2])
{
    if (t == BENCH_TCP) {
        tcp_pair(fds);
    } else if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds)) {
        bench_fail("cannot make a socket pair");
    }
}

/* ---- bare ---- */

/* A round trip is two messages; the first comes from fds[0]. */
static double bare(enum bench_transport t)
{
    struct epoll_event ev = {.events = EPOLLIN};
    char buf[SIZE] = {0};
    int fds[2];
    int ep = epoll_create1(EPOLL_CLOEXEC);
    double begin;

    make_pair(t, fds);
    for (int i = 0; i < 2; i++) {
        ev.data.fd = fds[i];
        if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &ev)) {
            bench_fail("cannot use epoll");
        }
    }
    begin = bench_now();
    if (send(fds[0], buf, SIZE, MSG_NOSIGNAL) != SIZE) {
        bench_fail("cannot send");
    }
    for (int left = 2 * trips; left > 0;) {
        struct epoll_event got[64];
        int n = epoll_wait(ep, got, 64, -1);

        for (int i = 0; i < n; i++, left--) {
            int fd = got[i].data.fd;

            if (recv(fd, buf, SIZE, MSG_DONTWAIT) != SIZE ||
                send(fd, buf, SIZE, MSG_NOSIGNAL | MSG_DONTWAIT) != SIZE) {
                bench_fail("the bare ping-pong broke");
            }
        }
    }
    begin = bench_now() - begin;
    close(fds[0]);
    close(fds[1]);
    close(ep);
    return begin;
}

/* ---- watches ---- */

struct game {
    QIOLoop *loop;
    int left;
};

static bool bounce(QIOChannel *ioc, unsigned events, void *opaque)
{
    struct game *g = opaque;
    char buf[SIZE];

    (void)events;
    if (qio_channel_read(ioc, buf, SIZE, NULL) != SIZE ||
        qio_channel_write(ioc, buf, SIZE, NULL) != SIZE) {
        bench_fail("the watched ping-pong broke");
    }
    if (--g->left == 0) {
        qio_loop_quit(g->loop);
    }
    return true;
}

static double watched(enum bench_transport t)
{
    struct game g = {qio_loop_new(NULL), 2 * trips};
    char buf[SIZE] = {0};
    QIOChannel *ioc[2];
    double begin;
    int fds[2];

    make_pair(t, fds);
    for (int i = 0; i < 2; i++) {
        ioc[i] = qio_channel_socket_new_fd(fds[i], NULL);
        qio_channel_set_blocking(ioc[i], false);
        if (!qio_channel_add_watch(ioc[i], g.loop, QIO_EVENT_IN, bounce, &g,
                                   NULL, NULL)) {
            bench_fail("cannot watch a channel");
        }
    }
    begin = bench_now();
    if (qio_channel_write(ioc[0], buf, SIZE, NULL) != SIZE ||
        qio_loop_run(g.loop, NULL) < 0) {
        bench_fail("the loop failed");
    }
    begin = bench_now() - begin;
    qio_loop_free(g.loop);
    qio_channel_unref(ioc[0]);
    qio_channel_unref(ioc[1]);
    return begin;
}

static void compare(const char *name, enum bench_transport t, int runs)
{
    double seconds[2][BENCH_RUNS];
    double ratio[BENCH_RUNS];

    for (int k = -1; k < runs; k++) {
        double one = bare(t);
        double other = watched(t);

        if (k >= 0) {
            seconds[0][k] = one;
            seconds[1][k] = other;
            ratio[k] = other / one;
        }
    }
    printf("%-28s epoll %.2f us, watches %.2f us a round trip\n", name,
           bench_median(seconds[0], runs) / trips * 1e6,
           bench_median(seconds[1], runs) / trips * 1e6);
    bench_row(name);
    bench_ratio("time against bare epoll", bench_median(ratio, runs), BAR, 0);
}

int main(int argc, char **argv)
{
    int runs = 21;
    int mib = 1;

    bench_options(argc, argv, &runs, &mib);
    if (runs > BENCH_RUNS) {
        bench_fail("cannot run that often");
    }
    printf("loop: %d bytes to and fro, %d round trips, median of %d runs\n",
           SIZE, trips, runs);
    compare("64 bytes over unix", BENCH_UNIX, runs);
    compare("64 bytes over TCP", BENCH_TCP, runs);
    return 0;
}
