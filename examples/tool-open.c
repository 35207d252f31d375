/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening one side of a transfer: listening, accepting, connecting, and the
 * layers.
 */
#include "tool-side.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tool-spoil.h"

/* ---- failures ---- */

/* The exit code for a failure to get as far as a connection. */
static int connect_exit(const ToolSide *side, const QIOError *err)
{
    switch (qio_error_code(err)) {
    case QIO_ERROR_INVALID:
    case QIO_ERROR_UNSUPPORTED:
        return TOOL_USAGE;
    case QIO_ERROR_TLS:
    case QIO_ERROR_TLS_VERIFY:
    case QIO_ERROR_TLS_REJECTED:
    case QIO_ERROR_TLS_TRUNCATED:
    case QIO_ERROR_WEBSOCKET:
    case QIO_ERROR_WEBSOCKET_REJECTED:
    case QIO_ERROR_WEBSOCKET_TRUNCATED:
    case QIO_ERROR_AUTHZ:
    case QIO_ERROR_CREDENTIALS:
        return TOOL_REFUSED;
    default:
        break;
    }
    if (qio_endpoint_type(side->ep) == QIO_ENDPOINT_SOCKET) {
        return TOOL_CONNECT;
    }
    return side->network ? TOOL_CONNECT : TOOL_LOCAL;
}

/* A peer that leaves in the handshake has refused it in its way. */
static int handshake_exit(const ToolSide *side, const QIOError *err)
{
    switch (qio_error_code(err)) {
    case QIO_ERROR_EOF:
    case QIO_ERROR_BROKEN:
    case QIO_ERROR_STREAM: /* of many connections: a hello that will not do */
        return TOOL_REFUSED;
    default:
        return connect_exit(side, err);
    }
}

static void failed(ToolSide *side, int exit_code, QIOError *err,
                   const char *what)
{
    tool_fail(side->result, exit_code, err, "%s", what);
    tool_side_through(side, true, NULL);
}

void tool_side_not_reached(ToolSide *side, QIOError *err, const char *what)
{
    failed(side, connect_exit(side, err), err, what);
}

void tool_side_not_accepted(ToolSide *side, QIOError *err)
{
    failed(side, handshake_exit(side, err), err,
           side->input ? "the sender was not accepted"
                       : "the receiver was not accepted");
}

/* ---- all layers open ---- */

/* What kind of other end there is. */
static void look_at_layers(ToolSide *side)
{
    QIOEndpointType type = qio_endpoint_type(side->ep);

    side->tls = tool_topmost_tls(side->ioc);
    if (side->network) {
        side->result->channels = qio_migration_channels_count(side->ioc);
        side->result->resumed = tool_count_resumed(side->ioc);
    }
    for (QIOChannel *c = side->ioc; c; c = qio_channel_base(c)) {
        side->leaf = c;
    }
    side->talks = tool_side_socket(side) >= 0 || side->leaf != side->ioc ||
                  (side->network && type == QIO_ENDPOINT_EXEC) ||
                  (side->network && side->input && type == QIO_ENDPOINT_STDIO);
    side->talks |= side->network && side->result->channels;
    if (!side->network || !side->tls) {
        return;
    }
    side->result->tls = qio_channel_tls_describe(side->tls, NULL);
    side->result->identity = qio_channel_tls_peer_identity(side->tls, NULL);
    tool_tls_facts(&side->result->session, side->tls);
    tool_report_session(side->opt, side->result);
}

void tool_side_adopt(ToolSide *side, QIOChannel *ioc)
{
    side->ioc = qio_channel_ref(ioc);
    qio_channel_set_blocking(ioc, false);
    look_at_layers(side);
}

void tool_side_opened(ToolSide *side, QIOChannel *ioc)
{
    tool_side_adopt(side, ioc);
    tool_side_through(side, false, NULL);
}

/* ---- tasks ---- */

/* Keep the task, or fail because there is none. */
static void started(ToolSide *side, QIOTask *task, QIOError *err,
                    const char *what)
{
    if (task) {
        side->task = qio_task_ref(task);
    } else {
        tool_side_not_reached(side, err, what);
    }
}

/* The end of one: NULL when it went well. */
static QIOError *ended(ToolSide *side, QIOTask *task)
{
    QIOError *err = NULL;

    qio_task_propagate_error(task, &err);
    qio_task_unref(side->task);
    side->task = NULL;
    return err;
}

static void layers_open(QIOTask *task, void *opaque)
{
    ToolSide *side = opaque;
    QIOError *err = ended(side, task);

    if (err) {
        tool_side_not_accepted(side, err);
    } else {
        tool_side_opened(side, qio_task_channel(task));
    }
}

static void add_layers(ToolSide *side, QIOChannel *base)
{
    QIOError *err = NULL;
    QIOTask *task = qio_endpoint_layer_async(
        side->ep, side->objects, base, tool_side_listens(side), side->loop,
        tool_options_timeout(side->opt), layers_open, side, NULL, &err);

    if (task) {
        side->task = qio_task_ref(task);
    } else {
        tool_side_not_accepted(side, err);
    }
}

