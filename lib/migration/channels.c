/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A channel that stands on many others: its life, from joining to closing. */
#include <config.h>
#include "channels-priv.h"
#include "channels-thread.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qio/channel-tls.h>

/* Of several connections: of each, and of all together. Measured: with 512 KiB
 * each four of them had 0.9 of the throughput of one, with 128 KiB all of it.
 */
#define READ_AHEAD ((size_t)128 << 10)
#define READ_AHEAD_ALL ((size_t)512 << 10)

static const QIOChannelOps channels_ops;

static struct qiop_channels *channels_of(const QIOChannel *ioc)
{
    return qio_channel_private_if(ioc, &channels_ops);
}

/* ---- making ---- */

static QIOChannel *new_channels(struct qiop_channels **cp, QIOError **errp)
{
    QIOChannel *ioc = qio_channel_alloc(&channels_ops, sizeof(**cp), errp);

    if (!ioc) {
        return NULL;
    }
    *cp = qio_channel_private(ioc);
    pthread_mutex_init(&(*cp)->in_lock, NULL);
    pthread_mutex_init(&(*cp)->out_lock, NULL);
    return ioc;
}

static int invalid(QIOError **errp, const char *why)
{
    qio_error_set(errp, QIO_ERROR_INVALID, 0, "%s", why);
    return -1;
}

QIOChannel *qio_migration_channels_new_client(unsigned count, QIOError **errp)
{
    struct qiop_channels *c;
    QIOChannel *ioc;

    if (!count || count > QIOP_CHANNELS_MAX) {
        invalid(errp, "too few or too many connections for a stream");
        return NULL;
    }
    ioc = new_channels(&c, errp);
    if (!ioc) {
        return NULL;
    }
    if (getentropy(c->token, sizeof(c->token))) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, 0, "no random numbers");
        qio_channel_unref(ioc);
        return NULL;
    }
    c->count = count;
    return ioc;
}

QIOChannel *qio_migration_channels_new_server(QIOError **errp)
{
    struct qiop_channels *c;
    QIOChannel *ioc = new_channels(&c, errp);

    if (ioc) {
        c->server = true;
    }
    return ioc;
}

/* ---- joining ---- */

static int refuse(const struct qiop_hello *h, const char *why, QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_STREAM, 0, "connection %u of %u %s",
                  h->index + 1, h->count, why);
    return -1;
}

/* Whether it belongs to those that are there. 0 or -1. */
static int check_join(const struct qiop_channels *c, const struct qiop_hello *h,
                      QIOError **errp)
{
    if (!c->joined) {
        return 0;
    }
    if (!qiop_same_secret(h->token, c->token, QIOP_TOKEN_LEN)) {
        return refuse(h, "belongs to another stream", errp);
    }
    if (h->count != c->count || h->block_max != c->block_max) {
        return refuse(h, "does not agree with those before", errp);
    }
    if (c->joined == c->count) {
        return refuse(h, "comes when all are there", errp);
    }
    if (c->lanes[h->index].ioc) {
        return refuse(h, "is there twice", errp);
    }
    return 0;
}

/* Our hello on it: a question, or the answer. 0 or -1. */
static int greet(struct qiop_channels *c, unsigned i, QIOChannel *connection,
                 QIOError **errp)
{
    uint8_t data[QIOP_HELLO_LEN];
    struct qiop_hello h = {
        .type = c->server ? QIOP_HELLO_ACCEPT : QIOP_HELLO_JOIN,
        .index = i,
        .count = c->count,
        .block_max = QIOP_BLOCK_SIZE,
    };
    int rc;

    memcpy(h.token, c->token, QIOP_TOKEN_LEN);
    rc = qiop_hello_make(&h, connection, data, errp) ||
         qiop_lane_say(&c->lanes[i], data, sizeof(data), errp);
    explicit_bzero(data, sizeof(data));
    explicit_bzero(&h, sizeof(h));
    return rc ? -1 : 0;
}

