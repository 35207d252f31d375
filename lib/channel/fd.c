/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Channels over one or two descriptors: plain files, pipes, ttys, devices. */
#include <config.h>
#include <qio/channel-fd.h>
#include <qio/channel-ops.h>
#include <qio/channel-socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/hot.h"

/* One direction. */
struct side {
    atomic_int fd; /* -1: none, or not any more */
    int retired;   /* the number that it had, kept until the channel closes */
    bool waits;    /* a pipe, tty ...; a file is always ready */
    bool socket;
    bool pipe;
    bool pty;            /* the master of a pseudo terminal */
    atomic_bool restore; /* O_NONBLOCK was off before us */
};

struct fd_channel {
    struct side r, w;
    bool shared; /* r and w are the same descriptor number */
    /* Held while writing, so that shutting WRITE down never closes a number
     * that a write is about to use. */
    pthread_mutex_t lock;
};

static const QIOChannelOps fd_ops;

/* ---- O_NONBLOCK ---- */

/*
 * The flag belongs to the open file, and others who share it (another channel
 * on the same terminal that closes, a child process) may have switched it off
 * since. So it is looked at before every try.
 */
static int keep_nonblock(struct side *side, int fd, QIOError **errp)
{
    int flags;

    if (!side->waits) {
        return 0;
    }
    flags = fcntl(fd, F_GETFL);
    if (flags < 0) {
        qiop_fd_io_error(errp, errno, "cannot use the descriptor");
        return -1;
    }
    if (flags & O_NONBLOCK) {
        return 0;
    }
    if (qiop_fd_set_nonblock(fd, true, NULL, errp) < 0) {
        return -1;
    }
    atomic_store(&side->restore, true);
    return 0;
}

/* Close a direction's descriptor. Returns 0 or the errno of close(2). */
static int side_close(struct side *side, bool close_it)
{
    int fd = atomic_exchange(&side->fd, -1);

    if (fd < 0) {
        return 0;
    }
    if (atomic_exchange(&side->restore, false)) {
        qiop_fd_set_nonblock(fd, false, NULL, NULL);
    }
    /* Linux closes it in any case; a file's late write errors show here. */
    if (close_it && close(fd) < 0 && errno != EINTR) {
        return errno;
    }
    return 0;
}

/* Let the peer see the end, while others may still wait for the number. */
static void side_retire(struct side *side)
{
    int fd = atomic_exchange(&side->fd, -1);

    if (atomic_exchange(&side->restore, false)) {
        qiop_fd_set_nonblock(fd, false, NULL, NULL);
    }
    side->retired = qiop_fd_retire(fd);
}

/* ---- bytes ---- */

static int no_side(const char *what, QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0,
                  "the descriptor is not open for %s", what);
    return -1;
}

static QIOP_HOT ssize_t fd_readv(QIOChannel *ioc, const struct iovec *iov,
                                 size_t niov, int **fds, size_t *nfds,
                                 int flags, QIOError **errp)
{
    struct fd_channel *c = qio_channel_private(ioc);
    int fd = atomic_load(&c->r.fd);
    ssize_t n;

    (void)fds;
    (void)nfds;
    (void)flags;
    if (fd < 0) {
        return no_side("reading", errp);
    }
    if (keep_nonblock(&c->r, fd, errp) < 0) {
        return -1;
    }
    n = qiop_fd_readv(fd, iov, niov, errp);
    /* What a pseudo terminal says when its other side is closed. */
    if (n == -1 && c->r.pty && qio_error_errno(*errp) == EIO) {
        qio_error_free(*errp);
        *errp = NULL;
        return 0;
    }
    return n;
}

static QIOP_HOT ssize_t fd_writev(QIOChannel *ioc, const struct iovec *iov,
                                  size_t niov, const int *fds, size_t nfds,
                                  int flags, QIOError **errp)
{
    struct fd_channel *c = qio_channel_private(ioc);
    ssize_t n = -1;
    int fd;

    (void)fds;
    (void)nfds;
    (void)flags;
    pthread_mutex_lock(&c->lock);
    fd = atomic_load(&c->w.fd);
    if (fd < 0) {
        n = no_side("writing", errp);
    } else if (keep_nonblock(&c->w, fd, errp) == 0) {
        n = qiop_fd_writev(fd, iov, niov, errp);
    }
    pthread_mutex_unlock(&c->lock);
    return n;
}

