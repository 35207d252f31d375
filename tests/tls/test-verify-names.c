/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose certificate it is: QEMU's list of cases (test-crypto-tlssession), by
 * its names, with what each side says of a refusal. */
#include <config.h>
#include "tlspair.h"
#include "verifypair.h"

/* ---- who signed ---- */

START_TEST(psk)
{
    struct tlspair_creds creds;
    struct sessionpair p;

    tlspair_creds_make_psk(&creds,
                           _i ? TLS13 ":+ECDHE-PSK" : TLS12 ":+ECDHE-PSK");
    sessionpair_init(&p, creds.client, creds.server, NULL, NULL);
    tlspair_creds_free(&creds);
    sessionpair_run(&p);
    accepted(&p);
}
END_TEST

START_TEST(basicca)
{
    struct sessionpair p;

    load(&p, versions[_i], "localhost", NULL, 0);
    accepted(&p);
}
END_TEST

START_TEST(differentca)
{
    struct tlscert stranger;
    struct sessionpair p;

    tlscert_make_client(&stranger, &other_ca, "client");
    write_side(client_dir, "client", &other_ca, &stranger);
    tlscert_free(&stranger);
    load(&p, versions[_i], "localhost", NULL, 0);
    client_refuses(&p,
                   "the server's certificate 'CN=server' is not signed by "
                   "a CA in '",
                   "unknown CA (TLS alert 48)");
}
END_TEST

START_TEST(cachain)
{
    struct tlscert_spec level = {
        .constraints = TLSCERT_CRITICAL,
        .ca = true,
        .usage_ext = TLSCERT_CRITICAL,
        .usage = GNUTLS_KEY_KEY_CERT_SIGN,
    };
    struct tlscert l1a, l1b, l2, leaf, who;
    struct sessionpair p;

    level.cn = "level 1a";
    tlscert_make(&l1a, &level, &ca);
    level.cn = "level 1b";
    tlscert_make(&l1b, &level, &ca);
    level.cn = "level 2";
    tlscert_make(&l2, &level, &l1a);
    tlscert_make_server(&leaf, &l2);
    tlscert_make_client(&who, &l1b, "client");
    write_side(server_dir, "server", &ca, &leaf);
    write_side(client_dir, "client", &ca, &who);
    tlscert_write(server_dir, "ca-cert.pem", &ca, &l1a, &l1b, &l2, NULL);
    tlscert_write(client_dir, "ca-cert.pem", &ca, &l1a, &l1b, &l2, NULL);
    load(&p, versions[_i], "localhost", NULL, 0);
    accepted(&p);
    /* The chain beside the certificate, the root alone at the peer. */
    tlscert_write(server_dir, "server-cert.pem", &leaf, &l2, &l1a, NULL);
    tlscert_write(client_dir, "client-cert.pem", &who, &l1b, NULL);
    tlscert_write(server_dir, "ca-cert.pem", &ca, NULL);
    tlscert_write(client_dir, "ca-cert.pem", &ca, NULL);
    load(&p, versions[_i], "localhost", NULL, 0);
    accepted(&p);
    tlscert_free(&l1a);
    tlscert_free(&l1b);
    tlscert_free(&l2);
    tlscert_free(&leaf);
    tlscert_free(&who);
}
END_TEST

/* ---- the server's names ---- */

#define QEMU_ORG                                                               \
    {                                                                          \
        .cn = "qemu.org", .dns = {"qemu.org", "www.qemu.org"},                 \
        .ip = {"192.168.122.1", "fec0::dead:beaf"},                            \
    }
/* The common name does not count where there are others. */
#define OTHERS                                                                 \
    {                                                                          \
        .cn = "qemu.org", .dns = {"www.qemu.org", "wiki.qemu.org"},            \
        .ip = {"192.168.122.1", "fec0::dead:beaf"},                            \
    }

