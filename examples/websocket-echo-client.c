/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * websocket-echo-client [--object TEXT] URI PATH [COUNT]: connect to a
 * websocket server and send every message back to it until it closes; COUNT
 * times, 1 by default. With ,tls-creds=ID in URI over TLS.
 *
 *   websocket-echo-client tcp:localhost:9001 '/runCase?case=1&agent=qio'
 *
 * For servers that try their clients out: what goes wrong with one connection
 * is said, and the next one made. Only that nobody listens ends it all.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include "websocket-echo.h"

#define PROGRAM "websocket-echo-client"
/* Milliseconds for connecting, and for the handshake. */
#define PATIENCE 10000

typedef struct Client {
    QIOObjects *objects;
    QIOWebsocketOptions *options;
    QIOEndpoint *ep;
} Client;

/* One connection from here to its end. Returns 0, or -1; *reached: whether
 * somebody was there. */
static int once(const Client *c, bool *reached, QIOError **errp)
{
    QIOChannel *base = qio_endpoint_connect_sync(
        c->ep, c->objects, QIO_ENDPOINT_READWRITE, PATIENCE, errp);
    QIOChannel *ws;
    int result = -1;

    *reached = base != NULL;
    if (!base) {
        return -1;
    }
    ws = qio_channel_websocket_new_client(base, c->options, errp);
    qio_channel_unref(base);
    if (ws && qio_channel_websocket_handshake(ws, PATIENCE, errp) == 0) {
        result = websocket_echo(ws, errp);
    }
    qio_channel_unref(ws);
    return result;
}

static void complain(QIOError **errp)
{
    fprintf(stderr, PROGRAM ": %s: %s\n",
            qio_error_code_name(qio_error_code(*errp)),
            qio_error_message(*errp));
    qio_error_free(*errp);
    *errp = NULL;
}

static int run(const Client *c, int count)
{
    bool reached = true;
    int result = 0;

    for (int i = 0; i < count && reached; i++) {
        QIOError *err = NULL;

        if (once(c, &reached, &err) < 0) {
            complain(&err);
            result = 1;
        }
    }
    return result;
}

/* Returns 0, -1, or 1 for what is no use of ours. */
static int parse(Client *c, int argc, char **argv, QIOError **errp)
{
    static const struct option options[] = {
        {"object", required_argument, NULL, 'o'},
        {NULL, 0, NULL, 0},
    };
    int o;

    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (o != 'o') {
            return 1;
        }
        if (qio_objects_add(c->objects, optarg, errp) < 0) {
            return -1;
        }
    }
    if (argc - optind < 2 || argc - optind > 3) {
        return 1;
    }
    c->ep = qio_endpoint_parse(argv[optind], errp);
    if (!c->ep) {
        return -1;
    }
    qio_websocket_options_set_text(c->options, true);
    qio_websocket_options_set_limits(c->options, ECHO_MAX, ECHO_MAX);
    return qio_websocket_options_set_path(c->options, argv[optind + 1], errp);
}

int main(int argc, char **argv)
{
    QIOError *err = NULL;
    Client c = {.objects = qio_objects_new(&err)};
    int result = 1;
    int r = -1;

    if (c.objects) {
        c.options = qio_websocket_options_new(&err);
    }
    if (c.options) {
        r = parse(&c, argc, argv, &err);
    }
    if (r < 0) {
        complain(&err);
    } else if (r > 0) {
        fprintf(stderr,
                "usage: " PROGRAM " [--object TEXT] URI PATH [COUNT]\n");
        result = 2;
    } else {
        result = run(&c, optind + 2 < argc ? atoi(argv[optind + 2]) : 1);
    }
    qio_endpoint_free(c.ep);
    qio_websocket_options_free(c.options);
    qio_objects_free(c.objects);
    return result;
}
