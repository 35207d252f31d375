/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The stream's output: pieces, copied or referenced, are gathered into batches
 * that go to the channel in one call.
 */
#include <config.h>
#include "stream-priv.h"

#include <stdlib.h>
#include <string.h>

int qiop_stream_out_init(struct qiop_stream_out *out, QIOError **errp)
{
    out->buf = malloc(QIOP_STREAM_PUT_BUFFER);
    if (!out->buf) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    if (qiop_rate_init(&out->rate, errp) < 0) {
        free(out->buf);
        return -1;
    }
    return 0;
}

void qiop_stream_out_destroy(struct qiop_stream_out *out)
{
    qiop_rate_destroy(&out->rate);
    free(out->buf);
}

/* ---- to the channel ---- */

/* Write these pieces. An error set meanwhile by another thread counts. */
static int write_pieces(QIOMigrationStream *s, const struct iovec *iov,
                        size_t niov, size_t bytes, QIOError **errp)
{
    QIOError *err = NULL;

    if (qio_channel_writev_full_all(s->ioc, iov, niov, NULL, 0, 0, &err) < 0) {
        return qiop_stream_fail(s, err, errp);
    }
    qiop_stream_count(s, bytes);
    return qiop_stream_failed(s, errp) ? -1 : 0;
}

/* Write the first n bytes of the batch from piece *first on, cutting a piece
 * in two where need be. */
static int write_slice(QIOMigrationStream *s, size_t *first, size_t n,
                       QIOError **errp)
{
    struct iovec *iov = s->out.iov + *first;
    size_t niov = 0;
    size_t left = n;
    size_t rest;

    while (left > iov[niov].iov_len) {
        left -= iov[niov++].iov_len;
    }
    rest = iov[niov].iov_len - left;
    iov[niov].iov_len = left;
    if (write_pieces(s, iov, niov + 1, n, errp) < 0) {
        return -1;
    }
    iov[niov].iov_base = (uint8_t *)iov[niov].iov_base + left;
    iov[niov].iov_len = rest;
    *first += rest ? niov : niov + 1;
    return 0;
}

static int write_batch(QIOMigrationStream *s, QIOError **errp)
{
    struct qiop_stream_out *out = &s->out;
    size_t first = 0;
    size_t n;

    while (out->bytes) {
        n = qiop_rate_take(&out->rate, out->bytes);
        if (qiop_stream_failed(s, errp) ||
            write_slice(s, &first, n, errp) < 0) {
            return -1;
        }
        out->bytes -= n;
    }
    out->niov = 0;
    out->used = 0;
    return 0;
}

/* ---- gathering ---- */

static bool follows_last(const struct qiop_stream_out *out, const void *base)
{
    const struct iovec *last;

    if (!out->niov) {
        return false;
    }
    last = &out->iov[out->niov - 1];
    return (uint8_t *)last->iov_base + last->iov_len == base;
}

/* There is always room for one more piece and one more byte. */
static int add_piece(QIOMigrationStream *s, const void *base, size_t len,
                     QIOError **errp)
{
    struct qiop_stream_out *out = &s->out;

    if (follows_last(out, base)) {
        out->iov[out->niov - 1].iov_len += len;
    } else {
        out->iov[out->niov++] = (struct iovec){(void *)base, len};
    }
    out->bytes += len;
    if (out->niov == QIOP_STREAM_PIECES || out->bytes >= QIOP_STREAM_BATCH ||
        out->used == QIOP_STREAM_PUT_BUFFER) {
        return write_batch(s, errp);
    }
    return 0;
}

static int put_ref(QIOMigrationStream *s, const uint8_t *buf, size_t len,
                   QIOError **errp)
{
    /* So that the sum of a batch cannot overflow. */
    const size_t most = SSIZE_MAX / 2;

    while (len > most) {
        if (add_piece(s, buf, most, errp) < 0) {
            return -1;
        }
        buf += most;
        len -= most;
    }
    return len ? add_piece(s, buf, len, errp) : 0;
}

