/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connecting: all addresses of a name raced against each other, families
 * taking turns, each next one started when the one before failed or has not
 * answered for a quarter of a second (RFC 8305).
 */
#include <config.h>
#include "net/dial.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/fd.h"
#include "net/address.h"
#include "net/resolve.h"
#include "net/socket.h"

#define ATTEMPT_DELAY_US 250000
/* A unix listener whose queue is full wakes nobody. */
#define BACKLOG_DELAY_US 10000

struct attempt {
    int fd;           /* -1: not started, or over */
    int error;        /* why it is over */
    int64_t retry_at; /* 0: under way */
};

struct qiop_dial {
    QIOAddress *addr;
    struct qiop_resolver *resolver; /* NULL once it answered */
    struct qiop_sockaddrs list;
    struct attempt *v;
    size_t next; /* the first one not started */
    int64_t next_at;
    bool over;
};

enum progress { FAILED = -1, PENDING = 0, CONNECTED = 1 };

struct qiop_dial *qiop_dial_new(const QIOAddress *addr, QIOError **errp)
{
    struct qiop_dial *d;

    if (addr->type == QIO_ADDRESS_FD) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "an fd: address is connected already");
        return NULL;
    }
    d = calloc(1, sizeof(*d));
    if (!d) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    d->addr = qio_address_copy(addr, errp);
    if (d->addr) {
        d->resolver = qiop_resolver_start(addr, false, errp);
    }
    if (!d->resolver) {
        qiop_dial_free(d);
        return NULL;
    }
    return d;
}

static void close_attempts(struct qiop_dial *d)
{
    size_t i;

    for (i = 0; i < d->next; i++) {
        qiop_fd_close(d->v[i].fd);
        d->v[i].fd = -1;
    }
}

void qiop_dial_free(struct qiop_dial *d)
{
    if (!d) {
        return;
    }
    close_attempts(d);
    qiop_resolver_free(d->resolver);
    qiop_sockaddrs_free(&d->list);
    qio_address_free(d->addr);
    free(d->v);
    free(d);
}

/* Families take turns, the one that the resolver put first begins; within a
 * family its order stays. */
static int interleave(struct qiop_sockaddrs *l, QIOError **errp)
{
    int first = l->v[0].sa.ss_family;
    struct qiop_sockaddr *v;
    size_t a = 0, b = 0, n;
    bool turn = true;

    v = calloc(l->n, sizeof(*v));
    if (!v) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    for (n = 0; n < l->n; n++) {
        while (a < l->n && l->v[a].sa.ss_family != first) {
            a++;
        }
        while (b < l->n && l->v[b].sa.ss_family == first) {
            b++;
        }
        if (b == l->n || (turn && a < l->n)) {
            v[n] = l->v[a++];
        } else {
            v[n] = l->v[b++];
        }
        turn = !turn;
    }
    free(l->v);
    l->v = v;
    return 0;
}

static int resolve_step(struct qiop_dial *d, QIOError **errp)
{
    int ret = qiop_resolver_finish(d->resolver, &d->list, errp);
    size_t i;

    if (ret != 0) {
        return ret;
    }
    qiop_resolver_free(d->resolver);
    d->resolver = NULL;
    if (!d->list.n) {
        qio_error_set(errp, QIO_ERROR_RESOLVE, 0, "'%s' has no address",
                      d->addr->u.inet.host);
        return -1;
    }
    d->v = calloc(d->list.n, sizeof(d->v[0]));
    if (!d->v) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    for (i = 0; i < d->list.n; i++) {
        d->v[i].fd = -1;
    }
    return interleave(&d->list, errp);
}

static enum progress fail_attempt(struct qiop_dial *d, struct attempt *a,
                                  int error)
{
    qiop_fd_close(a->fd);
    a->fd = -1;
    a->error = error;
    d->next_at = 0;
    return FAILED;
}

