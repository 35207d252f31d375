/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One side of a transfer: understanding its text, and ending it; tool-open.c
 * has what is between.
 */
#include "tool-side.h"

#include <signal.h>
#include <stdlib.h>
#include "tool-spoil.h"

/* What a command gets between SIGTERM and SIGKILL. */
#define COMMAND_GRACE_MS 1000
/* How often to look after a command where the kernel does not tell. */
#define COMMAND_LOOK_MS 20

const char *tool_side_name(const ToolSide *side)
{
    if (side->network) {
        return side->input ? "sender" : "receiver";
    }
    return side->input ? "source" : "sink";
}

int tool_side_exit(const ToolSide *side)
{
    return side->network ? TOOL_FAILED : TOOL_LOCAL;
}

int tool_side_socket(const ToolSide *side)
{
    return side->leaf ? qio_channel_socket_get_fd(side->leaf) : -1;
}

/* ---- what is under way ---- */

void tool_side_begin(ToolSide *side, ToolSideFunc *then, void *opaque)
{
    side->then = then;
    side->opaque = opaque;
}

static void stop_waiting(ToolSide *side)
{
    qio_task_unref(side->task);
    side->task = NULL;
    qio_timer_free(side->timer);
    side->timer = NULL;
    if (side->child) {
        qio_watch_remove(side->child);
        side->child = NULL;
    }
}

void tool_side_through(ToolSide *side, bool failed, QIOError *err)
{
    ToolSideFunc *then = side->then;

    stop_waiting(side);
    side->then = NULL;
    then(side->opaque, failed, err);
}

/* ---- understanding ---- */

static int prepare_tls(ToolSide *side)
{
    const ToolOptions *opt = side->opt;
    QIOError *err = NULL;
    int rc = 0;

    if (!side->network) {
        return 0;
    }
    if (opt->tls_creds) {
        rc = qio_endpoint_add_tls(side->ep, opt->tls_creds, opt->tls_hostname,
                                  opt->tls_authz, &err);
    } else if (opt->tls_hostname || opt->tls_authz) {
        if (!qio_endpoint_has_tls(side->ep)) {
            return tool_fail(
                side->result, TOOL_USAGE, NULL, "%s needs --tls-creds",
                opt->tls_hostname ? "--tls-hostname" : "--tls-authz");
        }
        rc = qio_endpoint_set_tls_peer(side->ep, opt->tls_hostname,
                                       opt->tls_authz, &err);
    }
    if (rc) {
        return tool_fail(side->result, TOOL_USAGE, err, "%s",
                         tool_side_name(side));
    }
    return 0;
}

/* Sockets of a hypervisor and of the receiving network side are listened on;
 * so is everything that a receiver names first, which makes it the server. */
bool tool_side_listens(const ToolSide *side)
{
    bool socket = qio_endpoint_type(side->ep) == QIO_ENDPOINT_SOCKET;
    int mode = qio_endpoint_listen_mode(side->ep);

    if (mode >= 0) {
        return mode;
    }
    return side->input && (socket || side->network);
}

/* The IDs are there, and for the right end: said before anything is opened. */
static int check_creds(ToolSide *side, bool server)
{
    const ToolOptions *opt = side->opt;
    QIOError *err = NULL;
    QIOTLSCreds *creds;

    if (!side->network || !opt->tls_creds) {
        return 0;
    }
    creds = qio_objects_get_tls_creds(side->objects, opt->tls_creds, &err);
    if (!creds) {
        return tool_fail(side->result, TOOL_USAGE, err, "--tls-creds");
    }
    if (server != (qio_tls_creds_endpoint(creds) == QIO_TLS_ENDPOINT_SERVER)) {
        return tool_fail(side->result, TOOL_USAGE, NULL,
                         "--tls-creds: '%s' must have endpoint=%s here",
                         opt->tls_creds, server ? "server" : "client");
    }
    if (opt->tls_authz &&
        !qio_objects_get_authz(side->objects, opt->tls_authz, &err)) {
        return tool_fail(side->result, TOOL_USAGE, err, "--tls-authz");
    }
    return 0;
}

bool tool_side_is_plain_file(const ToolSide *side)
{
    return qio_endpoint_type(side->ep) == QIO_ENDPOINT_FILE &&
           !qio_endpoint_has_tls(side->ep);
}

QIOEndpointMode tool_side_mode(const ToolSide *side)
{
    QIOEndpointType type = qio_endpoint_type(side->ep);

    if (qio_endpoint_has_tls(side->ep) ||
        (side->network && type != QIO_ENDPOINT_FILE)) {
        return QIO_ENDPOINT_READWRITE;
    }
    return side->input ? QIO_ENDPOINT_READ : QIO_ENDPOINT_WRITE;
}

bool tool_side_is_many(const ToolSide *side)
{
    return side->network && side->opt->channels;
}

/* Many connections are made in the way one is, which only sockets can. */
static int check_many(ToolSide *side)
{
    if (!tool_side_is_many(side) ||
        qio_endpoint_type(side->ep) == QIO_ENDPOINT_SOCKET) {
        return 0;
    }
    return tool_fail(side->result, TOOL_USAGE, NULL,
                     "--channels is for sockets");
}

