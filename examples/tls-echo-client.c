/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tls-echo-client PKI-DIR HOST PORT TEXT: connect with TLS, check that the
 * server's certificate is for HOST, send TEXT, print what comes back.
 */
#include <stdio.h>
#include <string.h>
#include <qio/qio.h>

/* Milliseconds for connecting and for the handshake. */
#define PATIENCE 10000

static QIOChannel *connect_tls(const char *host, const char *port,
                               QIOTLSCreds *creds, QIOError **errp)
{
    QIOAddress *addr = qio_address_new_inet(host, port, errp);
    QIOChannel *tcp;
    QIOChannel *tls;

    if (!addr) {
        return NULL;
    }
    tcp = qio_channel_socket_connect_sync(addr, PATIENCE, errp);
    qio_address_free(addr);
    if (!tcp) {
        return NULL;
    }
    tls = qio_channel_tls_new_client(tcp, creds, host, errp);
    /* The layer has its own reference on what is beneath it. */
    qio_channel_unref(tcp);
    if (tls && qio_channel_tls_handshake(tls, PATIENCE, errp) < 0) {
        qio_channel_unref(tls);
        return NULL;
    }
    return tls;
}

static int talk(QIOChannel *ioc, const char *text, QIOError **errp)
{
    char buf[4096];
    ssize_t n;

    if (qio_channel_write_all(ioc, text, strlen(text), errp) < 0 ||
        qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, errp) < 0 ||
        qio_channel_flush(ioc, errp) < 0) {
        return -1;
    }
    /* 0 is the peer's close_notify: the answer is whole. A cut connection is
     * an error instead. */
    while ((n = qio_channel_read(ioc, buf, sizeof(buf), errp)) > 0) {
        fwrite(buf, 1, (size_t)n, stdout);
    }
    putchar('\n');
    return (int)n;
}

int main(int argc, char **argv)
{
    QIOError *err = NULL;
    QIOTLSCreds *creds;
    QIOChannel *ioc = NULL;
    int result = 1;

    if (argc != 5) {
        fprintf(stderr, "usage: tls-echo-client PKI-DIR HOST PORT TEXT\n");
        return 2;
    }
    creds = qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_CLIENT, argv[1], NULL, NULL,
                                   0, &err);
    if (!creds) {
        goto out;
    }
    ioc = connect_tls(argv[2], argv[3], creds, &err);
    if (!ioc || talk(ioc, argv[4], &err) < 0) {
        goto out;
    }
    result = 0;
out:
    if (err) {
        fprintf(stderr, "tls-echo-client: %s: %s\n",
                qio_error_code_name(qio_error_code(err)),
                qio_error_message(err));
        qio_error_free(err);
    }
    qio_channel_unref(ioc);
    qio_tls_creds_unref(creds);
    return result;
}
