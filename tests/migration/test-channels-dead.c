/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection over TCP that ends while another one is waited for: it is
 * missed at once, unless it had said all. */
#include <config.h>
#include <string.h>
#include <sys/socket.h>
#include <qio/channel-socket.h>
#include <qio/migration/channels.h>
#include "../../lib/migration/channels-wire.h"
#include "manypair.h"
#include "qiotest.h"

enum {
    TLS = 1,
    THREADS = 2,
    KINDS = 4,
};

/* The connection that ends, and the one that is waited for. */
#define DEAD 1
#define DUE 0
#define FIRST_LEN 9
#define NOTHING_MS 100

static void connect_all(struct manypair *m, QIOChannel *pair[2], int kind)
{
    *m = (struct manypair){
        .count = 3, .tcp = true, .tls = kind & TLS, .threads = kind & THREADS};
    manypair_connect(m);
    manypair_open(m, pair);
    qio_channel_set_timeout(pair[0], 10000);
    qio_channel_set_timeout(pair[1], 10000);
}

static void drop_all(struct manypair *m, QIOChannel *pair[2])
{
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
    manypair_drop(m);
}

/* ---- saying blocks by hand ---- */

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

static void say(QIOChannel *ioc, const void *data, size_t len)
{
    QIOError *err = NULL;

    (void)!qio_channel_write_all(ioc, data, len, &err);
    qiotest_ok(&err);
}

static void say_head(struct manypair *m, const struct qiop_block *b)
{
    uint8_t data[QIOP_BLOCK_LEN];

    qiop_block_write(b, data);
    say(m->client[b->index], data, sizeof(data));
}

static void say_data(struct manypair *m, unsigned i, uint64_t from, size_t len)
{
    static uint8_t data[1 << 16];

    for (size_t at = 0; at < len; at++) {
        data[at] = byte_at(from + at);
    }
    say(m->client[i], data, len);
}

static void say_block(struct manypair *m, unsigned i, uint64_t number,
                      uint64_t offset, uint32_t length)
{
    struct qiop_block b = {
        .index = i, .length = length, .number = number, .offset = offset};

    say_head(m, &b);
    say_data(m, i, offset, length);
}

static void say_end(struct manypair *m, unsigned i, uint64_t number,
                    uint64_t offset)
{
    struct qiop_block b = {
        .end = true, .index = i, .number = number, .offset = offset};

    say_head(m, &b);
}

static int fd_of(QIOChannel *ioc)
{
    while (qio_channel_base(ioc)) {
        ioc = qio_channel_base(ioc);
    }
    return qio_channel_socket_get_fd(ioc);
}

/* The connection is reset, not ended in order. */
static void reset(QIOChannel *ioc)
{
    struct linger linger = {.l_onoff = 1};

    ck_assert_int_eq(
        setsockopt(fd_of(ioc), SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)),
        0);
    qio_channel_close(ioc, NULL);
}

/* ---- what the reader makes of it ---- */

static void nothing_comes(QIOChannel *ioc)
{
    QIOError *err = NULL;
    char c;

    qio_channel_set_blocking(ioc, false);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(qio_channel_read(ioc, &c, 1, &err),
                         QIO_CHANNEL_ERR_BLOCK);
    }
    qio_channel_set_blocking(ioc, true);
}

/* Neither now nor soon, and whoever waits is not woken in vain for ever. */
static void nothing_happens(QIOChannel *ioc)
{
    int woken = 0;

    nothing_comes(ioc);
    while (qio_channel_wait(ioc, QIO_EVENT_IN, NOTHING_MS, NULL) > 0) {
        ck_assert_int_lt(++woken, 100);
        nothing_comes(ioc);
    }
}

static void names_it(QIOError *err)
{
    ck_assert_ptr_nonnull(err);
    ck_assert_int_ne(qio_error_code(err), QIO_ERROR_TIMEOUT);
    if (!strstr(qio_error_message(err), "connection 2 of 3")) {
        ck_abort_msg("not named: %s", qio_error_message(err));
    }
    qio_error_free(err);
}

static void reader_fails(QIOChannel *ioc)
{
    QIOError *err = NULL;
    char c;

    ck_assert_int_eq(qio_channel_read(ioc, &c, 1, &err), -1);
    names_it(err);
}

static void all_is_read(QIOChannel *ioc, uint64_t len)
{
    static uint8_t buf[70001];
    QIOError *err = NULL;
    uint64_t done = 0;
    ssize_t n;

    while ((n = qio_channel_read(ioc, buf, sizeof(buf), &err)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i] != byte_at(done + (uint64_t)i)) {
                ck_abort_msg("a byte differs");
            }
        }
        done += (uint64_t)n;
    }
    qiotest_ok(&err);
    ck_assert_uint_eq(done, len);
}

/* ---- the reader waits for another one ---- */

/* The one that is due is silent from the beginning, or in its block. */
static void due_is_silent(struct manypair *m, bool in_block)
{
    struct qiop_block b = {.index = DUE, .length = FIRST_LEN};

    if (in_block) {
        say_head(m, &b);
    }
}