int tool_side_prepare(ToolSide *side)
{
    QIOError *err = NULL;

    side->ep = qio_endpoint_parse(side->text, &err);
    if (!side->ep) {
        return tool_fail(side->result, TOOL_USAGE, err, "%s",
                         tool_side_name(side));
    }
    if (check_many(side) || prepare_tls(side) ||
        check_creds(side, tool_side_listens(side))) {
        return -1;
    }
    if (!side->input && tool_side_is_plain_file(side) &&
        tool_sink_check(qio_endpoint_path(side->ep), &err)) {
        return tool_fail(side->result, TOOL_LOCAL, err, "sink");
    }
    return 0;
}

/* ---- waiting for a command ---- */

static void look_at_child(ToolSide *side)
{
    QIOError *err = NULL;
    int rc = qio_channel_command_wait(side->leaf, 0, NULL, &err);

    if (rc && qio_error_code(err) == QIO_ERROR_TIMEOUT &&
        tool_now_us() < side->child_until_us) {
        qio_error_free(err);
        return;
    }
    tool_side_through(side, rc != 0, err);
}

static bool child_ended(int fd, unsigned events, void *opaque)
{
    (void)fd;
    (void)events;
    look_at_child(opaque);
    return true;
}

static void time_to_look(QIOTimer *timer, void *opaque)
{
    (void)timer;
    look_at_child(opaque);
}

/* Where the kernel tells of its end. */
static bool watch_child(ToolSide *side)
{
    int fd = qio_channel_command_pidfd(side->leaf);

    if (fd >= 0) {
        side->child = qio_loop_add_fd_watch(side->loop, fd, QIO_EVENT_IN,
                                            child_ended, side, NULL, NULL);
    }
    return side->child;
}

void tool_side_wait_command(ToolSide *side, ToolSideFunc *then, void *opaque)
{
    int timeout_ms = side->opt->timeout_ms;
    QIOError *err = NULL;
    int rc = 0;

    tool_side_begin(side, then, opaque);
    if (qio_endpoint_type(side->ep) != QIO_ENDPOINT_EXEC) {
        tool_side_through(side, false, NULL);
        return;
    }
    side->child_until_us = INT64_MAX;
    if (timeout_ms >= 0) {
        side->child_until_us = tool_now_us() + (int64_t)timeout_ms * 1000;
    }
    side->timer = qio_timer_new(side->loop, time_to_look, side, &err);
    if (side->timer && !watch_child(side)) {
        rc = qio_timer_start(side->timer, 0, COMMAND_LOOK_MS, &err);
    } else if (side->timer && timeout_ms >= 0) {
        rc = qio_timer_start(side->timer, timeout_ms, 0, &err);
    }
    if (!side->timer || rc) {
        tool_side_through(side, true, err);
    }
}

/* ---- ending ---- */

void tool_side_break(ToolSide *side)
{
    bool command;

    if (side->sink) {
        tool_sink_discard(side->sink);
    }
    if (!side->ioc || !qio_channel_is_open(side->ioc)) {
        return;
    }
    command = qio_endpoint_type(side->ep) == QIO_ENDPOINT_EXEC;
    /* Its input ends now: it must not take that for the whole. */
    if (command && side->ending) {
        kill(qio_channel_command_pid(side->leaf), SIGKILL);
    } else if (command) {
        qio_channel_command_terminate(side->leaf, COMMAND_GRACE_MS, NULL);
    }
    tool_spoil(side->ioc);
}

static void close_spoilt(ToolSide *side)
{
    tool_spoil(side->ioc);
    qio_channel_close(side->ioc, NULL);
    tool_side_through(side, false, NULL);
}

/* A command takes its time to end, and may outlive the side. */
typedef struct Termination {
    ToolSide *side;
    QIOChannel *command;
} Termination;

static int terminate(QIOTask *task, void *opaque, QIOError **errp)
{
    Termination *t = opaque;

    (void)task;
    return qio_channel_command_terminate(t->command, COMMAND_GRACE_MS, errp);
}

static void terminated(QIOTask *task, void *opaque)
{
    Termination *t = opaque;

    (void)task;
    t->side->ending = false;
    close_spoilt(t->side);
}

static void free_termination(void *opaque)
{
    Termination *t = opaque;

    qio_channel_unref(t->command);
    free(t);
}

static bool start_termination(ToolSide *side)
{
    Termination *t = calloc(1, sizeof(*t));

    if (!t) {
        return false;
    }
    *t = (Termination){side, qio_channel_ref(side->leaf)};
    side->ending = qio_task_run_in_thread(side->loop, terminate, -1, terminated,
                                          t, free_termination, NULL);
    return side->ending;
}

void tool_side_abort(ToolSide *side, ToolSideFunc *then, void *opaque)
{
    stop_waiting(side);
    tool_side_begin(side, then, opaque);
    if (side->sink) {
        tool_sink_discard(side->sink);
    }
    if (!side->ioc || !qio_channel_is_open(side->ioc)) {
        tool_side_through(side, false, NULL);
        return;
    }
    if (qio_endpoint_type(side->ep) == QIO_ENDPOINT_EXEC) {
        if (start_termination(side)) {
            return;
        }
        tool_side_break(side);
    }
    close_spoilt(side);
}

void tool_side_clear(ToolSide *side)
{
    stop_waiting(side);
    tool_side_end_many(side);
    qio_listener_free(side->listener);
    qio_channel_unref(side->ioc);
    tool_sink_free(side->sink);
    qio_endpoint_free(side->ep);
}
