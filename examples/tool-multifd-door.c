/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Letting in the connections of a migration that has several by itself, and
 * telling them apart: the main one begins with "QEVM", a channel with a packet
 * of its own, which names the machine and the channel. Neither end waits for an
 * answer, so all can be let in before the first one is passed on.
 */
#include "tool-multifd-door.h"

#include <stdlib.h>
#include <string.h>
#include "tool-spoil.h"

#define MAGIC_LEN 4
/* Of a channel's first packet: where its fields are. */
#define VERSION_AT 4
#define UUID_AT 8
#define UUID_LEN 16
#define ID_AT 24

/* A connection whose first bytes are being read; lives as long as the task. */
typedef struct ToolMultifdGuest {
    struct ToolMultifdGuest *next;
    ToolMultifd *m; /* NULL: nobody cares any more */
    QIOChannel *ioc;
    QIOTask *task;
    uint8_t first[TOOL_MULTIFD_HELLO];
    size_t len;
} Guest;

/* ---- guests ---- */

static void free_guest(void *opaque)
{
    Guest *g = opaque;

    qio_channel_unref(g->ioc);
    qio_task_unref(g->task);
    free(g);
}

static void forget_guest(Guest *g)
{
    Guest **at = &g->m->guests;

    while (*at != g) {
        at = &(*at)->next;
    }
    *at = g->next;
    g->m = NULL;
}

static void turn_out(QIOChannel *ioc)
{
    tool_spoil(ioc);
    qio_channel_close(ioc, NULL);
}

void tool_multifd_close_door(ToolMultifd *m)
{
    qio_listener_free(m->door.listener);
    m->door.listener = NULL;
    while (m->guests) {
        Guest *g = m->guests;

        forget_guest(g);
        turn_out(g->ioc);
        qio_task_cancel(g->task);
    }
    for (unsigned i = 0; i <= TOOL_MULTIFD_MAX; i++) {
        if (m->places[i].ioc) {
            turn_out(m->places[i].ioc);
            qio_channel_unref(m->places[i].ioc);
            m->places[i].ioc = NULL;
        }
    }
}

/* One that does not belong here, with its channel, is the end of all. */
static void refuse(ToolMultifd *m, QIOChannel *ioc, QIOError *err)
{
    int code =
        qio_error_code(err) == QIO_ERROR_TIMEOUT ? TOOL_CONNECT : TOOL_REFUSED;

    turn_out(ioc);
    tool_fail(&m->result, code, err, "the %s was not accepted",
              tool_side_name(&m->door));
    tool_multifd_fail(m);
}

/* ---- who it is ---- */

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           p[3];
}

static bool is_main(const uint8_t *first)
{
    return !memcmp(first, "QEVM", MAGIC_LEN);
}

static bool is_channel(const uint8_t *first)
{
    return get32(first) == 0x11223344;
}

static int wrong(QIOError **errp, const char *why)
{
    qio_error_set(errp, QIO_ERROR_STREAM, 0, "%s", why);
    return -1;
}

/* All channels are of the same machine. */
static bool same_machine(const ToolMultifd *m, const uint8_t *first)
{
    for (unsigned i = 1; i <= m->opt->multifd; i++) {
        if (m->places[i].ioc &&
            memcmp(m->places[i].first + UUID_AT, first + UUID_AT, UUID_LEN)) {
            return false;
        }
    }
    return true;
}

/* The place of one that said this, or -1. */
static int find_place(const ToolMultifd *m, const uint8_t *first,
                      QIOError **errp)
{
    unsigned i = is_main(first) ? 0 : first[ID_AT] + 1u;

    if (i && get32(first + VERSION_AT) != 1) {
        return wrong(errp, "a multifd channel of an unknown version");
    }
    if (i > m->opt->multifd) {
        qio_error_set(errp, QIO_ERROR_STREAM, 0,
                      "multifd channel %u, where there are %u", i,
                      m->opt->multifd);
        return -1;
    }
    if (i && !same_machine(m, first)) {
        return wrong(errp, "multifd channels of two machines");
    }
    if (m->places[i].ioc) {
        return wrong(errp, i ? "a multifd channel is there twice"
                             : "two main connections");
    }
    return (int)i;
}

static int read_first(ToolMultifd *m, QIOChannel *ioc, const uint8_t *first,
                      QIOError **errp);

static void take_place(ToolMultifd *m, QIOChannel *ioc, const uint8_t *first,
                       size_t len)
{
    QIOError *err = NULL;
    int i = find_place(m, first, &err);

    if (i < 0) {
        refuse(m, ioc, err);
        return;
    }
    m->places[i].ioc = qio_channel_ref(ioc);
    m->places[i].n_first = len;
    memcpy(m->places[i].first, first, len);
    if (++m->n_came > m->opt->multifd) {
        /* Those that are there keep their places. */
        qio_listener_free(m->door.listener);
        m->door.listener = NULL;
        tool_multifd_all_came(m);
    }
}

