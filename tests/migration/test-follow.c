/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whole or cut: streams in any pieces, and what only looks like their end. */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include <qio/migration/follow.h>
#include "../../lib/migration/json-scan.h"
#include "qiotest.h"

#define MANY_FEEDS 40000
#define TEXT "{\"page_size\": 4096, \"devices\": [{\"name\": \"timer\"}]}"

/* A stream in the making. */
struct tape {
    uint8_t data[500000];
    size_t len;
};

static void add(struct tape *t, const void *data, size_t len)
{
    ck_assert_uint_le(len, sizeof(t->data) - t->len);
    memcpy(t->data + t->len, data, len);
    t->len += len;
}

static void add_be32(struct tape *t, uint32_t v)
{
    uint8_t b[4] = {v >> 24, v >> 16, v >> 8, v};

    add(t, b, 4);
}

static void add_noise(struct tape *t, size_t len, unsigned seed)
{
    while (len--) {
        seed = seed * 1103515245 + 12345;
        add(t, &(uint8_t){seed >> 16}, 1);
    }
}

static void add_mark(struct tape *t, uint32_t len)
{
    add(t, "\x00\x06", 2);
    add_be32(t, len);
}

static void add_description(struct tape *t, const char *text)
{
    add_mark(t, strlen(text));
    add(t, text, strlen(text));
}

static void add_head(struct tape *t, bool return_path)
{
    add(t, "QEVM\x00\x00\x00\x03\x07\x00\x00\x00\x06pc-7.2", 19);
    if (return_path) {
        add(t, "\x08\x00\x01\x00\x00", 5);
        add(t, "\x08\x00\x02\x00\x04\x00\x00\x00\x01", 9);
    }
    add(t, "\x01\x00\x00\x00\x02\x03ram\x00\x00\x00\x00", 13);
}

static struct tape *new_tape(bool return_path)
{
    struct tape *t = calloc(1, sizeof(*t));

    ck_assert_ptr_nonnull(t);
    add_head(t, return_path);
    return t;
}

static QIOMigrationFollow *new_follow(void)
{
    QIOMigrationFollow *f = qio_migration_follow_new(NULL);

    ck_assert_ptr_nonnull(f);
    return f;
}

static void feed(QIOMigrationFollow *f, const void *data, size_t len)
{
    /* A copy, so that a sanitizer sees any step beyond it. */
    uint8_t *copy = malloc(len + !len);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, data, len);
    ck_assert_int_eq(qio_migration_follow_feed(f, copy, len, NULL), 0);
    free(copy);
}

/* The state after all of t in pieces of `portion`. */
static QIOMigrationFollowState judge(const struct tape *t, size_t portion)
{
    QIOMigrationFollow *f = new_follow();
    QIOMigrationFollowState state;

    for (size_t i = 0; i < t->len; i += portion) {
        feed(f, t->data + i, t->len - i < portion ? t->len - i : portion);
    }
    state = qio_migration_follow_state(f);
    qio_migration_follow_free(f);
    return state;
}

static void expect_in_portions(const struct tape *t,
                               QIOMigrationFollowState want)
{
    static const size_t portions[] = {1, 2, 3, 5, 6, 7, 8, 13, 4096, 1 << 20};

    for (size_t i = 0; i < sizeof(portions) / sizeof(*portions); i++) {
        /* Byte by byte only what is not too long for a busy machine. */
        if (t->len / portions[i] > MANY_FEEDS) {
            continue;
        }
        ck_assert_msg(judge(t, portions[i]) == want, "portion %zu",
                      portions[i]);
    }
}

/* One more byte each time: whole after the last, and never before. */
START_TEST(test_every_cut)
{
    struct tape *t = new_tape(false);
    QIOMigrationFollow *f = new_follow();

    add_noise(t, 1000, 1);
    add_description(t, TEXT);
    for (size_t i = 0; i < t->len; i++) {
        QIOMigrationFollowState state = qio_migration_follow_state(f);

        ck_assert_int_eq(state, i < 4 ? QIO_MIGRATION_FOLLOW_START
                                      : QIO_MIGRATION_FOLLOW_PARTIAL);
        feed(f, t->data + i, 1);
    }
    ck_assert_int_eq(qio_migration_follow_state(f), QIO_MIGRATION_FOLLOW_WHOLE);
    feed(f, "", 0);
    ck_assert_int_eq(qio_migration_follow_state(f), QIO_MIGRATION_FOLLOW_WHOLE);
    feed(f, "\n", 1);
    ck_assert_int_eq(qio_migration_follow_state(f),
                     QIO_MIGRATION_FOLLOW_PARTIAL);
    qio_migration_follow_free(f);
    free(t);
}
END_TEST

START_TEST(test_every_split)
{
    struct tape *t = new_tape(false);

    add_noise(t, 200, 7);
    add_description(t, TEXT);
    for (size_t i = 0; i <= t->len; i++) {
        for (size_t j = i; j <= t->len; j++) {
            QIOMigrationFollow *f = new_follow();

            feed(f, t->data, i);
            feed(f, t->data + i, j - i);
            feed(f, t->data + j, t->len - j);
            ck_assert_msg(qio_migration_follow_state(f) ==
                              QIO_MIGRATION_FOLLOW_WHOLE,
                          "split at %zu and %zu", i, j);
            qio_migration_follow_free(f);
        }
    }
    free(t);
}
END_TEST

