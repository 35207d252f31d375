/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Contract: the bytes that go in come out, whatever the pieces. */
#include <config.h>
#include "contract-priv.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BULK_IOVS 250
#define BULK_PIECE 4194
#define MANY_IOVS 3000
#define MANY_PIECE 7

struct vector {
    struct iovec *iov;
    size_t n;
    uint8_t *mem;
    size_t size;
};

static void vector_make(struct vector *v, size_t n, size_t piece)
{
    v->n = n;
    v->size = n * piece;
    v->mem = calloc(n, piece);
    v->iov = calloc(n, sizeof(*v->iov));
    ck_assert(v->mem && v->iov);
    for (size_t i = 0; i < n; i++) {
        v->iov[i].iov_base = v->mem + i * piece;
        v->iov[i].iov_len = piece;
    }
}

static void vector_free(struct vector *v)
{
    free(v->mem);
    free(v->iov);
}

struct vector_writer {
    QIOChannel *ioc;
    struct vector v;
    int rc;
    QIOError *err;
};

static void *vector_write(void *opaque)
{
    struct vector_writer *w = opaque;

    w->rc = qio_channel_writev_all(w->ioc, w->v.iov, w->v.n, &w->err);
    return NULL;
}

static void transfer_vectors(struct run *r, size_t n, size_t piece,
                             bool blocking)
{
    struct vector_writer w = {.ioc = r->pair[0]};
    struct vector in;
    pthread_t thread;
    int rc;

    qio_channel_set_blocking(r->pair[0], blocking);
    qio_channel_set_blocking(r->pair[1], blocking);
    vector_make(&w.v, n, piece);
    vector_make(&in, n, piece);
    pattern_fill(w.v.mem, w.v.size, 0, 7);
    ck_assert_int_eq(pthread_create(&thread, NULL, vector_write, &w), 0);
    rc = qio_channel_readv_all(r->pair[1], in.iov, in.n, &r->err);
    pthread_join(thread, NULL);
    qiotest_ok(&r->err);
    qiotest_ok(&w.err);
    ck_assert_int_eq(rc, 0);
    ck_assert_int_eq(w.rc, 0);
    ck_assert(memcmp(in.mem, w.v.mem, in.size) == 0);
    vector_free(&w.v);
    vector_free(&in);
}

static void bulk_blocking(struct run *r)
{
    transfer_vectors(r, BULK_IOVS, BULK_PIECE, true);
}

static void bulk_nonblocking(struct run *r)
{
    transfer_vectors(r, BULK_IOVS, BULK_PIECE, false);
}

static void many_iovs(struct run *r)
{
    transfer_vectors(r, MANY_IOVS, MANY_PIECE, true);
    transfer_vectors(r, MANY_IOVS, MANY_PIECE, false);
}

/* One call with more pieces than the system takes moves some of them: of one
 * byte, so that they fit in whatever lies between. */
static void many_iovs_once(struct run *r)
{
    struct vector out, in;
    size_t got = 0;
    ssize_t put, n;

    vector_make(&out, MANY_IOVS, 1);
    vector_make(&in, MANY_IOVS, 1);
    pattern_fill(out.mem, out.size, 0, 3);
    put = write_some(r, r->pair[0], out.iov, out.n);
    qiotest_ok(&r->err);
    push(r, r->pair[0]);
    ck_assert_int_gt(put, 0);
    ck_assert_uint_le((size_t)put, out.size);
    while (got < (size_t)put) {
        n = read_some_iov(r, r->pair[1], in.iov, in.n);
        qiotest_ok(&r->err);
        ck_assert_int_gt(n, 0);
        ck_assert_uint_le((size_t)n, (size_t)put - got);
        pattern_check(in.mem, (size_t)n, got, 3);
        got += (size_t)n;
    }
    vector_free(&out);
    vector_free(&in);
}

static void short_reads(struct run *r)
{
    static const size_t sizes[] = {1, 2, 3, 5, 17, 100, 1000};
    struct mover w = {.ioc = r->pair[0],
                      .write = true,
                      .bytes = 5000,
                      .chunk = 333,
                      .seed = 1};
    uint8_t buf[1000];
    uint64_t got = 0;

    mover_start(&w);
    for (size_t i = 0; got < w.bytes; i++) {
        size_t ask = sizes[i % 7];
        ssize_t n = read_some(r, r->pair[1], buf, ask);

        qiotest_ok(&r->err);
        ck_assert_int_gt(n, 0);
        ck_assert_uint_le((size_t)n, ask);
        pattern_check(buf, (size_t)n, got, 1);
        got += (size_t)n;
    }
    mover_finish(&w);
}

