/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a QIOAddress to socket addresses, in the calling thread. */
#include <config.h>
#include "net/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#ifdef HAVE_LINUX_VM_SOCKETS_H
#include <linux/vm_sockets.h>
#endif

#include "net/address.h"

/* Nobody races or binds more than this. */
#define RESULTS_MAX 64
#define NAME_SIZE 320

void qiop_sockaddrs_free(struct qiop_sockaddrs *l)
{
    free(l->v);
    l->v = NULL;
    l->n = 0;
}

static int make_room(struct qiop_sockaddrs *out, size_t n, QIOError **errp)
{
    out->n = 0;
    out->v = calloc(n, sizeof(out->v[0]));
    if (!out->v) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    return 0;
}

/* ---- unix and vsock ---- */

static int resolve_unix(const QIOAddress *addr, bool passive,
                        struct qiop_sockaddrs *out, QIOError **errp)
{
    size_t base = offsetof(struct sockaddr_un, sun_path);
    size_t len = addr->u.un.path_len;
    struct sockaddr_un *un;

    if (!len && !(passive && addr->u.un.abstract)) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "the path of the unix socket is missing");
        return -1;
    }
    if (len > QIOP_UNIX_PATH_MAX) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "the unix socket path is too long");
        return -1;
    }
    if (make_room(out, 1, errp) < 0) {
        return -1;
    }
    out->n = 1;
    un = (struct sockaddr_un *)&out->v[0].sa;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path + addr->u.un.abstract, addr->u.un.path, len);
    /* A path counts its NUL at the end, an abstract name that in front; with
     * nothing but the family, the kernel chooses a name. */
    out->v[0].len = (socklen_t)(base + len + 1);
    if (!len) {
        out->v[0].len = (socklen_t)base;
    } else if (addr->u.un.abstract && !addr->u.un.tight) {
        out->v[0].len = sizeof(*un);
    }
    return 0;
}

static int resolve_vsock(const QIOAddress *addr, struct qiop_sockaddrs *out,
                         QIOError **errp)
{
#ifdef HAVE_LINUX_VM_SOCKETS_H
    struct sockaddr_vm *vm;

    if (make_room(out, 1, errp) < 0) {
        return -1;
    }
    out->n = 1;
    vm = (struct sockaddr_vm *)&out->v[0].sa;
    vm->svm_family = AF_VSOCK;
    vm->svm_cid = addr->u.vsock.cid;
    vm->svm_port = addr->u.vsock.port;
    out->v[0].len = sizeof(*vm);
    return 0;
#else
    (void)addr;
    (void)out;
    qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0,
                  "this build does not know vsock");
    return -1;
#endif
}

/* ---- inet ---- */

static bool is_literal(const char *host)
{
    struct in_addr ignored;

    return !*host || strchr(host, ':') ||
           inet_pton(AF_INET, host, &ignored) == 1;
}

static bool is_number(const char *port)
{
    return !port[strspn(port, "0123456789")];
}

/* Names that mean this machine, whatever its addresses. */
static bool is_localhost(const char *host)
{
    static const char name[] = "localhost";
    size_t len = strlen(host);

    if (len < sizeof(name) - 1) {
        return false;
    }
    host += len - (sizeof(name) - 1);
    return strcasecmp(host, name) == 0 &&
           (len == sizeof(name) - 1 || host[-1] == '.');
}

bool qiop_resolve_blocks(const QIOAddress *addr)
{
    return addr->type == QIO_ADDRESS_INET && !addr->u.inet.numeric &&
           !(is_literal(addr->u.inet.host) && is_number(addr->u.inet.port));
}

static int family_of(const QIOAddress *addr, bool passive)
{
    int v4 = addr->u.inet.ipv4, v6 = addr->u.inet.ipv6;

    if (v4 == 1 && v6 == 1) {
        /* One socket for both: "::" without V6ONLY. */
        return passive && !*addr->u.inet.host ? AF_INET6 : AF_UNSPEC;
    }
    if (v6 == 1 || v4 == 0) {
        return AF_INET6;
    }
    if (v4 == 1 || v6 == 0) {
        return AF_INET;
    }
    return AF_UNSPEC;
}

static int lookup(const QIOAddress *addr, bool passive, struct addrinfo **res)
{
    const char *host = *addr->u.inet.host ? addr->u.inet.host : NULL;
    struct addrinfo hints = {
        .ai_family = family_of(addr, passive),
        .ai_socktype = SOCK_STREAM,
        .ai_protocol = IPPROTO_TCP,
        .ai_flags = passive ? AI_PASSIVE : 0,
    };
    int ret;

    if (addr->u.inet.numeric) {
        hints.ai_flags |= AI_NUMERICHOST | AI_NUMERICSERV;
    }
    if (host && is_literal(host)) {
        hints.ai_flags |= AI_NUMERICHOST;
    }
    /*
     * No IPv6 address for a machine that has none; but glibc does not count
     * the loopback interface, and so would find nothing at all on a machine
     * that has no other, even for names in /etc/hosts.
     */
    if (!passive && host && !(hints.ai_flags & AI_NUMERICHOST) &&
        !is_localhost(host)) {
        hints.ai_flags |= AI_ADDRCONFIG;
        ret = getaddrinfo(host, addr->u.inet.port, &hints, res);
        if (ret != EAI_NONAME && ret != EAI_ADDRFAMILY && ret != EAI_NODATA) {
            return ret;
        }
        hints.ai_flags &= ~AI_ADDRCONFIG;
    }
    return getaddrinfo(host, addr->u.inet.port, &hints, res);
}

