/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One transfer, from two texts to its result. */
#include "tool-transfer.h"

#include <stdlib.h>
#include <string.h>

static void set_side(ToolTransfer *t, ToolSide *side, QIOObjects *objects,
                     const char *text, bool input)
{
    const ToolOptions *opt = t->opt;
    bool network = input == opt->spec->network_is_input;

    *side = (ToolSide){
        .opt = opt,
        .result = &t->result,
        .loop = t->loop,
        .objects = objects,
        .text = text,
        .input = input,
        .network = network,
        .backlog = network && opt->channels ? (int)opt->channels : 1,
    };
}

ToolTransfer *tool_transfer_new(const ToolOptions *opt, QIOLoop *loop,
                                QIOObjects *objects, const char *output,
                                ToolTransferFunc *done, void *opaque)
{
    ToolTransfer *t = calloc(1, sizeof(*t));

    if (!t) {
        return NULL;
    }
    t->opt = opt;
    t->loop = loop;
    t->result.whole = -1;
    t->done = done;
    t->opaque = opaque;
    t->output = strdup(output);
    if (!t->output) {
        free(t);
        return NULL;
    }
    set_side(t, &t->in, objects, opt->input, true);
    set_side(t, &t->out, objects, t->output, false);
    return t;
}

static void finish(void *opaque)
{
    ToolTransfer *t = opaque;

    t->over = true;
    t->done(t, t->opaque);
}

/* ---- opening, one thing after the other ---- */

static void output_broken(void *opaque, bool failed, QIOError *err)
{
    (void)failed;
    qio_error_free(err);
    finish(opaque);
}

static void input_broken(void *opaque, bool failed, QIOError *err)
{
    ToolTransfer *t = opaque;

    (void)failed;
    qio_error_free(err);
    tool_side_abort(&t->out, output_broken, t);
}

/* Whether it ends before it began; then that is arranged for. */
static bool gives_up(ToolTransfer *t, bool failed, QIOError *err)
{
    qio_error_free(err);
    /* A signal may come when a step was through already. */
    if (!failed && t->result.exit == TOOL_OK) {
        return false;
    }
    tool_side_abort(&t->in, input_broken, t);
    return true;
}

static void output_open(void *opaque, bool failed, QIOError *err)
{
    ToolTransfer *t = opaque;

    if (gives_up(t, failed, err)) {
        return;
    }
    t->relay = (ToolRelay){
        .opt = t->opt,
        .result = &t->result,
        .loop = t->loop,
        .in = &t->in,
        .out = &t->out,
        .over = finish,
        .opaque = t,
        .first = t->first,
        .n_first = t->n_first,
    };
    t->relaying = true;
    tool_relay_start(&t->relay);
    if (t->running && !t->over) {
        t->running(t, t->opaque);
    }
}

static void input_open(void *opaque, bool failed, QIOError *err)
{
    ToolTransfer *t = opaque;

    if (gives_up(t, failed, err)) {
        return;
    }
    tool_side_open(&t->out, output_open, t);
}

static void input_listens(void *opaque, bool failed, QIOError *err)
{
    ToolTransfer *t = opaque;

    if (gives_up(t, failed, err)) {
        return;
    }
    /* The input first: nothing is made, and nobody called, for a stranger. */
    tool_side_open(&t->in, input_open, t);
}

static void output_listens(void *opaque, bool failed, QIOError *err)
{
    ToolTransfer *t = opaque;

    if (gives_up(t, failed, err)) {
        return;
    }
    tool_side_listen(&t->in, input_listens, t);
}

void tool_transfer_start(ToolTransfer *t)
{
    if (tool_side_prepare(&t->in) || tool_side_prepare(&t->out)) {
        finish(t);
        return;
    }
    tool_side_listen(&t->out, output_listens, t);
}

void tool_transfer_start_with(ToolTransfer *t, QIOChannel *ioc)
{
    if (tool_side_prepare(&t->in) || tool_side_prepare(&t->out)) {
        finish(t);
        return;
    }
    tool_side_adopt(&t->in, ioc);
    input_open(t, false, NULL);
}

/* ---- ending early ---- */

static void end_early(ToolTransfer *t, int exit_code, const char *why)
{
    QIOError *err = NULL;

    if (t->over || (t->relaying && t->relay.committed)) {
        return;
    }
    qio_error_set(&err, QIO_ERROR_CANCELLED, 0, "%s", why);
    tool_fail(&t->result, exit_code, err, "stopped");
    if (t->relaying) {
        tool_relay_stop(&t->relay);
        return;
    }
    tool_side_cancel(&t->in);
    tool_side_cancel(&t->out);
}

void tool_transfer_stop(ToolTransfer *t, int signal)
{
    end_early(t, TOOL_SIGNAL + signal, strsignal(signal));
}

void tool_transfer_abandon(ToolTransfer *t)
{
    end_early(t, TOOL_FAILED, "another connection failed");
}

bool tool_transfer_leave(ToolTransfer *t, int signal)
{
    QIOError *err = NULL;

    if (t->over) {
        return true;
    }
    if (t->relaying && t->relay.committed) {
        return false;
    }
    tool_side_break(&t->in);
    tool_side_break(&t->out);
    qio_error_set(&err, QIO_ERROR_CANCELLED, 0, "%s", strsignal(signal));
    tool_fail(&t->result, TOOL_SIGNAL + signal, err, "stopped");
    t->over = true;
    t->done(t, t->opaque);
    return true;
}

void tool_transfer_free(ToolTransfer *t)
{
    if (!t) {
        return;
    }
    tool_relay_clear(&t->relay);
    tool_side_clear(&t->in);
    tool_side_clear(&t->out);
    tool_result_clear(&t->result);
    free(t->output);
    free(t);
}
