/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tls-sessions PKI-DIR HOST PORT N: N sessions with one server, one after the
 * other, each with a line that the server answers; says which of them went on
 * from an earlier one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <qio/qio.h>

#define PATIENCE 10000

/* The tickets are kept in the credentials: use the same ones. */
static QIOTLSCreds *load(const char *pki, QIOError **errp)
{
    QIOTLSConfig *config =
        qio_tls_config_new(QIO_TLS_CREDS_X509, QIO_TLS_ENDPOINT_CLIENT, errp);
    QIOTLSCreds *creds = NULL;

    if (config && qio_tls_config_set(config, "dir", pki, errp) == 0 &&
        qio_tls_config_set(config, "resumption", "on", errp) == 0) {
        creds = qio_tls_creds_new(config, errp);
    }
    qio_tls_config_free(config);
    return creds;
}

static QIOChannel *connect_tls(const char *host, const char *port,
                               QIOTLSCreds *creds, QIOError **errp)
{
    QIOAddress *addr = qio_address_new_inet(host, port, errp);
    QIOChannel *tcp =
        addr ? qio_channel_socket_connect_sync(addr, PATIENCE, errp) : NULL;
    QIOChannel *tls =
        tcp ? qio_channel_tls_new_client(tcp, creds, host, errp) : NULL;

    qio_address_free(addr);
    qio_channel_unref(tcp);
    if (tls && qio_channel_tls_handshake(tls, PATIENCE, errp) < 0) {
        qio_channel_unref(tls);
        return NULL;
    }
    return tls;
}

static int tell(QIOChannel *ioc, int i, QIOError **errp)
{
    char *version = qio_channel_tls_fact(ioc, QIO_TLS_FACT_VERSION, errp);
    char *resumed =
        version ? qio_channel_tls_fact(ioc, QIO_TLS_FACT_RESUMED, errp) : NULL;

    if (resumed) {
        printf("session %d: %s, %s\n", i, version,
               strcmp(resumed, "yes") == 0 ? "resumed" : "full handshake");
    }
    free(version);
    free(resumed);
    return resumed ? 0 : -1;
}

/* With TLS 1.3 a server gives tickets after the handshake: whoever wants them
 * has to read. */
static int talk(QIOChannel *ioc, QIOError **errp)
{
    static const char line[] = "hello\n";
    char answer[sizeof(line)];

    qio_channel_set_timeout(ioc, PATIENCE);
    return qio_channel_write_all(ioc, line, strlen(line), errp) == 0 &&
                   qio_channel_read_all(ioc, answer, strlen(line), errp) == 0
               ? qio_channel_close(ioc, errp)
               : -1;
}

static int session(const char *host, const char *port, QIOTLSCreds *creds,
                   int i, QIOError **errp)
{
    QIOChannel *ioc = connect_tls(host, port, creds, errp);
    int result =
        ioc && tell(ioc, i, errp) == 0 && talk(ioc, errp) == 0 ? 0 : -1;

    qio_channel_unref(ioc);
    return result;
}

int main(int argc, char **argv)
{
    QIOError *err = NULL;
    QIOTLSCreds *creds;
    int result = 1;
    int i = 0;

    if (argc != 5) {
        fprintf(stderr, "usage: tls-sessions PKI-DIR HOST PORT N\n");
        return 2;
    }
    creds = load(argv[1], &err);
    if (creds) {
        while (i < atoi(argv[4]) &&
               session(argv[2], argv[3], creds, i + 1, &err) == 0) {
            i++;
        }
        result = i == atoi(argv[4]) ? 0 : 1;
    }
    if (err) {
        fprintf(stderr, "tls-sessions: %s\n", qio_error_message(err));
        qio_error_free(err);
    }
    qio_tls_creds_unref(creds);
    return result;
}
