/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QIOAddress as text: the opposite of address-parse.c. */
#include <config.h>
#include "net/address.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for the longest host, port and path with every option; add() stops
 * at the end all the same. */
struct text {
    char buf[1024];
    size_t len;
};

static void add(struct text *t, const char *fmt, ...) QIO_PRINTF(2, 3);

static void add(struct text *t, const char *fmt, ...)
{
    size_t room = sizeof(t->buf) - t->len;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(t->buf + t->len, room, fmt, ap);
    va_end(ap);
    if (n > 0) {
        t->len += (size_t)n < room ? (size_t)n : room - 1;
    }
}

static void add_number(struct text *t, const char *option, uint32_t value)
{
    if (value) {
        add(t, ",%s=%" PRIu32, option, value);
    }
}

static void add_tristate(struct text *t, const char *option, int value)
{
    if (value >= 0) {
        add(t, ",%s=%s", option, value ? "on" : "off");
    }
}

static void add_flag(struct text *t, const char *option, bool value)
{
    if (value) {
        add(t, ",%s=on", option);
    }
}

static void add_host_port(struct text *t, const char *host, const char *port)
{
    add(t, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

static void add_inet(struct text *t, const QIOAddress *addr)
{
    add(t, "tcp:");
    add_host_port(t, addr->u.inet.host, addr->u.inet.port);
    add_number(t, "to", addr->u.inet.to);
    add_tristate(t, "ipv4", addr->u.inet.ipv4);
    add_tristate(t, "ipv6", addr->u.inet.ipv6);
    add_flag(t, "numeric", addr->u.inet.numeric);
    add_flag(t, "keep-alive", addr->u.inet.keep_alive);
    add_number(t, "keep-alive-count", addr->u.inet.keep_alive_count);
    add_number(t, "keep-alive-idle", addr->u.inet.keep_alive_idle);
    add_number(t, "keep-alive-interval", addr->u.inet.keep_alive_interval);
    add_flag(t, "mptcp", addr->u.inet.mptcp);
}

static void add_unix(struct text *t, const QIOAddress *addr)
{
    size_t i;

    add(t, "unix:");
    for (i = 0; i < addr->u.un.path_len; i++) {
        char c = addr->u.un.path[i];

        add(t, c == ',' ? "%c," : "%c", c);
    }
    add_flag(t, "abstract", addr->u.un.abstract);
    if (!addr->u.un.tight) {
        add(t, ",tight=off");
    }
}

char *qio_address_to_string(const QIOAddress *addr, QIOError **errp)
{
    struct text t = {.len = 0};
    char *copy;

    switch (addr->type) {
    case QIO_ADDRESS_INET:
        add_inet(&t, addr);
        break;
    case QIO_ADDRESS_UNIX:
        if (addr->u.un.path_len > QIOP_UNIX_PATH_MAX ||
            memchr(addr->u.un.path, '\0', addr->u.un.path_len)) {
            qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0,
                          "this unix socket name cannot be written as text");
            return NULL;
        }
        add_unix(&t, addr);
        break;
    case QIO_ADDRESS_VSOCK:
        add(&t, "vsock:%" PRIu32 ":%" PRIu32, addr->u.vsock.cid,
            addr->u.vsock.port);
        break;
    case QIO_ADDRESS_FD:
        add(&t, "fd:%d", addr->u.fd.fd);
        break;
    }
    copy = strdup(t.buf);
    if (!copy) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
    }
    return copy;
}

void qiop_address_name(const QIOAddress *addr, char *buf, size_t size)
{
    struct text t = {.len = 0};

    switch (addr->type) {
    case QIO_ADDRESS_INET:
        add_host_port(&t, addr->u.inet.host, addr->u.inet.port);
        break;
    case QIO_ADDRESS_UNIX:
        add(&t, "%s%s", addr->u.un.abstract ? "@" : "", addr->u.un.path);
        break;
    case QIO_ADDRESS_VSOCK:
        add(&t, "vsock:%" PRIu32 ":%" PRIu32, addr->u.vsock.cid,
            addr->u.vsock.port);
        break;
    case QIO_ADDRESS_FD:
        add(&t, "fd:%d", addr->u.fd.fd);
        break;
    }
    snprintf(buf, size, "%s", t.buf);
}
