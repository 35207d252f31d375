/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A peer that is to be refused stays refused, whichever allocation of the
 * handshake fails. */
#include <config.h>
#include <stdio.h>
#include <qio/tls-config.h>
#include "failmalloc.h"
#include "sessionpair.h"

#define RUNS 1000

struct match {
    QIOTLSCreds *client, *server;
    QIOAuthz *authz;
    const char *hostname;
    bool server_refuses;
    bool resumed; /* after a session that was not to be refused */
};

/* All that one has sent, for the other; without memory it is lost. */
static bool move(struct qiop_tls_session *from, struct qiop_tls_session *to)
{
    struct qiop_queue flight;
    bool moved = false;
    size_t len, avail;
    const uint8_t *data;
    uint8_t *dst;

    qiop_queue_init(&flight, 0);
    if (qiop_tls_session_output_take(from, &flight)) {
        while ((data = qiop_queue_peek(&flight, &len)) && len &&
               (dst = qiop_tls_session_input_reserve(to, &avail, NULL))) {
            len = len < avail ? len : avail;
            memcpy(dst, data, len);
            qiop_tls_session_input_commit(to, len, avail);
            qiop_queue_consume(&flight, len);
            moved = true;
        }
    }
    qiop_queue_free(&flight, false);
    return moved;
}

/* Whether the side in question took the other for good. */
static bool accepted(struct qiop_tls_session *client,
                     struct qiop_tls_session *server, bool server_refuses)
{
    int c = QIOP_TLS_BLOCK, s = QIOP_TLS_BLOCK;
    bool moved = true;

    while (moved) {
        c = c == QIOP_TLS_BLOCK ? qiop_tls_session_handshake(client, NULL) : c;
        s = s == QIOP_TLS_BLOCK ? qiop_tls_session_handshake(server, NULL) : s;
        moved = move(client, server);
        moved |= move(server, client);
    }
    return (server_refuses ? s : c) == 0;
}

/* A session after which the client has tickets, if all goes well. */
static void give_tickets(struct qiop_tls_session *client,
                         struct qiop_tls_session *server)
{
    char byte = 'x';
    struct iovec iov = {&byte, 1};

    if (accepted(client, server, true) &&
        qiop_tls_session_write(server, &iov, 1, 0, NULL) == 1) {
        move(server, client);
        (void)!qiop_tls_session_read(client, &iov, 1, false, NULL);
    }
}

static bool prepare(struct match *m, QIOError **errp)
{
    struct qiop_tls_session *c, *s = NULL;

    c = qiop_tls_session_new(m->client, QIO_TLS_ENDPOINT_CLIENT, NULL, errp);
    if (c && qiop_tls_session_set_hostname(c, m->hostname, errp) == 0) {
        s = qiop_tls_session_new(m->server, QIO_TLS_ENDPOINT_SERVER, NULL,
                                 errp);
    }
    if (s) {
        give_tickets(c, s);
    }
    qiop_tls_session_free(c);
    qiop_tls_session_free(s);
    return s != NULL;
}

/* False without an error, which fails the test, when it was accepted. */
static bool refuse(void *opaque, QIOError **errp)
{
    struct match *m = opaque;
    struct qiop_tls_session *c, *s = NULL;
    bool ok = false;

    if (m->resumed && !prepare(m, errp)) {
        return false;
    }
    c = qiop_tls_session_new(m->client, QIO_TLS_ENDPOINT_CLIENT, NULL, errp);
    if (c && qiop_tls_session_set_hostname(c, m->hostname, errp) == 0) {
        s = qiop_tls_session_new(m->server, QIO_TLS_ENDPOINT_SERVER, m->authz,
                                 errp);
    }
    if (s) {
        ok = !accepted(c, s, m->server_refuses);
    }
    qiop_tls_session_free(c);
    qiop_tls_session_free(s);
    return ok;
}

/* ---- whom ---- */

static struct tlscert ca, server, client;

static void write_side(const char *dir, const char *role,
                       const struct tlscert *trust, const struct tlscert *own)
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

