/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * qio-websocket-proxy [--object TEXT] [--origin ORIGIN] LISTEN TARGET: let
 * browsers speak with a server that speaks TCP or unix sockets, such as noVNC
 * with a VNC server. The bytes of binary messages go to TARGET, and back; one
 * thread serves all.
 *
 *   qio-websocket-proxy --origin http://host.example:8000 \
 *       tcp:host.example:6080 tcp:localhost:5900
 *
 * LISTEN and TARGET are endpoints; with ,tls-creds=ID at LISTEN it is wss.
 * --origin   pages from there may connect; "*" for all pages
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include "serve.h"

#define PROGRAM "qio-websocket-proxy"
#define BACKLOG 64
/* RFC 6455 section 7.4.1, and the registry that it founded. */
#define INTERNAL_ERROR 1011
#define BAD_GATEWAY 1014

typedef struct Proxy {
    QIOLoop *loop;
    QIOObjects *objects;
    QIOWebsocketOptions *options;
    QIOListener *listener;
    QIOEndpoint *target;
} Proxy;

/* A browser and what it is connected with. */
typedef struct Link {
    const Proxy *proxy;
    QIOChannel *ws;
    QIOChannel *target;
} Link;

static void link_free(Link *link)
{
    qio_channel_unref(link->ws);
    qio_channel_unref(link->target);
    free(link);
}

/* The link ends: why, for us, and as far as it is the browser's business with
 * a code for the browser. */
static void give_up(Link *link, QIOError *err, unsigned code)
{
    if (code) {
        /* It may be the browser that is gone. */
        qio_channel_websocket_goodbye(link->ws, code, NULL, NULL);
    }
    complain(PROGRAM, &err);
    link_free(link);
}

static void copied(QIOTask *task, void *opaque)
{
    Link *link = opaque;
    QIOError *err = NULL;

    if (qio_task_propagate_error(task, &err)) {
        give_up(link, err, INTERNAL_ERROR);
        return;
    }
    link_free(link);
}

/* An end of one side is passed on to the other, and a slow side holds the
 * other one back. */
static void connected(QIOTask *task, void *opaque)
{
    Link *link = opaque;
    QIOError *err = NULL;

    if (qio_task_propagate_error(task, &err)) {
        give_up(link, err, BAD_GATEWAY);
        return;
    }
    link->target = qio_channel_ref(qio_task_channel(task));
    if (!qio_channel_copy_async(link->ws, link->target, link->proxy->loop,
                                QIO_COPY_BOTH_WAYS, -1, copied, link, NULL,
                                &err)) {
        give_up(link, err, INTERNAL_ERROR);
    }
}

static void opened(QIOTask *task, void *opaque)
{
    Link *link = opaque;
    const Proxy *p = link->proxy;
    QIOError *err = NULL;

    if (qio_task_propagate_error(task, &err)) {
        give_up(link, err, 0);
        return;
    }
    if (!qio_endpoint_connect_async(
            p->target, p->objects, QIO_ENDPOINT_READWRITE, p->loop,
            SERVE_PATIENCE, connected, link, NULL, &err)) {
        give_up(link, err, BAD_GATEWAY);
    }
}

/* A client, TLS included where LISTEN has it. */
static void connection(QIOListener *listener, QIOChannel *ioc, void *opaque)
{
    const Proxy *p = opaque;
    Link *link = calloc(1, sizeof(*link));
    QIOError *err = NULL;

    (void)listener;
    if (!link) {
        return;
    }
    link->proxy = p;
    link->ws = qio_channel_websocket_new_server(ioc, p->options, &err);
    if (!link->ws || !qio_channel_open_async(link->ws, p->loop, SERVE_PATIENCE,
                                             opened, link, NULL, &err)) {
        give_up(link, err, 0);
    }
}

static void trouble(QIOListener *listener, QIOChannel *ioc, const QIOError *err,
                    void *opaque)
{
    (void)listener;
    (void)ioc;
    (void)opaque;
    fprintf(stderr, PROGRAM ": %s\n", qio_error_message(err));
}

static int run(Proxy *p, const char *uri, QIOError **errp)
{
    static const QIOListenerFuncs funcs = {
        .connection = connection,
        .trouble = trouble,
    };
    QIOEndpoint *ep = qio_endpoint_parse(uri, errp);
    int r = -1;

    if (ep) {
        p->listener = qio_endpoint_listen_sync(ep, p->objects, BACKLOG, errp);
    }
    qio_endpoint_free(ep);
    if (p->listener && say_where(p->listener, errp) == 0) {
        r = qio_listener_serve(p->listener, QIO_ENDPOINT_READWRITE, p->loop,
                               &funcs, p, errp);
    }
    return r == 0 ? qio_loop_run(p->loop, errp) : r;
}

/* Returns 0, -1, or 1 for what is no use of ours. */
static int parse(Proxy *p, int argc, char **argv, QIOError **errp)
{
    static const struct option options[] = {
        {"object", required_argument, NULL, 'o'},
        {"origin", required_argument, NULL, 'w'},
        {NULL, 0, NULL, 0},
    };
    int c, r = 0;

    while (r == 0 && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'o':
            r = qio_objects_add(p->objects, optarg, errp);
            break;
        case 'w':
            r = qio_websocket_options_add_origin(p->options, optarg, errp);
            break;
        default:
            return 1;
        }
    }
    if (r < 0 || argc - optind != 2) {
        return r < 0 ? -1 : 1;
    }
    p->target = qio_endpoint_parse(argv[optind + 1], errp);
    return p->target ? 0 : -1;
}

static int prepare(Proxy *p, QIOError **errp)
{
    p->objects = qio_objects_new(errp);
    p->loop = p->objects ? qio_loop_new(errp) : NULL;
    p->options = p->loop ? qio_websocket_options_new(errp) : NULL;
    return p->options ? 0 : -1;
}

int main(int argc, char **argv)
{
    QIOError *err = NULL;
    Proxy p = {.loop = NULL};
    int r = prepare(&p, &err);

    if (r == 0) {
        r = parse(&p, argc, argv, &err);
    }
    if (r == 0) {
        r = run(&p, argv[optind], &err);
    }
    if (r < 0) {
        complain(PROGRAM, &err);
    } else if (r > 0) {
        fprintf(stderr, "usage: " PROGRAM " [--object TEXT] "
                        "[--origin ORIGIN] LISTEN TARGET\n");
    }
    qio_listener_free(p.listener);
    qio_loop_free(p.loop);
    qio_endpoint_free(p.target);
    qio_websocket_options_free(p.options);
    qio_objects_free(p.objects);
    return r < 0 ? 1 : r > 0 ? 2 : 0;
}
