/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OCSP responses that come with a server's certificate: loading them, and what
 * clients make of them. */
#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <qio/tls-config.h>
#include "qiotest.h"
#include "sessionpair.h"
#include "tlscert.h"
#include "tls/creds.h"

#define CLIENT QIO_TLS_ENDPOINT_CLIENT
#define SERVER QIO_TLS_ENDPOINT_SERVER

static const struct tlscert_ocsp good = {.from_hours = -1, .to_hours = 24};
static const struct tlscert_ocsp revoked = {
    .revoked = true, .from_hours = -1, .to_hours = 24};
static const struct tlscert_ocsp unknown = {
    .unknown = true, .from_hours = -1, .to_hours = 24};
static const struct tlscert_ocsp expired = {.from_hours = -48, .to_hours = -24};
static const struct tlscert_ocsp future = {.from_hours = 24, .to_hours = 48};
static const struct tlscert_ocsp endless = {.from_hours = -1};

static const char *dir;
static struct tlscert ca, server;

static void write_server(const char *suffix, const char *host, bool must)
{
    struct tlscert_spec spec = {
        .cn = "server", .dns = {host}, .must_staple = must};
    char name[32];

    tlscert_make(&server, &spec, &ca);
    snprintf(name, sizeof(name), "server-cert%s.pem", suffix);
    tlscert_write(dir, name, &server, NULL);
    snprintf(name, sizeof(name), "server-key%s.pem", suffix);
    tlscert_write_key(dir, name, &server, NULL);
}

static void setup(void)
{
    struct tlscert client;

    dir = tlscert_dir("ocsp");
    tlscert_make_ca(&ca, "CA");
    tlscert_write(dir, "ca-cert.pem", &ca, NULL);
    tlscert_make_client(&client, &ca, "client");
    tlscert_write(dir, "client-cert.pem", &client, NULL);
    tlscert_write_key(dir, "client-key.pem", &client, NULL);
    tlscert_free(&client);
    write_server("", "a.example", true);
}

static void teardown(void)
{
    tlscert_free(&ca);
    tlscert_free(&server);
}

static void staple(const struct tlscert_ocsp *ocsp)
{
    tlscert_write_ocsp(dir, "server-ocsp.der", &server, &ca, ocsp);
}

static QIOTLSCreds *load(QIOTLSEndpoint endpoint, bool sanity, int version,
                         QIOError **errp)
{
    QIOTLSConfig *config =
        qio_tls_config_new(QIO_TLS_CREDS_X509, endpoint, NULL);
    QIOTLSCreds *creds;

    ck_assert_int_eq(qio_tls_config_set(config, "dir", dir, NULL), 0);
    ck_assert_int_eq(
        qio_tls_config_set(config, "sanity-check", sanity ? "on" : "off", NULL),
        0);
    ck_assert_int_eq(qio_tls_config_set(config, "max-version",
                                        version ? "1.3" : "1.2", NULL),
                     0);
    creds = qio_tls_creds_new(config, errp);
    qio_tls_config_free(config);
    return creds;
}

/* A server that sends whatever the file says: GnuTLS keeps most of what would
 * harm it to itself. */
static QIOTLSCreds *load_careless(int version)
{
    QIOError *err = NULL;
    QIOTLSCreds *s = load(SERVER, false, version, &err);
    gnutls_certificate_credentials_t x509;
    char path[300];

    qiotest_ok(&err);
    x509 = s->material->x509;
    snprintf(path, sizeof(path), "%s/server-ocsp.der", dir);
    gnutls_certificate_set_flags(x509,
                                 GNUTLS_CERTIFICATE_SKIP_OCSP_RESPONSE_CHECK);
    ck_assert_int_eq(
        gnutls_certificate_set_ocsp_status_request_file(x509, path, 0), 0);
    return s;
}

