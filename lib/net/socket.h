/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stream sockets with the options of a QIOAddress; for dial and listen. */
#ifndef QIOP_NET_SOCKET_H
#define QIOP_NET_SOCKET_H

#include <stddef.h>
#include <qio/address.h>
#include "net/resolve.h"

/* Enough for every name that qiop_net_name() writes. */
#define QIOP_NET_NAME_SIZE 320

/* A non-blocking stream socket for this address; TCP where MPTCP is asked for
 * and the kernel does not do it. */
int qiop_net_socket(const struct qiop_sockaddr *sa, QIOError **errp);

/* No delay for small writes, and keep-alive as the address says. On a
 * listening socket it holds for what is accepted from it. */
int qiop_net_tune(int fd, const QIOAddress *addr, QIOError **errp);

/* "127.0.0.1:5000", "[::1]:5000", "/path", "@name", "vsock:2:5000". */
void qiop_net_name(const struct qiop_sockaddr *sa, char *buf, size_t size);

#endif