/* The end of a block must not wait for the next one on the same connection,
 * which may be the one that is waited for. And what is read ahead on all of
 * them should stay in the cache. */
static void prepare(QIOChannel *connection, unsigned count)
{
    size_t share = READ_AHEAD_ALL / count;

    for (QIOChannel *c = connection; c; c = qio_channel_base(c)) {
        qio_channel_set_delay(c, false);
        if (count > 1) {
            /* It may be something else than TLS. */
            (void)!qio_channel_tls_set_buffers(
                c, 0, share < READ_AHEAD ? share : READ_AHEAD, NULL);
        }
    }
}

static int take_in(QIOChannel *ioc, unsigned i, QIOChannel *connection,
                   QIOError **errp)
{
    struct qiop_channels *c = qio_channel_private(ioc);
    QIOChannel *lane = c->threads ? qiop_threaded_new(connection, errp)
                                  : qio_channel_ref(connection);

    if (!lane) {
        return -1;
    }
    if (greet(c, i, connection, errp)) {
        qio_channel_unref(lane);
        return -1;
    }
    prepare(connection, c->count);
    c->lanes[i].ioc = lane;
    c->joined++;
    /* Now, though nobody may have begun to open; a failure stays. */
    (void)qiop_channels_flush(c, NULL);
    qio_channel_changed(ioc, QIO_EVENT_OPEN);
    return (int)(c->count - c->joined);
}

int qio_migration_channels_join(QIOChannel *ioc, QIOChannel *connection,
                                const QIOMigrationHello *hello, QIOError **errp)
{
    struct qiop_channels *c = channels_of(ioc);
    const struct qiop_hello *h = hello ? &hello->hello : NULL;

    if (!c || c->server != !!h || !qio_channel_is_open(connection)) {
        return invalid(errp, "nothing that a connection can join");
    }
    if (!h && c->joined == c->count) {
        return invalid(errp, "all connections are there");
    }
    if (!h) {
        return take_in(ioc, c->joined, connection, errp);
    }
    if (check_join(c, h, errp)) {
        return -1;
    }
    if (!c->joined) {
        c->count = h->count;
        c->block_max = h->block_max;
        memcpy(c->token, h->token, QIOP_TOKEN_LEN);
    }
    return take_in(ioc, h->index, connection, errp);
}

int qio_migration_channels_on_answer(QIOChannel *ioc,
                                     QIOMigrationAnswerFunc *fn, void *opaque,
                                     QIOError **errp)
{
    struct qiop_channels *c = channels_of(ioc);

    if (!c || c->server) {
        return invalid(errp, "nothing that gets answers");
    }
    c->on_answer = fn;
    c->on_answer_opaque = opaque;
    return 0;
}

static void end_threads(struct qiop_channels *c)
{
    pthread_mutex_lock(&c->in_lock);
    pthread_mutex_lock(&c->out_lock);
    for (unsigned i = 0; i < c->count; i++) {
        qiop_threaded_stop(c->lanes[i].ioc);
    }
    pthread_mutex_unlock(&c->out_lock);
    pthread_mutex_unlock(&c->in_lock);
}

int qio_migration_channels_set_threads(QIOChannel *ioc, bool enabled,
                                       QIOError **errp)
{
    struct qiop_channels *c = channels_of(ioc);

    if (!c || (enabled && c->joined)) {
        return invalid(errp, "nothing that could still get threads");
    }
    c->threads = enabled;
    if (!enabled) {
        end_threads(c);
    }
    return 0;
}

static bool can_have_file(const struct qiop_channels *c, QIOChannel *file,
                          off_t offset)
{
    return c && !c->in_begun && !c->file && offset >= 0 &&
           qio_channel_has_feature(file, QIO_CHANNEL_FEATURE_SEEKABLE);
}

