/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many transfers at once: one listener, and a sink for each connection. */
#define _GNU_SOURCE
#include "tool-serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Clients that wait to be accepted, and that shake hands, at once. */
#define BACKLOG 64
#define HANDSHAKES 256

/* ---- each its own sink ---- */

/* The sink of connection n: %n is the number, %% is %. To free(). */
static char *output_of(const char *pattern, unsigned long n)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    if (!f) {
        return NULL;
    }
    for (const char *p = pattern; *p; p++) {
        if (p[0] == '%' && p[1] == 'n') {
            fprintf(f, "%lu", n);
            p++;
        } else {
            fputc(*p, f);
            p += p[0] == '%' && p[1] == '%';
        }
    }
    if (fclose(f)) {
        free(text);
        return NULL;
    }
    return text;
}

static bool has_number(const char *pattern)
{
    for (const char *p = strchr(pattern, '%'); p; p = strchr(p + 2, '%')) {
        if (p[1] == 'n') {
            return true;
        }
        if (!p[1]) {
            break;
        }
    }
    return false;
}

/* What is wrong with a side for many, or NULL. */
static const char *unfit_output(const ToolServe *s, const ToolSide *out)
{
    switch (qio_endpoint_type(out->ep)) {
    case QIO_ENDPOINT_STDIO:
    case QIO_ENDPOINT_FD:
        return "there is only one of that for many migrations";
    case QIO_ENDPOINT_FILE:
        return has_number(s->opt->output) || tool_side_is_special(out)
                   ? NULL
                   : "a file for many migrations needs %n in its name";
    default:
        return tool_side_listens(out) ? "it cannot listen for many migrations"
                                      : NULL;
    }
}

static int check_output(ToolServe *s)
{
    const char *wrong;
    ToolTransfer *t;
    char *text = output_of(s->opt->output, 1);
    int rc;

    t = text ? tool_transfer_new(s->opt, s->loop, s->objects, text, NULL, NULL)
             : NULL;
    free(text);
    if (!t) {
        return tool_fail(&s->result, TOOL_FAILED, NULL, "out of memory");
    }
    rc = tool_side_prepare(&t->out);
    if (rc) {
        s->result = t->result;
        t->result = (ToolResult){0};
    } else {
        wrong = unfit_output(s, &t->out);
        rc = wrong ? tool_fail(&s->result, TOOL_USAGE, NULL, "sink: %s", wrong)
                   : 0;
    }
    tool_transfer_free(t);
    return rc;
}

static int check_door(ToolServe *s)
{
    QIOEndpointType type = qio_endpoint_type(s->door.ep);

    if (tool_side_listens(&s->door) &&
        (type == QIO_ENDPOINT_SOCKET || type == QIO_ENDPOINT_FD)) {
        return 0;
    }
    return tool_fail(&s->result, TOOL_USAGE, NULL,
                     "many migrations need a socket that listens");
}

/* ---- the end ---- */

static void maybe_over(ToolServe *s)
{
    if (s->closed && !s->n_running && !s->told) {
        s->told = true;
        s->over(s->opaque);
    }
}

static void add_exit(ToolServe *s, int rc)
{
    s->worst = rc > s->worst ? rc : s->worst;
}

static void close_door(ToolServe *s)
{
    s->closed = true;
    qio_listener_free(s->door.listener);
    s->door.listener = NULL;
    qio_tls_creds_watch_free(s->rotation);
    s->rotation = NULL;
    tool_lobby_free(s->lobby);
    s->lobby = NULL;
}

static void door_failed(ToolServe *s)
{
    add_exit(s, tool_report(s->opt, &s->result));
    close_door(s);
    maybe_over(s);
}

static void transfer_done(ToolTransfer *t, void *opaque)
{
    ToolServe *s = opaque;

    add_exit(s, tool_report(s->opt, &t->result));
    s->n_running--;
    maybe_over(s);
}

/* ---- connections ---- */

static void free_transfers(ToolServe *s, bool all)
{
    ToolTransfer **at = &s->transfers;

    while (*at) {
        ToolTransfer *t = *at;

        if (all || t->over) {
            *at = t->next;
            tool_transfer_free(t);
        } else {
            at = &t->next;
        }
    }
}

/* All of a migration is there. */
static void begin(QIOChannel *ioc, void *opaque)
{
    ToolServe *s = opaque;
    char *text = output_of(s->opt->output, s->n + 1);
    ToolTransfer *t = NULL;

    free_transfers(s, false);
    if (text) {
        t = tool_transfer_new(s->opt, s->loop, s->objects, text, transfer_done,
                              s);
    }
    free(text);
    if (!t) {
        tool_say(s->opt, "no memory for one more connection");
        add_exit(s, TOOL_FAILED);
        return;
    }
    t->result.number = ++s->n;
    t->next = s->transfers;
    s->transfers = t;
    s->n_running++;
    if (s->n == s->opt->max) {
        /* ioc lives on. */
        close_door(s);
    }
    tool_transfer_start_with(t, ioc);
}

