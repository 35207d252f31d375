/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The loop itself: rounds, by itself or inside another loop, and what other
 * threads may ask of it. */
#include <config.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/fd.h"
#include "loop/loop.h"

/* Descriptors asked for at a time; the kernel lets all of them have their turn.
 */
#define BATCH 128

/* ---- being woken ---- */

static void ring(QIOLoop *loop)
{
    uint64_t one = 1;

    if (atomic_exchange(&loop->rung, true)) {
        return;
    }
    /* Fails only when the counter is full, that is, already rung. */
    while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

/* Before looking at what it was rung for. */
static void unring(QIOLoop *loop)
{
    uint64_t count;

    if (read(loop->wake_fd, &count, sizeof(count)) > 0) {
        atomic_store(&loop->rung, false);
    }
}

bool qiop_loop_is_inside(const QIOLoop *loop)
{
    return atomic_load(&loop->inside) &&
           pthread_equal(atomic_load(&loop->thread), pthread_self());
}

void qiop_loop_wake(QIOLoop *loop)
{
    if (!qiop_loop_is_inside(loop)) {
        ring(loop);
    }
}

void qiop_loop_post(QIOLoop *loop, struct qiop_job *job)
{
    bool fresh;

    pthread_mutex_lock(&loop->lock);
    fresh = !job->posted;
    if (fresh) {
        job->posted = true;
        qiop_list_append(&loop->jobs, &job->node);
        atomic_fetch_add(&loop->n_jobs, 1);
    }
    pthread_mutex_unlock(&loop->lock);
    if (fresh) {
        qiop_loop_wake(loop);
    }
}

void qiop_loop_unpost(QIOLoop *loop, struct qiop_job *job)
{
    pthread_mutex_lock(&loop->lock);
    if (job->posted) {
        job->posted = false;
        qiop_list_remove(&job->node);
        atomic_fetch_sub(&loop->n_jobs, 1);
    }
    pthread_mutex_unlock(&loop->lock);
}

/* Who posts one after this was asked rings. */
static bool has_jobs(const QIOLoop *loop)
{
    return atomic_load(&loop->n_jobs) > 0;
}

/* Those that are posted meanwhile are for the next round. How many that
 * somebody may notice. */
static size_t run_jobs(QIOLoop *loop)
{
    struct qiop_list now;
    size_t n = 0;

    if (!has_jobs(loop)) {
        return 0;
    }
    pthread_mutex_lock(&loop->lock);
    qiop_list_take(&now, &loop->jobs);
    while (!qiop_list_empty(&now)) {
        struct qiop_job *job = qiop_list_entry(now.next, struct qiop_job, node);

        qiop_list_remove(&job->node);
        job->posted = false;
        atomic_fetch_sub(&loop->n_jobs, 1);
        n += !job->quiet;
        pthread_mutex_unlock(&loop->lock);
        job->run(job);
        pthread_mutex_lock(&loop->lock);
    }
    pthread_mutex_unlock(&loop->lock);
    return n;
}

static bool has_work(const QIOLoop *loop)
{
    return !qiop_list_empty(&loop->hot) || !qiop_list_empty(&loop->stale) ||
           has_jobs(loop);
}

/* ---- inside another loop: the time is a descriptor, too ---- */

static int watch_own(QIOLoop *loop, int fd, QIOError **errp)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(loop->fds.epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "cannot make a loop");
        return -1;
    }
    return 0;
}

/* Make the outer loop come at the right time. */
static void arm_outside(QIOLoop *loop)
{
    int64_t when = qiop_alarms_next(&loop->alarms);
    struct itimerspec at = {0};

    if (loop->timer_fd < 0) {
        return;
    }
    if (has_work(loop)) {
        ring(loop);
    }
    if (when == loop->timer_armed) {
        return;
    }
    loop->timer_armed = when;
    if (when != QIOP_NEVER) {
        /* All zero would mean never. */
        when = when > 0 ? when : 1;
        at.it_value.tv_sec = (time_t)(when / 1000000);
        at.it_value.tv_nsec = (long)(when % 1000000) * 1000;
    }
    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

int qio_loop_get_fd(QIOLoop *loop, QIOError **errp)
{
    if (loop->timer_fd < 0) {
        int fd = qiop_fd_timerfd(errp);

        if (fd < 0) {
            return -1;
        }
        if (watch_own(loop, fd, errp) < 0) {
            qiop_fd_close(fd);
            return -1;
        }
        loop->timer_fd = fd;
        loop->timer_armed = QIOP_NEVER;
        arm_outside(loop);
    }
    return loop->fds.epoll;
}

void qiop_loop_alarms_changed(QIOLoop *loop)
{
    if (loop->timer_fd >= 0 && !loop->inside) {
        arm_outside(loop);
    }
}

/* ---- a round ---- */

static int wait_ms(QIOLoop *loop, int64_t deadline)
{
    int64_t next = qiop_alarms_next(&loop->alarms);

    if (has_work(loop)) {
        return 0;
    }
    return qiop_deadline_left_ms(next < deadline ? next : deadline);
}

static void take_own(QIOLoop *loop, int fd)
{
    uint64_t count;

    if (fd == loop->wake_fd) {
        unring(loop);
    } else if (read(fd, &count, sizeof(count)) > 0) {
        loop->timer_armed = QIOP_NEVER;
    }
}

/* How much was done, or -1. */
static ssize_t one_round(QIOLoop *loop, int64_t deadline, QIOError **errp)
{
    struct epoll_event ev[BATCH];
    ssize_t done = 0;
    int n;

    done += (ssize_t)run_jobs(loop);
    qiop_watches_refresh(loop);
    n = epoll_wait(loop->fds.epoll, ev, BATCH,
                   done ? 0 : wait_ms(loop, deadline));
    if (n < 0 && errno != EINTR) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "cannot wait");
        return -1;
    }
    for (int i = 0; i < n; i++) {
        int fd = ev[i].data.fd;

        if (fd == loop->wake_fd || fd == loop->timer_fd) {
            take_own(loop, fd);
        } else {
            qiop_fds_fire(&loop->fds, fd, ev[i].events);
        }
    }
    if (qiop_alarms_next(&loop->alarms) != QIOP_NEVER) {
        done += (ssize_t)qiop_alarms_ring(&loop->alarms, qiop_now_us());
    }
    return done + (ssize_t)qiop_watches_deliver(loop);
}

