/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Serving: a loop that accepts connections, opens them, and hands them over.
 *
 * The listener may be freed by any function that this file calls. So whoever
 * calls one holds a reference on what serving needs, and looks afterwards
 * whether it goes on (is_over).
 */
#include <config.h>
#include "endpoint/listener.h"

#include <stdlib.h>
#include "base/clock.h"
#include "loop/loop.h"

/* Clients of one socket accepted before the others have their turn. */
#define TURN 16
/* After a lack of descriptors or memory. */
#define BACKOFF_MS 100
/* A handshake has its place for so long at least, however many want it: clients
 * that come in bursts must not drive out one that is getting on. */
#define PLACE_MS 100

struct door {
    struct qiop_serving *s;
    struct qiop_entrance *entrance;
    QIOWatch *watch; /* NULL when the loop is gone */
};

struct qiop_serving {
    unsigned refs;  /* the listener's, one for each watch and running call */
    QIOListener *l; /* NULL: it is over */
    QIOLoop *loop;
    QIOEndpointMode mode;
    QIOListenerFuncs funcs;
    void *opaque;
    struct door *doors;
    size_t n_doors;
    QIOWatch *bell;       /* of the listener's shutdown */
    struct qiop_job look; /* at the limits, and at what accepts once */
    QIOTimer *backoff;
    bool backing_off;
    QIOTimer *patience; /* until a place can be taken */
    bool paused;
    struct qiop_list handshakes; /* the oldest one first */
    size_t n_handshakes;
    struct qiop_list leaving; /* handshakes that were cancelled */
};

struct handshake {
    struct qiop_list node;
    struct qiop_serving *s; /* NULL: nobody cares any more */
    QIOTask *task;
    int64_t place_until; /* nobody else takes it before */
    bool leaving;
};

static bool is_over(const struct qiop_serving *s)
{
    return !s->l;
}

static void unref(struct qiop_serving *s)
{
    if (--s->refs > 0) {
        return;
    }
    if (s->funcs.destroy) {
        s->funcs.destroy(s->opaque);
    }
    free(s->doors);
    free(s);
}

/* ---- what the server is told ---- */

static void report(struct qiop_serving *s, QIOChannel *ioc, const QIOError *err)
{
    if (!is_over(s) && s->funcs.trouble) {
        s->funcs.trouble(s->l, ioc, err, s->opaque);
    }
}

static void report_own(struct qiop_serving *s, QIOError *err)
{
    report(s, NULL, err);
    qio_error_free(err);
}

/* ---- limits ---- */

static size_t places(const struct qiop_serving *s)
{
    return s->l->max_handshakes ? s->l->max_handshakes : 1;
}

/* 0, or milliseconds until the oldest handshake may have to go. */
static int wait_for_place(const struct qiop_serving *s)
{
    struct handshake *oldest =
        qiop_list_entry(s->handshakes.next, struct handshake, node);

    return s->n_handshakes < places(s)
               ? 0
               : qiop_deadline_left_ms(oldest->place_until);
}

static bool has_room(const struct qiop_serving *s)
{
    return !s->paused && !s->backing_off && !wait_for_place(s) &&
           (!s->l->max_connections ||
            qiop_census_count(s->l->census) < s->l->max_connections);
}

static void set_doors(struct qiop_serving *s)
{
    unsigned events = has_room(s) ? QIO_EVENT_IN : 0;
    int wait_ms = wait_for_place(s);

    if (wait_ms && qio_timer_start(s->patience, wait_ms, 0, NULL) < 0) {
        events = QIO_EVENT_IN;
    }
    for (size_t i = 0; i < s->n_doors; i++) {
        qio_watch_set_events(s->doors[i].watch, events);
    }
}

static void resume(QIOTimer *timer, void *opaque)
{
    struct qiop_serving *s = opaque;

    (void)timer;
    s->backing_off = false;
    set_doors(s);
}

static void look_soon(QIOTimer *timer, void *opaque)
{
    struct qiop_serving *s = opaque;

    (void)timer;
    qiop_loop_post(s->loop, &s->look);
}

/* The client waits in the backlog, where nobody is lost. */
static void back_off(struct qiop_serving *s, QIOError *err)
{
    s->backing_off = qio_timer_start(s->backoff, BACKOFF_MS, 0, NULL) == 0;
    report_own(s, err);
}

/* Any thread: somebody left. */
static void vacancy(void *opaque)
{
    struct qiop_serving *s = opaque;

    qiop_loop_post(s->loop, &s->look);
}

/* ---- handshakes ---- */

