/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections with threads of their own: that they are asked for, bounded, in
 * order, and end when anything does. */
#include <config.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <qio/channel-socket.h>
#include <qio/channel-tls.h>
#include <qio/migration/channels.h>
#include "../../lib/migration/channels-ring.h"
#include "manypair.h"
#include "qiotest.h"

#define MUCH (24u << 20)
#define CHUNK 300007 /* no multiple of anything */

/* ---- threads that are made ---- */

static atomic_uint made, refused;
static atomic_uint refuse_after = UINT_MAX;

typedef int create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                      void *);

/* The thread sanitizer's, where it is linked in. */
extern create_fn __interceptor_pthread_create __attribute__((weak));

/* Instead of the C library's, for this program and the library in it. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                   void *(*fn)(void *), void *opaque)
{
    create_fn *real = __interceptor_pthread_create
                          ? __interceptor_pthread_create
                          : (create_fn *)dlsym(RTLD_NEXT, "pthread_create");

    if (made >= refuse_after) {
        refused++;
        return EAGAIN;
    }
    made++;
    return real(thread, attr, fn, opaque);
}

/* ---- what is moved ---- */

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 7 + i / 251 + (i >> 16));
}

struct writer {
    QIOChannel *ioc;
    size_t len;
    pthread_t thread;
    QIOError *err;
};

static int write_pattern(QIOChannel *ioc, size_t from, size_t len,
                         QIOError **errp)
{
    static _Thread_local uint8_t buf[CHUNK];

    for (size_t i = 0; i < len; i++) {
        buf[i] = byte_at(from + i);
    }
    return qio_channel_write_all(ioc, buf, len, errp);
}

static void *write_much(void *opaque)
{
    struct writer *w = opaque;
    size_t done = 0;

    while (done < w->len) {
        size_t n = w->len - done < CHUNK ? w->len - done : CHUNK;

        if (write_pattern(w->ioc, done, n, &w->err)) {
            return NULL;
        }
        done += n;
    }
    (void)!qio_channel_bye_sync(w->ioc, 10000, &w->err);
    return NULL;
}

static void start_writer(struct writer *w, QIOChannel *ioc, size_t len)
{
    *w = (struct writer){.ioc = ioc, .len = len};
    ck_assert_int_eq(pthread_create(&w->thread, NULL, write_much, w), 0);
}

/* All of the pattern up to the end, or to the error, which is handed out. */
static size_t read_pattern(QIOChannel *ioc, QIOError **errp)
{
    static uint8_t buf[1 << 20];
    size_t done = 0;
    ssize_t n;

    qio_channel_set_timeout(ioc, 10000);
    while ((n = qio_channel_read(ioc, buf, sizeof(buf), errp)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i] != byte_at(done + (size_t)i)) {
                ck_abort_msg("byte %zu differs", done + (size_t)i);
            }
        }
        done += (size_t)n;
    }
    return done;
}

static void drop_pair(QIOChannel *pair[2])
{
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
}

static void arrives(const struct manypair *how)
{
    struct manypair m = *how;
    QIOChannel *pair[2];
    struct writer w;
    QIOError *err = NULL;

    (void)pair_many(&m, pair, NULL);
    start_writer(&w, pair[0], MUCH);
    ck_assert_uint_eq(read_pattern(pair[1], &err), MUCH);
    qiotest_ok(&err);
    pthread_join(w.thread, NULL);
    qiotest_ok(&w.err);
    drop_pair(pair);
}

START_TEST(many_blocks_in_order)
{
    arrives(&(struct manypair){.count = 3, .tls = _i, .threads = true});
}
END_TEST

/* ---- how many threads ---- */

START_TEST(only_when_asked_for)
{
    struct manypair m = {.count = 3, .threads = _i};
    QIOChannel *pair[2];
    unsigned before;
    char c;

    (void)pair_many(&m, pair, NULL);
    before = made;
    ck_assert_int_eq(qio_channel_write_all(pair[0], "x", 1, NULL), 0);
    ck_assert_int_eq(qio_channel_read_all(pair[1], &c, 1, NULL), 0);
    /* One block was written, on one connection; all are read. */
    ck_assert_uint_eq(made - before, _i ? 1 + 3 : 0);
    drop_pair(pair);
}
END_TEST

START_TEST(goes_on_without)
{
    struct manypair m = {.count = 3, .threads = true};
    QIOChannel *pair[2];
    struct writer w;
    QIOError *err = NULL;

    (void)pair_many(&m, pair, NULL);
    /* The writer's own, and so many for the connections. */
    refused = 0;
    refuse_after = made + 1 + (unsigned)_i;
    start_writer(&w, pair[0], MUCH);
    ck_assert_uint_eq(read_pattern(pair[1], &err), MUCH);
    qiotest_ok(&err);
    pthread_join(w.thread, NULL);
    qiotest_ok(&w.err);
    ck_assert_uint_gt(refused, 0);
    refuse_after = UINT_MAX;
    drop_pair(pair);
}
END_TEST