int qio_migration_channels_set_file(QIOChannel *ioc, QIOChannel *file,
                                    off_t offset, QIOError **errp)
{
    struct qiop_channels *c = channels_of(ioc);

    if (!can_have_file(c, file, offset)) {
        return invalid(errp, "nothing that could still get a file");
    }
    c->file_buf = malloc(QIOP_BLOCK_SIZE);
    c->file_stored = calloc(QIOP_STORED_MAX, sizeof(*c->file_stored));
    if (!c->file_buf || !c->file_stored) {
        free(c->file_buf);
        free(c->file_stored);
        c->file_buf = NULL;
        c->file_stored = NULL;
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    c->file = qio_channel_ref(file);
    c->file_base = offset;
    return 0;
}

bool qio_migration_channels_file_failed(const QIOChannel *ioc)
{
    const struct qiop_channels *c = channels_of(ioc);

    return c && c->file_failed;
}

unsigned qio_migration_channels_count(const QIOChannel *ioc)
{
    const struct qiop_channels *c = channels_of(ioc);

    return c ? c->count : 0;
}

QIOChannel *qio_migration_channels_get(const QIOChannel *ioc, unsigned i)
{
    const struct qiop_channels *c = channels_of(ioc);

    return c && i < c->count ? qiop_threaded_base(c->lanes[i].ioc) : NULL;
}

/* ---- opening: every answer, and nobody who leaves ---- */

static int check_answer(struct qiop_channels *c, struct qiop_lane *l,
                        QIOError **errp)
{
    struct qiop_hello h = {0};
    int rc = qiop_hello_check(&h, l->ioc, l->head, QIOP_HELLO_ACCEPT, errp);

    if (!rc && (h.index != (unsigned)(l - c->lanes) || h.count != c->count ||
                !qiop_same_secret(h.token, c->token, QIOP_TOKEN_LEN) ||
                (c->block_max && h.block_max != c->block_max))) {
        qio_error_set(errp, QIO_ERROR_STREAM, 0,
                      "the answer belongs to another one");
        rc = -1;
    }
    c->block_max = h.block_max;
    l->answered = true;
    l->head_len = 0;
    explicit_bzero(&h, sizeof(h));
    return rc;
}

/* 0, BLOCK, or -1. */
static int read_answer(struct qiop_channels *c, struct qiop_lane *l,
                       QIOError **errp)
{
    QIOError *err = NULL;

    while (!l->answered) {
        struct iovec iov = {l->head + l->head_len,
                            QIOP_HELLO_LEN - l->head_len};
        ssize_t n = qio_channel_try_readv(l->ioc, &iov, 1, &err);

        if (n == QIO_CHANNEL_ERR_BLOCK) {
            return QIO_CHANNEL_ERR_BLOCK;
        }
        if (n == 0) {
            return qiop_lane_ended(c, l, errp);
        }
        l->head_len += n > 0 ? (size_t)n : 0;
        if (n < 0 ||
            (l->head_len == QIOP_HELLO_LEN && check_answer(c, l, &err))) {
            return qiop_lane_failed(c, l, err, errp);
        }
    }
    return 0;
}

/* 0 when all have answered, BLOCK, or -1. */
static int read_answers(QIOChannel *ioc, struct qiop_channels *c,
                        QIOError **errp)
{
    for (unsigned i = 0; i < c->count; i++) {
        struct qiop_lane *l = &c->lanes[i];
        int r;

        if (!l->ioc || l->answered) {
            continue;
        }
        r = read_answer(c, l, errp);
        if (r == -1) {
            return -1;
        }
        if (r == 0) {
            c->answered++;
            if (c->on_answer) {
                c->on_answer(ioc, c->answered, c->on_answer_opaque);
            }
        }
    }
    return c->answered < c->count ? QIO_CHANNEL_ERR_BLOCK : 0;
}

/* Who waits for the others says nothing. 0 when all are there, BLOCK, or -1. */
static int look_at_waiting(struct qiop_channels *c, QIOError **errp)
{
    if (c->count && c->joined == c->count) {
        return 0;
    }
    for (unsigned i = 0; i < c->count; i++) {
        struct qiop_lane *l = &c->lanes[i];
        struct iovec iov = {l->head, 1};
        QIOError *err = NULL;
        ssize_t n;

        if (!l->ioc) {
            continue;
        }
        n = qio_channel_try_readv(l->ioc, &iov, 1, &err);
        if (n == 0) {
            return qiop_lane_ended(c, l, errp);
        }
        if (n > 0) {
            qio_error_set(&err, QIO_ERROR_STREAM, 0,
                          "it begins before all are there");
        }
        if (n != QIO_CHANNEL_ERR_BLOCK) {
            return qiop_lane_failed(c, l, err, errp);
        }
    }
    return QIO_CHANNEL_ERR_BLOCK;
}

static int channels_advance(QIOChannel *ioc, QIOError **errp)
{
    struct qiop_channels *c = qio_channel_private(ioc);
    int flushed, waits;

    /* Who was refused may be told before he has said all. */
    waits = c->server ? look_at_waiting(c, errp) : read_answers(ioc, c, errp);
    if (waits == -1) {
        return -1;
    }
    flushed = qiop_channels_flush(c, errp);
    if (flushed || waits) {
        return flushed ? flushed : waits;
    }
    qiop_order_init(&c->order, c->count, c->block_max);
    for (unsigned i = 0; i < c->count; i++) {
        qiop_threaded_begin(c->lanes[i].ioc);
    }
    return 0;
}

static void poll_opening(struct qiop_channels *c, QIOPollSet *set)
{
    qiop_channels_poll_flush(c, QIO_EVENT_OPEN, set);
    for (unsigned i = 0; i < c->count; i++) {
        if (c->lanes[i].ioc && !c->lanes[i].answered) {
            qio_poll_set_below(set, c->lanes[i].ioc, QIO_EVENT_IN,
                               QIO_EVENT_OPEN);
        }
    }
}

/* ---- the other slots ---- */

static ssize_t channels_readv(QIOChannel *ioc, const struct iovec *iov,
                              size_t niov, int **fds, size_t *nfds, int flags,
                              QIOError **errp)
{
    struct qiop_channels *c = qio_channel_private(ioc);
    ssize_t n;

    (void)fds;
    (void)nfds;
    (void)flags;
    pthread_mutex_lock(&c->in_lock);
    n = qiop_channels_read(c, iov, niov, errp);
    pthread_mutex_unlock(&c->in_lock);
    return n;
}

static ssize_t channels_writev(QIOChannel *ioc, const struct iovec *iov,
                               size_t niov, const int *fds, size_t nfds,
                               int flags, QIOError **errp)
{
    struct qiop_channels *c = qio_channel_private(ioc);
    ssize_t n;

    (void)fds;
    (void)nfds;
    (void)flags;
    pthread_mutex_lock(&c->out_lock);
    n = qiop_channels_write(c, iov, niov, errp);
    pthread_mutex_unlock(&c->out_lock);
    return n;
}

static int channels_flush(QIOChannel *ioc, QIOError **errp)
{
    struct qiop_channels *c = qio_channel_private(ioc);
    int r;

    pthread_mutex_lock(&c->out_lock);
    r = qiop_channels_flush(c, errp);
    pthread_mutex_unlock(&c->out_lock);
    return r;
}

static void poll_out(struct qiop_channels *c, QIOPollSet *set)
{
    if (c->out_err) {
        qio_poll_set_ready(set, QIO_EVENT_OUT);
        return;
    }
    for (unsigned i = 0; i < c->count; i++) {
        qio_poll_set_below(set, c->lanes[i].ioc, QIO_EVENT_OUT, QIO_EVENT_OUT);
    }
}

static void channels_poll(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    struct qiop_channels *c = qio_channel_private(ioc);

    if (events & QIO_EVENT_OPEN) {
        poll_opening(c, set);
        return;
    }
    if (events & QIO_EVENT_IN) {
        pthread_mutex_lock(&c->in_lock);
        qiop_channels_poll_in(c, set);
        pthread_mutex_unlock(&c->in_lock);
    }
    if (events & (QIO_EVENT_OUT | QIO_EVENT_FLUSH)) {
        pthread_mutex_lock(&c->out_lock);
        if (events & QIO_EVENT_OUT) {
            poll_out(c, set);
        }
        if (events & QIO_EVENT_FLUSH) {
            qiop_channels_poll_flush(c, QIO_EVENT_FLUSH, set);
        }
        pthread_mutex_unlock(&c->out_lock);
    }
}

static int channels_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                             QIOError **errp)
{
    struct qiop_channels *c = qio_channel_private(ioc);
    int rc = 0;

    if (how & QIO_CHANNEL_SHUTDOWN_READ) {
        for (unsigned i = 0; i < c->count; i++) {
            (void)qio_channel_shutdown(c->lanes[i].ioc,
                                       QIO_CHANNEL_SHUTDOWN_READ, NULL);
        }
    }
    if (how & QIO_CHANNEL_SHUTDOWN_WRITE) {
        pthread_mutex_lock(&c->out_lock);
        rc = qiop_channels_end(c, errp);
        pthread_mutex_unlock(&c->out_lock);
    }
    return rc;
}

