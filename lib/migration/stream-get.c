/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The stream's input: a buffer filled as far ahead as the channel goes, big
 * reads past it, and the descriptors that came along.
 */
#include <config.h>
#include "stream-priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int qiop_stream_in_init(struct qiop_stream_in *in, bool pass_fds,
                        QIOError **errp)
{
    in->buf = malloc(QIOP_STREAM_GET_BUFFER);
    if (!in->buf) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    in->pass_fds = pass_fds;
    return 0;
}

void qiop_stream_in_destroy(struct qiop_stream_in *in)
{
    for (size_t i = 0; i < in->nfds; i++) {
        close(in->fds[i].fd);
    }
    free(in->fds);
    free(in->buf);
}

static size_t held(const struct qiop_stream_in *in)
{
    return in->tail - in->head;
}

static void consume(struct qiop_stream_in *in, size_t n)
{
    in->head += n;
    in->at += n;
}

/* ---- descriptors ---- */

static int grow_fds(struct qiop_stream_in *in, size_t want)
{
    size_t cap = in->fds_cap ? in->fds_cap : 16;
    struct qiop_stream_fd *fds;

    while (cap < want) {
        cap *= 2;
    }
    if (cap == in->fds_cap) {
        return 0;
    }
    fds = realloc(in->fds, cap * sizeof(*fds));
    if (!fds) {
        return -1;
    }
    in->fds = fds;
    in->fds_cap = cap;
    return 0;
}

static int queue_fds(struct qiop_stream_in *in, const int *fds, size_t nfds,
                     uint64_t at, QIOError **errp)
{
    if (nfds > QIOP_STREAM_FDS_MAX - in->nfds) {
        qio_error_set(errp, QIO_ERROR_STREAM, 0,
                      "the peer passed more than %d descriptors that nobody "
                      "takes",
                      QIOP_STREAM_FDS_MAX);
        return -1;
    }
    if (grow_fds(in, in->nfds + nfds) < 0) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    for (size_t i = 0; i < nfds; i++) {
        in->fds[in->nfds++] = (struct qiop_stream_fd){at, fds[i]};
    }
    return 0;
}

/* fds came with a read whose last byte is at `at`. A descriptor travels with
 * a byte of its own, and no read goes beyond such a byte, so it is the last. */
static int receive_fds(struct qiop_stream_in *in, int *fds, size_t nfds,
                       uint64_t at, QIOError **errp)
{
    int ret = 0;

    if (nfds) {
        ret = queue_fds(in, fds, nfds, at, errp);
    }
    for (size_t i = 0; ret < 0 && i < nfds; i++) {
        close(fds[i]);
    }
    free(fds);
    return ret;
}

/* ---- from the channel ---- */

/* One read in the channel's mode, waiting in either. */
static ssize_t read_waiting(QIOMigrationStream *s, const struct iovec *iov,
                            size_t niov, int **fds, size_t *nfds,
                            QIOError **errp)
{
    ssize_t n;

    for (;;) {
        n = qio_channel_readv_full(s->ioc, iov, niov, fds, nfds, 0, errp);
        if (n != QIO_CHANNEL_ERR_BLOCK) {
            return n;
        }
        if (qio_channel_wait(s->ioc, QIO_EVENT_IN, -1, errp) < 0) {
            return -1;
        }
    }
}

/* Read something, or learn that there is nothing more. The buffer is empty or
 * what is read comes right behind what it holds. */
static ssize_t read_some(QIOMigrationStream *s, const struct iovec *iov,
                         size_t niov, QIOError **errp)
{
    struct qiop_stream_in *in = &s->in;
    QIOError *err = NULL;
    int *fds = NULL;
    size_t nfds = 0;
    ssize_t n;

    if (in->ended) {
        return 0;
    }
    n = read_waiting(s, iov, niov, in->pass_fds ? &fds : NULL,
                     in->pass_fds ? &nfds : NULL, &err);
    if (n >= 0 &&
        receive_fds(in, fds, nfds, in->at + held(in) + n - 1, &err) < 0) {
        n = -1;
    }
    if (n < 0) {
        return qiop_stream_fail(s, err, errp);
    }
    in->ended = n == 0;
    qiop_stream_count(s, n);
    /* The end that a shutdown makes is no end of the stream. */
    return qiop_stream_failed(s, errp) ? -1 : n;
}

static int eof_error(QIOMigrationStream *s, QIOError **errp)
{
    QIOError *err = NULL;

    qio_error_set(&err, QIO_ERROR_EOF, 0,
                  "the migration stream ended in the middle of something, "
                  "after %llu bytes",
                  (unsigned long long)(s->in.at + held(&s->in)));
    return qiop_stream_fail(s, err, errp);
}

