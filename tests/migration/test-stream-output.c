/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the stream's output gathers: pieces, batches, references, pace. */
#include <config.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <qio/migration/stream.h>
#include "qiotest.h"
#include "tape.h"

#define PAGE 4096
#define MIB ((size_t)1 << 20)

struct rig {
    QIOChannel *ioc;
    struct tape *tape;
    QIOMigrationStream *s;
};

static void rig_up(struct rig *r)
{
    r->ioc = tape_new();
    r->tape = tape_of(r->ioc);
    r->s = qio_migration_stream_new_output(r->ioc, NULL);
    ck_assert_ptr_nonnull(r->s);
}

static void rig_down(struct rig *r)
{
    QIOError *err = NULL;

    ck_assert_int_eq(qio_migration_stream_close(r->s, &err), 0);
    qiotest_ok(&err);
    qio_channel_unref(r->ioc);
}

static void put(struct rig *r, const void *buf, size_t len)
{
    ck_assert_int_eq(qio_migration_stream_put_buffer(r->s, buf, len, NULL), 0);
}

static void ref(struct rig *r, const void *buf, size_t len)
{
    ck_assert_int_eq(qio_migration_stream_put_buffer_ref(r->s, buf, len, NULL),
                     0);
}

static void flush(struct rig *r)
{
    ck_assert_int_eq(qio_migration_stream_flush(r->s, NULL), 0);
}

static uint8_t *new_pages(size_t len)
{
    uint8_t *p = malloc(len);

    ck_assert_ptr_nonnull(p);
    for (size_t i = 0; i < len; i++) {
        p[i] = i * 31 >> 3;
    }
    return p;
}

START_TEST(test_copies_merge)
{
    struct rig r;

    rig_up(&r);
    for (int i = 0; i < 1000; i++) {
        put(&r, "0123456789", 10);
        ck_assert_int_eq(qio_migration_stream_put_be32(r.s, i, NULL), 0);
    }
    ck_assert_uint_eq(r.tape->writes, 0);
    flush(&r);
    ck_assert_uint_eq(r.tape->writes, 1);
    ck_assert_uint_eq(r.tape->pieces, 1);
    ck_assert_uint_eq(r.tape->len, 14000);
    flush(&r);
    ck_assert_uint_eq(r.tape->writes, 1);
    rig_down(&r);
}
END_TEST

START_TEST(test_refs_merge)
{
    uint8_t *ram = new_pages(100 * PAGE);
    struct rig r;

    rig_up(&r);
    for (int i = 0; i < 100; i++) {
        ref(&r, ram + i * PAGE, PAGE);
    }
    flush(&r);
    ck_assert_uint_eq(r.tape->pieces, 1);
    ck_assert_mem_eq(r.tape->data, ram, 100 * PAGE);
    /* With a hole between them they stay apart. */
    ref(&r, ram, PAGE);
    ref(&r, ram + PAGE + 1, PAGE);
    flush(&r);
    ck_assert_uint_eq(r.tape->pieces, 3);
    rig_down(&r);
    free(ram);
}
END_TEST

/* A header and a page by reference, again and again: what a hypervisor does. */
START_TEST(test_pages)
{
    const size_t n = 2560;
    uint8_t *ram = new_pages(n * PAGE);
    struct rig r;

    rig_up(&r);
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(qio_migration_stream_put_be64(r.s, i, NULL), 0);
        ref(&r, ram + i * PAGE, PAGE);
        ck_assert_uint_le(r.tape->last_bytes, MIB + PAGE + 8);
    }
    ck_assert_uint_ge(r.tape->len, 9 * MIB);
    flush(&r);
    ck_assert_uint_le(r.tape->writes, 20);
    ck_assert_uint_eq(qio_migration_stream_transferred(r.s), n * (PAGE + 8));
    for (size_t i = 0; i < n; i++) {
        const uint8_t *at = r.tape->data + i * (PAGE + 8);

        ck_assert_uint_eq(at[6] << 8 | at[7], i);
        ck_assert(!memcmp(at + 8, ram + i * PAGE, PAGE));
    }
    rig_down(&r);
    free(ram);
}
END_TEST

/* Tiny references fill the list of pieces before anything else is full. */
START_TEST(test_many_pieces)
{
    const size_t n = 5 * IOV_MAX + 3;
    uint8_t *ram = new_pages(2 * n);
    struct rig r;

    rig_up(&r);
    for (size_t i = 0; i < n; i++) {
        ref(&r, ram + 2 * i, 1);
    }
    flush(&r);
    ck_assert_uint_eq(r.tape->writes, 6);
    ck_assert_uint_eq(r.tape->pieces, n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_eq(r.tape->data[i], ram[2 * i]);
    }
    rig_down(&r);
    free(ram);
}
END_TEST

/* What goes out is what is there when it goes out; what is copied stays. */
START_TEST(test_late_change)
{
    char page[8] = "old page";
    char word[8] = "old word";
    struct rig r;

    rig_up(&r);
    ref(&r, page, 8);
    put(&r, word, 8);
    memcpy(page, "new", 3);
    memcpy(word, "new", 3);
    flush(&r);
    ck_assert_mem_eq(r.tape->data, "new pageold word", 16);
    rig_down(&r);
}
END_TEST

