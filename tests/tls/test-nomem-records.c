/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening a record with each allocation failing once: with records of our own,
 * which need the keys, and with GnuTLS, when first we look into it because a
 * message may be half there. What could not be opened is not passed on. */
#include <config.h>
#include <stdlib.h>
#include "failmalloc.h"
#include "sessionpair.h"
#include "tlspair.h"
#include "tls/session-priv.h"

static const struct {
    const char *engine;
    size_t len;
    bool half;
} kinds[] = {
    {"ipsec-mb", 4096, false}, {"aead", 4096, false}, {"gnutls", 4096, false},
    {"aead", 1, true},         {"gnutls", 1, true},
};
#define KINDS (int)(sizeof(kinds) / sizeof(kinds[0]))

static char text[4096], got[4096];

/* A record is under way to the server. */
static void send_record(struct sessionpair *p, int kind)
{
    struct iovec iov = {text, kinds[kind].len};
    struct tlspair_creds creds;
    QIOError *err = NULL;

    ck_assert_int_eq(setenv("QIO_TLS_ENGINE", kinds[kind].engine, 1), 0);
    tlspair_creds_make(&creds, NULL);
    sessionpair_init(p, creds.client, creds.server, "localhost", NULL);
    tlspair_creds_free(&creds);
    sessionpair_run(p);
    qiotest_ok(&p->client_err);
    qiotest_ok(&p->server_err);
    memset(text, 'x', sizeof(text));
    ck_assert_int_eq(qiop_tls_session_write(p->client, &iov, 1, 0, &err),
                     (ssize_t)iov.iov_len);
    sessionpair_move(p->client, p->server, 0);
    p->server->half = kinds[kind].half;
}

START_TEST(opening)
{
    bool failed = true;
    long n;

    for (n = 1; failed; n++) {
        struct iovec iov = {got, sizeof(got)};
        QIOError *err = NULL;
        struct sessionpair p;
        ssize_t ret;

        send_record(&p, _i);
        failmalloc_arm(n, 0);
        ret = qiop_tls_session_read(p.server, &iov, 1, false, &err);
        failed = failmalloc_disarm();
        if (ret == -1) {
            ck_assert(failed);
            qiotest_error(&err, QIO_ERROR_NOMEM);
        } else {
            ck_assert_int_eq(ret, (ssize_t)kinds[_i].len);
            ck_assert_mem_eq(got, text, kinds[_i].len);
            qiotest_ok(&err);
        }
        sessionpair_free(&p);
    }
    /* Something did fail. */
    ck_assert_int_gt(n, 2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nomem-records");
    TCase *tc = qiotest_case(s, "nomem-records");

    tcase_add_loop_test(tc, opening, 0, KINDS);
    return failmalloc_main(s);
}