/* text: what the client has against it, NULL: nothing. Takes s. */
static void session_with(QIOTLSCreds *s, int version, const char *host,
                         const char *text, int alert)
{
    QIOError *err = NULL;
    QIOTLSCreds *c = load(CLIENT, true, version, &err);
    struct sessionpair p;

    qiotest_ok(&err);
    sessionpair_init(&p, c, s, host, NULL);
    sessionpair_run(&p);
    if (text) {
        ck_assert_int_eq(p.client_ret, -1);
        ck_assert_int_eq(qio_error_code(p.client_err), QIO_ERROR_TLS_VERIFY);
        ck_assert_msg(strstr(qio_error_message(p.client_err), text) != NULL,
                      "'%s' is not in '%s'", text,
                      qio_error_message(p.client_err));
        ck_assert_int_eq(qio_error_tls_alert(p.server_err), alert);
        ck_assert(strstr(qio_error_message(p.server_err),
                         "rejected our certificate: ") != NULL);
    } else {
        qiotest_ok(&p.client_err);
        qiotest_ok(&p.server_err);
    }
    sessionpair_free(&p);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
}

/* The same with one that is lenient with itself. */
static void session(int version, const char *host, const char *text, int alert)
{
    QIOError *err = NULL;
    QIOTLSCreds *s = load(SERVER, false, version, &err);

    qiotest_ok(&err);
    session_with(s, version, host, text, alert);
}

#define MISSING "must come with an OCSP response, and does not"

/* The certificate demands a response, so that its absence shows. */
START_TEST(stapled)
{
    session(_i, "a.example", MISSING, 113);
    staple(&good);
    session(_i, "a.example", NULL, 0);
    staple(&endless);
    session(_i, "a.example", NULL, 0);
}
END_TEST

START_TEST(is_revoked)
{
    staple(&revoked);
    session_with(load_careless(_i), _i, "a.example",
                 "the server's certificate 'CN=server' is revoked since 20",
                 44);
    session_with(load_careless(_i), _i, "a.example",
                 "(key compromised), as its OCSP response says", 44);
    /* One that is not careless does not say so. */
    session(_i, "a.example", MISSING, 113);
}
END_TEST

/* Whether or not it is demanded. */
START_TEST(revoked_unasked)
{
    tlscert_free(&server);
    write_server("", "a.example", false);
    session(_i, "a.example", NULL, 0);
    staple(&revoked);
    session_with(load_careless(_i), _i, "a.example", "is revoked since", 44);
    /* What is out of date stays here. */
    staple(&expired);
    session(_i, "a.example", NULL, 0);
}
END_TEST

START_TEST(out_of_date)
{
    staple(&expired);
    session(_i, "a.example", MISSING, 113);
    session_with(load_careless(_i), _i, "a.example",
                 "comes with an OCSP response that is out of date", 113);
}
END_TEST

START_TEST(forged)
{
    struct tlscert_ocsp ocsp = good;
    struct tlscert other;

    tlscert_make_ca(&other, "CA");
    ocsp.signer = &other;
    staple(&ocsp);
    session(_i, "a.example", "comes with an OCSP response that is not valid",
            113);
    tlscert_free(&other);
}
END_TEST

/* Each identity has its own. */
START_TEST(identities)
{
    struct tlscert first = server;

    staple(&good);
    write_server("-0", "b.example", true);
    session(_i, "a.example", NULL, 0);
    session(_i, "b.example", MISSING, 113);
    tlscert_write_ocsp(dir, "server-ocsp-0.der", &server, &ca, &good);
    session(_i, "a.example", NULL, 0);
    session(_i, "b.example", NULL, 0);
    tlscert_free(&first);
}
END_TEST

/* ---- loading ---- */

static void unfit(const char *text)
{
    QIOError *err = NULL;

    ck_assert_ptr_null(load(SERVER, true, 1, &err));
    ck_assert_msg(strstr(qio_error_message(err), text) != NULL,
                  "'%s' is not in '%s'", text, qio_error_message(err));
    ck_assert(strstr(qio_error_message(err), "/server-ocsp.der'") != NULL);
    qiotest_error(&err, QIO_ERROR_CREDENTIALS);
}

