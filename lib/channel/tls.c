/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The TLS layer: moves bytes between a session in memory and the channel
 * beneath.
 *
 * Locks, in this order: `in` (one reader of the base at a time), `out` (one
 * writer of the base at a time), the session's own. `in` and `out` are held for
 * one non-blocking try on the base and for computing, never while waiting; but
 * a reader that was invited to wait for input keeps `in` for those
 * milliseconds. Nobody but another reader needs it more urgently.
 */
#include <config.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <qio/channel-ops.h>
#include <qio/channel-tls.h>
#include "base/clock.h"
#include "base/queue.h"
#include "tls/session.h"

/* Pieces of input handled by one call that finds no plaintext in them. */
#define TRIES 64

/* After this time without input a connection is taken to rest. */
#define REST_US 20000

struct tls {
    struct qiop_tls_session *session;
    pthread_mutex_t in_lock;
    pthread_mutex_t out_lock;
    struct qiop_queue flight; /* output on its way to the base */
    QIOError *out_err;        /* why nothing can be sent any more */
    atomic_size_t held;       /* length of flight */
    atomic_bool pushing;      /* out_lock is held, and output is taken */
    atomic_bool out_failed;
    atomic_bool out_blocked; /* the base took only a part */
    atomic_bool base_holds;  /* the base accepted what it has not sent */
    atomic_bool corked;
    atomic_uint shut;
    bool client;
    bool started;
};

static const QIOChannelOps tls_ops;

/* ---- to and from the base ---- */

/* Send what there is: 0 nothing is left, -1, BLOCK. */
static int push_out(QIOChannel *ioc, struct tls *t, QIOError **errp)
{
    QIOChannel *base = qio_channel_base(ioc);
    int ret = 0;

    pthread_mutex_lock(&t->out_lock);
    atomic_store(&t->pushing, true);
    while (!t->out_err &&
           qiop_tls_session_output_take(t->session, &t->flight)) {
        struct iovec iov;
        ssize_t n;

        atomic_store(&t->held, t->flight.len);
        iov.iov_base = (void *)qiop_queue_peek(&t->flight, &iov.iov_len);
        n = qio_channel_try_writev(base, &iov, 1, &t->out_err);
        if (n == QIO_CHANNEL_ERR_BLOCK) {
            ret = QIO_CHANNEL_ERR_BLOCK;
            break;
        }
        if (n > 0) {
            qiop_queue_consume(&t->flight, (size_t)n);
        }
        if (!t->flight.len &&
            !qiop_tls_session_output_give(t->session, &t->flight)) {
            break;
        }
    }
    if (t->out_err) {
        qiop_queue_consume(&t->flight, t->flight.len);
        atomic_store(&t->out_failed, true);
        qio_error_propagate(errp, qio_error_copy(t->out_err));
        ret = -1;
    }
    atomic_store(&t->held, t->flight.len);
    atomic_store(&t->out_blocked, ret == QIO_CHANNEL_ERR_BLOCK);
    atomic_store(&t->pushing, false);
    pthread_mutex_unlock(&t->out_lock);
    return ret;
}

static bool has_output(struct tls *t)
{
    return !atomic_load(&t->out_failed) &&
           (atomic_load(&t->held) || qiop_tls_session_output_len(t->session));
}

/* Output that a reader has to care about: its own, and what a writer left who
 * may not come back. What a writer is producing right now is not. */
static bool has_leftover(struct tls *t)
{
    return !atomic_load(&t->out_failed) &&
           (atomic_load(&t->out_blocked) || atomic_load(&t->base_holds) ||
            qiop_tls_session_output_urgent(t->session));
}

/* push_out for those after whom the core does not flush. */
static int push_through(QIOChannel *ioc, struct tls *t, QIOError **errp)
{
    int ret = 0;

    if (has_output(t) || atomic_load(&t->out_failed)) {
        ret = push_out(ioc, t, errp);
        if (ret == 0) {
            atomic_store(&t->base_holds, true);
        }
    }
    if (ret == 0 && atomic_load(&t->base_holds)) {
        ret = qio_channel_try_flush(qio_channel_base(ioc), errp);
        atomic_store(&t->base_holds, ret == QIO_CHANNEL_ERR_BLOCK);
    }
    return ret;
}

