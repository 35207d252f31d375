/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tls-echo-server PKI-DIR URI COUNT: listen, and send back to each of COUNT
 * clients what it says, over TLS. URI may be any listening endpoint, for
 * example tcp:localhost:0 (any free port) or unix:/tmp/echo.
 */
#include <stdio.h>
#include <stdlib.h>
#include <qio/qio.h>

static QIOListener *listen_tls(const char *uri, QIOObjects *objects,
                               const char *dir, QIOError **errp)
{
    QIOTLSCreds *creds = qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_SERVER, dir,
                                                NULL, NULL, 0, errp);
    QIOEndpoint *ep = creds ? qio_endpoint_parse(uri, errp) : NULL;
    QIOListener *listener = NULL;

    if (ep && qio_objects_add_tls_creds(objects, "tls0", creds, errp) == 0 &&
        qio_endpoint_add_tls(ep, "tls0", NULL, NULL, errp) == 0) {
        listener = qio_endpoint_listen_sync(ep, objects, 16, errp);
    }
    qio_endpoint_free(ep);
    qio_tls_creds_unref(creds);
    return listener;
}

static int say_where(QIOListener *listener, QIOError **errp)
{
    for (size_t i = 0; i < qio_listener_count(listener); i++) {
        QIOAddress *addr = qio_listener_get_address(listener, i, errp);
        char *text = addr ? qio_address_to_string(addr, errp) : NULL;

        qio_address_free(addr);
        if (!text) {
            return -1;
        }
        printf("%s\n", text);
        free(text);
    }
    fflush(stdout);
    return 0;
}

/* One client from the handshake to the end. */
static int serve_one(QIOListener *listener, QIOError **errp)
{
    QIOChannel *ioc = qio_listener_accept_open_sync(
        listener, QIO_ENDPOINT_READWRITE, -1, errp);
    int result = -1;

    if (ioc && qio_channel_copy(ioc, ioc, 0, NULL, errp) == 0 &&
        qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, errp) == 0 &&
        qio_channel_flush(ioc, errp) == 0) {
        result = 0;
    }
    qio_channel_unref(ioc);
    return result;
}

static void complain(QIOError **errp)
{
    fprintf(stderr, "tls-echo-server: %s\n", qio_error_message(*errp));
    qio_error_free(*errp);
    *errp = NULL;
}

int main(int argc, char **argv)
{
    QIOError *err = NULL;
    QIOObjects *objects;
    QIOListener *listener = NULL;
    int result = 1;

    if (argc != 4) {
        fprintf(stderr, "usage: tls-echo-server PKI-DIR URI COUNT\n");
        return 2;
    }
    objects = qio_objects_new(&err);
    if (objects) {
        listener = listen_tls(argv[2], objects, argv[1], &err);
    }
    if (!listener || say_where(listener, &err) < 0) {
        complain(&err);
        goto out;
    }
    result = 0;
    for (int i = atoi(argv[3]); i > 0; i--) {
        /* A client that fails is its own affair. */
        if (serve_one(listener, &err) < 0) {
            complain(&err);
        }
    }
out:
    qio_listener_free(listener);
    qio_objects_free(objects);
    return result;
}
