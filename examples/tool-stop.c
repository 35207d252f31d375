/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signals: the first one asks for an end, and what does not come to it is left
 * behind.
 */
#include "tool-stop.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* How long what was broken off may take to clean up. */
#define GRACE_MS 2000

static void grace_is_over(QIOTimer *timer, void *opaque)
{
    ToolStop *stop = opaque;

    (void)timer;
    stop->last_resort(stop->opaque);
}

static bool signalled(int fd, unsigned events, void *opaque)
{
    ToolStop *stop = opaque;
    struct signalfd_siginfo info;

    (void)events;
    if (read(fd, &info, sizeof(info)) != sizeof(info)) {
        return true;
    }
    /* A second signal means now. */
    if (stop->signal) {
        stop->last_resort(stop->opaque);
        return true;
    }
    stop->signal = (int)info.ssi_signo;
    if (qio_timer_start(stop->grace, GRACE_MS, GRACE_MS, NULL)) {
        stop->last_resort(stop->opaque);
    }
    stop->stop(stop->opaque);
    return true;
}

int tool_stop_init(ToolStop *stop, QIOLoop *loop, void (*ask)(void *),
                   void (*last_resort)(void *), void *opaque, QIOError **errp)
{
    sigset_t set;

    *stop = (ToolStop){
        .loop = loop,
        .stop = ask,
        .last_resort = last_resort,
        .opaque = opaque,
    };
    /* Our own output may be a pipe that nobody reads any more. */
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    stop->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (stop->fd < 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "cannot take signals");
        return -1;
    }
    stop->grace = qio_timer_new(loop, grace_is_over, stop, errp);
    if (stop->grace) {
        stop->watch = qio_loop_add_fd_watch(loop, stop->fd, QIO_EVENT_IN,
                                            signalled, stop, NULL, errp);
    }
    if (!stop->watch) {
        tool_stop_clear(stop);
        return -1;
    }
    return 0;
}

void tool_stop_clear(ToolStop *stop)
{
    if (stop->watch) {
        qio_watch_remove(stop->watch);
        stop->watch = NULL;
    }
    qio_timer_free(stop->grace);
    stop->grace = NULL;
    if (stop->fd >= 0) {
        close(stop->fd);
    }
    stop->fd = -1;
}