/* With `in` held. 0 some input came or its end was noted; -1, BLOCK. */
static int fill(QIOChannel *ioc, struct tls *t, bool may_wait, QIOError **errp)
{
    QIOChannel *base = qio_channel_base(ioc);
    QIOError *err = NULL;
    struct iovec iov;
    ssize_t n;

    if (qiop_tls_session_input_ended(t->session)) {
        return 0;
    }
    iov.iov_base =
        qiop_tls_session_input_reserve(t->session, &iov.iov_len, errp);
    if (!iov.iov_base) {
        return -1;
    }
    n = may_wait ? qio_channel_wait_readv(base, &iov, 1, &err)
                 : qio_channel_try_readv(base, &iov, 1, &err);
    if (n == QIO_CHANNEL_ERR_BLOCK) {
        return QIO_CHANNEL_ERR_BLOCK;
    }
    if (n <= 0) {
        qiop_tls_session_input_end(t->session, err);
        return 0;
    }
    qiop_tls_session_input_commit(t->session, (size_t)n, iov.iov_len);
    return 0;
}

/* Writing failed because the peer is gone. It may have said why, and that
 * beats "broken pipe". Always -1. */
static int write_failed(QIOChannel *ioc, struct tls *t, QIOError *err,
                        QIOError **errp)
{
    QIOError *why = NULL;
    bool told = false;
    int i;

    if (qio_error_code(err) == QIO_ERROR_BROKEN) {
        pthread_mutex_lock(&t->in_lock);
        for (i = 0; i < TRIES; i++) {
            told = qiop_tls_session_probe(t->session, &why);
            if (told || qiop_tls_session_input_ended(t->session) ||
                fill(ioc, t, false, NULL) != 0) {
                break;
            }
        }
        pthread_mutex_unlock(&t->in_lock);
    }
    if (told) {
        qio_error_free(err);
        err = why;
    }
    qio_error_propagate(errp, err);
    return -1;
}

/* ---- opening ---- */

static int find_hostname(QIOChannel *ioc, struct tls *t, QIOError **errp)
{
    const char *name = NULL;

    if (!qiop_tls_session_needs_hostname(t->session) ||
        qio_channel_query(qio_channel_base(ioc), QIO_CHANNEL_QUERY_PEER_NAME,
                          &name, NULL) ||
        !name || !*name) {
        return 0;
    }
    return qiop_tls_session_set_hostname(t->session, name, errp);
}

static int start(QIOChannel *ioc, struct tls *t, QIOError **errp)
{
    t->started = true;
    /* A server speaks second. */
    if (t->client &&
        qio_channel_tls_check_upgrade(qio_channel_base(ioc), 0, errp)) {
        return -1;
    }
    return find_hostname(ioc, t, errp);
}

/* The handshake is over, or over for us; its last bytes have to leave. */
static int finish(QIOChannel *ioc, struct tls *t, QIOError **errp)
{
    QIOError *err = NULL;
    int ret = push_through(ioc, t, &err);

    return ret == -1 ? write_failed(ioc, t, err, errp) : ret;
}

static int tls_advance(QIOChannel *ioc, QIOError **errp)
{
    struct tls *t = qio_channel_private(ioc);
    int ret, filled = 0, i;

    if (!t->started && start(ioc, t, errp)) {
        return -1;
    }
    for (i = 0; i < TRIES; i++) {
        QIOError *err = NULL;

        ret = qiop_tls_session_handshake(t->session, errp);
        if (ret == 0) {
            return finish(ioc, t, errp);
        }
        /* If the peer is gone, reading on tells why. */
        if (push_through(ioc, t, &err) == -1 && ret != -1 &&
            filled == QIO_CHANNEL_ERR_BLOCK) {
            qio_error_propagate(errp, err);
            return -1;
        }
        qio_error_free(err);
        if (ret == -1) {
            return -1;
        }
        if (filled == QIO_CHANNEL_ERR_BLOCK && !atomic_load(&t->out_failed)) {
            return QIO_CHANNEL_ERR_BLOCK;
        }
        pthread_mutex_lock(&t->in_lock);
        filled = fill(ioc, t, false, errp);
        pthread_mutex_unlock(&t->in_lock);
        if (filled == -1) {
            return -1;
        }
    }
    return QIO_CHANNEL_ERR_BLOCK;
}

/* ---- bytes ---- */

