/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Binding and listening on every address that a QIOAddress stands for. */
#ifndef QIOP_NET_LISTEN_H
#define QIOP_NET_LISTEN_H

#include <stddef.h>
#include <sys/types.h>
#include <qio/address.h>

struct qiop_listen_socket {
    int fd;            /* listening, non-blocking */
    QIOAddress *local; /* as bound */
    char *unlink_path; /* remove when done, NULL: nothing */
    dev_t dev;         /* ... if it is still this file */
    ino_t ino;
};

struct qiop_listen_sockets {
    struct qiop_listen_socket *v;
    size_t n;
};

/* Success when at least one address works; else the first failure. An FD
 * address must be a listening (or bound) socket and is adopted. A stale unix
 * socket file is replaced, a live one is QIO_ERROR_IN_USE. May block in name
 * resolution. */
int qiop_listen(const QIOAddress *addr, int backlog,
                struct qiop_listen_sockets *out, QIOError **errp);
void qiop_listen_sockets_free(struct qiop_listen_sockets *l);

#endif
