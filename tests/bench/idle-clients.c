/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clients of bench-idle, all in one loop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bench-idle.h"
#include "bench-tls.h"
#include "bench.h"

#define FEW 16       /* that come first, so that what is made once is made */
#define AT_A_TIME 64 /* handshakes, or echoes */
#define PATIENCE 60000
#define TEXT 32

struct client {
    struct crowd *crowd;
    QIOChannel *ioc;
    char text[TEXT]; /* what it says, and so expects */
    char got[TEXT];
    size_t have;
};

struct crowd {
    QIOLoop *loop;
    QIOTLSCreds *creds;
    QIOAddress *addr;
    struct client *v;
    int round;
    int next, end; /* those who have their turn */
    int busy;
};

static void fail(const char *what, QIOError *err)
{
    fprintf(stderr, "client: %s: %s\n", what,
            err ? qio_error_message(err) : "wrong");
    _exit(1);
}

static void next_ones(struct crowd *crowd);

static bool echoed(QIOChannel *ioc, unsigned events, void *opaque)
{
    struct client *c = opaque;
    QIOError *err = NULL;
    ssize_t n = qio_channel_read(ioc, c->got + c->have, TEXT - c->have, &err);

    (void)events;
    if (n == QIO_CHANNEL_ERR_BLOCK) {
        return true;
    }
    if (n <= 0) {
        fail("reading", err);
    }
    c->have += (size_t)n;
    if (c->have < TEXT) {
        return true;
    }
    if (memcmp(c->got, c->text, TEXT)) {
        fail("the echo", NULL);
    }
    c->crowd->busy--;
    next_ones(c->crowd);
    return false;
}

static void say(struct client *c)
{
    struct crowd *crowd = c->crowd;
    QIOError *err = NULL;

    snprintf(c->text, TEXT, "client %d says %d", (int)(c - crowd->v),
             crowd->round);
    c->have = 0;
    if (qio_channel_write(c->ioc, c->text, TEXT, &err) != TEXT ||
        !qio_channel_add_watch(c->ioc, crowd->loop, QIO_EVENT_IN, echoed, c,
                               NULL, &err)) {
        fail("writing", err);
    }
}

static void opened(QIOTask *task, void *opaque)
{
    QIOError *err = NULL;

    if (qio_task_propagate_error(task, &err)) {
        fail("opening", err);
    }
    say(opaque);
}

static void come(struct client *c)
{
    struct crowd *crowd = c->crowd;
    QIOError *err = NULL;
    QIOChannel *tcp = qio_channel_socket_new(crowd->addr, &err);

    c->ioc =
        tcp ? qio_channel_tls_new_client(tcp, crowd->creds, NULL, &err) : NULL;
    qio_channel_unref(tcp);
    if (!c->ioc) {
        fail("making a channel", err);
    }
    qio_channel_set_blocking(c->ioc, false);
    if (!qio_channel_open_async(c->ioc, crowd->loop, PATIENCE, opened, c, NULL,
                                &err)) {
        fail("opening", err);
    }
}

static void next_ones(struct crowd *crowd)
{
    while (crowd->next < crowd->end && crowd->busy < AT_A_TIME) {
        struct client *c = &crowd->v[crowd->next++];

        c->crowd = crowd;
        crowd->busy++;
        if (c->ioc) {
            say(c);
        } else {
            come(c);
        }
    }
    if (!crowd->busy) {
        qio_loop_quit(crowd->loop);
    }
}

/* All of [from, end) echo, and then the server measures. */
static void go(struct crowd *crowd, int from, int end, int control)
{
    char c = 0;

    crowd->next = from;
    crowd->end = end;
    crowd->round++;
    next_ones(crowd);
    if (qio_loop_run(crowd->loop, NULL) < 0 || write(control, &c, 1) != 1 ||
        read(control, &c, 1) != 1) {
        fail("the server is gone", NULL);
    }
}

void idle_clients(int port, int control, int n)
{
    const unsigned flags =
        QIO_TLS_CREDS_NO_VERIFY_PEER | QIO_TLS_CREDS_NO_SANITY_CHECK;
    struct crowd crowd = {0};
    char text[16];

    snprintf(text, sizeof(text), "%d", port);
    crowd.loop = qio_loop_new(NULL);
    crowd.addr = qio_address_new_inet("127.0.0.1", text, NULL);
    crowd.creds =
        qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_CLIENT, bench_tls_dir(), NULL,
                               BENCH_PRIORITY, flags, NULL);
    crowd.v = calloc((size_t)n + FEW, sizeof(*crowd.v));
    if (!crowd.loop || !crowd.addr || !crowd.creds || !crowd.v) {
        fail("starting", NULL);
    }
    go(&crowd, 0, FEW, control);
    go(&crowd, FEW, FEW + n, control);
    go(&crowd, 0, FEW + n, control);
}
