/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is inside a QIOListener, for the files that make one up. */
#ifndef QIOP_ENDPOINT_LISTENER_H
#define QIOP_ENDPOINT_LISTENER_H

#include <poll.h>
#include <pthread.h>
#include <qio/listener.h>
#include "endpoint/layers.h"
#include "net/listen.h"

/* One of the listener's endpoints. */
struct qiop_entrance {
    QIOEndpoint *ep;
    struct qiop_layers layers;
    struct qiop_listen_sockets socks; /* none: accepts once, without */
    bool used;                        /* accepted once, without sockets */
};

struct qiop_serving;
struct qiop_census;

struct QIOListener {
    struct qiop_entrance **v;
    size_t n;
    struct pollfd *polls;            /* all sockets', then the wake-up's */
    struct qiop_entrance **entrance; /* ... and whose they are */
    size_t n_polls;                  /* sockets alone */
    size_t next;                     /* the socket to look at first */
    int wake_fd;                     /* readable for ever after shutdown */
    pthread_mutex_t lock;            /* the two below */
    bool shut;
    QIOChannel *opening; /* whose handshake a shutdown must end */

    size_t max_connections;
    size_t max_handshakes;
    int handshake_timeout_ms;
    struct qiop_serving *serving; /* NULL: it does not */
    struct qiop_census *census;   /* of the connections; NULL: none yet */
};

/* Add an endpoint. layers are empty after success. list: the addresses of one
 * that is a socket; NULL looks them up now. */
int qiop_listener_add(QIOListener *l, const QIOEndpoint *ep,
                      struct qiop_layers *layers, int backlog,
                      struct qiop_sockaddrs *list, QIOError **errp);

/* Whether l was shut down; then -1 and why. */
int qiop_listener_check(QIOListener *l, QIOError **errp);

/* ---- one try of accepting ---- */

/* 1 with *out (layers not on it yet), 0: nobody is there (any more), -1. */
int qiop_listener_accept_socket(int listen_fd, QIOChannel **out,
                                QIOError **errp);
/* The same for an endpoint that accepts once; 0: it has. */
int qiop_listener_accept_once(struct qiop_entrance *e, QIOEndpointMode mode,
                              QIOChannel **out, QIOError **errp);
/* From any of the endpoints, whoever is there; the layers of *whose are to be
 * put on it. 0: nobody. Errors: QIO_ERROR_CLOSED: nobody will ever be. */
int qiop_listener_accept_any(QIOListener *l, QIOEndpointMode mode,
                             QIOChannel **out, struct qiop_entrance **whose,
                             QIOError **errp);

/* ---- the census: connections that were accepted and are not closed yet ----
 */

/* vacancy is called, from any thread, whenever one is gone; NULL: nobody
 * minds. */
struct qiop_census *qiop_census_new(QIOError **errp);
void qiop_census_set_vacancy(struct qiop_census *c,
                             void (*vacancy)(void *opaque), void *opaque);
/* Count ioc from now until it is closed. */
int qiop_census_enter(struct qiop_census *c, QIOChannel *ioc, QIOError **errp);
size_t qiop_census_count(struct qiop_census *c);
/* It goes on to exist as long as it counts somebody. NULL is allowed. */
void qiop_census_free(struct qiop_census *c);

#endif
