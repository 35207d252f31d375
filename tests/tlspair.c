/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A TLS pair for tests; see tlspair.h. */
#include <config.h>
#include "tlspair.h"

#include <pthread.h>
#include "qiotest.h"
#include "tlscert.h"

#define HANDSHAKE_MS 20000

static void write_files(const char *dir)
{
    struct tlscert ca, server, client;

    tlscert_make_ca(&ca, "test CA");
    tlscert_make_server(&server, &ca);
    tlscert_make_client(&client, &ca, "client");
    tlscert_write(dir, "ca-cert.pem", &ca, NULL);
    tlscert_write(dir, "server-cert.pem", &server, NULL);
    tlscert_write_key(dir, "server-key.pem", &server, NULL);
    tlscert_write(dir, "client-cert.pem", &client, NULL);
    tlscert_write_key(dir, "client-key.pem", &client, NULL);
    tlscert_free(&ca);
    tlscert_free(&server);
    tlscert_free(&client);
}

void tlspair_creds_make(struct tlspair_creds *creds, const char *priority)
{
    const char *dir = tlscert_dir("tlspair");
    QIOError *err = NULL;

    write_files(dir);
    creds->server = qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_SERVER, dir, NULL,
                                           priority, 0, &err);
    qiotest_ok(&err);
    creds->client = qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_CLIENT, dir, NULL,
                                           priority, 0, &err);
    qiotest_ok(&err);
}

void tlspair_creds_make_psk(struct tlspair_creds *creds, const char *priority)
{
    const char *dir = tlscert_dir("tlspair-psk");
    QIOError *err = NULL;

    tlscert_write_text(dir, "keys.psk",
                       "qemu:5a8db3a1c02d4dbb1ff5b5a0c7a7d2e6\n");
    creds->server = qio_tls_creds_psk_new(QIO_TLS_ENDPOINT_SERVER, dir, NULL,
                                          priority, 0, &err);
    qiotest_ok(&err);
    creds->client = qio_tls_creds_psk_new(QIO_TLS_ENDPOINT_CLIENT, dir, NULL,
                                          priority, 0, &err);
    qiotest_ok(&err);
}

void tlspair_creds_free(struct tlspair_creds *creds)
{
    qio_tls_creds_unref(creds->client);
    qio_tls_creds_unref(creds->server);
    creds->client = NULL;
    creds->server = NULL;
}

struct opening {
    QIOChannel *ioc;
    struct tlspair_result *result;
};

static void *open_one(void *opaque)
{
    struct opening *o = opaque;

    o->result->err = NULL;
    o->result->ret =
        qio_channel_open_sync(o->ioc, HANDSHAKE_MS, &o->result->err);
    return NULL;
}

void tlspair_handshake(QIOChannel *client, QIOChannel *server,
                       struct tlspair_result *client_result,
                       struct tlspair_result *server_result)
{
    struct opening c = {client, client_result}, s = {server, server_result};
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, open_one, &s), 0);
    open_one(&c);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

void tlspair_open(const struct tlspair_creds *creds, QIOChannel *client_base,
                  QIOChannel *server_base, QIOChannel **client,
                  QIOChannel **server)
{
    struct tlspair_result c, s;
    QIOError *err = NULL;

    *client = qio_channel_tls_new_client(client_base, creds->client,
                                         "localhost", &err);
    qiotest_ok(&err);
    *server =
        qio_channel_tls_new_server(server_base, creds->server, NULL, &err);
    qiotest_ok(&err);
    tlspair_handshake(*client, *server, &c, &s);
    qiotest_ok(&c.err);
    qiotest_ok(&s.err);
}
