/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is inside a QIOAddress, for the rest of lib/net. */
#ifndef QIOP_NET_ADDRESS_H
#define QIOP_NET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <qio/address.h>

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

#endif
