/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors: what they carry, who owns them, and what text they let through. */
#include <config.h>
#include <errno.h>
#include <string.h>
#include "qiotest.h"

START_TEST(test_set)
{
    QIOError *err = NULL;

    errno = E2BIG;
    qio_error_set(&err, QIO_ERROR_RESOLVE, 0, "no '%s' for %d", "a", 42);
    ck_assert_int_eq(errno, E2BIG);
    ck_assert_int_eq(qio_error_code(err), QIO_ERROR_RESOLVE);
    ck_assert_int_eq(qio_error_errno(err), 0);
    ck_assert_int_eq(qio_error_tls(err), 0);
    ck_assert_str_eq(qio_error_message(err), "no 'a' for 42");
    qio_error_free(err);
}
END_TEST

START_TEST(test_errno_text)
{
    QIOError *err = NULL;

    qio_error_set(&err, QIO_ERROR_SYSTEM, ENOENT, "cannot open it");
    ck_assert_int_eq(qio_error_errno(err), ENOENT);
    ck_assert_str_eq(qio_error_message(err),
                     "cannot open it: No such file or directory");
    qio_error_free(err);
    err = NULL;
    qio_error_set(&err, QIO_ERROR_SYSTEM, 99999, "odd");
    ck_assert_str_eq(qio_error_message(err), "odd: unknown error");
    qiotest_error(&err, QIO_ERROR_SYSTEM);
}
END_TEST

START_TEST(test_tls)
{
    QIOError *err = NULL;

    qio_error_set_tls(&err, QIO_ERROR_TLS, -12, "alert %d", 40);
    ck_assert_int_eq(qio_error_tls(err), -12);
    ck_assert_int_eq(qio_error_tls_alert(err), -1);
    qio_error_set_tls_alert(err, 42);
    ck_assert_int_eq(qio_error_tls_alert(err), 42);
    ck_assert_int_eq(qio_error_errno(err), 0);
    ck_assert_str_eq(qio_error_message(err), "alert 40");
    qiotest_error(&err, QIO_ERROR_TLS);
}
END_TEST

START_TEST(test_null)
{
    qio_error_set(NULL, QIO_ERROR_TLS, EIO, "nobody listens");
    qio_error_set_tls(NULL, QIO_ERROR_TLS, -1, "nobody listens");
    qio_error_prefix(NULL, "x");
    qio_error_propagate(NULL, NULL);
    qio_error_free(NULL);
    ck_assert_ptr_null(qio_error_copy(NULL));
    ck_assert_int_eq(qio_error_code(NULL), QIO_ERROR_NONE);
    ck_assert_int_eq(qio_error_category(NULL), QIO_ERROR_CATEGORY_USAGE);
    ck_assert_int_eq(qio_error_errno(NULL), 0);
    ck_assert_int_eq(qio_error_tls(NULL), 0);
    ck_assert_int_eq(qio_error_tls_alert(NULL), -1);
    qio_error_set_tls_alert(NULL, 42);
    ck_assert_str_eq(qio_error_message(NULL), "no error");
}
END_TEST

START_TEST(test_first_cause_wins)
{
    QIOError *err = NULL, *second = NULL;

    qio_error_set(&err, QIO_ERROR_BROKEN, 0, "first");
    qio_error_set(&err, QIO_ERROR_TLS, 0, "second");
    qio_error_set_tls(&err, QIO_ERROR_TLS, -3, "second");
    qio_error_set(&second, QIO_ERROR_TLS, 0, "third");
    qio_error_propagate(&err, second);
    ck_assert_str_eq(qio_error_message(err), "first");
    qiotest_error(&err, QIO_ERROR_BROKEN);
}
END_TEST

START_TEST(test_propagate)
{
    QIOError *err = NULL, *cause = NULL;

    qio_error_propagate(&err, NULL);
    ck_assert_ptr_null(err);
    qio_error_set(&cause, QIO_ERROR_EOF, 0, "cut");
    qio_error_propagate(&err, cause);
    ck_assert_ptr_eq(err, cause);
    cause = qio_error_copy(err);
    qio_error_propagate(NULL, cause);
    qiotest_error(&err, QIO_ERROR_EOF);
}
END_TEST

START_TEST(test_prefix)
{
    QIOError *err = NULL;

    qio_error_prefix(&err, "in vain: ");
    ck_assert_ptr_null(err);
    qio_error_set(&err, QIO_ERROR_SYSTEM, EIO, "cannot read");
    qio_error_prefix(&err, "%s:%d: ", "host", 7);
    ck_assert_str_eq(qio_error_message(err),
                     "host:7: cannot read: Input/output error");
    ck_assert_int_eq(qio_error_errno(err), EIO);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
}
END_TEST

START_TEST(test_copy)
{
    QIOError *err = NULL, *copy;

    qio_error_set_tls(&err, QIO_ERROR_TLS_VERIFY, -5, "bad name");
    copy = qio_error_copy(err);
    ck_assert_ptr_ne(copy, err);
    qio_error_prefix(&err, "x: ");
    ck_assert_str_eq(qio_error_message(copy), "bad name");
    ck_assert_int_eq(qio_error_tls(copy), -5);
    qio_error_free(err);
    qiotest_error(&copy, QIO_ERROR_TLS_VERIFY);
}
END_TEST

#define LAST_CODE QIO_ERROR_WEBSOCKET_REJECTED

