/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Authorizers. */
#include <config.h>
#include <qio/tls-creds.h>
#include "qiotest.h"

START_TEST(simple)
{
    QIOError *err = NULL;
    QIOAuthz *a = qio_authz_new_simple("CN=a,O=*", &err);

    qiotest_ok(&err);
    ck_assert(qio_authz_is_allowed(a, "CN=a,O=*"));
    ck_assert(!qio_authz_is_allowed(a, "CN=a,O=x"));
    ck_assert(!qio_authz_is_allowed(a, "CN=a,O=*x"));
    ck_assert(!qio_authz_is_allowed(a, ""));
    ck_assert(!qio_authz_is_allowed(a, NULL));
    ck_assert_int_eq(
        qio_authz_list_append(a, "x", QIO_AUTHZ_FORMAT_EXACT, true, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_authz_unref(qio_authz_ref(a));
    qio_authz_unref(a);
    qio_authz_unref(NULL);
    ck_assert_ptr_null(qio_authz_new_simple(NULL, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_authz_new_simple("", &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
}
END_TEST

static void rule(QIOAuthz *a, const char *match, QIOAuthzFormat format,
                 bool allow)
{
    QIOError *err = NULL;

    ck_assert_int_eq(qio_authz_list_append(a, match, format, allow, &err), 0);
    qiotest_ok(&err);
}

START_TEST(list_order)
{
    QIOError *err = NULL;
    QIOAuthz *a = qio_authz_new_list(_i, &err);

    ck_assert_int_eq(qio_authz_is_allowed(a, "fred"), _i);
    rule(a, "fred", QIO_AUTHZ_FORMAT_EXACT, true);
    rule(a, "fr*", QIO_AUTHZ_FORMAT_GLOB, false);
    rule(a, "frida", QIO_AUTHZ_FORMAT_EXACT, true);
    rule(a, "b?b", QIO_AUTHZ_FORMAT_GLOB, true);
    rule(a, "x*", QIO_AUTHZ_FORMAT_EXACT, true);
    ck_assert(qio_authz_is_allowed(a, "fred"));
    ck_assert(!qio_authz_is_allowed(a, "freddy"));
    ck_assert(!qio_authz_is_allowed(a, "frida"));
    ck_assert(qio_authz_is_allowed(a, "bob"));
    ck_assert(qio_authz_is_allowed(a, "x*"));
    ck_assert_int_eq(qio_authz_is_allowed(a, "bb"), _i);
    ck_assert_int_eq(qio_authz_is_allowed(a, "xy"), _i);
    ck_assert_int_eq(
        qio_authz_list_append(a, NULL, QIO_AUTHZ_FORMAT_EXACT, true, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_authz_unref(a);
}
END_TEST

START_TEST(globs)
{
    static const struct {
        const char *glob, *text;
        bool match;
    } cases[] = {
        {"*", "", true},          {"*", "abc", true},
        {"", "", true},           {"", "a", false},
        {"a*c", "abbc", true},    {"a*c", "abbcd", false},
        {"*a*b*", "xaxbx", true}, {"*a*b", "abab", true},
        {"*a*b", "aba", false},   {"?", "", false},
        {"a**", "a", true},       {"[ab]", "a", false},
        {"[ab]", "[ab]", true},   {"a\\*", "a*", false},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        QIOError *err = NULL;
        QIOAuthz *a = qio_authz_new_list(false, &err);

        rule(a, cases[i].glob, QIO_AUTHZ_FORMAT_GLOB, true);
        ck_assert_msg(qio_authz_is_allowed(a, cases[i].text) == cases[i].match,
                      "'%s' against '%s'", cases[i].glob, cases[i].text);
        qio_authz_unref(a);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-authz");
    TCase *tc = qiotest_case(s, "authz");

    tcase_add_test(tc, simple);
    tcase_add_loop_test(tc, list_order, 0, 2);
    tcase_add_test(tc, globs);
    return qiotest_main(s);
}
