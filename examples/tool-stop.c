/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The attendant: one thread that takes the signals, watches for idleness and
 * moves the progress line, and breaks the transfer off where it stands.
 */
#include "tool-stop.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How long a transfer that was broken off may take to clean up. */
#define GRACE_US 2000000

static void break_channel(ToolStop *stop, int slot)
{
    if (stop->channels[slot]) {
        qio_channel_shutdown(stop->channels[slot], stop->how[slot], NULL);
    }
}

/* Called with the lock held. */
static void break_all(ToolStop *stop)
{
    break_channel(stop, 0);
    break_channel(stop, 1);
    if (stop->listener) {
        qio_listener_shutdown(stop->listener);
    }
    pthread_cond_broadcast(&stop->cond);
}

static void request(ToolStop *stop, int reason)
{
    int none = TOOL_STOP_NONE;

    pthread_mutex_lock(&stop->lock);
    if (!stop->committed &&
        atomic_compare_exchange_strong(&stop->reason, &none, reason)) {
        break_all(stop);
    }
    pthread_mutex_unlock(&stop->lock);
}

/* The transfer hangs where no channel can be broken (opening a fifo, writing to
 * somebody who takes nothing): clean up for it, and leave. */
static void leave(ToolStop *stop)
{
    ToolResult r = {.whole = -1};

    pthread_mutex_lock(&stop->lock);
    if (stop->committed) {
        pthread_mutex_unlock(&stop->lock);
        return;
    }
    stop->last_resort(stop->opaque);
    r.bytes = atomic_load(&stop->bytes);
    r.started_us = stop->result->started_us;
    r.ended_us = tool_now_us();
    tool_stop_explain(stop, &r);
    _exit(tool_report(stop->opt, &r));
}

/* What there is to do every now and then, besides signals. */
static void tick(ToolStop *stop, unsigned long long *last, int64_t *moved_us)
{
    unsigned long long bytes = atomic_load(&stop->bytes);
    int64_t now = tool_now_us();
    bool moving, idle;

    pthread_mutex_lock(&stop->lock);
    moving = stop->moving;
    if (moving && stop->opt->progress) {
        tool_progress(stop->opt, stop->result, bytes, false);
    }
    pthread_mutex_unlock(&stop->lock);
    if (!moving || bytes != *last) {
        *last = bytes;
        *moved_us = now;
    }
    idle = moving && stop->opt->timeout_ms >= 0 &&
           now - *moved_us > (int64_t)stop->opt->timeout_ms * 1000;
    if (idle) {
        request(stop, TOOL_STOP_IDLE);
    }
}

/* The signals that end a transfer, and the one that ends the attendant. */
static void attended_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGUSR1);
}

static bool is_over(ToolStop *stop)
{
    bool over;

    pthread_mutex_lock(&stop->lock);
    over = stop->over;
    pthread_mutex_unlock(&stop->lock);
    return over;
}

static void *attend(void *opaque)
{
    ToolStop *stop = opaque;
    unsigned long long last = 0;
    int64_t moved_us = tool_now_us();
    int64_t stopped_us = 0;
    struct timespec wait = {.tv_sec = 1};
    sigset_t set;

    attended_signals(&set);
    if (stop->opt->timeout_ms >= 0 && stop->opt->timeout_ms < 4000) {
        wait = (struct timespec){.tv_nsec = 200000000};
    }
    while (!is_over(stop)) {
        int sig = sigtimedwait(&set, NULL, &wait);

        if (sig == SIGUSR1) {
            continue;
        }
        if (sig > 0) {
            request(stop, sig);
        } else {
            tick(stop, &last, &moved_us);
        }
        if (atomic_load(&stop->reason) == TOOL_STOP_NONE) {
            continue;
        }
        if (!stopped_us) {
            stopped_us = tool_now_us();
            /* A second signal means now. */
        } else if (sig > 0 || tool_now_us() - stopped_us > GRACE_US) {
            leave(stop);
        }
    }
    return NULL;
}

