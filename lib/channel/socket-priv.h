/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What socket and unix channels share: everything about one connected stream
 * socket but how its bytes are read and written. */
#ifndef QIOP_CHANNEL_SOCKET_PRIV_H
#define QIOP_CHANNEL_SOCKET_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <qio/channel-ops.h>

struct qiop_dial;
struct qiop_zerocopy;

struct qiop_socket {
    atomic_int fd;    /* -1 before it is connected and after close */
    atomic_int cause; /* see send_lock */
    /* The fd's going, against shutdown from another thread. */
    pthread_mutex_t lock;
    /*
     * The kernel tells a failure once, to whoever asks first, and afterwards
     * says "end of stream". So the first failure is kept in `cause`, and a
     * reader that sees the end waits for a sender that may be about to store
     * it.
     */
    pthread_mutex_t send_lock;
    struct qiop_dial *dial; /* while connecting */
    char *peer_name;        /* the host that the caller named, or NULL */
    atomic_int patience;    /* of recv(2), see recv_patience */
    atomic_bool send_sized; /* the send buffer has the size it is to have */
    bool ours; /* made here: nobody else has a use for its O_NONBLOCK */
    _Atomic(struct qiop_zerocopy *) zerocopy; /* NULL: not asked for */
};

/* The channel types made of this. */
extern const QIOChannelOps qiop_socket_tcp_ops;
extern const QIOChannelOps qiop_socket_other_ops;
extern const QIOChannelOps qiop_unix_ops;

/* An opening channel. */
QIOChannel *qiop_socket_new(const QIOChannelOps *ops, const QIOAddress *addr,
                            QIOError **errp);
/* An open one; on failure the caller still owns fd. */
QIOChannel *qiop_socket_adopt(const QIOChannelOps *ops, int fd,
                              QIOError **errp);
/* 0 and the address family, when fd is a connected stream socket; else -1. */
int qiop_socket_check(int fd, int *family, QIOError **errp);

/* Of any of the types above, else NULL. */
struct qiop_socket *qiop_socket_of(const QIOChannel *ioc);

/* One try on the socket, waiting in it if invited; with descriptors where fds
 * is not NULL, nfds not 0. */
ssize_t qiop_socket_recv(struct qiop_socket *s, const struct iovec *iov,
                         size_t niov, int **fds, size_t *nfds, int flags,
                         QIOError **errp);
ssize_t qiop_socket_send(struct qiop_socket *s, const struct iovec *iov,
                         size_t niov, const int *fds, size_t nfds, int flags,
                         QIOError **errp);

/* ioc was made of a descriptor that the library made, not of a caller's. */
void qiop_socket_own(QIOChannel *ioc);

/* The splice slots. */
ssize_t qiop_socket_splice_in(QIOChannel *ioc, int pipe_fd, size_t len,
                              int flags, QIOError **errp);
ssize_t qiop_socket_splice_out(QIOChannel *ioc, int pipe_fd, size_t len,
                               int flags, QIOError **errp);

/* Writes without a copy, for a TCP socket that is connected; once is enough. */
int qiop_socket_start_zerocopy(struct qiop_socket *s, QIOError **errp);

/* Slots. */
int qiop_socket_advance(QIOChannel *ioc, QIOError **errp);
void qiop_socket_poll(QIOChannel *ioc, unsigned events, QIOPollSet *set);
int qiop_socket_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                         QIOError **errp);
int qiop_socket_close(QIOChannel *ioc, QIOError **errp);
int qiop_socket_query(QIOChannel *ioc, QIOChannelQuery what, void *out,
                      QIOError **errp);
int qiop_socket_settle(QIOChannel *ioc, QIOError **errp);
void qiop_socket_finalize(QIOChannel *ioc);

#endif
