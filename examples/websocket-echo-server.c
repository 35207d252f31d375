/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * websocket-echo-server [--object TEXT] [--origin ORIGIN] [--binary] URI:
 * send every message of every websocket client back to it, text as text. With
 * ,tls-creds=ID in URI over TLS.
 *
 *   websocket-echo-server tcp:localhost:9000
 *
 * --origin   pages from there may connect; "*" for all pages
 * --binary   refuse text, as libqio does by itself
 */
#include <getopt.h>
#include <stdio.h>
#include "serve.h"
#include "websocket-echo.h"

#define PROGRAM "websocket-echo-server"

typedef struct Server {
    QIOObjects *objects;
    QIOWebsocketOptions *options;
} Server;

static int serve_one(QIOChannel *ioc, void *opaque, QIOError **errp)
{
    const Server *s = opaque;
    QIOChannel *ws = qio_channel_websocket_new_server(ioc, s->options, errp);
    int result = -1;

    if (ws && qio_channel_websocket_handshake(ws, SERVE_PATIENCE, errp) == 0) {
        result = websocket_echo(ws, errp);
    }
    qio_channel_unref(ws);
    return result;
}

/* Returns 0, 1 after a complaint, 2 for what is no option of ours. */
static int parse(Server *s, int argc, char **argv)
{
    static const struct option options[] = {
        {"object", required_argument, NULL, 'o'},
        {"origin", required_argument, NULL, 'w'},
        {"binary", no_argument, NULL, 'b'},
        {NULL, 0, NULL, 0},
    };
    QIOError *err = NULL;
    int c, r = 0;

    while (r == 0 && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'o':
            r = qio_objects_add(s->objects, optarg, &err);
            break;
        case 'w':
            r = qio_websocket_options_add_origin(s->options, optarg, &err);
            break;
        case 'b':
            qio_websocket_options_set_text(s->options, false);
            break;
        default:
            return 2;
        }
    }
    if (r < 0) {
        complain(PROGRAM, &err);
        return 1;
    }
    return argc - optind == 1 ? 0 : 2;
}

int main(int argc, char **argv)
{
    QIOError *err = NULL;
    Server s = {.objects = qio_objects_new(&err)};
    int result = 1;

    if (s.objects) {
        s.options = qio_websocket_options_new(&err);
    }
    if (!s.options) {
        complain(PROGRAM, &err);
        goto out;
    }
    qio_websocket_options_set_text(s.options, true);
    qio_websocket_options_set_limits(s.options, ECHO_MAX, ECHO_MAX);
    result = parse(&s, argc, argv);
    if (result == 0) {
        result = serve(PROGRAM, argv[optind], s.objects, serve_one, &s);
    } else if (result == 2) {
        fprintf(stderr, "usage: " PROGRAM " [--object TEXT] "
                        "[--origin ORIGIN] [--binary] URI\n");
    }
out:
    qio_websocket_options_free(s.options);
    qio_objects_free(s.objects);
    return result;
}
