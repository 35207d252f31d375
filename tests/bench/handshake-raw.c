/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Handshakes of GnuTLS with nothing around it, for bench-handshake. */
#include "bench-handshake.h"

#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "bench.h"

#define SERVER 1
#define CLIENT 0

/* Loaded and parsed once. */
static gnutls_certificate_credentials_t x509[2];
static gnutls_psk_client_credentials_t psk_client;
static gnutls_psk_server_credentials_t psk_server;
static gnutls_priority_t priority;
static gnutls_datum_t ticket_key, ticket;

static void check(int r)
{
    if (r < 0) {
        bench_fail(gnutls_strerror(r));
    }
}

/* ---- once ---- */

static const char *in(const char *dir, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", dir, name);
    return path;
}

static void load_x509(const char *dir, int end, bool own)
{
    const char *cert = end == SERVER ? "server-cert.pem" : "client-cert.pem";
    const char *key = end == SERVER ? "server-key.pem" : "client-key.pem";
    char a[128], b[128];

    check(gnutls_certificate_allocate_credentials(&x509[end]));
    check(gnutls_certificate_set_x509_trust_file(
        x509[end], in(dir, "ca-cert.pem", a), GNUTLS_X509_FMT_PEM));
    if (own) {
        check(gnutls_certificate_set_x509_key_file(
            x509[end], in(dir, cert, a), in(dir, key, b), GNUTLS_X509_FMT_PEM));
    }
}

static void load_psk(const char *dir)
{
    const gnutls_datum_t key = {(unsigned char *)HANDSHAKE_KEY,
                                (unsigned)strlen(HANDSHAKE_KEY)};
    char path[128];

    check(gnutls_psk_allocate_client_credentials(&psk_client));
    check(gnutls_psk_set_client_credentials(psk_client, HANDSHAKE_USER, &key,
                                            GNUTLS_PSK_KEY_HEX));
    check(gnutls_psk_allocate_server_credentials(&psk_server));
    check(gnutls_psk_set_server_credentials_file(psk_server,
                                                 in(dir, "keys.psk", path)));
}

void raw_setup(const struct handshake *h, const char *dir)
{
    check(gnutls_priority_init(
        &priority, h->psk ? HANDSHAKE_PSK_PRIORITY : HANDSHAKE_PRIORITY, NULL));
    if (h->psk) {
        load_psk(dir);
    } else {
        load_x509(dir, SERVER, true);
        load_x509(dir, CLIENT, h->mutual);
    }
    check(gnutls_session_ticket_key_generate(&ticket_key));
}

void raw_free(const struct handshake *h)
{
    gnutls_priority_deinit(priority);
    if (h->psk) {
        gnutls_psk_free_client_credentials(psk_client);
        gnutls_psk_free_server_credentials(psk_server);
    } else {
        gnutls_certificate_free_credentials(x509[SERVER]);
        gnutls_certificate_free_credentials(x509[CLIENT]);
    }
    gnutls_free(ticket_key.data);
    gnutls_free(ticket.data);
    ticket_key.data = ticket.data = NULL;
}

/* ---- each time ---- */

static gnutls_session_t make(const struct handshake *h, int end, int fd)
{
    unsigned flags = GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL;
    gnutls_session_t s;

    flags |= h->resume ? GNUTLS_NO_AUTO_SEND_TICKET : GNUTLS_NO_TICKETS;
    check(gnutls_init(&s,
                      flags | (end == SERVER ? GNUTLS_SERVER : GNUTLS_CLIENT)));
    check(gnutls_priority_set(s, priority));
    gnutls_transport_set_int(s, fd);
    if (h->psk) {
        check(gnutls_credentials_set(s, GNUTLS_CRD_PSK,
                                     end == SERVER ? (void *)psk_server
                                                   : (void *)psk_client));
        return s;
    }
    check(gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, x509[end]));
    if (end == CLIENT) {
        check(gnutls_server_name_set(s, GNUTLS_NAME_DNS, HANDSHAKE_HOST,
                                     strlen(HANDSHAKE_HOST)));
        gnutls_session_set_verify_cert(s, HANDSHAKE_HOST, 0);
    } else if (h->mutual) {
        gnutls_certificate_server_set_request(s, GNUTLS_CERT_REQUIRE);
        gnutls_certificate_send_x509_rdn_sequence(s, 1);
        gnutls_session_set_verify_cert(s, NULL, 0);
    }
    return s;
}

static void take_up(gnutls_session_t client, gnutls_session_t server)
{
    check(gnutls_session_ticket_enable_server(server, &ticket_key));
    if (ticket.data) {
        check(gnutls_session_set_data(client, ticket.data, ticket.size));
        gnutls_free(ticket.data);
        ticket.data = NULL;
    }
}

static void shake_hands(gnutls_session_t client, gnutls_session_t server)
{
    int c = GNUTLS_E_AGAIN, s = GNUTLS_E_AGAIN;

    while (c < 0 || s < 0) {
        c = c < 0 ? gnutls_handshake(client) : c;
        s = s < 0 ? gnutls_handshake(server) : s;
        if ((c < 0 && gnutls_error_is_fatal(c)) ||
            (s < 0 && gnutls_error_is_fatal(s))) {
            bench_fail("the bare handshake failed");
        }
    }
}

static void byte_from(gnutls_session_t server, gnutls_session_t client)
{
    char byte = 'x';
    ssize_t n;

    if (gnutls_record_send(server, &byte, 1) != 1) {
        bench_fail("cannot send");
    }
    do {
        n = gnutls_record_recv(client, &byte, 1);
    } while (n == GNUTLS_E_AGAIN);
    if (n != 1) {
        bench_fail("cannot receive");
    }
}

static void one(const struct handshake *h, bool expect_resumed)
{
    gnutls_session_t client, server;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                   fds)) {
        bench_fail("cannot make a socket pair");
    }
    client = make(h, CLIENT, fds[0]);
    server = make(h, SERVER, fds[1]);
    if (h->resume) {
        take_up(client, server);
    }
    shake_hands(client, server);
    if (!gnutls_session_is_resumed(client) == expect_resumed) {
        bench_fail("a bare session is not what it should be");
    }
    if (h->resume) {
        check(gnutls_session_ticket_send(server, 1, 0));
    }
    byte_from(server, client);
    if (h->resume) {
        check(gnutls_session_get_data2(client, &ticket));
    }
    gnutls_deinit(client);
    gnutls_deinit(server);
    close(fds[0]);
    close(fds[1]);
}

void raw_run(const struct handshake *h, int n)
{
    for (int i = 0; i < n; i++) {
        one(h, ticket.data != NULL);
    }
}
