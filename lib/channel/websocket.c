/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The websocket layer: its operations, and its life. */
#include <config.h>
#include "channel/websocket-priv.h"

#include <stdlib.h>
#include <string.h>

/* Read and thrown away when closing. */
#define DRAIN (1 << 20)

static const QIOChannelOps websocket_ops;

/* Output that somebody has to care about. */
static bool has_output(struct websocket *w)
{
    return !atomic_load(&w->out_failed) && atomic_load(&w->holds);
}

static bool has_leftover(struct websocket *w)
{
    return has_output(w) ||
           (!atomic_load(&w->out_failed) && atomic_load(&w->base_holds));
}

/* ---- bytes ---- */

static ssize_t websocket_readv(QIOChannel *ioc, const struct iovec *iov,
                               size_t niov, int **fds, size_t *nfds, int flags,
                               QIOError **errp)
{
    struct websocket *w = qio_channel_private(ioc);
    bool relaxed = (flags & QIO_CHANNEL_READ_FLAG_RELAXED_EOF) != 0;
    ssize_t n;

    (void)fds;
    (void)nfds;
    pthread_mutex_lock(&w->in_lock);
    n = qiop_ws_read(ioc, w, iov, niov, relaxed, errp);
    qiop_ws_note_readable(w);
    pthread_mutex_unlock(&w->in_lock);
    qiop_ws_keep_alive(w);
    /* Answers that reading called for, and what a writer left who may not come
     * back. That they cannot be sent is for the writer to report. */
    if (has_leftover(w)) {
        (void)qiop_ws_push_through(ioc, w, NULL);
    }
    return n;
}

/* Writing failed. If the peer is gone, it may have said why before, and that
 * beats "broken pipe". Always -1. */
static int write_failed(QIOChannel *ioc, struct websocket *w, QIOError *err,
                        QIOError **errp)
{
    QIOError *why = NULL;

    if (qio_error_code(err) == QIO_ERROR_BROKEN &&
        qiop_ws_probe(ioc, w, &why)) {
        qio_error_free(err);
        err = why;
    }
    qio_error_propagate(errp, err);
    return -1;
}

static ssize_t websocket_writev(QIOChannel *ioc, const struct iovec *iov,
                                size_t niov, const int *fds, size_t nfds,
                                int flags, QIOError **errp)
{
    struct websocket *w = qio_channel_private(ioc);
    QIOError *err = NULL;
    ssize_t n = qiop_ws_write(ioc, w, iov, niov, &err);

    (void)fds;
    (void)nfds;
    (void)flags;
    return n == -1 ? write_failed(ioc, w, err, errp) : n;
}

static int websocket_flush(QIOChannel *ioc, QIOError **errp)
{
    struct websocket *w = qio_channel_private(ioc);
    QIOError *err = NULL;
    int ret;

    qiop_ws_keep_alive(w);
    /* Not unless has_output(): while another thread has the output in its
     * hands, only the lock tells whether all of it left. */
    ret = qiop_ws_push(ioc, w, &err);
    return ret == -1 ? write_failed(ioc, w, err, errp) : ret;
}

/* ---- waiting ---- */

/* What sending our own output waits for; false: for nothing any more. Another
 * thread may send it meanwhile, so nobody looks first and then asks here. */
static bool poll_output(QIOChannel *base, struct websocket *w, unsigned as,
                        QIOPollSet *set)
{
    if (has_output(w)) {
        qio_poll_set_below(set, base, QIO_EVENT_OUT, as);
        return true;
    }
    if (atomic_load(&w->base_holds)) {
        qio_poll_set_below(set, base, QIO_EVENT_FLUSH, as);
        return true;
    }
    return false;
}

static void poll_in(QIOChannel *base, struct websocket *w, QIOPollSet *set)
{
    if (atomic_load(&w->readable)) {
        qio_poll_set_ready(set, QIO_EVENT_IN);
        return;
    }
    qio_poll_set_below(set, base, QIO_EVENT_IN, QIO_EVENT_IN);
    if (has_leftover(w)) {
        (void)poll_output(base, w, 0, set);
    }
}

static void poll_out(QIOChannel *base, struct websocket *w, QIOPollSet *set)
{
    /* A write will say what happened. */
    if (atomic_load(&w->out_failed) || atomic_load(&w->out_closed)) {
        qio_poll_set_ready(set, QIO_EVENT_OUT);
        return;
    }
    qio_poll_set_below(set, base, QIO_EVENT_OUT, QIO_EVENT_OUT);
}

