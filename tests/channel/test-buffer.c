/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The buffer channel: a file in memory with one position and a limit. */
#include <config.h>
#include <qio/channel-buffer.h>
#include <qio/channel-null.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "qiotest.h"

static QIOChannel *new_buffer(size_t limit)
{
    QIOError *err = NULL;
    QIOChannel *ioc = qio_channel_buffer_new(limit, &err);

    qiotest_ok(&err);
    return ioc;
}

static void content(QIOChannel *ioc, const char *expected, size_t len)
{
    size_t n = 99;
    const void *data = qio_channel_buffer_data(ioc, &n);

    ck_assert_uint_eq(n, len);
    if (len) {
        ck_assert_mem_eq(data, expected, len);
    }
}

START_TEST(test_write_read)
{
    QIOChannel *ioc = new_buffer(0);
    struct iovec iov[2] = {{(void *)"abc", 3}, {(void *)"de", 2}};
    QIOError *err = NULL;
    char buf[8];

    ck_assert(qio_channel_is_open(ioc));
    content(ioc, "", 0);
    ck_assert_int_eq(qio_channel_read(ioc, buf, 8, &err), 0);
    ck_assert_int_eq(qio_channel_writev(ioc, iov, 2, &err), 5);
    ck_assert_int_eq(qio_channel_write(ioc, "f", 1, &err), 1);
    content(ioc, "abcdef", 6);
    ck_assert_int_eq(qio_channel_read(ioc, buf, 8, &err), 0);
    ck_assert_int_eq(qio_channel_io_seek(ioc, 1, SEEK_SET, &err), 1);
    ck_assert_int_eq(qio_channel_read(ioc, buf, 2, &err), 2);
    ck_assert_mem_eq(buf, "bc", 2);
    ck_assert_int_eq(qio_channel_write(ioc, "DEFG", 4, &err), 4);
    content(ioc, "abcDEFG", 7);
    qiotest_ok(&err);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_seek)
{
    QIOChannel *ioc = new_buffer(0);
    QIOError *err = NULL;

    ck_assert_int_eq(qio_channel_write(ioc, "abc", 3, &err), 3);
    ck_assert_int_eq(qio_channel_io_seek(ioc, -2, SEEK_CUR, &err), 1);
    ck_assert_int_eq(qio_channel_io_seek(ioc, -1, SEEK_END, &err), 2);
    ck_assert_int_eq(qio_channel_io_seek(ioc, 6, SEEK_SET, &err), 6);
    content(ioc, "abc", 3);
    ck_assert_int_eq(qio_channel_write(ioc, "x", 1, &err), 1);
    content(ioc, "abc\0\0\0x", 7);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_io_seek(ioc, -8, SEEK_CUR, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_channel_io_seek(ioc, INT64_MAX, SEEK_CUR, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_channel_io_seek(ioc, 0, 42, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_channel_io_seek(ioc, 0, SEEK_CUR, &err), 7);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_at_offset)
{
    QIOChannel *ioc = new_buffer(0);
    QIOError *err = NULL;
    char buf[8];

    ck_assert_int_eq(qio_channel_write(ioc, "abcdef", 6, &err), 6);
    ck_assert_int_eq(qio_channel_pread(ioc, buf, 8, 4, &err), 2);
    ck_assert_mem_eq(buf, "ef", 2);
    ck_assert_int_eq(qio_channel_pread(ioc, buf, 8, 6, &err), 0);
    ck_assert_int_eq(qio_channel_pread(ioc, buf, 8, 1000, &err), 0);
    ck_assert_int_eq(qio_channel_pwrite(ioc, "XY", 2, 1, &err), 2);
    ck_assert_int_eq(qio_channel_io_seek(ioc, 0, SEEK_CUR, &err), 6);
    content(ioc, "aXYdef", 6);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_pread(ioc, buf, 8, -1, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_channel_pwrite(ioc, "XY", 2, -1, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_channel_unref(ioc);
}
END_TEST

/* _i: the limit, below and above the first allocation. */
START_TEST(test_limit)
{
    static const size_t limits[] = {1, 10, 255, 256, 257, 5000};
    static char data[6000];
    size_t limit = limits[_i];
    QIOChannel *ioc = new_buffer(limit);
    QIOError *err = NULL;

    memset(data, 'x', sizeof(data));
    ck_assert_int_eq(qio_channel_write(ioc, data, limit - 1, &err),
                     (ssize_t)limit - 1);
    ck_assert_int_eq(qio_channel_write(ioc, data, 9, &err), 1);
    content(ioc, data, limit);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_write(ioc, data, 1, &err), -1);
    ck_assert_int_eq(qio_error_errno(err), ENOSPC);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    ck_assert_int_eq(qio_channel_pwrite(ioc, data, 1, (off_t)limit + 1, &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    ck_assert_int_eq(qio_channel_write_all(ioc, data, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    content(ioc, data, limit);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_peek)
{
    QIOChannel *ioc = new_buffer(0);
    QIOError *err = NULL;
    char buf[4];
    struct iovec iov = {buf, 4};

    ck_assert_int_eq(qio_channel_write(ioc, "abc", 3, &err), 3);
    ck_assert_int_eq(qio_channel_io_seek(ioc, 0, SEEK_SET, &err), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(qio_channel_readv_full(ioc, &iov, 1, NULL, NULL,
                                                QIO_CHANNEL_READ_FLAG_MSG_PEEK,
                                                &err),
                         3);
    }
    ck_assert_int_eq(qio_channel_read(ioc, buf, 4, &err), 3);
    ck_assert_int_eq(qio_channel_read(ioc, buf, 4, &err), 0);
    qiotest_ok(&err);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_other_type)
{
    QIOError *err = NULL;
    QIOChannel *ioc = qio_channel_null_new(&err);
    size_t len = 5;

    ck_assert_ptr_null(qio_channel_buffer_data(ioc, &len));
    ck_assert_uint_eq(len, 0);
    qio_channel_unref(ioc);
    ioc = new_buffer(0);
    ck_assert_int_eq(qio_channel_write(ioc, "abc", 3, &err), 3);
    ck_assert_int_eq(qio_channel_close(ioc, &err), 0);
    ck_assert_ptr_null(qio_channel_buffer_data(ioc, NULL));
    ck_assert_int_eq(qio_channel_read(ioc, &len, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_CLOSED);
    qio_channel_unref(ioc);
}
END_TEST

#define ROUNDS 20000

static void *write_bytes(void *opaque)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (qio_channel_write(opaque, "x", 1, NULL) != 1) {
            return opaque;
        }
    }
    return NULL;
}

/* A reader beside a writer is allowed; every step moves the position once. */
START_TEST(test_two_threads)
{
    QIOChannel *ioc = new_buffer(0);
    QIOError *err = NULL;
    pthread_t writer;
    void *failed;
    size_t len;
    char c;

    ck_assert_int_eq(pthread_create(&writer, NULL, write_bytes, ioc), 0);
    for (int i = 0; i < ROUNDS; i++) {
        ssize_t n = qio_channel_read(ioc, &c, 1, &err);

        if (n != 0) {
            ck_abort_msg("read %zd", n);
        }
    }
    ck_assert_int_eq(pthread_join(writer, &failed), 0);
    ck_assert_ptr_null(failed);
    qio_channel_buffer_data(ioc, &len);
    ck_assert_uint_eq(len, ROUNDS);
    qio_channel_unref(ioc);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("buffer");
    TCase *tc = qiotest_case(s, "buffer");

    tcase_add_test(tc, test_write_read);
    tcase_add_test(tc, test_seek);
    tcase_add_test(tc, test_at_offset);
    tcase_add_loop_test(tc, test_limit, 0, 6);
    tcase_add_test(tc, test_peek);
    tcase_add_test(tc, test_other_type);
    tcase_add_test(tc, test_two_threads);
    return qiotest_main(s);
}