START_TEST(test_foreign)
{
    struct tape *t = calloc(1, sizeof(*t));

    ck_assert_int_eq(judge(t, 1), QIO_MIGRATION_FOLLOW_START);
    add(t, "QEV", 3);
    ck_assert_int_eq(judge(t, 1), QIO_MIGRATION_FOLLOW_START);
    add(t, "W", 1);
    add_description(t, TEXT);
    expect_in_portions(t, QIO_MIGRATION_FOLLOW_FOREIGN);
    t->data[3] = 'M';
    expect_in_portions(t, QIO_MIGRATION_FOLLOW_WHOLE);
    free(t);
}
END_TEST

/* A description in the guest's RAM, and the stream goes on. */
START_TEST(test_decoy)
{
    struct tape *t = new_tape(false);

    add_description(t, TEXT);
    add_noise(t, 3, 9);
    expect_in_portions(t, QIO_MIGRATION_FOLLOW_PARTIAL);
    add_description(t, TEXT);
    expect_in_portions(t, QIO_MIGRATION_FOLLOW_WHOLE);
    add_mark(t, 100);
    expect_in_portions(t, QIO_MIGRATION_FOLLOW_PARTIAL);
    add(t, "{\"devices\":[", 12);
    expect_in_portions(t, QIO_MIGRATION_FOLLOW_PARTIAL);
    free(t);
}
END_TEST

/* Decoys that claim to go on beyond, or end within, the real description. */
START_TEST(test_overlap)
{
    struct tape *t = new_tape(false);
    struct tape *cut = calloc(1, sizeof(*cut));

    add_mark(t, 6 + 2 + strlen(TEXT));
    add(t, "{ ", 2);
    add_description(t, TEXT);
    expect_in_portions(t, QIO_MIGRATION_FOLLOW_WHOLE);
    for (size_t n = 0; n < strlen(TEXT); n++) {
        memcpy(cut, t, sizeof(*cut));
        cut->len = t->len - strlen(TEXT) + n;
        ck_assert_int_eq(judge(cut, 5), QIO_MIGRATION_FOLLOW_PARTIAL);
    }
    free(cut);
    free(t);
}
END_TEST

/* The mark of one lies within the length of another. */
START_TEST(test_interleaved)
{
    struct tape *t = new_tape(false);

    add(t, "\x00\x06\x00\x06", 4);
    add_be32(t, strlen(TEXT));
    add(t, TEXT, strlen(TEXT));
    expect_in_portions(t, QIO_MIGRATION_FOLLOW_WHOLE);
    free(t);

    /* Here the first is real: 00 06, length 00 06 00 00; the second would be
     * 00 06, length 00 00 '{' '"', and begins with the '{' after them. */
    t = new_tape(false);
    add_mark(t, 0x60000);
    add(t, "{\"{\": 1, \"devices\": [\"", 22);
    for (size_t n = 0x60000 - 22 - 3; n; n--) {
        add(t, "x", 1);
    }
    add(t, "\"]}", 3);
    expect_in_portions(t, QIO_MIGRATION_FOLLOW_WHOLE);
    free(t);
}
END_TEST

static const char *const not_descriptions[] = {
    "",
    "{}",
    "{\"devices\": 1}",
    "{\"devices\": []",
    "[{\"devices\": []}]",
    " {\"devices\": []}",
    "{\"devices\": [],}",
    "{\"devices\": []}]",
    "{\"devices\": [\"\x01\"]}",
    "{\"dev\": [{\"devices\": []}]}",
};

START_TEST(test_not_descriptions)
{
    struct tape *t = new_tape(false);

    add_description(t, not_descriptions[_i]);
    expect_in_portions(t, QIO_MIGRATION_FOLLOW_PARTIAL);
    free(t);
}
END_TEST

START_TEST(test_lengths)
{
    struct tape *t;

    for (int off = -2; off <= 2; off++) {
        t = new_tape(false);
        add_mark(t, strlen(TEXT) + off);
        add(t, TEXT, strlen(TEXT));
        expect_in_portions(t, off ? QIO_MIGRATION_FOLLOW_PARTIAL
                                  : QIO_MIGRATION_FOLLOW_WHOLE);
        free(t);
    }
    t = new_tape(false);
    add_mark(t, strlen(TEXT) + 3);
    add(t, TEXT "\0\0\0", strlen(TEXT) + 3);
    expect_in_portions(t, QIO_MIGRATION_FOLLOW_WHOLE);
    free(t);
}
END_TEST

/* As large as that of a big machine, with text before it. */
START_TEST(test_large)
{
    struct tape *t = new_tape(false);
    size_t n = 200000;

    add_noise(t, 5000, 3);
    add(t, "some text \"in\" a page", 21);
    add_mark(t, n);
    add(t, "{\"devices\": [\"", 14);
    while (n-- > 14 + 3) {
        add(t, "y", 1);
    }
    add(t, "\"]}", 3);
    expect_in_portions(t, QIO_MIGRATION_FOLLOW_WHOLE);
    t->len--;
    expect_in_portions(t, QIO_MIGRATION_FOLLOW_PARTIAL);
    free(t);
}
END_TEST

