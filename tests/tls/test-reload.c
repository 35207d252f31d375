/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials loaded again: what is new counts for new sessions only, what is
 * wrong changes nothing. */
#include <config.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <qio/tls-creds.h>
#include "qiotest.h"
#include "sessionpair.h"
#include "tlscert.h"

#define CLIENT QIO_TLS_ENDPOINT_CLIENT
#define SERVER QIO_TLS_ENDPOINT_SERVER

static const char *dir;
static struct tlscert ca;

static void write_role(const char *role, const struct tlscert *cert)
{
    char name[32];

    snprintf(name, sizeof(name), "%s-cert.pem", role);
    tlscert_write(dir, name, cert, NULL);
    snprintf(name, sizeof(name), "%s-key.pem", role);
    tlscert_write_key(dir, name, cert, NULL);
}

static void write_server(const char *host, int hours)
{
    struct tlscert_spec spec = {
        .cn = "server", .dns = {host}, .from_hours = -2, .to_hours = hours};
    struct tlscert cert;

    tlscert_make(&cert, &spec, &ca);
    write_role("server", &cert);
    tlscert_free(&cert);
}

static void setup(void)
{
    struct tlscert client;

    dir = tlscert_dir("reload");
    tlscert_make_ca(&ca, "CA");
    tlscert_write(dir, "ca-cert.pem", &ca, NULL);
    tlscert_make_client(&client, &ca, "client");
    write_role("client", &client);
    tlscert_free(&client);
    write_server("old.example", 48);
}

static void teardown(void)
{
    tlscert_free(&ca);
}

static QIOTLSCreds *load(QIOTLSEndpoint endpoint)
{
    QIOError *err = NULL;
    QIOTLSCreds *creds =
        qio_tls_creds_x509_new(endpoint, dir, NULL, NULL, 0, &err);

    qiotest_ok(&err);
    return creds;
}

static void reload(QIOTLSCreds *creds)
{
    QIOError *err = NULL;

    ck_assert_int_eq(qio_tls_creds_reload(creds, &err), 0);
    qiotest_ok(&err);
    ck_assert(!qio_tls_creds_changed(creds));
}

static void reload_fails(QIOTLSCreds *creds, QIOErrorCode code, const char *why)
{
    QIOError *err = NULL;

    ck_assert_int_eq(qio_tls_creds_reload(creds, &err), -1);
    ck_assert_msg(strstr(qio_error_message(err), why) != NULL,
                  "'%s' is not in '%s'", why, qio_error_message(err));
    qiotest_error(&err, code);
}

/* Whether they come together. */
static bool works(QIOTLSCreds *c, QIOTLSCreds *s, const char *host)
{
    struct sessionpair p;
    bool ok;

    sessionpair_init(&p, c, s, host, NULL);
    sessionpair_run(&p);
    ok = p.client_ret == 0 && p.server_ret == 0;
    sessionpair_free(&p);
    return ok;
}

START_TEST(identity)
{
    QIOTLSCreds *c = load(CLIENT), *s = load(SERVER);
    struct sessionpair begun;

    ck_assert(works(c, s, "old.example"));
    ck_assert(!qio_tls_creds_changed(s));
    sessionpair_init(&begun, c, s, "old.example", NULL);
    write_server("new.example", 48);
    ck_assert(qio_tls_creds_changed(s));
    ck_assert(!qio_tls_creds_changed(c));
    ck_assert(works(c, s, "old.example"));
    reload(s);
    ck_assert(!works(c, s, "old.example"));
    ck_assert(works(c, s, "new.example"));
    /* A session that exists has what there was. */
    sessionpair_run(&begun);
    ck_assert_int_eq(begun.client_ret, 0);
    ck_assert_int_eq(begun.server_ret, 0);
    sessionpair_free(&begun);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
}
END_TEST

/* Material outlives its successor and the caller's reference. */
START_TEST(outlived)
{
    QIOTLSCreds *c = load(CLIENT), *s = load(SERVER);
    struct sessionpair p;

    sessionpair_init(&p, c, s, "old.example", NULL);
    reload(c);
    reload(s);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
    sessionpair_run(&p);
    ck_assert_int_eq(p.client_ret, 0);
    ck_assert_int_eq(p.server_ret, 0);
    sessionpair_free(&p);
}
END_TEST

START_TEST(failed)
{
    QIOTLSCreds *c = load(CLIENT), *s = load(SERVER);
    char path[512];

    write_server("new.example", -1);
    reload_fails(s, QIO_ERROR_CREDENTIALS, "expired on");
    ck_assert(qio_tls_creds_changed(s));
    write_server("new.example", 48);
    tlscert_write_text(dir, "server-key.pem", "half a k");
    reload_fails(s, QIO_ERROR_CREDENTIALS, "server-key.pem");
    snprintf(path, sizeof(path), "%s/server-key.pem", dir);
    ck_assert_int_eq(unlink(path), 0);
    reload_fails(s, QIO_ERROR_NOT_FOUND, "server-key.pem");
    ck_assert(works(c, s, "old.example"));
    write_server("new.example", 48);
    reload(s);
    ck_assert(works(c, s, "new.example"));
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
}
END_TEST

