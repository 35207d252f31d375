/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counting a listener's connections until they are closed, wherever and by
 * whomever that is done. */
#include <config.h>
#include "endpoint/listener.h"

#include <stdlib.h>
#include "core/observe.h"

struct qiop_census {
    pthread_mutex_t lock;
    unsigned refs; /* the listener's, and one for each that is counted */
    size_t n;
    void (*vacancy)(void *opaque);
    void *opaque;
};

struct entry {
    struct qiop_observer observer;
    struct qiop_census *census;
};

struct qiop_census *qiop_census_new(QIOError **errp)
{
    struct qiop_census *c = calloc(1, sizeof(*c));

    if (!c) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&c->lock, NULL);
    c->refs = 1;
    return c;
}

/* With the lock held, which is given back. */
static void unref(struct qiop_census *c)
{
    bool last = --c->refs == 0;

    pthread_mutex_unlock(&c->lock);
    if (last) {
        pthread_mutex_destroy(&c->lock);
        free(c);
    }
}

void qiop_census_free(struct qiop_census *c)
{
    if (c) {
        pthread_mutex_lock(&c->lock);
        unref(c);
    }
}

void qiop_census_set_vacancy(struct qiop_census *c,
                             void (*vacancy)(void *opaque), void *opaque)
{
    pthread_mutex_lock(&c->lock);
    c->vacancy = vacancy;
    c->opaque = opaque;
    pthread_mutex_unlock(&c->lock);
}

static void ignore_change(struct qiop_observer *o, unsigned events)
{
    (void)o;
    (void)events;
}

static void leave(struct qiop_observer *o)
{
    struct entry *e = (struct entry *)o;
    struct qiop_census *c = e->census;

    free(e);
    pthread_mutex_lock(&c->lock);
    c->n--;
    if (c->vacancy) {
        c->vacancy(c->opaque);
    }
    unref(c);
}

int qiop_census_enter(struct qiop_census *c, QIOChannel *ioc, QIOError **errp)
{
    struct entry *e = calloc(1, sizeof(*e));

    if (!e) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    e->observer.changed = ignore_change;
    e->observer.closing = leave;
    e->census = c;
    pthread_mutex_lock(&c->lock);
    c->refs++;
    c->n++;
    pthread_mutex_unlock(&c->lock);
    qiop_observe(ioc, &e->observer);
    return 0;
}

size_t qiop_census_count(struct qiop_census *c)
{
    size_t n;

    pthread_mutex_lock(&c->lock);
    n = c->n;
    pthread_mutex_unlock(&c->lock);
    return n;
}