/* ---- connecting ---- */

static void connected(QIOTask *task, void *opaque)
{
    ToolSide *side = opaque;
    QIOError *err = ended(side, task);

    if (err) {
        tool_side_not_reached(side, err, tool_side_name(side));
    } else {
        add_layers(side, qio_task_channel(task));
    }
}

static void reached(QIOTask *task, void *opaque)
{
    ToolSide *side = opaque;
    QIOError *err = ended(side, task);

    if (err) {
        tool_side_not_reached(side, err, tool_side_name(side));
    } else {
        tool_side_opened(side, qio_task_channel(task));
    }
}

static void connect_socket(ToolSide *side)
{
    QIOError *err = NULL;
    QIOTask *task = qio_channel_socket_connect_async(
        qio_endpoint_address(side->ep), side->loop,
        tool_options_timeout(side->opt), connected, side, NULL, &err);

    started(side, task, err, tool_side_name(side));
}

static void open_other(ToolSide *side)
{
    QIOError *err = NULL;
    QIOTask *task = qio_endpoint_connect_async(
        side->ep, side->objects, tool_side_mode(side), side->loop,
        tool_options_timeout(side->opt), reached, side, NULL, &err);

    started(side, task, err, tool_side_name(side));
}

static void open_sink(ToolSide *side)
{
    QIOError *err = NULL;

    side->sink =
        tool_sink_open(qio_endpoint_path(side->ep),
                       qio_endpoint_offset(side->ep), side->opt->fsync, &err);
    if (side->sink) {
        tool_side_opened(side, tool_sink_channel(side->sink));
    } else {
        failed(side, TOOL_LOCAL, err, tool_side_name(side));
    }
}

/* ---- what waits in open(2): fifos, some devices ---- */

typedef struct Special {
    ToolSide *side;
    char *path;
    int flags;
    uint64_t offset;
} Special;

static void free_special(void *opaque)
{
    Special *s = opaque;

    free(s->path);
    free(s);
}

static void unref_channel(void *opaque)
{
    qio_channel_unref(opaque);
}

static int open_path(QIOTask *task, void *opaque, QIOError **errp)
{
    Special *s = opaque;
    QIOChannel *ioc = qio_channel_fd_new_path(s->path, s->flags, 0600, errp);

    if (!ioc) {
        return -1;
    }
    if (s->offset &&
        qio_channel_io_seek(ioc, (off_t)s->offset, SEEK_SET, errp) < 0) {
        qio_channel_unref(ioc);
        return -1;
    }
    qio_task_set_result(task, ioc, unref_channel);
    return 0;
}

static void special_is_sink(ToolSide *side, QIOChannel *ioc)
{
    QIOError *err = NULL;

    side->sink = tool_sink_new_direct(qio_endpoint_path(side->ep), ioc, &err);
    if (side->sink) {
        tool_side_opened(side, ioc);
    } else {
        failed(side, TOOL_LOCAL, err, tool_side_name(side));
    }
}

static void special_open(QIOTask *task, void *opaque)
{
    Special *s = opaque;
    ToolSide *side = s->side;
    QIOError *err = ended(side, task);
    QIOChannel *ioc;

    if (err) {
        tool_side_not_reached(side, err, tool_side_name(side));
        return;
    }
    ioc = qio_task_take_result(task);
    if (!side->input && tool_side_is_plain_file(side)) {
        special_is_sink(side, ioc);
    } else {
        add_layers(side, ioc);
    }
    qio_channel_unref(ioc);
}

static int flags_of(const ToolSide *side)
{
    switch (tool_side_mode(side)) {
    case QIO_ENDPOINT_READ:
        return O_RDONLY;
    case QIO_ENDPOINT_WRITE:
        return O_WRONLY;
    default:
        /* An incoming connection by file is read. */
        return tool_side_listens(side) ? O_RDONLY : O_RDWR;
    }
}

static void open_special(ToolSide *side)
{
    Special *s = calloc(1, sizeof(*s));
    QIOError *err = NULL;
    QIOTask *task = NULL;

    if (s) {
        s->side = side;
        s->path = strdup(qio_endpoint_path(side->ep));
        s->flags = flags_of(side);
        s->offset = qio_endpoint_offset(side->ep);
    }
    if (s && s->path) {
        task = qio_task_run_in_thread(side->loop, open_path, -1, special_open,
                                      s, free_special, &err);
    } else {
        free(s);
        qio_error_set(&err, QIO_ERROR_NOMEM, 0, "out of memory");
    }
    started(side, task, err, tool_side_name(side));
}

