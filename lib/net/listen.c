/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listening on every address that a QIOAddress stands for. */
#include <config.h>
#include "net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/fd.h"
#include "net/address.h"
#include "net/listen-unix.h"
#include "net/resolve.h"
#include "net/socket.h"

/* How often the kernel may choose a port that is free on one address and
 * taken on another. */
#define PORT_TRIES 16

void qiop_listen_socket_close(struct qiop_listen_socket *s)
{
    qiop_listen_unix_remove(s);
    if (s->restore) {
        qiop_fd_set_nonblock(s->fd, false, NULL, NULL);
    }
    qiop_fd_close(s->fd);
    qio_address_free(s->local);
    free(s->unlink_path);
    memset(s, 0, sizeof(*s));
    s->fd = -1;
}

void qiop_listen_sockets_free(struct qiop_listen_sockets *l)
{
    size_t i;

    for (i = 0; i < l->n; i++) {
        qiop_listen_socket_close(&l->v[i]);
    }
    free(l->v);
    l->v = NULL;
    l->n = 0;
}

static int make_room(struct qiop_listen_sockets *out, size_t n, QIOError **errp)
{
    out->n = 0;
    out->v = calloc(n, sizeof(out->v[0]));
    if (!out->v) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    return 0;
}

static int cannot_listen(const struct qiop_sockaddr *sa, int error,
                         QIOError **errp)
{
    char name[QIOP_NET_NAME_SIZE];

    qiop_net_name(sa, name, sizeof(name));
    qio_error_set(errp,
                  error == EADDRINUSE ? QIO_ERROR_IN_USE : QIO_ERROR_SYSTEM,
                  error, "cannot listen on '%s'", name);
    return -1;
}

static QIOAddress *local_address(int fd, QIOError **errp)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);

    if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno,
                      "cannot tell a socket's address");
        return NULL;
    }
    return qio_address_from_sockaddr((struct sockaddr *)&sa, len, errp);
}

static bool has_path(const struct qiop_sockaddr *sa)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&sa->sa;

    return un->sun_family == AF_UNIX &&
           sa->len > offsetof(struct sockaddr_un, sun_path) && un->sun_path[0];
}

static int set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value));
}

/* One socket from nothing to listening; v6only is for IPv6. */
static int open_one(const QIOAddress *addr, const struct qiop_sockaddr *sa,
                    int backlog, int v6only, struct qiop_listen_socket *out,
                    QIOError **errp)
{
    struct qiop_listen_socket s = {.fd = -1};
    int family = sa->sa.ss_family;

    s.fd = qiop_net_socket(sa, errp);
    if (s.fd < 0) {
        return -1;
    }
    if ((family == AF_INET || family == AF_INET6) &&
        set_int(s.fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0) {
        goto fail_errno;
    }
    if (family == AF_INET6 &&
        set_int(s.fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only) < 0) {
        goto fail_errno;
    }
    if (has_path(sa)) {
        if (qiop_listen_unix_bind(&s, sa, errp) < 0) {
            goto fail;
        }
    } else if (bind(s.fd, (const struct sockaddr *)&sa->sa, sa->len) < 0) {
        goto fail_errno;
    }
    if (listen(s.fd, backlog) < 0) {
        goto fail_errno;
    }
    if (qiop_net_tune(s.fd, addr, errp) < 0) {
        goto fail;
    }
    s.local = local_address(s.fd, errp);
    if (!s.local) {
        goto fail;
    }
    *out = s;
    return 0;

fail_errno:
    cannot_listen(sa, errno, errp);
fail:
    qiop_listen_socket_close(&s);
    return -1;
}

/* ---- inet: one port on all addresses ---- */

static uint16_t get_port(const struct qiop_sockaddr *sa)
{
    if (sa->sa.ss_family == AF_INET6) {
        return ntohs(((const struct sockaddr_in6 *)&sa->sa)->sin6_port);
    }
    return ntohs(((const struct sockaddr_in *)&sa->sa)->sin_port);
}

static void set_port(struct qiop_sockaddr *sa, uint16_t port)
{
    if (sa->sa.ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)&sa->sa)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)&sa->sa)->sin_port = htons(port);
    }
}