static ssize_t tls_readv(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                         int **fds, size_t *nfds, int flags, QIOError **errp)
{
    struct tls *t = qio_channel_private(ioc);
    bool relaxed = (flags & QIO_CHANNEL_READ_FLAG_RELAXED_EOF) != 0;
    ssize_t n = QIO_CHANNEL_ERR_BLOCK;
    int i;

    (void)fds;
    (void)nfds;
    pthread_mutex_lock(&t->in_lock);
    for (i = 0; i < TRIES; i++) {
        int r;

        n = qiop_tls_session_read(t->session, iov, niov, relaxed, errp);
        if (n != QIO_CHANNEL_ERR_BLOCK ||
            !qiop_tls_session_wants_input(t->session)) {
            break;
        }
        r = fill(ioc, t, (flags & QIO_CHANNEL_TRY_MAY_WAIT) && !has_leftover(t),
                 errp);
        if (r != 0) {
            n = r;
            break;
        }
    }
    pthread_mutex_unlock(&t->in_lock);
    /* Answers that reading called for. That they cannot be sent is for the
     * writer to report. */
    if (has_leftover(t)) {
        (void)push_through(ioc, t, NULL);
    }
    return n;
}

/* Corked, and less than a batch yet. */
static bool keeps(struct tls *t)
{
    return atomic_load(&t->corked) && !atomic_load(&t->out_failed) &&
           !qiop_tls_session_output_full(t->session, atomic_load(&t->held));
}

static ssize_t tls_writev(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                          const int *fds, size_t nfds, int flags,
                          QIOError **errp)
{
    struct tls *t = qio_channel_private(ioc);
    int i;

    (void)fds;
    (void)nfds;
    (void)flags;
    /* The second round, if the first one found the queue full. */
    for (i = 0; i < 2; i++) {
        QIOError *err = NULL;
        ssize_t n = qiop_tls_session_write(t->session, iov, niov,
                                           atomic_load(&t->held), errp);

        if (n == -1) {
            return -1;
        }
        if (n > 0 && keeps(t)) {
            return n;
        }
        if (push_out(ioc, t, &err) == -1) {
            return write_failed(ioc, t, err, errp);
        }
        if (n > 0) {
            return n;
        }
    }
    return QIO_CHANNEL_ERR_BLOCK;
}

static int tls_flush(QIOChannel *ioc, QIOError **errp)
{
    struct tls *t = qio_channel_private(ioc);
    QIOError *err = NULL;
    int ret;

    /* In this order: what left the session is in the hands of whoever is
     * pushing, and what is left of it when he ends counts as held. */
    if (!qiop_tls_session_output_len(t->session) && !atomic_load(&t->pushing) &&
        !atomic_load(&t->held) && !atomic_load(&t->out_failed)) {
        return 0;
    }
    ret = push_out(ioc, t, &err);
    return ret == -1 ? write_failed(ioc, t, err, errp) : ret;
}

/* ---- waiting ---- */

/* What sending our own output waits for; false: for nothing any more. Another
 * thread may send it meanwhile, so nobody looks first and then asks here. */
static bool poll_output(QIOChannel *base, struct tls *t, unsigned as,
                        QIOPollSet *set)
{
    if (has_output(t)) {
        qio_poll_set_below(set, base, QIO_EVENT_OUT, as);
        return true;
    }
    if (atomic_load(&t->base_holds)) {
        qio_poll_set_below(set, base, QIO_EVENT_FLUSH, as);
        return true;
    }
    return false;
}

/* Somebody is about to wait for input: a connection at rest keeps no buffers.
 * Whoever has a lock is busy with them. */
static bool rest(struct tls *t)
{
    bool rests = false;

    if (pthread_mutex_trylock(&t->in_lock)) {
        return false;
    }
    if (pthread_mutex_trylock(&t->out_lock) == 0) {
        rests = qiop_tls_session_rest(t->session);
        if (rests) {
            qiop_queue_rest(&t->flight);
        }
        pthread_mutex_unlock(&t->out_lock);
    }
    pthread_mutex_unlock(&t->in_lock);
    return rests;
}

static void poll_in(QIOChannel *base, struct tls *t, QIOPollSet *set)
{
    bool wants;

    if (qiop_tls_session_readable(t->session)) {
        qio_poll_set_ready(set, QIO_EVENT_IN);
        return;
    }
    if (!rest(t)) {
        qio_poll_set_deadline(set, qiop_now_us() + REST_US);
    }
    wants = qiop_tls_session_wants_input(t->session);
    if (wants) {
        qio_poll_set_below(set, base, QIO_EVENT_IN, QIO_EVENT_IN);
    }
    if (!(has_leftover(t) && poll_output(base, t, 0, set)) && !wants) {
        /* It waited for output to be taken, which has just been done. */
        qio_poll_set_deadline(set, 0);
    }
}

static void poll_out(QIOChannel *base, struct tls *t, QIOPollSet *set)
{
    /* A write will say what happened. */
    if (atomic_load(&t->out_failed) ||
        !qiop_tls_session_established(t->session)) {
        qio_poll_set_ready(set, QIO_EVENT_OUT);
        return;
    }
    qio_poll_set_below(set, base, QIO_EVENT_OUT, QIO_EVENT_OUT);
}

