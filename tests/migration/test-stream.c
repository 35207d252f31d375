/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stream: what is put is got again, and ends and errors are what they are.
 */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include <qio/migration/stream.h>
#include "qiotest.h"
#include "tape.h"

#define PEEK_MAX QIO_MIGRATION_STREAM_PEEK_MAX

static QIOMigrationStream *new_output(QIOChannel *ioc)
{
    QIOMigrationStream *s = qio_migration_stream_new_output(ioc, NULL);

    ck_assert_ptr_nonnull(s);
    return s;
}

static QIOMigrationStream *new_input(QIOChannel *ioc)
{
    QIOMigrationStream *s = qio_migration_stream_new_input(ioc, NULL);

    ck_assert_ptr_nonnull(s);
    return s;
}

static void close_ok(QIOMigrationStream *s)
{
    QIOError *err = NULL;

    ck_assert_int_eq(qio_migration_stream_close(s, &err), 0);
    qiotest_ok(&err);
}

/* A tape with len bytes 0 1 2 ... on it. */
static QIOChannel *new_counting(size_t len)
{
    QIOChannel *ioc = tape_new();
    QIOMigrationStream *s = new_output(ioc);

    for (size_t i = 0; i < len; i++) {
        ck_assert_int_eq(qio_migration_stream_put_byte(s, i & 0xff, NULL), 0);
    }
    close_ok(s);
    ck_assert_uint_eq(tape_of(ioc)->len, len);
    return ioc;
}

/* ---- every type ---- */

static void put_all(QIOMigrationStream *s)
{
    ck_assert_int_eq(qio_migration_stream_put_byte(s, 0xa5, NULL), 0);
    ck_assert_int_eq(qio_migration_stream_put_be16(s, 0x1234, NULL), 0);
    ck_assert_int_eq(qio_migration_stream_put_be32(s, 0x89abcdef, NULL), 0);
    ck_assert_int_eq(qio_migration_stream_put_be64(s, 0xfedcba9876543210, NULL),
                     0);
    ck_assert_int_eq(qio_migration_stream_put_counted_string(s, "ram", NULL),
                     0);
    ck_assert_int_eq(qio_migration_stream_put_counted_string(s, "", NULL), 0);
    ck_assert_int_eq(qio_migration_stream_put_buffer(s, "copied", 6, NULL), 0);
    ck_assert_int_eq(
        qio_migration_stream_put_buffer_ref(s, "by reference", 12, NULL), 0);
    ck_assert_int_eq(qio_migration_stream_put_buffer(s, "", 0, NULL), 0);
    ck_assert_int_eq(qio_migration_stream_put_buffer_ref(s, "", 0, NULL), 0);
}

static const uint8_t all_bytes[] =
    "\xa5\x12\x34\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10"
    "\x03ram\x00"
    "copiedby reference";
#define ALL_LEN (sizeof(all_bytes) - 1)
#define STEPS 9

/* The n-th getter; checks what it got. */
static int get_step(QIOMigrationStream *s, int n, QIOError **errp)
{
    uint8_t b = 0;
    uint16_t w = 0;
    uint32_t l = 0;
    uint64_t q = 0;
    char str[256];
    const void *place;
    int ret;

    switch (n) {
    case 0:
        ret = qio_migration_stream_get_byte(s, &b, errp);
        ck_assert_int_eq(b, ret > 0 ? 0xa5 : 0);
        return ret;
    case 1:
        ret = qio_migration_stream_get_be16(s, &w, errp);
        ck_assert_int_eq(w, ret > 0 ? 0x1234 : 0);
        return ret;
    case 2:
        ret = qio_migration_stream_get_be32(s, &l, errp);
        ck_assert_uint_eq(l, ret > 0 ? 0x89abcdef : 0);
        return ret;
    case 3:
        ret = qio_migration_stream_get_be64(s, &q, errp);
        ck_assert_uint_eq(q, ret > 0 ? 0xfedcba9876543210 : 0);
        return ret;
    case 4:
    case 5:
        ret = qio_migration_stream_get_counted_string(s, str, errp);
        if (ret > 0) {
            ck_assert_str_eq(str, n == 4 ? "ram" : "");
        }
        return ret;
    case 6:
        ret = qio_migration_stream_get_buffer(s, str, 6, errp);
        if (ret > 0) {
            ck_assert_mem_eq(str, "copied", 6);
        }
        return ret;
    case 7:
        ret = qio_migration_stream_get_in_place(s, &place, 3, errp);
        if (ret > 0) {
            ck_assert_mem_eq(place, "by ", 3);
        }
        return ret;
    default:
        return qio_migration_stream_skip(s, 9, errp);
    }
}

