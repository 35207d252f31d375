/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copying between channels as a task. */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include <qio/channel-buffer.h>
#include <qio/channel-unix.h>
#include "loop/waiter.h"
#include "tlspair.h"

#define BIG (2 * 1000 * 1000)

/* user[0] | inner[0] <- copy -> inner[1] | user[1] */
static QIOLoop *loop;
static QIOChannel *user[2], *inner[2];
static unsigned char *out[2], *in[2];

static void begin(bool tls)
{
    loop = qio_loop_new(NULL);
    ck_assert_ptr_nonnull(loop);
    for (int i = 0; i < 2; i++) {
        QIOChannel *p[2];

        ck_assert_int_eq(qio_channel_unix_pair(p, NULL), 0);
        user[i] = p[0];
        inner[i] = p[1];
        out[i] = malloc(BIG);
        in[i] = calloc(1, BIG);
        for (size_t k = 0; k < BIG; k++) {
            out[i][k] = (unsigned char)(k * 13 + k / 255 + (size_t)i);
        }
    }
    if (tls) {
        struct tlspair_creds creds;
        QIOChannel *client, *server;

        tlspair_creds_make(&creds, NULL);
        tlspair_open(&creds, user[0], inner[0], &client, &server);
        qio_channel_unref(user[0]);
        qio_channel_unref(inner[0]);
        user[0] = client;
        inner[0] = server;
        tlspair_creds_free(&creds);
    }
}

static void finish(void)
{
    qio_loop_free(loop);
    for (int i = 0; i < 2; i++) {
        qio_channel_unref(user[i]);
        qio_channel_unref(inner[i]);
        free(out[i]);
        free(in[i]);
    }
}

static void write_and_bye(QIOTask *task, void *opaque)
{
    QIOChannel *ioc = qio_task_channel(task);

    ck_assert_ptr_null(qio_task_error(task));
    ck_assert_ptr_nonnull(qio_channel_bye_async(ioc, loop, 20000, waiter_fn,
                                                opaque, waiter_destroy, NULL));
}

/* Both users send everything, say goodbye and read the other's to the end. */
START_TEST(test_both_ways)
{
    struct waiter copy = {0}, bye[2] = {{0}}, r[2] = {{0}};

    begin(_i == 1);
    ck_assert_ptr_nonnull(
        qio_channel_copy_async(inner[0], inner[1], loop, QIO_COPY_BOTH_WAYS,
                               20000, waiter_fn, &copy, waiter_destroy, NULL));
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(qio_channel_write_all_async(
            user[i], loop, out[i], BIG - (size_t)i, 20000, write_and_bye,
            &bye[i], NULL, NULL));
        ck_assert_ptr_nonnull(qio_channel_read_all_async(
            user[i], loop, in[i], BIG - (size_t)!i, 20000, waiter_fn, &r[i],
            waiter_destroy, NULL));
    }
    waiter_wait(&copy, loop);
    qiotest_ok(&copy.err);
    ck_assert_uint_eq(copy.bytes, BIG);
    ck_assert_uint_eq(copy.back, BIG - 1);
    for (int i = 0; i < 2; i++) {
        char c;

        waiter_wait(&r[i], loop);
        waiter_wait(&bye[i], loop);
        qiotest_ok(&r[i].err);
        qiotest_ok(&bye[i].err);
        ck_assert_mem_eq(in[i], out[!i], BIG - (size_t)!i);
        ck_assert_int_eq(qio_channel_read(user[i], &c, 1, NULL), 0);
        waiter_clear(&r[i]);
        waiter_clear(&bye[i]);
    }
    waiter_clear(&copy);
    finish();
}
END_TEST

