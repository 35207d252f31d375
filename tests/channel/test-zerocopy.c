/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes without a copy: what is told of them, when the memory is free, and
 * that nobody takes the kernel's answers for errors. */
#include <config.h>
#include "qiotest.h"

#include <linux/capability.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <qio/channel-socket.h>
#include <qio/channel-unix.h>
#include <qio/loop.h>
#include "pairs.h"

#define ZERO_COPY QIO_CHANNEL_WRITE_FLAG_ZERO_COPY
#define MIB ((size_t)1 << 20)
/* Large enough to be sent so, and into any receive buffer. */
#define FITS ((size_t)32 << 10)

static QIOError *err;
static QIOChannel *a, *b;
static unsigned char *data;

static void set_up(void)
{
    QIOChannel *pair[2];

    ck_assert_int_eq(pair_tcp(NULL, pair, &err), 0);
    a = pair[0];
    b = pair[1];
    data = malloc(MIB);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < MIB; i++) {
        data[i] = (unsigned char)(i * 31 >> 8);
    }
    ck_assert_int_eq(qio_channel_socket_enable_zero_copy(a, &err), 0);
}

static void tear_down(void)
{
    qio_channel_unref(a);
    qio_channel_unref(b);
    free(data);
}

static QIOChannelSocketZeroCopy stats(void)
{
    QIOChannelSocketZeroCopy n;

    ck_assert(qio_channel_socket_get_zero_copy(a, &n));
    return n;
}

static int put(QIOChannel *ioc, size_t len)
{
    struct iovec iov = {.iov_base = data, .iov_len = len};

    return qio_channel_writev_full_all(ioc, &iov, 1, NULL, 0, ZERO_COPY, &err);
}

/* Reads a MiB at a time until the end, and compares. */
static void *reader(void *opaque)
{
    unsigned char *got = malloc(MIB);
    size_t *count = opaque;
    QIOError *e = NULL;

    while (qio_channel_read_all_eof(b, got, MIB, &e) == 1) {
        *count += memcmp(got, data, MIB) == 0;
    }
    qiotest_ok(&e);
    free(got);
    return NULL;
}

START_TEST(all_arrives_and_is_counted)
{
    const size_t rounds = 40;
    QIOChannelSocketZeroCopy n;
    pthread_t thread;
    size_t same = 0;
    uint64_t sent;

    pthread_create(&thread, NULL, reader, &same);
    for (size_t i = 0; i < rounds; i++) {
        ck_assert_int_eq(put(a, MIB), 0);
    }
    ck_assert_int_eq(qio_channel_flush(a, &err), 0);
    n = stats();
    ck_assert_uint_gt(n.sent, 0);
    ck_assert_uint_eq(n.completed, n.sent);
    /* What loopback does; the kernel's answers switched it off. */
    ck_assert_uint_gt(n.copied, n.sent / 2);
    ck_assert(!n.active);
    sent = n.sent;
    ck_assert_int_eq(put(a, MIB), 0);
    ck_assert_uint_eq(stats().sent, sent);
    ck_assert_int_eq(qio_channel_shutdown(a, QIO_CHANNEL_SHUTDOWN_WRITE, &err),
                     0);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(same, rounds + 1);
    qiotest_ok(&err);
}
END_TEST

START_TEST(small_writes_are_copied)
{
    char got[4096];

    ck_assert_int_eq(put(a, sizeof(got)), 0);
    ck_assert_int_eq(qio_channel_read_all(b, got, sizeof(got), &err), 0);
    ck_assert_int_eq(memcmp(got, data, sizeof(got)), 0);
    ck_assert_uint_eq(stats().sent, 0);
    ck_assert_int_eq(qio_channel_flush(a, &err), 0);
}
END_TEST

static void fill(void)
{
    struct iovec iov = {.iov_base = data, .iov_len = MIB};

    while (qio_channel_writev_full(a, &iov, 1, NULL, 0, ZERO_COPY, &err) !=
           QIO_CHANNEL_ERR_BLOCK) {
        qiotest_ok(&err);
    }
}

static size_t empty(void)
{
    size_t n = 0;
    ssize_t r;

    while ((r = qio_channel_read(b, data, MIB, &err)) > 0) {
        n += (size_t)r;
    }
    qiotest_ok(&err);
    return n;
}