/*
 * A socket that connects to a free port of this machine may be given that
 * very port as its own, and then reaches itself. Nobody listens there.
 */
static bool is_connected_to_itself(int fd, const struct sockaddr *peer,
                                   socklen_t peer_len)
{
    struct sockaddr_storage own;
    socklen_t len = sizeof(own);

    if (peer->sa_family != AF_INET && peer->sa_family != AF_INET6) {
        return false;
    }
    return getsockname(fd, (struct sockaddr *)&own, &len) == 0 &&
           len == peer_len && memcmp(&own, peer, len) == 0;
}

static enum progress check_connected(struct qiop_dial *d, struct attempt *a)
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof(peer);

    if (getpeername(a->fd, (struct sockaddr *)&peer, &len) < 0) {
        return fail_attempt(d, a, errno);
    }
    if (is_connected_to_itself(a->fd, (struct sockaddr *)&peer, len)) {
        return fail_attempt(d, a, ECONNREFUSED);
    }
    return CONNECTED;
}

static enum progress try_connect(struct qiop_dial *d, size_t i)
{
    const struct qiop_sockaddr *sa = &d->list.v[i];
    bool is_unix = sa->sa.ss_family == AF_UNIX;
    struct attempt *a = &d->v[i];
    int ret;

    a->retry_at = 0;
    do {
        ret = connect(a->fd, (const struct sockaddr *)&sa->sa, sa->len);
    } while (ret < 0 && errno == EINTR && is_unix);
    if (ret == 0) {
        return check_connected(d, a);
    }
    /* Interrupted, all but unix sockets go on connecting. */
    if (errno == EINPROGRESS || errno == EINTR) {
        return PENDING;
    }
    if (errno == EAGAIN && is_unix) {
        a->retry_at = qiop_now_us() + BACKLOG_DELAY_US;
        return PENDING;
    }
    return fail_attempt(d, a, errno);
}

/* Sets *errp only for what makes every further attempt pointless. */
static enum progress start_attempt(struct qiop_dial *d, QIOError **errp)
{
    size_t i = d->next++;
    struct attempt *a = &d->v[i];
    QIOError *err = NULL;
    enum progress ret;
    int error;

    a->fd = qiop_net_socket(&d->list.v[i], &err);
    if (a->fd < 0) {
        error = qio_error_errno(err);
        qio_error_free(err);
        return fail_attempt(d, a, error ? error : ENOMEM);
    }
    if (qiop_net_tune(a->fd, d->addr, &err) < 0) {
        qio_error_propagate(errp, err);
        return fail_attempt(d, a, EINVAL);
    }
    ret = try_connect(d, i);
    if (ret == PENDING) {
        d->next_at = qiop_now_us() + ATTEMPT_DELAY_US;
    }
    return ret;
}

static enum progress check_attempt(struct qiop_dial *d, size_t i)
{
    struct attempt *a = &d->v[i];
    struct pollfd p = {.fd = a->fd, .events = POLLOUT};
    socklen_t len = sizeof(int);
    int error = 0;

    if (a->retry_at) {
        return qiop_deadline_passed(a->retry_at) ? try_connect(d, i) : PENDING;
    }
    if (poll(&p, 1, 0) <= 0) {
        return PENDING;
    }
    if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) {
        error = errno;
    }
    return error ? fail_attempt(d, a, error) : check_connected(d, a);
}

/* ---- saying why ---- */

static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM ||
           error == ENOBUFS;
}

static const char *reason_of(int error)
{
    const char *reason = strerrordesc_np(error);

    return reason ? reason : "unknown error";
}

/* The last address of the list lends its errno, and the errno's text ends the
 * message; a shortage of this machine's takes that place. */
