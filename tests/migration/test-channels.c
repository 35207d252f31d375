/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections that share a stream: who may join, and what becomes of the stream
 * when one of them fails. */
#include <config.h>
#include <pthread.h>
#include <string.h>
#include <qio/loop.h>
#include <qio/migration/channels.h>
#include "../../lib/migration/channels-wire.h"
#include "manypair.h"
#include "qiotest.h"

/* ---- joining ---- */

/* What the clients said, read at the servers. */
struct said {
    struct manypair m;
    QIOChannel *client;
    uint8_t hello[MANYPAIR_MAX][QIOP_HELLO_LEN];
};

/* The hellos of a client that waits for its answers in vain. */
static void say(struct said *s, unsigned count, bool tls)
{
    s->m.count = count;
    s->m.tls = tls;
    manypair_connect(&s->m);
    s->client = manypair_client(&s->m);
    for (unsigned i = 0; i < count; i++) {
        manypair_read(s->m.server[i], s->hello[i], QIOP_HELLO_LEN);
    }
}

static void drop(struct said *s)
{
    qio_channel_unref(s->client);
    manypair_drop(&s->m);
}

/* The code with which a hello is refused that comes on a connection of its
 * own; NONE when it is not. *hello: may be NULL. */
static QIOErrorCode hear(const uint8_t data[QIOP_HELLO_LEN], size_t len,
                         QIOMigrationHello **hello)
{
    struct manypair m = {.count = 1};
    QIOMigrationHello *h;
    QIOError *err = NULL;
    QIOErrorCode code;

    manypair_connect(&m);
    (void)!qio_channel_write_all(m.client[0], data, len, &err);
    qiotest_ok(&err);
    qio_channel_shutdown(m.client[0], QIO_CHANNEL_SHUTDOWN_WRITE, NULL);
    h = qio_migration_hello_read_sync(m.server[0], 5000, &err);
    code = qio_error_code(err);
    ck_assert(!h == (code != QIO_ERROR_NONE));
    qio_error_free(err);
    manypair_drop(&m);
    if (hello) {
        *hello = h;
    } else {
        qio_migration_hello_free(h);
    }
    return code;
}

START_TEST(bad_hellos)
{
    uint8_t data[QIOP_HELLO_LEN];
    struct said s = {.m.count = 0};

    say(&s, 2, false);
    ck_assert_int_eq(hear(s.hello[0], QIOP_HELLO_LEN, NULL), QIO_ERROR_NONE);
    ck_assert_int_eq(hear(s.hello[0], QIOP_HELLO_LEN - 1, NULL), QIO_ERROR_EOF);
    ck_assert_int_eq(hear(s.hello[0], 4, NULL), QIO_ERROR_EOF);
    /* Another version; an answer; a stream. */
    memcpy(data, s.hello[0], sizeof(data));
    data[9] = 2;
    ck_assert_int_eq(hear(data, sizeof(data), NULL), QIO_ERROR_STREAM);
    memcpy(data, s.hello[0], sizeof(data));
    data[10] = QIOP_HELLO_ACCEPT;
    ck_assert_int_eq(hear(data, sizeof(data), NULL), QIO_ERROR_STREAM);
    memcpy(data, "QEVM", 4);
    ck_assert_int_eq(hear(data, sizeof(data), NULL), QIO_ERROR_STREAM);
    /* Bound to something, where there is nothing to be bound to. */
    memcpy(data, s.hello[0], sizeof(data));
    data[QIOP_HELLO_BOUND] = 1;
    ck_assert_int_eq(hear(data, sizeof(data), NULL), QIO_ERROR_STREAM);
    drop(&s);
}
END_TEST

