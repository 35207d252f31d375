/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copying where the kernel moves the bytes, as a call and as a task. This
 * program's splice() comes before the C library's: it counts, and refuses when
 * told to.
 */
#include <config.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <qio/channel-fd.h>
#include <qio/channel-socket.h>
#include <qio/channel-unix.h>
#include "loop/waiter.h"
#include "pairs.h"

#define BIG (3 * 1000 * 1000)

/* ---- the stand-in ---- */

static atomic_int calls;
static atomic_size_t moved;
static int refuse_from; /* this call and all later ones; 0: none */
static int refuse_errno = EINVAL;
static size_t most; /* bytes a call; 0: no limit */

ssize_t splice(int in, loff_t *in_at, int out, loff_t *out_at, size_t len,
               unsigned flags)
{
    ssize_t n;

    if (refuse_from && atomic_fetch_add(&calls, 1) + 1 >= refuse_from) {
        errno = refuse_errno;
        return -1;
    }
    len = most && len > most ? most : len;
    n = syscall(SYS_splice, in, in_at, out, out_at, len, flags);
    if (n > 0) {
        atomic_fetch_add(&moved, (size_t)n);
    }
    return n;
}

/* ---- who copies, between whom ---- */

enum kind { TCP, UNIX, PIPE, KINDS };
enum way { CALL, CALL_LIMITED, TASK, WAYS };

/* feeder | src <- copy -> dst | reader */
static QIOChannel *feeder, *src, *dst, *reader;
static unsigned char *data;

static void make(enum kind kind, QIOChannel *pair[2])
{
    static int (*const maker[])(void *, QIOChannel *[2],
                                QIOError **) = {pair_tcp, pair_unix, pair_pipe};
    QIOError *err = NULL;

    maker[kind](NULL, pair, &err);
    qiotest_ok(&err);
}

/* So that it counts as fit for a task. */
static void unblock(QIOChannel *ioc)
{
    int fd = qio_channel_socket_get_fd(ioc);

    if (fd >= 0) {
        ck_assert_int_eq(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK),
                         0);
    }
}

static void begin(enum kind from, enum kind to)
{
    QIOChannel *p[2];

    make(from, p);
    feeder = p[0];
    src = p[1];
    make(to, p);
    dst = p[0];
    reader = p[1];
    ck_assert_int_eq(qio_channel_set_name(src, "source", NULL), 0);
    ck_assert_int_eq(qio_channel_set_name(dst, "target", NULL), 0);
    data = malloc(BIG);
    for (size_t k = 0; k < BIG; k++) {
        data[k] = (unsigned char)(k * 13 + k / 255);
    }
    atomic_store(&moved, 0);
    atomic_store(&calls, 0);
    refuse_from = 0;
    refuse_errno = EINVAL;
    most = 0;
}

/* For a target that is to be full soon. */
static void narrow(void)
{
    if (qio_channel_socket_get_fd(dst) >= 0) {
        ck_assert_int_eq(qio_channel_socket_set_send_buffer(dst, 65536, NULL),
                         0);
    }
}

static void finish(void)
{
    qio_channel_unref(feeder);
    qio_channel_unref(src);
    qio_channel_unref(dst);
    qio_channel_unref(reader);
    free(data);
}

static void *feed(void *opaque)
{
    QIOError *err = NULL;

    (void)opaque;
    if (qio_channel_write_all(feeder, data, BIG, &err) < 0) {
        /* The copy was stopped. */
        qio_error_free(err);
    }
    qio_channel_close(feeder, NULL);
    return NULL;
}

static void *check_all(void *opaque)
{
    unsigned char *buf = malloc(BIG + 1);
    size_t n = 0;
    ssize_t k;

    (void)opaque;
    while (n <= BIG &&
           (k = qio_channel_read(reader, buf + n, BIG + 1 - n, NULL)) > 0) {
        n += (size_t)k;
    }
    if (n != BIG || memcmp(buf, data, BIG) != 0) {
        n = 0;
    }
    free(buf);
    return n ? data : NULL;
}

static int copy_task(uint64_t *copied, QIOError **errp)
{
    QIOLoop *loop = qio_loop_new(NULL);
    struct waiter w = {0};
    int r;

    ck_assert_ptr_nonnull(
        qio_channel_copy_async(src, dst, loop, QIO_COPY_ONE_WAY, 20000,
                               waiter_fn, &w, waiter_destroy, NULL));
    waiter_wait(&w, loop);
    r = w.err ? -1 : 0;
    *copied = w.bytes;
    *errp = w.err;
    w.err = NULL;
    waiter_clear(&w);
    qio_loop_free(loop);
    return r;
}

static int copy(enum way way, uint64_t *copied, QIOError **errp)
{
    if (way == TASK) {
        return copy_task(copied, errp);
    }
    if (way == CALL_LIMITED) {
        qio_channel_set_timeout(src, 20000);
        qio_channel_set_timeout(dst, 20000);
    }
    return qio_channel_copy(src, dst, 0, copied, errp);
}