static void came(QIOListener *l, QIOChannel *ioc, void *opaque)
{
    ToolServe *s = opaque;

    (void)l;
    if (s->lobby) {
        tool_lobby_enter(s->lobby, ioc);
    } else {
        begin(ioc, s);
    }
}

/* A stranger is no migration: he is told of, but neither counted nor a reason
 * to fail. */
static void did_not_come(QIOListener *l, QIOChannel *ioc, const QIOError *err,
                         void *opaque)
{
    ToolServe *s = opaque;
    QIOAddress *addr;
    char *text;

    (void)l;
    if (!ioc) {
        tool_say(s->opt, "cannot accept: %s", qio_error_message(err));
        return;
    }
    addr = qio_channel_get_remote_address(ioc, NULL);
    text = addr ? qio_address_to_string(addr, NULL) : NULL;
    /* One that has gone has no address any more. */
    tool_say(s->opt, "a client was not accepted%s%s: %s", text ? ", " : "",
             text ? text : "", qio_error_message(err));
    free(text);
    qio_address_free(addr);
}

static void refused(QIOChannel *ioc, QIOError *err, void *opaque)
{
    did_not_come(NULL, ioc, err, opaque);
    qio_error_free(err);
}

/* ---- beginning ---- */

/* Who serves for long is given new certificates in between. */
static void creds_changed(QIOTLSCreds *creds, const QIOError *err, void *opaque)
{
    ToolServe *s = opaque;

    (void)creds;
    if (err) {
        tool_say(s->opt, "keeping the old credentials: %s",
                 qio_error_message(err));
    }
}

static int watch_creds(ToolServe *s, QIOError **errp)
{
    QIOTLSCreds *creds;

    if (!s->opt->tls_creds) {
        return 0;
    }
    creds = qio_objects_get_tls_creds(s->objects, s->opt->tls_creds, errp);
    if (creds) {
        s->rotation =
            qio_tls_creds_watch_new(s->loop, creds, creds_changed, s, errp);
    }
    return s->rotation ? 0 : -1;
}

static int open_lobby(ToolServe *s, QIOError **errp)
{
    ToolLobbyPlan plan = {
        .loop = s->loop,
        .most = s->opt->channels,
        .threads = s->opt->channel_threads,
        .timeout_ms = tool_options_timeout(s->opt),
        .ready = begin,
        .refused = refused,
        .opaque = s,
    };

    s->lobby = plan.most ? tool_lobby_new(&plan, errp) : NULL;
    return plan.most && !s->lobby ? -1 : 0;
}

static void listening(void *opaque, bool failed, QIOError *err)
{
    static const QIOListenerFuncs funcs = {
        .connection = came,
        .trouble = did_not_come,
    };
    ToolServe *s = opaque;
    QIOListener *l = s->door.listener;

    qio_error_free(err);
    err = NULL;
    if (failed || s->closed) {
        door_failed(s);
        return;
    }
    qio_listener_set_max_handshakes(l, HANDSHAKES);
    qio_listener_set_handshake_timeout(l, tool_options_timeout(s->opt));
    if (watch_creds(s, &err) || open_lobby(s, &err) ||
        qio_listener_serve(l, QIO_ENDPOINT_READWRITE, s->loop, &funcs, s,
                           &err)) {
        tool_fail(&s->result, TOOL_CONNECT, err, "cannot serve");
        door_failed(s);
    }
}

void tool_serve_start(ToolServe *s)
{
    s->result.whole = -1;
    s->door = (ToolSide){
        .opt = s->opt,
        .result = &s->result,
        .loop = s->loop,
        .objects = s->objects,
        .text = s->opt->input,
        .input = true,
        .network = true,
        .backlog = BACKLOG,
    };
    if (tool_side_prepare(&s->door) || check_door(s) || check_output(s)) {
        door_failed(s);
        return;
    }
    tool_side_listen(&s->door, listening, s);
}

/* ---- ending early ---- */

void tool_serve_stop(ToolServe *s, int signal)
{
    if (s->opt->max && !s->closed) {
        /* Some are still to come. */
        add_exit(s, TOOL_SIGNAL + signal);
    }
    s->closed = true;
    tool_side_cancel(&s->door);
    close_door(s);
    for (ToolTransfer *t = s->transfers; t; t = t->next) {
        tool_transfer_stop(t, signal);
    }
    maybe_over(s);
}

bool tool_serve_leave(ToolServe *s, int signal)
{
    bool all = true;

    for (ToolTransfer *t = s->transfers; t; t = t->next) {
        all &= tool_transfer_leave(t, signal);
    }
    return all;
}

void tool_serve_clear(ToolServe *s)
{
    free_transfers(s, true);
    tool_side_clear(&s->door);
    qio_tls_creds_watch_free(s->rotation);
    tool_result_clear(&s->result);
}
