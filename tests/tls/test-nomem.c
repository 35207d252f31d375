/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loading credentials with each allocation failing once, ours and those of
 * GnuTLS: it is always called what it is. */
#include <config.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include "failmalloc.h"
#include "qiotest.h"
#include "tlsdir.h"

#define RUNS 500

static long unclear; /* errors that do not say that it was the memory */

static bool note(QIOError *err)
{
    if (err && qio_error_code(err) != QIO_ERROR_NOMEM &&
        qio_error_tls(err) != GNUTLS_E_MEMORY_ERROR) {
        unclear++;
        if (getenv("QIO_NOMEM_VERBOSE")) {
            printf("  %s (%d): %s\n", qio_error_code_name(qio_error_code(err)),
                   qio_error_tls(err), qio_error_message(err));
        }
    }
    return err == NULL;
}

/* ---- loading ---- */

struct load {
    const char *dir;
    QIOTLSEndpoint endpoint;
};

static bool load_x509(void *opaque, QIOError **errp)
{
    struct load *l = opaque;
    QIOTLSCreds *creds =
        qio_tls_creds_x509_new(l->endpoint, l->dir, NULL, NULL, 0, errp);

    qio_tls_creds_unref(creds);
    return note(*errp) && creds;
}

static bool load_psk(void *opaque, QIOError **errp)
{
    struct load *l = opaque;
    QIOTLSCreds *creds =
        qio_tls_creds_psk_new(l->endpoint, l->dir, NULL, NULL, 0, errp);

    qio_tls_creds_unref(creds);
    return note(*errp) && creds;
}

static bool load_anon(void *opaque, QIOError **errp)
{
    struct load *l = opaque;
    QIOTLSCreds *creds = qio_tls_creds_anon_new(l->endpoint, NULL, 0, errp);

    qio_tls_creds_unref(creds);
    return note(*errp) && creds;
}

static void exhaust(const char *what, failmalloc_scenario *load, int server)
{
    struct load l = {tlsdir_make(), server ? QIO_TLS_ENDPOINT_SERVER
                                           : QIO_TLS_ENDPOINT_CLIENT};
    long ours, theirs, all;

    ours = failmalloc_each(load, &l, FAILMALLOC_NO_LEAK | FAILMALLOC_NOT_TLS);
    theirs = failmalloc_sample(load, &l, FAILMALLOC_TLS, RUNS, &all);
    printf("%s %s: %ld allocations of ours, %ld of %ld of GnuTLS\n", what,
           server ? "server" : "client", ours, theirs, all);
    fflush(stdout);
    ck_assert_int_eq(unclear, 0);
}

START_TEST(test_x509)
{
    exhaust("x509", load_x509, _i);
}
END_TEST

START_TEST(test_psk)
{
    exhaust("psk", load_psk, _i);
}
END_TEST

START_TEST(test_anon)
{
    exhaust("anon", load_anon, _i);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nomem");
    TCase *tc = qiotest_case(s, "nomem");

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, test_x509, 0, 2);
    tcase_add_loop_test(tc, test_psk, 0, 2);
    tcase_add_loop_test(tc, test_anon, 0, 2);
    return failmalloc_main(s);
}
