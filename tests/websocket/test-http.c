/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Heads of HTTP messages: their end, their fields, their bounds. */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include "qiotest.h"
#include "websocket/http.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* All at once, and byte by byte: the same. */
static ssize_t scan(const char *text, size_t len)
{
    struct qiop_http_scan all = {0}, slow = {0};
    const uint8_t *data = (const uint8_t *)text;
    ssize_t r = qiop_http_scan(&all, data, len);
    ssize_t s = QIOP_HTTP_MORE;

    for (size_t i = 1; i <= len && s == QIOP_HTTP_MORE; i++) {
        s = qiop_http_scan(&slow, data, i);
    }
    ck_assert_int_eq(r, s);
    return r;
}

static const struct {
    const char *text;
    ssize_t result;
} heads[] = {
    {"", QIOP_HTTP_MORE},
    {"GET / HTTP/1.1", QIOP_HTTP_MORE},
    {"GET / HTTP/1.1\r\n", QIOP_HTTP_MORE},
    {"GET / HTTP/1.1\r\nA: b\r\n\r", QIOP_HTTP_MORE},
    {"GET / HTTP/1.1\r\n\r\n", 18},
    {"GET / HTTP/1.1\r\nA: b\r\n\r\n", 24},
    {"GET / HTTP/1.1\r\nA: b\r\n\r\n\x82\x00 frames", 24},
    {"GET / HTTP/1.1\r\nA: \xc3\xa9\tx\r\n\r\n", 27},
    {"\r\nGET / HTTP/1.1\r\n\r\n", QIOP_HTTP_BAD},
    {"\r\n\r\n", QIOP_HTTP_BAD},
    {"GET / HTTP/1.1\n", QIOP_HTTP_BAD},
    {"GET / HTTP/1.1\r\nA: b\n\r\n", QIOP_HTTP_BAD},
    {"GET / HTTP/1.1\rA: b\r\n\r\n", QIOP_HTTP_BAD},
    {"GET / HTTP/1.1\r\r\n", QIOP_HTTP_BAD},
    {"GET /\xc3\xa9 HTTP/1.1\r\n", QIOP_HTTP_BAD},
    {"GET / HTTP/1.1\r\nA: \x01\r\n\r\n", QIOP_HTTP_BAD},
    {"GET / HTTP/1.1\r\nA: \x7f\r\n\r\n", QIOP_HTTP_BAD},
    {"\x16\x03\x01", QIOP_HTTP_BAD}, /* TLS is seen by its first byte */
};

START_TEST(test_scan)
{
    ck_assert_int_eq(scan(heads[_i].text, strlen(heads[_i].text)),
                     heads[_i].result);
}
END_TEST

START_TEST(test_nul)
{
    ck_assert_int_eq(scan("GET /\0 HTTP/1.1\r\n", 17), QIOP_HTTP_BAD);
}
END_TEST

/* A head with a first line and n fields, padded to size. */
static char *big(size_t line, size_t fields, size_t size)
{
    char *text = malloc(size + 1);
    size_t at = 0;

    ck_assert_ptr_nonnull(text);
    memset(text, 'x', size);
    text[size] = '\0';
    memcpy(text + line, "\r\n", 2);
    at = line + 2;
    for (size_t i = 0; i < fields; i++, at += 6) {
        memcpy(text + at, "A: b\r\n", 6);
    }
    if (at < size) {
        memcpy(text + at, "B:", 2);
    }
    return text;
}

START_TEST(test_bounds)
{
    char *text = big(QIOP_HTTP_LINE_MAX, 0, QIOP_HTTP_LINE_MAX + 2);

    ck_assert_int_eq(scan(text, strlen(text)), QIOP_HTTP_MORE);
    free(text);
    text = big(QIOP_HTTP_LINE_MAX + 1, 0, QIOP_HTTP_LINE_MAX + 3);
    ck_assert_int_eq(scan(text, strlen(text)), QIOP_HTTP_LONG_LINE);
    free(text);
    text = big(10, QIOP_HTTP_FIELDS_MAX, 12 + 6 * QIOP_HTTP_FIELDS_MAX);
    ck_assert_int_eq(scan(text, strlen(text)), QIOP_HTTP_MORE);
    free(text);
    text = big(10, QIOP_HTTP_FIELDS_MAX + 1, 18 + 6 * QIOP_HTTP_FIELDS_MAX);
    ck_assert_int_eq(scan(text, strlen(text)), QIOP_HTTP_TOO_LARGE);
    free(text);
    text = big(10, 0, QIOP_HTTP_HEAD_MAX);
    ck_assert_int_eq(scan(text, strlen(text)), QIOP_HTTP_MORE);
    free(text);
    text = big(10, 0, QIOP_HTTP_HEAD_MAX + 1);
    ck_assert_int_eq(scan(text, strlen(text)), QIOP_HTTP_TOO_LARGE);
    free(text);
}
END_TEST