static void small_writes(struct run *r)
{
    struct mover w = {
        .ioc = r->pair[0], .write = true, .bytes = 2000, .chunk = 1, .seed = 2};
    struct mover in = {
        .ioc = r->pair[1], .bytes = 2000, .chunk = 64, .seed = 2};

    mover_start(&w);
    mover_run(&in);
    qiotest_ok(&in.err);
    ck_assert_uint_eq(in.done, in.bytes);
    mover_finish(&w);
}

/* A blocking read returns what is there, it does not wait for all. */
static void read_returns_early(struct run *r)
{
    char buf[4096];
    ssize_t n, got = 0;

    write_text(r, r->pair[0], "abc");
    while (got < 3) {
        n = read_some(r, r->pair[1], buf + got, sizeof(buf) - (size_t)got);
        qiotest_ok(&r->err);
        ck_assert_int_gt(n, 0);
        got += n;
    }
    ck_assert_int_eq(got, 3);
    ck_assert_mem_eq(buf, "abc", 3);
}

static void zero_length(struct run *r)
{
    char c[4] = "";
    struct iovec out[] = {
        {c, 0}, {(char *)"ab", 2}, {NULL, 0}, {(char *)"c", 1}};
    struct iovec in[] = {{c, 1}, {c, 0}, {c + 1, 2}};

    ck_assert_int_eq(qio_channel_write(r->pair[0], c, 0, &r->err), 0);
    ck_assert_int_eq(qio_channel_writev(r->pair[0], NULL, 0, &r->err), 0);
    ck_assert_int_eq(qio_channel_write_all(r->pair[0], c, 0, &r->err), 0);
    ck_assert_int_eq(qio_channel_read(r->pair[1], c, 0, &r->err), 0);
    ck_assert_int_eq(qio_channel_readv(r->pair[1], NULL, 0, &r->err), 0);
    ck_assert_int_eq(qio_channel_read_all(r->pair[1], c, 0, &r->err), 0);
    qiotest_ok(&r->err);
    ck_assert_int_eq(qio_channel_writev_all(r->pair[0], out, 4, &r->err), 0);
    ck_assert_int_eq(qio_channel_readv_all(r->pair[1], in, 3, &r->err), 0);
    qiotest_ok(&r->err);
    ck_assert_mem_eq(c, "abc", 3);
    expect_silence(r, r->pair[1]);
}

static void one_direction(struct run *r)
{
    struct mover w = {.ioc = r->pair[0], .write = true, .bytes = r->volume};
    struct mover in = {.ioc = r->pair[1], .bytes = r->volume, .chunk = 50000};

    mover_start(&w);
    mover_run(&in);
    qiotest_ok(&in.err);
    mover_finish(&w);
    ck_assert_uint_eq(in.done, in.bytes);
}

static void duplex(struct run *r)
{
    struct mover m[4] = {
        {.ioc = r->pair[0], .write = true, .seed = 1, .chunk = 65536},
        {.ioc = r->pair[1], .seed = 1, .chunk = 30000},
        {.ioc = r->pair[1], .write = true, .seed = 2, .chunk = 4000},
        {.ioc = r->pair[0], .seed = 2, .chunk = 100000},
    };

    for (int i = 0; i < 4; i++) {
        m[i].bytes = r->volume;
        mover_start(&m[i]);
    }
    for (int i = 0; i < 4; i++) {
        mover_finish(&m[i]);
    }
}

static void duplex_nonblocking(struct run *r)
{
    qio_channel_set_blocking(r->pair[0], false);
    qio_channel_set_blocking(r->pair[1], false);
    duplex(r);
}

/* ---- signals ---- */

static atomic_int signals;

static void count_signal(int sig)
{
    (void)sig;
    atomic_fetch_add(&signals, 1);
}

static void catch_signal(int sig)
{
    struct sigaction sa = {.sa_handler = count_signal};

    atomic_store(&signals, 0);
    sigemptyset(&sa.sa_mask);
    ck_assert_int_eq(sigaction(sig, &sa, NULL), 0);
}

struct bomber {
    pthread_t target;
    pthread_t thread;
    atomic_bool stop;
};

static void *bomb(void *opaque)
{
    struct bomber *b = opaque;
    struct timespec ts = {0, 100000};

    while (!atomic_load(&b->stop)) {
        pthread_kill(b->target, SIGUSR1);
        nanosleep(&ts, NULL);
    }
    return NULL;
}

