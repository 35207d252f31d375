/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last bytes of a stream, however they come. */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include "base/tail.h"
#include "qiotest.h"

static void is(const struct qiop_tail *t, const char *text, bool lost)
{
    char buf[64];

    ck_assert_uint_eq(t->len, strlen(text));
    ck_assert_int_eq(t->lost, lost);
    qiop_tail_copy(t, buf);
    ck_assert_mem_eq(buf, text, t->len);
}

START_TEST(test_by_hand)
{
    struct qiop_tail t;

    ck_assert_int_eq(qiop_tail_init(&t, 5), 0);
    is(&t, "", false);
    qiop_tail_add(&t, "ab", 2);
    is(&t, "ab", false);
    qiop_tail_add(&t, "", 0);
    qiop_tail_add(&t, "cde", 3);
    is(&t, "abcde", false);
    qiop_tail_add(&t, "f", 1);
    is(&t, "bcdef", true);
    qiop_tail_add(&t, "ghij", 4);
    is(&t, "fghij", true);
    qiop_tail_add(&t, "0123456789", 10);
    is(&t, "56789", true);
    qiop_tail_free(&t);
    qiop_tail_free(&t);
}
END_TEST

/* Against the plain way, for every size and every way to cut the stream. */
START_TEST(test_all_sizes)
{
    static const char stream[] = "abcdefghijklmnopqrstuvwxyz";

    for (size_t keep = 1; keep < 30; keep++) {
        for (size_t step = 1; step < 30; step++) {
            struct qiop_tail t;
            size_t at = 0, n;
            char want[32];

            ck_assert_int_eq(qiop_tail_init(&t, keep), 0);
            for (; at < 26; at += n) {
                n = 26 - at < step ? 26 - at : step;
                qiop_tail_add(&t, stream + at, n);
            }
            strcpy(want, stream + (keep < 26 ? 26 - keep : 0));
            is(&t, want, keep < 26);
            qiop_tail_free(&t);
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tail");
    TCase *tc = qiotest_case(s, "tail");

    tcase_add_test(tc, test_by_hand);
    tcase_add_test(tc, test_all_sizes);
    return qiotest_main(s);
}