static void opened(QIOTask *task, void *opaque)
{
    struct handshake *h = opaque;
    struct qiop_serving *s = h->s;

    if (!s) {
        return;
    }
    if (wait_for_place(s)) {
        qiop_loop_post(s->loop, &s->look);
    }
    qiop_list_remove(&h->node);
    s->n_handshakes -= !h->leaving;
    s->refs++;
    if (qio_task_error(task)) {
        report(s, qio_task_channel(task), qio_task_error(task));
    } else {
        s->funcs.connection(s->l, qio_task_channel(task), s->opaque);
    }
    unref(s);
}

/* Of those who take long, the one that takes longest goes. */
static void make_place(struct qiop_serving *s)
{
    while (s->n_handshakes >= places(s)) {
        struct handshake *h =
            qiop_list_entry(s->handshakes.next, struct handshake, node);

        h->leaving = true;
        qiop_list_remove(&h->node);
        qiop_list_append(&s->leaving, &h->node);
        s->n_handshakes--;
        qio_task_cancel(h->task);
    }
}

static int begin_handshake(struct qiop_serving *s, QIOChannel *top,
                           QIOError **errp)
{
    struct handshake *h = calloc(1, sizeof(*h));

    if (!h) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    make_place(s);
    h->s = s;
    h->place_until = qiop_deadline(PLACE_MS);
    qiop_list_init(&h->node);
    h->task = qio_channel_open_async(top, s->loop, s->l->handshake_timeout_ms,
                                     opened, h, free, errp);
    if (!h->task) {
        return -1;
    }
    qiop_list_append(&s->handshakes, &h->node);
    s->n_handshakes++;
    return 0;
}

/* ---- at the door ---- */

static int admit(struct qiop_serving *s, struct qiop_entrance *e,
                 QIOChannel *base, QIOError **errp)
{
    QIOChannel *top = qiop_layers_stack(&e->layers, base, errp);
    int ret = -1;

    if (!top) {
        return -1;
    }
    if (qiop_census_enter(s->l->census, top, errp) == 0) {
        if (qio_channel_is_open(top)) {
            s->funcs.connection(s->l, top, s->opaque);
            ret = 0;
        } else {
            ret = begin_handshake(s, top, errp);
        }
    }
    qio_channel_unref(top);
    return ret;
}

/* A new connection, or what accepting gave instead. Whether to go on. */
static bool take(struct qiop_serving *s, struct qiop_entrance *e, int ret,
                 QIOChannel *base, QIOError *err)
{
    if (ret > 0) {
        ret = admit(s, e, base, &err);
        qio_channel_unref(base);
        if (ret < 0) {
            report_own(s, err);
        }
        return !is_over(s);
    }
    if (ret < 0) {
        back_off(s, err);
    }
    return false;
}

static bool knock(int fd, unsigned events, void *opaque)
{
    struct door *door = opaque;
    struct qiop_serving *s = door->s;

    (void)events;
    s->refs++;
    for (int i = 0; i < TURN && has_room(s); i++) {
        QIOChannel *base = NULL;
        QIOError *err = NULL;
        int ret = qiop_listener_accept_socket(fd, &base, &err);

        if (!take(s, door->entrance, ret, base, err)) {
            break;
        }
    }
    if (!is_over(s)) {
        set_doors(s);
    }
    unref(s);
    return true;
}

static void look(struct qiop_job *job)
{
    struct qiop_serving *s = qiop_list_entry(job, struct qiop_serving, look);

    s->refs++;
    for (size_t i = 0; !is_over(s) && i < s->l->n; i++) {
        struct qiop_entrance *e = s->l->v[i];
        QIOChannel *base = NULL;
        QIOError *err = NULL;
        int ret = 0;

        if (!e->socks.n && has_room(s)) {
            ret = qiop_listener_accept_once(e, s->mode, &base, &err);
        }
        /* What cannot be opened now will not be in a moment. */
        e->used |= ret < 0;
        if (ret < 0) {
            report_own(s, err);
        } else if (ret > 0) {
            take(s, e, ret, base, err);
        }
    }
    if (!is_over(s)) {
        set_doors(s);
    }
    unref(s);
}

/* ---- beginning and ending ---- */

static void door_gone(void *opaque)
{
    struct door *door = opaque;

    door->watch = NULL;
    unref(door->s);
}

/* The loop is being freed, or this file has removed the watch. */
static void bell_gone(void *opaque)
{
    struct qiop_serving *s = opaque;

    s->bell = NULL;
    if (!is_over(s)) {
        qio_listener_stop(s->l);
    }
    unref(s);
}

static bool shut(int fd, unsigned events, void *opaque)
{
    struct qiop_serving *s = opaque;

    (void)fd;
    (void)events;
    qio_listener_stop(s->l);
    return false;
}

static void remove_watch(QIOWatch *w)
{
    if (w) {
        qio_watch_remove(w);
    }
}

