/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting, built once for all channels: poll(2) on what the stack names, with
 * a deadline, and with descriptors by which other threads end it. */
#include <config.h>
#include "channel.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/fd.h"
#include "pollset.h"

/* Beyond all QIOEvent bits. */
#define AGAIN (1 << 30)

static bool is_shut(const QIOChannel *ioc, enum qiop_wake which)
{
    unsigned bit = which == QIOP_WAKE_READ ? QIO_CHANNEL_SHUTDOWN_READ
                                           : QIO_CHANNEL_SHUTDOWN_WRITE;

    return (atomic_load(&ioc->shut) & bit) != 0;
}

static void ring(int fd)
{
    uint64_t one = 1;

    /* Fails only when the counter is full, that is, already rung. */
    while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

int qiop_wake_fd(QIOChannel *ioc, enum qiop_wake which, QIOError **errp)
{
    int fd = atomic_load(&ioc->wake[which]);
    int none = -1;

    if (fd >= 0) {
        return fd;
    }
    fd = qiop_fd_eventfd(0, errp);
    if (fd < 0) {
        return -1;
    }
    if (!atomic_compare_exchange_strong(&ioc->wake[which], &none, fd)) {
        qiop_fd_close(fd);
        return none;
    }
    /* A shutdown that came before the exchange did not see the descriptor. */
    if (is_shut(ioc, which)) {
        ring(fd);
    }
    return fd;
}

void qiop_wake(QIOChannel *ioc, QIOChannelShutdown how)
{
    for (int w = QIOP_WAKE_READ; w <= QIOP_WAKE_WRITE; w++) {
        unsigned bit = w == QIOP_WAKE_READ ? QIO_CHANNEL_SHUTDOWN_READ
                                           : QIO_CHANNEL_SHUTDOWN_WRITE;
        int fd = atomic_load(&ioc->wake[w]);

        if ((how & bit) && fd >= 0) {
            ring(fd);
        }
    }
}

static int collect(QIOChannel *ioc, QIOChannel *at, unsigned events,
                   unsigned wake, QIOPollSet *set, QIOError **errp)
{
    qiop_poll_set_init(set, wake);
    if (ioc != at) {
        qiop_poll_wake(ioc, wake, set);
        set->wake = 0;
    }
    qiop_poll_channel(at, events, set);
    if (set->failed) {
        qio_error_propagate(errp, set->err);
        return -1;
    }
    return 0;
}

/*
 * Poll what was collected until the deadline. Returns the events that came (0:
 * only "try again") or'ed with `again`, or 0 when the deadline passed, or -1.
 */
static int poll_set(QIOPollSet *set, int64_t deadline, int again,
                    QIOError **errp)
{
    struct pollfd pfd[QIOP_POLL_MAX];
    struct timespec ts;
    int64_t until = set->deadline_us < deadline ? set->deadline_us : deadline;
    int events = 0;
    int n;

    for (size_t i = 0; i < set->n; i++) {
        pfd[i].fd = set->v[i].fd;
        pfd[i].events = set->v[i].poll_events;
        pfd[i].revents = 0;
    }
    n = ppoll(pfd, set->n, qiop_deadline_timespec(until, &ts), NULL);
    if (n < 0 && errno != EINTR) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "cannot wait");
        return -1;
    }
    for (size_t i = 0; n > 0 && i < set->n; i++) {
        bool quiet = set->v[i].events & QIOP_POLL_QUIET;
        int told = (int)(set->v[i].events & ~QIOP_POLL_QUIET);

        if (!pfd[i].revents || (quiet && pfd[i].revents == POLLERR)) {
            continue;
        }
        events |= told;
        /* A descriptor polled for a retry only says nothing about the
         * channel as a whole. */
        if (told && (pfd[i].revents & POLLHUP)) {
            events |= QIO_EVENT_HUP;
        }
        if (told && (pfd[i].revents & (POLLERR | POLLNVAL))) {
            events |= QIO_EVENT_ERR;
        }
    }
    /* Late also when something inside asks to be tried again and again. */
    if (!events && qiop_deadline_passed(deadline)) {
        return 0;
    }
    return events | again;
}

int qiop_wait(QIOChannel *ioc, QIOChannel *at, unsigned events, unsigned wake,
              int64_t deadline, QIOError **errp)
{
    QIOPollSet set;
    int r = 0;

    /* A peer that feeds us all the time without getting anywhere must not put
     * the deadline off: the caller has just tried. */
    if (!qiop_deadline_passed(deadline)) {
        if (collect(ioc, at, events, wake, &set, errp) < 0) {
            return -1;
        }
        if (set.ready & events) {
            return 0;
        }
        r = poll_set(&set, deadline, AGAIN, errp);
    }
    if (r == 0) {
        qio_error_set(errp, QIO_ERROR_TIMEOUT, 0, "%s: timed out",
                      qio_channel_name(ioc));
    }
    return r > 0 ? 0 : -1;
}

int qio_channel_wait(QIOChannel *ioc, unsigned events, int timeout_ms,
                     QIOError **errp)
{
    const unsigned told =
        QIO_EVENT_IN | QIO_EVENT_OUT | QIO_EVENT_HUP | QIO_EVENT_ERR;
    int64_t deadline = qiop_deadline(timeout_ms);
    unsigned wake = 0;

    wake |= events & QIO_EVENT_IN ? QIO_CHANNEL_SHUTDOWN_READ : 0;
    wake |= events & QIO_EVENT_OUT ? QIO_CHANNEL_SHUTDOWN_WRITE : 0;
    events &= QIO_EVENT_IN | QIO_EVENT_OUT;
    if (!qio_channel_is_open(ioc) || !events) {
        qio_error_set(errp, events ? QIO_ERROR_STATE : QIO_ERROR_INVALID, 0,
                      events ? "%s: not open" : "%s: nothing to wait for",
                      qio_channel_name(ioc));
        return -1;
    }
    for (;;) {
        QIOPollSet set;
        int r;

        if (collect(ioc, ioc, events, wake, &set, errp) < 0) {
            return -1;
        }
        if (set.ready & told) {
            return (int)(set.ready & told);
        }
        r = poll_set(&set, deadline, AGAIN, errp);
        if (r <= 0) {
            return r;
        }
        if (r & (int)told) {
            return r & (int)told;
        }
        /* Something inside moves on only if somebody pushes it. */
        if (qiop_try_flush(ioc, NULL, errp) == -1) {
            return -1;
        }
    }
}
