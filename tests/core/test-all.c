/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and writing until all is done, and copying, over a layer that gives
 * a few bytes at a time and says "not now" every other time. */
#include <config.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qio/channel-buffer.h>
#include <qio/channel-null.h>
#include <qio/channel-unix.h>
#include "base/fd.h"
#include "qiotest.h"
#include "trickle.h"

#define BIG (300 * 1000)

static void pair(QIOChannel *p[2])
{
    QIOError *err = NULL;

    ck_assert_int_eq(qio_channel_unix_pair(p, &err), 0);
    qiotest_ok(&err);
}

static void fill(unsigned char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        b[i] = (unsigned char)(i * 31 + i / 251);
    }
}

static void *write_big(void *opaque)
{
    unsigned char *b = malloc(BIG);
    struct iovec iov[3000];
    size_t at = 0;

    fill(b, BIG);
    for (size_t i = 0; i < 3000; i++) {
        iov[i] = (struct iovec){b + at, 100};
        at += 100;
    }
    ck_assert_int_eq(qio_channel_writev_all(opaque, iov, 3000, NULL), 0);
    free(b);
    return NULL;
}

START_TEST(test_all_in_small_steps)
{
    QIOError *err = NULL;
    const struct trickle_script script = {
        .max_read = (size_t)_i, .max_write = (size_t)_i + 3, .stutter = true};
    QIOChannel *p[2], *a, *b;
    unsigned char *got = malloc(BIG), *want = malloc(BIG);
    struct iovec iov[7];
    pthread_t t;

    pair(p);
    a = trickle_new(p[0], &script, &err);
    qiotest_ok(&err);
    b = trickle_new(p[1], &script, &err);
    qiotest_ok(&err);
    ck_assert_int_eq(pthread_create(&t, NULL, write_big, a), 0);
    for (size_t i = 0; i < 7; i++) {
        iov[i].iov_base = got + i * (BIG / 7);
        iov[i].iov_len = i < 6 ? BIG / 7 : BIG - 6 * (BIG / 7);
    }
    qio_channel_set_blocking(b, false);
    ck_assert_int_eq(qio_channel_readv_all(b, iov, 7, &err), 0);
    pthread_join(t, NULL);
    fill(want, BIG);
    ck_assert_int_eq(memcmp(got, want, BIG), 0);
    qio_channel_unref(a);
    qio_channel_unref(b);
    qio_channel_unref(p[0]);
    qio_channel_unref(p[1]);
    free(got);
    free(want);
}
END_TEST

START_TEST(test_ends)
{
    QIOError *err = NULL;
    QIOChannel *p[2];
    char b[4];

    pair(p);
    ck_assert_int_eq(qio_channel_write_all(p[0], "ab", 2, &err), 0);
    ck_assert_int_eq(qio_channel_close(p[0], &err), 0);
    ck_assert_int_eq(qio_channel_read_all_eof(p[1], b, 4, &err), -1);
    qiotest_error(&err, QIO_ERROR_EOF);
    ck_assert_int_eq(qio_channel_read_all_eof(p[1], b, 4, &err), 0);
    ck_assert_ptr_null(err);
    ck_assert_int_eq(qio_channel_read_all(p[1], b, 4, &err), -1);
    qiotest_error(&err, QIO_ERROR_EOF);
    ck_assert_int_eq(qio_channel_read_all_eof(p[1], b, 0, &err), 1);
    ck_assert_int_eq(qio_channel_write_all(p[1], b, 0, &err), 0);
    qio_channel_unref(p[0]);
    qio_channel_unref(p[1]);
}
END_TEST

