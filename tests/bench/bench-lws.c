/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench-websocket: both ends by libwebsockets. It listens and connects by
 * itself; the socket of the harness only tells the port. */
#include <config.h>
#include "bench-websocket.h"

#include "bench.h"

#ifdef HAVE_LIBWEBSOCKETS
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const int bench_has_lws = 1;

struct end {
    int sends;
    uint64_t total;
    uint64_t done;
    int over;
    uint8_t *data; /* with room before it, as the library wants */
};

static int write_one(struct lws *wsi, struct end *e)
{
    if (e->done < e->total) {
        int n =
            lws_write(wsi, e->data + LWS_PRE, BENCH_MESSAGE, LWS_WRITE_BINARY);

        if (n < 0) {
            bench_fail("lws_write");
        }
        e->done += BENCH_MESSAGE;
        lws_callback_on_writable(wsi);
    }
    return 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason,
                    void *user, void *in, size_t len)
{
    struct end *e = lws_context_user(lws_get_context(wsi));

    (void)user;
    (void)in;
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        bench_begin();
        if (e->sends) {
            lws_callback_on_writable(wsi);
        }
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return write_one(wsi, e);
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_CLIENT_RECEIVE:
        e->done += len;
        if (!e->sends && e->done >= e->total) {
            bench_end();
            e->over = 1;
            return -1;
        }
        return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        bench_fail("libwebsockets does not connect");
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLIENT_CLOSED:
        if (e->sends) {
            bench_end();
        }
        e->over = 1;
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {"bench", callback, 0, BENCH_MESSAGE, 0, NULL, BENCH_MESSAGE + LWS_PRE},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

static void connect_to(struct lws_context *ctx, int port)
{
    struct lws_client_connect_info info;

    memset(&info, 0, sizeof(info));
    info.context = ctx;
    info.address = "127.0.0.1";
    info.port = port;
    info.path = "/";
    info.host = info.address;
    info.origin = info.address;
    info.protocol = "bench";
    if (!lws_client_connect_via_info(&info)) {
        bench_fail("lws_client_connect_via_info");
    }
}

static void run(int fd, const struct bench_job *j, int sends)
{
    struct end e = {.sends = sends, .total = j->total};
    int client = sends ? j->masked : !j->masked;
    struct lws_context_creation_info info;
    struct lws_context *ctx;
    int port = 0;

    lws_set_log_level(0, NULL);
    memset(&info, 0, sizeof(info));
    info.port = client ? CONTEXT_PORT_NO_LISTEN : 0;
    info.iface = client ? NULL : "127.0.0.1";
    info.protocols = protocols;
    info.user = &e;
    info.gid = (gid_t)-1;
    info.uid = (uid_t)-1;
    info.pt_serv_buf_size = BENCH_MESSAGE + 4096;
    e.data = calloc(1, LWS_PRE + BENCH_MESSAGE);
    ctx = lws_create_context(&info);
    if (!ctx || !e.data) {
        bench_fail("lws_create_context");
    }
    if (client) {
        if (read(fd, &port, sizeof(port)) != (ssize_t)sizeof(port)) {
            bench_fail("no port to connect to");
        }
        connect_to(ctx, port);
    } else {
        port = lws_get_vhost_listen_port(lws_get_vhost_by_name(ctx, "default"));
        if (write(fd, &port, sizeof(port)) != (ssize_t)sizeof(port)) {
            bench_fail("nobody wants to connect");
        }
    }
    while (!e.over && lws_service(ctx, 0) >= 0) {
    }
    if (e.done < e.total) {
        bench_fail("libwebsockets ended too soon");
    }
}

void bench_lws_send(int fd, const void *arg)
{
    run(fd, arg, 1);
}

void bench_lws_recv(int fd, const void *arg)
{
    run(fd, arg, 0);
}

#else

const int bench_has_lws = 0;

void bench_lws_send(int fd, const void *arg)
{
    (void)fd;
    (void)arg;
}

void bench_lws_recv(int fd, const void *arg)
{
    (void)fd;
    (void)arg;
}
#endif
