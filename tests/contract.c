/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The contract suite: its list, and the helpers of its tests. */
#include <config.h>
#include "contract-priv.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_CONTRACTS 1000
#define MAX_TESTS 100
#define DEFAULT_VOLUME (8u << 20)
#define BLOCK_SIZE 65536

static const struct qio_contract *contracts[MAX_CONTRACTS];
/* Live as long as the program, like those of START_TEST. */
static TTest *entries[MAX_CONTRACTS];
static int n_contracts;

static const struct contract_test *const lists[] = {
    contract_data_tests,
    contract_wait_tests,
    contract_end_tests,
    contract_fd_tests,
    contract_cork_tests,
};

static const struct contract_test *nth_test(int n)
{
    for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++) {
        const struct contract_test *t = lists[l];

        for (; t->name; t++) {
            if (n-- == 0) {
                return t;
            }
        }
    }
    return NULL;
}

static void note_fds(uint8_t *bits, size_t size)
{
    DIR *d = opendir("/proc/self/fd");
    struct dirent *e;

    ck_assert_ptr_nonnull(d);
    while ((e = readdir(d))) {
        size_t fd = strtoul(e->d_name, NULL, 10);

        if (fd / 8 < size) {
            bits[fd / 8] |= (uint8_t)(1u << fd % 8);
        }
    }
    closedir(d);
}

/* One test of one contract, in its own process. */
static void run_test(int i)
{
    struct run r = {.c = contracts[i / MAX_TESTS]};
    const struct contract_test *t = nth_test(i % MAX_TESTS);
    int rc;

    r.volume = r.c->volume ? r.c->volume : DEFAULT_VOLUME;
    through_loop((r.c->traits & CONTRACT_LOOP) == CONTRACT_LOOP);
    note_fds(r.fds_before, sizeof(r.fds_before));
    rc = r.c->make(r.c->opaque, r.pair, &r.err);
    qiotest_ok(&r.err);
    ck_assert_int_eq(rc, 0);
    for (int end = 0; end < 2; end++) {
        qio_channel_set_blocking(r.pair[end],
                                 !(r.c->traits & CONTRACT_NONBLOCKING));
    }
    t->fn(&r);
    qiotest_ok(&r.err);
    drop(&r, 0);
    drop(&r, 1);
}

void qio_contract_suite(Suite *s, const struct qio_contract *c)
{
    TCase *tc = qiotest_case(s, c->name);
    const struct contract_test *t;
    int n;

    if (n_contracts == MAX_CONTRACTS) {
        fprintf(stderr, "%s: too many contracts\n", c->name);
        exit(EXIT_FAILURE);
    }
    contracts[n_contracts] = c;
    entries[n_contracts] = calloc(MAX_TESTS, sizeof(TTest));
    for (n = 0; (t = nth_test(n)); n++) {
        TTest *entry = &entries[n_contracts][n];

        if ((t->need & ~c->traits) || (t->leave & c->traits)) {
            continue;
        }
        entry->name = t->name;
        entry->fn = run_test;
        entry->file = __FILE__;
        entry->line = __LINE__;
        tcase_add_loop_test(tc, entry, n_contracts * MAX_TESTS + n,
                            n_contracts * MAX_TESTS + n + 1);
    }
    n_contracts++;
}

/* ---- helpers ---- */

static uint8_t pattern(uint64_t at, unsigned seed)
{
    return (uint8_t)((at * 167) ^ ((at >> 8) * 31) ^ (at >> 16) ^ seed);
}

void pattern_fill(uint8_t *buf, size_t len, uint64_t at, unsigned seed)
{
    for (size_t i = 0; i < len; i++) {
        buf[i] = pattern(at + i, seed);
    }
}

/* Where the bytes first differ, len if nowhere. */
static size_t pattern_differs(const uint8_t *buf, size_t len, uint64_t at,
                              unsigned seed)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (buf[i] != pattern(at + i, seed)) {
            break;
        }
    }
    return i;
}

void pattern_check(const uint8_t *buf, size_t len, uint64_t at, unsigned seed)
{
    size_t i = pattern_differs(buf, len, at, seed);

    ck_assert_msg(i == len, "byte %llu is wrong", (unsigned long long)(at + i));
}

