/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-libevent PKI-DIR: a QIOLoop inside a libevent base. */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include "loop-transfer.h"

/* The descriptor is readable: there is work. */
static void dispatch(evutil_socket_t fd, short what, void *loop)
{
    QIOError *err = NULL;

    (void)fd;
    (void)what;
    if (qio_loop_dispatch(loop, &err) < 0) {
        fprintf(stderr, "loop-libevent: %s\n", qio_error_message(err));
        exit(1);
    }
}

static void tick(evutil_socket_t fd, short what, void *transfer)
{
    (void)fd;
    (void)what;
    transfer_tick(transfer);
}

static void ended(void *host)
{
    event_base_loopbreak(host);
}

static void wait_for_end(struct event_base *host, struct transfer *t)
{
    const struct timeval interval = {.tv_usec = TRANSFER_TICK_MS * 1000};
    struct event *timer = event_new(host, -1, EV_PERSIST, tick, t);

    if (timer) {
        event_add(timer, &interval);
        event_base_dispatch(host);
        event_free(timer);
    }
}

static struct transfer *run(QIOLoop *loop, const char *pki, QIOError **errp)
{
    struct event_base *host = event_base_new();
    int fd = qio_loop_get_fd(loop, errp);
    struct event *work = NULL;
    struct transfer *t = NULL;

    if (host && fd >= 0) {
        work = event_new(host, fd, EV_READ | EV_PERSIST, dispatch, loop);
    }
    if (work && event_add(work, NULL) == 0) {
        t = transfer_start(loop, pki, ended, host, errp);
    }
    if (t) {
        wait_for_end(host, t);
    }
    /* Before the loop, whose descriptor it is. */
    if (work) {
        event_free(work);
    }
    if (host) {
        event_base_free(host);
    }
    return t;
}

int main(int argc, char **argv)
{
    QIOError *err = NULL;
    struct transfer *t = NULL;
    QIOLoop *loop;

    if (argc != 2) {
        fprintf(stderr, "usage: loop-libevent PKI-DIR\n");
        return 2;
    }
    loop = qio_loop_new(&err);
    if (loop) {
        t = run(loop, argv[1], &err);
    }
    return transfer_finish(t, loop, err);
}
