/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stream as an object: its life, its error, and breaking it off. */
#include <config.h>
#include "stream-priv.h"

#include <stdlib.h>

/* ---- life ---- */

static int init_direction(QIOMigrationStream *s, QIOError **errp)
{
    if (s->output) {
        return qiop_stream_out_init(&s->out, errp);
    }
    return qiop_stream_in_init(
        &s->in, qio_channel_has_feature(s->ioc, QIO_CHANNEL_FEATURE_FD_PASS),
        errp);
}

static QIOMigrationStream *new_stream(QIOChannel *ioc, bool output,
                                      QIOError **errp)
{
    QIOMigrationStream *s = calloc(1, sizeof(*s));

    if (!s) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    s->ioc = ioc;
    s->output = output;
    atomic_init(&s->error, NULL);
    atomic_init(&s->transferred, 0);
    if (init_direction(s, errp) < 0) {
        free(s);
        return NULL;
    }
    qio_channel_ref(ioc);
    return s;
}

QIOMigrationStream *qio_migration_stream_new_input(QIOChannel *ioc,
                                                   QIOError **errp)
{
    return new_stream(ioc, false, errp);
}

QIOMigrationStream *qio_migration_stream_new_output(QIOChannel *ioc,
                                                    QIOError **errp)
{
    return new_stream(ioc, true, errp);
}

QIOMigrationStream *qio_migration_stream_new_return_path(QIOMigrationStream *s,
                                                         QIOError **errp)
{
    return new_stream(s->ioc, !s->output, errp);
}

QIOChannel *qio_migration_stream_channel(const QIOMigrationStream *s)
{
    return s->ioc;
}

static int end(QIOMigrationStream *s, QIOError **errp)
{
    if (s->output) {
        return qio_migration_stream_flush(s, errp);
    }
    return qiop_stream_failed(s, errp) ? -1 : 0;
}

int qio_migration_stream_close(QIOMigrationStream *s, QIOError **errp)
{
    int ret;

    if (!s) {
        return 0;
    }
    ret = end(s, errp);
    if (s->output) {
        qiop_stream_out_destroy(&s->out);
    } else {
        qiop_stream_in_destroy(&s->in);
    }
    qio_error_free(atomic_load(&s->error));
    qio_channel_unref(s->ioc);
    free(s);
    return ret;
}

/* ---- the error ---- */

const QIOError *qio_migration_stream_error(const QIOMigrationStream *s)
{
    return atomic_load_explicit(&s->error, memory_order_acquire);
}

bool qiop_stream_failed(const QIOMigrationStream *s, QIOError **errp)
{
    const QIOError *err = qio_migration_stream_error(s);

    if (err && errp) {
        qio_error_propagate(errp, qio_error_copy(err));
    }
    return err;
}

int qiop_stream_fail(QIOMigrationStream *s, QIOError *err, QIOError **errp)
{
    QIOError *none = NULL;

    if (!atomic_compare_exchange_strong(&s->error, &none, err)) {
        qio_error_free(err);
    }
    qiop_stream_failed(s, errp);
    return -1;
}

int qiop_stream_check(QIOMigrationStream *s, bool output, QIOError **errp)
{
    QIOError *err = NULL;

    if (qiop_stream_failed(s, errp)) {
        return -1;
    }
    if (s->output == output) {
        return 0;
    }
    qio_error_set(&err, QIO_ERROR_INVALID, 0, "the migration stream is for %s",
                  s->output ? "writing" : "reading");
    return qiop_stream_fail(s, err, errp);
}

/* ---- from any thread ---- */

uint64_t qio_migration_stream_transferred(const QIOMigrationStream *s)
{
    return atomic_load_explicit(&s->transferred, memory_order_relaxed);
}

void qio_migration_stream_set_rate_limit(QIOMigrationStream *s,
                                         uint64_t bytes_per_second)
{
    if (s->output) {
        qiop_rate_set(&s->out.rate, bytes_per_second);
    }
}

int qio_migration_stream_shutdown(QIOMigrationStream *s, QIOError **errp)
{
    QIOError *err = NULL;

    /* First the error: what reads and writes say from here on is no longer
     * believed. */
    qio_error_set(&err, QIO_ERROR_SHUTDOWN, 0,
                  "the migration stream was broken off");
    qiop_stream_fail(s, err, NULL);
    if (s->output) {
        qiop_rate_stop(&s->out.rate);
    }
    return qio_channel_shutdown(s->ioc, QIO_CHANNEL_SHUTDOWN_BOTH, errp);
}
