/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long sessions can be resumed, with TLS 1.2 and with 1.3. */
#include <config.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "resumepair.h"

/* ---- the time, which passes as a test needs it ---- */

static time_t passed;

int clock_gettime(clockid_t id, struct timespec *ts)
{
    int ret = (int)syscall(SYS_clock_gettime, id, ts);

    if (ret == 0 && id == CLOCK_REALTIME) {
        ts->tv_sec += passed;
    }
    return ret;
}

time_t time(time_t *out)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    if (out) {
        *out = ts.tv_sec;
    }
    return ts.tv_sec;
}

static void now_is_now(void)
{
    passed = 0;
}

/* ---- tests ---- */

/* Not beyond the life of the client's certificate, which the server has in
 * its ticket. */
START_TEST(client_expires)
{
    struct ends e;

    write_client(1);
    e = ends_make(X509, _i);
    passed = 1800;
    ck_assert(!again(&e) && again(&e));
    passed = 3700;
    refused(&e, QIO_ERROR_TLS_VERIFY, "'CN=client' expired on");
    ends_free(&e);
}
END_TEST

/* Nor of the server's: the client asks to see a new one. */
START_TEST(server_expires)
{
    struct ends e;

    write_server(1);
    e = ends_make(X509, _i);
    passed = 1800;
    ck_assert(!again(&e) && again(&e));
    passed = 3700;
    write_server(48);
    reload(e.s);
    ck_assert(!again(&e) && again(&e));
    ends_free(&e);
}
END_TEST

/* Nor of a CA, of whichever side. */
START_TEST(ca_expires)
{
    struct tlscert other;
    struct tlscert_spec spec = {.cn = "other CA",
                                .constraints = TLSCERT_CRITICAL,
                                .ca = true,
                                .from_hours = -2,
                                .to_hours = 1};
    struct ends e = ends_make(X509, _i);
    QIOTLSCreds *plain;

    tlscert_make(&other, &spec, NULL);
    tlscert_write(dir, "ca-cert.pem", &ca, &other, NULL);
    plain = e.s;
    e.s = load(X509, SERVER, _i);
    passed = 1800;
    ck_assert(!again(&e) && again(&e));
    passed = 3700;
    ck_assert(!again(&e) && again(&e));
    qio_tls_creds_unref(e.c);
    qio_tls_creds_unref(e.s);
    passed = 0;
    e.s = plain;
    e.c = load(X509, CLIENT, _i);
    passed = 1800;
    ck_assert(!again(&e) && again(&e));
    passed = 3700;
    ck_assert(!again(&e) && again(&e));
    tlscert_free(&other);
    ends_free(&e);
}
END_TEST

/* However often it is renewed, an hour after the last full handshake the peers
 * show who they are; a clock set back is no way around. */
START_TEST(lifetime)
{
    struct ends e = ends_make(X509, _i);

    ck_assert(!again(&e));
    for (passed = 900; passed < 3600; passed += 900) {
        ck_assert(again(&e));
    }
    passed = 3700;
    ck_assert(!again(&e) && again(&e));
    passed = 0;
    ck_assert(!again(&e) && again(&e));
    ends_free(&e);
}
END_TEST

/* A ticket that comes when the session is older than it may get. */
START_TEST(late_ticket)
{
    struct ends e = ends_make(X509, 1);
    struct sessionpair p;

    open_pair(&p, &e, "a.example");
    passed = 3700;
    send_byte(p.server, p.client);
    sessionpair_free(&p);
    ck_assert(!again(&e));
    ck_assert(again(&e));
    ends_free(&e);
}
END_TEST

/* The key of the tickets is another one from time to time. */
START_TEST(key_renewed)
{
    struct ends e = ends_make(X509, _i);

    passed = 12 * 3600 - 300;
    ck_assert(!again(&e));
    passed = 0;
    qio_tls_creds_unref(e.s);
    e.s = load(X509, SERVER, _i);
    ck_assert(!again(&e));
    passed = 12 * 3600 - 300;
    ck_assert(!again(&e) && again(&e));
    passed = 12 * 3600 + 300;
    ck_assert(!again(&e) && again(&e));
    ends_free(&e);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-resume-time");
    TCase *tc = qiotest_case(s, "resume-time");

    tcase_add_checked_fixture(tc, now_is_now, NULL);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, client_expires, 0, 2);
    tcase_add_loop_test(tc, server_expires, 0, 2);
    tcase_add_loop_test(tc, ca_expires, 0, 2);
    tcase_add_loop_test(tc, lifetime, 0, 2);
    tcase_add_test(tc, late_ticket);
    tcase_add_loop_test(tc, key_renewed, 0, 2);
    return qiotest_main(s);
}
