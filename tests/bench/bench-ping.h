/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ping-pongs compared. What wakes a process on another processor has modes that
 * last for a process's life, on virtual machines most of all, and differ by
 * more than what is compared. So one pair of processes has a connection of each
 * kind, and they take turns of a hundred round trips. Sockets have such modes,
 * too, by where the kernel has put them, and in the next processes they are put
 * there again; so from run to run the kinds change places.
 */
#ifndef QIO_BENCH_PING_H
#define QIO_BENCH_PING_H

#include <qio/channel.h>
#include "bench.h"

#define BENCH_PING 64 /* bytes */

struct bench_ping_case {
    const char *name;
    /* An end on its socket, handshake and all. */
    void *(*open)(int fd, int server, const void *arg);
    const void *arg;
    /* BENCH_PING bytes. */
    void (*say)(void *end, const char *b);
    void (*hear)(void *end, char *b);
};

struct bench_ping_result {
    double seconds; /* of the runs' median round trips the median */
    double ratio;   /* to the first case's in the same run, the median, too */
};

/* At most BENCH_CASES cases. Prints a line named `row` and tells the JSON. */
void bench_ping_compare(const char *row, enum bench_transport t,
                        const struct bench_ping_case *c, size_t n, int runs,
                        struct bench_ping_result *r);

/* For cases whose end is a channel. */
void bench_ping_say(void *ioc, const char *b);
void bench_ping_hear(void *ioc, char *b);

#endif