START_TEST(replayed_in_another_session)
{
    struct manypair other = {.count = 1, .tls = true};
    struct said s = {.m.count = 0};
    QIOError *err = NULL;

    say(&s, 2, true);
    manypair_connect(&other);
    (void)!qio_channel_write_all(other.client[0], s.hello[0], QIOP_HELLO_LEN,
                                 &err);
    qiotest_ok(&err);
    ck_assert_ptr_null(
        qio_migration_hello_read_sync(other.server[0], 5000, &err));
    qiotest_error(&err, QIO_ERROR_STREAM);
    /* Nor on a connection without TLS. */
    ck_assert_int_eq(hear(s.hello[0], QIOP_HELLO_LEN, NULL), QIO_ERROR_STREAM);
    drop(&s);
    manypair_drop(&other);
}
END_TEST

static void cannot_join(QIOChannel *server, QIOChannel *connection,
                        const uint8_t data[QIOP_HELLO_LEN])
{
    QIOMigrationHello *hello;
    QIOError *err = NULL;

    ck_assert_int_eq(hear(data, QIOP_HELLO_LEN, &hello), QIO_ERROR_NONE);
    ck_assert_int_eq(
        qio_migration_channels_join(server, connection, hello, &err), -1);
    qiotest_error(&err, QIO_ERROR_STREAM);
    qio_migration_hello_free(hello);
}

static void can_join(QIOChannel *server, QIOChannel *connection,
                     const uint8_t data[QIOP_HELLO_LEN], int missing)
{
    QIOMigrationHello *hello;
    QIOError *err = NULL;

    ck_assert_int_eq(hear(data, QIOP_HELLO_LEN, &hello), QIO_ERROR_NONE);
    ck_assert_int_eq(
        qio_migration_channels_join(server, connection, hello, &err), missing);
    qiotest_ok(&err);
    qio_migration_hello_free(hello);
}