void sleep_ms(unsigned ms)
{
    struct timespec ts = {ms / 1000, (long)(ms % 1000) * 1000000};

    while (nanosleep(&ts, &ts) < 0) {
    }
}

ssize_t mover_try(struct mover *m, uint8_t *buf, size_t len)
{
    ssize_t n;

    if (m->write) {
        pattern_fill(buf, len, m->done, m->seed);
        n = qio_channel_write(m->ioc, buf, len, &m->err);
    } else {
        n = qio_channel_read(m->ioc, buf, len, &m->err);
        if (n > 0 &&
            pattern_differs(buf, (size_t)n, m->done, m->seed) != (size_t)n) {
            qio_error_set(&m->err, QIO_ERROR_STREAM, 0,
                          "wrong bytes after %llu",
                          (unsigned long long)m->done);
            n = -1;
        }
    }
    return n;
}

static ssize_t move_once(struct mover *m, uint8_t *buf, size_t len)
{
    ssize_t n = mover_try(m, buf, len);

    if (n == QIO_CHANNEL_ERR_BLOCK) {
        n = await(m->ioc, m->write ? QIO_EVENT_OUT : QIO_EVENT_IN, -1, &m->err);
        return n < 0 ? -1 : QIO_CHANNEL_ERR_BLOCK;
    }
    return n;
}

void mover_run(struct mover *m)
{
    size_t chunk = m->chunk ? m->chunk : BLOCK_SIZE;
    uint8_t *buf = malloc(chunk);

    m->last = -1;
    if (buf && is_through_loop()) {
        mover_run_loop(m, buf, chunk);
        free(buf);
        return;
    }
    while (buf && m->done < m->bytes) {
        uint64_t left = m->bytes - m->done;

        m->last = move_once(m, buf, left < chunk ? (size_t)left : chunk);
        if (m->last == 0 || m->last == -1) {
            break;
        }
        if (m->last > 0) {
            m->done += (uint64_t)m->last;
        }
        if (m->pause_us) {
            struct timespec ts = {0, (long)m->pause_us * 1000};

            nanosleep(&ts, NULL);
        }
    }
    if (m->write && m->done == m->bytes) {
        qio_channel_set_blocking(m->ioc, true);
        if (qio_channel_flush(m->ioc, &m->err) < 0) {
            m->last = -1;
        }
    }
    free(buf);
}

static void *mover_thread(void *opaque)
{
    mover_run(opaque);
    return NULL;
}

void mover_start(struct mover *m)
{
    ck_assert_int_eq(pthread_create(&m->thread, NULL, mover_thread, m), 0);
}

void mover_join(struct mover *m)
{
    ck_assert_int_eq(pthread_join(m->thread, NULL), 0);
}

void mover_finish(struct mover *m)
{
    mover_join(m);
    qiotest_ok(&m->err);
    ck_assert_uint_eq(m->done, m->bytes);
}

uint64_t fill(struct run *r, QIOChannel *ioc)
{
    return fill_on(r, ioc, 0);
}

uint64_t fill_on(struct run *r, QIOChannel *ioc, uint64_t total)
{
    uint8_t *buf = malloc(BLOCK_SIZE);
    ssize_t n;

    ck_assert_ptr_nonnull(buf);
    qio_channel_set_blocking(ioc, false);
    for (;;) {
        pattern_fill(buf, BLOCK_SIZE, total, 0);
        n = qio_channel_write(ioc, buf, BLOCK_SIZE, &r->err);
        qiotest_ok(&r->err);
        if (n > 0) {
            total += (uint64_t)n;
            ck_assert_uint_lt(total, 256u << 20);
            continue;
        }
        ck_assert_int_eq(n, QIO_CHANNEL_ERR_BLOCK);
        n = await(ioc, QIO_EVENT_OUT, r->c->traits & CONTRACT_BRIEF ? 20 : 100,
                  &r->err);
        qiotest_ok(&r->err);
        if (n == 0) {
            break;
        }
    }
    free(buf);
    return total;
}

ssize_t read_some(struct run *r, QIOChannel *ioc, void *buf, size_t len)
{
    struct iovec iov = {buf, len};

    return read_some_iov(r, ioc, &iov, 1);
}

