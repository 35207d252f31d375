/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QIOListener: its endpoints, from text to listening sockets. */
#include <config.h>
#include "endpoint/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/fd.h"

#define MAX_HANDSHAKES 1024
#define HANDSHAKE_TIMEOUT_MS 10000

/* An fd: that listens, or could: a socket without a peer. */
static bool fd_listens(int fd)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);

    return qiop_fd_is_socket(fd) &&
           getpeername(fd, (struct sockaddr *)&sa, &len) < 0 &&
           errno == ENOTCONN;
}

/* qiop_listen() adopts the descriptor of an fd: address. Ours is to be the
 * caller's until all has gone well, so it gets a duplicate. */
static int listen_on_fd(struct qiop_entrance *e, int backlog, QIOError **errp)
{
    QIOAddress *addr;
    int ret = -1;
    int copy = qiop_fd_dup(qio_address_fd(e->ep->addr), errp);

    if (copy < 0) {
        return -1;
    }
    addr = qio_address_new_fd(copy, errp);
    if (addr) {
        ret = qiop_listen(addr, backlog, &e->socks, errp);
    }
    qio_address_free(addr);
    if (ret < 0) {
        qiop_fd_close(copy);
    }
    return ret;
}

static int bind_sockets(struct qiop_entrance *e, int backlog,
                        struct qiop_sockaddrs *list, QIOError **errp)
{
    const QIOAddress *addr = e->ep->addr;

    if (e->ep->type == QIO_ENDPOINT_SOCKET) {
        return list ? qiop_listen_on(addr, list, backlog, &e->socks, errp)
                    : qiop_listen(addr, backlog, &e->socks, errp);
    }
    if (e->ep->type != QIO_ENDPOINT_FD) {
        return 0;
    }
    if (fd_listens(qio_address_fd(addr))) {
        return listen_on_fd(e, backlog, errp);
    }
    return qiop_endpoint_check_fd(qio_address_fd(addr), QIO_ENDPOINT_READWRITE,
                                  errp);
}

/* ---- the endpoints ---- */

static void free_entrance(struct qiop_entrance *e)
{
    if (!e) {
        return;
    }
    qiop_listen_sockets_free(&e->socks);
    qiop_layers_free(&e->layers);
    qio_endpoint_free(e->ep);
    free(e);
}

static struct qiop_entrance *open_entrance(const QIOEndpoint *ep, int backlog,
                                           struct qiop_sockaddrs *list,
                                           QIOError **errp)
{
    struct qiop_entrance *e = calloc(1, sizeof(*e));

    if (!e) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    e->ep = qiop_endpoint_copy(ep, errp);
    if (!e->ep || bind_sockets(e, backlog > 0 ? backlog : 1, list, errp) < 0) {
        free_entrance(e);
        return NULL;
    }
    return e;
}

/* Room for one more endpoint and its sockets; l is unchanged on failure. */
static int make_room(QIOListener *l, size_t sockets, QIOError **errp)
{
    size_t n = l->n_polls + sockets;
    struct qiop_entrance **v = realloc(l->v, (l->n + 1) * sizeof(*v));
    struct qiop_entrance **entrance;
    struct pollfd *polls;

    if (v) {
        l->v = v;
    }
    entrance = realloc(l->entrance, (n + 1) * sizeof(*entrance));
    if (entrance) {
        l->entrance = entrance;
    }
    polls = realloc(l->polls, (n + 1) * sizeof(*polls));
    if (polls) {
        l->polls = polls;
    }
    if (!v || !entrance || !polls) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    return 0;
}

static void set_poll(QIOListener *l, int fd)
{
    l->polls[l->n_polls] = (struct pollfd){.fd = fd, .events = POLLIN};
}

int qiop_listener_add(QIOListener *l, const QIOEndpoint *ep,
                      struct qiop_layers *layers, int backlog,
                      struct qiop_sockaddrs *list, QIOError **errp)
{
    struct qiop_entrance *e;

