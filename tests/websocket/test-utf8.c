/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UTF-8 in pieces: what is, what is not, and how soon that is seen. */
#include <config.h>
#include <string.h>
#include "qiotest.h"
#include "websocket/utf8.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static bool is_utf8(const char *text, size_t len, size_t cut)
{
    struct qiop_utf8 u = {0, 0, 0};
    const uint8_t *p = (const uint8_t *)text;

    return qiop_utf8_feed(&u, p, cut) &&
           qiop_utf8_feed(&u, p + cut, len - cut) && qiop_utf8_complete(&u);
}

static const char *const good[] = {
    "",
    "plain ASCII that is longer than a few words of the machine",
    "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5",
    "\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf",
    "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf",
    "eight by\xc3\xa9 then sixteen more and \xf0\x9f\x90\xa7 a bird",
};

START_TEST(test_good)
{
    size_t len = strlen(good[_i]);

    for (size_t cut = 0; cut <= len; cut++) {
        ck_assert(is_utf8(good[_i], len, cut));
    }
}
END_TEST

static const char *const bad[] = {
    "\x80",
    "\xbf",
    "\xc0\x80",
    "\xc1\xbf",
    "\xe0\x9f\xbf",
    "\xed\xa0\x80",
    "\xed\xbf\xbf",
    "\xf0\x8f\xbf\xbf",
    "\xf4\x90\x80\x80",
    "\xf5\x80\x80\x80",
    "\xff",
    "\xc3(",
    "\xe2\x82 ",
    "\xf0\x9f\x90 ",
    "\xc3",
    "\xe2\x82",
    "\xf0\x9f\x90",
    "a text that goes on for some time and then \xfe",
};

START_TEST(test_bad)
{
    size_t len = strlen(bad[_i]);

    for (size_t cut = 0; cut <= len; cut++) {
        ck_assert(!is_utf8(bad[_i], len, cut));
    }
}
END_TEST

/* As soon as nothing could make it right, not when the character is whole. */
START_TEST(test_fail_fast)
{
    struct qiop_utf8 u = {0, 0, 0};

    ck_assert(qiop_utf8_feed(&u, (const uint8_t *)"\xf4", 1));
    ck_assert(!qiop_utf8_feed(&u, (const uint8_t *)"\x90", 1));
}
END_TEST

/* Every code point once, against the encoder's own idea of it. */
START_TEST(test_every_code_point)
{
    for (uint32_t c = 0; c < 0x110000; c++) {
        char t[4];
        size_t len;

        if (c < 0x80) {
            t[0] = (char)c;
            len = 1;
        } else if (c < 0x800) {
            t[0] = (char)(0xc0 | c >> 6);
            len = 2;
        } else if (c < 0x10000) {
            t[0] = (char)(0xe0 | c >> 12);
            t[1] = (char)(0x80 | (c >> 6 & 63));
            len = 3;
        } else {
            t[0] = (char)(0xf0 | c >> 18);
            t[1] = (char)(0x80 | (c >> 12 & 63));
            t[2] = (char)(0x80 | (c >> 6 & 63));
            len = 4;
        }
        if (len > 1) {
            t[len - 1] = (char)(0x80 | (c & 63));
        }
        ck_assert_int_eq(is_utf8(t, len, len / 2), c < 0xd800 || c > 0xdfff);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("websocket-utf8");
    TCase *tc = qiotest_case(s, "utf8");

    tcase_add_loop_test(tc, test_good, 0, COUNT(good));
    tcase_add_loop_test(tc, test_bad, 0, COUNT(bad));
    tcase_add_test(tc, test_fail_fast);
    tcase_add_test(tc, test_every_code_point);
    return qiotest_main(s);
}
