/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where connections wait that share a stream. Everything in here lives as long
 * as the task that is about it, and nobody cares for those that have left.
 */
#include "tool-lobby.h"

#include <stdlib.h>
#include "tool-spoil.h"

/* Guests, and streams that are not complete, at once. */
#define WAITING_MAX 256

/* A connection that has not said yet where it belongs, or a stream that has not
 * all of its connections. */
typedef struct Waiting {
    struct Waiting *next;
    ToolLobby *lobby; /* NULL: nobody cares any more */
    QIOTask *task;
    QIOChannel *ioc;
    QIOMigrationHello *hello; /* of a stream: its first one */
} Waiting;

struct ToolLobby {
    ToolLobbyPlan plan;
    unsigned n; /* of both */
    Waiting *guests;
    Waiting *streams;
};

/* ---- coming and going ---- */

static void free_waiting(void *opaque)
{
    Waiting *w = opaque;

    qio_task_unref(w->task);
    qio_channel_unref(w->ioc);
    qio_migration_hello_free(w->hello);
    free(w);
}

static Waiting *new_waiting(ToolLobby *lobby, QIOChannel *ioc, QIOError **errp)
{
    Waiting *w = lobby->n < WAITING_MAX ? calloc(1, sizeof(*w)) : NULL;

    if (!w) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "too many wait already");
        return NULL;
    }
    w->lobby = lobby;
    w->ioc = qio_channel_ref(ioc);
    return w;
}

/* Keep it, if its task has begun; else it is gone already. */
static int keep(Waiting **list, Waiting *w, QIOTask *task)
{
    if (!task) {
        return -1;
    }
    w->task = qio_task_ref(task);
    w->next = *list;
    *list = w;
    w->lobby->n++;
    return 0;
}

static void leave(Waiting **list, Waiting *w)
{
    while (*list != w) {
        list = &(*list)->next;
    }
    *list = w->next;
    w->lobby->n--;
    w->lobby = NULL;
}

static void turn_out(QIOChannel *ioc)
{
    tool_spoil(ioc);
    qio_channel_close(ioc, NULL);
}

static void refuse(ToolLobby *lobby, QIOChannel *ioc, QIOError *err)
{
    turn_out(ioc);
    lobby->plan.refused(ioc, err, lobby->plan.opaque);
}

/* ---- streams ---- */

static void stream_open(QIOTask *task, void *opaque)
{
    Waiting *w = opaque;
    ToolLobby *lobby = w->lobby;
    QIOError *err = NULL;

    if (!lobby) {
        return;
    }
    leave(&lobby->streams, w);
    if (qio_task_propagate_error(task, &err)) {
        refuse(lobby, w->ioc, err);
    } else {
        lobby->plan.ready(w->ioc, lobby->plan.opaque);
    }
}

static Waiting *find_stream(const ToolLobby *lobby,
                            const QIOMigrationHello *hello)
{
    Waiting *w = lobby->streams;

    while (w && !lobby->plan.single &&
           !qio_migration_hello_same(w->hello, hello)) {
        w = w->next;
    }
    return w;
}

/* The stream that begins with this one. */
static Waiting *new_stream(ToolLobby *lobby, const QIOMigrationHello *hello,
                           QIOError **errp)
{
    bool threads = lobby->plan.threads && qio_migration_hello_count(hello) > 1;
    QIOChannel *ioc = qio_migration_channels_new_server(errp);
    bool fit = ioc && !qio_migration_channels_set_threads(ioc, threads, errp);
    Waiting *w = fit ? new_waiting(lobby, ioc, errp) : NULL;
    QIOTask *task = NULL;

    qio_channel_unref(ioc);
    if (w) {
        task = qio_channel_open_async(w->ioc, lobby->plan.loop,
                                      lobby->plan.timeout_ms, stream_open, w,
                                      free_waiting, errp);
    }
    return w && !keep(&lobby->streams, w, task) ? w : NULL;
}

/* Who does not fit in, or was sent twice, makes the whole of it suspect. */
static void give_up_stream(ToolLobby *lobby, Waiting *w)
{
    leave(&lobby->streams, w);
    turn_out(w->ioc);
    qio_task_cancel(w->task);
}

static int check_count(const ToolLobby *lobby, const QIOMigrationHello *hello,
                       QIOError **errp)
{
    unsigned n = qio_migration_hello_count(hello);

    if (n <= lobby->plan.most) {
        return 0;
    }
    qio_error_set(errp, QIO_ERROR_STREAM, 0,
                  "it wants %u connections, at most %u are allowed", n,
                  lobby->plan.most);
    return -1;
}

/* hello is taken. 0, or -1 when the connection is to be refused. */
static int join(ToolLobby *lobby, QIOChannel *ioc, QIOMigrationHello *hello,
                QIOError **errp)
{
    Waiting *w = NULL;
    bool fits = false;

    if (!check_count(lobby, hello, errp)) {
        w = find_stream(lobby, hello);
        w = w ? w : new_stream(lobby, hello, errp);
        fits = w && qio_migration_channels_join(w->ioc, ioc, hello, errp) >= 0;
    }
    if (w && !fits) {
        give_up_stream(lobby, w);
    }
    if (fits && !w->hello) {
        w->hello = hello;
    } else {
        qio_migration_hello_free(hello);
    }
    return fits ? 0 : -1;
}

/* ---- guests ---- */

static void guest_spoke(QIOTask *task, void *opaque)
{
    Waiting *w = opaque;
    ToolLobby *lobby = w->lobby;
    QIOMigrationHello *hello;
    QIOError *err = NULL;

    if (!lobby) {
        return;
    }
    leave(&lobby->guests, w);
    hello = qio_migration_hello_take(task, &err);
    if (!hello || join(lobby, w->ioc, hello, &err)) {
        refuse(lobby, w->ioc, err);
    }
}

void tool_lobby_enter(ToolLobby *lobby, QIOChannel *ioc)
{
    QIOError *err = NULL;
    Waiting *w = new_waiting(lobby, ioc, &err);
    QIOTask *task = NULL;

    if (w) {
        task = qio_migration_hello_read_async(
            ioc, lobby->plan.loop, lobby->plan.timeout_ms, guest_spoke, w,
            free_waiting, &err);
    }
    if (!w || keep(&lobby->guests, w, task)) {
        refuse(lobby, ioc, err);
    }
}

/* ---- life ---- */

ToolLobby *tool_lobby_new(const ToolLobbyPlan *plan, QIOError **errp)
{
    ToolLobby *lobby = calloc(1, sizeof(*lobby));

    if (!lobby) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    lobby->plan = *plan;
    return lobby;
}

static void turn_out_all(Waiting **list)
{
    while (*list) {
        Waiting *w = *list;

        leave(list, w);
        turn_out(w->ioc);
        qio_task_cancel(w->task);
    }
}

void tool_lobby_free(ToolLobby *lobby)
{
    if (lobby) {
        turn_out_all(&lobby->guests);
        turn_out_all(&lobby->streams);
        free(lobby);
    }
}