ssize_t read_some_iov(struct run *r, QIOChannel *ioc, const struct iovec *iov,
                      size_t niov)
{
    for (;;) {
        ssize_t n = qio_channel_readv(ioc, iov, niov, &r->err);
        int ev;

        if (n != QIO_CHANNEL_ERR_BLOCK) {
            return n;
        }
        qiotest_ok(&r->err);
        ev = await(ioc, QIO_EVENT_IN, 10000, &r->err);
        qiotest_ok(&r->err);
        ck_assert_int_gt(ev, 0);
    }
}

ssize_t write_some(struct run *r, QIOChannel *ioc, const struct iovec *iov,
                   size_t niov)
{
    for (;;) {
        ssize_t n = qio_channel_writev(ioc, iov, niov, &r->err);
        int ev;

        if (n != QIO_CHANNEL_ERR_BLOCK) {
            return n;
        }
        qiotest_ok(&r->err);
        ev = await(ioc, QIO_EVENT_OUT, 10000, &r->err);
        qiotest_ok(&r->err);
        ck_assert_int_gt(ev, 0);
    }
}

void push(struct run *r, QIOChannel *ioc)
{
    bool blocking = qio_channel_is_blocking(ioc);
    int rc;

    if (is_through_loop()) {
        rc = loop_write_all(ioc, "", 0, &r->err);
    } else {
        qio_channel_set_blocking(ioc, true);
        rc = qio_channel_flush(ioc, &r->err);
        qio_channel_set_blocking(ioc, blocking);
    }
    qiotest_ok(&r->err);
    ck_assert_int_eq(rc, 0);
}

void write_text(struct run *r, QIOChannel *ioc, const char *text)
{
    int rc = is_through_loop()
                 ? loop_write_all(ioc, text, strlen(text), &r->err)
                 : qio_channel_write_all(ioc, text, strlen(text), &r->err);

    qiotest_ok(&r->err);
    ck_assert_int_eq(rc, 0);
}

void expect_text(struct run *r, QIOChannel *ioc, const char *text)
{
    size_t len = strlen(text);
    char buf[256];
    int rc;

    ck_assert_uint_le(len, sizeof(buf));
    rc = is_through_loop() ? loop_read_all(ioc, buf, len, &r->err)
                           : qio_channel_read_all(ioc, buf, len, &r->err);
    qiotest_ok(&r->err);
    ck_assert_int_eq(rc, 0);
    ck_assert_mem_eq(buf, text, len);
}

/* A layer may wake up for something that is not data, but not for ever. */
void expect_silence(struct run *r, QIOChannel *ioc)
{
    bool blocking = qio_channel_is_blocking(ioc);
    int tries = qio_channel_base(ioc) ? 50 : 1;
    ssize_t n;
    char c;
    int ev;

    qio_channel_set_blocking(ioc, false);
    do {
        n = qio_channel_read(ioc, &c, 1, &r->err);
        qiotest_ok(&r->err);
        ck_assert_int_eq(n, QIO_CHANNEL_ERR_BLOCK);
        ev = await(ioc, QIO_EVENT_IN, 30, &r->err);
        qiotest_ok(&r->err);
    } while (ev != 0 && --tries > 0);
    ck_assert_int_eq(ev, 0);
    qio_channel_set_blocking(ioc, blocking);
}

void expect_end(struct run *r, QIOChannel *ioc)
{
    for (int i = 0; i < 2; i++) {
        char c;
        ssize_t n = read_some(r, ioc, &c, 1);

        qiotest_ok(&r->err);
        ck_assert_int_eq(n, 0);
    }
}

void close_end(struct run *r, int end)
{
    QIOChannel *ioc = r->pair[end];
    int rc;

    if (r->c->traits & CONTRACT_CLOSE_IS_ABRUPT) {
        qio_channel_set_blocking(ioc, true);
        qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &r->err);
        qiotest_ok(&r->err);
        ck_assert_int_eq(qio_channel_flush(ioc, &r->err), 0);
    }
    rc = qio_channel_close(ioc, &r->err);
    qiotest_ok(&r->err);
    ck_assert_int_eq(rc, 0);
}

void drop(struct run *r, int end)
{
    qio_channel_unref(r->pair[end]);
    r->pair[end] = NULL;
}