static int put_copy(QIOMigrationStream *s, const uint8_t *data, size_t len,
                    QIOError **errp)
{
    struct qiop_stream_out *out = &s->out;

    while (len) {
        uint8_t *to = out->buf + out->used;
        size_t n = QIOP_STREAM_PUT_BUFFER - out->used;

        n = len < n ? len : n;
        memcpy(to, data, n);
        out->used += n;
        if (add_piece(s, to, n, errp) < 0) {
            return -1;
        }
        data += n;
        len -= n;
    }
    return 0;
}

static int put_be(QIOMigrationStream *s, uint64_t v, size_t len,
                  QIOError **errp)
{
    uint8_t bytes[8];

    if (qiop_stream_check(s, true, errp) < 0) {
        return -1;
    }
    for (size_t i = len; i-- > 0; v >>= 8) {
        bytes[i] = (uint8_t)v;
    }
    return put_copy(s, bytes, len, errp);
}

/* ---- public ---- */

int qio_migration_stream_put_byte(QIOMigrationStream *s, uint8_t v,
                                  QIOError **errp)
{
    return put_be(s, v, 1, errp);
}

int qio_migration_stream_put_be16(QIOMigrationStream *s, uint16_t v,
                                  QIOError **errp)
{
    return put_be(s, v, 2, errp);
}

int qio_migration_stream_put_be32(QIOMigrationStream *s, uint32_t v,
                                  QIOError **errp)
{
    return put_be(s, v, 4, errp);
}

int qio_migration_stream_put_be64(QIOMigrationStream *s, uint64_t v,
                                  QIOError **errp)
{
    return put_be(s, v, 8, errp);
}

int qio_migration_stream_put_counted_string(QIOMigrationStream *s,
                                            const char *str, QIOError **errp)
{
    size_t len = strlen(str);
    QIOError *err = NULL;

    if (qiop_stream_check(s, true, errp) < 0) {
        return -1;
    }
    if (len > UINT8_MAX) {
        qio_error_set(&err, QIO_ERROR_INVALID, 0,
                      "a string of %zu bytes is too long for a migration "
                      "stream, which takes 255",
                      len);
        return qiop_stream_fail(s, err, errp);
    }
    if (put_be(s, len, 1, errp) < 0) {
        return -1;
    }
    return put_copy(s, (const uint8_t *)str, len, errp);
}

int qio_migration_stream_put_buffer(QIOMigrationStream *s, const void *buf,
                                    size_t len, QIOError **errp)
{
    if (qiop_stream_check(s, true, errp) < 0) {
        return -1;
    }
    if (len < QIOP_STREAM_PUT_BUFFER) {
        return put_copy(s, buf, len, errp);
    }
    /* Sending it now is cheaper than copying it. */
    if (put_ref(s, buf, len, errp) < 0) {
        return -1;
    }
    return write_batch(s, errp);
}

int qio_migration_stream_put_buffer_ref(QIOMigrationStream *s, const void *buf,
                                        size_t len, QIOError **errp)
{
    if (qiop_stream_check(s, true, errp) < 0) {
        return -1;
    }
    return put_ref(s, buf, len, errp);
}

int qio_migration_stream_flush(QIOMigrationStream *s, QIOError **errp)
{
    if (qiop_stream_check(s, true, errp) < 0) {
        return -1;
    }
    return write_batch(s, errp);
}

int qio_migration_stream_put_fd(QIOMigrationStream *s, int fd, QIOError **errp)
{
    uint8_t byte = ' ';
    struct iovec iov = {&byte, 1};
    QIOError *err = NULL;

    if (qio_migration_stream_flush(s, errp) < 0) {
        return -1;
    }
    if (!qio_channel_has_feature(s->ioc, QIO_CHANNEL_FEATURE_FD_PASS)) {
        qio_error_set(&err, QIO_ERROR_UNSUPPORTED, 0,
                      "channel '%s' cannot pass descriptors",
                      qio_channel_name(s->ioc));
        return qiop_stream_fail(s, err, errp);
    }
    if (qio_channel_writev_full_all(s->ioc, &iov, 1, &fd, 1, 0, &err) < 0) {
        return qiop_stream_fail(s, err, errp);
    }
    qiop_stream_count(s, 1);
    return qiop_stream_failed(s, errp) ? -1 : 0;
}
