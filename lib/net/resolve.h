/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a QIOAddress to the socket addresses it stands for. */
#ifndef QIOP_NET_RESOLVE_H
#define QIOP_NET_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <qio/address.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

struct qiop_sockaddr {
    struct sockaddr_storage sa;
    socklen_t len;
    int protocol; /* 0, or IPPROTO_MPTCP when asked for */
};

struct qiop_sockaddrs {
    struct qiop_sockaddr *v;
    size_t n;
};

void qiop_sockaddrs_free(struct qiop_sockaddrs *l);

/* Everything but FD addresses, each address once, in the order to try. passive:
 * for binding. Blocks when the host is a name. */
int qiop_resolve(const QIOAddress *addr, bool passive,
                 struct qiop_sockaddrs *out, QIOError **errp);

/* Is there a name to look up, so that resolving may block? */
bool qiop_resolve_blocks(const QIOAddress *addr);

/* The same without blocking: a name is looked up by a short-lived thread,
 * everything else is there at once. */
struct qiop_resolver;
struct qiop_resolver *qiop_resolver_start(const QIOAddress *addr, bool passive,
                                          QIOError **errp);
/* Readable when finish() has something to say. Borrowed. */
int qiop_resolver_fd(const struct qiop_resolver *r);
/* 0 (out is filled), -1, or QIO_CHANNEL_ERR_BLOCK. */
int qiop_resolver_finish(struct qiop_resolver *r, struct qiop_sockaddrs *out,
                         QIOError **errp);
/* Also while the thread still runs: it ends by itself, touching nothing of
 * ours. */
void qiop_resolver_free(struct qiop_resolver *r);

#endif
