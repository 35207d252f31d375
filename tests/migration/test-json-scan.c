/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON scanner: what it takes, what it refuses, in any portions. */
#include <config.h>
#include <string.h>
#include "../../lib/migration/json-scan.h"
#include "qiotest.h"

/* Bytes that the scanner took, fed `portion` at a time. */
static bool scan(const char *text, size_t len, size_t portion, bool *complete)
{
    struct qiop_json_scan s;
    bool ok = true;

    qiop_json_scan_init(&s);
    while (len && ok) {
        size_t n = len < portion ? len : portion;

        ok = qiop_json_scan_feed(&s, text, n);
        text += n;
        len -= n;
    }
    *complete = qiop_json_scan_complete(&s);
    return ok;
}

static const char *const whole[] = {
    "{\"devices\":[]}",
    "{ \"devices\" : [ ] } \r\n\t",
    "{\"page_size\": 4096, \"devices\": [{\"name\": \"timer\"}]}",
    "{\"devices\":[0,-0,1,12,-3.25,0.5,1e5,2E+7,0e-1,6.02e23]}",
    "{\"devices\":[true,false,null,\"\",[],{},[[]],{\"a\":{}}]}",
    "{\"devices\":[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00aF\"]}",
    "{\"devices\":[\"\xc3\xa9 \x7f\"]}",
    "{\"a\":\"devices\",\"devices\":[1]}",
    "{\"b\":{\"devices\":7},\"devices\":[1],\"c\":3}",
};

static const char *const other[] = {
    "{}",
    "{\"devices\":{}}",
    "{\"devices\":1,\"b\":[]}",
    "{\"Devices\":[]}",
    "{\"device\":[]}",
    "{\"devicess\":[]}",
    "{\"dev\\u0069ces\":[]}",
    "{\"b\":{\"devices\":[]}}",
    "{\"b\":[\"devices\",[]]}",
    "{\"b\":\"devices\",\"c\":[]}",
    "{\"devices\":[]",
};

static const char *const refused[] = {
    "[]",
    "1",
    " {}",
    "x",
    "{]",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{,}",
    "{a:1}",
    "{\"a\":[1,]}",
    "{\"a\":[}",
    "{\"a\":1]",
    "{\"a\" 1}",
    "{\"a\":01}",
    "{\"a\":-}",
    "{\"a\":+1}",
    "{\"a\":.5}",
    "{\"a\":1.}",
    "{\"a\":1e}",
    "{\"a\":1e+}",
    "{\"a\":1e5.}",
    "{\"a\":1e5e}",
    "{\"a\":-a}",
    "{\"a\":tru}",
    "{\"a\":True}",
    "{\"a\":nul1}",
    "{\"a\":\"\n\"}",
    "{\"a\":\"\\x\"}",
    "{\"a\":\"\\u12g4\"}",
    "{\"a\":1}{",
    "{}\x01",
    "{\"a\":1 2}",
    "{\"a\":\"b\"\"c\"}",
    "{'a':1}",
    "{\"a\":0x1}",
};

START_TEST(test_whole)
{
    const char *t = whole[_i];
    bool complete;

    for (size_t portion = 1; portion <= strlen(t); portion++) {
        ck_assert_msg(scan(t, strlen(t), portion, &complete), "%s", t);
        ck_assert_msg(complete, "%s in %zu", t, portion);
    }
}
END_TEST

/* Well-formed as far as it goes, but not a whole description. */
START_TEST(test_other)
{
    const char *t = other[_i];
    bool complete;

    ck_assert_msg(scan(t, strlen(t), 3, &complete), "%s", t);
    ck_assert_msg(!complete, "%s", t);
}
END_TEST

START_TEST(test_refused)
{
    const char *t = refused[_i];
    bool complete;

    ck_assert_msg(!scan(t, strlen(t), 1, &complete), "%s", t);
    ck_assert(!complete);
    ck_assert_msg(!scan(t, strlen(t), 100, &complete), "%s", t);
}
END_TEST

/* No beginning of a whole text is taken for whole. */
START_TEST(test_prefixes)
{
    const char *t = whole[2];
    bool complete;

    for (size_t n = 0; n < strlen(t); n++) {
        ck_assert(scan(t, n, 7, &complete));
        ck_assert(!complete);
    }
}
END_TEST

START_TEST(test_nuls)
{
    static char text[64 + QIOP_JSON_SCAN_NULS];
    size_t len = strlen(whole[0]);
    bool complete;

    memcpy(text, whole[0], len);
    ck_assert(scan(text, len + QIOP_JSON_SCAN_NULS, 100, &complete));
    ck_assert(complete);
    ck_assert(!scan(text, len + QIOP_JSON_SCAN_NULS + 1, 100, &complete));
    text[len + 1] = ' ';
    ck_assert(!scan(text, len + 2, 100, &complete));
    text[len - 1] = '\0';
    ck_assert(!scan(text, len, 100, &complete));
}
END_TEST

START_TEST(test_depth)
{
    char text[2 * QIOP_JSON_SCAN_DEPTH + 64] = "{\"devices\":";
    size_t base = strlen(text);
    bool complete;

    memset(text + base, '[', QIOP_JSON_SCAN_DEPTH - 1);
    memset(text + base + QIOP_JSON_SCAN_DEPTH - 1, ']',
           QIOP_JSON_SCAN_DEPTH - 1);
    strcat(text, "}");
    ck_assert(scan(text, strlen(text), 5, &complete));
    ck_assert(complete);
    memset(text + base, '[', QIOP_JSON_SCAN_DEPTH);
    ck_assert(!scan(text, strlen(text), 5, &complete));
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof(*(a))))

int main(void)
{
    Suite *s = suite_create("migration/json-scan");
    TCase *tc = qiotest_case(s, "json-scan");

    tcase_add_loop_test(tc, test_whole, 0, COUNT(whole));
    tcase_add_loop_test(tc, test_other, 0, COUNT(other));
    tcase_add_loop_test(tc, test_refused, 0, COUNT(refused));
    tcase_add_test(tc, test_prefixes);
    tcase_add_test(tc, test_nuls);
    tcase_add_test(tc, test_depth);
    return qiotest_main(s);
}