/* Signals that interrupt system calls rain on the thread under test. */
static void eintr(struct run *r)
{
    struct bomber b = {.target = pthread_self()};
    struct mover slow = {.ioc = r->pair[0],
                         .write = true,
                         .bytes = 50000,
                         .chunk = 1000,
                         .pause_us = 1000};
    struct mover fast = {.ioc = r->pair[1], .bytes = 50000, .chunk = 700};
    uint64_t volume = r->volume < 1u << 20 ? r->volume : 1u << 20;

    catch_signal(SIGUSR1);
    ck_assert_int_eq(pthread_create(&b.thread, NULL, bomb, &b), 0);
    mover_start(&slow);
    mover_run(&fast);
    qiotest_ok(&fast.err);
    mover_finish(&slow);

    slow = (struct mover){.ioc = r->pair[1],
                          .bytes = volume,
                          .chunk = 20000,
                          .pause_us = 500,
                          .seed = 9};
    fast = (struct mover){.ioc = r->pair[0],
                          .write = true,
                          .bytes = volume,
                          .chunk = 262144,
                          .seed = 9};
    mover_start(&slow);
    mover_run(&fast);
    qiotest_ok(&fast.err);
    mover_finish(&slow);

    atomic_store(&b.stop, true);
    pthread_join(b.thread, NULL);
    ck_assert_uint_eq(fast.done, fast.bytes);
    ck_assert_int_gt(atomic_load(&signals), 0);
}

/* Writing to a peer that is gone: an error, never a signal. */
static void sigpipe(struct run *r)
{
    static char junk[4096];
    struct iovec iov = {junk, sizeof(junk)};
    sigset_t pending;
    ssize_t n = 0;
    int i;

    catch_signal(SIGPIPE);
    qio_channel_set_timeout(r->pair[0], 5000);
    ck_assert_int_eq(qio_channel_close(r->pair[1], &r->err), 0);
    qiotest_ok(&r->err);
    for (i = 0; i < 10000 && n >= 0; i++) {
        n = write_some(r, r->pair[0], &iov, 1);
    }
    ck_assert_int_eq(n, -1);
    qiotest_error(&r->err, QIO_ERROR_BROKEN);
    n = write_some(r, r->pair[0], &iov, 1);
    ck_assert_int_eq(n, -1);
    qiotest_error(&r->err, QIO_ERROR_BROKEN);
    ck_assert_int_eq(atomic_load(&signals), 0);
    sigpending(&pending);
    ck_assert(!sigismember(&pending, SIGPIPE));
}

/* Every descriptor that the pair made, wake-ups included. */
static void close_on_exec(struct run *r)
{
    char c;

    write_text(r, r->pair[0], "x");
    expect_text(r, r->pair[1], "x");
    qio_channel_set_timeout(r->pair[1], 10);
    ck_assert_int_eq(qio_channel_read(r->pair[1], &c, 1, &r->err), -1);
    qiotest_error(&r->err, QIO_ERROR_TIMEOUT);
    for (int fd = 0; fd < 1024; fd++) {
        int flags = fcntl(fd, F_GETFD);

        if (flags < 0 || (r->fds_before[fd / 8] & (1u << fd % 8))) {
            continue;
        }
        ck_assert_msg(flags & FD_CLOEXEC, "descriptor %d is not", fd);
    }
}

const struct contract_test contract_data_tests[] = {
    {"bulk_blocking", 0, CONTRACT_BRIEF, bulk_blocking},
    {"bulk_nonblocking", 0, 0, bulk_nonblocking},
    {"many_iovs", 0, 0, many_iovs},
    {"many_iovs_once", 0, 0, many_iovs_once},
    {"short_reads", 0, 0, short_reads},
    {"small_writes", 0, 0, small_writes},
    {"read_returns_early", 0, 0, read_returns_early},
    {"zero_length", 0, 0, zero_length},
    {"one_direction", 0, 0, one_direction},
    {"duplex", 0, CONTRACT_ONE_WAY, duplex},
    {"duplex_nonblocking", 0, CONTRACT_ONE_WAY, duplex_nonblocking},
    {"eintr", 0, CONTRACT_BRIEF, eintr},
    {"sigpipe", 0, CONTRACT_GONE_IS_NOT_SEEN, sigpipe},
    {"close_on_exec", 0, CONTRACT_NONBLOCKING, close_on_exec},
    {NULL, 0, 0, NULL},
};
