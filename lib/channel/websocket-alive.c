/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keep-alive: pings of our own, and how long we wait for any sign of life. */
#include <config.h>
#include "channel/websocket-priv.h"

#include "base/clock.h"

#define US_PER_MS INT64_C(1000)
/* How soon a writer looks again whether the reader has given the peer up. */
#define LOOK_AGAIN_US 100000

static bool is_on(const struct websocket *w)
{
    return w->options->ping_interval_ms > 0 && atomic_load(&w->established);
}

/* When something is to be done. */
static int64_t next_time(const struct websocket *w)
{
    int64_t pinged = atomic_load(&w->pinged);

    if (pinged) {
        return pinged + w->options->ping_timeout_ms * US_PER_MS;
    }
    return atomic_load(&w->heard) + w->options->ping_interval_ms * US_PER_MS;
}

void qiop_ws_heard(struct websocket *w)
{
    if (is_on(w)) {
        atomic_store(&w->heard, qiop_now_us());
        atomic_store(&w->pinged, 0);
    }
}

bool qiop_ws_overdue(const struct websocket *w)
{
    return is_on(w) && atomic_load(&w->pinged) && qiop_now_us() >= next_time(w);
}

void qiop_ws_keep_alive(struct websocket *w)
{
    long long none = 0;
    int64_t now;

    if (!is_on(w) || atomic_load(&w->pinged)) {
        return;
    }
    now = qiop_now_us();
    if (now >= next_time(w) &&
        atomic_compare_exchange_strong(&w->pinged, &none, now)) {
        qiop_ws_ping(w);
    }
}

void qiop_ws_alive_poll(const struct websocket *w, unsigned events,
                        QIOPollSet *set)
{
    int64_t when;

    if (!is_on(w)) {
        return;
    }
    when = next_time(w);
    if ((events & QIO_EVENT_IN) && qiop_ws_overdue(w)) {
        /* A read will look once more, and else give up. */
        qio_poll_set_ready(set, QIO_EVENT_IN);
    } else if (!(events & QIO_EVENT_IN) && atomic_load(&w->pinged)) {
        int64_t soon = qiop_now_us() + LOOK_AGAIN_US;

        when = when > soon ? when : soon;
    }
    qio_poll_set_deadline(set, when);
}