/* A buffer too large to gather is gone when the call returns. */
START_TEST(test_large_copy)
{
    uint8_t *ram = new_pages(3 * MIB);
    uint8_t *same = new_pages(3 * MIB);
    struct rig r;

    rig_up(&r);
    put(&r, "head", 4);
    put(&r, ram, 3 * MIB);
    memset(ram, 0, 3 * MIB);
    put(&r, "tail", 4);
    flush(&r);
    ck_assert_uint_eq(r.tape->len, 3 * MIB + 8);
    ck_assert(!memcmp(r.tape->data, "head", 4));
    ck_assert(!memcmp(r.tape->data + 4, same, 3 * MIB));
    ck_assert(!memcmp(r.tape->data + 4 + 3 * MIB, "tail", 4));
    rig_down(&r);
    free(ram);
    free(same);
}
END_TEST

/* Copies across the end of the buffer, at every offset around it. */
START_TEST(test_buffer_edge)
{
    const size_t edges[] = {32 << 10, 64 << 10};
    uint8_t *ram = new_pages(MIB);

    for (size_t i = 0; i < 2 * 34; i++) {
        size_t first = edges[i % 2] - 17 + i / 2;
        struct rig r;

        rig_up(&r);
        for (size_t n = 0; n < first; n += 1000) {
            put(&r, ram + n, first - n < 1000 ? first - n : 1000);
        }
        put(&r, ram + first, 17);
        ref(&r, ram + first + 17, 5);
        put(&r, ram + first + 22, 40000);
        flush(&r);
        ck_assert_uint_eq(r.tape->len, first + 40022);
        ck_assert(!memcmp(r.tape->data, ram, r.tape->len));
        rig_down(&r);
    }
    free(ram);
}
END_TEST

/* Anything in any order, with short writes, against a plain copy. */
START_TEST(test_random)
{
    const size_t room = 16 * MIB;
    uint8_t *ram = new_pages(4 * MIB);
    uint8_t *want = malloc(room);
    size_t len = 0;
    struct rig r;

    srandom(_i);
    rig_up(&r);
    r.tape->portion = _i % 2 ? 0 : 10007;
    r.tape->stutter = _i % 3;
    qio_channel_set_blocking(r.ioc, _i & 4);
    if (_i & 1) {
        qio_migration_stream_set_rate_limit(r.s, (uint64_t)1 << 40);
    }
    while (len < room - 300000) {
        size_t n = (size_t)random() % ((size_t)1 << random() % 18);
        const uint8_t *from = ram + random() % (3 * MIB);

        if (random() % 2) {
            put(&r, from, n);
        } else {
            ref(&r, from, n);
        }
        memcpy(want + len, from, n);
        len += n;
        if (random() % 100 == 0) {
            flush(&r);
            ck_assert_uint_eq(r.tape->len, len);
        }
    }
    flush(&r);
    ck_assert_uint_eq(r.tape->len, len);
    ck_assert_uint_eq(qio_migration_stream_transferred(r.s), len);
    ck_assert(!memcmp(r.tape->data, want, len));
    rig_down(&r);
    free(ram);
    free(want);
}
END_TEST

static double seconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* A large batch goes out in slices, and not faster than allowed. */
START_TEST(test_rate)
{
    uint8_t *ram = new_pages(4 * MIB);
    double begin = seconds();
    struct rig r;

    rig_up(&r);
    qio_migration_stream_set_rate_limit(r.s, 10 * MIB);
    ref(&r, ram, MIB);
    put(&r, ram, 1000);
    ref(&r, ram, 3 * MIB - 1000);
    flush(&r);
    ck_assert_double_ge(seconds() - begin, 0.39);
    ck_assert_uint_ge(r.tape->writes, 4);
    ck_assert_uint_le(r.tape->last_bytes, MIB);
    ck_assert_uint_eq(r.tape->len, 4 * MIB);
    ck_assert(!memcmp(r.tape->data, ram, MIB));
    ck_assert(!memcmp(r.tape->data + MIB, ram, 1000));
    ck_assert(!memcmp(r.tape->data + MIB + 1000, ram, 3 * MIB - 1000));
    qio_migration_stream_set_rate_limit(r.s, 0);
    r.tape->writes = 0;
    ref(&r, ram, 4 * MIB);
    flush(&r);
    ck_assert_uint_eq(r.tape->writes, 1);
    rig_down(&r);
    free(ram);
}
END_TEST

START_TEST(test_no_fd_pass)
{
    QIOError *err = NULL;
    struct rig r;

    rig_up(&r);
    put(&r, "before", 6);
    ck_assert_int_eq(qio_migration_stream_put_fd(r.s, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    ck_assert_uint_eq(r.tape->len, 6);
    ck_assert_int_eq(qio_migration_stream_close(r.s, NULL), -1);
    qio_channel_unref(r.ioc);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("migration/stream-output");
    TCase *tc = qiotest_case(s, "stream-output");

    tcase_add_test(tc, test_copies_merge);
    tcase_add_test(tc, test_refs_merge);
    tcase_add_test(tc, test_pages);
    tcase_add_test(tc, test_many_pieces);
    tcase_add_test(tc, test_late_change);
    tcase_add_test(tc, test_large_copy);
    tcase_add_test(tc, test_buffer_edge);
    tcase_add_loop_test(tc, test_random, 0, 8);
    tcase_add_test(tc, test_rate);
    tcase_add_test(tc, test_no_fd_pass);
    return qiotest_main(s);
}