/*
 * An IPv6 socket serves IPv4 too when nobody said otherwise. That fails when
 * the port is taken for IPv4, by our own other socket above all; then it is
 * IPv6 alone.
 */
static int open_inet(const QIOAddress *addr, const struct qiop_sockaddr *sa,
                     int backlog, struct qiop_listen_socket *out,
                     QIOError **errp)
{
    int v4 = addr->u.inet.ipv4, v6 = addr->u.inet.ipv6;
    bool dual = v4 == v6 && v4 != 0;
    QIOError *err = NULL;

    if (open_one(addr, sa, backlog, !dual, out, &err) == 0) {
        return 0;
    }
    if (sa->sa.ss_family == AF_INET6 && dual &&
        qio_error_code(err) == QIO_ERROR_IN_USE) {
        qio_error_free(err);
        return open_one(addr, sa, backlog, 1, out, errp);
    }
    qio_error_propagate(errp, err);
    return -1;
}

struct attempt {
    struct qiop_listen_sockets sockets;
    QIOError *err; /* the first one */
    bool in_use;   /* somewhere */
};

static void drop_attempt(struct attempt *a)
{
    qiop_listen_sockets_free(&a->sockets);
    qio_error_free(a->err);
    memset(a, 0, sizeof(*a));
}

/* This port, or one of the kernel's, on all addresses. */
static int try_port(const QIOAddress *addr, struct qiop_sockaddrs *list,
                    uint16_t port, int backlog, struct attempt *a,
                    QIOError **errp)
{
    struct qiop_listen_sockets *l = &a->sockets;
    size_t i;

    memset(a, 0, sizeof(*a));
    if (make_room(l, list->n, errp) < 0) {
        return -1;
    }
    for (i = 0; i < list->n; i++) {
        QIOError *err = NULL;

        set_port(&list->v[i], port);
        if (open_inet(addr, &list->v[i], backlog, &l->v[l->n], &err) < 0) {
            a->in_use |= qio_error_code(err) == QIO_ERROR_IN_USE;
            qio_error_propagate(&a->err, err);
            continue;
        }
        if (!port) {
            port = (uint16_t)strtoul(l->v[l->n].local->u.inet.port, NULL, 10);
        }
        l->n++;
    }
    return 0;
}

static int scan_ports(const QIOAddress *addr, struct qiop_sockaddrs *list,
                      int backlog, struct attempt *best, QIOError **errp)
{
    unsigned port = get_port(&list->v[0]);
    unsigned last = addr->u.inet.to && port ? addr->u.inet.to : port;
    unsigned step = port ? 1 : 0, tries = port ? last - port + 1 : PORT_TRIES;

    memset(best, 0, sizeof(*best));
    while (tries--) {
        struct attempt a;

        if (try_port(addr, list, (uint16_t)port, backlog, &a, errp) < 0) {
            return -1;
        }
        if (!a.in_use && (a.sockets.n || !best->sockets.n)) {
            /* All that this machine can have, or nothing at all. */
            drop_attempt(best);
            *best = a;
            return 0;
        }
        if (a.sockets.n > best->sockets.n || !best->err) {
            drop_attempt(best);
            *best = a;
        } else {
            drop_attempt(&a);
        }
        port += step;
    }
    return 0;
}

