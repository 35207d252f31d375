/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Watches: from what a stack of channels says it waits for to descriptors in
 * the epoll set, and back to events of the channel.
 *
 * After each call of its function, and whenever its channel has changed, a
 * watch asks the channel anew (refresh). What is true already makes it hot:
 * its function is called in the next round. For the rest it waits.
 */
#include <config.h>
#include <poll.h>
#include <stdlib.h>
#include "base/clock.h"
#include "core/channel.h"
#include "core/pollset.h"
#include "loop/loop.h"

#define TROUBLE ((unsigned)(QIO_EVENT_HUP | QIO_EVENT_ERR))
/* Beyond all QIOEvent bits: try again. */
#define AGAIN (1u << 30)
/* Most stacks need no more, and then nothing is allocated. */
#define FEW 2

struct watched {
    struct qiop_observer observer;
    QIOWatch *watch;
};

struct QIOWatch {
    QIOLoop *loop;
    QIOChannel *ioc; /* NULL: a descriptor */
    int fd;
    atomic_uint events; /* read by other threads, too */
    union {
        QIOWatchFunc *fn;
        QIOFDWatchFunc *fd_fn;
    };
    void *opaque;
    QIODestroyFunc *destroy;
    unsigned n_levels; /* below */

    unsigned fired;    /* to be delivered */
    bool eager;        /* also when it is only time to try again */
    bool running;      /* its function is */
    bool removed;      /* meanwhile */
    bool flush_told;   /* that flushing fails was reported */
    atomic_bool stale; /* to be asked anew, by the list or by the job */
    atomic_bool
        changed; /* ... because of the channel; the eager want to know */
    struct qiop_list in_all;
    struct qiop_list in_hot;
    struct qiop_list in_stale;
    struct qiop_job refresh; /* when another thread finds it stale */
    struct qiop_alarm alarm; /* what the channel asked for */

    struct qiop_interest *v;
    unsigned n, cap;
    struct qiop_interest few[FEW];
    struct watched levels[]; /* of the stack, the topmost first */
};

/* ---- descriptors ---- */

static void heat(QIOWatch *w, unsigned events)
{
    w->fired |= events;
    if (qiop_list_empty(&w->in_hot)) {
        qiop_list_append(&w->loop->hot, &w->in_hot);
    }
}

static void drop_interests(QIOWatch *w, unsigned keep)
{
    while (w->n > keep) {
        qiop_fds_remove(&w->loop->fds, &w->v[--w->n]);
    }
}

static int make_room(QIOWatch *w, unsigned n, QIOError **errp)
{
    struct qiop_interest *v;

    if (n <= w->cap) {
        return 0;
    }
    /* They are linked where they stand. */
    drop_interests(w, 0);
    v = calloc(n, sizeof(*v));
    if (!v) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "cannot watch a channel");
        return -1;
    }
    if (w->v != w->few) {
        free(w->v);
    }
    w->v = v;
    w->cap = n;
    return 0;
}

static int add_interest(QIOWatch *w, const struct qiop_poll_entry *e,
                        QIOError **errp)
{
    struct qiop_interest *i = &w->v[w->n];
    int r;

    *i = (struct qiop_interest){
        .watch = w,
        .fd = e->fd,
        .poll_events = e->poll_events,
        .events = (unsigned short)e->events,
    };
    r = qiop_fds_add(&w->loop->fds, i, errp);
    if (r == 0) {
        w->n++;
    } else if (r == 1) {
        /* A file is always ready. */
        heat(w, e->events);
    }
    return r < 0 ? -1 : 0;
}