static int parse(struct qiop_http_head *h, const char *text)
{
    QIOError *err = NULL;
    int rc;

    ck_assert_int_eq(scan(text, strlen(text)), (ssize_t)strlen(text));
    rc = qiop_http_parse(h, (const uint8_t *)text, strlen(text), &err);
    qiotest_ok(&err);
    return rc;
}

START_TEST(test_fields)
{
    struct qiop_http_head h;

    ck_assert_int_eq(parse(&h, "GET / HTTP/1.1\r\n"
                               "Host: a.example\r\n"
                               "empty:\r\n"
                               "Padded:  \t x y\t \r\n"
                               "List: a, \tb ,,C\r\n"
                               "list: d\r\n"
                               "colon: a:b\r\n\r\n"),
                     0);
    ck_assert_str_eq(h.line, "GET / HTTP/1.1");
    ck_assert_uint_eq(h.n, 6);
    ck_assert_str_eq(qiop_http_value(&h, "hOST"), "a.example");
    ck_assert_str_eq(qiop_http_single(&h, "Empty"), "");
    ck_assert_str_eq(qiop_http_value(&h, "padded"), "x y");
    ck_assert_str_eq(qiop_http_value(&h, "colon"), "a:b");
    ck_assert_ptr_null(qiop_http_value(&h, "none"));
    ck_assert_uint_eq(qiop_http_count(&h, "List"), 2);
    ck_assert_ptr_null(qiop_http_single(&h, "List"));
    ck_assert(qiop_http_lists(&h, "list", "B"));
    ck_assert(qiop_http_lists(&h, "list", "c"));
    ck_assert(qiop_http_lists(&h, "list", "d"));
    ck_assert(!qiop_http_lists(&h, "list", "a, b"));
    ck_assert(!qiop_http_lists(&h, "list", ""));
    ck_assert(!qiop_http_lists(&h, "empty", "x"));
    qiop_http_head_free(&h);
}
END_TEST

static const char *const malformed[] = {
    "GET / HTTP/1.1\r\nno colon\r\n\r\n",
    "GET / HTTP/1.1\r\n: x\r\n\r\n",
    "GET / HTTP/1.1\r\nA : x\r\n\r\n",
    "GET / HTTP/1.1\r\nA: x\r\n folded\r\n\r\n",
    "GET / HTTP/1.1\r\n\tfolded: x\r\n\r\n",
    "GET / HTTP/1.1\r\nA(B): x\r\n\r\n",
    "GET / HTTP/1.1\r\nA\xc3\xa9: x\r\n\r\n",
};

START_TEST(test_malformed)
{
    struct qiop_http_head h;

    ck_assert_int_eq(parse(&h, malformed[_i]), -1);
    qiop_http_head_free(&h);
}
END_TEST

START_TEST(test_put)
{
    struct qiop_queue q;
    QIOError *err = NULL;
    char out[8];

    qiop_queue_init(&q, 6);
    ck_assert_int_eq(qiop_http_put(&q, &err, "ab", "", "cd", NULL), 0);
    qiotest_ok(&err);
    ck_assert_int_eq(qiop_http_put(&q, &err, "efg", NULL), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_uint_eq(qiop_queue_take(&q, out, sizeof(out)), 4);
    ck_assert_mem_eq(out, "abcd", 4);
    qiop_queue_free(&q, false);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("websocket-http");
    TCase *tc = qiotest_case(s, "http");

    tcase_add_loop_test(tc, test_scan, 0, COUNT(heads));
    tcase_add_test(tc, test_nul);
    tcase_add_test(tc, test_bounds);
    tcase_add_test(tc, test_fields);
    tcase_add_loop_test(tc, test_malformed, 0, COUNT(malformed));
    tcase_add_test(tc, test_put);
    return qiotest_main(s);
}