START_TEST(sanity)
{
    struct tlscert_ocsp ocsp = good;
    struct tlscert other, stranger;
    QIOError *err = NULL;
    QIOTLSCreds *creds;

    staple(&good);
    creds = load(SERVER, true, 1, &err);
    qiotest_ok(&err);
    qio_tls_creds_unref(creds);
    staple(&expired);
    unfit("expired on 20");
    staple(&future);
    unfit("is not valid before 20");
    staple(&revoked);
    unfit("says that our certificate is revoked since 20");
    staple(&unknown);
    unfit("does not know our certificate");
    tlscert_make_ca(&other, "CA");
    ocsp.signer = &other;
    staple(&ocsp);
    unfit("is not signed by");
    tlscert_make_server(&stranger, &ca);
    tlscert_write_ocsp(dir, "server-ocsp.der", &stranger, &ca, &good);
    unfit("is about another certificate");
    tlscert_write_text(dir, "server-ocsp.der", "no DER at all");
    unfit("cannot be read");
    tlscert_write_text(dir, "server-ocsp.der", "");
    unfit("cannot be read");
    tlscert_free(&other);
    tlscert_free(&stranger);
}
END_TEST

/* A client's own certificate takes none. */
START_TEST(not_for_clients)
{
    QIOError *err = NULL;
    QIOTLSCreds *c;

    tlscert_write_text(dir, "server-ocsp.der", "no DER at all");
    tlscert_write_text(dir, "client-ocsp.der", "nor this");
    c = load(CLIENT, true, 1, &err);
    qiotest_ok(&err);
    qio_tls_creds_unref(c);
}
END_TEST

static bool works(QIOTLSCreds *c, QIOTLSCreds *s)
{
    struct sessionpair p;
    bool ok;

    sessionpair_init(&p, c, s, "a.example", NULL);
    sessionpair_run(&p);
    ok = p.client_ret == 0 && p.server_ret == 0;
    sessionpair_free(&p);
    return ok;
}

/* Fetched anew, and loaded with everything else. */
START_TEST(reloaded)
{
    QIOError *err = NULL;
    QIOTLSCreds *c = load(CLIENT, true, _i, &err);
    QIOTLSCreds *s = load(SERVER, true, _i, &err);

    qiotest_ok(&err);
    ck_assert(!works(c, s));
    ck_assert(!qio_tls_creds_changed(s));
    staple(&good);
    ck_assert(qio_tls_creds_changed(s));
    ck_assert_int_eq(qio_tls_creds_reload(s, &err), 0);
    ck_assert(works(c, s));
    staple(&expired);
    ck_assert_int_eq(qio_tls_creds_reload(s, &err), -1);
    qiotest_error(&err, QIO_ERROR_CREDENTIALS);
    ck_assert(works(c, s));
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
}
END_TEST

static time_t later(time_t *out)
{
    time_t now = time(NULL) + 2 * 3600;

    if (out) {
        *out = now;
    }
    return now;
}

/* When nobody fetched a new one in time, the old one is not sent. */
START_TEST(goes_stale)
{
    const struct tlscert_ocsp brief = {.from_hours = -1, .to_hours = 1};
    QIOError *err = NULL;
    QIOTLSCreds *c, *s;

    tlscert_free(&server);
    write_server("", "a.example", false);
    staple(&brief);
    c = load(CLIENT, true, _i, &err);
    s = load(SERVER, true, _i, &err);
    qiotest_ok(&err);
    ck_assert(works(c, s));
    gnutls_global_set_time_function(later);
    ck_assert(works(c, s));
    gnutls_global_set_time_function(time);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls-ocsp");
    TCase *tc = qiotest_case(s, "ocsp");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, stapled, 0, 2);
    tcase_add_loop_test(tc, is_revoked, 0, 2);
    tcase_add_loop_test(tc, revoked_unasked, 0, 2);
    tcase_add_loop_test(tc, out_of_date, 0, 2);
    tcase_add_loop_test(tc, forged, 0, 2);
    tcase_add_loop_test(tc, identities, 0, 2);
    tcase_add_test(tc, sanity);
    tcase_add_test(tc, not_for_clients);
    tcase_add_loop_test(tc, reloaded, 0, 2);
    tcase_add_loop_test(tc, goes_stale, 0, 2);
    return qiotest_main(s);
}