/* ---- bytes that the kernel moves ---- */

static ssize_t no_pipe(QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0, "the descriptor is no pipe");
    return -1;
}

static ssize_t fd_splice_in(QIOChannel *ioc, int pipe_fd, size_t len, int flags,
                            QIOError **errp)
{
    struct fd_channel *c = qio_channel_private(ioc);
    int fd = atomic_load(&c->r.fd);

    (void)flags;
    if (fd < 0 || !c->r.pipe) {
        return no_pipe(errp);
    }
    return qiop_fd_splice(fd, pipe_fd, len, false, "cannot read", errp);
}

static ssize_t fd_splice_out(QIOChannel *ioc, int pipe_fd, size_t len,
                             int flags, QIOError **errp)
{
    struct fd_channel *c = qio_channel_private(ioc);
    ssize_t n;
    int fd;

    (void)flags;
    pthread_mutex_lock(&c->lock);
    fd = atomic_load(&c->w.fd);
    n = fd < 0 || !c->w.pipe
            ? no_pipe(errp)
            : qiop_fd_splice(pipe_fd, fd, len, false, "cannot write", errp);
    pthread_mutex_unlock(&c->lock);
    return n;
}

static int fd_query(QIOChannel *ioc, QIOChannelQuery what, void *out,
                    QIOError **errp)
{
    struct fd_channel *c = qio_channel_private(ioc);
    struct QIOChannelSplice *splice = out;

    if (what != QIO_CHANNEL_QUERY_SPLICE) {
        qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0,
                      "an fd channel cannot tell that");
        return -1;
    }
    splice->in = c->r.pipe ? QIO_CHANNEL_SPLICE_PIPE : QIO_CHANNEL_SPLICE_NONE;
    splice->out = c->w.pipe ? QIO_CHANNEL_SPLICE_PIPE : QIO_CHANNEL_SPLICE_NONE;
    return 0;
}

/* A missing direction is reported as ready: the call fails at once. */
static void poll_side(const struct side *side, short poll_events,
                      unsigned events, QIOPollSet *set)
{
    int fd = atomic_load(&side->fd);

    if (fd < 0 || !side->waits) {
        qio_poll_set_ready(set, events);
        return;
    }
    qio_poll_set_add_fd(set, fd, poll_events, events);
}

static void fd_poll(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    struct fd_channel *c = qio_channel_private(ioc);
    int fd;

    if (events & QIO_EVENT_IN) {
        poll_side(&c->r, POLLIN, QIO_EVENT_IN, set);
    }
    if (events & QIO_EVENT_OUT) {
        poll_side(&c->w, POLLOUT, QIO_EVENT_OUT, set);
    }
    if (!(events & (QIO_EVENT_IN | QIO_EVENT_OUT))) {
        fd = atomic_load(&c->r.fd);
        if (fd < 0) {
            fd = atomic_load(&c->w.fd);
        }
        qio_poll_set_add_fd(set, fd, 0, events);
    }
}

/* ---- ending ---- */

static int shutdown_write(struct fd_channel *c, QIOError **errp)
{
    int rc = 0;
    int fd;

    /* A file's writer is not waited for: it may be long at it, and nobody
     * reads the end from a file. */
    if (!c->w.waits) {
        return 0;
    }
    pthread_mutex_lock(&c->lock);
    fd = atomic_load(&c->w.fd);
    if (fd < 0) {
        goto out;
    }
    if (c->w.socket) {
        if (shutdown(fd, SHUT_WR) < 0 && errno != ENOTCONN) {
            qiop_fd_io_error(errp, errno, "cannot shut the socket down");
            rc = -1;
        }
    } else if (c->shared) {
        qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0,
                      "writing cannot end before reading on one descriptor");
        rc = -1;
    }
    if (!c->shared) {
        side_retire(&c->w);
    }
out:
    pthread_mutex_unlock(&c->lock);
    return rc;
}

static int fd_shutdown(QIOChannel *ioc, QIOChannelShutdown how, QIOError **errp)
{
    struct fd_channel *c = qio_channel_private(ioc);

    /* Reading ends in the channel; the descriptor knows no such thing. */
    if (how & QIO_CHANNEL_SHUTDOWN_WRITE) {
        return shutdown_write(c, errp);
    }
    return 0;
}

