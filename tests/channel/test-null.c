/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The null channel: takes everything, is always at its end. */
#include <config.h>
#include <qio/channel-null.h>
#include <stdio.h>
#include "qiotest.h"

START_TEST(test_all)
{
    QIOError *err = NULL;
    QIOChannel *ioc = qio_channel_null_new(&err);
    struct iovec iov[2] = {{(void *)"abc", 3}, {(void *)"de", 2}};
    char buf[8];

    qiotest_ok(&err);
    ck_assert(qio_channel_is_open(ioc));
    ck_assert_str_eq(qio_channel_type_name(ioc), "null");
    ck_assert_int_eq(qio_channel_writev(ioc, iov, 2, &err), 5);
    ck_assert_int_eq(qio_channel_write_all(ioc, "abc", 3, &err), 0);
    ck_assert_int_eq(qio_channel_read(ioc, buf, 8, &err), 0);
    ck_assert_int_eq(qio_channel_read_all_eof(ioc, buf, 8, &err), 0);
    ck_assert_int_eq(qio_channel_io_seek(ioc, 77, SEEK_SET, &err), 0);
    ck_assert_int_eq(qio_channel_pread(ioc, buf, 8, 5, &err), 0);
    ck_assert_int_eq(qio_channel_pwritev(ioc, iov, 2, 5, &err), 5);
    ck_assert_int_eq(
        qio_channel_wait(ioc, QIO_EVENT_IN | QIO_EVENT_OUT, 0, &err),
        QIO_EVENT_IN | QIO_EVENT_OUT);
    ck_assert_int_eq(qio_channel_flush(ioc, &err), 0);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_read_all(ioc, buf, 8, &err), -1);
    qiotest_error(&err, QIO_ERROR_EOF);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_end)
{
    QIOError *err = NULL;
    QIOChannel *ioc = qio_channel_null_new(&err);

    ck_assert_int_eq(
        qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &err), 0);
    ck_assert_int_eq(qio_channel_write(ioc, "a", 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    ck_assert_int_eq(qio_channel_close(ioc, &err), 0);
    ck_assert_int_eq(qio_channel_close(ioc, &err), 0);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_write(ioc, "a", 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_CLOSED);
    qio_channel_unref(ioc);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("null");
    TCase *tc = qiotest_case(s, "null");

    tcase_add_test(tc, test_all);
    tcase_add_test(tc, test_end);
    return qiotest_main(s);
}
