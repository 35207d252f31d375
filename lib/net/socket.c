/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stream sockets with the options of a QIOAddress. */
#include <config.h>
#include "net/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>

#include "base/fd.h"
#include "net/address.h"

int qiop_net_socket(const struct qiop_sockaddr *sa, QIOError **errp)
{
    int family = sa->sa.ss_family;
    QIOError *err = NULL;
    int fd;

    if (sa->protocol != IPPROTO_MPTCP) {
        return qiop_fd_socket(family, SOCK_STREAM, sa->protocol, true, errp);
    }
    fd = qiop_fd_socket(family, SOCK_STREAM, IPPROTO_MPTCP, true, &err);
    if (fd >= 0) {
        return fd;
    }
    switch (qio_error_errno(err)) {
    case EPROTONOSUPPORT: /* the kernel was built without it */
    case ENOPROTOOPT:     /* the administrator disabled it */
    case EINVAL:          /* the kernel is older than it */
        qio_error_free(err);
        return qiop_fd_socket(family, SOCK_STREAM, 0, true, errp);
    default:
        qio_error_propagate(errp, err);
        return -1;
    }
}

static int set_option(int fd, int level, int option, uint32_t value,
                      const char *name, QIOError **errp)
{
    int number = value > INT32_MAX ? INT32_MAX : (int)value;

    if (setsockopt(fd, level, option, &number, sizeof(number)) == 0) {
        return 0;
    }
    /* MPTCP learnt the options of TCP one kernel after the other. */
    if (level == IPPROTO_TCP && (errno == ENOPROTOOPT || errno == EOPNOTSUPP)) {
        return 0;
    }
    if (errno == EINVAL) {
        qio_error_set(errp, QIO_ERROR_INVALID, errno, "cannot set %s to %u",
                      name, value);
        return -1;
    }
    qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "cannot set %s", name);
    return -1;
}

int qiop_net_tune(int fd, const QIOAddress *addr, QIOError **errp)
{
    uint32_t count, idle, interval;

    if (addr->type != QIO_ADDRESS_INET) {
        return 0;
    }
    if (set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "no delay", errp) < 0) {
        return -1;
    }
    if (!addr->u.inet.keep_alive) {
        return 0;
    }
    if (set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1, "keep-alive", errp) < 0) {
        return -1;
    }
    count = addr->u.inet.keep_alive_count;
    idle = addr->u.inet.keep_alive_idle;
    interval = addr->u.inet.keep_alive_interval;
    if (count && set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, count,
                            "keep-alive-count", errp) < 0) {
        return -1;
    }
    if (idle && set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle,
                           "keep-alive-idle", errp) < 0) {
        return -1;
    }
    if (interval && set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval,
                               "keep-alive-interval", errp) < 0) {
        return -1;
    }
    return 0;
}

void qiop_net_name(const struct qiop_sockaddr *sa, char *buf, size_t size)
{
    QIOAddress *addr = qio_address_from_sockaddr(
        (const struct sockaddr *)&sa->sa, sa->len, NULL);

    if (!addr) {
        snprintf(buf, size, "?");
        return;
    }
    qiop_address_name(addr, buf, size);
    qio_address_free(addr);
}