START_TEST(test_descriptors_over_the_whole_read)
{
    QIOError *err = NULL;
    QIOChannel *p[2];
    int null = qiop_fd_open("/dev/null", O_RDONLY, 0, &err);
    int before = qiotest_count_fds();
    int send[2] = {null, null};
    struct iovec out = {(void *)"ab", 2};
    struct iovec in;
    char b[6];
    int *fds;
    size_t nfds;

    pair(p);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(
            qio_channel_writev_full_all(p[0], &out, 1, send, 2, 0, &err), 0);
    }
    in = (struct iovec){b, 6};
    ck_assert_int_eq(
        qio_channel_readv_full_all(p[1], &in, 1, &fds, &nfds, 0, &err), 0);
    ck_assert_uint_eq(nfds, 6);
    qiop_fd_close_many(fds, nfds);
    free(fds);
    /* On failure none is left behind. */
    ck_assert_int_eq(
        qio_channel_writev_full_all(p[0], &out, 1, send, 2, 0, &err), 0);
    qio_channel_unref(p[0]);
    ck_assert_int_eq(
        qio_channel_readv_full_all(p[1], &in, 1, &fds, &nfds, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_EOF);
    ck_assert_ptr_null(fds);
    /* Descriptors without a byte have nothing to travel with. */
    out.iov_len = 0;
    ck_assert_int_eq(
        qio_channel_writev_full_all(p[1], &out, 1, send, 2, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_channel_unref(p[1]);
    ck_assert_int_eq(qiotest_count_fds(), before);
    qiop_fd_close(null);
}
END_TEST

START_TEST(test_copy)
{
    QIOError *err = NULL;
    QIOChannel *p[2], *out;
    unsigned char *want = malloc(BIG);
    const void *got;
    uint64_t copied;
    pthread_t t;
    size_t n;

    fill(want, BIG);
    pair(p);
    out = qio_channel_buffer_new(0, &err);
    qiotest_ok(&err);
    ck_assert_int_eq(pthread_create(&t, NULL, write_big, p[0]), 0);
    ck_assert_int_eq(qio_channel_copy(p[1], out, 1000, &copied, &err), 0);
    ck_assert_uint_eq(copied, 1000);
    ck_assert_int_eq(qio_channel_copy(p[1], out, BIG - 1000, NULL, &err), 0);
    pthread_join(t, NULL);
    got = qio_channel_buffer_data(out, &n);
    ck_assert_uint_eq(n, BIG);
    ck_assert_int_eq(memcmp(got, want, BIG), 0);
    ck_assert_int_eq(qio_channel_close(p[0], &err), 0);
    ck_assert_int_eq(qio_channel_copy(p[1], out, 0, &copied, &err), 0);
    ck_assert_uint_eq(copied, 0);
    qio_channel_unref(out);
    qio_channel_unref(p[0]);
    qio_channel_unref(p[1]);
    free(want);
}
END_TEST

START_TEST(test_copy_says_who_failed)
{
    QIOError *err = NULL;
    QIOChannel *p[2], *out;
    uint64_t copied = 99;

    pair(p);
    out = qio_channel_buffer_new(3, &err);
    ck_assert_int_eq(qio_channel_write_all(p[0], "abcdef", 6, &err), 0);
    ck_assert_int_eq(qio_channel_copy(p[1], out, 0, &copied, &err), -1);
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), "writing to"));
    qio_error_free(err);
    err = NULL;
    qio_channel_set_timeout(p[1], 10);
    ck_assert_int_eq(qio_channel_copy(p[1], out, 0, &copied, &err), -1);
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), "reading from"));
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    ck_assert_uint_eq(copied, 0);
    qio_channel_unref(out);
    qio_channel_unref(p[0]);
    qio_channel_unref(p[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("core/all");
    TCase *tc = qiotest_case(s, "all");

    tcase_add_loop_test(tc, test_all_in_small_steps, 997, 1000);
    tcase_add_test(tc, test_ends);
    tcase_add_test(tc, test_descriptors_over_the_whole_read);
    tcase_add_test(tc, test_copy);
    tcase_add_test(tc, test_copy_says_who_failed);
    return qiotest_main(s);
}