static void tls_poll(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    struct tls *t = qio_channel_private(ioc);
    QIOChannel *base = qio_channel_base(ioc);

    if (events & QIO_EVENT_OPEN) {
        qio_poll_set_below(set, base, QIO_EVENT_IN, QIO_EVENT_OPEN);
        (void)poll_output(base, t, QIO_EVENT_OPEN, set);
    }
    if (events & QIO_EVENT_IN) {
        poll_in(base, t, set);
    }
    if (events & QIO_EVENT_OUT) {
        poll_out(base, t, set);
    }
    if ((events & QIO_EVENT_FLUSH) &&
        !poll_output(base, t, QIO_EVENT_FLUSH, set)) {
        qio_poll_set_ready(set, QIO_EVENT_FLUSH);
    }
}

/* ---- ending ---- */

static int tls_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                        QIOError **errp)
{
    struct tls *t = qio_channel_private(ioc);
    unsigned now = atomic_fetch_or(&t->shut, (unsigned)how) | (unsigned)how;
    QIOError *err = NULL;
    int ret = 0;

    if (how & QIO_CHANNEL_SHUTDOWN_WRITE) {
        ret = qiop_tls_session_bye(t->session, &err);
        /* What does not leave now is for flush to wait for. */
        (void)push_through(ioc, t, NULL);
    }
    if (now == QIO_CHANNEL_SHUTDOWN_BOTH &&
        qio_channel_shutdown(qio_channel_base(ioc), QIO_CHANNEL_SHUTDOWN_BOTH,
                             err ? NULL : &err)) {
        ret = -1;
    }
    qio_error_propagate(errp, err);
    return ret;
}

static int tls_close(QIOChannel *ioc, QIOError **errp)
{
    struct tls *t = qio_channel_private(ioc);
    QIOError *err = NULL;
    bool data;
    int ret;

    if (!t->session) {
        return 0;
    }
    /* A goodbye that a peer no longer wants to hear is no failure. */
    data = has_output(t) && qiop_tls_session_established(t->session) &&
           !(atomic_load(&t->shut) & QIO_CHANNEL_SHUTDOWN_WRITE);
    if (qiop_tls_session_bye(t->session, errp)) {
        (void)push_through(ioc, t, NULL);
        return -1;
    }
    ret = push_through(ioc, t, &err);
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

static void tls_finalize(QIOChannel *ioc)
{
    struct tls *t = qio_channel_private(ioc);

    qiop_tls_session_free(t->session);
    qiop_queue_free(&t->flight, false);
    qio_error_free(t->out_err);
    pthread_mutex_destroy(&t->in_lock);
    pthread_mutex_destroy(&t->out_lock);
}

/* ---- facts and hints: those of the transport ---- */

static int tls_query(QIOChannel *ioc, QIOChannelQuery what, void *out,
                     QIOError **errp)
{
    return qio_channel_query(qio_channel_base(ioc), what, out, errp);
}

/* The batches made here are what the base is given: its own cork would only
 * hold back their ends. */
static void tls_set_cork(QIOChannel *ioc, bool enabled)
{
    struct tls *t = qio_channel_private(ioc);

    atomic_store(&t->corked, enabled);
}

static void tls_set_delay(QIOChannel *ioc, bool enabled)
{
    qio_channel_set_delay(qio_channel_base(ioc), enabled);
}

static const QIOChannelOps tls_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "tls",
    .kind = QIO_CHANNEL_KIND_OPAQUE,
    .features = QIO_CHANNEL_FEATURE_SHUTDOWN,
    .flags = QIO_CHANNEL_OPS_CAN_WAIT,
    .advance = tls_advance,
    .readv = tls_readv,
    .writev = tls_writev,
    .poll = tls_poll,
    .flush = tls_flush,
    .shutdown = tls_shutdown,
    .close = tls_close,
    .set_cork = tls_set_cork,
    .set_delay = tls_set_delay,
    .query = tls_query,
    .finalize = tls_finalize,
};

/* ---- public ---- */

