/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading, writing and saying goodbye as tasks. */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include <qio/channel-fd.h>
#include <qio/channel-tls.h>
#include <qio/channel-unix.h>
#include "base/fd.h"
#include "loop/waiter.h"
#include "tlspair.h"
#include "trickle.h"

#define BIG (3 * 1000 * 1000 + 7)
#define SLOW 40000

enum { PLAIN, TRICKLE, TLS, TLS_TRICKLE, STACKS };

static QIOLoop *loop;
static struct tlspair_creds creds;
static QIOChannel *p[2];
static unsigned char *out, *in;

static void begin(int stack)
{
    static const struct trickle_script script = {
        .max_read = 900, .max_write = 700, .stutter = true};
    QIOChannel *q[2];

    loop = qio_loop_new(NULL);
    ck_assert_ptr_nonnull(loop);
    ck_assert_int_eq(qio_channel_unix_pair(p, NULL), 0);
    for (int i = 0; i < 2 && (stack == TRICKLE || stack == TLS_TRICKLE); i++) {
        q[i] = trickle_new(p[i], &script, NULL);
        ck_assert_ptr_nonnull(q[i]);
        qio_channel_unref(p[i]);
        p[i] = q[i];
    }
    if (stack == TLS || stack == TLS_TRICKLE) {
        tlspair_creds_make(&creds, NULL);
        tlspair_open(&creds, p[0], p[1], &q[0], &q[1]);
        for (int i = 0; i < 2; i++) {
            qio_channel_unref(p[i]);
            p[i] = q[i];
        }
        tlspair_creds_free(&creds);
    }
    out = malloc(BIG);
    in = calloc(1, BIG);
    for (size_t i = 0; i < BIG; i++) {
        out[i] = (unsigned char)(i * 7 + i / 255);
    }
}

static void finish(void)
{
    qio_loop_free(loop);
    qio_channel_unref(p[0]);
    qio_channel_unref(p[1]);
    free(in);
    free(out);
}

START_TEST(test_both_at_once)
{
    size_t n = _i == TRICKLE || _i == TLS_TRICKLE ? SLOW : BIG;
    struct waiter w = {0}, r = {0};

    begin(_i);
    ck_assert_ptr_nonnull(qio_channel_write_all_async(
        p[0], loop, out, n, 20000, waiter_fn, &w, waiter_destroy, NULL));
    ck_assert_ptr_nonnull(qio_channel_read_all_async(
        p[1], loop, in, n, 20000, waiter_fn, &r, waiter_destroy, NULL));
    waiter_wait(&w, loop);
    waiter_wait(&r, loop);
    qiotest_ok(&w.err);
    qiotest_ok(&r.err);
    ck_assert_uint_eq(w.bytes, n);
    ck_assert_uint_eq(r.bytes, n);
    ck_assert_mem_eq(in, out, n);
    waiter_clear(&w);
    waiter_clear(&r);
    finish();
}
END_TEST

START_TEST(test_nothing_to_do)
{
    struct waiter w = {0}, r = {0};

    begin(_i);
    ck_assert_ptr_nonnull(qio_channel_write_all_async(
        p[0], loop, NULL, 0, -1, waiter_fn, &w, waiter_destroy, NULL));
    ck_assert_ptr_nonnull(qio_channel_read_all_async(
        p[1], loop, NULL, 0, -1, waiter_fn, &r, waiter_destroy, NULL));
    ck_assert_int_eq(w.calls + r.calls, 0);
    waiter_wait(&w, loop);
    waiter_wait(&r, loop);
    qiotest_ok(&w.err);
    qiotest_ok(&r.err);
    waiter_clear(&w);
    waiter_clear(&r);
    finish();
}
END_TEST

START_TEST(test_end_in_the_middle)
{
    struct waiter r = {0}, bye = {0};

    begin(_i);
    ck_assert_int_eq(qio_channel_write_all(p[0], out, 100, NULL), 0);
    ck_assert_ptr_nonnull(qio_channel_bye_async(p[0], loop, 5000, waiter_fn,
                                                &bye, waiter_destroy, NULL));
    ck_assert_ptr_nonnull(qio_channel_read_all_async(
        p[1], loop, in, 101, 5000, waiter_fn, &r, waiter_destroy, NULL));
    waiter_wait(&bye, loop);
    qiotest_ok(&bye.err);
    waiter_wait(&r, loop);
    qiotest_error(&r.err, QIO_ERROR_EOF);
    ck_assert_uint_eq(r.bytes, 100);
    /* The other direction is open. */
    ck_assert_int_eq(qio_channel_write_all(p[1], out, 10, NULL), 0);
    ck_assert_int_eq(qio_channel_read_all(p[0], in, 10, NULL), 0);
    waiter_clear(&bye);
    waiter_clear(&r);
    finish();
}
END_TEST

