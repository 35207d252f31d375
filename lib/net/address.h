/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is inside a QIOAddress, for the rest of lib/net. */
#ifndef QIOP_NET_ADDRESS_H
#define QIOP_NET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>
#include <qio/address.h>

/* What a socket name can hold: a path ends in NUL, an abstract name begins
 * with one. */
#define QIOP_UNIX_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

struct QIOAddress {
    QIOAddressType type;
    union {
        struct {
            char *host;
            char *port;
            uint16_t to; /* 0: none */
            int8_t ipv4; /* -1 not given */
            int8_t ipv6;
            bool numeric;
            bool mptcp;
            bool keep_alive;
            uint32_t keep_alive_count; /* 0: the system's */
            uint32_t keep_alive_idle;
            uint32_t keep_alive_interval;
        } inet;
        struct {
            char *path; /* length-counted: abstract names may hold NUL */
            size_t path_len;
            bool abstract;
            bool tight;
        } un;
        struct {
            uint32_t cid;
            uint32_t port;
        } vsock;
        struct {
            int fd;
        } fd;
    } u;
};

/* An address of this type with every option at its default. */
QIOAddress *qiop_address_alloc(QIOAddressType type, QIOError **errp);

/* addr with this address and port in place of the names, all options kept. */
struct qiop_sockaddr;
QIOAddress *qiop_address_resolved(const QIOAddress *addr,
                                  const struct qiop_sockaddr *sa,
                                  QIOError **errp);

/* The rules of the grammar, for the constructors without text. */
int qiop_address_check_host(const char *host, QIOError **errp);
int qiop_address_check_port(const char *port, QIOError **errp);
int qiop_address_check_path(const char *path, QIOError **errp);

/* A literal IPv6 address, with or without zone. */
bool qiop_address_is_ipv6(const char *host);

/* The address without its options, "host:port" as in the grammar, for
 * messages. Always terminated, cut when there is no room. */
void qiop_address_name(const QIOAddress *addr, char *buf, size_t size);

#endif
