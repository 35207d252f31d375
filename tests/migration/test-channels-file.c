/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections that share a stream and a file that it is written to: blocks go
 * to their places before they are due, and nothing else is taken for whole. */
#include <config.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <qio/channel-fd.h>
#include <qio/migration/channels.h>
#include "../../lib/migration/channels-wire.h"
#include "manypair.h"
#include "qiotest.h"

#define BASE 4099
#define SMALL 1000

struct filed {
    struct manypair m;
    QIOChannel *pair[2];
    QIOChannel *file;
};

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 7 + i / 251 + (i >> 16));
}

static QIOChannel *new_file(void)
{
    char name[] = "/tmp/qiotest-XXXXXX";
    int fd = mkstemp(name);
    QIOError *err = NULL;
    QIOChannel *ioc;

    ck_assert_int_ge(fd, 0);
    unlink(name);
    ioc = qio_channel_fd_new(fd, &err);
    qiotest_ok(&err);
    return ioc;
}

static void begin(struct filed *f, unsigned count, int kind)
{
    QIOError *err = NULL;

    *f = (struct filed){
        .m = {.count = count, .tls = kind & 1, .threads = kind & 2}};
    manypair_connect(&f->m);
    manypair_open(&f->m, f->pair);
    qio_channel_set_timeout(f->pair[1], 10000);
    f->file = new_file();
    ck_assert_int_eq(
        qio_migration_channels_set_file(f->pair[1], f->file, BASE, &err), 0);
    qiotest_ok(&err);
}

static void drop(struct filed *f)
{
    qio_channel_unref(f->pair[0]);
    qio_channel_unref(f->pair[1]);
    manypair_drop(&f->m);
    qio_channel_unref(f->file);
}

/* ---- by hand ---- */

static void say(struct filed *f, unsigned i, uint64_t number, uint64_t offset,
                uint32_t length)
{
    static _Thread_local uint8_t data[QIOP_BLOCK_LEN + (512 << 10)];
    struct qiop_block b = {
        .index = i, .length = length, .number = number, .offset = offset};

    qiop_block_write(&b, data);
    for (size_t at = 0; at < length; at++) {
        data[QIOP_BLOCK_LEN + at] = byte_at(offset + at);
    }
    ck_assert_int_eq(qio_channel_write_all(f->m.client[i], data,
                                           QIOP_BLOCK_LEN + length, NULL),
                     0);
}

static void say_end(struct filed *f, unsigned i, uint64_t number,
                    uint64_t offset)
{
    uint8_t data[QIOP_BLOCK_LEN];
    struct qiop_block b = {
        .end = true, .index = i, .number = number, .offset = offset};

    qiop_block_write(&b, data);
    ck_assert_int_eq(
        qio_channel_write_all(f->m.client[i], data, sizeof(data), NULL), 0);
}

/* ---- what comes ---- */

/* Up to the end or the failure. */
static uint64_t read_all(QIOChannel *ioc, QIOError **errp)
{
    static uint8_t buf[300007];
    uint64_t done = 0;
    ssize_t n;

    while ((n = qio_channel_read(ioc, buf, sizeof(buf), errp)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i] != byte_at(done + (uint64_t)i)) {
                ck_abort_msg("byte %zu differs", (size_t)done + (size_t)i);
            }
        }
        done += (uint64_t)n;
    }
    return done;
}

static void file_has(QIOChannel *file, uint64_t len)
{
    static uint8_t buf[300007];
    struct stat st;

    ck_assert_int_eq(fstat(qio_channel_fd_get_write_fd(file), &st), 0);
    ck_assert_uint_eq((uint64_t)st.st_size, BASE + len);
    for (uint64_t done = 0; done < len;) {
        ssize_t n = qio_channel_pread(file, buf, sizeof(buf),
                                      (off_t)(BASE + done), NULL);

        ck_assert_int_gt(n, 0);
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i] != byte_at(done + (uint64_t)i)) {
                ck_abort_msg("byte %zu differs", (size_t)done + (size_t)i);
            }
        }
        done += (uint64_t)n;
    }
}

static void fails(struct filed *f, QIOErrorCode code, const char *why)
{
    QIOError *err = NULL;
    char c;

    (void)read_all(f->pair[1], &err);
    ck_assert_int_eq(qio_error_code(err), code);
    if (!strstr(qio_error_message(err), why)) {
        ck_abort_msg("%s", qio_error_message(err));
    }
    qio_error_free(err);
    /* It stays so, and it is not the file's fault. */
    ck_assert_int_eq(qio_channel_read(f->pair[1], &c, 1, NULL), -1);
    ck_assert(!qio_migration_channels_file_failed(f->pair[1]));
    drop(f);
}

/* ---- all that is well ---- */

#define MUCH (24u << 20)

static void *write_much(void *opaque)
{
    static uint8_t buf[300007];
    QIOChannel *ioc = opaque;

    for (uint64_t done = 0; done < MUCH;) {
        size_t n = MUCH - done < sizeof(buf) ? MUCH - done : sizeof(buf);

        for (size_t i = 0; i < n; i++) {
            buf[i] = byte_at(done + i);
        }
        ck_assert_int_eq(qio_channel_write_all(ioc, buf, n, NULL), 0);
        done += n;
    }
    (void)!qio_channel_bye_sync(ioc, 10000, NULL);
    return NULL;
}

