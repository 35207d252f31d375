/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Alarms: a binary heap whose first is the next to ring. */
#include <config.h>
#include <stdlib.h>
#include "base/clock.h"
#include "loop/loop.h"

static bool is_before(const struct qiop_alarm *a, const struct qiop_alarm *b)
{
    return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static void put(struct qiop_alarms *all, size_t place, struct qiop_alarm *a)
{
    all->v[place] = a;
    a->place = place;
}

static void move_up(struct qiop_alarms *all, size_t place)
{
    struct qiop_alarm *a = all->v[place];

    while (place > 1 && is_before(a, all->v[place / 2])) {
        put(all, place, all->v[place / 2]);
        place /= 2;
    }
    put(all, place, a);
}

static void move_down(struct qiop_alarms *all, size_t place)
{
    struct qiop_alarm *a = all->v[place];

    for (;;) {
        size_t child = place * 2;

        if (child < all->n && is_before(all->v[child + 1], all->v[child])) {
            child++;
        }
        if (child > all->n || !is_before(all->v[child], a)) {
            break;
        }
        put(all, place, all->v[child]);
        place = child;
    }
    put(all, place, a);
}

static int make_room(struct qiop_alarms *all, QIOError **errp)
{
    size_t cap = all->cap ? all->cap * 2 : 16;
    struct qiop_alarm **v;

    /* Place 0 stays empty. */
    if (all->n + 1 < all->cap) {
        return 0;
    }
    v = realloc(all->v, cap * sizeof(*v));
    if (!v) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "cannot set a timer");
        return -1;
    }
    all->v = v;
    all->cap = cap;
    return 0;
}

int qiop_alarm_set(struct qiop_alarms *all, struct qiop_alarm *a, int64_t when,
                   QIOError **errp)
{
    if (!a->place) {
        if (make_room(all, errp) < 0) {
            return -1;
        }
        put(all, ++all->n, a);
    }
    a->when = when;
    a->order = ++all->order;
    move_up(all, a->place);
    move_down(all, a->place);
    return 0;
}

void qiop_alarm_unset(struct qiop_alarms *all, struct qiop_alarm *a)
{
    size_t place = a->place;
    struct qiop_alarm *last;

    if (!place) {
        return;
    }
    a->place = 0;
    last = all->v[all->n--];
    if (last == a) {
        return;
    }
    put(all, place, last);
    move_up(all, place);
    move_down(all, last->place);
}

int64_t qiop_alarms_next(const struct qiop_alarms *all)
{
    return all->n ? all->v[1]->when : QIOP_NEVER;
}

size_t qiop_alarms_ring(struct qiop_alarms *all, int64_t now)
{
    uint64_t newest = all->order;
    size_t n = 0;

    /* One that a callback sets for now is behind all that were due before. */
    while (all->n && all->v[1]->when <= now && all->v[1]->order <= newest) {
        struct qiop_alarm *a = all->v[1];

        qiop_alarm_unset(all, a);
        a->ring(a);
        n++;
    }
    return n;
}
