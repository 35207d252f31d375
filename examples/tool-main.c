/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the command line to the exit code, the same for both tools: one loop in
 * one thread, for one transfer or for many.
 */
#include "tool-main.h"

#include <stdio.h>
#include <unistd.h>
#include "tool-multifd.h"
#include "tool-objects.h"
#include "tool-serve.h"
#include "tool-stop.h"

typedef struct Tool {
    ToolOptions opt;
    QIOLoop *loop;
    QIOObjects *objects;
    ToolStop stop;
    ToolTransfer *one;
    ToolServe many;
    ToolMultifd multifd;
    int exit;
} Tool;

/* ---- signals ---- */

static void stop(void *opaque)
{
    Tool *t = opaque;

    if (t->one) {
        tool_transfer_stop(t->one, t->stop.signal);
    } else if (t->opt.multifd) {
        tool_multifd_stop(&t->multifd, t->stop.signal);
    } else {
        tool_serve_stop(&t->many, t->stop.signal);
    }
}

/* What is left behind here are threads that open a fifo, a command that does
 * not end, a name that is not found: nothing that has to be waited for. */
static void leave(Tool *t)
{
    fflush(NULL);
    _exit(t->exit);
}

static void last_resort(void *opaque)
{
    Tool *t = opaque;
    bool all;

    if (t->one) {
        all = tool_transfer_leave(t->one, t->stop.signal);
    } else if (t->opt.multifd) {
        all = tool_multifd_leave(&t->multifd, t->stop.signal);
    } else {
        all = tool_serve_leave(&t->many, t->stop.signal);
        t->exit = t->many.worst;
    }
    if (all) {
        leave(t);
    }
}

/* ---- one or many ---- */

static void one_done(ToolTransfer *one, void *opaque)
{
    Tool *t = opaque;

    t->exit = tool_report(&t->opt, &one->result);
    qio_loop_quit(t->loop);
}

static void many_done(void *opaque)
{
    Tool *t = opaque;

    t->exit = t->many.worst;
    qio_loop_quit(t->loop);
}

static void multifd_done(void *opaque)
{
    Tool *t = opaque;

    t->exit = tool_report(&t->opt, &t->multifd.result);
    qio_loop_quit(t->loop);
}

static void start(Tool *t)
{
    if (t->opt.many) {
        t->many = (ToolServe){
            .opt = &t->opt,
            .loop = t->loop,
            .objects = t->objects,
            .over = many_done,
            .opaque = t,
        };
        tool_serve_start(&t->many);
    } else if (t->opt.multifd) {
        t->multifd = (ToolMultifd){
            .opt = &t->opt,
            .loop = t->loop,
            .objects = t->objects,
            .over = multifd_done,
            .opaque = t,
        };
        tool_multifd_start(&t->multifd);
    } else {
        tool_transfer_start(t->one);
    }
}

/* ---- beginning ---- */

static int add_objects(Tool *t, ToolResult *r)
{
    QIOError *err = NULL;

    /* Not the text itself in the message: it may hold a secret. */
    return tool_objects_add(t->objects, &t->opt, &err)
               ? tool_fail(r, TOOL_USAGE, err, "--object")
               : 0;
}

static bool is_one(const Tool *t)
{
    return !t->opt.many && !t->opt.multifd;
}

static int prepare(Tool *t, ToolResult *r)
{
    QIOError *err = NULL;

    t->loop = qio_loop_new(&err);
    t->objects = t->loop ? qio_objects_new(&err) : NULL;
    if (!t->objects ||
        tool_stop_init(&t->stop, t->loop, stop, last_resort, t, &err)) {
        return tool_fail(r, TOOL_FAILED, err, "cannot begin");
    }
    if (add_objects(t, r)) {
        return -1;
    }
    if (is_one(t)) {
        t->one = tool_transfer_new(&t->opt, t->loop, t->objects, t->opt.output,
                                   one_done, t);
    }
    if (is_one(t) && !t->one) {
        return tool_fail(r, TOOL_FAILED, NULL, "out of memory");
    }
    return 0;
}

static void run(Tool *t)
{
    ToolResult result = {.whole = -1};
    QIOError *err = NULL;

    if (prepare(t, &result)) {
        t->exit = tool_report(&t->opt, &result);
        tool_result_clear(&result);
        return;
    }
    start(t);
    if (qio_loop_run(t->loop, &err)) {
        tool_fail(&result, TOOL_FAILED, err, "cannot go on");
        t->exit = tool_report(&t->opt, &result);
        tool_result_clear(&result);
    }
}

static void clear(Tool *t)
{
    tool_stop_clear(&t->stop);
    tool_transfer_free(t->one);
    if (t->opt.many && t->many.opt) {
        tool_serve_clear(&t->many);
    }
    if (t->multifd.opt) {
        tool_multifd_clear(&t->multifd);
    }
    qio_objects_free(t->objects);
    qio_loop_free(t->loop);
    tool_options_free(&t->opt);
}

int tool_main(const ToolSpec *spec, int argc, char **argv)
{
    Tool t = {.stop.fd = -1};

    switch (tool_options_parse(&t.opt, spec, argc, argv)) {
    case TOOL_PARSE_DONE:
        tool_options_free(&t.opt);
        return TOOL_OK;
    case TOOL_PARSE_USAGE:
        tool_options_free(&t.opt);
        return TOOL_USAGE;
    default:
        break;
    }
    run(&t);
    if (t.stop.signal) {
        leave(&t);
    }
    clear(&t);
    return t.exit;
}