START_TEST(doubled_foreign_and_late)
{
    struct said s = {.m.count = 0}, t = {.m.count = 0};
    uint8_t data[QIOP_HELLO_LEN];
    QIOError *err = NULL;
    QIOChannel *server = qio_migration_channels_new_server(&err);

    qiotest_ok(&err);
    ck_assert_uint_eq(qio_migration_channels_count(server), 0);
    ck_assert_int_eq(qio_channel_open_sync(server, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    say(&s, 2, false);
    say(&t, 2, false);
    can_join(server, s.m.server[1], s.hello[1], 1);
    ck_assert_uint_eq(qio_migration_channels_count(server), 2);
    ck_assert_ptr_null(qio_migration_channels_get(server, 0));
    ck_assert_ptr_eq(qio_migration_channels_get(server, 1), s.m.server[1]);
    cannot_join(server, s.m.server[1], s.hello[1]);
    cannot_join(server, t.m.server[0], t.hello[0]);
    /* Three, where the other one said two. */
    memcpy(data, s.hello[0], sizeof(data));
    data[15] = 3;
    cannot_join(server, s.m.server[0], data);
    can_join(server, s.m.server[0], s.hello[0], 0);
    cannot_join(server, s.m.server[0], s.hello[0]);
    qio_channel_unref(server);
    drop(&s);
    drop(&t);
}
END_TEST

START_TEST(same_session)
{
    struct said s = {.m.count = 0}, t = {.m.count = 0};
    QIOMigrationHello *a, *b, *c;

    say(&s, 3, false);
    say(&t, 1, false);
    ck_assert_int_eq(hear(s.hello[0], QIOP_HELLO_LEN, &a), QIO_ERROR_NONE);
    ck_assert_int_eq(hear(s.hello[2], QIOP_HELLO_LEN, &b), QIO_ERROR_NONE);
    ck_assert_int_eq(hear(t.hello[0], QIOP_HELLO_LEN, &c), QIO_ERROR_NONE);
    ck_assert(qio_migration_hello_same(a, b));
    ck_assert(!qio_migration_hello_same(a, c));
    ck_assert_uint_eq(qio_migration_hello_index(b), 2);
    ck_assert_uint_eq(qio_migration_hello_count(b), 3);
    qio_migration_hello_free(a);
    qio_migration_hello_free(b);
    qio_migration_hello_free(c);
    drop(&s);
    drop(&t);
}
END_TEST

START_TEST(arguments)
{
    struct manypair m = {.count = 2};
    QIOError *err = NULL;
    QIOChannel *client;

    ck_assert_ptr_null(qio_migration_channels_new_client(0, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_migration_channels_new_client(
        QIO_MIGRATION_CHANNELS_MAX + 1, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    manypair_connect(&m);
    ck_assert_uint_eq(qio_migration_channels_count(m.client[0]), 0);
    ck_assert_ptr_null(qio_migration_channels_get(m.client[0], 0));
    ck_assert_int_eq(
        qio_migration_channels_join(m.client[0], m.client[1], NULL, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    client = manypair_client(&m);
    ck_assert_int_eq(
        qio_migration_channels_join(client, m.server[0], NULL, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_channel_unref(client);
    client = qio_migration_channels_new_client(1, NULL);
    ck_assert_int_eq(
        qio_migration_channels_join(client, m.client[0], NULL, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID); /* it is closed */
    qio_channel_unref(client);
    manypair_drop(&m);
}
END_TEST

/* ---- a client and its answers ---- */

static QIOErrorCode open_code(QIOChannel *ioc)
{
    QIOError *err = NULL;
    QIOErrorCode code;

    (void)!qio_channel_open_sync(ioc, 5000, &err);
    code = qio_error_code(err);
    qio_error_free(err);
    return code;
}

/* Answer each hello with itself, but for one byte of the last one. */
static QIOErrorCode answer(unsigned at, uint8_t value)
{
    struct manypair m = {.count = 2};
    QIOError *err = NULL;
    QIOChannel *client;
    QIOErrorCode code;

    manypair_connect(&m);
    client = manypair_client(&m);
    ck_assert_int_eq(qio_channel_open_sync(client, 50, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t data[QIOP_HELLO_LEN];

        manypair_read(m.server[i], data, sizeof(data));
        data[10] = QIOP_HELLO_ACCEPT;
        if (i) {
            data[at] = value;
        }
        (void)!qio_channel_write_all(m.server[i], data, sizeof(data), NULL);
    }
    code = open_code(client);
    qio_channel_unref(client);
    manypair_drop(&m);
    return code;
}

START_TEST(answers)
{
    ck_assert_int_eq(answer(11, 0), QIO_ERROR_NONE);
    ck_assert_int_eq(answer(9, 2), QIO_ERROR_STREAM);
    ck_assert_int_eq(answer(10, QIOP_HELLO_JOIN), QIO_ERROR_STREAM);
    ck_assert_int_eq(answer(13, 0), QIO_ERROR_STREAM);
    ck_assert_int_eq(answer(15, 3), QIO_ERROR_STREAM);
    ck_assert_int_eq(answer(19, 1), QIO_ERROR_STREAM);
    ck_assert_int_eq(answer(QIOP_HELLO_BOUND, 1), QIO_ERROR_STREAM);
}
END_TEST

START_TEST(one_dies_before_the_answer)
{
    struct manypair m = {.count = 3};
    QIOChannel *client;

    manypair_connect(&m);
    client = manypair_client(&m);
    qio_channel_close(m.server[1], NULL);
    ck_assert_int_ne(open_code(client), QIO_ERROR_NONE);
    qio_channel_unref(client);
    manypair_drop(&m);
}
END_TEST

static void write_early(QIOChannel *connection)
{
    QIOError *err = NULL;

    (void)!qio_channel_write_all(connection, "x", 1, &err);
    qiotest_ok(&err);
}

static void next_joins(QIOChannel *ioc, unsigned answered, void *opaque)
{
    struct manypair *m = opaque;
    QIOError *err = NULL;

    if (answered < m->count) {
        ck_assert_int_ge(
            qio_migration_channels_join(ioc, m->client[answered], NULL, &err),
            0);
    }
}

static void *answer_each(void *opaque)
{
    struct manypair *m = opaque;

    for (unsigned i = 0; i < m->count; i++) {
        uint8_t data[QIOP_HELLO_LEN];

        manypair_read(m->server[i], data, sizeof(data));
        data[10] = QIOP_HELLO_ACCEPT;
        (void)!qio_channel_write_all(m->server[i], data, sizeof(data), NULL);
    }
    return NULL;
}

START_TEST(one_after_the_other)
{
    struct manypair m = {.count = 4};
    QIOError *err = NULL;
    QIOChannel *client = qio_migration_channels_new_client(4, &err);
    pthread_t thread;

    qiotest_ok(&err);
    manypair_connect(&m);
    ck_assert_int_eq(
        qio_migration_channels_on_answer(client, next_joins, &m, &err), 0);
    ck_assert_int_eq(
        qio_migration_channels_join(client, m.client[0], NULL, &err), 3);
    ck_assert_int_eq(pthread_create(&thread, NULL, answer_each, &m), 0);
    ck_assert_int_eq(open_code(client), QIO_ERROR_NONE);
    pthread_join(thread, NULL);
    qio_channel_unref(client);
    manypair_drop(&m);
}
END_TEST

START_TEST(one_dies_while_others_are_missing)
{
    struct said s = {.m.count = 0};
    QIOError *err = NULL;
    QIOChannel *server = qio_migration_channels_new_server(&err);

    qiotest_ok(&err);
    say(&s, 3, false);
    can_join(server, s.m.server[2], s.hello[2], 2);
    ck_assert_int_eq(qio_channel_open_sync(server, 10, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    if (_i) {
        write_early(s.m.client[2]);
    } else {
        qio_channel_close(s.m.client[2], NULL);
    }
    if (_i) {
        ck_assert_int_eq(open_code(server), QIO_ERROR_STREAM);
    } else {
        ck_assert_int_ne(open_code(server), QIO_ERROR_NONE);
    }
    qio_channel_unref(server);
    drop(&s);
}
END_TEST

/* ---- the end, and failures in the middle ---- */

static uint8_t buf[3 << 20];

static void write_some(QIOChannel *ioc, size_t len)
{
    QIOError *err = NULL;

    (void)!qio_channel_write_all(ioc, buf, len, &err);
    qiotest_ok(&err);
}

/* Read until it ends; the code of the end. */
static QIOErrorCode read_to_end(QIOChannel *ioc, size_t *sum)
{
    QIOError *err = NULL;
    QIOErrorCode code;
    ssize_t n;

    *sum = 0;
    qio_channel_set_timeout(ioc, 5000);
    while ((n = qio_channel_read(ioc, buf, sizeof(buf), &err)) > 0) {
        *sum += (size_t)n;
    }
    code = qio_error_code(err);
    qio_error_free(err);
    return code;
}

/* Until it takes or gives nothing; how many bytes. */
static size_t write_what_it_takes(QIOChannel *ioc, size_t at_once, size_t most)
{
    QIOError *err = NULL;
    size_t sum = 0;
    ssize_t n;

    while (sum < most && (n = qio_channel_write(ioc, buf, at_once, &err)) > 0) {
        sum += (size_t)n;
    }
    qiotest_ok(&err);
    return sum;
}

static size_t read_what_there_is(QIOChannel *ioc)
{
    QIOError *err = NULL;
    size_t sum = 0;
    ssize_t n;

    while ((n = qio_channel_read(ioc, buf, sizeof(buf), &err)) > 0) {
        sum += (size_t)n;
    }
    qiotest_ok(&err);
    return sum;
}

/* What one connection could not take does not wait until another one is full
 * again: whoever reads waits for just that. */
START_TEST(rest_is_not_left_behind)
{
    struct manypair m = {.count = 3, .tls = _i};
    QIOChannel *pair[2];
    size_t sent, got = 0;

    (void)pair_many(&m, pair, NULL);
    qio_channel_set_blocking(pair[0], false);
    qio_channel_set_blocking(pair[1], false);
    sent = write_what_it_takes(pair[0], 1 << 20, SIZE_MAX);
    ck_assert_uint_gt(sent, 3 * 512 << 10);
    for (int i = 0; i < 30 && got < sent; i++) {
        got += read_what_there_is(pair[1]);
        ck_assert_uint_eq(write_what_it_takes(pair[0], 1, 1), 1);
    }
    ck_assert_uint_ge(got, sent);
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
}
END_TEST

START_TEST(closing_is_no_end)
{
    struct manypair m = {.count = 2, .tls = _i};
    QIOChannel *pair[2];
    size_t sum;

    (void)pair_many(&m, pair, NULL);
    write_some(pair[0], 1000);
    qio_channel_close(pair[0], NULL);
    ck_assert_int_eq(read_to_end(pair[1], &sum), QIO_ERROR_EOF);
    ck_assert_uint_le(sum, 1000);
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
}
END_TEST

/* All was read, but one connection does not say that it was all. */
START_TEST(each_must_end)
{
    struct manypair m = {.count = 3, .tls = _i};
    struct qiop_block end = {.end = true, .number = 0, .offset = 0};
    QIOChannel *pair[2];
    size_t sum;

    manypair_connect(&m);
    manypair_open(&m, pair);
    for (unsigned i = 0; i < 3; i++) {
        uint8_t data[QIOP_BLOCK_LEN];

        end.index = i;
        qiop_block_write(&end, data);
        if (i != 1) {
            (void)!qio_channel_write_all(m.client[i], data, sizeof(data), NULL);
        }
        qio_channel_shutdown(m.client[i], QIO_CHANNEL_SHUTDOWN_WRITE, NULL);
    }
    ck_assert_int_eq(read_to_end(pair[1], &sum), QIO_ERROR_EOF);
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
    manypair_drop(&m);
}
END_TEST

START_TEST(one_is_killed)
{
    struct manypair m = {.count = 4, .tls = _i};
    QIOChannel *pair[2];
    QIOError *err = NULL;
    size_t sum;

    manypair_connect(&m);
    manypair_open(&m, pair);
    write_some(pair[0], 5000);
    qio_channel_close(m.client[2], NULL);
    /* The reader gets what came, then the failure, which stays. */
    ck_assert_int_ne(read_to_end(pair[1], &sum), QIO_ERROR_NONE);
    ck_assert_int_ne(read_to_end(pair[1], &sum), QIO_ERROR_NONE);
    ck_assert_uint_eq(sum, 0);
    /* So does the writer. */
    while (qio_channel_write(pair[0], buf, sizeof(buf), &err) > 0) {
    }
    ck_assert_ptr_nonnull(err);
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), "connection 3 of 4"));
    qio_error_free(err);
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
    manypair_drop(&m);
}
END_TEST

/* The block that is due is on one connection; another one, which has a later
 * block, breaks off: nobody waits for the first. */
START_TEST(one_is_killed_that_is_not_read)
{
    struct manypair m = {.count = 2};
    struct qiop_block b = {.index = 1, .length = 100, .number = 1, .offset = 9};
    uint8_t data[QIOP_BLOCK_LEN];
    QIOChannel *pair[2];
    size_t sum;

    manypair_connect(&m);
    manypair_open(&m, pair);
    qiop_block_write(&b, data);
    (void)!qio_channel_write_all(m.client[1], data, sizeof(data), NULL);
    qio_channel_close(m.client[1], NULL);
    ck_assert_int_eq(read_to_end(pair[1], &sum), QIO_ERROR_EOF);
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
    manypair_drop(&m);
}
END_TEST

START_TEST(malformed_in_the_middle)
{
    struct manypair m = {.count = 2};
    uint8_t data[QIOP_BLOCK_LEN] = "QIOB\1\0\0\0\xff\xff\xff\xff";
    QIOChannel *pair[2];
    QIOError *err = NULL;
    char text[5];
    size_t sum;

    manypair_connect(&m);
    manypair_open(&m, pair);
    /* The other direction has nothing to do with it. */
    (void)!qio_channel_write_all(m.client[0], data, sizeof(data), NULL);
    ck_assert_int_eq(read_to_end(pair[1], &sum), QIO_ERROR_STREAM);
    (void)!qio_channel_write_all(pair[1], "back", 5, &err);
    qiotest_ok(&err);
    manypair_read(pair[0], text, sizeof(text));
    ck_assert_str_eq(text, "back");
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
    manypair_drop(&m);
}
END_TEST

/* ---- in a loop ---- */

struct heard {
    QIOLoop *loop;
    QIOMigrationHello *hello;
    QIOError *err;
    int destroyed;
};

static void heard(QIOTask *task, void *opaque)
{
    struct heard *h = opaque;

    h->hello = qio_migration_hello_take(task, &h->err);
    qio_loop_quit(h->loop);
}

static void count_destroy(void *opaque)
{
    struct heard *h = opaque;

    h->destroyed++;
}

static void hear_async(struct heard *h, const uint8_t *data, size_t len)
{
    struct manypair m = {.count = 1};
    QIOError *err = NULL;

    manypair_connect(&m);
    (void)!qio_channel_write_all(m.client[0], data, len, &err);
    qiotest_ok(&err);
    *h = (struct heard){.loop = qio_loop_new(&err)};
    qiotest_ok(&err);
    ck_assert_ptr_nonnull(qio_migration_hello_read_async(
        m.server[0], h->loop, 50, heard, h, count_destroy, &err));
    (void)!qio_loop_run(h->loop, &err);
    qiotest_ok(&err);
    qio_loop_free(h->loop);
    ck_assert_int_eq(h->destroyed, 1);
    manypair_drop(&m);
}

START_TEST(hello_in_a_loop)
{
    struct said s = {.m.count = 0};
    struct heard h;

    say(&s, 2, false);
    hear_async(&h, s.hello[1], QIOP_HELLO_LEN);
    qiotest_ok(&h.err);
    ck_assert_uint_eq(qio_migration_hello_index(h.hello), 1);
    qio_migration_hello_free(h.hello);
    s.hello[1][9] = 9;
    hear_async(&h, s.hello[1], QIOP_HELLO_LEN);
    ck_assert_ptr_null(h.hello);
    qiotest_error(&h.err, QIO_ERROR_STREAM);
    hear_async(&h, s.hello[1], 10);
    ck_assert_ptr_null(h.hello);
    qiotest_error(&h.err, QIO_ERROR_TIMEOUT);
    drop(&s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("channels");
    TCase *tc = qiotest_case(s, "joining");

    tcase_add_test(tc, bad_hellos);
    tcase_add_test(tc, replayed_in_another_session);
    tcase_add_test(tc, doubled_foreign_and_late);
    tcase_add_test(tc, same_session);
    tcase_add_test(tc, arguments);
    tcase_add_test(tc, answers);
    tcase_add_test(tc, one_dies_before_the_answer);
    tcase_add_test(tc, one_after_the_other);
    tcase_add_loop_test(tc, one_dies_while_others_are_missing, 0, 2);
    tcase_add_test(tc, hello_in_a_loop);
    tc = qiotest_case(s, "ends");
    tcase_add_loop_test(tc, rest_is_not_left_behind, 0, 2);
    tcase_add_loop_test(tc, closing_is_no_end, 0, 2);
    tcase_add_loop_test(tc, each_must_end, 0, 2);
    tcase_add_loop_test(tc, one_is_killed, 0, 2);
    tcase_add_test(tc, one_is_killed_that_is_not_read);
    tcase_add_test(tc, malformed_in_the_middle);
    return qiotest_main(s);
}