static QIOChannel *tls_new(QIOChannel *base, QIOTLSCreds *creds,
                           QIOTLSEndpoint endpoint, const char *hostname,
                           QIOAuthz *authz, QIOError **errp)
{
    QIOChannel *ioc;
    struct tls *t;

    if (!base) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "TLS needs a channel beneath");
        return NULL;
    }
    ioc = qio_channel_alloc_layer(&tls_ops, sizeof(*t), base, errp);
    if (!ioc) {
        return NULL;
    }
    t = qio_channel_private(ioc);
    pthread_mutex_init(&t->in_lock, NULL);
    pthread_mutex_init(&t->out_lock, NULL);
    qiop_queue_init(&t->flight, 0);
    t->client = endpoint == QIO_TLS_ENDPOINT_CLIENT;
    t->session = qiop_tls_session_new(creds, endpoint, authz, errp);
    if (!t->session || (hostname && qiop_tls_session_set_hostname(
                                        t->session, hostname, errp))) {
        qio_channel_unref(ioc);
        return NULL;
    }
    return ioc;
}

QIOChannel *qio_channel_tls_new_client(QIOChannel *base, QIOTLSCreds *creds,
                                       const char *hostname, QIOError **errp)
{
    return tls_new(base, creds, QIO_TLS_ENDPOINT_CLIENT, hostname, NULL, errp);
}

QIOChannel *qio_channel_tls_new_server(QIOChannel *base, QIOTLSCreds *creds,
                                       QIOAuthz *authz, QIOError **errp)
{
    return tls_new(base, creds, QIO_TLS_ENDPOINT_SERVER, NULL, authz, errp);
}

static struct tls *tls_of(QIOChannel *ioc, QIOError **errp)
{
    struct tls *t = ioc ? qio_channel_private_if(ioc, &tls_ops) : NULL;

    if (!t) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0, "this is no TLS channel");
    }
    return t;
}

int qio_channel_tls_handshake(QIOChannel *ioc, int timeout_ms, QIOError **errp)
{
    return tls_of(ioc, errp) ? qio_channel_open_sync(ioc, timeout_ms, errp)
                             : -1;
}

int qio_channel_tls_set_buffers(QIOChannel *ioc, size_t output, size_t input,
                                QIOError **errp)
{
    struct tls *t = tls_of(ioc, errp);

    if (!t) {
        return -1;
    }
    if (t->started && output) {
        qio_error_set(errp, QIO_ERROR_STATE, 0,
                      "%s: output buffers are set before the handshake",
                      qio_channel_name(ioc));
        return -1;
    }
    if (t->started) {
        qiop_tls_session_limit_input(t->session, input);
    } else {
        qiop_tls_session_set_buffers(t->session, output, input);
    }
    return 0;
}

int qio_channel_tls_update_keys(QIOChannel *ioc, bool ask_peer, QIOError **errp)
{
    struct tls *t = tls_of(ioc, errp);

    if (!t || qiop_tls_session_update_keys(t->session, ask_peer, errp)) {
        return -1;
    }
    /* It may wait for the next bytes, or for a flush. */
    (void)push_through(ioc, t, NULL);
    return 0;
}

char *qio_channel_tls_describe(QIOChannel *ioc, QIOError **errp)
{
    struct tls *t = tls_of(ioc, errp);

    return t ? qiop_tls_session_describe(t->session, errp) : NULL;
}

char *qio_channel_tls_peer_identity(QIOChannel *ioc, QIOError **errp)
{
    struct tls *t = tls_of(ioc, errp);

    return t ? qiop_tls_session_identity(t->session, errp) : NULL;
}

char *qio_channel_tls_fact(QIOChannel *ioc, QIOTLSFact fact, QIOError **errp)
{
    struct tls *t = tls_of(ioc, errp);

    return t ? qiop_tls_session_fact(t->session, fact, errp) : NULL;
}

int64_t qio_channel_tls_count(QIOChannel *ioc, QIOTLSCount what,
                              QIOError **errp)
{
    struct tls *t = tls_of(ioc, errp);

    return t ? qiop_tls_session_count(t->session, what, errp) : -1;
}

int qio_channel_tls_export(QIOChannel *ioc, const char *label,
                           const void *context, size_t context_len, void *out,
                           size_t len, QIOError **errp)
{
    struct tls *t = tls_of(ioc, errp);

    return t ? qiop_tls_session_export(t->session, label, context, context_len,
                                       out, len, errp)
             : -1;
}

ssize_t qio_channel_tls_binding(QIOChannel *ioc, const char *type, void *out,
                                size_t size, QIOError **errp)
{
    struct tls *t = tls_of(ioc, errp);

    return t ? qiop_tls_session_binding(t->session, type, out, size, errp) : -1;
}

int qio_channel_tls_abort(QIOChannel *ioc, QIOError **errp)
{
    struct tls *t = tls_of(ioc, errp);

    if (!t) {
        return -1;
    }
    qiop_tls_session_abort(t->session);
    return qio_channel_close(ioc, errp);
}
