/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A TLS client and server above any two connected channels, for tests. */
#ifndef TLSPAIR_H
#define TLSPAIR_H

#include <qio/channel-tls.h>
#include <qio/tls-creds.h>

struct tlspair_creds {
    QIOTLSCreds *client;
    QIOTLSCreds *server;
};

/* x509 credentials that accept each other; the server is "localhost",
 * "a.example", 127.0.0.1 and ::1, the client CN=client,C=UK. Files go to the
 * test's scratch directory. priority: NULL for the default. */
void tlspair_creds_make(struct tlspair_creds *creds, const char *priority);
/* The same with pre-shared keys. */
void tlspair_creds_make_psk(struct tlspair_creds *creds, const char *priority);
void tlspair_creds_free(struct tlspair_creds *creds);

/* Open TLS channels above both bases (which are opened too if need be), the
 * server's side in a helper thread. They hold their own references on the
 * bases. Asserts that all goes well. */
void tlspair_open(const struct tlspair_creds *creds, QIOChannel *client_base,
                  QIOChannel *server_base, QIOChannel **client,
                  QIOChannel **server);

/* What became of a handshake. */
struct tlspair_result {
    int ret;
    QIOError *err;
};

/* Drive both handshakes to their ends, whatever those are. */
void tlspair_handshake(QIOChannel *client, QIOChannel *server,
                       struct tlspair_result *client_result,
                       struct tlspair_result *server_result);

#endif