static int fd_close(QIOChannel *ioc, QIOError **errp)
{
    struct fd_channel *c = qio_channel_private(ioc);
    int werr, rerr;

    pthread_mutex_lock(&c->lock);
    qiop_fd_close(c->w.retired);
    c->w.retired = -1;
    werr = side_close(&c->w, !c->shared);
    rerr = side_close(&c->r, true);
    pthread_mutex_unlock(&c->lock);
    if (werr || rerr) {
        qiop_fd_io_error(errp, werr ? werr : rerr,
                         "closing reported a late failure");
        return -1;
    }
    return 0;
}

static void fd_finalize(QIOChannel *ioc)
{
    struct fd_channel *c = qio_channel_private(ioc);

    pthread_mutex_destroy(&c->lock);
}

/* ---- position ---- */

/* The descriptor with the position, when the channel has one. */
static int seekable_fd(QIOChannel *ioc, const struct side *side,
                       const char *what, QIOError **errp)
{
    int fd = atomic_load(&side->fd);

    if (!qio_channel_has_feature(ioc, QIO_CHANNEL_FEATURE_SEEKABLE)) {
        qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0,
                      "the descriptor has no position");
        return -1;
    }
    if (fd < 0) {
        return no_side(what, errp);
    }
    return fd;
}

static off_t fd_seek(QIOChannel *ioc, off_t offset, int whence, QIOError **errp)
{
    struct fd_channel *c = qio_channel_private(ioc);
    bool by_reader = atomic_load(&c->r.fd) >= 0;
    int fd = seekable_fd(ioc, by_reader ? &c->r : &c->w, "writing", errp);
    off_t pos;

    if (fd < 0) {
        return -1;
    }
    pos = lseek(fd, offset, whence);
    if (pos < 0) {
        qio_error_set(errp,
                      errno == EINVAL ? QIO_ERROR_INVALID : QIO_ERROR_SYSTEM,
                      errno, "cannot seek");
    }
    return pos;
}

static ssize_t fd_preadv(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                         off_t offset, QIOError **errp)
{
    struct fd_channel *c = qio_channel_private(ioc);
    int fd = seekable_fd(ioc, &c->r, "reading", errp);
    ssize_t n;

    if (fd < 0) {
        return -1;
    }
    do {
        n = preadv(fd, iov, (int)niov, offset);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        qiop_fd_io_error(errp, errno, "cannot read");
    }
    return n;
}

static ssize_t fd_pwritev(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                          off_t offset, QIOError **errp)
{
    struct fd_channel *c = qio_channel_private(ioc);
    int fd = seekable_fd(ioc, &c->w, "writing", errp);
    ssize_t n;

    if (fd < 0) {
        return -1;
    }
    do {
        n = pwritev(fd, iov, (int)niov, offset);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        qiop_fd_io_error(errp, errno, "cannot write");
    }
    return n;
}

static const QIOChannelOps fd_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "fd",
    .kind = QIO_CHANNEL_KIND_LEAF,
    .readv = fd_readv,
    .writev = fd_writev,
    .poll = fd_poll,
    .shutdown = fd_shutdown,
    .close = fd_close,
    .seek = fd_seek,
    .preadv = fd_preadv,
    .pwritev = fd_pwritev,
    .query = fd_query,
    .finalize = fd_finalize,
    .splice_in = fd_splice_in,
    .splice_out = fd_splice_out,
};

/* ---- construction ---- */

/* The access mode; -1 for what is no descriptor or not one for bytes. */
static int access_mode(int fd, QIOError **errp)
{
    int flags = fcntl(fd, F_GETFL);
    struct stat st;

    if (flags < 0 || fstat(fd, &st) < 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, errno,
                      "%d is not an open descriptor", fd);
        return -1;
    }
    if (flags & O_PATH || S_ISDIR(st.st_mode)) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "descriptor %d cannot be read or written", fd);
        return -1;
    }
    return flags & O_ACCMODE;
}