static QIOTLSCreds *load(QIOTLSEndpoint endpoint, const char *dir,
                         const char *priority)
{
    static const char *const settings[][2] = {{"sanity-check", "off"},
                                              {"resumption", "on"}};
    QIOTLSConfig *config =
        qio_tls_config_new(QIO_TLS_CREDS_X509, endpoint, NULL);
    QIOError *err = NULL;
    QIOTLSCreds *creds;
    size_t i;

    for (i = 0; i < 2; i++) {
        ck_assert_int_eq(
            qio_tls_config_set(config, settings[i][0], settings[i][1], &err),
            0);
    }
    ck_assert_int_eq(qio_tls_config_set(config, "dir", dir, &err), 0);
    if (priority) {
        ck_assert_int_eq(qio_tls_config_set(config, "priority", priority, &err),
                         0);
    }
    creds = qio_tls_creds_new(config, &err);
    qiotest_ok(&err);
    qio_tls_config_free(config);
    return creds;
}

enum fault {
    WRONG_HOST,
    UNKNOWN_CA,
    EXPIRED,
    WRONG_PURPOSE,
    REVOKED,
    NO_CERTIFICATE,
    CLIENT_UNKNOWN_CA,
    NOT_ALLOWED,
    NOT_ALLOWED_RESUMED,
    FAULTS,
};

static void make_server(enum fault fault)
{
    struct tlscert_spec spec = {
        .cn = "server",
        .dns = {"localhost"},
        .purpose_ext = TLSCERT_CRITICAL,
        .purpose = {fault == WRONG_PURPOSE ? GNUTLS_KP_TLS_WWW_CLIENT
                                           : GNUTLS_KP_TLS_WWW_SERVER},
        .from_hours = -48,
        .to_hours = fault == EXPIRED ? -24 : 48,
    };

    tlscert_make(&server, &spec, &ca);
}

static void exhaust(enum fault fault, const char *priority)
{
    const char *cdir = tlscert_dir("client"), *sdir = tlscert_dir("server");
    struct match m = {.hostname = "localhost",
                      .server_refuses = fault >= NO_CERTIFICATE};
    struct tlscert other;
    long runs, all;

    tlscert_make_ca(&ca, "good CA");
    tlscert_make_ca(&other, "other CA");
    make_server(fault);
    tlscert_make_client(&client, &ca, "client");
    write_side(cdir, "client", fault == UNKNOWN_CA ? &other : &ca,
               fault == NO_CERTIFICATE ? NULL : &client);
    write_side(sdir, "server", fault == CLIENT_UNKNOWN_CA ? &other : &ca,
               &server);
    if (fault == REVOKED) {
        tlscert_write_crl(cdir, "ca-crl.pem", &ca, &server);
    }
    m.client = load(QIO_TLS_ENDPOINT_CLIENT, cdir, priority);
    m.server = load(QIO_TLS_ENDPOINT_SERVER, sdir, priority);
    m.hostname = fault == WRONG_HOST ? "b.example" : "localhost";
    m.resumed = fault == NOT_ALLOWED_RESUMED;
    if (fault >= NOT_ALLOWED) {
        m.authz = qio_authz_new_simple("CN=somebody else", NULL);
    }
    runs = failmalloc_sample(refuse, &m, 0, RUNS, &all);
    printf("fault %d: %ld of %ld allocations\n", fault, runs, all);
    fflush(stdout);
    qio_authz_unref(m.authz);
    qio_tls_creds_unref(m.client);
    qio_tls_creds_unref(m.server);
    tlscert_free(&ca);
    tlscert_free(&other);
    tlscert_free(&server);
    tlscert_free(&client);
}

START_TEST(test_tls12)
{
    exhaust((enum fault)_i, "NORMAL:-VERS-ALL:+VERS-TLS1.2");
}
END_TEST

START_TEST(test_tls13)
{
    exhaust((enum fault)_i, NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nomem-verify");
    TCase *tc = qiotest_case(s, "nomem-verify");

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, test_tls12, 0, FAULTS);
    tcase_add_loop_test(tc, test_tls13, 0, FAULTS);
    return failmalloc_main(s);
}