START_TEST(too_late_to_ask)
{
    struct manypair m = {.count = 2};
    QIOError *err = NULL;
    QIOChannel *client;

    manypair_connect(&m);
    ck_assert_int_eq(
        qio_migration_channels_set_threads(m.client[0], true, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    client = manypair_client(&m);
    ck_assert_int_eq(qio_migration_channels_set_threads(client, true, &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_channel_unref(client);
    manypair_drop(&m);
}
END_TEST

/* ---- bounds ---- */

/* Write without waiting, but for threads that are busy, until nothing is taken
 * or so much was. */
static size_t write_until_full(QIOChannel *ioc, size_t most)
{
    size_t done = 0, len = 0;
    static uint8_t buf[CHUNK];

    qio_channel_set_blocking(ioc, false);
    while (done < most) {
        ssize_t n;

        if (len == 0) {
            for (size_t i = 0; i < CHUNK; i++) {
                buf[i] = byte_at(done + i);
            }
            len = CHUNK;
        }
        n = qio_channel_write(ioc, buf + CHUNK - len, len, NULL);
        if (n == QIO_CHANNEL_ERR_BLOCK &&
            qio_channel_wait(ioc, QIO_EVENT_OUT, 300, NULL) == 0) {
            break;
        }
        ck_assert(n > 0 || n == QIO_CHANNEL_ERR_BLOCK);
        len -= n > 0 ? (size_t)n : 0;
        done += n > 0 ? (size_t)n : 0;
    }
    qio_channel_set_blocking(ioc, true);
    return done;
}

START_TEST(bounded_when_nobody_reads)
{
    struct manypair m = {.count = 2, .tls = _i, .threads = true};
    QIOChannel *pair[2];
    size_t done;

    (void)pair_many(&m, pair, NULL);
    done = write_until_full(pair[0], 64 << 20);
    /* The ring, what TLS has sealed, and the kernel's. */
    ck_assert_uint_ge(done, 2 * QIOP_RING_PIECE);
    ck_assert_uint_le(done, 2 * (QIOP_RING_SIZE + (3 << 20)));
    drop_pair(pair);
}
END_TEST

/* Both ends have rings, and the reader is asked only when they are full. */
START_TEST(late_reader)
{
    struct manypair m = {.count = 2, .threads = true};
    QIOChannel *pair[2];
    QIOError *err = NULL;
    uint8_t c;
    size_t done;

    (void)pair_many(&m, pair, NULL);
    ck_assert_int_eq(qio_channel_write_all(pair[0], "x", 1, NULL), 0);
    ck_assert_int_eq(qio_channel_read_all(pair[1], &c, 1, NULL), 0);
    done = write_until_full(pair[0], 64 << 20);
    ck_assert_uint_ge(done, 2 * QIOP_RING_SIZE);
    ck_assert_uint_le(done, 4 * (QIOP_RING_SIZE + (1 << 20)));
    ck_assert_int_eq(
        qio_channel_shutdown(pair[0], QIO_CHANNEL_SHUTDOWN_WRITE, &err), 0);
    ck_assert_uint_eq(read_pattern(pair[1], &err), done);
    qiotest_ok(&err);
    drop_pair(pair);
}
END_TEST

static void *throw_away(void *opaque)
{
    QIOChannel *ioc = opaque;
    static uint8_t buf[1 << 20];

    while (qio_channel_read(ioc, buf, sizeof(buf), NULL) > 0) {
    }
    return NULL;
}

START_TEST(slow_one_is_passed_over)
{
    struct manypair m = {.count = 2, .threads = true};
    QIOError *err = NULL;
    QIOChannel *client;
    pthread_t thread;

    manypair_connect(&m);
    client = manypair_client(&m);
    for (unsigned i = 0; i < m.count; i++) {
        uint8_t data[QIOP_HELLO_LEN];

        manypair_read(m.server[i], data, sizeof(data));
        data[10] = QIOP_HELLO_ACCEPT;
        (void)!qio_channel_write_all(m.server[i], data, sizeof(data), NULL);
    }
    (void)!qio_channel_open_sync(client, 5000, &err);
    qiotest_ok(&err);
    ck_assert_int_eq(pthread_create(&thread, NULL, throw_away, m.server[1]), 0);
    ck_assert_uint_ge(write_until_full(client, MUCH), MUCH);
    qio_channel_unref(client);
    qio_channel_shutdown(m.server[1], QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    pthread_join(thread, NULL);
    manypair_drop(&m);
}
END_TEST

/* ---- ends ---- */

static void cut(QIOChannel *ioc)
{
    while (qio_channel_base(ioc)) {
        ioc = qio_channel_base(ioc);
    }
    shutdown(qio_channel_socket_get_fd(ioc), SHUT_RDWR);
}

static void names_second(QIOError *err)
{
    ck_assert_ptr_nonnull(err);
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), "connection 2 of 3"));
    qio_error_free(err);
}

/* One of three breaks off while all are busy: at the writer's end or at the
 * reader's, plain or TLS. */
START_TEST(one_dies_in_the_middle)
{
    struct manypair m = {.count = 3, .tls = _i & 1, .threads = true};
    QIOChannel *pair[2];
    QIOError *err = NULL;
    struct writer w;
    uint8_t c;

    (void)pair_many(&m, pair, NULL);
    start_writer(&w, pair[0], 1u << 30);
    ck_assert_int_eq(qio_channel_read_all(pair[1], &c, 1, NULL), 0);
    cut(qio_migration_channels_get(pair[_i >> 1], 1));
    while (qio_channel_read(pair[1], &c, 1, &err) > 0) {
        static uint8_t rest[1 << 20];

        if (qio_channel_read(pair[1], rest, sizeof(rest), &err) <= 0) {
            break;
        }
    }
    names_second(err);
    pthread_join(w.thread, NULL);
    names_second(w.err);
    /* It stays so. */
    err = NULL;
    ck_assert_int_eq(qio_channel_read(pair[1], &c, 1, &err), -1);
    names_second(err);
    drop_pair(pair);
}
END_TEST

START_TEST(closed_in_full_swing)
{
    struct manypair m = {.count = 3, .tls = _i, .threads = true};
    QIOChannel *pair[2];
    QIOError *err = NULL;

    (void)pair_many(&m, pair, NULL);
    (void)write_until_full(pair[0], 64 << 20);
    ck_assert_int_eq(qio_channel_close(pair[0], &err), -1);
    qiotest_error(&err, QIO_ERROR_BROKEN);
    ck_assert_uint_lt(read_pattern(pair[1], &err), 64 << 20);
    qio_error_free(err);
    drop_pair(pair);
}
END_TEST

/* What is written last arrives when closing follows at once, as it does
 * without threads. */
START_TEST(closed_after_the_end)
{
    for (int i = 0; i < 50; i++) {
        struct manypair m = {.count = 2, .threads = true};
        QIOChannel *pair[2];
        QIOError *err = NULL;

        (void)pair_many(&m, pair, NULL);
        ck_assert_int_eq(write_pattern(pair[0], 0, 1000, NULL), 0);
        qio_channel_shutdown(pair[0], QIO_CHANNEL_SHUTDOWN_WRITE, &err);
        qio_channel_close(pair[0], &err);
        qiotest_ok(&err);
        ck_assert_uint_eq(read_pattern(pair[1], &err), 1000);
        qiotest_ok(&err);
        drop_pair(pair);
    }
}
END_TEST

START_TEST(ended_by_hand)
{
    struct manypair m = {.count = 2, .tls = true, .threads = true};
    QIOChannel *pair[2];
    QIOError *err = NULL;
    uint8_t c;

    (void)pair_many(&m, pair, NULL);
    ck_assert_int_eq(write_pattern(pair[0], 0, 1, NULL), 0);
    ck_assert_int_eq(qio_channel_read_all(pair[1], &c, 1, NULL), 0);
    for (int twice = 0; twice < 2; twice++) {
        ck_assert_int_eq(
            qio_migration_channels_set_threads(pair[1], false, &err), 0);
    }
    ck_assert_int_eq(qio_channel_read(pair[1], &c, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    /* The connections are ours now, to say what went wrong. */
    qio_channel_tls_abort(qio_migration_channels_get(pair[1], 1), NULL);
    ck_assert_int_eq(qio_channel_read(pair[0], &c, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS_REJECTED);
    drop_pair(pair);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("channels with threads");
    TCase *tc = qiotest_case(s, "moving");

    tcase_add_loop_test(tc, many_blocks_in_order, 0, 2);
    tcase_add_loop_test(tc, only_when_asked_for, 0, 2);
    tcase_add_loop_test(tc, goes_on_without, 0, 3);
    tcase_add_test(tc, too_late_to_ask);
    tc = qiotest_case(s, "bounds");
    tcase_add_loop_test(tc, bounded_when_nobody_reads, 0, 2);
    tcase_add_test(tc, late_reader);
    tcase_add_test(tc, slow_one_is_passed_over);
    tc = qiotest_case(s, "ends");
    tcase_add_loop_test(tc, one_dies_in_the_middle, 0, 4);
    tcase_add_loop_test(tc, closed_in_full_swing, 0, 2);
    tcase_add_test(tc, closed_after_the_end);
    tcase_add_test(tc, ended_by_hand);
    return qiotest_main(s);
}