/* More into the buffer, behind what it holds. */
static ssize_t fill(QIOMigrationStream *s, QIOError **errp)
{
    struct qiop_stream_in *in = &s->in;
    struct iovec iov = {in->buf + in->tail, QIOP_STREAM_GET_BUFFER - in->tail};
    ssize_t n = read_some(s, &iov, 1, errp);

    if (n > 0) {
        in->tail += n;
    }
    return n;
}

static void make_room(struct qiop_stream_in *in, size_t len)
{
    if (in->head == in->tail) {
        in->head = in->tail = 0;
    }
    if (QIOP_STREAM_GET_BUFFER - in->head < len) {
        memmove(in->buf, in->buf + in->head, held(in));
        in->tail -= in->head;
        in->head = 0;
    }
}

/* Have len bytes in one piece in the buffer. 1, 0 or -1. */
static int want(QIOMigrationStream *s, size_t len, QIOError **errp)
{
    struct qiop_stream_in *in = &s->in;

    if (qiop_stream_check(s, false, errp) < 0) {
        return -1;
    }
    if (held(in) >= len) {
        return 1;
    }
    make_room(in, len);
    while (held(in) < len) {
        ssize_t n = fill(s, errp);

        if (n < 0) {
            return -1;
        }
        if (!n) {
            return held(in) ? eof_error(s, errp) : 0;
        }
    }
    return 1;
}

/* ---- bytes ---- */

static size_t take(struct qiop_stream_in *in, uint8_t *to, size_t len)
{
    size_t n = held(in) < len ? held(in) : len;

    memcpy(to, in->buf + in->head, n);
    consume(in, n);
    return n;
}

/* The buffer is empty: straight into the caller's memory, and what comes
 * beyond it into the buffer. How many bytes the caller got. */
static ssize_t read_direct(QIOMigrationStream *s, uint8_t *to, size_t len,
                           QIOError **errp)
{
    struct qiop_stream_in *in = &s->in;
    struct iovec iov[2] = {{to, len}, {in->buf, QIOP_STREAM_GET_BUFFER}};
    ssize_t n;

    in->head = in->tail = 0;
    n = read_some(s, iov, 2, errp);
    if (n <= 0) {
        return n;
    }
    if ((size_t)n > len) {
        in->tail = n - len;
        n = len;
    }
    in->at += n;
    return n;
}

static ssize_t refill_and_take(QIOMigrationStream *s, uint8_t *to, size_t len,
                               QIOError **errp)
{
    ssize_t n;

    if (len >= QIOP_STREAM_DIRECT) {
        return read_direct(s, to, len, errp);
    }
    make_room(&s->in, QIOP_STREAM_GET_BUFFER);
    n = fill(s, errp);
    return n > 0 ? (ssize_t)take(&s->in, to, len) : n;
}

int qio_migration_stream_get_buffer(QIOMigrationStream *s, void *buf,
                                    size_t len, QIOError **errp)
{
    uint8_t *to = buf;
    size_t done;
    ssize_t n;

    if (qiop_stream_check(s, false, errp) < 0) {
        return -1;
    }
    if (!len) {
        return 1;
    }
    done = take(&s->in, to, len);
    while (done < len) {
        n = refill_and_take(s, to + done, len - done, errp);
        if (n < 0) {
            return -1;
        }
        if (!n) {
            return done ? eof_error(s, errp) : 0;
        }
        done += n;
    }
    return 1;
}

static int invalid(QIOMigrationStream *s, const char *what, QIOError **errp)
{
    QIOError *err = NULL;

    qio_error_set(&err, QIO_ERROR_INVALID, 0, "%s", what);
    return qiop_stream_fail(s, err, errp);
}

ssize_t qio_migration_stream_get_some(QIOMigrationStream *s, void *buf,
                                      size_t len, QIOError **errp)
{
    if (qiop_stream_check(s, false, errp) < 0) {
        return -1;
    }
    if (!len || len > SSIZE_MAX) {
        return invalid(s, "no place to put what is read", errp);
    }
    if (held(&s->in)) {
        return take(&s->in, buf, len);
    }
    return refill_and_take(s, buf, len, errp);
}