static int side_init(struct side *side, int fd, QIOError **errp)
{
    struct stat st;
    unsigned n;
    bool was;

    if (fd < 0) {
        return 0;
    }
    if (fstat(fd, &st) < 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, errno,
                      "%d is not an open descriptor", fd);
        return -1;
    }
    side->waits = !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode);
    side->socket = S_ISSOCK(st.st_mode);
    side->pipe = S_ISFIFO(st.st_mode);
    side->pty = S_ISCHR(st.st_mode) && ioctl(fd, TIOCGPTN, &n) == 0;
    if (side->waits) {
        if (qiop_fd_set_nonblock(fd, true, &was, errp) < 0) {
            return -1;
        }
        atomic_store(&side->restore, !was);
    }
    atomic_store(&side->fd, fd);
    return 0;
}

/* Give the descriptors back to the caller as they were. */
static void disown(struct fd_channel *c)
{
    side_close(&c->w, false);
    side_close(&c->r, false);
}

static QIOChannel *new_checked(int rfd, int wfd, QIOError **errp)
{
    QIOChannel *ioc =
        qio_channel_alloc(&fd_ops, sizeof(struct fd_channel), errp);
    struct fd_channel *c;

    if (!ioc) {
        return NULL;
    }
    c = qio_channel_private(ioc);
    atomic_init(&c->r.fd, -1);
    atomic_init(&c->w.fd, -1);
    c->w.retired = -1;
    pthread_mutex_init(&c->lock, NULL);
    c->shared = rfd == wfd;
    /* The reader first: of two descriptors of one open file it is the one that
     * stays to the end and puts O_NONBLOCK back. */
    if (side_init(&c->r, rfd, errp) < 0 || side_init(&c->w, wfd, errp) < 0) {
        disown(c);
        qio_channel_unref(ioc);
        return NULL;
    }
    if (!c->shared) {
        qio_channel_add_features(ioc, QIO_CHANNEL_FEATURE_SHUTDOWN);
    }
    if ((c->shared || rfd < 0 || wfd < 0) &&
        lseek(rfd >= 0 ? rfd : wfd, 0, SEEK_CUR) >= 0) {
        qio_channel_add_features(ioc, QIO_CHANNEL_FEATURE_SEEKABLE);
    }
    return ioc;
}

QIOChannel *qio_channel_fd_new_pair(int rfd, int wfd, QIOError **errp)
{
    int mode;

    if (rfd < 0 && wfd < 0) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "a descriptor is needed");
        return NULL;
    }
    if (rfd >= 0) {
        mode = access_mode(rfd, errp);
        if (mode < 0) {
            return NULL;
        }
        if (mode == O_WRONLY) {
            qio_error_set(errp, QIO_ERROR_INVALID, 0,
                          "descriptor %d is not open for reading", rfd);
            return NULL;
        }
    }
    if (wfd >= 0) {
        mode = access_mode(wfd, errp);
        if (mode < 0) {
            return NULL;
        }
        if (mode == O_RDONLY) {
            qio_error_set(errp, QIO_ERROR_INVALID, 0,
                          "descriptor %d is not open for writing", wfd);
            return NULL;
        }
    }
    return new_checked(rfd, wfd, errp);
}

QIOChannel *qio_channel_fd_new(int fd, QIOError **errp)
{
    int mode = access_mode(fd, errp);

    if (mode < 0) {
        return NULL;
    }
    if (qiop_fd_is_socket(fd)) {
        return qio_channel_socket_new_fd(fd, errp);
    }
    return new_checked(mode == O_WRONLY ? -1 : fd, mode == O_RDONLY ? -1 : fd,
                       errp);
}

QIOChannel *qio_channel_fd_new_path(const char *path, int flags, mode_t mode,
                                    QIOError **errp)
{
    int fd = qiop_fd_open(path, flags, mode, errp);
    QIOChannel *ioc;

    if (fd < 0) {
        return NULL;
    }
    ioc = qio_channel_fd_new(fd, errp);
    if (!ioc) {
        qio_error_prefix(errp, "%s: ", path);
        qiop_fd_close(fd);
    }
    return ioc;
}

static const struct fd_channel *fd_channel_of(const QIOChannel *ioc)
{
    return qio_channel_private_if(ioc, &fd_ops);
}

int qio_channel_fd_get_read_fd(const QIOChannel *ioc)
{
    const struct fd_channel *c = fd_channel_of(ioc);

    return c ? atomic_load(&c->r.fd) : -1;
}

int qio_channel_fd_get_write_fd(const QIOChannel *ioc)
{
    const struct fd_channel *c = fd_channel_of(ioc);

    return c ? atomic_load(&c->w.fd) : -1;
}
