/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Credentials that load themselves again: inotify says that something may have
 * changed, the credentials' own stamps say whether it has.
 */
#include <config.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include <qio/creds-watch.h>
#include "base/clock.h"
#include "base/fd.h"
#include "tls/creds.h"

#define SETTLE_MS 100
#define LATEST_MS 5000
#define LOOK_MS 60000

#define ENTRIES (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define SELF (IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)
#define CONTENT (IN_CLOSE_WRITE | IN_MODIFY)

struct QIOTLSCredsWatch {
    QIOTLSCreds *creds;
    QIOTLSCredsWatchFunc *fn;
    void *opaque;
    int fd;           /* inotify */
    QIOWatch *events; /* of fd; NULL when the loop is gone */
    QIOTimer *timer;  /* runs always, to settle or to look */
    int64_t first_us; /* when unsettled: the first event; else 0 */
    int *places;      /* what is watched */
    size_t n, room;
    char *said; /* the last failure's message */
    bool running;
    bool freed; /* meanwhile */
};

/* ---- places ---- */

static int add(QIOTLSCredsWatch *w, const char *path, uint32_t what,
               QIOError **errp)
{
    int place = inotify_add_watch(w->fd, path, what | IN_MASK_ADD);

    if (place < 0 && (errno == ENOSPC || errno == ENOMEM)) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "cannot watch '%s'", path);
        return -1;
    }
    /* What is not there, or not ours to see, is what looking is for. */
    if (place >= 0) {
        w->places[w->n++] = place;
    }
    return place >= 0;
}

/* Cut the last component off: "/" and "." have none. */
static void to_parent(char *path)
{
    char *slash = strrchr(path, '/');

    if (!slash) {
        memcpy(path, ".", 2);
        return;
    }
    while (slash > path && slash[-1] == '/') {
        slash--;
    }
    slash[slash == path] = '\0';
}

static bool is_link(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

/* A file, its directory, and, when that may be replaced as a whole, what it is
 * in. */
static int add_file(QIOTLSCredsWatch *w, const char *path, QIOError **errp)
{
    size_t size = strlen(path) + 1;
    /* Room for ".", at least. */
    char *dir = malloc(size + 1);
    int ret = -1;

    if (!dir) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "cannot watch credentials");
        return -1;
    }
    memcpy(dir, path, size);
    if (add(w, path, SELF | CONTENT, errp) < 0) {
        goto out;
    }
    to_parent(dir);
    ret = add(w, dir, SELF | ENTRIES | CONTENT, errp);
    if (ret >= 0 && (ret == 0 || is_link(dir))) {
        to_parent(dir);
        ret = add(w, dir, ENTRIES, errp);
    }
out:
    free(dir);
    return ret < 0 ? -1 : 0;
}

/* Watch what the present material was read from, instead of what was watched
 * before. 0 or -1; in both cases as much as is possible is watched. */
static int watch_places(QIOTLSCredsWatch *w, QIOError **errp)
{
    struct qiop_tls_material *m = qiop_creds_material(w->creds);
    size_t need = 3 * m->stamps.n;
    int ret = 0;

    while (w->n > 0) {
        (void)inotify_rm_watch(w->fd, w->places[--w->n]);
    }
    if (need > w->room) {
        int *more = reallocarray(w->places, need, sizeof(*more));

        if (!more) {
            qio_error_set(errp, QIO_ERROR_NOMEM, 0, "cannot watch credentials");
            ret = -1;
            goto out;
        }
        w->places = more;
        w->room = need;
    }
    for (size_t i = 0; i < m->stamps.n && ret == 0; i++) {
        ret = add_file(w, m->stamps.v[i].path, errp);
    }
out:
    qiop_tls_material_unref(m);
    return ret;
}

/* ---- loading ---- */

static void tell(QIOTLSCredsWatch *w, const QIOError *err)
{
    const char *why = err ? qio_error_message(err) : NULL;

    if (why && w->said && strcmp(why, w->said) == 0) {
        return;
    }
    free(w->said);
    w->said = why ? strdup(why) : NULL;
    if (w->fn) {
        w->fn(w->creds, err, w->opaque);
    }
}

