/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions whose peers accept or refuse each other, for the tests of this
 * folder: files for both sides, and what each side says of a refusal. */
#ifndef VERIFYPAIR_H
#define VERIFYPAIR_H

#include <stdio.h>
#include <stdlib.h>
#include "sessionpair.h"

#define TLS12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

static const char *const versions[] = {TLS12, TLS13};

static struct tlscert ca, other_ca, server, client;
static const char *client_dir, *server_dir;

static inline void write_side(const char *dir, const char *role,
                              const struct tlscert *trust,
                              const struct tlscert *own)
{
    char name[32];

    tlscert_write(dir, "ca-cert.pem", trust, NULL);
    if (own) {
        snprintf(name, sizeof(name), "%s-cert.pem", role);
        tlscert_write(dir, name, own, NULL);
        snprintf(name, sizeof(name), "%s-key.pem", role);
        tlscert_write_key(dir, name, own, NULL);
    }
}

/* Good files for both; a test then replaces what it is about. */
static inline void setup(void)
{
    tlscert_make_ca(&ca, "good CA");
    tlscert_make_ca(&other_ca, "other CA");
    tlscert_make_server(&server, &ca);
    tlscert_make_client(&client, &ca, "client");
    client_dir = tlscert_dir("client");
    server_dir = tlscert_dir("server");
    write_side(client_dir, "client", &ca, &client);
    write_side(server_dir, "server", &ca, &server);
}

static inline void teardown(void)
{
    tlscert_free(&ca);
    tlscert_free(&other_ca);
    tlscert_free(&server);
    tlscert_free(&client);
}

static inline void load(struct sessionpair *p, const char *priority,
                        const char *hostname, QIOAuthz *authz, unsigned flags)
{
    QIOError *err = NULL;
    QIOTLSCreds *c, *s;

    flags |= QIO_TLS_CREDS_NO_SANITY_CHECK;
    c = qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_CLIENT, client_dir, NULL,
                               priority, flags, &err);
    qiotest_ok(&err);
    s = qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_SERVER, server_dir, NULL,
                               priority, flags, &err);
    qiotest_ok(&err);
    sessionpair_init(p, c, s, hostname, authz);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
    sessionpair_run(p);
}

static inline void expect(QIOError **err, QIOErrorCode code, const char *text)
{
    ck_assert_msg(*err != NULL, "no error where '%s' was expected", text);
    ck_assert_msg(strstr(qio_error_message(*err), text) != NULL,
                  "'%s' is not in '%s'", text, qio_error_message(*err));
    ck_assert_ptr_null(strchr(qio_error_message(*err), '\n'));
    qiotest_error(err, code);
}

static inline void accepted(struct sessionpair *p)
{
    qiotest_ok(&p->client_err);
    qiotest_ok(&p->server_err);
    ck_assert_int_eq(p->client_ret, 0);
    ck_assert_int_eq(p->server_ret, 0);
    sessionpair_free(p);
}

/* The client refuses the server. */
static inline void client_refuses(struct sessionpair *p, const char *why,
                                  const char *told)
{
    ck_assert_int_eq(p->client_ret, -1);
    ck_assert_int_eq(p->server_ret, -1);
    expect(&p->client_err, QIO_ERROR_TLS_VERIFY, why);
    expect(&p->server_err, QIO_ERROR_TLS_REJECTED, told);
    sessionpair_free(p);
}

/* The server refuses the client, who in TLS 1.3 learns of it later. */
static inline void server_refuses(struct sessionpair *p, QIOErrorCode code,
                                  const char *why, const char *told)
{
    ck_assert_int_eq(p->server_ret, -1);
    expect(&p->server_err, code, why);
    if (p->client_ret == 0) {
        sessionpair_client_reads(p);
    }
    expect(&p->client_err, QIO_ERROR_TLS_REJECTED, told);
    sessionpair_free(p);
}

#endif