/* One direction ends, the other goes on. */
START_TEST(test_half_close)
{
    struct waiter copy = {0};
    char buf[8];

    begin(_i == 1);
    ck_assert_ptr_nonnull(
        qio_channel_copy_async(inner[0], inner[1], loop, QIO_COPY_BOTH_WAYS,
                               20000, waiter_fn, &copy, waiter_destroy, NULL));
    ck_assert_int_eq(qio_channel_write_all(user[0], "hello", 5, NULL), 0);
    ck_assert_int_eq(
        qio_channel_shutdown(user[0], QIO_CHANNEL_SHUTDOWN_WRITE, NULL), 0);
    ck_assert_int_eq(qio_channel_flush(user[0], NULL), 0);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
    }
    ck_assert_int_eq(copy.calls, 0);
    ck_assert_int_eq(qio_channel_read_all(user[1], buf, 5, NULL), 0);
    ck_assert_int_eq(qio_channel_read(user[1], buf, 1, NULL), 0);
    ck_assert_int_eq(qio_channel_write_all(user[1], "back", 4, NULL), 0);
    qio_channel_shutdown(user[1], QIO_CHANNEL_SHUTDOWN_WRITE, NULL);
    waiter_wait(&copy, loop);
    qiotest_ok(&copy.err);
    ck_assert_int_eq(qio_channel_read_all(user[0], buf, 4, NULL), 0);
    ck_assert_int_eq(qio_channel_read(user[0], buf, 1, NULL), 0);
    waiter_clear(&copy);
    finish();
}
END_TEST

START_TEST(test_one_way)
{
    unsigned flags = _i ? QIO_COPY_KEEP_OPEN : QIO_COPY_ONE_WAY;
    struct waiter copy = {0};
    char buf[8];

    begin(false);
    ck_assert_ptr_nonnull(qio_channel_copy_async(inner[0], inner[1], loop,
                                                 flags, 20000, waiter_fn, &copy,
                                                 waiter_destroy, NULL));
    ck_assert_int_eq(qio_channel_write_all(user[0], "hello", 5, NULL), 0);
    qio_channel_close(user[0], NULL);
    waiter_wait(&copy, loop);
    qiotest_ok(&copy.err);
    ck_assert_uint_eq(copy.bytes, 5);
    ck_assert_int_eq(qio_channel_read_all(user[1], buf, 5, NULL), 0);
    qio_channel_set_blocking(user[1], false);
    ck_assert_int_eq(qio_channel_read(user[1], buf, 1, NULL),
                     _i ? QIO_CHANNEL_ERR_BLOCK : 0);
    waiter_clear(&copy);
    finish();
}
END_TEST

/* A reader that takes nothing holds the writer back. */
START_TEST(test_back_pressure)
{
    struct waiter copy = {0};
    size_t n = 0;

    begin(_i == 1);
    ck_assert_ptr_nonnull(
        qio_channel_copy_async(inner[0], inner[1], loop, QIO_COPY_BOTH_WAYS,
                               20000, waiter_fn, &copy, waiter_destroy, NULL));
    qio_channel_set_blocking(user[0], false);
    for (int silent = 0; silent < 20;) {
        ssize_t k = qio_channel_write(user[0], out[0], BIG, NULL);

        ck_assert_int_ne(k, -1);
        n += k > 0 ? (size_t)k : 0;
        silent = k > 0 ? 0 : silent + 1;
        ck_assert_int_ge(qio_loop_dispatch(loop, NULL), 0);
        ck_assert_uint_lt(n, 16 * 1024 * 1024);
    }
    qio_loop_free(loop);
    qiotest_error(&copy.err, QIO_ERROR_CANCELLED);
    waiter_clear(&copy);
    loop = NULL;
    finish();
}
END_TEST

START_TEST(test_failure_names_the_side)
{
    struct waiter copy = {0};

    begin(false);
    ck_assert_int_eq(qio_channel_set_name(inner[1], "far side", NULL), 0);
    ck_assert_ptr_nonnull(
        qio_channel_copy_async(inner[0], inner[1], loop, QIO_COPY_BOTH_WAYS,
                               20000, waiter_fn, &copy, waiter_destroy, NULL));
    qio_channel_shutdown(inner[1], QIO_CHANNEL_SHUTDOWN_WRITE, NULL);
    ck_assert_int_eq(qio_channel_write_all(user[0], "x", 1, NULL), 0);
    waiter_wait(&copy, loop);
    ck_assert_ptr_nonnull(
        strstr(qio_error_message(copy.err), "writing to far side"));
    waiter_clear(&copy);
    finish();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("copy");
    TCase *tc = qiotest_case(s, "copy");

    tcase_add_loop_test(tc, test_both_ways, 0, 2);
    tcase_add_loop_test(tc, test_half_close, 0, 2);
    tcase_add_loop_test(tc, test_one_way, 0, 2);
    tcase_add_loop_test(tc, test_back_pressure, 0, 2);
    tcase_add_test(tc, test_failure_names_the_side);
    return qiotest_main(s);
}
