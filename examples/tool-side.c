/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One side of a transfer: from the text of an endpoint to an open channel, and
 * the ways to end it.
 */
#include "tool-side.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* What a command gets between SIGTERM and SIGKILL. */
/* Of a websocket: RFC 6455 §7.4.1. */
#define INTERNAL_ERROR 1011
#define COMMAND_GRACE_MS 1000

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
static bool wants_to_listen(const ToolSide *side)
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

static bool is_plain_file(const ToolSide *side)
{
    return qio_endpoint_type(side->ep) == QIO_ENDPOINT_FILE &&
           !qio_endpoint_has_tls(side->ep);
}

int tool_side_prepare(ToolSide *side)
{
    QIOError *err = NULL;

    side->ep = qio_endpoint_parse(side->text, &err);
    if (!side->ep) {
        return tool_fail(side->result, TOOL_USAGE, err, "%s",
                         tool_side_name(side));
    }
    if (prepare_tls(side) || check_creds(side, wants_to_listen(side))) {
        return -1;
    }
    if (!side->input && is_plain_file(side) &&
        tool_sink_check(qio_endpoint_path(side->ep), &err)) {
        return tool_fail(side->result, TOOL_LOCAL, err, "sink");
    }
    return 0;
}

/* ---- opening ---- */

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
        return TOOL_REFUSED;
    default:
        return connect_exit(side, err);
    }
}

static int opening_failed(ToolSide *side, int exit_code, QIOError *err,
                          const char *what)
{
    if (tool_stop_explain(side->stop, side->result)) {
        qio_error_free(err);
        return -1;
    }
    return tool_fail(side->result, exit_code, err, "%s", what);
}

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

int tool_side_listen(ToolSide *side)
{
    QIOError *err = NULL;

    if (!wants_to_listen(side)) {
        return 0;
    }
    side->listener = qio_endpoint_listen_sync(side->ep, side->objects, 1, &err);
    if (!side->listener) {
        return tool_fail(side->result, connect_exit(side, err), err, "%s",
                         tool_side_name(side));
    }
    say_where(side);
    return 0;
}

static QIOEndpointMode mode_of(const ToolSide *side)
{
    QIOEndpointType type = qio_endpoint_type(side->ep);

    if (qio_endpoint_has_tls(side->ep) ||
        (side->network && type != QIO_ENDPOINT_FILE)) {
        return QIO_ENDPOINT_READWRITE;
    }
    return side->input ? QIO_ENDPOINT_READ : QIO_ENDPOINT_WRITE;
}

/* The first connection; there is no second. */
static QIOChannel *accept_base(ToolSide *side)
{
    QIOError *err = NULL;
    QIOChannel *base;

    tool_stop_watch_listener(side->stop, side->listener);
    base = qio_listener_accept_sync(side->listener, mode_of(side),
                                    side->opt->timeout_ms, &err);
    tool_stop_watch_listener(side->stop, NULL);
    qio_listener_free(side->listener);
    side->listener = NULL;
    if (!base) {
        opening_failed(side, connect_exit(side, err), err,
                       "no connection came");
    }
    return base;
}

static QIOChannel *connect_socket(ToolSide *side)
{
    QIOError *err = NULL;
    QIOChannel *base =
        qio_channel_socket_new(qio_endpoint_address(side->ep), &err);

    if (base) {
        tool_stop_watch(side->stop, side->input, base,
                        QIO_CHANNEL_SHUTDOWN_BOTH);
        if (!qio_channel_open_sync(base, tool_options_timeout(side->opt),
                                   &err)) {
            return base;
        }
    }
    opening_failed(side, connect_exit(side, err), err, tool_side_name(side));
    qio_channel_unref(base);
    return NULL;
}

static int add_layers(ToolSide *side, QIOChannel *base, bool as_server)
{
    QIOError *err = NULL;

    tool_stop_watch(side->stop, side->input, base, QIO_CHANNEL_SHUTDOWN_BOTH);
    side->ioc =
        qio_endpoint_layer_sync(side->ep, side->objects, base, as_server,
                                tool_options_timeout(side->opt), &err);
    qio_channel_unref(base);
    if (side->ioc) {
        return 0;
    }
    return opening_failed(side, handshake_exit(side, err), err,
                          side->input ? "the sender was not accepted"
                                      : "the receiver was not accepted");
}