static int enter(QIOLoop *loop, QIOError **errp)
{
    bool nested;

    nested = atomic_load(&loop->inside);
    if (!nested) {
        atomic_store(&loop->thread, pthread_self());
        atomic_store(&loop->inside, true);
    }
    if (nested) {
        qio_error_set(errp, QIO_ERROR_STATE, 0, "the loop is running already");
    }
    return nested ? -1 : 0;
}

static void leave(QIOLoop *loop)
{
    arm_outside(loop);
    atomic_store(&loop->inside, false);
}

int qio_loop_step(QIOLoop *loop, int timeout_ms, QIOError **errp)
{
    int64_t deadline = qiop_deadline(timeout_ms);
    ssize_t done;

    if (enter(loop, errp) < 0) {
        return -1;
    }
    do {
        done = one_round(loop, deadline, errp);
    } while (done == 0 && !qiop_deadline_passed(deadline));
    leave(loop);
    return done < 0 ? -1 : done > 0;
}

int qio_loop_dispatch(QIOLoop *loop, QIOError **errp)
{
    return qio_loop_step(loop, 0, errp);
}

static bool take_quit(QIOLoop *loop)
{
    return atomic_load(&loop->quit) && atomic_exchange(&loop->quit, false);
}

int qio_loop_run(QIOLoop *loop, QIOError **errp)
{
    ssize_t done = 0;

    if (enter(loop, errp) < 0) {
        return -1;
    }
    while (done >= 0 && !take_quit(loop)) {
        done = one_round(loop, QIOP_NEVER, errp);
    }
    leave(loop);
    return done < 0 ? -1 : 0;
}

void qio_loop_quit(QIOLoop *loop)
{
    atomic_store(&loop->quit, true);
    qiop_loop_wake(loop);
}

/* ---- making and freeing ---- */

QIOLoop *qio_loop_new(QIOError **errp)
{
    QIOLoop *loop = calloc(1, sizeof(*loop));

    if (!loop) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "cannot make a loop");
        return NULL;
    }
    qiop_list_init(&loop->all);
    qiop_list_init(&loop->hot);
    qiop_list_init(&loop->stale);
    qiop_list_init(&loop->tasks);
    qiop_list_init(&loop->timers);
    qiop_list_init(&loop->threads);
    qiop_list_init(&loop->jobs);
    pthread_mutex_init(&loop->lock, NULL);
    loop->timer_fd = -1;
    loop->wake_fd = -1;
    loop->fds.epoll = qiop_fd_epoll(errp);
    if (loop->fds.epoll >= 0) {
        loop->wake_fd = qiop_fd_eventfd(0, errp);
    }
    if (loop->wake_fd < 0 || watch_own(loop, loop->wake_fd, errp) < 0) {
        qio_loop_free(loop);
        return NULL;
    }
    return loop;
}

/* A job that will not run; what holds it knows by itself. */
static void discard_jobs(QIOLoop *loop)
{
    while (!qiop_list_empty(&loop->jobs)) {
        struct qiop_job *job =
            qiop_list_entry(loop->jobs.next, struct qiop_job, node);

        qiop_loop_unpost(loop, job);
        if (job->discard) {
            job->discard(job);
        }
    }
}

void qio_loop_free(QIOLoop *loop)
{
    if (!loop) {
        return;
    }
    loop->ending = true;
    qiop_tasks_end(loop);
    qiop_threads_end(loop);
    qiop_watches_end(loop);
    discard_jobs(loop);
    qiop_timers_end(loop);
    qiop_fd_close(loop->timer_fd);
    qiop_fd_close(loop->wake_fd);
    qiop_fd_close(loop->fds.epoll);
    free(loop->fds.v);
    free(loop->alarms.v);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

/* ---- calls from other threads ---- */

struct invocation {
    struct qiop_job job;
    QIOInvokeFunc *fn;
    QIODestroyFunc *destroy;
    void *opaque;
};

static void discard_invocation(struct qiop_job *job)
{
    struct invocation *i = qiop_list_entry(job, struct invocation, job);

    if (i->destroy) {
        i->destroy(i->opaque);
    }
    free(i);
}

static void invoke(struct qiop_job *job)
{
    struct invocation *i = qiop_list_entry(job, struct invocation, job);

    i->fn(i->opaque);
    discard_invocation(job);
}

int qio_loop_invoke(QIOLoop *loop, QIOInvokeFunc *fn, void *opaque,
                    QIODestroyFunc *destroy, QIOError **errp)
{
    struct invocation *i = calloc(1, sizeof(*i));

    if (!i) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "cannot call into a loop");
        if (destroy) {
            destroy(opaque);
        }
        return -1;
    }
    i->job.run = invoke;
    i->job.discard = discard_invocation;
    i->fn = fn;
    i->destroy = destroy;
    i->opaque = opaque;
    qiop_list_init(&i->job.node);
    qiop_loop_post(loop, &i->job);
    return 0;
}