static void websocket_poll(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    struct websocket *w = qio_channel_private(ioc);
    QIOChannel *base = qio_channel_base(ioc);

    if (events & QIO_EVENT_OPEN) {
        qio_poll_set_below(set, base, QIO_EVENT_IN, QIO_EVENT_OPEN);
        (void)poll_output(base, w, QIO_EVENT_OPEN, set);
        return;
    }
    qiop_ws_alive_poll(w, events, set);
    if (events & QIO_EVENT_IN) {
        poll_in(base, w, set);
    }
    if (events & QIO_EVENT_OUT) {
        poll_out(base, w, set);
    }
    if ((events & QIO_EVENT_FLUSH) &&
        !poll_output(base, w, QIO_EVENT_FLUSH, set)) {
        qio_poll_set_ready(set, QIO_EVENT_FLUSH);
    }
}

/* ---- ending ---- */

static int websocket_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                              QIOError **errp)
{
    struct websocket *w = qio_channel_private(ioc);
    unsigned now = atomic_fetch_or(&w->shut, (unsigned)how) | (unsigned)how;
    QIOError *err = NULL;
    int ret = 0;

    if (how & QIO_CHANNEL_SHUTDOWN_WRITE) {
        ret = qiop_ws_goodbye(w, 0, NULL, &err);
        /* What does not leave now is for flush to wait for. */
        (void)qiop_ws_push_through(ioc, w, NULL);
    }
    if (now == QIO_CHANNEL_SHUTDOWN_BOTH &&
        qio_channel_shutdown(qio_channel_base(ioc), QIO_CHANNEL_SHUTDOWN_BOTH,
                             err ? NULL : &err)) {
        ret = -1;
    }
    qio_error_propagate(errp, err);
    return ret;
}

/* A socket that is closed with unread input is reset, and the peer may lose
 * what we said last. So what has come by now is taken. */
static void drain_input(QIOChannel *ioc, struct websocket *w)
{
    size_t total = 0;

    pthread_mutex_lock(&w->in_lock);
    while (!w->in_ended && total < DRAIN) {
        qiop_queue_consume(&w->in, w->in.len);
        if (qiop_ws_fill(ioc, w, NULL) != 0) {
            break;
        }
        total += w->in.len;
    }
    pthread_mutex_unlock(&w->in_lock);
}

static int websocket_close(QIOChannel *ioc, QIOError **errp)
{
    struct websocket *w = qio_channel_private(ioc);
    QIOError *err = NULL;
    bool data;
    int ret;

    /* A goodbye that a peer no longer wants to hear is no failure. */
    data = has_output(w) && atomic_load(&w->established) && !w->goodbye_said;
    if (atomic_load(&w->established) && qiop_ws_goodbye(w, 0, NULL, errp) < 0) {
        (void)qiop_ws_push_through(ioc, w, NULL);
        return -1;
    }
    ret = qiop_ws_push_through(ioc, w, &err);
    if (w->options && (w->goodbye_said || w->status)) {
        drain_input(ioc, w);
    }
    if (ret == 0 || !data) {
        qio_error_free(err);
        return 0;
    }
    if (ret == QIO_CHANNEL_ERR_BLOCK) {
        qio_error_set(&err, QIO_ERROR_BROKEN, 0,
                      "%s: closed with bytes that could not be sent",
                      qio_channel_name(ioc));
    }
    qio_error_propagate(errp, err);
    return -1;
}

static void websocket_finalize(QIOChannel *ioc)
{
    struct websocket *w = qio_channel_private(ioc);

    qio_websocket_options_free(w->options);
    qiop_queue_free(&w->in, false);
    qiop_queue_free(&w->out, false);
    qio_error_free(w->in_err);
    qio_error_free(w->out_err);
    qio_error_free(w->why_closed);
    free(w->path);
    pthread_mutex_destroy(&w->in_lock);
    pthread_mutex_destroy(&w->out_lock);
}

/* ---- facts and hints: those of the transport ---- */

static int websocket_query(QIOChannel *ioc, QIOChannelQuery what, void *out,
                           QIOError **errp)
{
    return qio_channel_query(qio_channel_base(ioc), what, out, errp);
}

static void websocket_set_cork(QIOChannel *ioc, bool enabled)
{
    qio_channel_set_cork(qio_channel_base(ioc), enabled);
}

static void websocket_set_delay(QIOChannel *ioc, bool enabled)
{
    qio_channel_set_delay(qio_channel_base(ioc), enabled);
}

static const QIOChannelOps websocket_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "websocket",
    .kind = QIO_CHANNEL_KIND_OPAQUE,
    .features = QIO_CHANNEL_FEATURE_SHUTDOWN,
    .advance = qiop_ws_advance,
    .readv = websocket_readv,
    .writev = websocket_writev,
    .poll = websocket_poll,
    .flush = websocket_flush,
    .shutdown = websocket_shutdown,
    .close = websocket_close,
    .set_cork = websocket_set_cork,
    .set_delay = websocket_set_delay,
    .query = websocket_query,
    .finalize = websocket_finalize,
};

