/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The opening handshake of a websocket, one step at a time. */
#include <config.h>
#include "channel/websocket-priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>

#define ASKED 1
#define ACCEPTED 101

static int truncated(struct websocket *w, QIOError **errp)
{
    if (w->in_err) {
        qio_error_propagate(errp, qio_error_copy(w->in_err));
        return -1;
    }
    qio_error_set(errp, QIO_ERROR_WEBSOCKET_TRUNCATED, 0,
                  "the %s ended the connection during the websocket handshake",
                  w->client ? "server" : "client");
    return -1;
}

/* The other side's head: its length, what is wrong with it (negative), or 0
 * while it is not whole, and then *ret is why. */
static ssize_t get_head(QIOChannel *ioc, struct websocket *w, int *ret,
                        QIOError **errp)
{
    for (int i = 0;; i++) {
        size_t len;
        const uint8_t *data = qiop_queue_peek(&w->in, &len);
        ssize_t head = qiop_http_scan(&w->scan, data, len);

        if (head != QIOP_HTTP_MORE) {
            return head;
        }
        /* Leave only with everything looked at that was read. */
        if (w->in_ended) {
            *ret = truncated(w, errp);
        } else {
            *ret = i < QIOP_WS_TRIES ? qiop_ws_fill(ioc, w, errp)
                                     : QIO_CHANNEL_ERR_BLOCK;
        }
        if (*ret != 0) {
            return 0;
        }
    }
}

/* What came behind the head is the first of the frames. */
static int established(struct websocket *w, size_t head)
{
    qiop_queue_consume(&w->in, head);
    qiop_ws_decoder_init(&w->decoder, !w->client, w->options->text,
                         w->options->max_frame, w->options->max_message);
    atomic_store(&w->established, true);
    qiop_ws_heard(w);
    qiop_ws_note_readable(w);
    return 0;
}

/* ---- client ---- */

/* "name" or "name:port" of what the base connects to; NULL when it does not
 * say. */
static char *host_of(QIOChannel *base)
{
    QIOAddress *addr = qio_channel_get_remote_address(base, NULL);
    const char *name = NULL, *port = NULL, *open, *close;
    char *host = NULL;

    if (addr && qio_address_type(addr) == QIO_ADDRESS_INET) {
        name = qio_address_host(addr);
        port = qio_address_port(addr);
    }
    /* As it was asked for, if that is known. */
    if (qio_channel_query(base, QIO_CHANNEL_QUERY_PEER_NAME, &name, NULL) < 0 &&
        !port) {
        name = NULL;
    }
    if (name && *name && qiop_http_is_visible(name)) {
        open = strchr(name, ':') ? "[" : "";
        close = *open ? "]" : "";
        if (asprintf(&host, "%s%s%s%s%s", open, name, close, port ? ":" : "",
                     port ? port : "") < 0) {
            host = NULL;
        }
    }
    qio_address_free(addr);
    return host;
}

static int ask(QIOChannel *ioc, struct websocket *w, QIOError **errp)
{
    char *host = host_of(qio_channel_base(ioc));
    int ret = qiop_ws_nonce(w->nonce, errp);

    if (ret == 0) {
        ret = qiop_ws_ask(&w->out, w->options, host ? host : "localhost",
                          w->nonce, errp);
    }
    free(host);
    if (ret == 0) {
        w->status = ASKED;
        atomic_store(&w->holds, true);
    }
    return ret;
}

static int client_advance(QIOChannel *ioc, struct websocket *w, QIOError **errp)
{
    QIOError *err = NULL;
    ssize_t head;
    size_t len;
    int ret;

    if (!w->status && ask(ioc, w, errp) < 0) {
        return -1;
    }
    ret = qiop_ws_push_through(ioc, w, &err);
    if (ret == QIO_CHANNEL_ERR_BLOCK) {
        return ret;
    }
    /* A server that is gone may have said why. */
    head = get_head(ioc, w, &ret, err ? NULL : errp);
    if (head == 0) {
        qio_error_propagate(errp, err);
        return err ? -1 : ret;
    }
    qio_error_free(err);
    if (qiop_ws_answer_check(qiop_queue_peek(&w->in, &len), head, w->options,
                             w->nonce, &w->protocol, errp) < 0) {
        return -1;
    }
    w->path = strdup(w->options->path ? w->options->path : "/");
    if (!w->path) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    return established(w, (size_t)head);
}

/* ---- server ---- */

static int answer(struct websocket *w, ssize_t head, QIOError **errp)
{
    QIOWebsocketRequest r;
    size_t len;
    int ret = -1;
    int status = qiop_ws_request_judge(
        &r, w->options, qiop_queue_peek(&w->in, &len), head, &w->why, errp);

    if (status > 0) {
        ret = qiop_ws_answer(&w->out, status, &r, w->options, errp);
    }
    if (ret == 0 && status == ACCEPTED) {
        w->protocol = r.protocol;
        w->path = strdup(r.target);
        if (!w->path) {
            qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
            ret = -1;
        }
    }
    qiop_ws_request_free(&r);
    if (ret < 0) {
        return -1;
    }
    w->status = status;
    atomic_store(&w->holds, true);
    return status == ACCEPTED ? established(w, (size_t)head) : 0;
}

static int server_advance(QIOChannel *ioc, struct websocket *w, QIOError **errp)
{
    ssize_t head;
    int ret = 0;

    if (!w->status) {
        head = get_head(ioc, w, &ret, errp);
        if (head == 0) {
            return ret;
        }
        if (answer(w, head, errp) < 0) {
            return -1;
        }
    }
    ret = qiop_ws_push_through(ioc, w, errp);
    if (ret == 0 && w->status != ACCEPTED) {
        qio_error_set(errp, QIO_ERROR_WEBSOCKET, 0,
                      "refused a websocket with status %d: %s", w->status,
                      w->why);
        ret = -1;
    }
    return ret;
}

int qiop_ws_advance(QIOChannel *ioc, QIOError **errp)
{
    struct websocket *w = qio_channel_private(ioc);
    int ret;

    pthread_mutex_lock(&w->in_lock);
    ret =
        w->client ? client_advance(ioc, w, errp) : server_advance(ioc, w, errp);
    pthread_mutex_unlock(&w->in_lock);
    return ret;
}
