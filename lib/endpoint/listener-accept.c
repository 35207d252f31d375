/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Accepting connections, one after the other. */
#include <config.h>
#include "endpoint/listener.h"

#include <errno.h>
#include <qio/channel-socket.h>
#include "base/clock.h"
#include "base/fd.h"
#include "channel/socket-priv.h"

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

int qiop_listener_accept_socket(int listen_fd, QIOChannel **out,
                                QIOError **errp)
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
        qiop_socket_own(*out);
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

int qiop_listener_accept_once(struct qiop_entrance *e, QIOEndpointMode mode,
                              QIOChannel **out, QIOError **errp)
{
    if (e->used) {
        return 0;
    }
    if (e->ep->type == QIO_ENDPOINT_FILE && mode == QIO_ENDPOINT_READWRITE) {
        mode = QIO_ENDPOINT_READ;
    }
    *out = qiop_endpoint_open_base(e->ep, mode, errp);
    if (!*out) {
        return -1;
    }
    qiop_endpoint_keep_fd(e->ep);
    e->used = true;
    return 1;
}

int qiop_listener_accept_any(QIOListener *l, QIOEndpointMode mode,
                             QIOChannel **out, struct qiop_entrance **whose,
                             QIOError **errp)
{
    int ret = qiop_listener_check(l, errp);

    for (size_t i = 0; ret == 0 && i < l->n; i++) {
        *whose = l->v[i];
        if (!l->v[i]->socks.n) {
            ret = qiop_listener_accept_once(l->v[i], mode, out, errp);
        }
    }
    for (size_t i = 0; ret == 0 && i < l->n_polls; i++) {
        size_t k = (l->next + i) % l->n_polls;

        *whose = l->entrance[k];
        ret = qiop_listener_accept_socket(l->polls[k].fd, out, errp);
        if (ret != 0) {
            l->next = k + 1;
        }
    }
    if (ret == 0 && !l->n_polls) {
        qio_error_set(errp, QIO_ERROR_CLOSED, 0,
                      "this endpoint can be accepted only once");
        return -1;
    }
    return ret;
}

/* ---- waiting ---- */

/* 0 when something is there, or -1. */
static int wait_sockets(QIOListener *l, int64_t deadline, QIOError **errp)
{
    struct timespec ts;
    int n;

    do {
        n = ppoll(l->polls, l->n_polls + 1,
                  qiop_deadline_timespec(deadline, &ts), NULL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno,
                      "cannot wait for connections");
        return -1;
    }
    if (n == 0) {
        qio_error_set(errp, QIO_ERROR_TIMEOUT, 0,
                      "nobody connected within the time limit");
        return -1;
    }
    return 0;
}

static QIOChannel *accept_base(QIOListener *l, QIOEndpointMode mode,
                               int64_t deadline, struct qiop_entrance **whose,
                               QIOError **errp)
{
    QIOChannel *ioc = NULL;
    int ret;

    do {
        ret = qiop_listener_accept_any(l, mode, &ioc, whose, errp);
    } while (ret == 0 && wait_sockets(l, deadline, errp) == 0);
    return ret > 0 ? ioc : NULL;
}

QIOChannel *qio_listener_accept_sync(QIOListener *l, QIOEndpointMode mode,
                                     int timeout_ms, QIOError **errp)
{
    struct qiop_entrance *whose;

    return accept_base(l, mode, qiop_deadline(timeout_ms), &whose, errp);
}

/* ---- and opening ---- */

/* Remember (or with NULL, forget) the channel that a shutdown must end. */
static int set_opening(QIOListener *l, QIOChannel *ioc, QIOError **errp)
{
    bool shut;

    pthread_mutex_lock(&l->lock);
    shut = l->shut;
    l->opening = shut ? NULL : ioc;
    pthread_mutex_unlock(&l->lock);
    return shut ? qiop_listener_check(l, errp) : 0;
}

QIOChannel *qio_listener_accept_open_sync(QIOListener *l, QIOEndpointMode mode,
                                          int timeout_ms, QIOError **errp)
{
    int64_t deadline = qiop_deadline(timeout_ms);
    struct qiop_entrance *whose;
    QIOChannel *base = accept_base(l, mode, deadline, &whose, errp);
    QIOChannel *top;
    int ret;

    if (!base) {
        return NULL;
    }
    top = qiop_layers_stack(&whose->layers, base, errp);
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
