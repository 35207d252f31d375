/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the contract suite share. */
#ifndef QIOTEST_CONTRACT_PRIV_H
#define QIOTEST_CONTRACT_PRIV_H

#include <pthread.h>
#include <stdint.h>
#include "contract.h"
#include "qiotest.h"

struct run {
    const struct qio_contract *c;
    QIOChannel *pair[2]; /* dropped after the test, NULL allowed */
    QIOError *err;
    size_t volume;
    uint8_t fds_before[1024 / 8]; /* bitmap: open before make() */
};

struct contract_test {
    const char *name;
    unsigned need;  /* traits without which the test is left out */
    unsigned leave; /* traits with which it is left out */
    void (*fn)(struct run *r);
};

/* Each list ends with a NULL name. */
extern const struct contract_test contract_data_tests[];
extern const struct contract_test contract_wait_tests[];
extern const struct contract_test contract_end_tests[];
extern const struct contract_test contract_fd_tests[];
extern const struct contract_test contract_cork_tests[];

/* Bytes that depend on their place in the stream. */
void pattern_fill(uint8_t *buf, size_t len, uint64_t at, unsigned seed);
void pattern_check(const uint8_t *buf, size_t len, uint64_t at, unsigned seed);

/* qio_channel_wait(), or with CONTRACT_LOOP a watch. */
int await(QIOChannel *ioc, unsigned events, int timeout_ms, QIOError **errp);

/* A thread that moves pattern bytes through one end. */
struct mover {
    QIOChannel *ioc;
    bool write;
    unsigned seed;
    uint64_t bytes;    /* how many, UINT64_MAX: until it fails or ends */
    size_t chunk;      /* per call */
    unsigned pause_us; /* between calls */
    uint64_t done;
    ssize_t last; /* result of the last call */
    QIOError *err;
    pthread_t thread;
};

void mover_start(struct mover *m);
/* Wait for it; it must have moved everything. */
void mover_finish(struct mover *m);
/* Wait for it, whatever it did; the caller looks and frees err. */
void mover_join(struct mover *m);
/* The same in this thread. */
void mover_run(struct mover *m);

/* One call, without waiting in non-blocking mode. */
ssize_t mover_try(struct mover *m, uint8_t *buf, size_t len);

/* With CONTRACT_LOOP: the same as a watch, and as tasks. */
void through_loop(bool enabled);
bool is_through_loop(void);
void mover_run_loop(struct mover *m, uint8_t *buf, size_t chunk);
int loop_write_all(QIOChannel *ioc, const void *buf, size_t len,
                   QIOError **errp);
int loop_read_all(QIOChannel *ioc, void *buf, size_t len, QIOError **errp);

/* Write pattern bytes (seed 0) without blocking until nothing more goes in;
 * how many went in. Leaves the channel non-blocking. */
uint64_t fill(struct run *r, QIOChannel *ioc);
/* Go on after `total` bytes; how many there are now. */
uint64_t fill_on(struct run *r, QIOChannel *ioc, uint64_t total);
/* Read once, waiting also in non-blocking mode: >0, 0 or -1. */
ssize_t read_some(struct run *r, QIOChannel *ioc, void *buf, size_t len);
ssize_t read_some_iov(struct run *r, QIOChannel *ioc, const struct iovec *iov,
                      size_t n);
/* Write once, waiting also in non-blocking mode. */
ssize_t write_some(struct run *r, QIOChannel *ioc, const struct iovec *iov,
                   size_t n);
/* Wait until nothing is held by layers, in every mode. */
void push(struct run *r, QIOChannel *ioc);
void write_text(struct run *r, QIOChannel *ioc, const char *text);
void expect_text(struct run *r, QIOChannel *ioc, const char *text);
/* Nothing to read: wait says so, a try says BLOCK. */
void expect_silence(struct run *r, QIOChannel *ioc);
/* The end of the stream, twice. */
void expect_end(struct run *r, QIOChannel *ioc);
/* Close an end so that the peer sees the end of the stream. */
void close_end(struct run *r, int end);
void drop(struct run *r, int end);
void sleep_ms(unsigned ms);

#endif