/* The rule itself, with all of the stream at hand. */
static bool is_whole(const uint8_t *data, size_t len)
{
    struct qiop_json_scan scan;

    for (size_t i = 0; i + 6 <= len; i++) {
        const uint8_t *p = data + i;
        uint32_t n = (uint32_t)p[2] << 24 | p[3] << 16 | p[4] << 8 | p[5];

        if (p[0] || p[1] != 6 || n != len - i - 6) {
            continue;
        }
        qiop_json_scan_init(&scan);
        if (qiop_json_scan_feed(&scan, p + 6, n) &&
            qiop_json_scan_complete(&scan)) {
            return true;
        }
    }
    return false;
}

/* Streams made of scraps of descriptions, in pieces of any size: after each
 * piece the follower says what the rule says. */
START_TEST(test_scraps)
{
    static const struct {
        const char *data;
        size_t len;
    } scraps[] = {
        {"\0", 1},
        {"\x06", 1},
        {"\0\x06", 2},
        {"\0\x06\0\0\0\x0e", 6},
        {"\0\x06\0\0\0\x0f", 6},
        {"\0\x06\0\0\0\x22", 6},
        {"{\"devices\":[]}", 14},
        {"{\"devices\":[]}\0", 15},
        {"{\"devices\":[1 ", 14},
        {"\0\x06\0\0\0\x0e{\"devices\":[]}", 20},
        {"]}", 2},
        {"{", 1},
        {" ", 1},
        {"\"", 1},
        {"\xff\xff", 2},
    };
    struct tape *t = calloc(1, sizeof(*t));
    int whole = 0;

    srandom(_i);
    for (int round = 0; round < 20000; round++) {
        QIOMigrationFollow *f = new_follow();
        size_t fed = 0;

        t->len = 0;
        add(t, "QEVM\0\0\0\x03", 8);
        for (int n = random() % 8; n >= 0; n--) {
            int k = random() % (int)(sizeof(scraps) / sizeof(*scraps));

            add(t, scraps[k].data, scraps[k].len);
        }
        while (fed < t->len) {
            size_t n = 1 + random() % (random() % 2 ? t->len : 4);

            n = t->len - fed < n ? t->len - fed : n;
            feed(f, t->data + fed, n);
            fed += n;
            if (fed >= 4) {
                bool rule = is_whole(t->data, fed);

                whole += rule;
                ck_assert_int_eq(qio_migration_follow_state(f),
                                 rule ? QIO_MIGRATION_FOLLOW_WHOLE
                                      : QIO_MIGRATION_FOLLOW_PARTIAL);
            }
        }
        qio_migration_follow_free(f);
    }
    ck_assert_int_gt(whole, 100);
    free(t);
}
END_TEST

static bool return_path(const struct tape *t, size_t portion)
{
    QIOMigrationFollow *f = new_follow();
    bool wants;

    ck_assert(!qio_migration_follow_wants_return_path(f));
    for (size_t i = 0; i < t->len; i += portion) {
        feed(f, t->data + i, t->len - i < portion ? t->len - i : portion);
    }
    wants = qio_migration_follow_wants_return_path(f);
    qio_migration_follow_free(f);
    return wants;
}

START_TEST(test_return_path)
{
    struct tape *with = new_tape(true);
    struct tape *without = new_tape(false);

    /* In the guest's memory it means nothing. */
    add(without, "\x08\x00\x01\x00\x00\x08\x00\x02\x00\x04\x00\x00\x00\x01",
        14);
    for (size_t portion = 1; portion < 64; portion++) {
        ck_assert(return_path(with, portion));
        ck_assert(!return_path(without, portion));
    }
    add_noise(with, 10000, 5);
    ck_assert(return_path(with, 10001));
    with->data[0] = 'q';
    ck_assert(!return_path(with, 10001));
    free(with);
    free(without);
}
END_TEST

START_TEST(test_shut)
{
    static const uint8_t shut[] = {0, 1, 0, 4, 0, 0, 0, 0};

    ck_assert_mem_eq(qio_migration_rp_shut, shut, sizeof(shut));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("migration/follow");
    TCase *tc = qiotest_case(s, "follow");

    tcase_add_test(tc, test_every_cut);
    tcase_add_test(tc, test_every_split);
    tcase_add_test(tc, test_foreign);
    tcase_add_test(tc, test_decoy);
    tcase_add_test(tc, test_overlap);
    tcase_add_test(tc, test_interleaved);
    tcase_add_loop_test(tc, test_not_descriptions, 0,
                        sizeof(not_descriptions) / sizeof(*not_descriptions));
    tcase_add_test(tc, test_lengths);
    tcase_add_test(tc, test_large);
    tcase_add_loop_test(tc, test_scraps, 0, 4);
    tcase_add_test(tc, test_return_path);
    tcase_add_test(tc, test_shut);
    return qiotest_main(s);
}
