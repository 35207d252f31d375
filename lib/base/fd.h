/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The only place that makes descriptors, all of them close-on-exec. Functions
 * return a descriptor or 0, or -1 with *errp set; EINTR is retried.
 */
#ifndef QIOP_BASE_FD_H
#define QIOP_BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <qio/channel.h>
#include <qio/error.h>

/* More than the kernel ever delivers in one message (SCM_MAX_FD). */
#define QIOP_FD_PASS_MAX 253

int qiop_fd_open(const char *path, int flags, mode_t mode, QIOError **errp);
int qiop_fd_pipe(int fds[2], bool nonblock, QIOError **errp);
int qiop_fd_socket(int domain, int type, int protocol, bool nonblock,
                   QIOError **errp);
int qiop_fd_socketpair(int fds[2], QIOError **errp);
int qiop_fd_eventfd(unsigned initial, QIOError **errp); /* non-blocking */
int qiop_fd_epoll(QIOError **errp);
int qiop_fd_timerfd(QIOError **errp); /* monotonic, non-blocking */
int qiop_fd_inotify(QIOError **errp); /* non-blocking */
int qiop_fd_dup(int fd, QIOError **errp);
int qiop_fd_pidfd(pid_t pid, QIOError **errp); /* -1/UNSUPPORTED: old kernel */
/* For standard descriptors of a child. above_stdio: take fd, give it back with
 * a number above 2; on failure fd is closed. place: make `where` a copy of fd
 * that survives exec(); async-signal-safe, reports by errno. */
int qiop_fd_above_stdio(int fd, QIOError **errp);
int qiop_fd_place(int fd, int where);
/* accept4; returns -1 with errno EAGAIN in qio_error_errno when none waits. */
int qiop_fd_accept(int listen_fd, bool nonblock, QIOError **errp);

/* Closes once, never retries; keeps errno. -1 is ignored. */
void qiop_fd_close(int fd);
void qiop_fd_close_many(const int *fds, size_t n);
/* Close what fd stands for, but keep the number: for a descriptor that another
 * thread may be about to poll, which must not find another file there. Returns
 * fd, to be closed when nobody can be; -1 when there was no way but to close
 * it. */
int qiop_fd_retire(int fd);

/* O_NONBLOCK; *was (may be NULL) gets the former state. */
int qiop_fd_set_nonblock(int fd, bool on, bool *was, QIOError **errp);
bool qiop_fd_is_socket(int fd);

/* Wait in the system call, if the socket is a blocking one. */
#define QIOP_FD_MAY_BLOCK (1 << 30)

/*
 * One try of sendmsg()/recvmsg(), never a SIGPIPE, with descriptors
 * (SCM_RIGHTS). Result as the readv and writev slots of a channel: >0, 0 (end
 * of the stream), -1, QIO_CHANNEL_ERR_BLOCK. recv: fds/nfds NULL: arriving
 * descriptors are closed. MSG_CTRUNC is QIO_ERROR_FD_TRUNCATED, and what
 * arrived is closed. flags: MSG_PEEK, QIOP_FD_MAY_BLOCK.
 */
ssize_t qiop_fd_sendmsg(int fd, const struct iovec *iov, size_t niov,
                        const int *fds, size_t nfds, int flags,
                        QIOError **errp);
ssize_t qiop_fd_recvmsg(int fd, const struct iovec *iov, size_t niov, int **fds,
                        size_t *nfds, int flags, QIOError **errp);
/* The same without ancillary data, for sockets that cannot carry any. send:
 * MSG_ZEROCOPY may be among the flags. */
ssize_t qiop_fd_send(int fd, const struct iovec *iov, size_t niov, int flags,
                     QIOError **errp);
ssize_t qiop_fd_recv(int fd, const struct iovec *iov, size_t niov, int flags,
                     QIOError **errp);

/* One try of readv()/writev() on a descriptor that is no socket; writing never
 * raises SIGPIPE. Results as above; a write of 0 bytes is an error. */
ssize_t qiop_fd_readv(int fd, const struct iovec *iov, size_t niov,
                      QIOError **errp);
ssize_t qiop_fd_writev(int fd, const struct iovec *iov, size_t niov,
                       QIOError **errp);

/*
 * One try of splice(), one of the two being a pipe; never a SIGPIPE. Results as
 * above, and -1 with QIO_ERROR_UNSUPPORTED when the kernel does not do it with
 * these descriptors: nothing was moved then. what: "cannot read".
 * Without may_block the call does not wait for the pipe, nor for a unix socket
 * that is read from; for any other socket O_NONBLOCK decides.
 */
ssize_t qiop_fd_splice(int from, int to, size_t len, bool may_block,
                       const char *what, QIOError **errp);

/* Store the error for a failed I/O system call: EPIPE, ECONNRESET and their
 * like become QIO_ERROR_BROKEN, else QIO_ERROR_SYSTEM. what: "cannot read". */
void qiop_fd_io_error(QIOError **errp, int sys_errno, const char *what);

#endif