static const size_t ends[STEPS] = {1, 3, 7, 15, 19, 20, 26, 29, 38};

START_TEST(test_types)
{
    static const size_t portions[] = {0, 1, 2, 3, 7};

    for (int how = 0; how < 20; how++) {
        QIOChannel *ioc = tape_new();
        QIOMigrationStream *out = new_output(ioc);
        QIOMigrationStream *in =
            qio_migration_stream_new_return_path(out, NULL);
        uint8_t b;

        tape_of(ioc)->portion = portions[how / 4];
        tape_of(ioc)->stutter = how & 1;
        qio_channel_set_blocking(ioc, how & 2);
        ck_assert_ptr_eq(qio_migration_stream_channel(in), ioc);
        put_all(out);
        ck_assert_uint_eq(qio_migration_stream_transferred(out), 0);
        ck_assert_int_eq(qio_migration_stream_flush(out, NULL), 0);
        ck_assert_uint_eq(qio_migration_stream_transferred(out), ALL_LEN);
        ck_assert_uint_eq(tape_of(ioc)->len, ALL_LEN);
        ck_assert_mem_eq(tape_of(ioc)->data, all_bytes, ALL_LEN);
        for (int n = 0; n < STEPS; n++) {
            ck_assert_int_eq(get_step(in, n, NULL), 1);
        }
        ck_assert_int_eq(qio_migration_stream_get_byte(in, &b, NULL), 0);
        ck_assert_int_eq(qio_migration_stream_get_byte(in, &b, NULL), 0);
        ck_assert_uint_eq(qio_migration_stream_transferred(in), ALL_LEN);
        ck_assert_ptr_null(qio_migration_stream_error(in));
        close_ok(out);
        close_ok(in);
        qio_channel_unref(ioc);
    }
}
END_TEST

/* The stream ends after every number of bytes: never a value made of nothing.
 */
START_TEST(test_truncation)
{
    for (size_t len = 0; len < ALL_LEN; len++) {
        QIOChannel *ioc = tape_new();
        QIOMigrationStream *s = new_output(ioc);
        QIOError *err = NULL;
        int n = 0;

        ck_assert_int_eq(
            qio_migration_stream_put_buffer(s, all_bytes, len, NULL), 0);
        close_ok(s);
        s = new_input(ioc);
        tape_of(ioc)->portion = len % 3;
        for (; ends[n] <= len; n++) {
            ck_assert_int_eq(get_step(s, n, NULL), 1);
        }
        if (len == (n ? ends[n - 1] : 0)) {
            ck_assert_int_eq(get_step(s, n, &err), 0);
            ck_assert_ptr_null(err);
            close_ok(s);
        } else {
            ck_assert_int_eq(get_step(s, n, &err), -1);
            qiotest_error(&err, QIO_ERROR_EOF);
            ck_assert_int_eq(get_step(s, 0, &err), -1);
            qiotest_error(&err, QIO_ERROR_EOF);
            ck_assert_int_eq(qio_migration_stream_close(s, &err), -1);
            qiotest_error(&err, QIO_ERROR_EOF);
        }
        qio_channel_unref(ioc);
    }
}
END_TEST

/* ---- the buffer's edges ---- */

