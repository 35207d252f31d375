/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lowest channel of an endpoint: dialed, adopted, opened or spawned. */
#include <config.h>
#include "endpoint/endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <qio/channel-command.h>
#include <qio/channel-fd.h>
#include <qio/channel-socket.h>
#include "base/fd.h"

static int access_flags(QIOEndpointMode mode)
{
    switch (mode) {
    case QIO_ENDPOINT_READ:
        return O_RDONLY;
    case QIO_ENDPOINT_WRITE:
        return O_WRONLY;
    case QIO_ENDPOINT_READWRITE:
        return O_RDWR;
    }
    return -1;
}

int qiop_endpoint_check_fd(int fd, QIOEndpointMode mode, QIOError **errp)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, errno,
                      "descriptor %d cannot be used", fd);
        return -1;
    }
    if (mode == QIO_ENDPOINT_READ && (flags & O_ACCMODE) == O_WRONLY) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "descriptor %d is not open for reading", fd);
        return -1;
    }
    if (mode == QIO_ENDPOINT_WRITE && (flags & O_ACCMODE) == O_RDONLY) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "descriptor %d is not open for writing", fd);
        return -1;
    }
    return 0;
}

/* A channel on a duplicate of fd. */
static QIOChannel *open_dup(int fd, QIOError **errp)
{
    QIOChannel *ioc;
    int copy = qiop_fd_dup(fd, errp);

    if (copy < 0) {
        return NULL;
    }
    if (qiop_fd_is_socket(copy)) {
        ioc = qio_channel_socket_new_fd(copy, errp);
    } else {
        ioc = qio_channel_fd_new(copy, errp);
    }
    if (!ioc) {
        qiop_fd_close(copy);
    }
    return ioc;
}

static QIOChannel *open_fd(const QIOEndpoint *ep, QIOEndpointMode mode,
                           QIOError **errp)
{
    int fd = qio_address_fd(ep->addr);

    return qiop_endpoint_check_fd(fd, mode, errp) < 0 ? NULL
                                                      : open_dup(fd, errp);
}

void qiop_endpoint_keep_fd(const QIOEndpoint *ep)
{
    if (ep->type == QIO_ENDPOINT_FD &&
        qio_address_fd(ep->addr) > STDERR_FILENO) {
        qiop_fd_close(qio_address_fd(ep->addr));
    }
}

static bool same_open_socket(int a, int b)
{
    struct stat sa, sb;

    return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && S_ISSOCK(sa.st_mode) &&
           sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static QIOChannel *open_stdio(QIOEndpointMode mode, QIOError **errp)
{
    QIOChannel *ioc;
    int in, out;

    if ((mode & QIO_ENDPOINT_READ) &&
        qiop_endpoint_check_fd(STDIN_FILENO, QIO_ENDPOINT_READ, errp) < 0) {
        return NULL;
    }
    if ((mode & QIO_ENDPOINT_WRITE) &&
        qiop_endpoint_check_fd(STDOUT_FILENO, QIO_ENDPOINT_WRITE, errp) < 0) {
        return NULL;
    }
    if (mode == QIO_ENDPOINT_READ) {
        return open_dup(STDIN_FILENO, errp);
    }
    if (mode == QIO_ENDPOINT_WRITE) {
        return open_dup(STDOUT_FILENO, errp);
    }
    if (same_open_socket(STDIN_FILENO, STDOUT_FILENO)) {
        return open_dup(STDIN_FILENO, errp);
    }
    in = qiop_fd_dup(STDIN_FILENO, errp);
    if (in < 0) {
        return NULL;
    }
    out = qiop_fd_dup(STDOUT_FILENO, errp);
    if (out < 0) {
        qiop_fd_close(in);
        return NULL;
    }
    ioc = qio_channel_fd_new_pair(in, out, errp);
    if (!ioc) {
        qiop_fd_close(in);
        qiop_fd_close(out);
    }
    return ioc;
}

/* Devices and pipes have no length to cut and need no position. */
static int position_file(const QIOEndpoint *ep, QIOChannel *ioc,
                         QIOEndpointMode mode, QIOError **errp)
{
    int fd = qio_channel_fd_get_write_fd(ioc);
    struct stat st;

    if (mode == QIO_ENDPOINT_WRITE && fstat(fd, &st) == 0 &&
        S_ISREG(st.st_mode) && ftruncate(fd, (off_t)ep->offset) < 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "cannot truncate '%s'",
                      ep->text);
        return -1;
    }
    if (ep->offset &&
        qio_channel_io_seek(ioc, (off_t)ep->offset, SEEK_SET, errp) < 0) {
        qio_error_prefix(errp, "cannot go to the offset in '%s': ", ep->text);
        return -1;
    }
    return 0;
}

static QIOChannel *open_file(const QIOEndpoint *ep, QIOEndpointMode mode,
                             QIOError **errp)
{
    int flags = access_flags(mode);
    QIOChannel *ioc;

    if (mode & QIO_ENDPOINT_WRITE) {
        flags |= O_CREAT;
    }
    ioc = qio_channel_fd_new_path(ep->text, flags, 0600, errp);
    if (ioc && position_file(ep, ioc, mode, errp) < 0) {
        qio_channel_unref(ioc);
        return NULL;
    }
    return ioc;
}

static QIOChannel *open_command(const QIOEndpoint *ep, QIOEndpointMode mode,
                                QIOError **errp)
{
    const char *argv[] = {"/bin/sh", "-c", ep->text, NULL};

    return qio_channel_command_new_spawn(argv, access_flags(mode), errp);
}

QIOChannel *qiop_endpoint_open_base(const QIOEndpoint *ep, QIOEndpointMode mode,
                                    QIOError **errp)
{
    QIOEndpointMode both = ep->nlayers ? QIO_ENDPOINT_READWRITE : mode;

    if (access_flags(mode) < 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "no such mode: %d",
                      (int)mode);
        return NULL;
    }
    switch (ep->type) {
    case QIO_ENDPOINT_SOCKET:
        return qio_channel_socket_new(ep->addr, errp);
    case QIO_ENDPOINT_FD:
        return open_fd(ep, mode, errp);
    case QIO_ENDPOINT_EXEC:
        return open_command(ep, both, errp);
    case QIO_ENDPOINT_FILE:
        return open_file(ep, mode, errp);
    case QIO_ENDPOINT_STDIO:
        return open_stdio(both, errp);
    }
    qio_error_set(errp, QIO_ERROR_INVALID, 0, "no such type of endpoint");
    return NULL;
}
