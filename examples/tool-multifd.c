/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A migration of QEMU that has several connections by itself. They come in any
 * order; a destination up to QEMU 7.2 takes the first one for the main one, so
 * that is passed on first. tool-multifd-door.c lets them in.
 */
#include "tool-multifd-door.h"

#include <stdlib.h>
#include <string.h>

/* ---- the end ---- */

static bool is_over(const ToolMultifd *m, unsigned i)
{
    const ToolTransfer *t = m->places[i].transfer;

    return !t || t->over;
}

static uint64_t sum_bytes(const ToolMultifd *m)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i <= m->opt->multifd; i++) {
        const ToolTransfer *t = m->places[i].transfer;

        sum += t ? t->relay.bytes : 0;
    }
    return sum;
}

/* What all of them came to, besides a failure. */
static void set_result(ToolMultifd *m)
{
    ToolTransfer *main = m->places[0].transfer;
    ToolResult *r = &m->result;

    r->channels = m->opt->multifd + 1;
    r->bytes = sum_bytes(m);
    if (!main) {
        return;
    }
    r->whole = main->result.whole;
    r->started_us = main->result.started_us;
    r->ended_us = tool_now_us();
    r->tls = main->result.tls;
    r->identity = main->result.identity;
    r->session = main->result.session;
    main->result.tls = main->result.identity = NULL;
    main->result.session = (ToolTls){0};
}

static void maybe_over(ToolMultifd *m)
{
    if (m->n_running || m->told) {
        return;
    }
    m->told = true;
    if (m->limit) {
        qio_timer_stop(m->limit);
    }
    set_result(m);
    m->over(m->opaque);
}

/* The failure is in the result; whoever is on his way must learn of it. */
void tool_multifd_fail(ToolMultifd *m)
{
    if (m->ending) {
        return;
    }
    m->ending = true;
    tool_multifd_close_door(m);
    for (unsigned i = 0; i <= m->opt->multifd; i++) {
        if (!is_over(m, i)) {
            tool_transfer_abandon(m->places[i].transfer);
        }
    }
    maybe_over(m);
}

static void take_failure(ToolMultifd *m, ToolResult *r)
{
    if (m->result.exit == TOOL_OK) {
        m->result.exit = r->exit;
        m->result.code = r->code;
        m->result.message = r->message;
        r->message = NULL;
    }
}

static void transfer_done(ToolTransfer *t, void *opaque)
{
    ToolMultifd *m = opaque;

    m->n_running--;
    if (t->result.exit != TOOL_OK) {
        take_failure(m, &t->result);
        tool_multifd_fail(m);
    }
    maybe_over(m);
}

/* ---- idleness ---- */

static bool is_moving(const ToolMultifd *m)
{
    bool moving = false;

    for (unsigned i = 0; i <= m->opt->multifd; i++) {
        const ToolTransfer *t = m->places[i].transfer;

        moving |= t && t->relaying && t->relay.moving;
    }
    return moving;
}

/* One of them may be silent for long while the others have all to say. */
static void tick(QIOTimer *timer, void *opaque)
{
    ToolMultifd *m = opaque;
    uint64_t moved = sum_bytes(m);
    int64_t now = tool_now_us();
    QIOError *err = NULL;

    (void)timer;
    if (moved != m->moved || !is_moving(m)) {
        m->moved = moved;
        m->moved_us = now;
    }
    if (now - m->moved_us <= (int64_t)m->opt->timeout_ms * 1000) {
        return;
    }
    qio_error_set(&err, QIO_ERROR_TIMEOUT, 0, "no byte moved for %g s",
                  m->opt->timeout_ms / 1000.0);
    tool_fail(&m->result, TOOL_FAILED, err, "gave up");
    tool_multifd_fail(m);
}

static int watch_idleness(ToolMultifd *m, QIOError **errp)
{
    qio_timer_free(m->limit);
    m->limit = NULL;
    if (m->opt->timeout_ms < 0) {
        return 0;
    }
    m->moved_us = tool_now_us();
    m->limit = qio_timer_new(m->loop, tick, m, errp);
    return m->limit ? qio_timer_start(m->limit, 200, 200, errp) : -1;
}

/* ---- passing on ---- */

static void pass_on(ToolMultifd *m, unsigned i, ToolTransferFunc *running)
{
    ToolMultifdPlace *p = &m->places[i];
    QIOChannel *ioc = p->ioc;

    p->transfer = tool_transfer_new(&m->each, m->loop, m->objects,
                                    m->opt->output, transfer_done, m);
    if (!p->transfer) {
        tool_fail(&m->result, TOOL_FAILED, NULL, "out of memory");
        tool_multifd_fail(m);
        return;
    }
    p->transfer->first = p->first;
    p->transfer->n_first = p->n_first;
    p->transfer->running = running;
    p->ioc = NULL;
    m->n_running++;
    tool_transfer_start_with(p->transfer, ioc);
    qio_channel_unref(ioc);
}

static void main_runs(ToolTransfer *main, void *opaque)
{
    ToolMultifd *m = opaque;

    (void)main;
    for (unsigned i = 1; i <= m->opt->multifd && !m->ending; i++) {
        pass_on(m, i, NULL);
    }
}

void tool_multifd_all_came(ToolMultifd *m)
{
    QIOError *err = NULL;

    if (watch_idleness(m, &err)) {
        tool_fail(&m->result, TOOL_FAILED, err, "cannot go on");
        tool_multifd_fail(m);
        return;
    }
    pass_on(m, 0, main_runs);
}

/* ---- beginning and ending early ---- */

void tool_multifd_start(ToolMultifd *m)
{
    m->result.whole = -1;
    m->each = *m->opt;
    m->each.progress = false;
    m->each.rate_limit /= m->opt->multifd;
    if (m->opt->rate_limit && !m->each.rate_limit) {
        m->each.rate_limit = 1;
    }
    tool_multifd_open_door(m);
}

static void stopped(ToolMultifd *m, int signal)
{
    QIOError *err = NULL;

    qio_error_set(&err, QIO_ERROR_CANCELLED, 0, "%s", strsignal(signal));
    tool_fail(&m->result, TOOL_SIGNAL + signal, err, "stopped");
}

void tool_multifd_stop(ToolMultifd *m, int signal)
{
    for (unsigned i = 0; i <= m->opt->multifd; i++) {
        const ToolTransfer *t = m->places[i].transfer;

        /* Too late, as for one alone. */
        if (t && t->relaying && t->relay.committed) {
            return;
        }
    }
    stopped(m, signal);
    tool_multifd_fail(m);
}

bool tool_multifd_leave(ToolMultifd *m, int signal)
{
    bool all = true;

    for (unsigned i = 0; i <= m->opt->multifd; i++) {
        if (m->places[i].transfer) {
            all &= tool_transfer_leave(m->places[i].transfer, signal);
        }
    }
    if (all && !m->told) {
        stopped(m, signal);
        m->n_running = 0;
        maybe_over(m);
    }
    return all;
}

void tool_multifd_clear(ToolMultifd *m)
{
    tool_multifd_close_door(m);
    for (unsigned i = 0; i <= TOOL_MULTIFD_MAX; i++) {
        tool_transfer_free(m->places[i].transfer);
    }
    qio_timer_free(m->limit);
    tool_side_clear(&m->door);
    tool_side_clear(&m->beyond);
    tool_result_clear(&m->result);
}