/* Everything written before it is there when the goodbye is over. */
START_TEST(test_bye_flushes)
{
    struct waiter bye = {0}, r = {0};
    size_t n = 0;

    begin(_i);
    qio_channel_set_blocking(p[0], false);
    for (;;) {
        ssize_t k = qio_channel_write(p[0], out + n, SLOW - n, NULL);

        /* A stuttering channel says "not now" first. */
        if (k <= 0 && n > 0) {
            break;
        }
        ck_assert_int_ne(k, -1);
        n += k > 0 ? (size_t)k : 0;
    }
    ck_assert_ptr_nonnull(qio_channel_bye_async(p[0], loop, 20000, waiter_fn,
                                                &bye, waiter_destroy, NULL));
    ck_assert_ptr_nonnull(qio_channel_read_all_async(
        p[1], loop, in, n, 20000, waiter_fn, &r, waiter_destroy, NULL));
    waiter_wait(&bye, loop);
    waiter_wait(&r, loop);
    qiotest_ok(&bye.err);
    qiotest_ok(&r.err);
    ck_assert_mem_eq(in, out, n);
    ck_assert_int_eq(qio_channel_read(p[1], in, 1, NULL), 0);
    waiter_clear(&bye);
    waiter_clear(&r);
    finish();
}
END_TEST

START_TEST(test_deadlines)
{
    struct waiter w = {0}, r = {0}, bye = {0};

    begin(_i);
    ck_assert_ptr_nonnull(qio_channel_read_all_async(
        p[0], loop, in, 1, 20, waiter_fn, &r, waiter_destroy, NULL));
    /* Under valgrind sealing what fits takes a while. */
    ck_assert_ptr_nonnull(qio_channel_write_all_async(
        p[0], loop, out, BIG, 400, waiter_fn, &w, waiter_destroy, NULL));
    waiter_wait(&r, loop);
    waiter_wait(&w, loop);
    qiotest_error(&r.err, QIO_ERROR_TIMEOUT);
    qiotest_error(&w.err, QIO_ERROR_TIMEOUT);
    ck_assert_uint_gt(w.bytes, 0);
    ck_assert_uint_lt(w.bytes, BIG);
    if (_i == TLS) {
        /* There is output that nobody takes. */
        ck_assert_ptr_nonnull(qio_channel_bye_async(
            p[0], loop, 20, waiter_fn, &bye, waiter_destroy, NULL));
        waiter_wait(&bye, loop);
        qiotest_error(&bye.err, QIO_ERROR_TIMEOUT);
        waiter_clear(&bye);
    }
    waiter_clear(&w);
    waiter_clear(&r);
    finish();
}
END_TEST

START_TEST(test_peer_is_gone)
{
    struct waiter w = {0};

    begin(_i);
    qio_channel_close(p[1], NULL);
    ck_assert_ptr_nonnull(qio_channel_write_all_async(
        p[0], loop, out, BIG, 20000, waiter_fn, &w, waiter_destroy, NULL));
    waiter_wait(&w, loop);
    qiotest_error(&w.err, QIO_ERROR_BROKEN);
    waiter_clear(&w);
    finish();
}
END_TEST

/* A pipe cannot end a direction but by closing it. */
START_TEST(test_bye_where_there_is_none)
{
    struct waiter bye = {0};
    QIOChannel *pipes;
    int fd[2];

    begin(PLAIN);
    ck_assert_int_eq(qiop_fd_pipe(fd, false, NULL), 0);
    pipes = qio_channel_fd_new(fd[1], NULL);
    ck_assert_ptr_nonnull(qio_channel_bye_async(pipes, loop, 5000, waiter_fn,
                                                &bye, waiter_destroy, NULL));
    waiter_wait(&bye, loop);
    qiotest_ok(&bye.err);
    waiter_clear(&bye);
    qio_channel_unref(pipes);
    qiop_fd_close(fd[0]);
    finish();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("transfer");
    TCase *tc = qiotest_case(s, "transfer");

    tcase_add_loop_test(tc, test_both_at_once, 0, STACKS);
    tcase_add_loop_test(tc, test_nothing_to_do, 0, STACKS);
    tcase_add_loop_test(tc, test_end_in_the_middle, 0, STACKS);
    tcase_add_loop_test(tc, test_bye_flushes, 0, STACKS);
    tcase_add_loop_test(tc, test_deadlines, 0, STACKS);
    tcase_add_loop_test(tc, test_peer_is_gone, 0, STACKS);
    tcase_add_test(tc, test_bye_where_there_is_none);
    return qiotest_main(s);
}
