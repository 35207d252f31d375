/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A listener, and a thread for each client. */
#include "serve.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define BACKLOG 64

typedef struct Service {
    const char *program;
    QIOEndpoint *ep;
    QIOObjects *objects;
    QIOListener *listener;
    ServeFunc *fn;
    void *opaque;
} Service;

typedef struct Client {
    const Service *service;
    QIOChannel *raw;
} Client;

void complain(const char *program, QIOError **errp)
{
    fprintf(stderr, "%s: %s\n", program, qio_error_message(*errp));
    qio_error_free(*errp);
    *errp = NULL;
}

int say_where(QIOListener *listener, QIOError **errp)
{
    for (size_t i = 0; i < qio_listener_count(listener); i++) {
        QIOAddress *addr = qio_listener_get_address(listener, i, errp);
        char *text = addr ? qio_address_to_string(addr, errp) : NULL;

        qio_address_free(addr);
        if (!text) {
            return -1;
        }
        printf("listening on %s\n", text);
        free(text);
    }
    fflush(stdout);
    return 0;
}

static void *serve_client(void *opaque)
{
    Client *client = opaque;
    const Service *s = client->service;
    QIOError *err = NULL;
    /* TLS, if there is any; a slow handshake holds nobody else up. */
    QIOChannel *ioc = qio_endpoint_layer_sync(s->ep, s->objects, client->raw,
                                              true, SERVE_PATIENCE, &err);

    qio_channel_unref(client->raw);
    free(client);
    if (!ioc || s->fn(ioc, s->opaque, &err) < 0) {
        complain(s->program, &err);
    }
    qio_channel_unref(ioc);
    return NULL;
}

static int start(const Service *s, QIOChannel *raw)
{
    Client *client = malloc(sizeof(*client));
    pthread_t thread;

    if (!client) {
        return -1;
    }
    *client = (Client){.service = s, .raw = raw};
    if (pthread_create(&thread, NULL, serve_client, client) != 0) {
        free(client);
        return -1;
    }
    pthread_detach(thread);
    return 0;
}

static void accept_for_ever(const Service *s)
{
    for (;;) {
        QIOError *err = NULL;
        QIOChannel *raw = qio_listener_accept_sync(
            s->listener, QIO_ENDPOINT_READWRITE, -1, &err);

        if (!raw) {
            bool over = qio_error_code(err) == QIO_ERROR_CLOSED;

            complain(s->program, &err);
            if (over) {
                return;
            }
        } else if (start(s, raw) < 0) {
            fprintf(stderr, "%s: no thread for a client\n", s->program);
            qio_channel_unref(raw);
        }
    }
}

int serve(const char *program, const char *uri, QIOObjects *objects,
          ServeFunc *fn, void *opaque)
{
    Service s = {
        .program = program, .objects = objects, .fn = fn, .opaque = opaque};
    QIOError *err = NULL;

    s.ep = qio_endpoint_parse(uri, &err);
    if (s.ep) {
        s.listener = qio_endpoint_listen_sync(s.ep, objects, BACKLOG, &err);
    }
    if (!s.listener || say_where(s.listener, &err) < 0) {
        complain(program, &err);
    } else {
        accept_for_ever(&s);
    }
    qio_listener_free(s.listener);
    qio_endpoint_free(s.ep);
    return 1;
}