static int listen_inet(const QIOAddress *addr, struct qiop_sockaddrs *list,
                       int backlog, struct qiop_listen_sockets *out,
                       QIOError **errp)
{
    struct attempt best;
    unsigned port;
    int ret = -1;

    memset(&best, 0, sizeof(best));
    if (!list->n) {
        qio_error_set(errp, QIO_ERROR_RESOLVE, 0, "'%s' has no address",
                      addr->u.inet.host);
        goto out;
    }
    port = get_port(&list->v[0]);
    if (addr->u.inet.to && addr->u.inet.to < port) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "option 'to': %u is below the port %u", addr->u.inet.to,
                      port);
        goto out;
    }
    if (scan_ports(addr, list, backlog, &best, errp) < 0) {
        goto out;
    }
    if (best.sockets.n) {
        *out = best.sockets;
        memset(&best.sockets, 0, sizeof(best.sockets));
        ret = 0;
    } else if (best.in_use && addr->u.inet.to > port) {
        qio_error_set(errp, QIO_ERROR_IN_USE, EADDRINUSE,
                      "no port from %u to %u is free on '%s'", port,
                      addr->u.inet.to, addr->u.inet.host);
    } else {
        qio_error_propagate(errp, best.err);
        best.err = NULL;
    }
out:
    drop_attempt(&best);
    return ret;
}

/* ---- unix, vsock, fd ---- */

static int listen_single(const QIOAddress *addr,
                         const struct qiop_sockaddrs *list, int backlog,
                         struct qiop_listen_sockets *out, QIOError **errp)
{
    if (make_room(out, 1, errp) < 0 ||
        open_one(addr, &list->v[0], backlog, 0, &out->v[0], errp) < 0) {
        return -1;
    }
    out->n = 1;
    return 0;
}

static bool is_bound(const QIOAddress *local)
{
    switch (local->type) {
    case QIO_ADDRESS_INET:
        return strcmp(local->u.inet.port, "0") != 0;
    case QIO_ADDRESS_UNIX:
        return local->u.un.path_len > 0;
    default:
        return true;
    }
}

/* A socket that came from somewhere else; only changed when it is fit. */
static int listen_fd(int fd, int backlog, struct qiop_listen_sockets *out,
                     QIOError **errp)
{
    int type = 0, listening = 0;
    socklen_t len = sizeof(int);
    bool nonblock = false;
    QIOAddress *local;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, errno,
                      "descriptor %d is not a socket", fd);
        return -1;
    }
    len = sizeof(int);
    if (type != SOCK_STREAM ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "descriptor %d is not a stream socket", fd);
        return -1;
    }
    local = local_address(fd, errp);
    if (!local) {
        return -1;
    }
    if (!listening && !is_bound(local)) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "descriptor %d is neither listening nor bound", fd);
        goto fail;
    }
    if (make_room(out, 1, errp) < 0) {
        goto fail;
    }
    /* Refused for connected sockets. */
    if (!listening && listen(fd, backlog) < 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, errno,
                      "cannot listen on descriptor %d", fd);
        goto fail;
    }
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
        qiop_fd_set_nonblock(fd, true, &nonblock, errp) < 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno,
                      "cannot listen on descriptor %d", fd);
        goto fail;
    }
    out->v[0].fd = fd;
    out->v[0].restore = !nonblock;
    out->v[0].local = local;
    out->n = 1;
    return 0;

fail:
    qio_address_free(local);
    return -1;
}

int qiop_listen_on(const QIOAddress *addr, struct qiop_sockaddrs *list,
                   int backlog, struct qiop_listen_sockets *out,
                   QIOError **errp)
{
    int ret;

    memset(out, 0, sizeof(*out));
    if (addr->type == QIO_ADDRESS_INET) {
        return listen_inet(addr, list, backlog, out, errp);
    }
    ret = listen_single(addr, list, backlog, out, errp);
    if (ret < 0) {
        qiop_listen_sockets_free(out);
    }
    return ret;
}

int qiop_listen(const QIOAddress *addr, int backlog,
                struct qiop_listen_sockets *out, QIOError **errp)
{
    struct qiop_sockaddrs list;
    int ret;

    memset(out, 0, sizeof(*out));
    if (addr->type == QIO_ADDRESS_FD) {
        ret = listen_fd(addr->u.fd.fd, backlog, out, errp);
        if (ret < 0) {
            qiop_listen_sockets_free(out);
        }
        return ret;
    }
    if (qiop_resolve(addr, true, &list, errp) < 0) {
        return -1;
    }
    ret = qiop_listen_on(addr, &list, backlog, out, errp);
    qiop_sockaddrs_free(&list);
    return ret;
}
