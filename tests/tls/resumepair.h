/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials that resume sessions, and sessions one after the other, for the
 * tests of resumption; all inline, so that each program stays one source file.
 */
#ifndef RESUMEPAIR_H
#define RESUMEPAIR_H

#include <stdio.h>
#include <stdlib.h>
#include <qio/tls-config.h>
#include "sessionpair.h"

#define CLIENT QIO_TLS_ENDPOINT_CLIENT
#define SERVER QIO_TLS_ENDPOINT_SERVER
#define X509 QIO_TLS_CREDS_X509
#define PSK QIO_TLS_CREDS_PSK

/* ---- credentials ---- */

static const char *dir;
static struct tlscert ca;

static inline void write_role(const char *role, const struct tlscert *cert)
{
    char name[32];

    snprintf(name, sizeof(name), "%s-cert.pem", role);
    tlscert_write(dir, name, cert, NULL);
    snprintf(name, sizeof(name), "%s-key.pem", role);
    tlscert_write_key(dir, name, cert, NULL);
}

static inline void write_client(int hours)
{
    struct tlscert_spec spec = {
        .cn = "client", .from_hours = -2, .to_hours = hours};
    struct tlscert cert;

    tlscert_make(&cert, &spec, &ca);
    write_role("client", &cert);
    tlscert_free(&cert);
}

static inline void write_server(int hours)
{
    struct tlscert_spec spec = {.cn = "server",
                                .dns = {"a.example", "b.example"},
                                .from_hours = -2,
                                .to_hours = hours};
    struct tlscert cert;

    tlscert_make(&cert, &spec, &ca);
    write_role("server", &cert);
    tlscert_free(&cert);
}

static inline void setup(void)
{
    dir = tlscert_dir("resume");
    tlscert_make_ca(&ca, "CA");
    tlscert_write(dir, "ca-cert.pem", &ca, NULL);
    tlscert_write_text(dir, "keys.psk", "qemu:00112233445566778899\n");
    write_client(48);
    write_server(48);
}

static inline void teardown(void)
{
    tlscert_free(&ca);
}

static inline QIOTLSConfig *configure(QIOTLSCredsKind kind,
                                      QIOTLSEndpoint endpoint, int version)
{
    QIOTLSConfig *config = qio_tls_config_new(kind, endpoint, NULL);
    QIOError *err = NULL;

    ck_assert_int_eq(qio_tls_config_set(config, "dir", dir, &err), 0);
    ck_assert_int_eq(qio_tls_config_set(config, "resumption", "on", &err), 0);
    ck_assert_int_eq(qio_tls_config_set(config, "max-version",
                                        version ? "1.3" : "1.2", &err),
                     0);
    return config;
}

static inline QIOTLSCreds *load(QIOTLSCredsKind kind, QIOTLSEndpoint endpoint,
                                int version)
{
    QIOTLSConfig *config = configure(kind, endpoint, version);
    QIOError *err = NULL;
    QIOTLSCreds *creds = qio_tls_creds_new(config, &err);

    qiotest_ok(&err);
    qio_tls_config_free(config);
    return creds;
}

struct ends {
    QIOTLSCreds *c, *s;
    QIOAuthz *authz;
};

static inline struct ends ends_make(QIOTLSCredsKind kind, int version)
{
    return (struct ends){load(kind, CLIENT, version),
                         load(kind, SERVER, version), NULL};
}

static inline void ends_free(struct ends *e)
{
    qio_tls_creds_unref(e->c);
    qio_tls_creds_unref(e->s);
    qio_authz_unref(e->authz);
}

/* ---- sessions ---- */

static inline void send_byte(struct qiop_tls_session *from,
                             struct qiop_tls_session *to)
{
    char byte = 'x', got = 0;
    struct iovec out = {&byte, 1}, in = {&got, 1};
    QIOError *err = NULL;

    ck_assert_int_eq(qiop_tls_session_write(from, &out, 1, 0, &err), 1);
    sessionpair_move(from, to, 0);
    ck_assert_int_eq(qiop_tls_session_read(to, &in, 1, false, &err), 1);
    ck_assert_int_eq(got, 'x');
}

static inline bool resumed(struct qiop_tls_session *s)
{
    QIOError *err = NULL;
    char *text = qiop_tls_session_fact(s, QIO_TLS_FACT_RESUMED, &err);
    bool ret;

    qiotest_ok(&err);
    ret = strcmp(text, "yes") == 0;
    ck_assert(ret || strcmp(text, "no") == 0);
    free(text);
    return ret;
}

static inline void open_pair(struct sessionpair *p, const struct ends *e,
                             const char *host)
{
    sessionpair_init(p, e->c, e->s, host, e->authz);
    sessionpair_run(p);
}

/* A session with data both ways, or from the client only: whether it was
 * resumed, on which both agree. */
static inline bool session(const struct ends *e, const char *host,
                           bool both_ways)
{
    struct sessionpair p;
    bool ret;

    open_pair(&p, e, host);
    qiotest_ok(&p.client_err);
    qiotest_ok(&p.server_err);
    ret = resumed(p.client);
    ck_assert(ret == resumed(p.server));
    send_byte(p.client, p.server);
    if (both_ways) {
        send_byte(p.server, p.client);
    }
    sessionpair_free(&p);
    return ret;
}

static inline bool again(const struct ends *e)
{
    return session(e, "a.example", true);
}

/* A session that the server takes up, and then refuses. */
static inline void refused(const struct ends *e, QIOErrorCode code,
                           const char *why)
{
    struct sessionpair p;

    open_pair(&p, e, "a.example");
    ck_assert_int_eq(p.server_ret, -1);
    ck_assert_int_eq(qio_error_code(p.server_err), code);
    ck_assert_msg(strstr(qio_error_message(p.server_err), why) != NULL,
                  "'%s' is not in '%s'", why, qio_error_message(p.server_err));
    /* Whoever finishes second is told at once. */
    if (p.client_ret == 0) {
        sessionpair_client_reads(&p);
    }
    ck_assert_int_eq(qio_error_code(p.client_err), QIO_ERROR_TLS_REJECTED);
    sessionpair_free(&p);
}

static inline void reload(QIOTLSCreds *creds)
{
    QIOError *err = NULL;

    ck_assert_int_eq(qio_tls_creds_reload(creds, &err), 0);
    qiotest_ok(&err);
}

#endif