/* Everything from end to end. */
static void copy_whole(enum way way)
{
    pthread_t feeding, checking;
    QIOError *err = NULL;
    uint64_t copied = 0;
    void *good = NULL;

    pthread_create(&feeding, NULL, feed, NULL);
    pthread_create(&checking, NULL, check_all, NULL);
    copy(way, &copied, &err);
    qio_channel_close(dst, NULL);
    pthread_join(feeding, NULL);
    pthread_join(checking, &good);
    qiotest_ok(&err);
    ck_assert_uint_eq(copied, BIG);
    ck_assert_ptr_nonnull(good);
}

/* ---- tests ---- */

START_TEST(test_every_pair)
{
    enum way way = (enum way)(_i % WAYS);
    enum kind from = (enum kind)(_i / WAYS % KINDS);
    enum kind to = (enum kind)(_i / WAYS / KINDS);

    begin(from, to);
    if (way != CALL) {
        unblock(src);
        unblock(dst);
    }
    copy_whole(way);
    if (from == UNIX && to == TCP) {
        ck_assert_uint_eq(atomic_load(&moved), 0);
    } else if (way == TASK) {
        /* What comes first comes into the buffer, and small pieces do. */
        ck_assert_uint_gt(atomic_load(&moved), 0);
    } else {
        ck_assert_uint_eq(atomic_load(&moved), 2 * BIG);
    }
    finish();
}
END_TEST

/* Somebody else's blocking socket is not made another, nor waited in. */
START_TEST(test_not_ours)
{
    begin(TCP, TCP);
    copy_whole(_i ? TASK : CALL_LIMITED);
    ck_assert_uint_eq(atomic_load(&moved), 0);
    ck_assert_int_eq(
        fcntl(qio_channel_socket_get_fd(src), F_GETFL) & O_NONBLOCK, 0);
    finish();
}
END_TEST

START_TEST(test_refused_half_way)
{
    enum way way = (enum way)(_i % WAYS);

    begin(UNIX, _i / WAYS % 2 ? PIPE : UNIX);
    refuse_from = 1 + _i / WAYS;
    refuse_errno = _i % 4 ? EINVAL : EOPNOTSUPP;
    most = _i % 5 ? 0 : 70000;
    copy_whole(way);
    ck_assert_int_ge(atomic_load(&calls), refuse_from);
    finish();
}
END_TEST

/* Without descriptors to spare there is still the buffer. */
START_TEST(test_no_pipe)
{
    struct rlimit old, now;
    QIOError *err = NULL;
    uint64_t copied = 0;
    int top;

    begin(UNIX, UNIX);
    ck_assert_int_eq(qio_channel_write_all(feeder, data, 1000, NULL), 0);
    qio_channel_close(feeder, NULL);
    top = dup(0);
    close(top);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    now = old;
    now.rlim_cur = (rlim_t)top + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
    ck_assert_int_eq(qio_channel_copy(src, dst, 0, &copied, &err), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    ck_assert_uint_eq(copied, 1000);
    ck_assert_uint_eq(atomic_load(&moved), 0);
    finish();
}
END_TEST

/* The rest stays in the source. */
START_TEST(test_limit)
{
    unsigned char buf[3000];
    uint64_t copied = 0;

    begin((enum kind)(_i % KINDS), UNIX);
    ck_assert_int_eq(qio_channel_write_all(feeder, data, 3000, NULL), 0);
    most = 700;
    ck_assert_int_eq(qio_channel_copy(src, dst, 1234, &copied, NULL), 0);
    ck_assert_uint_eq(copied, 1234);
    ck_assert_uint_eq(atomic_load(&moved), 2 * 1234);
    ck_assert_int_eq(qio_channel_read_all(reader, buf, 1234, NULL), 0);
    ck_assert_mem_eq(buf, data, 1234);
    ck_assert_int_eq(qio_channel_read_all(src, buf, 3000 - 1234, NULL), 0);
    ck_assert_mem_eq(buf, data + 1234, 3000 - 1234);
    finish();
}
END_TEST

/* What a copy says whose reader is gone, or whose feeder is cut off. */
static char *last_words(enum kind kind, enum way way, bool of_source)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    QIOError *err = NULL;
    uint64_t copied = 0;
    pthread_t feeding;
    char *text;

    /* TCP is not spliced to from unix. */
    begin(of_source ? kind : PIPE, of_source ? UNIX : kind);
    if (way != CALL) {
        unblock(src);
        unblock(dst);
    }
    if (of_source) {
        ck_assert_int_eq(setsockopt(qio_channel_socket_get_fd(feeder),
                                    SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)),
                         0);
        qio_channel_close(feeder, NULL);
    } else {
        qio_channel_close(reader, NULL);
        pthread_create(&feeding, NULL, feed, NULL);
    }
    ck_assert_int_eq(copy(way, &copied, &err), -1);
    ck_assert_int_eq(qio_error_code(err), QIO_ERROR_BROKEN);
    text = strdup(qio_error_message(err));
    qio_error_free(err);
    if (!of_source) {
        qio_channel_close(src, NULL);
        pthread_join(feeding, NULL);
    }
    finish();
    return text;
}