START_TEST(all_of_it)
{
    QIOError *err = NULL;
    pthread_t thread;
    struct filed f;

    begin(&f, 3, _i);
    ck_assert_int_eq(pthread_create(&thread, NULL, write_much, f.pair[0]), 0);
    ck_assert_uint_eq(read_all(f.pair[1], &err), MUCH);
    qiotest_ok(&err);
    pthread_join(thread, NULL);
    file_has(f.file, MUCH);
    drop(&f);
}
END_TEST

/* More than anybody could hold comes on one before the other says a word. */
static void *say_much(void *opaque)
{
    struct filed *f = opaque;

    for (uint64_t n = 1; n <= MUCH / (512 << 10); n++) {
        say(f, 1, n, SMALL + (n - 1) * (512 << 10), 512 << 10);
    }
    return NULL;
}

START_TEST(nobody_waits_for_his_turn)
{
    uint64_t last = MUCH / (512 << 10) + 1, len = SMALL + MUCH;
    QIOError *err = NULL;
    pthread_t thread;
    struct filed f;
    char c;

    begin(&f, 2, _i);
    ck_assert_int_eq(pthread_create(&thread, NULL, say_much, &f), 0);
    qio_channel_set_blocking(f.pair[1], false);
    while (qio_channel_wait(f.pair[1], QIO_EVENT_IN, 500, NULL) > 0) {
        ck_assert_int_eq(qio_channel_read(f.pair[1], &c, 1, &err),
                         QIO_CHANNEL_ERR_BLOCK);
    }
    qio_channel_set_blocking(f.pair[1], true);
    pthread_join(thread, NULL);
    say(&f, 0, 0, 0, SMALL);
    say_end(&f, 0, last, len);
    say_end(&f, 1, last, len);
    ck_assert_uint_eq(read_all(f.pair[1], &err), len);
    qiotest_ok(&err);
    file_has(f.file, len);
    drop(&f);
}
END_TEST

/* Half of a block was put aside when it becomes due. */
START_TEST(due_in_the_middle)
{
    uint8_t head[QIOP_BLOCK_LEN], data[SMALL];
    struct qiop_block b = {
        .index = 1, .length = SMALL, .number = 1, .offset = SMALL};
    QIOError *err = NULL;
    struct filed f;
    char c;

    begin(&f, 2, _i);
    for (size_t i = 0; i < SMALL; i++) {
        data[i] = byte_at(SMALL + i);
    }
    qiop_block_write(&b, head);
    ck_assert_int_eq(
        qio_channel_write_all(f.m.client[1], head, sizeof(head), NULL), 0);
    ck_assert_int_eq(qio_channel_write_all(f.m.client[1], data, 300, NULL), 0);
    qio_channel_set_blocking(f.pair[1], false);
    for (int i = 0; i < 5; i++) {
        (void)!qio_channel_wait(f.pair[1], QIO_EVENT_IN, 20, NULL);
        ck_assert_int_eq(qio_channel_read(f.pair[1], &c, 1, &err),
                         QIO_CHANNEL_ERR_BLOCK);
    }
    qio_channel_set_blocking(f.pair[1], true);
    say(&f, 0, 0, 0, SMALL);
    ck_assert_int_eq(
        qio_channel_write_all(f.m.client[1], data + 300, SMALL - 300, NULL), 0);
    say_end(&f, 0, 2, 2 * SMALL);
    say_end(&f, 1, 2, 2 * SMALL);
    ck_assert_uint_eq(read_all(f.pair[1], &err), 2 * SMALL);
    qiotest_ok(&err);
    file_has(f.file, 2 * SMALL);
    drop(&f);
}
END_TEST

/* As far ahead as nobody puts anything aside any more. */
START_TEST(very_far_ahead)
{
    uint64_t n = QIOP_STORED_MAX + 100;
    QIOError *err = NULL;
    struct filed f;
    char c;

    begin(&f, 2, _i);
    for (uint64_t i = 1; i < n; i++) {
        say(&f, 1, i, i, 1);
        qio_channel_set_blocking(f.pair[1], false);
        ck_assert_int_eq(qio_channel_read(f.pair[1], &c, 1, NULL),
                         QIO_CHANNEL_ERR_BLOCK);
        qio_channel_set_blocking(f.pair[1], true);
    }
    say_end(&f, 1, n, n);
    say(&f, 0, 0, 0, 1);
    say_end(&f, 0, n, n);
    ck_assert_uint_eq(read_all(f.pair[1], &err), n);
    qiotest_ok(&err);
    file_has(f.file, n);
    drop(&f);
}
END_TEST

/* ---- what is not ---- */

