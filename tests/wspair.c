/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A websocket pair for tests; see wspair.h. */
#include <config.h>
#include "wspair.h"

#include <pthread.h>

#define HANDSHAKE_MS 20000

struct opening {
    QIOChannel *ioc;
    int ret;
    QIOError *err;
};

static void *open_one(void *opaque)
{
    struct opening *o = opaque;

    o->ret = qio_channel_open_sync(o->ioc, HANDSHAKE_MS, &o->err);
    return NULL;
}

int wspair_open(QIOChannel *one, QIOChannel *other, QIOError **errp)
{
    struct opening a = {.ioc = one}, b = {.ioc = other};
    pthread_t thread;

    if (pthread_create(&thread, NULL, open_one, &b) != 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, 0, "no thread");
        return -1;
    }
    open_one(&a);
    pthread_join(thread, NULL);
    qio_error_propagate(errp, a.err);
    qio_error_propagate(errp, b.err);
    return a.ret || b.ret ? -1 : 0;
}

int pair_websocket(void *opaque, QIOChannel *pair[2], QIOError **errp)
{
    const struct websocket_over *o = opaque;
    int client = o->server_first, server = !client;
    QIOChannel *base[2];
    int ret = -1;

    if (o->base(o->opaque, base, errp) < 0) {
        return -1;
    }
    pair[client] = qio_channel_websocket_new_client(base[client], NULL, errp);
    pair[server] = qio_channel_websocket_new_server(base[server], NULL, errp);
    if (pair[0] && pair[1]) {
        ret = wspair_open(pair[0], pair[1], errp);
    }
    for (int i = 0; i < 2; i++) {
        qio_channel_unref(base[i]);
        if (ret < 0) {
            qio_channel_unref(pair[i]);
        }
    }
    return ret;
}