static void all_failed(const struct qiop_dial *d, QIOError **errp)
{
    char target[QIOP_NET_NAME_SIZE], name[QIOP_NET_NAME_SIZE];
    char list[2048] = "";
    size_t i, last = d->list.n - 1, used = 0;
    QIOErrorCode code = QIO_ERROR_CONNECT;

    for (i = 0; i < d->list.n; i++) {
        if (is_shortage(d->v[i].error)) {
            code = QIO_ERROR_SYSTEM;
            last = i;
            break;
        }
    }
    for (i = 0; i < d->list.n && used < sizeof(list); i++) {
        if (i != last) {
            qiop_net_name(&d->list.v[i], name, sizeof(name));
            used +=
                (size_t)snprintf(list + used, sizeof(list) - used, "%s: %s; ",
                                 name, reason_of(d->v[i].error));
        }
    }
    qiop_address_name(d->addr, target, sizeof(target));
    qiop_net_name(&d->list.v[last], name, sizeof(name));
    if (d->list.n == 1 && strcmp(target, name) == 0) {
        qio_error_set(errp, code, d->v[last].error, "cannot connect to '%s'",
                      target);
        return;
    }
    qio_error_set(errp, code, d->v[last].error, "cannot connect to '%s': %s%s",
                  target, list, name);
}

/* ---- the race ---- */

static int win(struct qiop_dial *d, size_t i, int *fd)
{
    *fd = d->v[i].fd;
    d->v[i].fd = -1;
    return 0;
}

static int race(struct qiop_dial *d, int *fd, QIOError **errp)
{
    size_t i, pending = 0;
    QIOError *err = NULL;

    for (i = 0; i < d->next; i++) {
        if (d->v[i].fd < 0) {
            continue;
        }
        switch (check_attempt(d, i)) {
        case CONNECTED:
            return win(d, i, fd);
        case PENDING:
            pending++;
            break;
        case FAILED:
            break;
        }
    }
    while (d->next < d->list.n &&
           (!pending || qiop_deadline_passed(d->next_at))) {
        switch (start_attempt(d, &err)) {
        case CONNECTED:
            return win(d, d->next - 1, fd);
        case PENDING:
            pending++;
            break;
        case FAILED:
            break;
        }
        if (err) {
            qio_error_propagate(errp, err);
            return -1;
        }
    }
    if (pending) {
        return QIO_CHANNEL_ERR_BLOCK;
    }
    all_failed(d, errp);
    return -1;
}

int qiop_dial_step(struct qiop_dial *d, int *fd, QIOError **errp)
{
    int ret = 0;

    *fd = -1;
    if (d->over) {
        qio_error_set(errp, QIO_ERROR_STATE, 0, "this attempt is over");
        return -1;
    }
    if (d->resolver) {
        ret = resolve_step(d, errp);
    }
    if (ret == 0) {
        ret = race(d, fd, errp);
    }
    if (ret != QIO_CHANNEL_ERR_BLOCK) {
        close_attempts(d);
        d->over = true;
    }
    return ret;
}

size_t qiop_dial_poll(const struct qiop_dial *d, struct pollfd *fds, size_t max,
                      int64_t *deadline)
{
    size_t i, n = 0;

    *deadline = QIOP_NEVER;
    if (d->resolver && max) {
        fds[0].fd = qiop_resolver_fd(d->resolver);
        fds[0].events = POLLIN;
        fds[0].revents = 0;
        return 1;
    }
    if (d->next < d->list.n) {
        *deadline = d->next_at;
    }
    for (i = 0; i < d->next; i++) {
        const struct attempt *a = &d->v[i];
        int64_t retry_at = a->retry_at;

        if (a->fd < 0) {
            continue;
        }
        if (!retry_at && n < max) {
            fds[n].fd = a->fd;
            fds[n].events = POLLOUT;
            fds[n].revents = 0;
            n++;
            continue;
        }
        /* Nobody watches this one, so look at it again soon. */
        if (!retry_at) {
            retry_at = qiop_now_us() + BACKLOG_DELAY_US;
        }
        if (retry_at < *deadline) {
            *deadline = retry_at;
        }
    }
    return n;
}