/* Wait for what is in the set, with as few changes as possible. */
static int sync_interests(QIOWatch *w, const QIOPollSet *set, QIOError **errp)
{
    unsigned same = 0;

    while (same < set->n && same < w->n && w->v[same].fd == set->v[same].fd) {
        struct qiop_interest *i = &w->v[same];

        i->events = (unsigned short)set->v[same].events;
        if (i->poll_events != set->v[same].poll_events) {
            i->poll_events = set->v[same].poll_events;
            qiop_fds_change(&w->loop->fds, i);
        }
        same++;
    }
    drop_interests(w, same);
    if (make_room(w, (unsigned)set->n, errp) < 0) {
        return -1;
    }
    for (unsigned k = w->n; k < set->n; k++) {
        if (add_interest(w, &set->v[k], errp) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- asking the channel ---- */

/* Push what layers hold; what that waits for is added as "try again". */
static void push_output(QIOWatch *w, QIOPollSet *set)
{
    QIOChannel *at = w->ioc;
    int r;

    if (!qiop_flushes(w->ioc) || w->flush_told ||
        !qio_channel_is_open(w->ioc)) {
        return;
    }
    r = qiop_try_flush(w->ioc, &at, NULL);
    if (r == -1) {
        w->flush_told = true;
        heat(w, QIO_EVENT_ERR);
    } else if (r == QIO_CHANNEL_ERR_BLOCK) {
        qio_poll_set_below(set, at, QIO_EVENT_FLUSH, 0);
    }
}

static void ask(QIOWatch *w, QIOPollSet *set)
{
    qiop_poll_set_init(set, 0);
    set->observed = true;
    if (!w->ioc) {
        qio_poll_set_add_fd(set, w->fd, 0, TROUBLE);
        if (w->events & QIO_EVENT_IN) {
            qio_poll_set_add_fd(set, w->fd, POLLIN, QIO_EVENT_IN);
        }
        if (w->events & QIO_EVENT_OUT) {
            qio_poll_set_add_fd(set, w->fd, POLLOUT, QIO_EVENT_OUT);
        }
        return;
    }
    if (!w->eager) {
        push_output(w, set);
    }
    qiop_poll_channel(w->ioc, w->events | TROUBLE, set);
}

/* Waiting for a shorter time, or for less, is no harm; not waiting at all is.
 */
static void cannot_wait(QIOWatch *w, QIOError *err)
{
    qio_error_free(err);
    heat(w, QIO_EVENT_ERR);
}

static void refresh(QIOWatch *w)
{
    QIOError *err = NULL;
    QIOPollSet set;

    atomic_store(&w->stale, false);
    if (w->eager && atomic_exchange(&w->changed, false)) {
        heat(w, AGAIN);
        return;
    }
    ask(w, &set);
    if (set.ready & (w->events | TROUBLE)) {
        heat(w, set.ready & (w->events | TROUBLE));
        return;
    }
    if (sync_interests(w, &set, &err) < 0) {
        cannot_wait(w, err);
        return;
    }
    if (set.deadline_us == QIOP_NEVER) {
        qiop_alarm_unset(&w->loop->alarms, &w->alarm);
    } else if (qiop_alarm_set(&w->loop->alarms, &w->alarm, set.deadline_us,
                              &err) < 0) {
        cannot_wait(w, err);
    }
}

static void refresh_job(struct qiop_job *job)
{
    refresh(qiop_list_entry(job, QIOWatch, refresh));
}

void qiop_watches_refresh(QIOLoop *loop)
{
    struct qiop_list now;

    qiop_list_take(&now, &loop->stale);
    while (!qiop_list_empty(&now)) {
        QIOWatch *w = qiop_list_entry(now.next, QIOWatch, in_stale);

        qiop_list_remove(&w->in_stale);
        refresh(w);
    }
}

static void ask_again(QIOWatch *w)
{
    if (atomic_load(&w->stale) || atomic_exchange(&w->stale, true)) {
        return;
    }
    if (qiop_loop_is_inside(w->loop)) {
        qiop_list_append(&w->loop->stale, &w->in_stale);
    } else {
        qiop_loop_post(w->loop, &w->refresh);
    }
}

void qiop_watch_fire(QIOWatch *w, unsigned events)
{
    if (events) {
        heat(w, events);
    } else if (w->eager) {
        heat(w, AGAIN);
    } else {
        ask_again(w);
    }
}

static void alarm_rings(struct qiop_alarm *alarm)
{
    qiop_watch_fire(qiop_list_entry(alarm, QIOWatch, alarm), 0);
}

static void channel_changed(struct qiop_observer *o, unsigned events)
{
    QIOWatch *w = qiop_list_entry(o, struct watched, observer)->watch;

    if (!(events & (w->events | QIO_EVENT_FLUSH))) {
        return;
    }
    if (w->eager) {
        atomic_store(&w->changed, true);
    }
    ask_again(w);
}

/* Its descriptors are still what they were; this is the last moment. */
static void channel_closing(struct qiop_observer *o)
{
    QIOWatch *w = qiop_list_entry(o, struct watched, observer)->watch;

    drop_interests(w, 0);
    atomic_store(&w->changed, true);
    ask_again(w);
}

/* ---- delivery ---- */

static void finish_removal(QIOWatch *w)
{
    if (w->destroy) {
        w->destroy(w->opaque);
    }
    qio_channel_unref(w->ioc);
    if (w->v != w->few) {
        free(w->v);
    }
    free(w);
}

void qio_watch_remove(QIOWatch *w)
{
    if (w->removed) {
        return;
    }
    w->removed = true;
    for (unsigned i = 0; i < w->n_levels; i++) {
        qiop_unobserve(&w->levels[i].observer);
    }
    drop_interests(w, 0);
    qiop_alarm_unset(&w->loop->alarms, &w->alarm);
    qiop_loop_unpost(w->loop, &w->refresh);
    qiop_list_remove(&w->in_all);
    qiop_list_remove(&w->in_hot);
    qiop_list_remove(&w->in_stale);
    if (!w->running) {
        finish_removal(w);
    }
}

static void deliver(QIOWatch *w)
{
    unsigned events = w->fired & (w->events | TROUBLE | AGAIN);
    bool keep;

    w->fired = 0;
    if (!events) {
        /* Somebody wants less than when it fired. */
        ask_again(w);
        return;
    }
    if (w->events & QIO_EVENT_OPEN) {
        /* An attempt to connect closes one descriptor and makes another one,
         * of the same number as likely as not. */
        drop_interests(w, 0);
    }
    w->running = true;
    keep = w->ioc ? w->fn(w->ioc, events, w->opaque)
                  : w->fd_fn(w->fd, events, w->opaque);
    w->running = false;
    if (w->removed) {
        finish_removal(w);
    } else if (!keep) {
        qio_watch_remove(w);
    } else if (w->ioc) {
        ask_again(w);
    }
}

size_t qiop_watches_deliver(QIOLoop *loop)
{
    struct qiop_list now;
    size_t n = 0;

    qiop_list_take(&now, &loop->hot);
    while (!qiop_list_empty(&now)) {
        QIOWatch *w = qiop_list_entry(now.next, QIOWatch, in_hot);

        qiop_list_remove(&w->in_hot);
        deliver(w);
        n++;
    }
    return n;
}

/* ---- making ---- */

static QIOWatch *make(QIOLoop *loop, QIOChannel *ioc, unsigned events,
                      QIOError **errp)
{
    size_t levels = 0;
    QIOWatch *w;

    for (QIOChannel *c = ioc; c; c = c->base) {
        levels++;
    }
    w = calloc(1, sizeof(*w) + levels * sizeof(w->levels[0]));
    if (!w) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "cannot make a watch");
        return NULL;
    }
    w->loop = loop;
    w->ioc = ioc ? qio_channel_ref(ioc) : NULL;
    atomic_init(&w->events, events);
    w->fd = -1;
    w->v = w->few;
    w->cap = FEW;
    w->refresh.run = refresh_job;
    w->refresh.quiet = true;
    qiop_list_init(&w->refresh.node);
    w->alarm.ring = alarm_rings;
    qiop_list_init(&w->in_hot);
    qiop_list_init(&w->in_stale);
    qiop_list_append(&loop->all, &w->in_all);
    return w;
}

static void observe(QIOWatch *w)
{
    for (QIOChannel *c = w->ioc; c; c = c->base) {
        struct watched *level = &w->levels[w->n_levels++];

        level->watch = w;
        level->observer.changed = channel_changed;
        level->observer.closing = channel_closing;
        qiop_observe(c, &level->observer);
    }
}

static QIOWatch *watch_channel(QIOLoop *loop, QIOChannel *ioc, unsigned events,
                               bool eager, QIOWatchFunc *fn, void *opaque,
                               QIOError **errp)
{
    QIOWatch *w = make(loop, ioc, events, errp);

    if (!w) {
        return NULL;
    }
    w->eager = eager;
    w->fn = fn;
    w->opaque = opaque;
    observe(w);
    ask_again(w);
    return w;
}

QIOWatch *qiop_watch_new(QIOLoop *loop, QIOChannel *ioc, unsigned events,
                         QIOWatchFunc *fn, void *opaque, QIOError **errp)
{
    return watch_channel(loop, ioc, events, true, fn, opaque, errp);
}

static void destroy_now(QIODestroyFunc *destroy, void *opaque)
{
    if (destroy) {
        destroy(opaque);
    }
}

QIOWatch *qio_channel_add_watch(QIOChannel *ioc, QIOLoop *loop, unsigned events,
                                QIOWatchFunc *fn, void *opaque,
                                QIODestroyFunc *destroy, QIOError **errp)
{
    QIOWatch *w = NULL;

    if (qio_channel_is_open(ioc)) {
        w = watch_channel(loop, ioc, events & (QIO_EVENT_IN | QIO_EVENT_OUT),
                          false, fn, opaque, errp);
    } else {
        qio_error_set(errp, QIO_ERROR_STATE, 0, "%s: not open",
                      qio_channel_name(ioc));
    }
    if (!w) {
        destroy_now(destroy, opaque);
        return NULL;
    }
    w->destroy = destroy;
    return w;
}

QIOWatch *qio_loop_add_fd_watch(QIOLoop *loop, int fd, unsigned events,
                                QIOFDWatchFunc *fn, void *opaque,
                                QIODestroyFunc *destroy, QIOError **errp)
{
    QIOWatch *w =
        make(loop, NULL, events & (QIO_EVENT_IN | QIO_EVENT_OUT), errp);
    QIOPollSet set;

    if (w) {
        w->fd = fd;
        w->fd_fn = fn;
        w->opaque = opaque;
        ask(w, &set);
        if (fd >= 0 && sync_interests(w, &set, errp) == 0) {
            w->destroy = destroy;
            return w;
        }
        if (fd < 0) {
            qio_error_set(errp, QIO_ERROR_INVALID, 0, "%d is no descriptor",
                          fd);
        }
        qio_watch_remove(w);
    }
    destroy_now(destroy, opaque);
    return NULL;
}

void qiop_watch_set(QIOWatch *w, unsigned events)
{
    atomic_store(&w->events, events);
    ask_again(w);
}

void qio_watch_set_events(QIOWatch *w, unsigned events)
{
    qiop_watch_set(w, events & (QIO_EVENT_IN | QIO_EVENT_OUT));
}

QIOChannel *qiop_watch_channel(const QIOWatch *w)
{
    return w->ioc;
}

void qiop_watches_end(QIOLoop *loop)
{
    while (!qiop_list_empty(&loop->all)) {
        qio_watch_remove(qiop_list_entry(loop->all.next, QIOWatch, in_all));
    }
}