/* Trust and revocations, of both sides. */
START_TEST(trust)
{
    QIOTLSCreds *c = load(CLIENT), *s = load(SERVER);
    struct tlscert client, server;
    struct tlscert_spec spec = {.cn = "server", .dns = {"old.example"}};

    tlscert_make_client(&client, &ca, "client");
    write_role("client", &client);
    reload(c);
    ck_assert(works(c, s, "old.example"));
    tlscert_write_crl(dir, "ca-crl.pem", &ca, &client);
    ck_assert(qio_tls_creds_changed(s));
    reload(s);
    ck_assert(!works(c, s, "old.example"));
    tlscert_make(&server, &spec, &ca);
    write_role("server", &server);
    tlscert_write_crl(dir, "ca-crl.pem", &ca, &server);
    reload(s);
    ck_assert(works(c, s, "old.example"));
    reload(c);
    ck_assert(!works(c, s, "old.example"));
    tlscert_free(&client);
    tlscert_free(&server);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
}
END_TEST

static QIOTLSCreds *load_psk(QIOTLSEndpoint endpoint)
{
    QIOError *err = NULL;
    QIOTLSCreds *creds =
        qio_tls_creds_psk_new(endpoint, dir, NULL, NULL, 0, &err);

    qiotest_ok(&err);
    return creds;
}

START_TEST(psk)
{
    QIOTLSCreds *c, *s;

    tlscert_write_text(dir, "keys.psk", "qemu:00112233445566778899\n");
    c = load_psk(CLIENT);
    s = load_psk(SERVER);
    ck_assert(works(c, s, NULL));
    tlscert_write_text(dir, "keys.psk", "qemu:ffeeddccbbaa99887766\na:01\n");
    ck_assert(qio_tls_creds_changed(c));
    reload(s);
    ck_assert(!works(c, s, NULL));
    reload(c);
    ck_assert(works(c, s, NULL));
    tlscert_write_text(dir, "keys.psk", "a:01\n");
    reload_fails(c, QIO_ERROR_CREDENTIALS, "user 'qemu' is not in");
    tlscert_write_text(dir, "keys.psk", "qemu:0\n");
    reload_fails(s, QIO_ERROR_CREDENTIALS, "line 1: the key");
    ck_assert(works(c, s, NULL));
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
}
END_TEST

START_TEST(anon)
{
    QIOError *err = NULL;
    QIOTLSCreds *c = qio_tls_creds_anon_new(CLIENT, NULL, 0, &err);
    QIOTLSCreds *s = qio_tls_creds_anon_new(SERVER, NULL, 0, &err);

    reload(c);
    reload(s);
    ck_assert(works(c, s, NULL));
    ck_assert_int_eq(qio_tls_creds_expires(s), 0);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
}
END_TEST

START_TEST(expiry)
{
    QIOTLSCreds *s = load(SERVER);
    time_t when = qio_tls_creds_expires(s), now = time(NULL);

    ck_assert_int_ge(when, now + 47 * 3600);
    ck_assert_int_le(when, now + 49 * 3600);
    write_server("new.example", 24);
    reload(s);
    when = qio_tls_creds_expires(s);
    ck_assert_int_ge(when, now + 23 * 3600);
    ck_assert_int_le(when, now + 25 * 3600);
    qio_tls_creds_unref(s);
}
END_TEST

static atomic_bool stop;

static void *reloader(void *opaque)
{
    while (!atomic_load(&stop)) {
        reload(opaque);
        (void)qio_tls_creds_expires(opaque);
    }
    return NULL;
}

/* While others make sessions. */
START_TEST(at_once)
{
    QIOTLSCreds *c = load(CLIENT), *s = load(SERVER);
    pthread_t thread[2];
    int i;

    pthread_create(&thread[0], NULL, reloader, s);
    pthread_create(&thread[1], NULL, reloader, s);
    for (i = 0; i < 40; i++) {
        ck_assert(works(c, s, "old.example"));
    }
    atomic_store(&stop, true);
    pthread_join(thread[0], NULL);
    pthread_join(thread[1], NULL);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-reload");
    TCase *tc = qiotest_case(s, "reload");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, identity);
    tcase_add_test(tc, outlived);
    tcase_add_test(tc, failed);
    tcase_add_test(tc, trust);
    tcase_add_test(tc, psk);
    tcase_add_test(tc, anon);
    tcase_add_test(tc, expiry);
    tcase_add_test(tc, at_once);
    return qiotest_main(s);
}
