/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A TLS client and server in one loop, for the loop-* examples. */
#include "loop-transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIB 32
#define SIZE ((size_t)MIB << 20)
#define PATIENCE 20000
/* A timer that is due waits for one round of the loop. */
#define LONGEST_GAP_MS 500
#define FEWEST_TICKS 5

struct transfer {
    QIOLoop *loop;
    void (*ended)(void *opaque);
    void *opaque;
    bool over; /* ended was called */
    QIOObjects *objects;
    QIOListener *listener;
    QIOChannel *client;
    int tasks; /* under way */
    QIOError *err;
    unsigned char *out, *in;
    int ticks;
    double begin, last, gap; /* milliseconds */
};

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* ---- tasks: the transfer has ended when all have, or one has failed ---- */

static void end(struct transfer *t)
{
    if (!t->over) {
        t->over = true;
        t->ended(t->opaque);
    }
}

static void task_ended(QIOTask *task, void *opaque)
{
    struct transfer *t = opaque;

    t->tasks--;
    if (qio_task_error(task) && !t->err) {
        qio_task_propagate_error(task, &t->err);
    }
    if (!t->tasks || t->err) {
        end(t);
    }
}

/* A call that may have started one. */
static void task_started(struct transfer *t, QIOTask *task)
{
    if (task) {
        t->tasks++;
    } else {
        end(t);
    }
}

/* ---- the server: says what it hears until the client has said goodbye ---- */

static void client_came(QIOListener *l, QIOChannel *ioc, void *opaque)
{
    struct transfer *t = opaque;

    (void)l;
    /* The task keeps the channel. */
    task_started(t, qio_channel_copy_async(ioc, ioc, t->loop, QIO_COPY_ONE_WAY,
                                           PATIENCE, task_ended, t, NULL,
                                           &t->err));
}

static int serve(struct transfer *t, const char *pki, QIOError **errp)
{
    static const QIOListenerFuncs funcs = {.connection = client_came};
    QIOTLSCreds *creds = qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_SERVER, pki,
                                                NULL, NULL, 0, errp);
    QIOEndpoint *ep =
        creds ? qio_endpoint_parse("tcp:127.0.0.1:0,tls-creds=tls0", errp)
              : NULL;
    int result = -1;

    t->objects = ep ? qio_objects_new(errp) : NULL;
    if (t->objects &&
        qio_objects_add_tls_creds(t->objects, "tls0", creds, errp) == 0) {
        t->listener = qio_endpoint_listen_sync(ep, t->objects, 4, errp);
    }
    if (t->listener) {
        result = qio_listener_serve(t->listener, QIO_ENDPOINT_READWRITE,
                                    t->loop, &funcs, t, errp);
    }
    qio_endpoint_free(ep);
    qio_tls_creds_unref(creds);
    return result;
}

/* ---- the client ---- */

static void client_read_all(QIOTask *task, void *opaque)
{
    struct transfer *t = opaque;

    if (!qio_task_error(task)) {
        task_started(t, qio_channel_bye_async(t->client, t->loop, PATIENCE,
                                              task_ended, t, NULL, &t->err));
    }
    task_ended(task, t);
}

static void client_opened(QIOTask *task, void *opaque)
{
    struct transfer *t = opaque;

    if (!qio_task_error(task)) {
        task_started(t, qio_channel_write_all_async(t->client, t->loop, t->out,
                                                    SIZE, PATIENCE, task_ended,
                                                    t, NULL, &t->err));
        task_started(t, qio_channel_read_all_async(
                            t->client, t->loop, t->in, SIZE, PATIENCE,
                            client_read_all, t, NULL, &t->err));
    }
    task_ended(task, t);
}

static QIOChannel *client_new(QIOListener *listener, const char *pki,
                              QIOError **errp)
{
    QIOTLSCreds *creds = qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_CLIENT, pki,
                                                NULL, NULL, 0, errp);
    QIOAddress *addr =
        creds ? qio_listener_get_address(listener, 0, errp) : NULL;
    QIOChannel *tcp = addr ? qio_channel_socket_new(addr, errp) : NULL;
    QIOChannel *tls =
        tcp ? qio_channel_tls_new_client(tcp, creds, "localhost", errp) : NULL;

    qio_channel_unref(tcp);
    qio_address_free(addr);
    qio_tls_creds_unref(creds);
    return tls;
}

/* ---- beginning and end ---- */

static void transfer_free(struct transfer *t)
{
    qio_channel_unref(t->client);
    qio_objects_free(t->objects);
    qio_error_free(t->err);
    free(t->out);
    free(t->in);
    free(t);
}

static int begin(struct transfer *t, const char *pki, QIOError **errp)
{
    t->out = malloc(SIZE);
    t->in = calloc(1, SIZE);
    if (!t->out || !t->in) {
        return -1;
    }
    for (size_t i = 0; i < SIZE; i++) {
        t->out[i] = (unsigned char)(i * 7 + i / 251);
    }
    if (serve(t, pki, errp) < 0) {
        return -1;
    }
    t->client = client_new(t->listener, pki, errp);
    if (!t->client || !qio_channel_open_async(t->client, t->loop, PATIENCE,
                                              client_opened, t, NULL, errp)) {
        return -1;
    }
    t->tasks++;
    return 0;
}

struct transfer *transfer_start(QIOLoop *loop, const char *pki,
                                void (*ended)(void *opaque), void *opaque,
                                QIOError **errp)
{
    struct transfer *t = calloc(1, sizeof(*t));

    if (!t) {
        return NULL;
    }
    t->loop = loop;
    t->ended = ended;
    t->opaque = opaque;
    if (begin(t, pki, errp) < 0) {
        qio_listener_free(t->listener);
        transfer_free(t);
        return NULL;
    }
    t->begin = t->last = now_ms();
    return t;
}

void transfer_tick(struct transfer *t)
{
    double now = now_ms();

    t->ticks++;
    if (now - t->last > t->gap) {
        t->gap = now - t->last;
    }
    t->last = now;
}

static int judge(const struct transfer *t)
{
    if (t->err) {
        fprintf(stderr, "%s\n", qio_error_message(t->err));
        return 1;
    }
    if (memcmp(t->in, t->out, SIZE)) {
        fprintf(stderr, "other bytes came back\n");
        return 1;
    }
    printf("%d MiB there and back over TLS in %.0f ms; %d ticks, the longest "
           "gap %.1f ms\n",
           MIB, now_ms() - t->begin, t->ticks, t->gap);
    return t->ticks < FEWEST_TICKS || t->gap > LONGEST_GAP_MS;
}

int transfer_finish(struct transfer *t, QIOLoop *loop, QIOError *err)
{
    int result = 1;

    if (err) {
        fprintf(stderr, "%s\n", qio_error_message(err));
        qio_error_free(err);
    }
    if (!t) {
        qio_loop_free(loop);
        return 1;
    }
    if (!err) {
        result = judge(t);
    }
    qio_listener_free(t->listener);
    /* Ends the tasks that are left, whose callbacks still want t. */
    t->over = true;
    qio_loop_free(loop);
    transfer_free(t);
    return result;
}