static void due_goes_on(struct manypair *m, bool in_block)
{
    if (in_block) {
        say_data(m, DUE, 0, FIRST_LEN);
    } else {
        say_block(m, DUE, 0, 0, FIRST_LEN);
    }
}

START_TEST(one_ends_before_its_end)
{
    QIOChannel *pair[2];
    struct manypair m;

    for (int how = 0; how < 8; how++) {
        connect_all(&m, pair, _i);
        due_is_silent(&m, how & 1);
        say_block(&m, DEAD, 1, FIRST_LEN, 100);
        if (how & 2) {
            /* While somebody waits. */
            nothing_happens(pair[1]);
        }
        if (how & 4) {
            reset(m.client[DEAD]);
        } else {
            qio_channel_close(m.client[DEAD], NULL);
        }
        reader_fails(pair[1]);
        drop_all(&m, pair);
    }
}
END_TEST

/* What is behind the block that waits is known, too. */
START_TEST(one_ends_many_blocks_later)
{
    QIOChannel *pair[2];
    struct manypair m;

    connect_all(&m, pair, _i);
    for (uint64_t n = 0; n < 10; n++) {
        say_block(&m, DEAD, 1 + n, FIRST_LEN + 5000 * n, 5000);
    }
    qio_channel_close(m.client[DEAD], NULL);
    reader_fails(pair[1]);
    drop_all(&m, pair);
}
END_TEST

/* In a block of which the header came, or in a header. */
START_TEST(one_ends_within)
{
    struct qiop_block b = {
        .index = DEAD, .length = 100, .number = 2, .offset = FIRST_LEN + 100};
    QIOChannel *pair[2];
    struct manypair m;

    for (int whole_head = 0; whole_head < 2; whole_head++) {
        connect_all(&m, pair, _i);
        say_block(&m, DEAD, 1, FIRST_LEN, 100);
        if (whole_head) {
            say_head(&m, &b);
        } else {
            say(m.client[DEAD], "QIOB", 4);
        }
        qio_channel_close(m.client[DEAD], NULL);
        reader_fails(pair[1]);
        drop_all(&m, pair);
    }
}
END_TEST

START_TEST(one_says_nonsense_and_ends)
{
    char data[QIOP_BLOCK_LEN] = "nonsense";
    QIOChannel *pair[2];
    QIOError *err = NULL;
    struct manypair m;
    char c;

    connect_all(&m, pair, _i);
    say_block(&m, DEAD, 1, FIRST_LEN, 100);
    say(m.client[DEAD], data, sizeof(data));
    qio_channel_close(m.client[DEAD], NULL);
    ck_assert_int_eq(qio_channel_read(pair[1], &c, 1, &err), -1);
    ck_assert_int_eq(qio_error_code(err), QIO_ERROR_STREAM);
    names_it(err);
    drop_all(&m, pair);
}
END_TEST

/* It ends in order: nothing is wrong, and all is read when it is due. */
START_TEST(one_ends_after_its_end)
{
    QIOChannel *pair[2];
    struct manypair m;

    for (int how = 0; how < 4; how++) {
        uint64_t blocks = how & 2 ? 50 : 1;
        uint64_t len = FIRST_LEN + 5000 * blocks;

        connect_all(&m, pair, _i);
        due_is_silent(&m, how & 1);
        for (uint64_t n = 0; n < blocks; n++) {
            say_block(&m, DEAD, 1 + n, FIRST_LEN + 5000 * n, 5000);
        }
        say_end(&m, DEAD, 1 + blocks, len);
        nothing_happens(pair[1]);
        qio_channel_close(m.client[DEAD], NULL);
        nothing_happens(pair[1]);
        say_end(&m, 2, 1 + blocks, len);
        qio_channel_close(m.client[2], NULL);
        nothing_happens(pair[1]);
        due_goes_on(&m, how & 1);
        say_end(&m, DUE, 1 + blocks, len);
        qio_channel_close(m.client[DUE], NULL);
        all_is_read(pair[1], len);
        drop_all(&m, pair);
    }
}
END_TEST

/* Both directions have ended, which is no failure either. */
START_TEST(one_ends_where_we_have_ended)
{
    uint64_t len = FIRST_LEN + 100;
    QIOChannel *pair[2];
    struct manypair m;
    QIOError *err = NULL;
    char c;

    connect_all(&m, pair, _i);
    (void)!qio_channel_bye_sync(pair[1], 10000, &err);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_read(pair[0], &c, 1, &err), 0);
    say_block(&m, DEAD, 1, FIRST_LEN, 100);
    say_end(&m, DEAD, 2, len);
    qio_channel_shutdown(m.client[DEAD], QIO_CHANNEL_SHUTDOWN_WRITE, NULL);
    nothing_happens(pair[1]);
    say_end(&m, 2, 2, len);
    say_block(&m, DUE, 0, 0, FIRST_LEN);
    say_end(&m, DUE, 2, len);
    all_is_read(pair[1], len);
    drop_all(&m, pair);
}
END_TEST