static void forget(struct qiop_list *handshakes)
{
    while (!qiop_list_empty(handshakes)) {
        struct handshake *h =
            qiop_list_entry(handshakes->next, struct handshake, node);

        qiop_list_remove(&h->node);
        h->s = NULL;
        qio_task_cancel(h->task);
    }
}

void qio_listener_stop(QIOListener *l)
{
    struct qiop_serving *s = l->serving;

    if (!s) {
        return;
    }
    l->serving = NULL;
    s->l = NULL;
    qiop_census_set_vacancy(l->census, NULL, NULL);
    qiop_loop_unpost(s->loop, &s->look);
    for (size_t i = 0; i < s->n_doors; i++) {
        remove_watch(s->doors[i].watch);
    }
    remove_watch(s->bell);
    qio_timer_free(s->backoff);
    qio_timer_free(s->patience);
    forget(&s->handshakes);
    forget(&s->leaving);
    unref(s);
}

static int open_doors(QIOListener *l, struct qiop_serving *s, QIOError **errp)
{
    s->refs++;
    s->bell = qio_loop_add_fd_watch(s->loop, l->wake_fd, QIO_EVENT_IN, shut, s,
                                    bell_gone, errp);
    s->backoff = s->bell ? qio_timer_new(s->loop, resume, s, errp) : NULL;
    s->patience =
        s->backoff ? qio_timer_new(s->loop, look_soon, s, errp) : NULL;
    if (!s->patience) {
        return -1;
    }
    for (; s->n_doors < l->n_polls; s->n_doors++) {
        struct door *door = &s->doors[s->n_doors];

        s->refs++;
        door->s = s;
        door->entrance = l->entrance[s->n_doors];
        door->watch = qio_loop_add_fd_watch(s->loop, l->polls[s->n_doors].fd, 0,
                                            knock, door, door_gone, errp);
        if (!door->watch) {
            return -1;
        }
    }
    return 0;
}

static struct qiop_serving *make(QIOListener *l, QIOError **errp)
{
    struct qiop_serving *s = calloc(1, sizeof(*s));

    if (!l->census) {
        l->census = qiop_census_new(errp);
    }
    if (s) {
        s->doors = calloc(l->n_polls ? l->n_polls : 1, sizeof(*s->doors));
    }
    if (!s || !s->doors || !l->census) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        free(s ? s->doors : NULL);
        free(s);
        return NULL;
    }
    s->refs = 1;
    s->look.run = look;
    qiop_list_init(&s->look.node);
    qiop_list_init(&s->handshakes);
    qiop_list_init(&s->leaving);
    return s;
}

int qio_listener_serve(QIOListener *l, QIOEndpointMode mode, QIOLoop *loop,
                       const QIOListenerFuncs *funcs, void *opaque,
                       QIOError **errp)
{
    struct qiop_serving *s = NULL;
    int ret;

    if (l->serving) {
        qio_error_set(errp, QIO_ERROR_STATE, 0, "the listener serves already");
    } else {
        s = make(l, errp);
    }
    if (!s) {
        if (funcs->destroy) {
            funcs->destroy(opaque);
        }
        return -1;
    }
    s->l = l;
    s->loop = loop;
    s->mode = mode;
    s->funcs = *funcs;
    s->opaque = opaque;
    l->serving = s;
    qiop_census_set_vacancy(l->census, vacancy, s);
    s->refs++;
    ret = open_doors(l, s, errp);
    if (ret < 0) {
        qio_listener_stop(l);
    } else {
        qiop_loop_post(loop, &s->look);
    }
    unref(s);
    return ret;
}

/* ---- settings ---- */

static void look_again(QIOListener *l)
{
    if (l->serving) {
        qiop_loop_post(l->serving->loop, &l->serving->look);
    }
}

void qio_listener_set_max_connections(QIOListener *l, size_t n)
{
    l->max_connections = n;
    look_again(l);
}

void qio_listener_set_max_handshakes(QIOListener *l, size_t n)
{
    l->max_handshakes = n;
    look_again(l);
}

void qio_listener_set_handshake_timeout(QIOListener *l, int timeout_ms)
{
    l->handshake_timeout_ms = timeout_ms;
}

size_t qio_listener_connections(const QIOListener *l)
{
    return l->census ? qiop_census_count(l->census) : 0;
}

size_t qio_listener_handshakes(const QIOListener *l)
{
    return l->serving ? l->serving->n_handshakes : 0;
}

void qio_listener_pause(QIOListener *l)
{
    if (l->serving) {
        l->serving->paused = true;
        set_doors(l->serving);
    }
}

void qio_listener_resume(QIOListener *l)
{
    if (l->serving) {
        l->serving->paused = false;
        look_again(l);
    }
}