    if (l->serving) {
        qio_error_set(errp, QIO_ERROR_STATE, 0, "the listener is serving");
        return -1;
    }
    e = open_entrance(ep, backlog, list, errp);
    if (!e || make_room(l, e->socks.n, errp) < 0) {
        free_entrance(e);
        return -1;
    }
    e->layers = *layers;
    layers->n = 0;
    l->v[l->n++] = e;
    for (size_t i = 0; i < e->socks.n; i++) {
        set_poll(l, e->socks.v[i].fd);
        l->entrance[l->n_polls++] = e;
    }
    set_poll(l, l->wake_fd);
    if (e->socks.n > 0) {
        qiop_endpoint_keep_fd(e->ep);
    }
    return 0;
}

int qio_listener_add(QIOListener *l, const QIOEndpoint *ep, QIOObjects *objects,
                     int backlog, QIOError **errp)
{
    struct qiop_layers layers;
    int ret;

    if (qiop_layers_resolve(ep, objects, true, &layers, errp) < 0) {
        return -1;
    }
    ret = qiop_listener_add(l, ep, &layers, backlog, NULL, errp);
    qiop_layers_free(&layers);
    return ret;
}

/* ---- the listener ---- */

QIOListener *qio_listener_new(QIOError **errp)
{
    QIOListener *l = calloc(1, sizeof(*l));

    if (!l) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&l->lock, NULL);
    l->max_handshakes = MAX_HANDSHAKES;
    l->handshake_timeout_ms = HANDSHAKE_TIMEOUT_MS;
    l->wake_fd = qiop_fd_eventfd(0, errp);
    if (l->wake_fd < 0 || make_room(l, 0, errp) < 0) {
        qio_listener_free(l);
        return NULL;
    }
    set_poll(l, l->wake_fd);
    return l;
}

QIOListener *qio_endpoint_listen_sync(const QIOEndpoint *ep,
                                      QIOObjects *objects, int backlog,
                                      QIOError **errp)
{
    QIOListener *l = qio_listener_new(errp);

    if (l && qio_listener_add(l, ep, objects, backlog, errp) < 0) {
        qio_listener_free(l);
        return NULL;
    }
    return l;
}

void qio_listener_free(QIOListener *l)
{
    if (!l) {
        return;
    }
    qio_listener_stop(l);
    qiop_census_free(l->census);
    while (l->n > 0) {
        free_entrance(l->v[--l->n]);
    }
    qiop_fd_close(l->wake_fd);
    free(l->v);
    free(l->entrance);
    free(l->polls);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

size_t qio_listener_count(const QIOListener *l)
{
    return l->n_polls;
}

QIOAddress *qio_listener_get_address(const QIOListener *l, size_t i,
                                     QIOError **errp)
{
    size_t at = i;

    for (size_t k = 0; k < l->n; k++) {
        const struct qiop_listen_sockets *socks = &l->v[k]->socks;

        if (at < socks->n) {
            return qio_address_copy(socks->v[at].local, errp);
        }
        at -= socks->n;
    }
    qio_error_set(errp, QIO_ERROR_INVALID, 0,
                  "the listener has %zu addresses, not %zu", l->n_polls, i + 1);
    return NULL;
}

void qio_listener_shutdown(QIOListener *l)
{
    static const uint64_t one = 1;
    ssize_t done;

    pthread_mutex_lock(&l->lock);
    l->shut = true;
    if (l->opening) {
        qio_channel_shutdown(l->opening, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    }
    pthread_mutex_unlock(&l->lock);
    /* Can only fail when its counter is full, and then it is readable too. */
    do {
        done = write(l->wake_fd, &one, sizeof(one));
    } while (done < 0 && errno == EINTR);
}

int qiop_listener_check(QIOListener *l, QIOError **errp)
{
    bool shut;

    pthread_mutex_lock(&l->lock);
    shut = l->shut;
    pthread_mutex_unlock(&l->lock);
    if (shut) {
        qio_error_set(errp, QIO_ERROR_SHUTDOWN, 0,
                      "the listener was shut down");
    }
    return shut ? -1 : 0;
}
