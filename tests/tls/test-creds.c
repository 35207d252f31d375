/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pre-shared and anonymous credentials. */
#include <config.h>
#include <string.h>
#include <qio/tls-creds.h>
#include "qiotest.h"
#include "tlscert.h"

#define CLIENT QIO_TLS_ENDPOINT_CLIENT
#define SERVER QIO_TLS_ENDPOINT_SERVER

static void expect(QIOTLSEndpoint endpoint, const char *keys, const char *user,
                   QIOErrorCode code, const char *text)
{
    const char *dir = tlscert_dir("psk");
    QIOError *err = NULL;
    QIOTLSCreds *creds;

    tlscert_write_text(dir, "keys.psk", keys);
    creds = qio_tls_creds_psk_new(endpoint, dir, user, NULL, 0, &err);
    if (!code) {
        qiotest_ok(&err);
        ck_assert_int_eq(qio_tls_creds_kind(creds), QIO_TLS_CREDS_PSK);
        qio_tls_creds_unref(creds);
        return;
    }
    ck_assert_ptr_null(creds);
    ck_assert_msg(strstr(qio_error_message(err), text) != NULL,
                  "'%s' is not in '%s'", text, qio_error_message(err));
    qiotest_error(&err, code);
}

static void bad(const char *keys, const char *text)
{
    expect(SERVER, keys, NULL, QIO_ERROR_CREDENTIALS, text);
    expect(CLIENT, keys, NULL, QIO_ERROR_CREDENTIALS, text);
}

START_TEST(psk)
{
    expect(SERVER, "a:00\nqemu:0123456789abcdefABCDEF\n", NULL, 0, NULL);
    expect(CLIENT, "a:00\nqemu:0123456789abcdefABCDEF\n", NULL, 0, NULL);
    expect(CLIENT, "a:00\r\n\n# note\nqemu:01", "a", 0, NULL);
    expect(CLIENT, "a:00\n", NULL, QIO_ERROR_CREDENTIALS,
           "user 'qemu' is not in '");
    expect(SERVER, "a:00\n", "a", QIO_ERROR_INVALID, "user name");
    bad("", "no key in '");
    bad("# nothing\n", "no key in '");
    bad("qemu\n", "line 1: expected USER:HEXKEY");
    bad("a:00\nqemu:\n", "line 2: the key");
    bad("qemu:0\n", "line 1: the key");
    bad("qemu:0g\n", "line 1: the key");
    bad(":00\n", "line 1: bad user name");
    bad("qemu:00\nqemu:01\n", "line 2: a user named twice");
}
END_TEST

START_TEST(psk_missing)
{
    QIOError *err = NULL;

    ck_assert_ptr_null(
        qio_tls_creds_psk_new(SERVER, qiotest_tmpdir(), NULL, NULL, 0, &err));
    ck_assert(strstr(qio_error_message(err), "/keys.psk'") != NULL);
    qiotest_error(&err, QIO_ERROR_NOT_FOUND);
}
END_TEST

/* A key must not show up in a message. */
START_TEST(psk_secret)
{
    const char *dir = tlscert_dir("psk");
    QIOError *err = NULL;

    tlscert_write_text(dir, "keys.psk", "qemu:c0ffeec0ffeeX\n");
    ck_assert_ptr_null(qio_tls_creds_psk_new(SERVER, dir, NULL, NULL, 0, &err));
    ck_assert_ptr_null(strstr(qio_error_message(err), "c0ffee"));
    qiotest_error(&err, QIO_ERROR_CREDENTIALS);
}
END_TEST

START_TEST(anon)
{
    QIOError *err = NULL;
    int i;

    for (i = 0; i < 2; i++) {
        QIOTLSEndpoint e = i ? SERVER : CLIENT;
        QIOTLSCreds *creds = qio_tls_creds_anon_new(e, NULL, 0, &err);

        qiotest_ok(&err);
        ck_assert_int_eq(qio_tls_creds_kind(creds), QIO_TLS_CREDS_ANON);
        ck_assert_int_eq(qio_tls_creds_endpoint(creds), e);
        qio_tls_creds_unref(creds);
    }
    ck_assert_ptr_null(qio_tls_creds_anon_new(SERVER, "nonsense", 0, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-creds");
    TCase *tc = qiotest_case(s, "psk and anon");

    tcase_add_test(tc, psk);
    tcase_add_test(tc, psk_missing);
    tcase_add_test(tc, psk_secret);
    tcase_add_test(tc, anon);
    return qiotest_main(s);
}