/* The one that is due never lets go: the others are looked at meanwhile. */
START_TEST(one_ends_while_another_flows)
{
    QIOChannel *pair[2];
    QIOError *err = NULL;
    struct manypair m;
    uint64_t n = 0;
    ssize_t got = 1;
    char buf[100];

    connect_all(&m, pair, _i);
    qio_channel_close(m.client[DEAD], NULL);
    say_block(&m, DUE, 0, 0, sizeof(buf));
    while (got > 0 && n < 1000) {
        n++;
        say_block(&m, DUE, n, sizeof(buf) * n, sizeof(buf));
        got = qio_channel_read(pair[1], buf, sizeof(buf), &err);
    }
    ck_assert_int_eq(got, -1);
    names_it(err);
    drop_all(&m, pair);
}
END_TEST

/* ---- the writer waits for another one ---- */

/* Until nothing is taken, nor later: the kernel has room before it says so. */
static void fill(QIOChannel *ioc)
{
    static uint8_t buf[1 << 20];

    qio_channel_set_blocking(ioc, false);
    for (int in_vain = 0; in_vain < 3; in_vain++) {
        while (qio_channel_write(ioc, buf, sizeof(buf), NULL) > 0) {
            in_vain = 0;
        }
        (void)!qio_channel_wait(ioc, QIO_EVENT_OUT, NOTHING_MS, NULL);
    }
    qio_channel_set_blocking(ioc, true);
}

START_TEST(one_dies_when_all_are_full)
{
    QIOChannel *pair[2];
    QIOError *err = NULL;
    struct manypair m;
    ssize_t n = 1;

    for (int how = 0; how < 2; how++) {
        connect_all(&m, pair, _i);
        fill(pair[0]);
        if (how) {
            reset(m.server[DEAD]);
        } else {
            qio_channel_close(m.server[DEAD], NULL);
        }
        while (n > 0) {
            n = qio_channel_write(pair[0], "x", 1, &err);
        }
        names_it(err);
        err = NULL;
        n = 1;
        drop_all(&m, pair);
    }
}
END_TEST

/* Take what was sent on a connection until nothing more comes. */
static void take_all(QIOChannel *ioc)
{
    static uint8_t buf[1 << 20];

    qio_channel_set_blocking(ioc, false);
    do {
        while (qio_channel_read(ioc, buf, sizeof(buf), NULL) > 0) {
        }
    } while (qio_channel_wait(ioc, QIO_EVENT_IN, NOTHING_MS, NULL) > 0 &&
             qio_channel_read(ioc, buf, sizeof(buf), NULL) != 0);
    qio_channel_set_blocking(ioc, true);
}

/* All was said and is flushed: one dies that took it, or that did not, while
 * the others take nothing. One that took all may close in order. */
START_TEST(one_dies_while_others_are_flushed)
{
    QIOChannel *pair[2];
    QIOError *err = NULL;
    struct manypair m;

    for (int how = 0; how < 3; how++) {
        connect_all(&m, pair, _i);
        fill(pair[0]);
        qio_channel_shutdown(pair[0], QIO_CHANNEL_SHUTDOWN_WRITE, &err);
        qiotest_ok(&err);
        for (int twice = 0; how == 2 && twice < 2; twice++) {
            qio_channel_set_blocking(pair[0], false);
            ck_assert_int_eq(qio_channel_flush(pair[0], &err),
                             QIO_CHANNEL_ERR_BLOCK);
            take_all(m.server[DEAD]);
            qio_channel_set_blocking(pair[0], true);
        }
        if (how) {
            reset(m.server[DEAD]);
        } else {
            qio_channel_close(m.server[DEAD], NULL);
        }
        ck_assert_int_eq(qio_channel_flush(pair[0], &err), -1);
        names_it(err);
        err = NULL;
        drop_all(&m, pair);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("connections that die");
    TCase *tc = qiotest_case(s, "reading");

    tcase_add_loop_test(tc, one_ends_before_its_end, 0, KINDS);
    tcase_add_loop_test(tc, one_ends_many_blocks_later, 0, KINDS);
    tcase_add_loop_test(tc, one_ends_within, 0, KINDS);
    tcase_add_loop_test(tc, one_says_nonsense_and_ends, 0, KINDS);
    tcase_add_loop_test(tc, one_ends_after_its_end, 0, KINDS);
    tcase_add_loop_test(tc, one_ends_where_we_have_ended, 0, KINDS);
    tcase_add_loop_test(tc, one_ends_while_another_flows, 0, KINDS);
    tc = qiotest_case(s, "writing");
    tcase_add_loop_test(tc, one_dies_when_all_are_full, 0, KINDS);
    tcase_add_loop_test(tc, one_dies_while_others_are_flushed, 0, KINDS);
    return qiotest_main(s);
}