static const struct {
    const char *name;
    struct tlscert_spec spec;
    const char *host;
    bool fits;
} names[] = {
    {"altname1", QEMU_ORG, "qemu.org", true},
    {"altname2", QEMU_ORG, "www.qemu.org", true},
    {"altname3", QEMU_ORG, "wiki.qemu.org", false},
    {"altname4", QEMU_ORG, "192.168.122.1", true},
    {"altname5", QEMU_ORG, "fec0::dead:beaf", true},
    {"altname6", OTHERS, "qemu.org", false},
    {"altname7", OTHERS, "www.qemu.org", true},
    {"altname8", OTHERS, "wiki.qemu.org", true},
    {"another IPv4 address", QEMU_ORG, "192.168.122.2", false},
    {"another IPv6 address", QEMU_ORG, "fec0::dead:bea0", false},
    {"an address with a zone", QEMU_ORG, "fec0::dead:beaf%eth0", true},
    {"a common name alone", {.cn = "qemu.org"}, "qemu.org", true},
    {"another common name", {.cn = "qemu.org"}, "www.qemu.org", false},
};

#define NAMES (int)(sizeof(names) / sizeof(names[0]))

START_TEST(altname)
{
    struct tlscert cert;
    struct sessionpair p;
    char why[128];

    tlscert_make(&cert, &names[_i / 2].spec, &ca);
    write_side(server_dir, "server", &ca, &cert);
    tlscert_free(&cert);
    load(&p, versions[_i % 2], names[_i / 2].host, NULL, 0);
    ck_assert_msg((p.client_ret == 0) == names[_i / 2].fits, "%s",
                  names[_i / 2].name);
    if (names[_i / 2].fits) {
        accepted(&p);
        return;
    }
    snprintf(why, sizeof(why), ", not '%s'", names[_i / 2].host);
    ck_assert_ptr_nonnull(
        strstr(qio_error_message(p.client_err), "server certificate is for '"));
    client_refuses(&p, why,
                   "the peer rejected our certificate: bad certificate "
                   "(TLS alert 42)");
}
END_TEST

/* ---- the client's name ---- */

#define DENY                                                                   \
    {                                                                          \
        NULL, QIO_AUTHZ_FORMAT_EXACT                                           \
    }
#define EXACT(text)                                                            \
    {                                                                          \
        text, QIO_AUTHZ_FORMAT_EXACT                                           \
    }
#define GLOB(text)                                                             \
    {                                                                          \
        text, QIO_AUTHZ_FORMAT_GLOB                                            \
    }

static const struct {
    const char *name;
    struct {
        const char *match;
        QIOAuthzFormat format;
    } rules[2];
    bool good;
} lists[] = {
    {"wildcard1", {EXACT("CN=dogfood,C=UK")}, false},
    {"wildcard2", {EXACT("CN=qemu,C=UK")}, true},
    {"wildcard3", {EXACT("CN=dogfood,C=UK"), EXACT("CN=qemu,C=UK")}, true},
    {"wildcard4", {EXACT("CN=qemustuff,C=UK")}, false},
    {"wildcard5", {GLOB("CN=qemu*")}, true},
    {"wildcard6", {GLOB("CN=*emu,?=UK")}, true},
    {"no rule", {DENY}, false},
};

#define LISTS (int)(sizeof(lists) / sizeof(lists[0]))

START_TEST(wildcard)
{
    int n = _i / 2, i;
    QIOError *err = NULL;
    QIOAuthz *authz = qio_authz_new_list(false, &err);
    struct tlscert who;
    struct sessionpair p;

    tlscert_make_client(&who, &ca, "qemu");
    write_side(client_dir, "client", &ca, &who);
    tlscert_free(&who);
    for (i = 0; i < 2 && lists[n].rules[i].match; i++) {
        ck_assert_int_eq(qio_authz_list_append(authz, lists[n].rules[i].match,
                                               lists[n].rules[i].format, true,
                                               &err),
                         i);
    }
    load(&p, versions[_i % 2], "localhost", authz, 0);
    qio_authz_unref(authz);
    ck_assert_msg((p.server_ret == 0) == lists[n].good, "%s", lists[n].name);
    if (lists[n].good) {
        accepted(&p);
        return;
    }
    server_refuses(&p, QIO_ERROR_AUTHZ, "client 'CN=qemu,C=UK' is not allowed",
                   "the peer knows us, but does not let us in: access denied "
                   "(TLS alert 49)");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-verify-names");
    TCase *tc = qiotest_case(s, "names");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, psk, 0, 2);
    tcase_add_loop_test(tc, basicca, 0, 2);
    tcase_add_loop_test(tc, differentca, 0, 2);
    tcase_add_loop_test(tc, cachain, 0, 2);
    tcase_add_loop_test(tc, altname, 0, 2 * NAMES);
    tcase_add_loop_test(tc, wildcard, 0, 2 * LISTS);
    return qiotest_main(s);
}
