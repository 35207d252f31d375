/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QIOListener: waiting for connections, on sockets or on what connects once. */
#include <config.h>
#include "endpoint/layers.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <qio/channel-socket.h>
#include "base/clock.h"
#include "base/fd.h"
#include "net/listen.h"

struct QIOListener {
    QIOEndpoint *ep;
    struct qiop_layers layers;
    struct qiop_listen_sockets socks; /* none: accepts once, without */
    struct pollfd *polls;             /* the sockets', then the wake-up's */
    size_t next;                      /* the socket to look at first */
    bool used;                        /* accepted once, without sockets */
    int wake_fd;                      /* readable for ever after shutdown */
    pthread_mutex_t lock;             /* the two below */
    bool shut;
    QIOChannel *opening; /* whose handshake a shutdown must end */
};

static QIOEndpoint *copy_endpoint(const QIOEndpoint *ep, QIOError **errp)
{
    char *text = qio_endpoint_to_string(ep, errp);
    QIOEndpoint *copy;

    if (!text) {
        return NULL;
    }
    copy = qio_endpoint_parse(text, errp);
    free(text);
    return copy;
}

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
static int listen_on_fd(QIOListener *l, int backlog, QIOError **errp)
{
    QIOAddress *addr;
    int ret = -1;
    int copy = qiop_fd_dup(qio_address_fd(l->ep->addr), errp);

    if (copy < 0) {
        return -1;
    }
    addr = qio_address_new_fd(copy, errp);
    if (addr) {
        ret = qiop_listen(addr, backlog, &l->socks, errp);
    }
    qio_address_free(addr);
    if (ret < 0) {
        qiop_fd_close(copy);
    }
    return ret;
}

static int bind_sockets(QIOListener *l, int backlog, QIOError **errp)
{
    if (l->ep->type == QIO_ENDPOINT_SOCKET) {
        return qiop_listen(l->ep->addr, backlog, &l->socks, errp);
    }
    if (l->ep->type != QIO_ENDPOINT_FD) {
        return 0;
    }
    if (fd_listens(qio_address_fd(l->ep->addr))) {
        return listen_on_fd(l, backlog, errp);
    }
    return qiop_endpoint_check_fd(qio_address_fd(l->ep->addr),
                                  QIO_ENDPOINT_READWRITE, errp);
}

static int prepare_polls(QIOListener *l, QIOError **errp)
{
    size_t i;

    l->polls = calloc(l->socks.n + 1, sizeof(*l->polls));
    if (!l->polls) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    for (i = 0; i < l->socks.n; i++) {
        l->polls[i].fd = l->socks.v[i].fd;
        l->polls[i].events = POLLIN;
    }
    l->polls[i].fd = l->wake_fd;
    l->polls[i].events = POLLIN;
    return 0;
}

QIOListener *qio_endpoint_listen_sync(const QIOEndpoint *ep,
                                      QIOObjects *objects, int backlog,
                                      QIOError **errp)
{
    QIOListener *l = calloc(1, sizeof(*l));

    if (!l) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    l->wake_fd = -1;
    pthread_mutex_init(&l->lock, NULL);
    l->ep = copy_endpoint(ep, errp);
    if (!l->ep ||
        qiop_layers_resolve(ep, objects, true, &l->layers, errp) < 0) {
        goto fail;
    }
    l->wake_fd = qiop_fd_eventfd(0, errp);
    if (l->wake_fd < 0 ||
        bind_sockets(l, backlog > 0 ? backlog : 1, errp) < 0 ||
        prepare_polls(l, errp) < 0) {
        goto fail;
    }
    if (l->socks.n > 0) {
        qiop_endpoint_keep_fd(l->ep);
    }
    return l;
fail:
    qio_listener_free(l);
    return NULL;
}

void qio_listener_free(QIOListener *l)
{
    if (!l) {
        return;
    }
    qiop_listen_sockets_free(&l->socks);
    qiop_layers_free(&l->layers);
    qio_endpoint_free(l->ep);
    qiop_fd_close(l->wake_fd);
    free(l->polls);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

size_t qio_listener_count(const QIOListener *l)
{
    return l->socks.n;
}

QIOAddress *qio_listener_get_address(const QIOListener *l, size_t i,
                                     QIOError **errp)
{
    if (i >= l->socks.n) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "the listener has %zu addresses, not %zu", l->socks.n,
                      i + 1);
        return NULL;
    }
    return qio_address_copy(l->socks.v[i].local, errp);
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

/* Remember (or with NULL, forget) the channel that a shutdown must end. */
static int set_opening(QIOListener *l, QIOChannel *ioc, QIOError **errp)
{
    bool shut;

    pthread_mutex_lock(&l->lock);
    shut = l->shut;
    l->opening = shut ? NULL : ioc;
    pthread_mutex_unlock(&l->lock);
    if (shut) {
        qio_error_set(errp, QIO_ERROR_SHUTDOWN, 0,
                      "the listener was shut down");
    }
    return shut ? -1 : 0;
}

