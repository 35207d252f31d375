/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the measuring programs share: two processes joined by a socket, their
 * CPU time and system calls between two marks, and medians over runs that
 * alternate between the things compared.
 */
#ifndef QIO_BENCH_H
#define QIO_BENCH_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_CASES 8  /* at most, to be compared */
#define BENCH_RUNS 501 /* at most, of each */

enum bench_transport { BENCH_TCP, BENCH_UNIX };

/* One end of a transfer, run in a process of its own on its end of a connected
 * blocking stream socket. Calls bench_begin() when its handshake is over and
 * bench_end() when its last byte is through. */
typedef void bench_end_fn(int fd, const void *arg);

struct bench_case {
    enum bench_transport transport;
    bench_end_fn *send;
    const void *send_arg;
    bench_end_fn *recv;
    const void *recv_arg;
};

/* Between begin and end. */
struct bench_result {
    double seconds; /* sender's begin to receiver's end */
    double send_cpu;
    double recv_cpu;
    /* Against the first case, run by run: a machine whose speed drifts slows
     * both of a pair. Set by bench_compare(). */
    double speed_ratio; /* above 1: faster than the first */
    double recv_cpu_ratio;
    double cpu_ratio; /* of both ends together */
    /* The same speed ratio against each of the cases. */
    double speed_against[BENCH_CASES];
};

void bench_begin(void);
void bench_end(void);

/* Connected sockets. */
void bench_pair(enum bench_transport t, int fds[2]);
/* This process, end 0 or 1, to a processor of its own, if there are two: else
 * the scheduler decides from run to run whether they share one. */
void bench_pin(int end);

void bench_run(const struct bench_case *c, struct bench_result *r);
/* System calls of the receiving (or sending) process between its marks. */
uint64_t bench_count_syscalls(const struct bench_case *c, int of_receiver);

/* Cases in turn, `runs` times each after one warm-up; medians into r[]. */
void bench_compare(const struct bench_case *c, size_t n, int runs,
                   struct bench_result *r);

/* Give up with a message: these are programs, not library code. */
void bench_fail(const char *what) __attribute__((noreturn));

/* Seconds of the steady clock. */
double bench_now(void);
/* Sorts v. */
double bench_median(double *v, int n);

/* "--runs N" and "--mib N" of the command line, with defaults; "--only TEXT":
 * just the rows whose names have it. */
void bench_options(int argc, char **argv, int *runs, int *mib);
int bench_wanted(const char *row_name);

/* What is told goes to the end of the file that QIO_BENCH_JSON names, too, an
 * object of JSON a line. bench_row() says what all that follows is about. */
void bench_row(const char *name);
/* Nothing but that line: tables differ. */
void bench_measured(const char *name, const struct bench_result *r, double mib);
void bench_measured_time(const char *name, double seconds);
/* Something to compare with is not here. */
void bench_left_out(const char *name, const char *why);
/* A ratio and what it should be at least (or at most). */
void bench_ratio(const char *name, double ratio, double bar, int at_least);

#endif
