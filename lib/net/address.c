/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QIOAddress: making, copying, comparing and asking it; no text in here. */
#include <config.h>
#include "net/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_LINUX_VM_SOCKETS_H
#include <linux/vm_sockets.h>
#endif

QIOAddress *qiop_address_alloc(QIOAddressType type, QIOError **errp)
{
    QIOAddress *addr = calloc(1, sizeof(*addr));

    if (!addr) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    addr->type = type;
    if (type == QIO_ADDRESS_INET) {
        addr->u.inet.ipv4 = -1;
        addr->u.inet.ipv6 = -1;
    } else if (type == QIO_ADDRESS_UNIX) {
        addr->u.un.tight = true;
    }
    return addr;
}

/* Takes ownership of nothing; host and port are known to be good. */
static QIOAddress *make_inet(const char *host, const char *port,
                             QIOError **errp)
{
    QIOAddress *addr = qiop_address_alloc(QIO_ADDRESS_INET, errp);

    if (!addr) {
        return NULL;
    }
    addr->u.inet.host = strdup(host);
    addr->u.inet.port = strdup(port);
    if (!addr->u.inet.host || !addr->u.inet.port) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        qio_address_free(addr);
        return NULL;
    }
    return addr;
}

static QIOAddress *make_unix(const char *path, size_t len, QIOError **errp)
{
    QIOAddress *addr = qiop_address_alloc(QIO_ADDRESS_UNIX, errp);

    if (!addr) {
        return NULL;
    }
    addr->u.un.path = malloc(len + 1);
    if (!addr->u.un.path) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        qio_address_free(addr);
        return NULL;
    }
    memcpy(addr->u.un.path, path, len);
    addr->u.un.path[len] = '\0';
    addr->u.un.path_len = len;
    return addr;
}

QIOAddress *qio_address_new_inet(const char *host, const char *port,
                                 QIOError **errp)
{
    if (qiop_address_check_host(host, errp) < 0 ||
        qiop_address_check_port(port, errp) < 0) {
        return NULL;
    }
    return make_inet(host, port, errp);
}

QIOAddress *qio_address_new_unix(const char *path, QIOError **errp)
{
    if (qiop_address_check_path(path, errp) < 0) {
        return NULL;
    }
    return make_unix(path, strlen(path), errp);
}

QIOAddress *qio_address_new_vsock(uint32_t cid, uint32_t port, QIOError **errp)
{
    QIOAddress *addr = qiop_address_alloc(QIO_ADDRESS_VSOCK, errp);

    if (addr) {
        addr->u.vsock.cid = cid;
        addr->u.vsock.port = port;
    }
    return addr;
}

QIOAddress *qio_address_new_fd(int fd, QIOError **errp)
{
    QIOAddress *addr;

    if (fd < 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "%d is not a descriptor", fd);
        return NULL;
    }
    addr = qiop_address_alloc(QIO_ADDRESS_FD, errp);
    if (addr) {
        addr->u.fd.fd = fd;
    }
    return addr;
}

/* ---- from the kernel ---- */

static QIOAddress *from_in(const struct sockaddr_in *sin, QIOError **errp)
{
    char host[INET_ADDRSTRLEN], port[8];

    inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host));
    snprintf(port, sizeof(port), "%u", ntohs(sin->sin_port));
    return make_inet(host, port, errp);
}

static QIOAddress *from_in6(const struct sockaddr_in6 *sin6, QIOError **errp)
{
    char literal[INET6_ADDRSTRLEN], zone[IF_NAMESIZE], port[8];
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];

    inet_ntop(AF_INET6, &sin6->sin6_addr, literal, sizeof(literal));
    snprintf(port, sizeof(port), "%u", ntohs(sin6->sin6_port));
    if (!sin6->sin6_scope_id) {
        return make_inet(literal, port, errp);
    }
    if (if_indextoname(sin6->sin6_scope_id, zone)) {
        snprintf(host, sizeof(host), "%s%%%s", literal, zone);
        if (qiop_address_is_ipv6(host)) {
            return make_inet(host, port, errp);
        }
    }
    snprintf(host, sizeof(host), "%s%%%u", literal, sin6->sin6_scope_id);
    return make_inet(host, port, errp);
}

static QIOAddress *from_un(const struct sockaddr_un *sun, socklen_t len,
                           QIOError **errp)
{
    size_t n = len - offsetof(struct sockaddr_un, sun_path);
    QIOAddress *addr;

    if (n > sizeof(sun->sun_path)) {
        n = sizeof(sun->sun_path);
    }
    if (n == 0 || sun->sun_path[0]) {
        return make_unix(sun->sun_path, strnlen(sun->sun_path, n), errp);
    }
    /* Padded to the full size, or simply ending in NULs: only the former can
     * be said in an address, and it is what others do. */
    if (n == sizeof(sun->sun_path) && !sun->sun_path[n - 1]) {
        while (n > 1 && !sun->sun_path[n - 1]) {
            n--;
        }
        addr = make_unix(sun->sun_path + 1, n - 1, errp);
        if (addr) {
            addr->u.un.tight = false;
        }
    } else {
        addr = make_unix(sun->sun_path + 1, n - 1, errp);
    }
    if (addr) {
        addr->u.un.abstract = true;
    }
    return addr;
}