START_TEST(test_same_words)
{
    enum way way = (enum way)(_i % WAYS);
    enum kind kind = (enum kind)(_i / WAYS % KINDS);
    bool of_source = _i / WAYS == KINDS; /* the last: a reset TCP source */
    char *spliced, *written;

    kind = of_source ? TCP : kind;
    spliced = last_words(kind, way, of_source);
    refuse_from = 1;
    written = last_words(kind, way, of_source);
    ck_assert_str_eq(spliced, written);
    ck_assert_ptr_nonnull(
        strstr(spliced, of_source ? "reading from " : "writing to "));
    free(spliced);
    free(written);
}
END_TEST

static void *shut_later(void *opaque)
{
    bool *source = opaque;

    usleep(50 * 1000);
    if (*source) {
        qio_channel_shutdown(src, QIO_CHANNEL_SHUTDOWN_READ, NULL);
    } else {
        qio_channel_shutdown(dst, QIO_CHANNEL_SHUTDOWN_WRITE, NULL);
    }
    return NULL;
}

/* While the target is full, or the source silent. */
START_TEST(test_shut_down)
{
    enum way way = (enum way)(_i % 2);
    bool source = _i / 2 / KINDS;
    enum kind kind = (enum kind)(_i / 2 % KINDS);
    pthread_t feeding, shutting;
    QIOError *err = NULL;
    uint64_t copied = 0;

    begin(source ? kind : PIPE, source ? UNIX : kind);
    if (way != CALL) {
        unblock(src);
        unblock(dst);
    }
    if (!source) {
        narrow();
        pthread_create(&feeding, NULL, feed, NULL);
    }
    pthread_create(&shutting, NULL, shut_later, &source);
    ck_assert_int_eq(copy(way, &copied, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    pthread_join(shutting, NULL);
    if (!source) {
        qio_channel_close(src, NULL);
        pthread_join(feeding, NULL);
    }
    finish();
}
END_TEST

START_TEST(test_timeout)
{
    bool source = _i / KINDS;
    enum kind kind = (enum kind)(_i % KINDS);
    pthread_t feeding;
    QIOError *err = NULL;

    begin(source ? kind : PIPE, source ? UNIX : kind);
    unblock(src);
    unblock(dst);
    if (!source) {
        narrow();
        pthread_create(&feeding, NULL, feed, NULL);
    }
    qio_channel_set_timeout(source ? src : dst, 50);
    ck_assert_int_eq(qio_channel_copy(src, dst, 0, NULL, &err), -1);
    ck_assert_ptr_nonnull(strstr(qio_error_message(err),
                                 source ? "reading from source: timed out"
                                        : "writing to target: timed out"));
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    if (!source) {
        qio_channel_close(src, NULL);
        pthread_join(feeding, NULL);
    }
    finish();
}
END_TEST

/* The pipe goes with the task, bytes and all. */
START_TEST(test_cancelled_full)
{
    QIOLoop *loop = qio_loop_new(NULL);
    struct waiter w = {0};
    size_t n = 0;

    begin(UNIX, UNIX);
    qio_channel_set_blocking(feeder, false);
    ck_assert_ptr_nonnull(
        qio_channel_copy_async(src, dst, loop, QIO_COPY_BOTH_WAYS, 20000,
                               waiter_fn, &w, waiter_destroy, NULL));
    for (int silent = 0; silent < 20;) {
        ssize_t k = qio_channel_write(feeder, data, BIG, NULL);

        ck_assert_int_ne(k, -1);
        n += k > 0 ? (size_t)k : 0;
        silent = k > 0 ? 0 : silent + 1;
        ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
        ck_assert_uint_lt(n, 16 * 1024 * 1024);
    }
    ck_assert_uint_gt(atomic_load(&moved), 0);
    qio_loop_free(loop);
    qiotest_error(&w.err, QIO_ERROR_CANCELLED);
    waiter_clear(&w);
    finish();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("splice");
    TCase *tc = qiotest_case(s, "splice");

    tcase_add_loop_test(tc, test_every_pair, 0, WAYS * KINDS * KINDS);
    tcase_add_loop_test(tc, test_not_ours, 0, 2);
    tcase_add_loop_test(tc, test_refused_half_way, 0, WAYS * 6);
    tcase_add_test(tc, test_no_pipe);
    tcase_add_loop_test(tc, test_limit, 0, KINDS);
    tcase_add_loop_test(tc, test_same_words, 0, WAYS * (KINDS + 1));
    tcase_add_loop_test(tc, test_shut_down, 0, 2 * KINDS * 2);
    tcase_add_loop_test(tc, test_timeout, 0, KINDS * 2);
    tcase_add_test(tc, test_cancelled_full);
    return qiotest_main(s);
}
