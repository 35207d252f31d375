/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench-websocket: both ends by wslay, on a blocking socket. */
#include <config.h>
#include "bench-websocket.h"

#include "bench.h"

#ifdef HAVE_WSLAY
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wslay/wslay.h>

const int bench_has_wslay = 1;

struct end {
    int fd;
    uint64_t done;
};

static ssize_t send_some(wslay_event_context_ptr ctx, const uint8_t *data,
                         size_t len, int flags, void *opaque)
{
    struct end *e = opaque;
    ssize_t n = send(e->fd, data, len, flags & WSLAY_MSG_MORE ? MSG_MORE : 0);

    if (n < 0) {
        wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
    }
    return n;
}

static ssize_t recv_some(wslay_event_context_ptr ctx, uint8_t *data, size_t len,
                         int flags, void *opaque)
{
    struct end *e = opaque;
    ssize_t n = recv(e->fd, data, len, 0);

    (void)flags;
    if (n <= 0) {
        wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }
    return n;
}

/* Cheap, for the measured thing is not the source of randomness. */
static int make_key(wslay_event_context_ptr ctx, uint8_t *buf, size_t len,
                    void *opaque)
{
    (void)ctx;
    (void)opaque;
    for (size_t i = 0; i < len; i++) {
        buf[i] = (uint8_t)rand();
    }
    return 0;
}

static void got_chunk(wslay_event_context_ptr ctx,
                      const struct wslay_event_on_frame_recv_chunk_arg *arg,
                      void *opaque)
{
    struct end *e = opaque;

    (void)ctx;
    e->done += arg->data_length;
}

static wslay_event_context_ptr make(struct end *e, int client)
{
    struct wslay_event_callbacks calls = {
        .recv_callback = recv_some,
        .send_callback = send_some,
        .genmask_callback = make_key,
        .on_frame_recv_chunk_callback = got_chunk,
    };
    wslay_event_context_ptr ctx;
    int rc = client ? wslay_event_context_client_init(&ctx, &calls, e)
                    : wslay_event_context_server_init(&ctx, &calls, e);

    if (rc != 0) {
        bench_fail("wslay");
    }
    wslay_event_config_set_no_buffering(ctx, 1);
    return ctx;
}

void bench_wslay_send(int fd, const void *arg)
{
    const struct bench_job *j = arg;
    struct end e = {fd, 0};
    wslay_event_context_ptr ctx = make(&e, j->masked);
    uint8_t *data = calloc(1, BENCH_MESSAGE);
    struct wslay_event_msg msg = {WSLAY_BINARY_FRAME, data, BENCH_MESSAGE};

    bench_begin();
    for (uint64_t done = 0; done < j->total; done += BENCH_MESSAGE) {
        if (!data || wslay_event_queue_msg(ctx, &msg) != 0) {
            bench_fail("wslay_event_queue_msg");
        }
        while (wslay_event_want_write(ctx)) {
            if (wslay_event_send(ctx) != 0) {
                bench_fail("wslay_event_send");
            }
        }
    }
    bench_end();
    close(fd);
}

void bench_wslay_recv(int fd, const void *arg)
{
    const struct bench_job *j = arg;
    struct end e = {fd, 0};
    wslay_event_context_ptr ctx = make(&e, !j->masked);

    bench_begin();
    while (e.done < j->total) {
        /* It reads until its callback fails, which is the end here. */
        if (wslay_event_recv(ctx) != 0 && e.done < j->total) {
            bench_fail("wslay_event_recv");
        }
    }
    bench_end();
}

#else

const int bench_has_wslay = 0;

void bench_wslay_send(int fd, const void *arg)
{
    (void)fd;
    (void)arg;
}

void bench_wslay_recv(int fd, const void *arg)
{
    (void)fd;
    (void)arg;
}
#endif