bool tool_side_is_special(const ToolSide *side)
{
    struct stat st;

    return qio_endpoint_type(side->ep) == QIO_ENDPOINT_FILE &&
           !stat(qio_endpoint_path(side->ep), &st) && !S_ISREG(st.st_mode);
}

/* ---- listening ---- */

static void say_where(const ToolSide *side)
{
    size_t n = qio_listener_count(side->listener);

    for (size_t i = 0; i < n && !side->opt->quiet; i++) {
        QIOAddress *addr = qio_listener_get_address(side->listener, i, NULL);
        char *text = addr ? qio_address_to_string(addr, NULL) : NULL;

        if (text) {
            tool_say(side->opt, "listening on %s", text);
        }
        free(text);
        qio_address_free(addr);
    }
}

static void listening(QIOTask *task, void *opaque)
{
    ToolSide *side = opaque;
    QIOError *err = ended(side, task);

    if (err) {
        tool_side_not_reached(side, err, tool_side_name(side));
        return;
    }
    side->listener = qio_task_take_result(task);
    say_where(side);
    tool_side_through(side, false, NULL);
}

void tool_side_listen(ToolSide *side, ToolSideFunc *then, void *opaque)
{
    QIOError *err = NULL;
    QIOTask *task;

    tool_side_begin(side, then, opaque);
    if (!tool_side_listens(side) || tool_side_is_special(side)) {
        tool_side_through(side, false, NULL);
        return;
    }
    task = qio_endpoint_listen_async(
        side->ep, side->objects, side->backlog, side->loop,
        tool_options_timeout(side->opt), listening, side, NULL, &err);
    started(side, task, err, tool_side_name(side));
}

/* The first connection; there is no second. */
void tool_side_stop_listening(ToolSide *side)
{
    qio_listener_free(side->listener);
    side->listener = NULL;
}

static void came(QIOListener *l, QIOChannel *ioc, void *opaque)
{
    ToolSide *side = opaque;

    (void)l;
    qio_channel_ref(ioc);
    tool_side_stop_listening(side);
    tool_side_opened(side, ioc);
    qio_channel_unref(ioc);
}

static void did_not_come(QIOListener *l, QIOChannel *ioc, const QIOError *why,
                         void *opaque)
{
    ToolSide *side = opaque;
    QIOError *err = qio_error_copy(why);

    (void)l;
    tool_side_stop_listening(side);
    if (ioc) {
        tool_side_not_accepted(side, err);
    } else {
        tool_side_not_reached(side, err, "no connection came");
    }
}

static void nobody_comes(QIOTimer *timer, void *opaque)
{
    ToolSide *side = opaque;
    QIOError *err = NULL;

    (void)timer;
    /* A handshake has a limit of its own. */
    if (qio_listener_connections(side->listener) > 0) {
        return;
    }
    tool_side_stop_listening(side);
    qio_error_set(&err, QIO_ERROR_TIMEOUT, 0, "timed out after %g s",
                  side->opt->timeout_ms / 1000.0);
    tool_side_not_reached(side, err, "no connection came");
}

int tool_side_limit_wait(ToolSide *side, QIOError **errp)
{
    if (side->opt->timeout_ms < 0) {
        return 0;
    }
    side->timer = qio_timer_new(side->loop, nobody_comes, side, errp);
    return side->timer
               ? qio_timer_start(side->timer, side->opt->timeout_ms, 0, errp)
               : -1;
}

static void accept_one(ToolSide *side)
{
    static const QIOListenerFuncs funcs = {
        .connection = came,
        .trouble = did_not_come,
    };
    QIOError *err = NULL;
    int rc = tool_side_limit_wait(side, &err);

    qio_listener_set_max_connections(side->listener, 1);
    qio_listener_set_handshake_timeout(side->listener,
                                       tool_options_timeout(side->opt));
    if (rc || qio_listener_serve(side->listener, tool_side_mode(side),
                                 side->loop, &funcs, side, &err)) {
        tool_side_stop_listening(side);
        tool_side_not_reached(side, err, "no connection came");
    }
}

/* ---- any of these ---- */

void tool_side_open(ToolSide *side, ToolSideFunc *then, void *opaque)
{
    tool_side_begin(side, then, opaque);
    if (tool_side_is_many(side)) {
        tool_side_open_many(side);
    } else if (side->listener) {
        accept_one(side);
    } else if (tool_side_is_special(side)) {
        open_special(side);
    } else if (qio_endpoint_type(side->ep) == QIO_ENDPOINT_SOCKET) {
        connect_socket(side);
    } else if (!side->input && tool_side_is_plain_file(side)) {
        open_sink(side);
    } else {
        open_other(side);
    }
}

void tool_side_cancel(ToolSide *side)
{
    if (!side->then) {
        return;
    }
    if (side->task) {
        qio_task_cancel(side->task);
        return;
    }
    if (side->ending) {
        return;
    }
    tool_side_stop_listening(side);
    tool_side_end_many(side);
    tool_side_through(side, true, NULL);
}
