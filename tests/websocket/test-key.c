/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys of the opening handshake. */
#include <config.h>
#include <string.h>
#include "qiotest.h"
#include "websocket/key.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* RFC 6455 §1.3. */
START_TEST(test_example)
{
    char accept[QIOP_WS_ACCEPT_SIZE];
    QIOError *err = NULL;

    ck_assert_int_eq(qiop_ws_accept(accept, "dGhlIHNhbXBsZSBub25jZQ==", &err),
                     0);
    qiotest_ok(&err);
    ck_assert_str_eq(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
END_TEST

START_TEST(test_nonce)
{
    char one[QIOP_WS_NONCE_SIZE], two[QIOP_WS_NONCE_SIZE];
    QIOError *err = NULL;

    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(qiop_ws_nonce(one, &err), 0);
        ck_assert_int_eq(qiop_ws_nonce(two, &err), 0);
        qiotest_ok(&err);
        ck_assert_uint_eq(strlen(one), 24);
        ck_assert(qiop_ws_nonce_is_valid(one));
        ck_assert_str_ne(one, two);
    }
}
END_TEST

static const char *const bad[] = {
    "",
    "dGhlIHNhbXBsZSBub25jZQ",
    "dGhlIHNhbXBsZSBub25jZQ=",
    "dGhlIHNhbXBsZSBub25jZQ===",
    "dGhlIHNhbXBsZSBub25jZR==",
    "dGhlIHNhbXBsZSBub25jZQ==x",
    "dGhlIHNhbXBsZSBub25j==",
    "dGhlIHNhbXBsZSBub25jZQAA",
    "dGhlIHNhbXBs SBub25jZQ==",
    "=Q==dGhlIHNhbXBsZSBub25j",
};

START_TEST(test_bad)
{
    ck_assert(!qiop_ws_nonce_is_valid(bad[_i]));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("websocket-key");
    TCase *tc = qiotest_case(s, "key");

    tcase_add_test(tc, test_example);
    tcase_add_test(tc, test_nonce);
    tcase_add_loop_test(tc, test_bad, 0, COUNT(bad));
    return qiotest_main(s);
}
