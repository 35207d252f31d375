/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A channel beneath TLS that somebody else shuts down while TLS uses it:
 * whoever waits above hears of it, and nobody spins. */
#include <config.h>
#include <pthread.h>
#include <time.h>
#include <qio/channel-tls.h>
#include "pairs.h"
#include "qiotest.h"
#include "tlspair.h"

/* A waiter that sleeps needs next to nothing of this. */
#define CPU_MS 200
#define WAIT_MS 600
#define LONG_MS 20000

struct stacks {
    struct tlspair_creds creds;
    QIOChannel *base[2];
    QIOChannel *tls[2];
};

/* TLS over pipes: a shutdown of those wakes nobody by itself. */
static void setup(struct stacks *s)
{
    QIOError *err = NULL;

    tlspair_creds_make_psk(&s->creds, NULL);
    ck_assert_int_eq(pair_pipes(NULL, s->base, &err), 0);
    tlspair_open(&s->creds, s->base[0], s->base[1], &s->tls[0], &s->tls[1]);
}

static void teardown(struct stacks *s)
{
    for (int i = 0; i < 2; i++) {
        qio_channel_unref(s->tls[i]);
        qio_channel_unref(s->base[i]);
    }
    tlspair_creds_free(&s->creds);
}

static int cpu_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int)(ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

static void expect_read_shut(QIOChannel *ioc)
{
    QIOError *err = NULL;
    char b;

    ck_assert_int_eq(qio_channel_read(ioc, &b, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
}

START_TEST(test_wait_for_input)
{
    struct stacks s;
    QIOError *err = NULL;

    setup(&s);
    ck_assert_int_eq(
        qio_channel_shutdown(s.base[0], QIO_CHANNEL_SHUTDOWN_READ, &err), 0);
    ck_assert_int_eq(qio_channel_wait(s.tls[0], QIO_EVENT_IN, LONG_MS, &err),
                     QIO_EVENT_IN);
    expect_read_shut(s.tls[0]);
    teardown(&s);
}
END_TEST

START_TEST(test_wait_for_output)
{
    struct stacks s;
    QIOError *err = NULL;
    char b = 0;
    int before;

    setup(&s);
    ck_assert_int_eq(
        qio_channel_shutdown(s.base[0], QIO_CHANNEL_SHUTDOWN_WRITE, &err), 0);
    ck_assert_int_eq(qio_channel_wait(s.tls[0], QIO_EVENT_OUT, LONG_MS, &err),
                     QIO_EVENT_OUT);
    ck_assert_int_eq(qio_channel_write(s.tls[0], &b, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    /* Reading goes on, and waits without spinning. */
    ck_assert_int_eq(qio_channel_write_all(s.tls[1], &b, 1, &err), 0);
    ck_assert_int_eq(qio_channel_read(s.tls[0], &b, 1, &err), 1);
    qio_channel_set_timeout(s.tls[0], WAIT_MS);
    before = cpu_ms();
    ck_assert_int_eq(qio_channel_read(s.tls[0], &b, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    ck_assert_int_lt(cpu_ms() - before, CPU_MS);
    teardown(&s);
}
END_TEST

/* Nobody reads: what is held waits for room in the pipe. */
START_TEST(test_flush_after_reading_was_shut)
{
    static const char block[64 << 10];
    struct stacks s;
    QIOError *err = NULL;
    ssize_t n;
    int before;

    setup(&s);
    qio_channel_set_blocking(s.tls[0], false);
    do {
        n = qio_channel_write(s.tls[0], block, sizeof(block), &err);
    } while (n > 0);
    ck_assert_int_eq(n, QIO_CHANNEL_ERR_BLOCK);
    ck_assert_int_eq(
        qio_channel_shutdown(s.base[0], QIO_CHANNEL_SHUTDOWN_READ, &err), 0);
    qio_channel_set_blocking(s.tls[0], true);
    qio_channel_set_timeout(s.tls[0], WAIT_MS);
    before = cpu_ms();
    ck_assert_int_eq(qio_channel_flush(s.tls[0], &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    ck_assert_int_lt(cpu_ms() - before, CPU_MS);
    teardown(&s);
}
END_TEST

START_TEST(test_open_over_half_a_base)
{
    static const QIOChannelShutdown how[] = {QIO_CHANNEL_SHUTDOWN_READ,
                                             QIO_CHANNEL_SHUTDOWN_WRITE};
    struct tlspair_creds creds;
    QIOChannel *base[2], *server;
    QIOError *err = NULL;

    tlspair_creds_make_psk(&creds, NULL);
    ck_assert_int_eq(pair_pipes(NULL, base, &err), 0);
    server = qio_channel_tls_new_server(base[1], creds.server, NULL, &err);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_shutdown(base[1], how[_i], &err), 0);
    ck_assert_int_eq(qio_channel_open_sync(server, LONG_MS, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    qio_channel_unref(server);
    qio_channel_unref(base[0]);
    qio_channel_unref(base[1]);
    tlspair_creds_free(&creds);
}
END_TEST

static void *shut_soon(void *ioc)
{
    nanosleep(&(struct timespec){0, 100000000}, NULL);
    qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    return NULL;
}

/* From every floor of TLS over TLS over pipes. */
START_TEST(test_shut_under_a_reader)
{
    struct stacks s;
    QIOChannel *top[2], *floor;
    pthread_t thread;

    setup(&s);
    tlspair_open(&s.creds, s.tls[0], s.tls[1], &top[0], &top[1]);
    floor = top[0];
    for (int i = 0; i < _i; i++) {
        floor = qio_channel_base(floor);
    }
    ck_assert_int_eq(pthread_create(&thread, NULL, shut_soon, floor), 0);
    expect_read_shut(top[0]);
    pthread_join(thread, NULL);
    qio_channel_unref(top[0]);
    qio_channel_unref(top[1]);
    teardown(&s);
}
END_TEST

/* The owner of a stack may let go of its parts in any order, at any time. */
START_TEST(test_early_free)
{
    struct tlspair_creds creds;
    QIOChannel *base[2], *low, *top;
    QIOError *err = NULL;

    tlspair_creds_make_psk(&creds, NULL);
    ck_assert_int_eq(pair_pipes(NULL, base, &err), 0);
    low = qio_channel_tls_new_client(base[0], creds.client, NULL, &err);
    qiotest_ok(&err);
    top = qio_channel_tls_new_client(low, creds.client, NULL, &err);
    qiotest_ok(&err);
    tlspair_creds_free(&creds);
    qio_channel_unref(base[0]);
    qio_channel_unref(low);
    ck_assert_int_eq(qio_channel_open_sync(top, 20, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    qio_channel_unref(base[1]);
    if (_i == 1) {
        ck_assert_int_eq(qio_channel_open_sync(top, LONG_MS, &err), -1);
        ck_assert_ptr_nonnull(err);
        qio_error_free(err);
    }
    if (_i == 2) {
        qio_channel_close(top, NULL);
    }
    qio_channel_unref(top);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("channel/base-shut");
    TCase *tc = qiotest_case(s, "base-shut");

    tcase_add_test(tc, test_wait_for_input);
    tcase_add_test(tc, test_wait_for_output);
    tcase_add_test(tc, test_flush_after_reading_was_shut);
    tcase_add_loop_test(tc, test_open_over_half_a_base, 0, 2);
    tcase_add_loop_test(tc, test_shut_under_a_reader, 0, 3);
    tcase_add_loop_test(tc, test_early_free, 0, 3);
    return qiotest_main(s);
}