QIOAddress *qio_address_from_sockaddr(const struct sockaddr *sa, socklen_t len,
                                      QIOError **errp)
{
    union {
        struct sockaddr_storage ss;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
#ifdef HAVE_LINUX_VM_SOCKETS_H
        struct sockaddr_vm vm;
#endif
    } u = {0};
    size_t need;

    if (len < sizeof(sa->sa_family)) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "socket address too short");
        return NULL;
    }
    memcpy(&u, sa, len < sizeof(u) ? len : sizeof(u));
    switch (u.ss.ss_family) {
    case AF_INET:
        need = sizeof(u.in);
        break;
    case AF_INET6:
        need = sizeof(u.in6);
        break;
    case AF_UNIX:
        need = offsetof(struct sockaddr_un, sun_path);
        break;
#ifdef HAVE_LINUX_VM_SOCKETS_H
    case AF_VSOCK:
        need = sizeof(u.vm);
        break;
#endif
    default:
        qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0,
                      "socket addresses of family %d are not supported",
                      u.ss.ss_family);
        return NULL;
    }
    if (len < need) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "socket address too short");
        return NULL;
    }
    switch (u.ss.ss_family) {
    case AF_INET:
        return from_in(&u.in, errp);
    case AF_INET6:
        return from_in6(&u.in6, errp);
    case AF_UNIX:
        return from_un(&u.un, len, errp);
    default:
#ifdef HAVE_LINUX_VM_SOCKETS_H
        return qio_address_new_vsock(u.vm.svm_cid, u.vm.svm_port, errp);
#else
        return NULL;
#endif
    }
}

/* ---- copying, comparing, freeing ---- */

QIOAddress *qio_address_copy(const QIOAddress *addr, QIOError **errp)
{
    QIOAddress *copy = NULL;
    char *host, *port, *path;

    switch (addr->type) {
    case QIO_ADDRESS_INET:
        copy = make_inet(addr->u.inet.host, addr->u.inet.port, errp);
        if (copy) {
            host = copy->u.inet.host;
            port = copy->u.inet.port;
            copy->u.inet = addr->u.inet;
            copy->u.inet.host = host;
            copy->u.inet.port = port;
        }
        break;
    case QIO_ADDRESS_UNIX:
        copy = make_unix(addr->u.un.path, addr->u.un.path_len, errp);
        if (copy) {
            path = copy->u.un.path;
            copy->u.un = addr->u.un;
            copy->u.un.path = path;
        }
        break;
    default:
        copy = qiop_address_alloc(addr->type, errp);
        if (copy) {
            copy->u = addr->u;
        }
        break;
    }
    return copy;
}

static bool equal_inet(const QIOAddress *a, const QIOAddress *b)
{
    return strcmp(a->u.inet.host, b->u.inet.host) == 0 &&
           strcmp(a->u.inet.port, b->u.inet.port) == 0 &&
           a->u.inet.to == b->u.inet.to && a->u.inet.ipv4 == b->u.inet.ipv4 &&
           a->u.inet.ipv6 == b->u.inet.ipv6 &&
           a->u.inet.numeric == b->u.inet.numeric &&
           a->u.inet.mptcp == b->u.inet.mptcp &&
           a->u.inet.keep_alive == b->u.inet.keep_alive &&
           a->u.inet.keep_alive_count == b->u.inet.keep_alive_count &&
           a->u.inet.keep_alive_idle == b->u.inet.keep_alive_idle &&
           a->u.inet.keep_alive_interval == b->u.inet.keep_alive_interval;
}

bool qio_address_equal(const QIOAddress *a, const QIOAddress *b)
{
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case QIO_ADDRESS_INET:
        return equal_inet(a, b);
    case QIO_ADDRESS_UNIX:
        return a->u.un.path_len == b->u.un.path_len &&
               memcmp(a->u.un.path, b->u.un.path, a->u.un.path_len) == 0 &&
               a->u.un.abstract == b->u.un.abstract &&
               a->u.un.tight == b->u.un.tight;
    case QIO_ADDRESS_VSOCK:
        return a->u.vsock.cid == b->u.vsock.cid &&
               a->u.vsock.port == b->u.vsock.port;
    case QIO_ADDRESS_FD:
        return a->u.fd.fd == b->u.fd.fd;
    }
    return false;
}

void qio_address_free(QIOAddress *addr)
{
    if (!addr) {
        return;
    }
    if (addr->type == QIO_ADDRESS_INET) {
        free(addr->u.inet.host);
        free(addr->u.inet.port);
    } else if (addr->type == QIO_ADDRESS_UNIX) {
        free(addr->u.un.path);
    }
    free(addr);
}
