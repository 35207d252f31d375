/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Handshakes of TLS channels: refusals that come late, peers that take their
 * time, sessions that go on from earlier ones. */
#include <config.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qio/authz.h>
#include <qio/channel-tls.h>
#include <qio/task.h>
#include <qio/tls-config.h>
#include <qio/tls-info.h>
#include "loop/waiter.h"
#include "pairs.h"
#include "qiotest.h"
#include "tlscert.h"
#include "tlspair.h"

#define CLIENT QIO_TLS_ENDPOINT_CLIENT
#define SERVER QIO_TLS_ENDPOINT_SERVER

static const char *client_dir, *server_dir;
static struct tlscert ca;

static void setup(void)
{
    struct tlscert server, client;

    client_dir = tlscert_dir("client");
    server_dir = tlscert_dir("server");
    tlscert_make_ca(&ca, "CA");
    tlscert_make_server(&server, &ca);
    tlscert_make_client(&client, &ca, "client");
    tlscert_write(client_dir, "ca-cert.pem", &ca, NULL);
    tlscert_write(client_dir, "client-cert.pem", &client, NULL);
    tlscert_write_key(client_dir, "client-key.pem", &client, NULL);
    tlscert_write(server_dir, "ca-cert.pem", &ca, NULL);
    tlscert_write(server_dir, "server-cert.pem", &server, NULL);
    tlscert_write_key(server_dir, "server-key.pem", &server, NULL);
    tlscert_free(&server);
    tlscert_free(&client);
}

static void teardown(void)
{
    tlscert_free(&ca);
}

static QIOTLSCreds *load(QIOTLSEndpoint endpoint, const char *resumption)
{
    QIOTLSConfig *config =
        qio_tls_config_new(QIO_TLS_CREDS_X509, endpoint, NULL);
    QIOError *err = NULL;
    QIOTLSCreds *creds;

    ck_assert_int_eq(
        qio_tls_config_set(config, "dir",
                           endpoint == SERVER ? server_dir : client_dir, &err),
        0);
    ck_assert_int_eq(qio_tls_config_set(config, "resumption", resumption, &err),
                     0);
    ck_assert_int_eq(qio_tls_config_set(config, "sanity-check", "off", &err),
                     0);
    creds = qio_tls_creds_new(config, &err);
    qiotest_ok(&err);
    qio_tls_config_free(config);
    return creds;
}

struct ends {
    QIOChannel *base[2], *client, *server;
};

static void ends_make(struct ends *e, bool tcp, QIOTLSCreds *c, QIOTLSCreds *s,
                      QIOAuthz *authz)
{
    QIOError *err = NULL;

    ck_assert_int_eq((tcp ? pair_tcp : pair_unix)(NULL, e->base, &err), 0);
    e->client = qio_channel_tls_new_client(e->base[0], c, "localhost", &err);
    qiotest_ok(&err);
    e->server = qio_channel_tls_new_server(e->base[1], s, authz, &err);
    qiotest_ok(&err);
}

static void drop(QIOChannel **ioc)
{
    qio_channel_unref(*ioc);
    *ioc = NULL;
}

static void ends_free(struct ends *e)
{
    drop(&e->client);
    drop(&e->base[0]);
    drop(&e->server);
    drop(&e->base[1]);
}

/* ---- refused when the client thinks that all is well ---- */

enum fault { NO_CERTIFICATE, UNKNOWN_CA, REVOKED, NOT_ALLOWED, FAULTS };

static const struct {
    QIOErrorCode server;
    const char *client;
} said[FAULTS] = {
    [NO_CERTIFICATE] = {QIO_ERROR_TLS_VERIFY,
                        "the peer wants a certificate and we have none: "
                        "certificate required (TLS alert 116)"},
    [UNKNOWN_CA] = {QIO_ERROR_TLS_VERIFY, "the peer rejected our certificate: "
                                          "unknown CA (TLS alert 48)"},
    [REVOKED] = {QIO_ERROR_TLS_VERIFY, "the peer rejected our certificate: "
                                       "certificate revoked (TLS alert 44)"},
    [NOT_ALLOWED] = {QIO_ERROR_AUTHZ, "the peer knows us, but does not let us "
                                      "in: access denied (TLS alert 49)"},
};

