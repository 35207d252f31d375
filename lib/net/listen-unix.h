/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names in the file system for listening unix sockets. */
#ifndef QIOP_NET_LISTEN_UNIX_H
#define QIOP_NET_LISTEN_UNIX_H

#include "net/listen.h"
#include "net/resolve.h"

/* Bind s->fd to sa, replacing the socket file of a process that is gone, and
 * fill in unlink_path, dev and ino. Nothing is left behind on failure. */
int qiop_listen_unix_bind(struct qiop_listen_socket *s,
                          const struct qiop_sockaddr *sa, QIOError **errp);

/* Remove the file if it is still the one that was bound. Keeps errno. */
void qiop_listen_unix_remove(const struct qiop_listen_socket *s);

#endif
