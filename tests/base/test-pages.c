/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bulk memory begins at a page, and little of it costs no more than it is. */
#include <config.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/pages.h"
#include "base/queue.h"
#include "qiotest.h"

START_TEST(test_bulk)
{
    const size_t sizes[] = {64 << 10, (64 << 10) + 1, 512 << 10, 3 << 20};
    size_t i;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        void *p = qiop_pages_alloc(sizes[i]);

        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % 4096, 0);
        memset(p, 1, sizes[i]);
        free(p);
    }
}
END_TEST

START_TEST(test_little)
{
    void *p = qiop_pages_alloc(100);

    ck_assert_ptr_nonnull(p);
    memset(p, 1, 100);
    free(p);
}
END_TEST

/* What many connections read their handshakes into, some at a time, between
 * what they keep, does not tear the heap. */
START_TEST(test_heap)
{
    enum { AT_A_TIME = 64, CONNECTIONS = 3000, EACH = 4 };
    static void *input[AT_A_TIME], *kept[CONNECTIONS][EACH];
    const size_t before = mallinfo2().arena;
    size_t total = 0;
    int i, j;

    for (i = 0; i < CONNECTIONS; i++) {
        free(input[i % AT_A_TIME]);
        for (j = 0; j < EACH; j++) {
            size_t len = 300 + (size_t)(i * 7 + j * 531) % 2000;

            kept[i][j] = malloc(len);
            ck_assert_ptr_nonnull(kept[i][j]);
            total += len;
        }
        input[i % AT_A_TIME] = qiop_pages_alloc(32 << 10);
        ck_assert_ptr_nonnull(input[i % AT_A_TIME]);
    }
    ck_assert_uint_lt(mallinfo2().arena - before,
                      total + total / 4 + AT_A_TIME * (32 << 10));
    for (i = 0; i < AT_A_TIME; i++) {
        free(input[i]);
        input[i] = NULL;
    }
    for (i = 0; i < CONNECTIONS; i++) {
        for (j = 0; j < EACH; j++) {
            free(kept[i][j]);
        }
    }
}
END_TEST

START_TEST(test_queue)
{
    struct qiop_queue q;
    size_t avail;

    qiop_queue_init(&q, 1 << 20);
    ck_assert_ptr_nonnull(qiop_queue_reserve(&q, 512 << 10, &avail, NULL));
    ck_assert_uint_eq((uintptr_t)q.data % 4096, 0);
    qiop_queue_free(&q, true);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pages");
    TCase *tc = qiotest_case(s, "pages");

    tcase_add_test(tc, test_bulk);
    tcase_add_test(tc, test_little);
    tcase_add_test(tc, test_heap);
    tcase_add_test(tc, test_queue);
    return qiotest_main(s);
}
