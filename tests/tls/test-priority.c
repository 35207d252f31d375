/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What two ends agree on when nobody says anything, and when the client, as a
 * hypervisor does, has GnuTLS's order. */
#include <config.h>
#include "sessionpair.h"
#include "tls/session-priv.h"
#include "tlspair.h"

static int hellos;

static int hello_came(gnutls_session_t tls, unsigned type, unsigned when,
                      unsigned incoming, const gnutls_datum_t *msg)
{
    (void)tls;
    (void)type;
    (void)when;
    (void)msg;
    hellos += incoming != 0;
    return 0;
}

static gnutls_cipher_algorithm_t agreed(const struct tlspair_creds *creds,
                                        const char *client)
{
    struct sessionpair p;
    gnutls_cipher_algorithm_t cipher;

    sessionpair_init(&p, creds->client, creds->server, "localhost", NULL);
    if (client) {
        ck_assert_int_eq(
            gnutls_priority_set_direct(p.client->tls, client, NULL), 0);
    }
    hellos = 0;
    gnutls_handshake_set_hook_function(p.server->tls,
                                       GNUTLS_HANDSHAKE_CLIENT_HELLO,
                                       GNUTLS_HOOK_PRE, hello_came);
    sessionpair_run(&p);
    qiotest_ok(&p.client_err);
    qiotest_ok(&p.server_err);
    cipher = gnutls_cipher_get(p.server->tls);
    ck_assert_int_eq(gnutls_protocol_get_version(p.server->tls), GNUTLS_TLS1_3);
    ck_assert_int_eq(gnutls_group_get(p.server->tls), GNUTLS_GROUP_X25519);
    /* No share had to be asked for a second time. */
    ck_assert_int_eq(hellos, 1);
    sessionpair_free(&p);
    return cipher;
}

/* Most used is a machine with AES. */
static gnutls_cipher_algorithm_t with_aes(gnutls_cipher_algorithm_t cipher)
{
    return qiop_cpu_has_aes() ? cipher : GNUTLS_CIPHER_CHACHA20_POLY1305;
}

START_TEST(psk)
{
    struct tlspair_creds creds;

    tlspair_creds_make_psk(&creds, NULL);
    ck_assert_int_eq(agreed(&creds, NULL), with_aes(GNUTLS_CIPHER_AES_128_GCM));
    ck_assert_int_eq(agreed(&creds, "NORMAL:+ECDHE-PSK:+DHE-PSK:+PSK"),
                     with_aes(GNUTLS_CIPHER_AES_128_GCM));
    tlspair_creds_free(&creds);
}
END_TEST

START_TEST(x509)
{
    struct tlspair_creds creds;

    tlspair_creds_make(&creds, NULL);
    ck_assert_int_eq(agreed(&creds, NULL), with_aes(GNUTLS_CIPHER_AES_256_GCM));
    ck_assert_int_eq(agreed(&creds, "NORMAL:-CIPHER-ALL:+CHACHA20-POLY1305:"
                                    "+AES-128-GCM"),
                     with_aes(GNUTLS_CIPHER_AES_128_GCM));
    tlspair_creds_free(&creds);
}
END_TEST

/* Everything GnuTLS has by default stays; only the order is ours. */
START_TEST(complete)
{
    gnutls_priority_t ours, normal;
    const unsigned *a, *b;
    int n, m, i, j;

    ck_assert_int_eq(
        gnutls_priority_init(&ours, qiop_tls_priority_for(_i), NULL), 0);
    ck_assert_int_eq(gnutls_priority_init(&normal, "NORMAL", NULL), 0);
    n = gnutls_priority_cipher_list(ours, &a);
    m = gnutls_priority_cipher_list(normal, &b);
    ck_assert_int_eq(a[_i ? 2 : 0], GNUTLS_CIPHER_CHACHA20_POLY1305);
    ck_assert_int_eq(a[_i ? 0 : 1], GNUTLS_CIPHER_AES_256_GCM);
    for (i = 0; i < m; i++) {
        for (j = 0; j < n && a[j] != b[i]; j++) {
            continue;
        }
        ck_assert_int_lt(j, n);
    }
    n = gnutls_priority_group_list(ours, &a);
    m = gnutls_priority_group_list(normal, &b);
    for (i = 0; i < m; i++) {
        for (j = 0; j < n && a[j] != b[i]; j++) {
            continue;
        }
        ck_assert_int_lt(j, n);
    }
    gnutls_priority_deinit(ours);
    gnutls_priority_deinit(normal);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-priority");
    TCase *tc = qiotest_case(s, "priority");

    tcase_add_test(tc, psk);
    tcase_add_test(tc, x509);
    tcase_add_loop_test(tc, complete, 0, 2);
    return qiotest_main(s);
}