static void lookup_failed(const QIOAddress *addr, int family, int gai,
                          int sys_errno, QIOError **errp)
{
    const char *limit = "";
    char name[NAME_SIZE];

    if (gai == EAI_MEMORY) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return;
    }
    qiop_address_name(addr, name, sizeof(name));
    if (gai == EAI_SYSTEM) {
        qio_error_set(errp, QIO_ERROR_RESOLVE, sys_errno, "cannot resolve '%s'",
                      name);
        return;
    }
    if (gai == EAI_SERVICE) {
        qio_error_set(errp, QIO_ERROR_RESOLVE, 0,
                      "cannot resolve '%s': no service has the name '%s'", name,
                      addr->u.inet.port);
        return;
    }
    if (addr->u.inet.numeric) {
        limit = " (numeric=on allows no names)";
    } else if (family == AF_INET) {
        limit = " (only IPv4 is wanted)";
    } else if (family == AF_INET6) {
        limit = " (only IPv6 is wanted)";
    }
    qio_error_set(errp, QIO_ERROR_RESOLVE, 0, "cannot resolve '%s': %s%s", name,
                  gai_strerror(gai), limit);
}

static bool is_known(const struct qiop_sockaddrs *l, const struct addrinfo *ai)
{
    size_t i;

    for (i = 0; i < l->n; i++) {
        if (l->v[i].len == ai->ai_addrlen &&
            memcmp(&l->v[i].sa, ai->ai_addr, ai->ai_addrlen) == 0) {
            return true;
        }
    }
    return false;
}

static int resolve_inet(const QIOAddress *addr, bool passive,
                        struct qiop_sockaddrs *out, QIOError **errp)
{
    struct addrinfo *res, *ai;
    int ret;

    if (!passive && is_number(addr->u.inet.port) &&
        strtoul(addr->u.inet.port, NULL, 10) == 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "nobody can be reached at port 0");
        return -1;
    }
    ret = lookup(addr, passive, &res);
    if (ret) {
        lookup_failed(addr, family_of(addr, passive), ret, errno, errp);
        return -1;
    }
    if (make_room(out, RESULTS_MAX, errp) < 0) {
        freeaddrinfo(res);
        return -1;
    }
    /* /etc/hosts may tell the same address several times. */
    for (ai = res; ai && out->n < RESULTS_MAX; ai = ai->ai_next) {
        if (ai->ai_addrlen > sizeof(out->v[0].sa) || is_known(out, ai)) {
            continue;
        }
        memcpy(&out->v[out->n].sa, ai->ai_addr, ai->ai_addrlen);
        out->v[out->n].len = ai->ai_addrlen;
        out->v[out->n].protocol = addr->u.inet.mptcp ? IPPROTO_MPTCP : 0;
        out->n++;
    }
    freeaddrinfo(res);
    return 0;
}

QIOAddress *qiop_address_resolved(const QIOAddress *addr,
                                  const struct qiop_sockaddr *sa,
                                  QIOError **errp)
{
    QIOAddress *copy = qio_address_copy(addr, errp);
    QIOAddress *numeric = qio_address_from_sockaddr(
        (const struct sockaddr *)&sa->sa, sa->len, errp);
    char *name;

    if (!copy || !numeric) {
        qio_address_free(copy);
        qio_address_free(numeric);
        return NULL;
    }
    name = copy->u.inet.host;
    copy->u.inet.host = numeric->u.inet.host;
    numeric->u.inet.host = name;
    name = copy->u.inet.port;
    copy->u.inet.port = numeric->u.inet.port;
    numeric->u.inet.port = name;
    copy->u.inet.numeric = true;
    qio_address_free(numeric);
    return copy;
}

int qiop_resolve(const QIOAddress *addr, bool passive,
                 struct qiop_sockaddrs *out, QIOError **errp)
{
    out->v = NULL;
    out->n = 0;
    switch (addr->type) {
    case QIO_ADDRESS_INET:
        return resolve_inet(addr, passive, out, errp);
    case QIO_ADDRESS_UNIX:
        return resolve_unix(addr, passive, out, errp);
    case QIO_ADDRESS_VSOCK:
        return resolve_vsock(addr, out, errp);
    default:
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "an fd: address is a socket already");
        return -1;
    }
}