static void arrange(enum fault fault)
{
    struct tlscert other, client;
    char path[300];

    if (fault == NO_CERTIFICATE) {
        snprintf(path, sizeof(path), "%s/client-cert.pem", client_dir);
        ck_assert_int_eq(unlink(path), 0);
        snprintf(path, sizeof(path), "%s/client-key.pem", client_dir);
        ck_assert_int_eq(unlink(path), 0);
        return;
    }
    tlscert_make_ca(&other, "other CA");
    tlscert_make_client(&client, fault == UNKNOWN_CA ? &other : &ca, "client");
    tlscert_write(client_dir, "client-cert.pem", &client, NULL);
    tlscert_write_key(client_dir, "client-key.pem", &client, NULL);
    if (fault == REVOKED) {
        tlscert_write_crl(server_dir, "ca-crl.pem", &ca, &client);
    }
    tlscert_free(&client);
    tlscert_free(&other);
}

/* The handshake with TLS 1.3 is over for the client before the server has
 * looked at it. The first read says why there is nothing to read, also after
 * the client has sent what nobody wants. */
static void refuse_late(enum fault fault, bool tcp, bool writes)
{
    QIOTLSCreds *c, *s;
    QIOAuthz *authz =
        fault == NOT_ALLOWED ? qio_authz_new_simple("CN=nobody", NULL) : NULL;
    QIOError *err = NULL;
    struct ends e;
    char byte = 'x';

    arrange(fault);
    c = load(CLIENT, "off");
    s = load(SERVER, "off");
    ends_make(&e, tcp, c, s, authz);
    ck_assert_int_eq(qio_channel_open_sync(e.client, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    ck_assert_int_eq(qio_channel_open_sync(e.server, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    ck_assert_int_eq(qio_channel_open_sync(e.client, 5000, &err), 0);
    if (writes) {
        ck_assert_int_eq(qio_channel_write(e.client, &byte, 1, &err), 1);
    }
    ck_assert_int_eq(qio_channel_open_sync(e.server, 5000, &err), -1);
    qiotest_error(&err, said[fault].server);
    drop(&e.server);
    drop(&e.base[1]);
    ck_assert_int_eq(qio_channel_read(e.client, &byte, 1, &err), -1);
    ck_assert_str_eq(qio_error_message(err), said[fault].client);
    qiotest_error(&err, QIO_ERROR_TLS_REJECTED);
    /* Nor does it change its mind. */
    ck_assert_int_eq(qio_channel_write(e.client, &byte, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_TLS_REJECTED);
    ends_free(&e);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
    qio_authz_unref(authz);
}

START_TEST(late_rejection)
{
    refuse_late((enum fault)_i, false, false);
}
END_TEST

START_TEST(late_rejection_written)
{
    refuse_late((enum fault)_i, false, true);
}
END_TEST

START_TEST(late_rejection_tcp)
{
    refuse_late((enum fault)_i, true, true);
}
END_TEST

/* ---- deadlines ---- */

struct crumbs {
    QIOChannel *to;
    atomic_bool stop;
};

/* A client hello of 16000 bytes, of which one now and then. */
static void *feed(void *opaque)
{
    static const unsigned char head[] = {22, 3, 1,    0x3e, 0x84,
                                         1,  0, 0x3e, 0x80};
    struct crumbs *c = opaque;
    size_t i;

    for (i = 0; !atomic_load(&c->stop); i++) {
        unsigned char byte = i < sizeof(head) ? head[i] : 0;

        if (qio_channel_write(c->to, &byte, 1, NULL) != 1) {
            break;
        }
        usleep(2000);
    }
    return NULL;
}

/* The limit is for the whole handshake, whatever arrives meanwhile. */
START_TEST(crumbs)
{
    QIOTLSCreds *s = load(SERVER, "off");
    QIOChannel *base[2], *server;
    QIOError *err = NULL;
    struct crumbs c;
    pthread_t thread;

    ck_assert_int_eq(pair_unix(NULL, base, &err), 0);
    server = qio_channel_tls_new_server(base[1], s, NULL, &err);
    c.to = base[0];
    atomic_init(&c.stop, false);
    ck_assert_int_eq(pthread_create(&thread, NULL, feed, &c), 0);
    ck_assert_int_eq(qio_channel_tls_handshake(server, 60, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    atomic_store(&c.stop, true);
    pthread_join(thread, NULL);
    qio_channel_unref(server);
    qio_channel_unref(base[0]);
    qio_channel_unref(base[1]);
    qio_tls_creds_unref(s);
}
END_TEST

/* ---- resumption ---- */

static void open_ends(struct ends *e)
{
    struct tlspair_result c, s;

    tlspair_handshake(e->client, e->server, &c, &s);
    qiotest_ok(&c.err);
    qiotest_ok(&s.err);
}

static bool resumed(QIOChannel *ioc)
{
    QIOError *err = NULL;
    char *text = qio_channel_tls_fact(ioc, QIO_TLS_FACT_RESUMED, &err);
    bool ret;

    qiotest_ok(&err);
    ret = strcmp(text, "yes") == 0;
    free(text);
    return ret;
}

static void send_byte(QIOChannel *from, QIOChannel *to)
{
    QIOError *err = NULL;
    char byte = 'x';

    ck_assert_int_eq(qio_channel_write(from, &byte, 1, &err), 1);
    ck_assert_int_eq(qio_channel_read(to, &byte, 1, &err), 1);
    qiotest_ok(&err);
}

/* As many at once as there are tickets, over TCP. */
START_TEST(several)
{
    QIOTLSCreds *c = load(CLIENT, "on"), *s = load(SERVER, "on");
    struct ends first, more[3];
    int i;

    ends_make(&first, true, c, s, NULL);
    open_ends(&first);
    ck_assert(!resumed(first.client) && !resumed(first.server));
    send_byte(first.client, first.server);
    send_byte(first.server, first.client);
    for (i = 0; i < 3; i++) {
        ends_make(&more[i], true, c, s, NULL);
        open_ends(&more[i]);
        ck_assert(resumed(more[i].client) && resumed(more[i].server));
    }
    for (i = 0; i < 3; i++) {
        send_byte(more[i].server, more[i].client);
        send_byte(more[i].client, more[i].server);
        ends_free(&more[i]);
    }
    ends_free(&first);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
}
END_TEST

#define MUCH (256u << 10)

static void *write_much(void *opaque)
{
    static char data[MUCH];
    QIOChannel *ioc = opaque;
    QIOError *err = NULL;

    ck_assert_int_eq(qio_channel_write_all(ioc, data, sizeof(data), &err), 0);
    ck_assert_int_eq(qio_channel_close(ioc, &err), 0);
    qiotest_ok(&err);
    return NULL;
}

/* A sender that never reads and closes at once, and a receiver that offers
 * tickets: the end arrives as well. A socket closed with something unread in it
 * would reset the connection. */
START_TEST(sender_that_never_reads)
{
    QIOTLSCreds *c = load(CLIENT, "on"), *s = load(SERVER, "on");
    QIOError *err = NULL;
    pthread_t thread;
    struct ends e;
    char buf[4096];
    size_t total = 0;
    ssize_t n;

    ends_make(&e, true, c, s, NULL);
    open_ends(&e);
    ck_assert_int_eq(pthread_create(&thread, NULL, write_much, e.client), 0);
    while ((n = qio_channel_read(e.server, buf, sizeof(buf), &err)) > 0) {
        total += (size_t)n;
        if (total == MUCH) {
            pthread_join(thread, NULL);
        }
    }
    qiotest_ok(&err);
    ck_assert_int_eq(n, 0);
    ck_assert_uint_eq(total, MUCH);
    ends_free(&e);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
}
END_TEST

/* QEMU's one case of a TLS channel (test-io-channel-tls): both handshakes in
 * one loop, an authorizer, then bytes without blocking and with. */
START_TEST(basic)
{
    static unsigned char out[1 << 20], in[1 << 20];
    struct waiter open[2] = {{0}, {0}}, moved[2] = {{0}, {0}};
    QIOLoop *loop = qio_loop_new(NULL);
    QIOTLSCreds *c = load(CLIENT, "off"), *s = load(SERVER, "off");
    QIOAuthz *authz = qio_authz_new_list(false, NULL);
    QIOChannel *base[2], *ioc[2];
    QIOError *err = NULL;
    pthread_t thread;
    size_t total = 0;
    ssize_t n;

    ck_assert_int_eq(qio_authz_list_append(authz, "CN=cli*,C=UK",
                                           QIO_AUTHZ_FORMAT_GLOB, true, &err),
                     0);
    ck_assert_int_eq(pair_unix(NULL, base, &err), 0);
    ioc[0] = qio_channel_tls_new_client(base[0], c, "localhost", &err);
    ioc[1] = qio_channel_tls_new_server(base[1], s, authz, &err);
    qiotest_ok(&err);
    for (int i = 0; i < 2; i++) {
        qio_channel_set_blocking(ioc[i], false);
        ck_assert_ptr_nonnull(qio_channel_open_async(
            ioc[i], loop, 20000, waiter_fn, &open[i], waiter_destroy, NULL));
    }
    for (int i = 0; i < 2; i++) {
        waiter_wait(&open[i], loop);
        qiotest_ok(&open[i].err);
        waiter_clear(&open[i]);
    }
    memset(out, 'q', sizeof(out));
    ck_assert_ptr_nonnull(qio_channel_write_all_async(
        ioc[0], loop, out, sizeof(out), 20000, waiter_fn, &moved[0],
        waiter_destroy, NULL));
    ck_assert_ptr_nonnull(
        qio_channel_read_all_async(ioc[1], loop, in, sizeof(in), 20000,
                                   waiter_fn, &moved[1], waiter_destroy, NULL));
    for (int i = 0; i < 2; i++) {
        waiter_wait(&moved[i], loop);
        qiotest_ok(&moved[i].err);
        waiter_clear(&moved[i]);
        qio_channel_set_blocking(ioc[i], true);
    }
    ck_assert_mem_eq(in, out, sizeof(out));
    ck_assert_int_eq(pthread_create(&thread, NULL, write_much, ioc[0]), 0);
    while (total < MUCH &&
           (n = qio_channel_read(ioc[1], in, sizeof(in), &err)) > 0) {
        total += (size_t)n;
    }
    pthread_join(thread, NULL);
    qiotest_ok(&err);
    ck_assert_uint_eq(total, MUCH);
    for (int i = 0; i < 2; i++) {
        qio_channel_unref(ioc[i]);
        qio_channel_unref(base[i]);
    }
    qio_authz_unref(authz);
    qio_tls_creds_unref(c);
    qio_tls_creds_unref(s);
    qio_loop_free(loop);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("channel-tls-handshake");
    TCase *tc = qiotest_case(s, "handshake");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, late_rejection, 0, FAULTS);
    tcase_add_loop_test(tc, late_rejection_written, 0, FAULTS);
    tcase_add_loop_test(tc, late_rejection_tcp, 0, FAULTS);
    tcase_add_test(tc, basic);
    tcase_add_test(tc, crumbs);
    tcase_add_test(tc, several);
    tcase_add_test(tc, sender_that_never_reads);
    return qiotest_main(s);
}