START_TEST(missing)
{
    struct filed f;

    begin(&f, 2, _i);
    say(&f, 0, 0, 0, SMALL);
    say(&f, 0, 2, 2 * SMALL, SMALL);
    say(&f, 1, 3, 3 * SMALL, SMALL);
    fails(&f, QIO_ERROR_STREAM, "block 1 is missing");
    begin(&f, 2, _i);
    say(&f, 1, 1, SMALL, SMALL);
    say_end(&f, 0, 2, 2 * SMALL);
    say_end(&f, 1, 2, 2 * SMALL);
    /* Told when the second end has come, or before. */
    fails(&f, QIO_ERROR_STREAM, "");
    /* Of the last one nobody has come. */
    begin(&f, 2, _i);
    say(&f, 0, 0, 0, SMALL);
    say_end(&f, 0, 2, 2 * SMALL);
    say_end(&f, 1, 2, 2 * SMALL);
    fails(&f, QIO_ERROR_STREAM, "1000 bytes came of 2000");
}
END_TEST

START_TEST(doubled)
{
    struct filed f;

    begin(&f, 3, _i);
    say(&f, 1, 1, SMALL, SMALL);
    say(&f, 2, 1, SMALL, SMALL);
    fails(&f, QIO_ERROR_STREAM, "same number");
}
END_TEST

START_TEST(overlapping)
{
    struct filed f;

    begin(&f, 2, _i);
    say(&f, 1, 1, SMALL / 2, SMALL);
    say(&f, 0, 0, 0, SMALL);
    fails(&f, QIO_ERROR_STREAM, "does not follow");
    begin(&f, 2, _i);
    say(&f, 1, 2, 1, SMALL);
    fails(&f, QIO_ERROR_STREAM, "cannot follow");
    begin(&f, 2, _i);
    say(&f, 1, 1, (512 << 10) + 1, SMALL);
    fails(&f, QIO_ERROR_STREAM, "cannot follow");
}
END_TEST

START_TEST(behind_the_end)
{
    struct filed f;

    begin(&f, 2, _i);
    say(&f, 1, 5, 5 * SMALL, SMALL);
    say(&f, 0, 0, 0, SMALL);
    say_end(&f, 0, 1, SMALL);
    say_end(&f, 1, 6, 6 * SMALL);
    /* Which of them is told depends on what comes first. */
    fails(&f, QIO_ERROR_STREAM, "");
    begin(&f, 3, _i);
    say(&f, 1, 5, 5 * SMALL, SMALL);
    say_end(&f, 1, 6, 6 * SMALL);
    say(&f, 0, 0, 0, SMALL);
    say_end(&f, 0, 6, 6 * SMALL);
    say_end(&f, 2, 6, 6 * SMALL);
    fails(&f, QIO_ERROR_STREAM, "");
}
END_TEST

START_TEST(one_dies)
{
    struct filed f;

    begin(&f, 3, _i);
    say(&f, 0, 0, 0, SMALL);
    say(&f, 1, 2, 2 * SMALL, SMALL);
    qio_channel_close(f.m.client[1], NULL);
    fails(&f, QIO_ERROR_EOF, "connection 2 of 3");
}
END_TEST

/* ---- the file itself ---- */

START_TEST(no_room)
{
    struct rlimit limit = {.rlim_cur = BASE + 100, .rlim_max = RLIM_INFINITY};
    QIOError *err = NULL;
    struct filed f;

    /* Too much of what is due, or of what is put aside. */
    begin(&f, 2, _i & 3);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = BASE + 100;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    if (_i & 4) {
        say(&f, 1, 1, SMALL, SMALL);
    } else {
        say(&f, 0, 0, 0, SMALL);
    }
    ck_assert_uint_le(read_all(f.pair[1], &err), 100);
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), "the file: "));
    qio_error_free(err);
    ck_assert(qio_migration_channels_file_failed(f.pair[1]));
    drop(&f);
}
END_TEST

START_TEST(arguments)
{
    QIOError *err = NULL;
    struct filed f;

    begin(&f, 2, 0);
    /* There is one; none without offsets; on nothing else. */
    ck_assert_int_eq(
        qio_migration_channels_set_file(f.pair[1], f.file, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(
        qio_migration_channels_set_file(f.pair[0], f.pair[1], 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(
        qio_migration_channels_set_file(f.pair[0], f.file, -1, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_migration_channels_set_file(f.file, f.file, 0, &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert(!qio_migration_channels_file_failed(f.file));
    drop(&f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("channels with a file");
    TCase *tc = qiotest_case(s, "whole");

    tcase_add_loop_test(tc, all_of_it, 0, 4);
    tcase_add_loop_test(tc, nobody_waits_for_his_turn, 0, 4);
    tcase_add_loop_test(tc, due_in_the_middle, 0, 4);
    tcase_add_loop_test(tc, very_far_ahead, 0, 4);
    tc = qiotest_case(s, "not");
    tcase_add_loop_test(tc, missing, 0, 4);
    tcase_add_loop_test(tc, doubled, 0, 4);
    tcase_add_loop_test(tc, overlapping, 0, 4);
    tcase_add_loop_test(tc, behind_the_end, 0, 4);
    tcase_add_loop_test(tc, one_dies, 0, 4);
    tc = qiotest_case(s, "file");
    tcase_add_loop_test(tc, no_room, 0, 8);
    tcase_add_test(tc, arguments);
    return qiotest_main(s);
}
