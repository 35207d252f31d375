/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-libuv PKI-DIR: a QIOLoop inside a libuv loop. */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>
#include "loop-transfer.h"

/* The descriptor is readable: there is work. */
static void dispatch(uv_poll_t *handle, int status, int events)
{
    QIOError *err = NULL;

    (void)events;
    if (status < 0 || qio_loop_dispatch(handle->data, &err) < 0) {
        fprintf(stderr, "loop-libuv: %s\n",
                err ? qio_error_message(err) : uv_strerror(status));
        exit(1);
    }
}

static void tick(uv_timer_t *timer)
{
    transfer_tick(timer->data);
}

static void ended(void *host)
{
    uv_stop(host);
}

static struct transfer *run(QIOLoop *loop, const char *pki, QIOError **errp)
{
    int fd = qio_loop_get_fd(loop, errp);
    struct transfer *t;
    uv_timer_t timer;
    uv_poll_t handle;
    uv_loop_t host;

    if (fd < 0 || uv_loop_init(&host) < 0) {
        return NULL;
    }
    uv_timer_init(&host, &timer);
    uv_poll_init(&host, &handle, fd);
    handle.data = loop;
    uv_poll_start(&handle, UV_READABLE, dispatch);
    t = transfer_start(loop, pki, ended, &host, errp);
    if (t) {
        timer.data = t;
        uv_timer_start(&timer, tick, TRANSFER_TICK_MS, TRANSFER_TICK_MS);
        uv_run(&host, UV_RUN_DEFAULT);
    }
    /* Before the loop, whose descriptor it is. */
    uv_close((uv_handle_t *)&handle, NULL);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&host, UV_RUN_DEFAULT);
    uv_loop_close(&host);
    return t;
}

int main(int argc, char **argv)
{
    QIOError *err = NULL;
    struct transfer *t = NULL;
    QIOLoop *loop;

    if (argc != 2) {
        fprintf(stderr, "usage: loop-libuv PKI-DIR\n");
        return 2;
    }
    loop = qio_loop_new(&err);
    if (loop) {
        t = run(loop, argv[1], &err);
    }
    return transfer_finish(t, loop, err);
}
