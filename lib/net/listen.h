/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Binding and listening on every address that a QIOAddress stands for. */
#ifndef QIOP_NET_LISTEN_H
#define QIOP_NET_LISTEN_H

#include <stddef.h>
#include <stdbool.h>
#include <sys/types.h>
#include <qio/address.h>

struct qiop_listen_socket {
    int fd;            /* listening, non-blocking */
    QIOAddress *local; /* as bound */
    bool restore;      /* O_NONBLOCK was off before us, and others have it */
    char *unlink_path; /* remove when done, NULL: nothing */
    dev_t dev;         /* ... if it is still this file */
    ino_t ino;
};

struct qiop_listen_sockets {
    struct qiop_listen_socket *v;
    size_t n;
};

/*
 * Success when at least one address works; else the first failure.
 *
 * inet: all addresses get the same port: the first one's when the port is 0,
 * the first one free on all of them when there is a range ("to"), and only
 * when none is, the first that is free on some.
 * unix: a stale socket file is replaced, a live one is QIO_ERROR_IN_USE, and
 * so is a file that is no socket. An empty path is only for abstract names,
 * where the kernel chooses one.
 * fd: a listening socket, or one that is bound; adopted when this succeeds.
 *
 * May block in name resolution, and up to a second while another process
 * replaces a stale socket file in the same directory.
 */
int qiop_listen(const QIOAddress *addr, int backlog,
                struct qiop_listen_sockets *out, QIOError **errp);
/* The same for addresses that were resolved (passive) before; not for fd:.
 * Their ports are changed as need be. Does not block but for a stale socket
 * file. */
struct qiop_sockaddrs;
int qiop_listen_on(const QIOAddress *addr, struct qiop_sockaddrs *list,
                   int backlog, struct qiop_listen_sockets *out,
                   QIOError **errp);
/* Removes the socket file if it is still this one, closes, frees the fields.
 * The file goes first: while it is there, it is live. */
void qiop_listen_socket_close(struct qiop_listen_socket *s);
/* All of them, and the vector; not l itself. */
void qiop_listen_sockets_free(struct qiop_listen_sockets *l);

#endif
