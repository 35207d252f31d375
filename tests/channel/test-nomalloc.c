/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and writing allocates nothing, once a connection is at work: the
 * first allocation would fail here. */
#include <config.h>
#include <string.h>
#include "failmalloc.h"
#include "pairs.h"
#include "qiotest.h"
#include "tlspair.h"

#define WARM 100
#define ROUNDS 1000
#define MOST ((size_t)48 << 10)

static const struct {
    const char *name;
    int (*make)(void *opaque, QIOChannel *pair[2], QIOError **errp);
} leaves[] = {
    {"tcp", pair_tcp},
    {"unix", pair_unix},
    {"pipes", pair_pipes},
};
#define LEAVES 3

static const struct {
    const char *engine;
    unsigned whose; /* whose allocations count */
} engines[] = {
    {"ipsec-mb", 0},
    {"aead", 0},
    /* Its own records are for GnuTLS to make. */
    {"gnutls", FAILMALLOC_NOT_TLS},
};
#define ENGINES 3

static const size_t sizes[] = {100, 16384, MOST};
#define SIZES 3

static QIOError *err;

/* A piece each way. No assertions: they allocate. */
static bool exchange(QIOChannel *pair[2], size_t size)
{
    static char out[MOST], in[MOST];
    int i;

    for (i = 0; i < 2; i++) {
        memset(in, 0, size);
        out[0] = out[size - 1] = (char)('a' + i);
        if (qio_channel_write_all(pair[i], out, size, &err) < 0 ||
            qio_channel_flush(pair[i], &err) < 0 ||
            qio_channel_read_all(pair[!i], in, size, &err) < 0 ||
            in[0] != out[0] || in[size - 1] != out[size - 1]) {
            return false;
        }
    }
    return true;
}

static void at_work(QIOChannel *pair[2], size_t size, unsigned whose,
                    const char *what)
{
    bool ok = true, hit;
    int i;

    for (i = 0; ok && i < WARM; i++) {
        ok = exchange(pair, size);
    }
    qiotest_ok(&err);
    ck_assert(ok);
    failmalloc_arm(1, whose);
    for (i = 0; ok && i < ROUNDS; i++) {
        ok = exchange(pair, size);
    }
    hit = failmalloc_disarm();
    ck_assert_msg(!hit, "%s, %zu bytes: an allocation in round %d: %s", what,
                  size, i, err ? qio_error_message(err) : "and no error");
    qiotest_ok(&err);
    ck_assert(ok);
}

START_TEST(plain)
{
    QIOChannel *pair[2];
    int i;

    ck_assert_int_eq(leaves[_i].make(NULL, pair, &err), 0);
    for (i = 0; i < SIZES; i++) {
        at_work(pair, sizes[i], 0, leaves[_i].name);
    }
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
}
END_TEST

START_TEST(tls)
{
    static const char *const ciphers[] = {
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM",
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305"};
    const char *engine = engines[_i / 2].engine;
    QIOChannel *base[2], *pair[2];
    struct tlspair_creds creds;
    int i;

    ck_assert_int_eq(pair_tcp(NULL, base, &err), 0);
    tlspair_creds_make(&creds, ciphers[_i % 2]);
    ck_assert_int_eq(qio_tls_creds_set_engine(creds.client, engine, &err), 0);
    ck_assert_int_eq(qio_tls_creds_set_engine(creds.server, engine, &err), 0);
    tlspair_open(&creds, base[0], base[1], &pair[0], &pair[1]);
    tlspair_creds_free(&creds);
    /* Small pieces alone are left to GnuTLS. */
    for (i = SIZES - 1; i >= 0; i--) {
        at_work(pair, sizes[i], engines[_i / 2].whose, engine);
    }
    for (i = 0; i < 2; i++) {
        qio_channel_unref(pair[i]);
        qio_channel_unref(base[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nomalloc");
    TCase *tc = qiotest_case(s, "nomalloc");

    tcase_add_loop_test(tc, plain, 0, LEAVES);
    tcase_add_loop_test(tc, tls, 0, 2 * ENGINES);
    return failmalloc_main(s);
}
