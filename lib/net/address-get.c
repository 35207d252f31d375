/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking a QIOAddress for its fields. */
#include <config.h>
#include "net/address.h"

#include <stddef.h>

QIOAddressType qio_address_type(const QIOAddress *addr)
{
    return addr->type;
}

static bool is_inet(const QIOAddress *addr)
{
    return addr->type == QIO_ADDRESS_INET;
}

static bool is_unix(const QIOAddress *addr)
{
    return addr->type == QIO_ADDRESS_UNIX;
}

const char *qio_address_host(const QIOAddress *addr)
{
    return is_inet(addr) ? addr->u.inet.host : NULL;
}

const char *qio_address_port(const QIOAddress *addr)
{
    return is_inet(addr) ? addr->u.inet.port : NULL;
}

unsigned qio_address_port_to(const QIOAddress *addr)
{
    return is_inet(addr) ? addr->u.inet.to : 0;
}

int qio_address_ipv4(const QIOAddress *addr)
{
    return is_inet(addr) ? addr->u.inet.ipv4 : -1;
}

int qio_address_ipv6(const QIOAddress *addr)
{
    return is_inet(addr) ? addr->u.inet.ipv6 : -1;
}

bool qio_address_numeric(const QIOAddress *addr)
{
    return is_inet(addr) && addr->u.inet.numeric;
}

bool qio_address_mptcp(const QIOAddress *addr)
{
    return is_inet(addr) && addr->u.inet.mptcp;
}

bool qio_address_keep_alive(const QIOAddress *addr)
{
    return is_inet(addr) && addr->u.inet.keep_alive;
}

uint32_t qio_address_keep_alive_count(const QIOAddress *addr)
{
    return is_inet(addr) ? addr->u.inet.keep_alive_count : 0;
}

uint32_t qio_address_keep_alive_idle(const QIOAddress *addr)
{
    return is_inet(addr) ? addr->u.inet.keep_alive_idle : 0;
}

uint32_t qio_address_keep_alive_interval(const QIOAddress *addr)
{
    return is_inet(addr) ? addr->u.inet.keep_alive_interval : 0;
}

const char *qio_address_path(const QIOAddress *addr)
{
    return is_unix(addr) ? addr->u.un.path : NULL;
}

bool qio_address_abstract(const QIOAddress *addr)
{
    return is_unix(addr) && addr->u.un.abstract;
}

bool qio_address_tight(const QIOAddress *addr)
{
    return is_unix(addr) && addr->u.un.tight;
}

uint32_t qio_address_vsock_cid(const QIOAddress *addr)
{
    return addr->type == QIO_ADDRESS_VSOCK ? addr->u.vsock.cid : 0;
}

uint32_t qio_address_vsock_port(const QIOAddress *addr)
{
    return addr->type == QIO_ADDRESS_VSOCK ? addr->u.vsock.port : 0;
}

int qio_address_fd(const QIOAddress *addr)
{
    return addr->type == QIO_ADDRESS_FD ? addr->u.fd.fd : 0;
}
