/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Websocket channels without memory: each side in turn goes through options,
 * handshake, transfer and goodbye with one allocation failing, while its peer
 * in another thread has all the memory it wants.
 */
#include <config.h>
#include <qio/channel-unix.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "failmalloc.h"
#include "qiotest.h"
#include "wspair.h"

#define BULK (200 << 10)
#define WAIT_MS 20000

static uint8_t bulk[BULK];

struct side {
    bool server;
    uint8_t *in; /* BULK bytes */
};

static QIOWebsocketOptions *make_options(QIOError **errp)
{
    QIOWebsocketOptions *o = qio_websocket_options_new(errp);

    if (o && qio_websocket_options_set_path(o, "/p", errp) == 0 &&
        qio_websocket_options_set_host(o, "h", errp) == 0 &&
        qio_websocket_options_add_origin(o, "http://h", errp) == 0 &&
        qio_websocket_options_add_protocol(o, "binary", errp) == 0 &&
        qio_websocket_options_add_header(o, "X-A", "b", errp) == 0) {
        return o;
    }
    qio_websocket_options_free(o);
    return NULL;
}

static QIOChannel *make(QIOChannel *base, bool server, QIOError **errp)
{
    QIOWebsocketOptions *o = make_options(errp);
    QIOChannel *ioc = NULL;

    if (o) {
        ioc = server ? qio_channel_websocket_new_server(base, o, errp)
                     : qio_channel_websocket_new_client(base, o, errp);
    }
    qio_websocket_options_free(o);
    return ioc;
}

static bool move(QIOChannel *ioc, struct side *side, bool send, QIOError **errp)
{
    if (send) {
        return qio_channel_write_all(ioc, bulk, BULK, errp) == 0;
    }
    memset(side->in, 0, BULK);
    return qio_channel_read_all(ioc, side->in, BULK, errp) == 0 &&
           memcmp(side->in, bulk, BULK) == 0;
}

static bool talk(QIOChannel *ioc, struct side *side, QIOError **errp)
{
    char *reason = NULL;
    char c;

    qio_channel_set_timeout(ioc, WAIT_MS);
    if (qio_channel_open_sync(ioc, WAIT_MS, errp) < 0 ||
        !move(ioc, side, !side->server, errp) ||
        !move(ioc, side, side->server, errp) ||
        qio_channel_websocket_goodbye(ioc, 1000, "done", errp) < 0 ||
        qio_channel_flush(ioc, errp) < 0 ||
        qio_channel_read(ioc, &c, 1, errp) != 0 ||
        qio_channel_websocket_peer_goodbye(ioc, &reason, errp) != 1000) {
        return false;
    }
    free(reason);
    return qio_channel_close(ioc, errp) == 0;
}

static bool play(QIOChannel *base, struct side *side, QIOError **errp)
{
    QIOChannel *ioc = make(base, side->server, errp);
    bool ok = ioc && talk(ioc, side, errp);

    qio_channel_unref(ioc);
    return ok;
}

/* ---- the peer ---- */

struct peer {
    struct side side;
    QIOChannel *base;
    bool ok;
    bool explained;
};

static void *peer_thread(void *opaque)
{
    struct peer *p = opaque;
    QIOError *err = NULL;

    p->ok = play(p->base, &p->side, &err);
    p->explained = err != NULL;
    qio_error_free(err);
    qio_channel_unref(p->base);
    return NULL;
}

struct game {
    struct side side;
    struct peer peer;
};

static bool run(void *opaque, QIOError **errp)
{
    struct game *g = opaque;
    QIOChannel *pair[2];
    pthread_t thread;
    bool ok;

    if (qio_channel_unix_pair(pair, errp) < 0) {
        return false;
    }
    g->peer.base = pair[1];
    if (pthread_create(&thread, NULL, peer_thread, &g->peer) != 0) {
        qio_channel_unref(pair[0]);
        qio_channel_unref(pair[1]);
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "no thread");
        return false;
    }
    ok = play(pair[0], &g->side, errp);
    qio_channel_unref(pair[0]);
    pthread_join(thread, NULL);
    /* Only memory may be the reason, and wrong data never. */
    if ((*errp && qio_error_code(*errp) != QIO_ERROR_NOMEM) ||
        (ok && !g->peer.ok) || (!g->peer.ok && !g->peer.explained)) {
        qio_error_free(*errp);
        *errp = NULL;
        return false;
    }
    return ok;
}

/* _i: the server's side. */
START_TEST(test_each_allocation)
{
    struct game g;
    long n;

    for (size_t i = 0; i < BULK; i++) {
        bulk[i] = (uint8_t)(i * 7 + i / 253);
    }
    memset(&g, 0, sizeof(g));
    g.side.server = _i;
    g.peer.side.server = !_i;
    g.side.in = malloc(BULK);
    g.peer.side.in = malloc(BULK);
    ck_assert(g.side.in && g.peer.side.in);
    n = failmalloc_each(run, &g, 0);
    ck_assert_int_ge(n, 20);
    free(g.side.in);
    free(g.peer.side.in);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nomem-websocket");
    TCase *tc = qiotest_case(s, "nomem");

    tcase_add_loop_test(tc, test_each_allocation, 0, 2);
    return failmalloc_main(s);
}