/* ---- public ---- */

static QIOChannel *websocket_new(QIOChannel *base,
                                 const QIOWebsocketOptions *options,
                                 bool client, QIOError **errp)
{
    QIOChannel *ioc;
    struct websocket *w;

    if (!base) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "a websocket needs a channel beneath");
        return NULL;
    }
    ioc = qio_channel_alloc_layer(&websocket_ops, sizeof(*w), base, errp);
    if (!ioc) {
        return NULL;
    }
    w = qio_channel_private(ioc);
    w->client = client;
    pthread_mutex_init(&w->in_lock, NULL);
    pthread_mutex_init(&w->out_lock, NULL);
    qiop_queue_init(&w->in, QIOP_HTTP_HEAD_MAX + QIOP_WS_AHEAD);
    qiop_queue_init(&w->out, QIOP_WS_OUT_MAX);
    w->options = qiop_ws_options_copy(options, errp);
    if (!w->options) {
        qio_channel_unref(ioc);
        return NULL;
    }
    return ioc;
}

QIOChannel *qio_channel_websocket_new_client(QIOChannel *base,
                                             const QIOWebsocketOptions *options,
                                             QIOError **errp)
{
    return websocket_new(base, options, true, errp);
}

QIOChannel *qio_channel_websocket_new_server(QIOChannel *base,
                                             const QIOWebsocketOptions *options,
                                             QIOError **errp)
{
    return websocket_new(base, options, false, errp);
}

struct websocket *qiop_ws_of(const QIOChannel *ioc, QIOError **errp)
{
    struct websocket *w =
        ioc ? qio_channel_private_if(ioc, &websocket_ops) : NULL;

    if (!w) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "this is no websocket channel");
    }
    return w;
}

int qio_channel_websocket_handshake(QIOChannel *ioc, int timeout_ms,
                                    QIOError **errp)
{
    return qiop_ws_of(ioc, errp) ? qio_channel_open_sync(ioc, timeout_ms, errp)
                                 : -1;
}

const char *qio_channel_websocket_protocol(const QIOChannel *ioc)
{
    struct websocket *w = qiop_ws_of(ioc, NULL);

    return w && atomic_load(&w->established) ? w->protocol : NULL;
}

const char *qio_channel_websocket_path(const QIOChannel *ioc)
{
    struct websocket *w = qiop_ws_of(ioc, NULL);

    return w && atomic_load(&w->established) ? w->path : NULL;
}

/* Note what our close frame is to say. */
static int choose_goodbye(QIOChannel *ioc, struct websocket *w, unsigned code,
                          const char *reason, QIOError **errp)
{
    int ret = 0;

    pthread_mutex_lock(&w->out_lock);
    if (!qio_channel_is_open(ioc) || w->goodbye_said || w->code) {
        qio_error_set(errp, QIO_ERROR_STATE, 0,
                      "%s: it is too early or too late for a goodbye",
                      qio_channel_name(ioc));
        ret = -1;
    } else {
        w->code = code;
        strncpy(w->reason, reason, sizeof(w->reason) - 1);
    }
    pthread_mutex_unlock(&w->out_lock);
    return ret;
}

int qio_channel_websocket_goodbye(QIOChannel *ioc, unsigned code,
                                  const char *reason, QIOError **errp)
{
    struct websocket *w = qiop_ws_of(ioc, errp);
    struct qiop_utf8 utf8 = {0, 0, 0};
    size_t len = reason ? strlen(reason) : 0;

    if (!w) {
        return -1;
    }
    if (!qiop_ws_code_is_valid(code) || len > QIOP_WS_REASON_MAX ||
        !qiop_utf8_feed(&utf8, (const uint8_t *)reason, len) ||
        !qiop_utf8_complete(&utf8)) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "websocket: a goodbye has a code from 1000 to 1003, 1007 "
                      "to 1014 or 3000 to 4999, and 123 bytes of UTF-8");
        return -1;
    }
    if (choose_goodbye(ioc, w, code, reason ? reason : "", errp) < 0) {
        return -1;
    }
    return qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, errp);
}

int qio_channel_websocket_peer_goodbye(QIOChannel *ioc, char **reason,
                                       QIOError **errp)
{
    struct websocket *w = qiop_ws_of(ioc, errp);
    unsigned code = w ? atomic_load(&w->peer_code) : 0;

    if (w && !code) {
        qio_error_set(errp, QIO_ERROR_NOT_FOUND, 0,
                      "%s: the peer has not closed the websocket",
                      qio_channel_name(ioc));
    }
    if (!code) {
        return -1;
    }
    if (reason) {
        *reason = strdup(w->peer_reason);
        if (!*reason) {
            qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
            return -1;
        }
    }
    return (int)code;
}
