/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the command line to the exit code, the same for both tools. */
#include "tool-main.h"

#include "tool-relay.h"

typedef struct Tool {
    ToolOptions opt;
    ToolResult result;
    ToolStop stop;
    QIOObjects *objects;
    ToolSide in;
    ToolSide out;
} Tool;

/* The transfer hangs, in neither side's channel or in writing to the output,
 * and the process is about to end. */
static void last_resort(void *opaque)
{
    Tool *t = opaque;

    tool_side_break(&t->in);
    tool_side_break(&t->out);
}

static int add_objects(Tool *t)
{
    QIOError *err = NULL;

    for (size_t i = 0; i < t->opt.n_objects; i++) {
        /* Not the text itself in the message: it may hold a secret. */
        if (qio_objects_add(t->objects, t->opt.objects[i], &err)) {
            return tool_fail(&t->result, TOOL_USAGE, err, "--object");
        }
    }
    return 0;
}

static void set_side(Tool *t, ToolSide *side, const char *text, bool input)
{
    *side = (ToolSide){
        .opt = &t->opt,
        .result = &t->result,
        .stop = &t->stop,
        .objects = t->objects,
        .text = text,
        .input = input,
        .network = input == t->opt.spec->network_is_input,
    };
}

static int transfer(Tool *t)
{
    ToolRelay relay = {
        .opt = &t->opt,
        .result = &t->result,
        .stop = &t->stop,
        .in = &t->in,
        .out = &t->out,
    };

    if (add_objects(t)) {
        return -1;
    }
    if (tool_side_prepare(&t->in) || tool_side_prepare(&t->out) ||
        tool_side_listen(&t->out) || tool_side_listen(&t->in)) {
        return -1;
    }
    /* The input first: nothing is made, and nobody called, for a stranger. */
    if (tool_side_open(&t->in)) {
        return -1;
    }
    if (tool_side_open(&t->out)) {
        tool_side_abort(&t->in);
        return -1;
    }
    return tool_relay_run(&relay);
}

static void run(Tool *t)
{
    QIOError *err = NULL;

    if (tool_stop_init(&t->stop, &t->opt, &t->result, last_resort, t)) {
        return;
    }
    t->objects = qio_objects_new(&err);
    set_side(t, &t->in, t->opt.input, true);
    set_side(t, &t->out, t->opt.output, false);
    if (t->objects) {
        transfer(t);
    } else {
        tool_fail(&t->result, TOOL_FAILED, err, "objects");
    }
    tool_stop_end(&t->stop);
    tool_side_clear(&t->in);
    tool_side_clear(&t->out);
    qio_objects_free(t->objects);
}

int tool_main(const ToolSpec *spec, int argc, char **argv)
{
    Tool t = {.result = {.whole = -1}};
    int rc;

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
    rc = tool_report(&t.opt, &t.result);
    tool_result_clear(&t.result);
    tool_options_free(&t.opt);
    return rc;
}