START_TEST(test_code_names)
{
    for (int i = 0; i <= LAST_CODE; i++) {
        const char *name = qio_error_code_name((QIOErrorCode)i);

        ck_assert_ptr_nonnull(name);
        ck_assert_str_ne(name, "UNKNOWN");
        for (int j = 0; j < i; j++) {
            ck_assert_str_ne(name, qio_error_code_name((QIOErrorCode)j));
        }
    }
    ck_assert_str_eq(qio_error_code_name(QIO_ERROR_TLS_TRUNCATED),
                     "TLS_TRUNCATED");
    ck_assert_str_eq(qio_error_code_name(QIO_ERROR_STREAM), "STREAM");
    ck_assert_str_eq(qio_error_code_name((QIOErrorCode)(LAST_CODE + 1)),
                     "UNKNOWN");
    ck_assert_str_eq(qio_error_code_name((QIOErrorCode)-1), "UNKNOWN");
}
END_TEST

static const struct {
    QIOErrorCode code;
    int sys_errno;
    QIOErrorCategory category;
} categories[] = {
    {QIO_ERROR_INVALID, 0, QIO_ERROR_CATEGORY_USAGE},
    {QIO_ERROR_STATE, 0, QIO_ERROR_CATEGORY_USAGE},
    {QIO_ERROR_NOMEM, 0, QIO_ERROR_CATEGORY_RETRY},
    {QIO_ERROR_TIMEOUT, 0, QIO_ERROR_CATEGORY_RETRY},
    {QIO_ERROR_BROKEN, ECONNRESET, QIO_ERROR_CATEGORY_RETRY},
    {QIO_ERROR_CONNECT, ECONNREFUSED, QIO_ERROR_CATEGORY_RETRY},
    {QIO_ERROR_CONNECT, EACCES, QIO_ERROR_CATEGORY_REPORT},
    {QIO_ERROR_SYSTEM, EMFILE, QIO_ERROR_CATEGORY_RETRY},
    {QIO_ERROR_SYSTEM, EBADF, QIO_ERROR_CATEGORY_USAGE},
    {QIO_ERROR_SYSTEM, ENOSPC, QIO_ERROR_CATEGORY_REPORT},
    {QIO_ERROR_CREDENTIALS, 0, QIO_ERROR_CATEGORY_REPORT},
    {QIO_ERROR_TLS_REJECTED, 0, QIO_ERROR_CATEGORY_REPORT},
    {QIO_ERROR_TLS_TRUNCATED, 0, QIO_ERROR_CATEGORY_SECURITY},
    {QIO_ERROR_TLS_VERIFY, 0, QIO_ERROR_CATEGORY_SECURITY},
    {QIO_ERROR_AUTHZ, 0, QIO_ERROR_CATEGORY_SECURITY},
    {QIO_ERROR_WEBSOCKET, 0, QIO_ERROR_CATEGORY_SECURITY},
    {QIO_ERROR_WEBSOCKET_TRUNCATED, 0, QIO_ERROR_CATEGORY_RETRY},
    {QIO_ERROR_WEBSOCKET_REJECTED, 0, QIO_ERROR_CATEGORY_REPORT},
    {(QIOErrorCode)4711, 0, QIO_ERROR_CATEGORY_REPORT},
};

START_TEST(test_category)
{
    QIOError *err = NULL;

    qio_error_set(&err, categories[_i].code, categories[_i].sys_errno, "x");
    ck_assert_int_eq(qio_error_category(err), categories[_i].category);
    qio_error_free(err);
}
END_TEST

static const struct {
    const char *in, *out;
} texts[] = {
    {"two\nlines\r", "two?lines?"},
    {"esc \x1b[31m del \x7f", "esc ?[31m del ?"},
    {"Gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7",
     "Gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7"},
    {"c1 \xc2\x9b", "c1 ??"},
    {"latin1 \xfc.", "latin1 ?."},
    {"overlong \xc0\xaf \xe0\x80\xaf", "overlong ?? ???"},
    {"surrogate \xed\xa0\x80", "surrogate ???"},
    {"beyond \xf4\x90\x80\x80 \xff", "beyond ???? ?"},
    {"cut \xe2\x82", "cut ??"},
    {"cut \xf0", "cut ?"},
    {"", ""},
};

START_TEST(test_text)
{
    QIOError *err = NULL;

    qio_error_set(&err, QIO_ERROR_STREAM, 0, "%s", texts[_i].in);
    ck_assert_str_eq(qio_error_message(err), texts[_i].out);
    qio_error_prefix(&err, "%s|", texts[_i].in);
    ck_assert_int_eq(
        strncmp(qio_error_message(err), texts[_i].out, strlen(texts[_i].out)),
        0);
    qio_error_free(err);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
    Suite *s = suite_create("error");
    TCase *tc = qiotest_case(s, "error");

    tcase_add_test(tc, test_set);
    tcase_add_test(tc, test_errno_text);
    tcase_add_test(tc, test_tls);
    tcase_add_test(tc, test_null);
    tcase_add_test(tc, test_first_cause_wins);
    tcase_add_test(tc, test_propagate);
    tcase_add_test(tc, test_prefix);
    tcase_add_test(tc, test_copy);
    tcase_add_test(tc, test_code_names);
    tcase_add_loop_test(tc, test_category, 0, COUNT(categories));
    tcase_add_loop_test(tc, test_text, 0, COUNT(texts));
    return qiotest_main(s);
}
