/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Binding to a path without ever taking it from a live process.
 *
 * A socket file outlives its socket. Whether somebody is behind it is asked
 * with a datagram socket: connecting that to a file without a socket is
 * refused, connecting it to a stream socket is the wrong protocol. So nobody
 * has to accept a connection that is none, and a socket that is bound but not
 * listening yet counts as live.
 *
 * Two processes that find the same stale file must not remove one after the
 * other, or the second would remove what the first has bound meanwhile. And
 * while the kernel binds there is a moment when the file has no socket yet. So
 * all of it, binding too, is done with the directory locked, which leaves
 * nothing behind. Programs that know nothing of the lock only have that
 * moment, and asking twice, a little apart, covers it.
 */
#include <config.h>
#include "net/listen-unix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

#define LOCK_WAIT_MS 1000
#define LOCK_POLL_MS 10
/* Longer than binding takes. */
#define BINDING_MS 20
/* How often others may come between removing and binding. */
#define TRIES 8

static int in_use(const char *path, const char *why, QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_IN_USE, 0, "cannot listen on '%s': %s", path,
                  why);
    return -1;
}

static int system_error(const char *path, int error, const char *what,
                        QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_SYSTEM, error, "cannot listen on '%s': %s",
                  path, what);
    return -1;
}

/* 1: a live socket, 0: a stale one or nothing, -1: anything else. */
static int probe(const struct qiop_sockaddr *sa, QIOError **errp)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&sa->sa;
    struct stat st;
    int fd, ret;

    if (lstat(un->sun_path, &st) < 0) {
        return errno == ENOENT ? 0
                               : system_error(un->sun_path, errno,
                                              "cannot look at it", errp);
    }
    if (!S_ISSOCK(st.st_mode)) {
        return in_use(un->sun_path, "there is a file that is not a socket",
                      errp);
    }
    fd = qiop_fd_socket(AF_UNIX, SOCK_DGRAM, 0, true, errp);
    if (fd < 0) {
        return -1;
    }
    ret = connect(fd, (const struct sockaddr *)un, sa->len);
    qiop_fd_close(fd);
    if (ret == 0 || errno == EPROTOTYPE || errno == EAGAIN) {
        return 1;
    }
    if (errno == ECONNREFUSED || errno == ENOENT) {
        return 0;
    }
    qio_error_set(errp, QIO_ERROR_IN_USE, errno,
                  "cannot listen on '%s': cannot tell whether the socket that "
                  "is there is in use",
                  un->sun_path);
    return -1;
}

/* Returns the descriptor that holds the lock. */
static int lock_directory(const char *path, QIOError **errp)
{
    int64_t deadline = qiop_deadline(LOCK_WAIT_MS);
    const char *slash = strrchr(path, '/');
    char dir[sizeof(((struct sockaddr_un *)0)->sun_path) + 2];
    int fd;

    /* The slash stays, so that the root is itself. */
    if (slash) {
        snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path + 1), path);
    } else {
        snprintf(dir, sizeof(dir), ".");
    }
    fd = qiop_fd_open(dir, O_RDONLY | O_DIRECTORY, 0, errp);
    if (fd < 0) {
        return -1;
    }
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            qio_error_set(errp, QIO_ERROR_SYSTEM, errno,
                          "cannot lock its directory");
            goto fail;
        }
        if (qiop_deadline_passed(deadline)) {
            qio_error_set(errp, QIO_ERROR_IN_USE, 0,
                          "somebody else keeps its directory locked");
            goto fail;
        }
        poll(NULL, 0, LOCK_POLL_MS);
    }
    return fd;

fail:
    qiop_fd_close(fd);
    return -1;
}

/* 0: the file that was in the way is gone. With the directory locked. */
static int remove_stale(const struct qiop_sockaddr *sa, QIOError **errp)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&sa->sa;
    int ret = probe(sa, errp);

    if (ret == 0) {
        poll(NULL, 0, BINDING_MS);
        ret = probe(sa, errp);
    }
    if (ret < 0) {
        return -1;
    }
    if (ret > 0) {
        return in_use(un->sun_path, "another process has a socket there", errp);
    }
    if (unlink(un->sun_path) < 0 && errno != ENOENT) {
        return system_error(un->sun_path, errno,
                            "cannot remove the stale socket that is there",
                            errp);
    }
    return 0;
}

static int refuse_to_remove(const struct qiop_sockaddr *sa, const QIOError *why,
                            QIOError **errp)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&sa->sa;
    int ret = probe(sa, errp);

    if (ret > 0) {
        return in_use(un->sun_path, "another process has a socket there", errp);
    }
    if (ret == 0) {
        qio_error_set(errp, QIO_ERROR_IN_USE, 0,
                      "cannot listen on '%s': a stale socket is there and "
                      "cannot be replaced: %s",
                      un->sun_path, qio_error_message(why));
    }
    return -1;
}

/* lock_err: why there is no lock; then nothing is removed. */
static int bind_path(int fd, const struct qiop_sockaddr *sa,
                     const QIOError *lock_err, QIOError **errp)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&sa->sa;
    int tries;

    for (tries = 0; tries < TRIES; tries++) {
        if (bind(fd, (const struct sockaddr *)un, sa->len) == 0) {
            return 0;
        }
        if (errno != EADDRINUSE) {
            return system_error(un->sun_path, errno, "cannot bind", errp);
        }
        if (lock_err) {
            return refuse_to_remove(sa, lock_err, errp);
        }
        if (remove_stale(sa, errp) < 0) {
            return -1;
        }
    }
    return in_use(un->sun_path, "others keep taking it", errp);
}

/* The path as it is found from anywhere. */
static char *absolute(const char *path, QIOError **errp)
{
    char *cwd = NULL, *out = NULL;

    if (*path != '/') {
        cwd = getcwd(NULL, 0);
        if (!cwd && errno != ENOMEM) {
            qio_error_set(errp, QIO_ERROR_SYSTEM, errno,
                          "cannot tell the whole path of '%s'", path);
            return NULL;
        }
    }
    if (*path == '/') {
        out = strdup(path);
    } else if (cwd && asprintf(&out, "%s/%s", cwd, path) < 0) {
        out = NULL;
    }
    if (!out) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
    }
    free(cwd);
    return out;
}

int qiop_listen_unix_bind(struct qiop_listen_socket *s,
                          const struct qiop_sockaddr *sa, QIOError **errp)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&sa->sa;
    char *path = absolute(un->sun_path, errp);
    QIOError *lock_err = NULL;
    int lock, ret = -1;
    struct stat st;

    if (!path) {
        return -1;
    }
    lock = lock_directory(un->sun_path, &lock_err);
    if (bind_path(s->fd, sa, lock_err, errp) < 0) {
        goto out;
    }
    if (lstat(un->sun_path, &st) < 0) {
        system_error(un->sun_path, errno, "its file is gone", errp);
        goto out;
    }
    s->unlink_path = path;
    s->dev = st.st_dev;
    s->ino = st.st_ino;
    path = NULL;
    ret = 0;
out:
    qiop_fd_close(lock);
    qio_error_free(lock_err);
    free(path);
    return ret;
}

void qiop_listen_unix_remove(const struct qiop_listen_socket *s)
{
    int saved = errno;
    struct stat st;

    if (s->unlink_path && lstat(s->unlink_path, &st) == 0 &&
        S_ISSOCK(st.st_mode) && st.st_dev == s->dev && st.st_ino == s->ino) {
        unlink(s->unlink_path);
    }
    errno = saved;
}