START_TEST(flush_waits_for_the_peer)
{
    size_t n = 0;

    qio_channel_set_blocking(a, false);
    qio_channel_set_blocking(b, false);
    fill();
    ck_assert_int_eq(qio_channel_flush(a, &err), QIO_CHANNEL_ERR_BLOCK);
    qio_channel_set_blocking(a, true);
    qio_channel_set_timeout(a, 50);
    ck_assert_int_eq(qio_channel_flush(a, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    qio_channel_set_blocking(a, false);
    while (qio_channel_flush(a, &err) == QIO_CHANNEL_ERR_BLOCK) {
        n += empty();
    }
    qiotest_ok(&err);
    ck_assert_uint_gt(n, 0);
    ck_assert_uint_eq(stats().completed, stats().sent);
}
END_TEST

/* The peer goes: no memory is in use, whatever else there is to say. */
START_TEST(flush_ends_when_the_peer_has_gone)
{
    qio_channel_set_blocking(a, false);
    fill();
    qio_channel_unref(b);
    b = NULL;
    qio_channel_set_blocking(a, true);
    qio_channel_set_timeout(a, 10000);
    ck_assert_int_eq(qio_channel_flush(a, &err), 0);
    ck_assert_uint_eq(stats().completed, stats().sent);
}
END_TEST

/* Answers are waiting: that is no event. */
START_TEST(waiting_sees_no_error)
{
    ck_assert_int_eq(put(a, FITS), 0);
    ck_assert_int_eq(qio_channel_wait(a, QIO_EVENT_IN, 50, &err), 0);
    ck_assert_int_eq(qio_channel_wait(a, QIO_EVENT_OUT, 10000, &err),
                     QIO_EVENT_OUT);
    ck_assert_int_eq(qio_channel_write_all(b, "x", 1, &err), 0);
    ck_assert_int_eq(qio_channel_wait(a, QIO_EVENT_IN, 10000, &err),
                     QIO_EVENT_IN);
    ck_assert_uint_eq(stats().sent, 1);
    ck_assert_uint_eq(stats().completed, 1);
    qiotest_ok(&err);
}
END_TEST

static bool told(QIOChannel *ioc, unsigned events, void *opaque)
{
    (void)ioc;
    *(unsigned *)opaque |= events;
    return true;
}

START_TEST(a_loop_sees_no_error)
{
    QIOLoop *loop = qio_loop_new(&err);
    unsigned events = 0;
    QIOWatch *w =
        qio_channel_add_watch(a, loop, QIO_EVENT_IN, told, &events, NULL, &err);

    qiotest_ok(&err);
    ck_assert_ptr_nonnull(w);
    /* Watched already when the answers come. */
    ck_assert_int_ge(qio_loop_step(loop, 0, &err), 0);
    ck_assert_int_eq(put(a, FITS), 0);
    ck_assert_uint_gt(stats().sent, 0);
    /* They are taken by the watch alone. */
    while (stats().completed < stats().sent) {
        ck_assert_int_ge(qio_loop_step(loop, 1000, &err), 0);
    }
    ck_assert_int_ge(qio_loop_step(loop, 5, &err), 0);
    ck_assert_uint_eq(events, 0);
    ck_assert_int_eq(qio_channel_write_all(b, "x", 1, &err), 0);
    while (!events) {
        ck_assert_int_ge(qio_loop_step(loop, 1000, &err), 0);
    }
    ck_assert_uint_eq(events, QIO_EVENT_IN);
    qio_watch_remove(w);
    qio_loop_free(loop);
}
END_TEST

/* No memory may be locked: it is copied, and after that not tried again. */
START_TEST(no_memory_to_lock)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0}};
    const struct rlimit little = {4096, 4096};
    unsigned char *got = malloc(128 << 10);

    ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &little), 0);
    ck_assert_int_eq(syscall(SYS_capset, &head, none), 0);
    ck_assert_int_eq(put(a, 128 << 10), 0);
    ck_assert_int_eq(qio_channel_flush(a, &err), 0);
    ck_assert_int_eq(qio_channel_read_all(b, got, 128 << 10, &err), 0);
    ck_assert_int_eq(memcmp(got, data, 128 << 10), 0);
    ck_assert_uint_gt(stats().refused, 0);
    ck_assert_uint_eq(stats().sent, 0);
    ck_assert(!stats().active);
    free(got);
}
END_TEST

START_TEST(where_it_is_not_possible)
{
    QIOChannelSocketZeroCopy n;
    QIOChannel *pair[2];

    ck_assert(!qio_channel_socket_get_zero_copy(b, &n));
    ck_assert_int_eq(put(b, MIB), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_channel_unix_pair(pair, &err), 0);
    ck_assert_int_eq(qio_channel_socket_enable_zero_copy(pair[0], &err), -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    ck_assert(
        !qio_channel_has_feature(pair[0], QIO_CHANNEL_FEATURE_WRITE_ZERO_COPY));
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
    ck_assert_int_eq(qio_channel_close(a, &err), 0);
    ck_assert_int_eq(qio_channel_socket_enable_zero_copy(a, &err), -1);
    qiotest_error(&err, QIO_ERROR_STATE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("zerocopy");
    TCase *t = qiotest_case(s, "zerocopy");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, all_arrives_and_is_counted);
    tcase_add_test(t, small_writes_are_copied);
    tcase_add_test(t, flush_waits_for_the_peer);
    tcase_add_test(t, flush_ends_when_the_peer_has_gone);
    tcase_add_test(t, waiting_sees_no_error);
    tcase_add_test(t, a_loop_sees_no_error);
    tcase_add_test(t, no_memory_to_lock);
    tcase_add_test(t, where_it_is_not_possible);
    return qiotest_main(s);
}