static int open_sink(ToolSide *side)
{
    QIOError *err = NULL;

    side->sink =
        tool_sink_open(qio_endpoint_path(side->ep),
                       qio_endpoint_offset(side->ep), side->opt->fsync, &err);
    if (!side->sink) {
        return opening_failed(side, TOOL_LOCAL, err, tool_side_name(side));
    }
    side->ioc = qio_channel_ref(tool_sink_channel(side->sink));
    return 0;
}

static int open_other(ToolSide *side)
{
    QIOError *err = NULL;

    side->ioc =
        qio_endpoint_connect_sync(side->ep, side->objects, mode_of(side),
                                  tool_options_timeout(side->opt), &err);
    if (side->ioc) {
        return 0;
    }
    return opening_failed(side, connect_exit(side, err), err,
                          tool_side_name(side));
}

static int open_any(ToolSide *side)
{
    QIOChannel *base;

    if (side->listener) {
        base = accept_base(side);
        return base ? add_layers(side, base, true) : -1;
    }
    if (qio_endpoint_type(side->ep) == QIO_ENDPOINT_SOCKET) {
        base = connect_socket(side);
        return base ? add_layers(side, base, false) : -1;
    }
    if (!side->input && is_plain_file(side)) {
        return open_sink(side);
    }
    return open_other(side);
}

/* What kind of other end there is. */
static void look_at_layers(ToolSide *side)
{
    QIOEndpointType type = qio_endpoint_type(side->ep);

    for (QIOChannel *c = side->ioc; c; c = qio_channel_base(c)) {
        side->leaf = c;
        if (!side->tls && !strcmp(qio_channel_type_name(c), "tls")) {
            side->tls = c;
        }
    }
    side->talks = tool_side_socket(side) >= 0 || side->leaf != side->ioc ||
                  (side->network && type == QIO_ENDPOINT_EXEC) ||
                  (side->network && side->input && type == QIO_ENDPOINT_STDIO);
    if (!side->network || !side->tls) {
        return;
    }
    side->result->tls = qio_channel_tls_describe(side->tls, NULL);
    side->result->identity = qio_channel_tls_peer_identity(side->tls, NULL);
}

int tool_side_open(ToolSide *side)
{
    if (open_any(side)) {
        return -1;
    }
    /* Only readers are woken: shutting WRITE would say goodbye properly, and
     * a transfer that was broken off must not look complete. */
    tool_stop_watch(side->stop, side->input, side->ioc,
                    QIO_CHANNEL_SHUTDOWN_READ);
    look_at_layers(side);
    return 0;
}

/* ---- ending ---- */

int tool_side_wait_command(ToolSide *side, QIOError **errp)
{
    if (qio_endpoint_type(side->ep) != QIO_ENDPOINT_EXEC) {
        return 0;
    }
    return qio_channel_command_wait(side->leaf, side->opt->timeout_ms, NULL,
                                    errp);
}

void tool_side_break(ToolSide *side)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    int fd = tool_side_socket(side);
    bool told;

    if (side->sink) {
        tool_sink_discard(side->sink);
    }
    if (!side->ioc) {
        return;
    }
    /* Its input ends now: it must not take that for the whole. */
    if (qio_endpoint_type(side->ep) == QIO_ENDPOINT_EXEC) {
        qio_channel_command_terminate(side->leaf, COMMAND_GRACE_MS, NULL);
    }
    /* On top there may be a websocket, which would end with "normal". */
    told = qio_channel_websocket_goodbye(side->ioc, INTERNAL_ERROR,
                                         "the transfer failed", NULL) == 0;
    /* A reset would overtake what was said. */
    if (side->tls) {
        qio_channel_tls_abort(side->tls, NULL);
    } else if (fd >= 0 && !told) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    }
}

void tool_side_abort(ToolSide *side)
{
    bool open = side->ioc && qio_channel_is_open(side->ioc);

    if (side->sink) {
        tool_sink_discard(side->sink);
    }
    if (!open) {
        return;
    }
    tool_side_break(side);
    qio_channel_close(side->ioc, NULL);
}

void tool_side_clear(ToolSide *side)
{
    tool_stop_watch(side->stop, side->input, NULL, QIO_CHANNEL_SHUTDOWN_BOTH);
    qio_listener_free(side->listener);
    qio_channel_unref(side->ioc);
    tool_sink_free(side->sink);
    qio_endpoint_free(side->ep);
}
