/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Streams on unix sockets: several threads, breaking off, descriptors. */
#include <config.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <qio/channel-unix.h>
#include <qio/migration/stream.h>
#include "qiotest.h"

#define MIB ((size_t)1 << 20)

/* Two ends, each with a stream out and one in. */
struct ends {
    QIOChannel *ioc[2];
    QIOMigrationStream *out[2];
    QIOMigrationStream *in[2];
};

static void ends_up(struct ends *e)
{
    QIOError *err = NULL;

    ck_assert_int_eq(qio_channel_unix_pair(e->ioc, &err), 0);
    qiotest_ok(&err);
    e->out[0] = qio_migration_stream_new_output(e->ioc[0], NULL);
    e->in[0] = qio_migration_stream_new_return_path(e->out[0], NULL);
    e->in[1] = qio_migration_stream_new_input(e->ioc[1], NULL);
    e->out[1] = qio_migration_stream_new_return_path(e->in[1], NULL);
}

static void ends_down(struct ends *e)
{
    for (int i = 0; i < 2; i++) {
        qio_migration_stream_close(e->in[i], NULL);
        qio_migration_stream_close(e->out[i], NULL);
        qio_channel_unref(e->ioc[i]);
    }
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

/* ---- descriptors ---- */

static int is_same_file(int a, int b)
{
    struct stat x, y;

    ck_assert_int_eq(fstat(a, &x), 0);
    ck_assert_int_eq(fstat(b, &y), 0);
    return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void expect_fd(QIOMigrationStream *s, int like)
{
    QIOError *err = NULL;
    int fd = -1;

    ck_assert_int_eq(qio_migration_stream_get_fd(s, &fd, &err), 1);
    qiotest_ok(&err);
    ck_assert(is_same_file(fd, like));
    ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
}

static void expect_byte(QIOMigrationStream *s, uint8_t want)
{
    uint8_t b = ~want;

    ck_assert_int_eq(qio_migration_stream_get_byte(s, &b, NULL), 1);
    ck_assert_uint_eq(b, want);
}

START_TEST(test_fds)
{
    struct ends e;
    int p[2], q[2];
    uint8_t page[8192] = {7};

    ck_assert_int_eq(pipe(p), 0);
    ck_assert_int_eq(pipe(q), 0);
    ends_up(&e);
    qio_channel_set_blocking(e.ioc[1], _i);
    ck_assert_int_eq(qio_migration_stream_put_byte(e.out[0], 'a', NULL), 0);
    ck_assert_int_eq(qio_migration_stream_put_fd(e.out[0], p[0], NULL), 0);
    ck_assert_int_eq(qio_migration_stream_put_fd(e.out[0], q[0], NULL), 0);
    ck_assert_int_eq(qio_migration_stream_put_byte(e.out[0], 'b', NULL), 0);
    ck_assert_int_eq(
        qio_migration_stream_put_buffer_ref(e.out[0], page, 8192, NULL), 0);
    ck_assert_int_eq(qio_migration_stream_put_fd(e.out[0], p[0], NULL), 0);
    ck_assert_int_eq(qio_migration_stream_put_byte(e.out[0], 'c', NULL), 0);
    ck_assert_int_eq(qio_migration_stream_flush(e.out[0], NULL), 0);
    ck_assert_uint_eq(qio_migration_stream_transferred(e.out[0]), 8198);
    expect_byte(e.in[1], 'a');
    expect_fd(e.in[1], p[0]);
    expect_fd(e.in[1], q[0]);
    expect_byte(e.in[1], 'b');
    ck_assert_int_eq(qio_migration_stream_get_buffer(e.in[1], page, 8192, NULL),
                     1);
    expect_fd(e.in[1], p[0]);
    expect_byte(e.in[1], 'c');
    ends_down(&e);
    close(p[0]);
    close(p[1]);
    close(q[0]);
    close(q[1]);
}
END_TEST

/* A descriptor belongs to its byte: it is not handed out for another, and what
 * nobody takes is closed (each test counts descriptors at its end). */
START_TEST(test_fd_order)
{
    struct ends e;
    QIOError *err = NULL;
    int fd = -1;
    int p[2];

    ck_assert_int_eq(pipe(p), 0);
    ends_up(&e);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(qio_migration_stream_put_fd(e.out[0], p[0], NULL), 0);
    }
    ck_assert_int_eq(qio_migration_stream_put_byte(e.out[0], 'x', NULL), 0);
    ck_assert_int_eq(qio_migration_stream_put_fd(e.out[0], p[1], NULL), 0);
    ck_assert_int_eq(qio_migration_stream_put_fd(e.out[0], p[0], NULL), 0);
    expect_fd(e.in[1], p[0]);
    ck_assert_int_eq(qio_migration_stream_skip(e.in[1], 5, NULL), 1);
    expect_fd(e.in[1], p[1]);
    ck_assert_int_eq(qio_migration_stream_put_byte(e.out[1], 'y', NULL), 0);
    ck_assert_int_eq(qio_migration_stream_flush(e.out[1], NULL), 0);
    ck_assert_int_eq(qio_migration_stream_get_fd(e.in[0], &fd, &err), -1);
    qiotest_error(&err, QIO_ERROR_STREAM);
    ck_assert_int_eq(fd, -1);
    ends_down(&e);
    close(p[0]);
    close(p[1]);
}
END_TEST

/* A peer may not fill our table of descriptors. */
START_TEST(test_fd_flood)
{
    struct ends e;
    QIOError *err = NULL;
    uint8_t byte = 0;
    int fds[QIO_CHANNEL_UNIX_MAX_FDS];

    ends_up(&e);
    for (int i = 0; i < QIO_CHANNEL_UNIX_MAX_FDS; i++) {
        fds[i] = 0;
    }
    for (int i = 0; i < 3; i++) {
        struct iovec iov = {"x", 1};

        ck_assert_int_eq(qio_channel_writev_full_all(e.ioc[0], &iov, 1, fds,
                                                     QIO_CHANNEL_UNIX_MAX_FDS,
                                                     0, &err),
                         0);
        ck_assert_int_eq(qio_migration_stream_get_byte(e.in[1], &byte, &err),
                         i < 2 ? 1 : -1);
    }
    qiotest_error(&err, QIO_ERROR_STREAM);
    ends_down(&e);
}
END_TEST

/* ---- breaking off ---- */

struct job {
    QIOMigrationStream *s;
    size_t len;
    int ret;
    QIOError *err;
};

static void *get_job(void *opaque)
{
    struct job *j = opaque;
    uint8_t *buf = calloc(1, j->len);

    j->ret = qio_migration_stream_get_buffer(j->s, buf, j->len, &j->err);
    free(buf);
    return NULL;
}

static void *put_job(void *opaque)
{
    struct job *j = opaque;
    uint8_t *buf = calloc(1, j->len);

    j->ret = qio_migration_stream_put_buffer_ref(j->s, buf, j->len, &j->err);
    if (!j->ret) {
        j->ret = qio_migration_stream_flush(j->s, &j->err);
    }
    free(buf);
    return NULL;
}

/* Run the job and break it off while it waits. */
static void broken_off(void *(*run)(void *), QIOMigrationStream *s, size_t len)
{
    struct job j = {s, len, 0, NULL};
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, run, &j), 0);
    pause_ms(30);
    ck_assert_int_eq(qio_migration_stream_shutdown(s, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(j.ret, -1);
    qiotest_error(&j.err, QIO_ERROR_SHUTDOWN);
    ck_assert_int_eq(qio_error_code(qio_migration_stream_error(s)),
                     QIO_ERROR_SHUTDOWN);
}

START_TEST(test_shutdown_get)
{
    static const size_t lens[] = {1, 8, 4096, MIB};
    struct ends e;

    ends_up(&e);
    qio_channel_set_blocking(e.ioc[1], _i & 1);
    if (_i & 2) {
        ck_assert_int_eq(qio_migration_stream_put_be32(e.out[0], 1, NULL), 0);
        ck_assert_int_eq(qio_migration_stream_flush(e.out[0], NULL), 0);
    }
    broken_off(get_job, e.in[1], lens[_i / 4] + 4);
    ends_down(&e);
}
END_TEST

START_TEST(test_shutdown_put)
{
    struct ends e;

    ends_up(&e);
    qio_channel_set_blocking(e.ioc[0], _i);
    broken_off(put_job, e.out[0], 64 * MIB);
    ends_down(&e);
}
END_TEST

START_TEST(test_shutdown_rate)
{
    struct ends e;

    ends_up(&e);
    qio_migration_stream_set_rate_limit(e.out[0], 1);
    broken_off(put_job, e.out[0], 1000);
    ends_down(&e);
}
END_TEST

START_TEST(test_lift_rate)
{
    struct ends e;
    struct job j = {0};
    pthread_t thread;

    ends_up(&e);
    qio_migration_stream_set_rate_limit(e.out[0], 1);
    j.s = e.out[0];
    j.len = 1000;
    ck_assert_int_eq(pthread_create(&thread, NULL, put_job, &j), 0);
    pause_ms(30);
    ck_assert_uint_lt(qio_migration_stream_transferred(e.out[0]), 1000);
    qio_migration_stream_set_rate_limit(e.out[0], 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(j.ret, 0);
    ck_assert_int_eq(qio_migration_stream_skip(e.in[1], 1000, NULL), 1);
    ends_down(&e);
}
END_TEST

/* Every getter's bytes are the peer's, whenever the shutdown comes. */
static void *get_ones(void *opaque)
{
    QIOMigrationStream *s = opaque;
    uint8_t buf[5000];

    for (;;) {
        int ret = qio_migration_stream_get_buffer(s, buf, sizeof(buf), NULL);

        ck_assert_int_ne(ret, 0);
        if (ret < 0) {
            return NULL;
        }
        ck_assert_uint_eq(buf[0], 1);
        ck_assert_uint_eq(buf[sizeof(buf) - 1], 1);
    }
}

static void *put_ones(void *opaque)
{
    QIOMigrationStream *s = opaque;
    uint8_t buf[5000];

    memset(buf, 1, sizeof(buf));
    while (!qio_migration_stream_put_buffer(s, buf, sizeof(buf), NULL)) {
        continue;
    }
    return NULL;
}

START_TEST(test_shutdown_race)
{
    for (int i = 0; i < 20; i++) {
        pthread_t getter, putter;
        struct ends e;

        ends_up(&e);
        ck_assert_int_eq(pthread_create(&getter, NULL, get_ones, e.in[1]), 0);
        ck_assert_int_eq(pthread_create(&putter, NULL, put_ones, e.out[0]), 0);
        pause_ms(i % 5);
        ck_assert_int_eq(qio_migration_stream_shutdown(e.in[1], NULL), 0);
        ck_assert_int_eq(pthread_join(getter, NULL), 0);
        ck_assert_int_eq(pthread_join(putter, NULL), 0);
        ck_assert_int_eq(qio_error_code(qio_migration_stream_error(e.in[1])),
                         QIO_ERROR_SHUTDOWN);
        ends_down(&e);
    }
}
END_TEST

/* The peer goes away: an end between two things, an error within one. */
START_TEST(test_peer_gone)
{
    struct ends e;
    QIOError *err = NULL;
    uint64_t v;

    ends_up(&e);
    ck_assert_int_eq(qio_migration_stream_put_be64(e.out[0], 5, NULL), 0);
    ck_assert_int_eq(qio_migration_stream_put_be32(e.out[0], 5, NULL), 0);
    ck_assert_int_eq(qio_migration_stream_flush(e.out[0], NULL), 0);
    ck_assert_int_eq(qio_channel_close(e.ioc[0], NULL), 0);
    ck_assert_int_eq(qio_migration_stream_get_be64(e.in[1], &v, NULL), 1);
    ck_assert_int_eq(qio_migration_stream_get_be64(e.in[1], &v, &err), -1);
    qiotest_error(&err, QIO_ERROR_EOF);
    ck_assert_int_eq(qio_migration_stream_put_be64(e.out[1], 1, NULL), 0);
    ck_assert_int_eq(qio_migration_stream_flush(e.out[1], &err), -1);
    qiotest_error(&err, QIO_ERROR_BROKEN);
    ends_down(&e);
}
END_TEST

/* ---- both ways at once ---- */

#define ROUNDS 4000

static void *send_pages(void *opaque)
{
    QIOMigrationStream *s = opaque;
    uint8_t page[4096];

    memset(page, 0x5a, sizeof(page));
    for (uint64_t i = 0; i < ROUNDS; i++) {
        ck_assert_int_eq(qio_migration_stream_put_be64(s, i, NULL), 0);
        ck_assert_int_eq(
            qio_migration_stream_put_buffer_ref(s, page, 4096, NULL), 0);
        if (i % 1000 == 0) {
            ck_assert_int_eq(qio_migration_stream_flush(s, NULL), 0);
        }
    }
    ck_assert_int_eq(qio_migration_stream_flush(s, NULL), 0);
    return NULL;
}

static void *receive_pages(void *opaque)
{
    QIOMigrationStream *s = opaque;
    uint8_t page[4096];
    uint64_t v = 0;

    for (uint64_t i = 0; i < ROUNDS; i++) {
        ck_assert_int_eq(qio_migration_stream_get_be64(s, &v, NULL), 1);
        ck_assert_uint_eq(v, i);
        ck_assert_int_eq(qio_migration_stream_get_buffer(s, page, 4096, NULL),
                         1);
        ck_assert_uint_eq(page[0] & page[4095], 0x5a);
    }
    return NULL;
}

START_TEST(test_both_ways)
{
    const uint64_t total = ROUNDS * (uint64_t)(4096 + 8);
    pthread_t threads[4];
    struct ends e;

    ends_up(&e);
    for (int i = 0; i < 2; i++) {
        qio_channel_set_blocking(e.ioc[i], _i != i);
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, send_pages, e.out[i]), 0);
        ck_assert_int_eq(
            pthread_create(&threads[2 + i], NULL, receive_pages, e.in[i]), 0);
    }
    while (qio_migration_stream_transferred(e.in[0]) < total ||
           qio_migration_stream_transferred(e.in[1]) < total) {
        qio_migration_stream_set_rate_limit(e.out[0], 1000 * MIB);
        qio_migration_stream_set_rate_limit(e.out[1], 0);
        pause_ms(1);
    }
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    ck_assert_uint_eq(qio_migration_stream_transferred(e.out[0]), total);
    ends_down(&e);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("migration/stream-threads");
    TCase *tc = qiotest_case(s, "stream-threads");

    tcase_add_loop_test(tc, test_fds, 0, 2);
    tcase_add_test(tc, test_fd_order);
    tcase_add_test(tc, test_fd_flood);
    tcase_add_loop_test(tc, test_shutdown_get, 0, 16);
    tcase_add_loop_test(tc, test_shutdown_put, 0, 2);
    tcase_add_test(tc, test_shutdown_rate);
    tcase_add_test(tc, test_lift_rate);
    tcase_add_test(tc, test_shutdown_race);
    tcase_add_test(tc, test_peer_gone);
    tcase_add_loop_test(tc, test_both_ways, 0, 2);
    return qiotest_main(s);
}