static void first_came(QIOTask *task, void *opaque)
{
    Guest *g = opaque;
    ToolMultifd *m = g->m;
    QIOError *err = NULL;

    if (!m) {
        return;
    }
    forget_guest(g);
    if (qio_task_propagate_error(task, &err)) {
        refuse(m, g->ioc, err);
    } else if (g->len == TOOL_MULTIFD_HELLO || is_main(g->first)) {
        take_place(m, g->ioc, g->first, g->len);
    } else if (!is_channel(g->first)) {
        wrong(&err, "neither a migration nor a multifd channel of one");
        refuse(m, g->ioc, err);
    } else if (read_first(m, g->ioc, g->first, &err)) {
        refuse(m, g->ioc, err);
    }
}

/* The magic; or, when that is there, what is left of a channel's packet. */
static int read_first(ToolMultifd *m, QIOChannel *ioc, const uint8_t *first,
                      QIOError **errp)
{
    size_t have = first ? MAGIC_LEN : 0;
    Guest *g = calloc(1, sizeof(*g));
    QIOTask *task;

    if (!g) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    g->m = m;
    g->ioc = qio_channel_ref(ioc);
    g->len = first ? TOOL_MULTIFD_HELLO : MAGIC_LEN;
    if (first) {
        memcpy(g->first, first, MAGIC_LEN);
    }
    task = qio_channel_read_all_async(
        ioc, m->loop, g->first + have, g->len - have,
        tool_options_timeout(m->opt), first_came, g, free_guest, errp);
    if (!task) {
        return -1;
    }
    g->task = qio_task_ref(task);
    g->next = m->guests;
    m->guests = g;
    return 0;
}

/* ---- the door ---- */

static void came(QIOListener *l, QIOChannel *ioc, void *opaque)
{
    ToolMultifd *m = opaque;
    QIOError *err = NULL;
    int rc = 0;

    (void)l;
    if (!m->n_came && !m->guests) {
        /* From the first one on all have so much time. */
        rc = qio_timer_start(m->limit, tool_options_timeout(m->opt), 0, &err);
    }
    if (rc || read_first(m, ioc, NULL, &err)) {
        refuse(m, ioc, err);
    }
}

static void did_not_come(QIOListener *l, QIOChannel *ioc, const QIOError *why,
                         void *opaque)
{
    ToolMultifd *m = opaque;

    (void)l;
    if (ioc) {
        refuse(m, ioc, qio_error_copy(why));
        return;
    }
    tool_fail(&m->result, TOOL_CONNECT, qio_error_copy(why),
              "no connection came");
    tool_multifd_fail(m);
}

static void not_all_came(QIOTimer *timer, void *opaque)
{
    ToolMultifd *m = opaque;
    QIOError *err = NULL;

    (void)timer;
    qio_error_set(&err, QIO_ERROR_TIMEOUT, 0, "%u of %u connections came",
                  m->n_came, m->opt->multifd + 1);
    tool_fail(&m->result, TOOL_CONNECT, err, "timed out");
    tool_multifd_fail(m);
}

static int serve(ToolMultifd *m, QIOError **errp)
{
    static const QIOListenerFuncs funcs = {
        .connection = came,
        .trouble = did_not_come,
    };
    QIOListener *l = m->door.listener;

    m->limit = qio_timer_new(m->loop, not_all_came, m, errp);
    if (!m->limit || (m->opt->timeout_ms >= 0 &&
                      qio_timer_start(m->limit, m->opt->timeout_ms, 0, errp))) {
        return -1;
    }
    qio_listener_set_handshake_timeout(l, tool_options_timeout(m->opt));
    return qio_listener_serve(l, QIO_ENDPOINT_READWRITE, m->loop, &funcs, m,
                              errp);
}

static void listening(void *opaque, bool failed, QIOError *err)
{
    ToolMultifd *m = opaque;

    qio_error_free(err);
    err = NULL;
    if (!failed && !m->ending && serve(m, &err)) {
        tool_fail(&m->result, TOOL_CONNECT, err, "cannot serve");
        failed = true;
    }
    if (failed) {
        tool_multifd_fail(m);
    }
}

static bool is_socket(const ToolSide *side)
{
    return qio_endpoint_type(side->ep) == QIO_ENDPOINT_SOCKET;
}

static int check_sides(ToolMultifd *m)
{
    if (tool_side_prepare(&m->door) || tool_side_prepare(&m->beyond)) {
        return -1;
    }
    if (is_socket(&m->door) && tool_side_listens(&m->door) &&
        is_socket(&m->beyond) && !tool_side_listens(&m->beyond)) {
        return 0;
    }
    return tool_fail(&m->result, TOOL_USAGE, NULL,
                     "--multifd is from a socket that listens to one that "
                     "connects");
}

void tool_multifd_open_door(ToolMultifd *m)
{
    ToolSide side = {
        .opt = m->opt,
        .result = &m->result,
        .loop = m->loop,
        .objects = m->objects,
        .text = m->opt->input,
        .input = true,
        .network = m->opt->spec->network_is_input,
        .backlog = (int)m->opt->multifd + 1,
    };

    m->door = side;
    side.text = m->opt->output;
    side.input = false;
    side.network = !side.network;
    m->beyond = side;
    if (check_sides(m)) {
        tool_multifd_fail(m);
        return;
    }
    tool_side_listen(&m->door, listening, m);
}
