/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file as the end of a transfer: it appears under its name when it is
 * complete, and not at all otherwise.
 */
#define _GNU_SOURCE
#include "tool-sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum SinkKind {
    SINK_RENAME,
    SINK_IN_PLACE,
    SINK_DIRECT,
} SinkKind;

struct ToolSink {
    SinkKind kind;
    bool sync;
    bool committed;
    bool existed;
    char *path; /* symbolic links followed */
    char *tmp;  /* SINK_RENAME */
    off_t keep; /* SINK_IN_PLACE: bytes that are not ours */
    QIOChannel *ioc;
};

/* The directory part of a path, to free(). */
static char *dir_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash) {
        return strdup(".");
    }
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

int tool_sink_check(const char *path, QIOError **errp)
{
    struct stat st;
    char *dir;
    int rc;

    if (!stat(path, &st)) {
        if (S_ISDIR(st.st_mode)) {
            qio_error_set(errp, QIO_ERROR_SYSTEM, EISDIR, "%s", path);
            return -1;
        }
        if (!S_ISREG(st.st_mode)) {
            return 0;
        }
    }
    dir = dir_of(path);
    rc = dir ? access(dir, W_OK | X_OK) : -1;
    if (rc) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "directory of %s", path);
    }
    free(dir);
    return rc;
}

/* DIR/.NAME.XXXXXX, with NAME cut to what a file name may hold. */
static char *temp_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char *tmp;

    if (asprintf(&tmp, "%.*s.%.200s.XXXXXX", (int)(name - path), path, name) <
        0) {
        return NULL;
    }
    return tmp;
}

static int open_temp(ToolSink *sink, QIOError **errp)
{
    int fd;

    sink->tmp = temp_name(sink->path);
    if (!sink->tmp) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    fd = mkostemp(sink->tmp, O_CLOEXEC);
    if (fd < 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "%s", sink->path);
        free(sink->tmp);
        sink->tmp = NULL;
        return -1;
    }
    sink->ioc = qio_channel_fd_new(fd, errp);
    if (!sink->ioc) {
        close(fd);
    }
    return sink->ioc ? 0 : -1;
}

static int open_in_place(ToolSink *sink, uint64_t offset, QIOError **errp)
{
    struct stat st;
    int fd;

    if (offset > (uint64_t)LLONG_MAX) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "offset too large");
        return -1;
    }
    sink->existed = !stat(sink->path, &st);
    sink->ioc =
        qio_channel_fd_new_path(sink->path, O_WRONLY | O_CREAT, 0600, errp);
    if (!sink->ioc) {
        return -1;
    }
    sink->keep = sink->existed && st.st_size < (off_t)offset ? st.st_size
                                                             : (off_t)offset;
    fd = qio_channel_fd_get_write_fd(sink->ioc);
    if (ftruncate(fd, (off_t)offset)) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "%s", sink->path);
        return -1;
    }
    return qio_channel_io_seek(sink->ioc, (off_t)offset, SEEK_SET, errp) < 0
               ? -1
               : 0;
}

ToolSink *tool_sink_new_direct(const char *path, QIOChannel *ioc,
                               QIOError **errp)
{
    ToolSink *sink = calloc(1, sizeof(*sink));

    if (sink) {
        sink->kind = SINK_DIRECT;
        sink->path = strdup(path);
    }
    if (!sink || !sink->path) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        free(sink);
        return NULL;
    }
    sink->ioc = qio_channel_ref(ioc);
    return sink;
}

ToolSink *tool_sink_open(const char *path, uint64_t offset, bool sync,
                         QIOError **errp)
{
    ToolSink *sink = calloc(1, sizeof(*sink));
    int rc = -1;

    if (!sink) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    sink->sync = sync;
    sink->kind = offset ? SINK_IN_PLACE : SINK_RENAME;
    sink->path = access(path, F_OK) ? strdup(path) : realpath(path, NULL);
    if (!sink->path) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "%s", path);
    } else if (offset) {
        rc = open_in_place(sink, offset, errp);
    } else {
        rc = open_temp(sink, errp);
    }
    if (rc) {
        tool_sink_free(sink);
        return NULL;
    }
    return sink;
}

QIOChannel *tool_sink_channel(const ToolSink *sink)
{
    return sink->ioc;
}

bool tool_sink_is_hidden(const ToolSink *sink)
{
    return sink->kind == SINK_RENAME;
}

static int sync_dir(const char *path, QIOError **errp)
{
    char *dir = dir_of(path);
    int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int rc = fd >= 0 ? fsync(fd) : -1;

    if (rc) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "cannot sync %s",
                      dir ? dir : path);
    }
    if (fd >= 0) {
        close(fd);
    }
    free(dir);
    return rc;
}

int tool_sink_commit(ToolSink *sink, QIOError **errp)
{
    bool sync = sink->sync && sink->kind != SINK_DIRECT;

    if (sync && fsync(qio_channel_fd_get_write_fd(sink->ioc))) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "cannot sync %s",
                      sink->path);
        return -1;
    }
    /* Some file systems tell of a full disk only here. */
    if (qio_channel_close(sink->ioc, errp)) {
        return -1;
    }
    if (sink->kind == SINK_RENAME) {
        if (rename(sink->tmp, sink->path)) {
            qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "cannot rename to %s",
                          sink->path);
            return -1;
        }
        sink->committed = true;
    }
    if (sync && sync_dir(sink->path, errp)) {
        return -1;
    }
    sink->committed = true;
    return 0;
}

void tool_sink_discard(ToolSink *sink)
{
    const char *now = sink->committed ? sink->path : sink->tmp;

    if (sink->kind == SINK_RENAME && now) {
        unlink(now);
    }
    if (sink->kind == SINK_IN_PLACE && sink->ioc) {
        /* What else is in the file is not ours to remove. */
        if (!sink->existed) {
            unlink(sink->path);
        } else if (truncate(sink->path, sink->keep)) {
            return;
        }
    }
}

void tool_sink_free(ToolSink *sink)
{
    if (!sink) {
        return;
    }
    if (!sink->committed) {
        tool_sink_discard(sink);
    }
    qio_channel_unref(sink->ioc);
    free(sink->path);
    free(sink->tmp);
    free(sink);
}