/* What accept(2) says about a client or its network, not about us. */
static bool is_clients_trouble(int err)
{
    switch (err) {
    case EAGAIN:
    case ECONNABORTED:
    case ECONNRESET:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

/* Returns 1 with *out, 0: nobody is there (any more), -1. */
static int accept_one(int listen_fd, QIOChannel **out, QIOError **errp)
{
    QIOError *err = NULL;
    int fd = qiop_fd_accept(listen_fd, false, &err);

    if (fd < 0) {
        if (is_clients_trouble(qio_error_errno(err))) {
            qio_error_free(err);
            return 0;
        }
        qio_error_propagate(errp, err);
        return -1;
    }
    *out = qio_channel_socket_new_fd(fd, &err);
    if (*out) {
        return 1;
    }
    qiop_fd_close(fd);
    if (qio_error_code(err) == QIO_ERROR_INVALID) {
        /* Reset before we came: it is not connected. */
        qio_error_free(err);
        return 0;
    }
    qio_error_propagate(errp, err);
    return -1;
}

/* Returns 1 when something is there, 0 after the deadline, -1. */
static int wait_sockets(QIOListener *l, int64_t deadline, QIOError **errp)
{
    struct timespec ts;
    int n;

    do {
        n = ppoll(l->polls, l->socks.n + 1,
                  qiop_deadline_timespec(deadline, &ts), NULL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno,
                      "cannot wait for connections");
        return -1;
    }
    if (n > 0 && l->polls[l->socks.n].revents) {
        qio_error_set(errp, QIO_ERROR_SHUTDOWN, 0,
                      "the listener was shut down");
        return -1;
    }
    return n > 0;
}

static QIOChannel *accept_socket(QIOListener *l, int64_t deadline,
                                 QIOError **errp)
{
    QIOChannel *ioc = NULL;
    size_t i;
    int ret;

    while ((ret = wait_sockets(l, deadline, errp)) > 0) {
        for (i = 0; i < l->socks.n; i++) {
            size_t k = (l->next + i) % l->socks.n;

            ret = 0;
            if (l->polls[k].revents) {
                ret = accept_one(l->socks.v[k].fd, &ioc, errp);
            }
            if (ret != 0) {
                l->next = k + 1;
                return ioc;
            }
        }
    }
    if (ret == 0) {
        qio_error_set(errp, QIO_ERROR_TIMEOUT, 0,
                      "nobody connected within the time limit");
    }
    return NULL;
}

static QIOChannel *accept_once(QIOListener *l, QIOEndpointMode mode,
                               QIOError **errp)
{
    QIOChannel *ioc;

    if (set_opening(l, NULL, errp) < 0) {
        return NULL;
    }
    if (l->used) {
        qio_error_set(errp, QIO_ERROR_CLOSED, 0,
                      "this endpoint can be accepted only once");
        return NULL;
    }
    if (l->ep->type == QIO_ENDPOINT_FILE && mode == QIO_ENDPOINT_READWRITE) {
        mode = QIO_ENDPOINT_READ;
    }
    ioc = qiop_endpoint_open_base(l->ep, mode, errp);
    if (ioc) {
        qiop_endpoint_keep_fd(l->ep);
        l->used = true;
    }
    return ioc;
}

static QIOChannel *accept_base(QIOListener *l, QIOEndpointMode mode,
                               int64_t deadline, QIOError **errp)
{
    return l->socks.n > 0 ? accept_socket(l, deadline, errp)
                          : accept_once(l, mode, errp);
}

QIOChannel *qio_listener_accept_sync(QIOListener *l, QIOEndpointMode mode,
                                     int timeout_ms, QIOError **errp)
{
    return accept_base(l, mode, qiop_deadline(timeout_ms), errp);
}

QIOChannel *qio_listener_accept_open_sync(QIOListener *l, QIOEndpointMode mode,
                                          int timeout_ms, QIOError **errp)
{
    int64_t deadline = qiop_deadline(timeout_ms);
    QIOChannel *base = accept_base(l, mode, deadline, errp);
    QIOChannel *top;
    int ret;

    if (!base) {
        return NULL;
    }
    top = qiop_layers_stack(&l->layers, base, errp);
    qio_channel_unref(base);
    if (!top) {
        return NULL;
    }
    ret = set_opening(l, top, errp);
    if (ret == 0) {
        ret = qio_channel_open_sync(top, qiop_deadline_left_ms(deadline), errp);
        /* A shutdown in the meantime ended the channel, too. */
        if (set_opening(l, NULL, ret == 0 ? errp : NULL) < 0) {
            ret = -1;
        }
    }
    if (ret < 0) {
        qio_channel_unref(top);
        return NULL;
    }
    return top;
}