START_TEST(test_peek)
{
    QIOChannel *ioc = new_counting(3 * PEEK_MAX);
    QIOMigrationStream *s = new_input(ioc);
    QIOError *err = NULL;
    const void *p;
    const uint8_t *b;

    tape_of(ioc)->portion = 5000;
    for (size_t at = 0; at + PEEK_MAX <= 3 * PEEK_MAX; at += 1111) {
        ck_assert_int_eq(qio_migration_stream_peek(s, &p, PEEK_MAX, 0, NULL),
                         1);
        b = p;
        ck_assert_uint_eq(b[0], at & 0xff);
        ck_assert_uint_eq(b[PEEK_MAX - 1], (at + PEEK_MAX - 1) & 0xff);
        ck_assert_int_eq(
            qio_migration_stream_peek(s, &p, 1, PEEK_MAX - 1, NULL), 1);
        ck_assert_ptr_eq(p, b + PEEK_MAX - 1);
        ck_assert_int_eq(qio_migration_stream_skip(s, 1111, NULL), 1);
    }
    ck_assert_int_eq(qio_migration_stream_peek(s, &p, 2, PEEK_MAX - 1, &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_migration_stream_close(s, NULL), -1);
    qio_channel_unref(ioc);
}
END_TEST

/* Peeking beyond the end is an error; peeking at nothing at all is the end. */
START_TEST(test_peek_end)
{
    QIOChannel *ioc = new_counting(4);
    QIOMigrationStream *s = new_input(ioc);
    QIOError *err = NULL;
    const void *p;

    ck_assert_int_eq(qio_migration_stream_peek(s, &p, 4, 0, NULL), 1);
    ck_assert_int_eq(qio_migration_stream_skip(s, 4, NULL), 1);
    ck_assert_int_eq(qio_migration_stream_peek(s, &p, 0, 0, NULL), 1);
    ck_assert_int_eq(qio_migration_stream_skip(s, 0, NULL), 1);
    ck_assert_int_eq(qio_migration_stream_get_buffer(s, &err, 0, NULL), 1);
    ck_assert_int_eq(qio_migration_stream_peek(s, &p, 1, 0, NULL), 0);
    close_ok(s);
    tape_of(ioc)->pos = 0;
    s = new_input(ioc);
    ck_assert_int_eq(qio_migration_stream_peek(s, &p, 1, 4, &err), -1);
    qiotest_error(&err, QIO_ERROR_EOF);
    ck_assert_int_eq(qio_migration_stream_close(s, NULL), -1);
    qio_channel_unref(ioc);
}
END_TEST

/* Sizes around the buffer's, after offsets around it, in portions. */
START_TEST(test_sizes)
{
    static const size_t sizes[] = {1,     8,      4095,   4096,   4097,
                                   32768, 262143, 262144, 262145, 1000000};
    const size_t total = 1500000;
    QIOChannel *ioc = new_counting(total);
    uint8_t *buf = malloc(total);

    for (size_t i = 0; i < 100; i++) {
        QIOMigrationStream *s = new_input(ioc);
        size_t first = sizes[i % 10];
        size_t len = sizes[i / 10];

        if (first + len > total) {
            len = total - first;
        }
        tape_of(ioc)->pos = 0;
        tape_of(ioc)->portion = i % 3 ? i % 3 * 70000 : 0;
        ck_assert_int_eq(qio_migration_stream_skip(s, first - 1, NULL), 1);
        ck_assert_int_eq(qio_migration_stream_get_buffer(s, buf, 1, NULL), 1);
        ck_assert_uint_eq(buf[0], (first - 1) & 0xff);
        ck_assert_int_eq(qio_migration_stream_get_buffer(s, buf, len, NULL), 1);
        for (size_t j = 0; j < len; j++) {
            if (buf[j] != ((first + j) & 0xff)) {
                ck_abort_msg("byte %zu of %zu after %zu", j, len, first);
            }
        }
        close_ok(s);
    }
    free(buf);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_direct)
{
    QIOChannel *ioc = new_counting(2000000);
    QIOMigrationStream *s = new_input(ioc);
    uint8_t *buf = malloc(1000000);

    ck_assert_int_eq(qio_migration_stream_get_buffer(s, buf, 1000000, NULL), 1);
    ck_assert_ptr_eq(tape_of(ioc)->dst, buf);
    ck_assert_uint_eq(tape_of(ioc)->first_dst, 1000000);
    /* What was read beyond it is not lost. */
    ck_assert_int_eq(qio_migration_stream_get_buffer(s, buf, 1000000, NULL), 1);
    ck_assert_uint_eq(buf[999999], 1999999 & 0xff);
    ck_assert_ptr_ne(tape_of(ioc)->dst, buf);
    ck_assert_int_eq(qio_migration_stream_get_buffer(s, buf, 1, NULL), 0);
    close_ok(s);
    free(buf);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_get_some)
{
    QIOChannel *ioc = new_counting(100);
    QIOMigrationStream *s = new_input(ioc);
    QIOError *err = NULL;
    uint8_t buf[8192];
    uint8_t b;

    tape_of(ioc)->portion = 10;
    ck_assert_int_eq(qio_migration_stream_get_byte(s, &b, NULL), 1);
    ck_assert_int_eq(qio_migration_stream_get_some(s, buf, 100, NULL), 9);
    ck_assert_int_eq(qio_migration_stream_get_some(s, buf, 8192, NULL), 10);
    ck_assert_uint_eq(buf[9], 19);
    ck_assert_int_eq(qio_migration_stream_get_some(s, buf, 1, NULL), 1);
    ck_assert_int_eq(qio_migration_stream_skip(s, 79, NULL), 1);
    ck_assert_int_eq(qio_migration_stream_get_some(s, buf, 100, NULL), 0);
    ck_assert_int_eq(qio_migration_stream_get_some(s, buf, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_migration_stream_close(s, NULL), -1);
    qio_channel_unref(ioc);
}
END_TEST

/* ---- strings ---- */

START_TEST(test_strings)
{
    QIOChannel *ioc = tape_new();
    QIOMigrationStream *s = new_output(ioc);
    QIOError *err = NULL;
    char str[257];
    char got[256];

    memset(str, 'x', 256);
    str[256] = '\0';
    ck_assert_int_eq(qio_migration_stream_put_counted_string(s, str + 1, NULL),
                     0);
    ck_assert_int_eq(qio_migration_stream_put_buffer(s,
                                                     "\x03"
                                                     "a\0b",
                                                     4, NULL),
                     0);
    ck_assert_int_eq(qio_migration_stream_flush(s, NULL), 0);
    ck_assert_int_eq(qio_migration_stream_put_counted_string(s, str, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    /* A failure that nobody looked at is not forgotten. */
    ck_assert_int_eq(qio_migration_stream_close(s, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);

    s = new_input(ioc);
    ck_assert_int_eq(qio_migration_stream_get_counted_string(s, got, NULL), 1);
    ck_assert_str_eq(got, str + 1);
    ck_assert_int_eq(qio_migration_stream_get_counted_string(s, got, &err), -1);
    qiotest_error(&err, QIO_ERROR_STREAM);
    ck_assert_int_eq(qio_migration_stream_close(s, NULL), -1);
    qio_channel_unref(ioc);
}
END_TEST

/* ---- errors ---- */

START_TEST(test_sticky_input)
{
    QIOChannel *ioc = new_counting(100);
    QIOMigrationStream *s = new_input(ioc);
    QIOError *err = NULL;
    uint8_t buf[64];
    const void *p;
    int fd;

    tape_of(ioc)->fail_at = 50;
    ck_assert_int_eq(qio_migration_stream_get_buffer(s, buf, 40, NULL), 1);
    ck_assert_int_eq(qio_migration_stream_get_buffer(s, buf, 11, &err), -1);
    ck_assert_str_eq(qio_error_message(err),
                     qio_error_message(qio_migration_stream_error(s)));
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    tape_of(ioc)->fail_at = 0;
    for (int n = 0; n < STEPS; n++) {
        ck_assert_int_eq(get_step(s, n, &err), -1);
        qiotest_error(&err, QIO_ERROR_SYSTEM);
    }
    ck_assert_int_eq(qio_migration_stream_get_some(s, buf, 1, NULL), -1);
    ck_assert_int_eq(qio_migration_stream_peek(s, &p, 1, 0, NULL), -1);
    ck_assert_int_eq(qio_migration_stream_skip(s, 0, NULL), -1);
    ck_assert_int_eq(qio_migration_stream_get_fd(s, &fd, NULL), -1);
    ck_assert_int_eq(qio_migration_stream_close(s, &err), -1);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_sticky_output)
{
    QIOChannel *ioc = tape_new();
    QIOMigrationStream *s = new_output(ioc);
    QIOError *err = NULL;

    tape_of(ioc)->fail_at = 10;
    put_all(s);
    ck_assert_ptr_null(qio_migration_stream_error(s));
    ck_assert_int_eq(qio_migration_stream_flush(s, &err), -1);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    tape_of(ioc)->fail_at = 0;
    ck_assert_int_eq(qio_migration_stream_put_byte(s, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    ck_assert_int_eq(qio_migration_stream_put_be16(s, 1, NULL), -1);
    ck_assert_int_eq(qio_migration_stream_put_be32(s, 1, NULL), -1);
    ck_assert_int_eq(qio_migration_stream_put_be64(s, 1, NULL), -1);
    ck_assert_int_eq(qio_migration_stream_put_buffer(s, "", 0, NULL), -1);
    ck_assert_int_eq(qio_migration_stream_put_buffer_ref(s, "a", 1, NULL), -1);
    ck_assert_int_eq(qio_migration_stream_put_counted_string(s, "", NULL), -1);
    ck_assert_int_eq(qio_migration_stream_put_fd(s, 0, NULL), -1);
    ck_assert_int_eq(qio_migration_stream_flush(s, NULL), -1);
    ck_assert_int_eq(qio_migration_stream_close(s, &err), -1);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    ck_assert_uint_eq(tape_of(ioc)->len, 10);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_wrong_direction)
{
    QIOChannel *ioc = new_counting(4);
    QIOMigrationStream *in = new_input(ioc);
    QIOMigrationStream *out = new_output(ioc);
    QIOError *err = NULL;
    uint8_t b;

    ck_assert_int_eq(qio_migration_stream_put_byte(in, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_migration_stream_get_byte(out, &b, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_migration_stream_set_rate_limit(in, 1);
    ck_assert_int_eq(qio_migration_stream_close(in, NULL), -1);
    ck_assert_int_eq(qio_migration_stream_close(out, NULL), -1);
    ck_assert_int_eq(qio_migration_stream_close(NULL, NULL), 0);
    qio_channel_unref(ioc);
}
END_TEST

/* Neither what is buffered nor what comes is given out after a shutdown. */
START_TEST(test_shutdown)
{
    QIOChannel *ioc = new_counting(100);
    QIOMigrationStream *s = new_input(ioc);
    QIOError *err = NULL;
    uint8_t b;

    ck_assert_int_eq(qio_migration_stream_get_byte(s, &b, NULL), 1);
    ck_assert_int_eq(qio_migration_stream_shutdown(s, NULL), 0);
    ck_assert_int_eq(qio_migration_stream_get_byte(s, &b, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    ck_assert_int_eq(qio_migration_stream_shutdown(s, NULL), 0);
    ck_assert_int_eq(qio_migration_stream_close(s, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    qio_channel_unref(ioc);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("migration/stream");
    TCase *tc = qiotest_case(s, "stream");

    tcase_add_test(tc, test_types);
    tcase_add_test(tc, test_truncation);
    tcase_add_test(tc, test_peek);
    tcase_add_test(tc, test_peek_end);
    tcase_add_test(tc, test_sizes);
    tcase_add_test(tc, test_direct);
    tcase_add_test(tc, test_get_some);
    tcase_add_test(tc, test_strings);
    tcase_add_test(tc, test_sticky_input);
    tcase_add_test(tc, test_sticky_output);
    tcase_add_test(tc, test_wrong_direction);
    tcase_add_test(tc, test_shutdown);
    return qiotest_main(s);
}