int tool_stop_init(ToolStop *stop, const ToolOptions *opt, ToolResult *result,
                   void (*last_resort)(void *), void *opaque)
{
    pthread_condattr_t attr;
    sigset_t set;

    memset(stop, 0, sizeof(*stop));
    stop->opt = opt;
    stop->result = result;
    stop->last_resort = last_resort;
    stop->opaque = opaque;
    pthread_mutex_init(&stop->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&stop->cond, &attr);
    pthread_condattr_destroy(&attr);

    /* Our own output may be a pipe that nobody reads any more. */
    signal(SIGPIPE, SIG_IGN);
    attended_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (pthread_create(&stop->thread, NULL, attend, stop)) {
        return tool_fail(result, TOOL_FAILED, NULL, "cannot start a thread");
    }
    return 0;
}

void tool_stop_watch(ToolStop *stop, int slot, QIOChannel *ioc,
                     QIOChannelShutdown how)
{
    pthread_mutex_lock(&stop->lock);
    qio_channel_unref(stop->channels[slot]);
    stop->channels[slot] = ioc ? qio_channel_ref(ioc) : NULL;
    stop->how[slot] = how;
    if (atomic_load(&stop->reason) != TOOL_STOP_NONE) {
        break_channel(stop, slot);
    }
    pthread_mutex_unlock(&stop->lock);
}

void tool_stop_watch_listener(ToolStop *stop, QIOListener *listener)
{
    pthread_mutex_lock(&stop->lock);
    stop->listener = listener;
    if (listener && atomic_load(&stop->reason) != TOOL_STOP_NONE) {
        qio_listener_shutdown(listener);
    }
    pthread_mutex_unlock(&stop->lock);
}

void tool_stop_moving(ToolStop *stop, bool on)
{
    pthread_mutex_lock(&stop->lock);
    stop->moving = on;
    pthread_mutex_unlock(&stop->lock);
}

bool tool_stop_commit(ToolStop *stop)
{
    bool ok;

    pthread_mutex_lock(&stop->lock);
    ok = atomic_load(&stop->reason) == TOOL_STOP_NONE;
    stop->committed = ok;
    stop->moving = false;
    pthread_mutex_unlock(&stop->lock);
    return ok;
}

void tool_stop_end(ToolStop *stop)
{
    pthread_mutex_lock(&stop->lock);
    stop->committed = true;
    stop->over = true;
    stop->moving = false;
    pthread_mutex_unlock(&stop->lock);
    pthread_kill(stop->thread, SIGUSR1);
    pthread_join(stop->thread, NULL);
}

void tool_stop_sleep_until(ToolStop *stop, int64_t when_us)
{
    struct timespec ts = {.tv_sec = when_us / 1000000,
                          .tv_nsec = when_us % 1000000 * 1000};

    pthread_mutex_lock(&stop->lock);
    while (atomic_load(&stop->reason) == TOOL_STOP_NONE &&
           !pthread_cond_timedwait(&stop->cond, &stop->lock, &ts)) {
        ;
    }
    pthread_mutex_unlock(&stop->lock);
}

bool tool_stop_explain(ToolStop *stop, ToolResult *r)
{
    int reason = atomic_load(&stop->reason);
    QIOError *err = NULL;

    if (reason == TOOL_STOP_NONE) {
        return false;
    }
    if (reason > 0) {
        qio_error_set(&err, QIO_ERROR_CANCELLED, 0, "%s", strsignal(reason));
        tool_fail(r, TOOL_SIGNAL + reason, err, "stopped");
        return true;
    }
    qio_error_set(&err, QIO_ERROR_TIMEOUT, 0, "no byte moved for %g s",
                  stop->opt->timeout_ms / 1000.0);
    tool_fail(r, TOOL_FAILED, err, "gave up");
    return true;
}