int qio_migration_stream_peek(QIOMigrationStream *s, const void **data,
                              size_t len, size_t offset, QIOError **errp)
{
    int ret;

    if (len > QIO_MIGRATION_STREAM_PEEK_MAX ||
        offset > QIO_MIGRATION_STREAM_PEEK_MAX - len) {
        return invalid(s, "cannot look that far ahead", errp);
    }
    ret = want(s, offset + len, errp);
    if (ret > 0) {
        *data = s->in.buf + s->in.head + offset;
    }
    return ret;
}

int qio_migration_stream_get_in_place(QIOMigrationStream *s, const void **data,
                                      size_t len, QIOError **errp)
{
    int ret = qio_migration_stream_peek(s, data, len, 0, errp);

    if (ret > 0) {
        consume(&s->in, len);
    }
    return ret;
}

int qio_migration_stream_skip(QIOMigrationStream *s, uint64_t len,
                              QIOError **errp)
{
    struct qiop_stream_in *in = &s->in;
    bool begun = false;

    while (len) {
        int ret = want(s, 1, errp);
        size_t n;

        if (ret <= 0) {
            return ret == 0 && begun ? eof_error(s, errp) : ret;
        }
        n = held(in) < len ? held(in) : (size_t)len;
        consume(in, n);
        len -= n;
        begun = true;
    }
    return qiop_stream_check(s, false, errp) < 0 ? -1 : 1;
}

/* ---- types ---- */

static int get_be(QIOMigrationStream *s, uint64_t *v, size_t len,
                  QIOError **errp)
{
    int ret = want(s, len, errp);
    const uint8_t *p;

    if (ret <= 0) {
        return ret;
    }
    p = s->in.buf + s->in.head;
    *v = 0;
    for (size_t i = 0; i < len; i++) {
        *v = *v << 8 | p[i];
    }
    consume(&s->in, len);
    return 1;
}

int qio_migration_stream_get_byte(QIOMigrationStream *s, uint8_t *v,
                                  QIOError **errp)
{
    uint64_t wide;
    int ret = get_be(s, &wide, sizeof(*v), errp);

    if (ret > 0) {
        *v = (uint8_t)wide;
    }
    return ret;
}

int qio_migration_stream_get_be16(QIOMigrationStream *s, uint16_t *v,
                                  QIOError **errp)
{
    uint64_t wide;
    int ret = get_be(s, &wide, sizeof(*v), errp);

    if (ret > 0) {
        *v = (uint16_t)wide;
    }
    return ret;
}

int qio_migration_stream_get_be32(QIOMigrationStream *s, uint32_t *v,
                                  QIOError **errp)
{
    uint64_t wide;
    int ret = get_be(s, &wide, sizeof(*v), errp);

    if (ret > 0) {
        *v = (uint32_t)wide;
    }
    return ret;
}

int qio_migration_stream_get_be64(QIOMigrationStream *s, uint64_t *v,
                                  QIOError **errp)
{
    return get_be(s, v, sizeof(*v), errp);
}

int qio_migration_stream_get_counted_string(QIOMigrationStream *s,
                                            char str[256], QIOError **errp)
{
    QIOError *err = NULL;
    int ret = want(s, 1, errp);
    const uint8_t *p;
    size_t len;

    if (ret <= 0) {
        return ret;
    }
    len = s->in.buf[s->in.head];
    if (want(s, 1 + len, errp) < 0) {
        return -1;
    }
    p = s->in.buf + s->in.head + 1;
    if (memchr(p, 0, len)) {
        qio_error_set(&err, QIO_ERROR_STREAM, 0,
                      "a string in the migration stream has a NUL inside");
        return qiop_stream_fail(s, err, errp);
    }
    memcpy(str, p, len);
    str[len] = '\0';
    consume(&s->in, 1 + len);
    return 1;
}

/* The first descriptor that came with the byte at head, or -1. */
static int pop_fd(struct qiop_stream_in *in)
{
    for (size_t i = 0; i < in->nfds; i++) {
        int fd = in->fds[i].fd;

        if (in->fds[i].at == in->at) {
            memmove(in->fds + i, in->fds + i + 1,
                    (--in->nfds - i) * sizeof(*in->fds));
            return fd;
        }
    }
    return -1;
}

int qio_migration_stream_get_fd(QIOMigrationStream *s, int *fd, QIOError **errp)
{
    QIOError *err = NULL;
    int ret = want(s, 1, errp);
    int got;

    if (ret <= 0) {
        return ret;
    }
    got = pop_fd(&s->in);
    if (got < 0) {
        qio_error_set(&err, QIO_ERROR_STREAM, 0,
                      "no descriptor came with this byte of the migration "
                      "stream");
        return qiop_stream_fail(s, err, errp);
    }
    consume(&s->in, 1);
    *fd = got;
    return 1;
}
