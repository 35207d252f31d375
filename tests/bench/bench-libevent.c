/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libevent's bufferevent with OpenSSL on the socket, to be compared with. */
#include <config.h>
#include "bench-peers.h"

#include "bench.h"

#if defined(HAVE_LIBEVENT_OPENSSL) && defined(HAVE_OPENSSL)
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <unistd.h>

const char *bench_libevent_missing(void)
{
    return NULL;
}

struct end {
    struct event_base *base;
    const struct bench_bulk *bulk;
    uint64_t done;
    char *b;
};

static struct bufferevent *session(int fd, int server, struct end *e)
{
    struct bufferevent *bev = NULL;
    SSL *ssl = bench_openssl(fd, server);

    e->base = event_base_new();
    if (e->base && !evutil_make_socket_nonblocking(fd)) {
        bev = bufferevent_openssl_socket_new(e->base, fd, ssl,
                                             BUFFEREVENT_SSL_OPEN, 0);
    }
    if (!bev) {
        bench_fail("cannot set libevent up");
    }
    return bev;
}

static void refill(struct bufferevent *bev, void *opaque)
{
    struct end *e = opaque;

    if (e->done >= e->bulk->total) {
        event_base_loopbreak(e->base);
        return;
    }
    if (bufferevent_write(bev, e->b, e->bulk->chunk)) {
        bench_fail("bufferevent_write");
    }
    e->done += e->bulk->chunk;
}

static void drain(struct bufferevent *bev, void *opaque)
{
    struct evbuffer *in = bufferevent_get_input(bev);
    struct end *e = opaque;

    e->done += evbuffer_get_length(in);
    evbuffer_drain(in, evbuffer_get_length(in));
}

static void over(struct bufferevent *bev, short what, void *opaque)
{
    struct end *e = opaque;

    (void)bev;
    if (!(what & BEV_EVENT_EOF)) {
        bench_fail("libevent's connection");
    }
    event_base_loopbreak(e->base);
}

void bench_libevent_send(int fd, const void *arg)
{
    struct end e = {.bulk = arg};
    struct bufferevent *bev = session(fd, 0, &e);

    e.b = calloc(1, e.bulk->chunk);
    if (!e.b) {
        bench_fail("out of memory");
    }
    bufferevent_setcb(bev, NULL, refill, over, &e);
    bench_begin();
    bufferevent_enable(bev, EV_WRITE);
    refill(bev, &e);
    event_base_dispatch(e.base);
    bench_end();
    SSL_shutdown(bufferevent_openssl_get_ssl(bev));
    close(fd);
}

void bench_libevent_recv(int fd, const void *arg)
{
    struct end e = {.bulk = arg};
    struct bufferevent *bev = session(fd, 1, &e);

    bufferevent_setcb(bev, drain, NULL, over, &e);
    bench_begin();
    bufferevent_enable(bev, EV_READ);
    event_base_dispatch(e.base);
    bench_end();
    if (e.done < e.bulk->total) {
        bench_fail("libevent lost some");
    }
}
#else
const char *bench_libevent_missing(void)
{
    return "built without libevent's bufferevent_openssl";
}

void bench_libevent_send(int fd, const void *arg)
{
    (void)fd;
    (void)arg;
    bench_fail(bench_libevent_missing());
}

void bench_libevent_recv(int fd, const void *arg)
{
    bench_libevent_send(fd, arg);
}
#endif
