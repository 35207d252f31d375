/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening one side of a transfer that has many connections. */
#include "tool-side.h"

/* Connections that wait to be accepted, or shake hands, at once. */
#define AT_ONCE 64

void tool_side_end_many(ToolSide *side)
{
    tool_lobby_free(side->lobby);
    side->lobby = NULL;
    tool_crew_free(side->crew);
    side->crew = NULL;
}

/* ---- those that come ---- */

/* From now on nobody else belongs to it. */
static void all_came(QIOChannel *ioc, void *opaque)
{
    ToolSide *side = opaque;

    tool_side_stop_listening(side);
    tool_side_end_many(side);
    tool_side_opened(side, ioc);
}

static void refused(QIOChannel *ioc, QIOError *err, void *opaque)
{
    ToolSide *side = opaque;

    (void)ioc;
    tool_side_stop_listening(side);
    tool_side_end_many(side);
    tool_side_not_accepted(side, err);
}

static void came(QIOListener *l, QIOChannel *ioc, void *opaque)
{
    ToolSide *side = opaque;

    (void)l;
    tool_lobby_enter(side->lobby, ioc);
}

static void did_not_come(QIOListener *l, QIOChannel *ioc, const QIOError *why,
                         void *opaque)
{
    ToolSide *side = opaque;

    (void)l;
    if (ioc) {
        refused(ioc, qio_error_copy(why), side);
        return;
    }
    tool_side_stop_listening(side);
    tool_side_end_many(side);
    tool_side_not_reached(side, qio_error_copy(why), "no connection came");
}

static int let_in(ToolSide *side, QIOError **errp)
{
    static const QIOListenerFuncs funcs = {
        .connection = came,
        .trouble = did_not_come,
    };
    ToolLobbyPlan plan = {
        .loop = side->loop,
        .most = side->opt->channels,
        .threads = side->opt->channel_threads,
        .single = true,
        .timeout_ms = tool_options_timeout(side->opt),
        .ready = all_came,
        .refused = refused,
        .opaque = side,
    };

    side->lobby = tool_lobby_new(&plan, errp);
    if (!side->lobby || tool_side_limit_wait(side, errp)) {
        return -1;
    }
    qio_listener_set_max_handshakes(side->listener, AT_ONCE);
    qio_listener_set_handshake_timeout(side->listener, plan.timeout_ms);
    return qio_listener_serve(side->listener, QIO_ENDPOINT_READWRITE,
                              side->loop, &funcs, side, errp);
}

/* ---- those that are made ---- */

static void all_made(void *opaque, QIOChannel *ioc, bool reached, QIOError *err)
{
    ToolSide *side = opaque;

    if (ioc) {
        tool_side_opened(side, ioc);
        return;
    }
    tool_side_end_many(side);
    if (reached) {
        tool_side_not_accepted(side, err);
    } else {
        tool_side_not_reached(side, err, tool_side_name(side));
    }
}

static int call_out(ToolSide *side, QIOError **errp)
{
    ToolCrewPlan plan = {
        .ep = side->ep,
        .objects = side->objects,
        .loop = side->loop,
        .count = side->opt->channels,
        .threads = side->opt->channel_threads,
        .timeout_ms = tool_options_timeout(side->opt),
        .then = all_made,
        .opaque = side,
    };

    side->crew = tool_crew_new(&plan, errp);
    return side->crew ? 0 : -1;
}

void tool_side_open_many(ToolSide *side)
{
    QIOError *err = NULL;

    if (side->listener ? let_in(side, &err) : call_out(side, &err)) {
        tool_side_stop_listening(side);
        tool_side_end_many(side);
        tool_side_not_reached(side, err,
                              side->input ? "no connection came"
                                          : tool_side_name(side));
    }
}
