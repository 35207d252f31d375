/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Option texts: splitting, escapes, values. */
#include <config.h>
#include "qiotest.h"

#include <stdlib.h>
#include <string.h>

#include "base/optstr.h"

/* Split and join with '|', so that a test is one line. */
static void check_split(const char *text, const char *expected)
{
    const char *pos = text;
    char joined[256] = "";
    QIOError *err = NULL;
    char *piece;
    int ret, n = 0;

    while ((ret = qiop_optstr_next(&pos, &piece, &err)) > 0) {
        if (n++) {
            strcat(joined, "|");
        }
        strcat(joined, piece);
        free(piece);
    }
    ck_assert_int_eq(ret, 0);
    qiotest_ok(&err);
    ck_assert_str_eq(joined, expected);
}

START_TEST(test_split)
{
    check_split("", "");
    check_split("a", "a");
    check_split("a,b=c,d", "a|b=c|d");
    check_split("a,", "a|");
    check_split(",a", "|a");
    check_split(",,a", ",a");
    check_split("a,,b,c", "a,b|c");
    check_split("a,,,b", "a,|b");
    check_split("a,,,,b", "a,,b");
    check_split("a,,", "a,");
    check_split("a,,,", "a,|");
}
END_TEST

START_TEST(test_span)
{
    ck_assert_uint_eq(qiop_optstr_span(""), 0);
    ck_assert_uint_eq(qiop_optstr_span(",x"), 0);
    ck_assert_uint_eq(qiop_optstr_span("ab,c"), 2);
    ck_assert_uint_eq(qiop_optstr_span("a,,b,c"), 4);
    ck_assert_uint_eq(qiop_optstr_span("a,,"), 3);
}
END_TEST

START_TEST(test_value)
{
    char with[] = "name=a=b", without[] = "name", empty[] = "name=";

    ck_assert_str_eq(qiop_optstr_value(with), "a=b");
    ck_assert_str_eq(with, "name");
    ck_assert_ptr_null(qiop_optstr_value(without));
    ck_assert_str_eq(qiop_optstr_value(empty), "");
}
END_TEST

START_TEST(test_escape)
{
    static const char *const texts[] = {"", "a", ",", "a,b", ",,", "a,=,b,"};
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        QIOError *err = NULL;
        char *escaped = qiop_optstr_escape(texts[i], &err);
        const char *pos = escaped;
        char *piece;

        qiotest_ok(&err);
        ck_assert_int_eq(qiop_optstr_next(&pos, &piece, &err), 1);
        ck_assert_str_eq(piece, texts[i]);
        ck_assert_ptr_null(pos);
        free(piece);
        free(escaped);
    }
}
END_TEST

START_TEST(test_bool)
{
    bool b = false;

    ck_assert_int_eq(qiop_optstr_bool(NULL, &b), 0);
    ck_assert(b);
    ck_assert_int_eq(qiop_optstr_bool("off", &b), 0);
    ck_assert(!b);
    ck_assert_int_eq(qiop_optstr_bool("yes", &b), 0);
    ck_assert(b);
    ck_assert_int_eq(qiop_optstr_bool("false", &b), 0);
    ck_assert(!b);
    ck_assert_int_eq(qiop_optstr_bool("", &b), -1);
    ck_assert_int_eq(qiop_optstr_bool("1", &b), -1);
    ck_assert_int_eq(qiop_optstr_bool("On", &b), -1);
}
END_TEST

START_TEST(test_uint)
{
    uint64_t n = 0;

    ck_assert_int_eq(qiop_optstr_uint("0", 10, &n), 0);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(qiop_optstr_uint("65535", 65535, &n), 0);
    ck_assert_uint_eq(n, 65535);
    ck_assert_int_eq(qiop_optstr_uint("65536", 65535, &n), -1);
    ck_assert_int_eq(qiop_optstr_uint("7", 5, &n), -1);
    ck_assert_int_eq(qiop_optstr_uint("18446744073709551615", UINT64_MAX, &n),
                     0);
    ck_assert_uint_eq(n, UINT64_MAX);
    ck_assert_int_eq(qiop_optstr_uint("18446744073709551616", UINT64_MAX, &n),
                     -1);
    ck_assert_int_eq(qiop_optstr_uint("", 5, &n), -1);
    ck_assert_int_eq(qiop_optstr_uint(NULL, 5, &n), -1);
    ck_assert_int_eq(qiop_optstr_uint("-1", UINT64_MAX, &n), -1);
    ck_assert_int_eq(qiop_optstr_uint("+1", 5, &n), -1);
    ck_assert_int_eq(qiop_optstr_uint(" 1", 5, &n), -1);
    ck_assert_int_eq(qiop_optstr_uint("1 ", 5, &n), -1);
    ck_assert_int_eq(qiop_optstr_uint("0x1", 5, &n), -1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("optstr");
    TCase *tc = qiotest_case(s, "optstr");

    tcase_add_test(tc, test_split);
    tcase_add_test(tc, test_span);
    tcase_add_test(tc, test_value);
    tcase_add_test(tc, test_escape);
    tcase_add_test(tc, test_bool);
    tcase_add_test(tc, test_uint);
    return qiotest_main(s);
}
