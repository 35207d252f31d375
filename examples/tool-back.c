/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way back: a thread that reads what the output's other end says, passes
 * it on to the input when the stream opened a return path, and learns how that
 * end leaves.
 */
#include "tool-back.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include "tool-report.h"

#define BACK_BUF 16384
/* How long a write to somebody who does not take it may hold up the end. */
#define BACK_STOP_MS 2000

bool tool_is_cut(const QIOError *err)
{
    switch (qio_error_code(err)) {
    case QIO_ERROR_TLS_TRUNCATED:
    case QIO_ERROR_WEBSOCKET_TRUNCATED:
    case QIO_ERROR_BROKEN:
    case QIO_ERROR_EOF:
        return true;
    default:
        return false;
    }
}

void tool_back_init(ToolBack *back)
{
    pthread_condattr_t attr;

    memset(back, 0, sizeof(*back));
    pthread_mutex_init(&back->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&back->cond, &attr);
    pthread_condattr_destroy(&attr);
}

static void remember(ToolBack *back, const uint8_t *data, size_t len)
{
    size_t room = sizeof(back->last);

    pthread_mutex_lock(&back->lock);
    if (len >= room) {
        memcpy(back->last, data + len - room, room);
        back->n_last = room;
    } else {
        size_t keep = back->n_last + len > room ? room - len : back->n_last;

        memmove(back->last, back->last + back->n_last - keep, keep);
        memcpy(back->last + keep, data, len);
        back->n_last = keep + len;
    }
    pthread_mutex_unlock(&back->lock);
}

static void *run(void *opaque)
{
    ToolBack *back = opaque;
    uint8_t buf[BACK_BUF];
    QIOError *err = NULL;
    ssize_t n;
    bool gone = false;

    while ((n = qio_channel_read(back->from, buf, sizeof(buf), &err)) > 0) {
        remember(back, buf, (size_t)n);
        if (!back->to || gone || !atomic_load(&back->return_path)) {
            continue;
        }
        /* An input that has left needs no answer any more. */
        gone = qio_channel_write_all(back->to, buf, (size_t)n, NULL) != 0;
    }
    /* The transfer may be waiting for bytes that have nowhere to go now. */
    if (err && qio_error_code(err) != QIO_ERROR_SHUTDOWN &&
        !(tool_is_cut(err) &&
          atomic_load(&back->state) == QIO_MIGRATION_FOLLOW_WHOLE)) {
        qio_channel_shutdown(back->wake, QIO_CHANNEL_SHUTDOWN_READ, NULL);
    }
    pthread_mutex_lock(&back->lock);
    back->ended = true;
    back->err = err;
    pthread_cond_broadcast(&back->cond);
    pthread_mutex_unlock(&back->lock);
    return NULL;
}

int tool_back_start(ToolBack *back, QIOChannel *from, QIOChannel *to,
                    QIOChannel *wake)
{
    back->from = from;
    back->to = to;
    back->wake = wake;
    if (pthread_create(&back->thread, NULL, run, back)) {
        return -1;
    }
    back->started = true;
    return 0;
}

void tool_back_publish(ToolBack *back, QIOMigrationFollowState state,
                       bool return_path)
{
    atomic_store(&back->state, (int)state);
    atomic_store(&back->return_path, return_path);
}

bool tool_back_wait(ToolBack *back, int timeout_ms)
{
    int64_t until = tool_now_us() + (int64_t)timeout_ms * 1000;
    struct timespec ts = {.tv_sec = until / 1000000,
                          .tv_nsec = until % 1000000 * 1000};
    bool ended;

    if (!back->started) {
        return true;
    }
    pthread_mutex_lock(&back->lock);
    while (!back->ended &&
           pthread_cond_timedwait(&back->cond, &back->lock, &ts) != ETIMEDOUT) {
        ;
    }
    ended = back->ended;
    pthread_mutex_unlock(&back->lock);
    return ended;
}

QIOError *tool_back_error(ToolBack *back)
{
    QIOError *err;

    pthread_mutex_lock(&back->lock);
    err = qio_error_copy(back->err);
    pthread_mutex_unlock(&back->lock);
    return err;
}

bool tool_back_confirmed(ToolBack *back)
{
    bool yes;

    pthread_mutex_lock(&back->lock);
    yes = back->n_last == sizeof(back->last) &&
          !memcmp(back->last, qio_migration_rp_shut, sizeof(back->last));
    pthread_mutex_unlock(&back->lock);
    return yes;
}

void tool_back_stop(ToolBack *back)
{
    QIOChannel *leaf = back->to;

    if (!back->started) {
        return;
    }
    qio_channel_shutdown(back->from, QIO_CHANNEL_SHUTDOWN_READ, NULL);
    if (!tool_back_wait(back, BACK_STOP_MS)) {
        /* Stuck in a write. Beneath all layers, so that none says goodbye. */
        while (leaf && qio_channel_base(leaf)) {
            leaf = qio_channel_base(leaf);
        }
        if (leaf) {
            qio_channel_shutdown(leaf, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
        }
    }
    pthread_join(back->thread, NULL);
    back->started = false;
}

void tool_back_clear(ToolBack *back)
{
    tool_back_stop(back);
    qio_error_free(back->err);
    pthread_cond_destroy(&back->cond);
    pthread_mutex_destroy(&back->lock);
}