/* What is held is tried once more; an end that nobody asked for is not told: to
 * close in the middle is to break off. */
static int channels_close(QIOChannel *ioc, QIOError **errp)
{
    struct qiop_channels *c = qio_channel_private(ioc);
    QIOError *first = NULL;

    for (unsigned i = 0; i < c->count; i++) {
        qiop_threaded_settle(c->lanes[i].ioc);
    }
    /* A failure from before has been told. */
    if (!c->out_err &&
        qiop_channels_flush(c, &first) == QIO_CHANNEL_ERR_BLOCK) {
        qio_error_set(&first, QIO_ERROR_BROKEN, 0,
                      "closed before all was sent");
    }
    for (unsigned i = 0; i < c->count; i++) {
        if (c->lanes[i].ioc) {
            (void)qio_channel_close(c->lanes[i].ioc, first ? NULL : &first);
        }
    }
    if (!first) {
        return 0;
    }
    qio_error_propagate(errp, first);
    return -1;
}

static int channels_query(QIOChannel *ioc, QIOChannelQuery what, void *out,
                          QIOError **errp)
{
    struct qiop_channels *c = qio_channel_private(ioc);

    if (c->lanes[0].ioc) {
        return qio_channel_query(c->lanes[0].ioc, what, out, errp);
    }
    qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0, "no connection yet");
    return -1;
}

static void channels_finalize(QIOChannel *ioc)
{
    struct qiop_channels *c = qio_channel_private(ioc);

    for (unsigned i = 0; i < QIOP_CHANNELS_MAX; i++) {
        qio_channel_unref(c->lanes[i].ioc);
        free(c->lanes[i].out);
        free(c->lanes[i].early);
    }
    qio_channel_unref(c->file);
    free(c->file_buf);
    free(c->file_stored);
    qio_error_free(c->in_err);
    qio_error_free(c->out_err);
    pthread_mutex_destroy(&c->in_lock);
    pthread_mutex_destroy(&c->out_lock);
    explicit_bzero(c->token, sizeof(c->token));
}

static const QIOChannelOps channels_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "channels",
    .kind = QIO_CHANNEL_KIND_LEAF,
    .features = QIO_CHANNEL_FEATURE_SHUTDOWN,
    .advance = channels_advance,
    .readv = channels_readv,
    .writev = channels_writev,
    .poll = channels_poll,
    .flush = channels_flush,
    .shutdown = channels_shutdown,
    .close = channels_close,
    .query = channels_query,
    .finalize = channels_finalize,
};