static void rest(QIOTLSCredsWatch *w, int ms)
{
    /* There is room: it has just left. */
    (void)!qio_timer_start(w->timer, ms, 0, NULL);
}

static void load(QIOTLSCredsWatch *w)
{
    QIOError *err = NULL;

    if (qio_tls_creds_reload(w->creds, &err) == 0) {
        (void)watch_places(w, NULL);
        /* Between reading and watching. */
        if (qio_tls_creds_changed(w->creds)) {
            w->first_us = qiop_now_us();
            rest(w, SETTLE_MS);
        }
    }
    tell(w, err);
    qio_error_free(err);
}

static void finalize(QIOTLSCredsWatch *w)
{
    qio_tls_creds_unref(w->creds);
    free(w->places);
    free(w->said);
    free(w);
}

/* It is quiet, or time to look. */
static void settled(QIOTimer *timer, void *opaque)
{
    QIOTLSCredsWatch *w = opaque;

    (void)timer;
    w->first_us = 0;
    rest(w, LOOK_MS);
    w->running = true;
    (void)watch_places(w, NULL);
    if (qio_tls_creds_changed(w->creds)) {
        load(w);
    }
    w->running = false;
    if (w->freed) {
        finalize(w);
    }
}

/* ---- events ---- */

/* Whether any is more than the end of a place that we left. */
static bool is_news(const char *buf, size_t len)
{
    struct inotify_event e;

    for (size_t at = 0; at + sizeof(e) <= len; at += sizeof(e) + e.len) {
        memcpy(&e, buf + at, sizeof(e));
        if (e.mask & ~(uint32_t)(IN_IGNORED | IN_ISDIR)) {
            return true;
        }
    }
    return false;
}

static bool events_came(int fd, unsigned events, void *opaque)
{
    QIOTLSCredsWatch *w = opaque;
    int64_t now = qiop_now_us(), left;
    char buf[4096];
    bool news = false;
    ssize_t n;

    (void)events;
    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        news |= is_news(buf, (size_t)n);
    }
    if (!news) {
        return true;
    }
    if (!w->first_us) {
        w->first_us = now;
    }
    left = (w->first_us - now) / 1000 + LATEST_MS;
    rest(w, left < 0 ? 0 : left < SETTLE_MS ? (int)left : SETTLE_MS);
    return true;
}

static void events_end(void *opaque)
{
    QIOTLSCredsWatch *w = opaque;

    w->events = NULL;
}

/* ---- public ---- */

static int start(QIOTLSCredsWatch *w, QIOLoop *loop, QIOError **errp)
{
    w->timer = qio_timer_new(loop, settled, w, errp);
    if (!w->timer) {
        return -1;
    }
    w->fd = qiop_fd_inotify(errp);
    if (w->fd < 0 || watch_places(w, errp) < 0) {
        return -1;
    }
    w->events = qio_loop_add_fd_watch(loop, w->fd, QIO_EVENT_IN, events_came, w,
                                      events_end, errp);
    if (!w->events) {
        return -1;
    }
    return qio_timer_start(
        w->timer, qio_tls_creds_changed(w->creds) ? 0 : LOOK_MS, 0, errp);
}

QIOTLSCredsWatch *qio_tls_creds_watch_new(QIOLoop *loop, QIOTLSCreds *creds,
                                          QIOTLSCredsWatchFunc *fn,
                                          void *opaque, QIOError **errp)
{
    QIOTLSCredsWatch *w = calloc(1, sizeof(*w));

    if (!w) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "cannot watch credentials");
        return NULL;
    }
    w->creds = qio_tls_creds_ref(creds);
    w->fn = fn;
    w->opaque = opaque;
    w->fd = -1;
    if (start(w, loop, errp) < 0) {
        qio_tls_creds_watch_free(w);
        return NULL;
    }
    return w;
}

void qio_tls_creds_watch_free(QIOTLSCredsWatch *w)
{
    if (!w) {
        return;
    }
    if (w->events) {
        qio_watch_remove(w->events);
    }
    qio_timer_free(w->timer);
    qiop_fd_close(w->fd);
    w->freed = true;
    if (!w->running) {
        finalize(w);
    }
}
