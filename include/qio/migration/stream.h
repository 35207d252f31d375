/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QIOMigrationStream: buffered, typed reading or writing on a channel, as a
 * migration needs it. A stream has one direction; a channel can carry one
 * stream each way (the second is the return path).
 *
 * Errors stick: after the first failure every call fails at once, and
 * qio_migration_stream_error() tells why. So a series of puts may be written
 * without looking, as long as the last flush is checked. Getters always return
 * a status: the end of the stream is never a zero that looks like data.
 *
 * Threads: one at a time for a stream, except shutdown, transferred and
 * set_rate_limit, which any thread may call. The two directions may be used by
 * two threads.
 */
#ifndef QIO_MIGRATION_STREAM_H
#define QIO_MIGRATION_STREAM_H

#include <qio/channel.h>

QIO_BEGIN_DECLS

typedef struct QIOMigrationStream QIOMigrationStream;

/* A stream that reads from, or writes to, ioc, with its own reference on it.
 * NULL with QIO_ERROR_NOMEM. Since: 0.1 */
QIO_API QIOMigrationStream *qio_migration_stream_new_input(
    QIOChannel *ioc, QIOError **errp) QIO_MUST_CHECK;
QIO_API QIOMigrationStream *qio_migration_stream_new_output(
    QIOChannel *ioc, QIOError **errp) QIO_MUST_CHECK;
/* A stream on the same channel in the other direction. Since: 0.1 */
QIO_API QIOMigrationStream *qio_migration_stream_new_return_path(
    QIOMigrationStream *s, QIOError **errp) QIO_MUST_CHECK;

/* The channel, borrowed. */
QIO_API QIOChannel *qio_migration_stream_channel(const QIOMigrationStream *s);

/*
 * qio_migration_stream_close: flush (output), free the stream, drop its
 * reference on the channel. Does not close the channel. Descriptors received
 * and not taken are closed. Returns 0, or -1 with the stream's first error;
 * freed in any case. NULL is allowed. Blocks (output). Since: 0.1
 */
QIO_API int qio_migration_stream_close(QIOMigrationStream *s, QIOError **errp);

/* The first error, borrowed, NULL if none. Since: 0.1 */
QIO_API const QIOError *qio_migration_stream_error(const QIOMigrationStream *s);

/* ---- output: 0 or -1, may block when the buffer is full ---- */

/* Big-endian numbers. Since: 0.1 */
QIO_API int qio_migration_stream_put_byte(QIOMigrationStream *s, uint8_t v,
                                          QIOError **errp);
QIO_API int qio_migration_stream_put_be16(QIOMigrationStream *s, uint16_t v,
                                          QIOError **errp);
QIO_API int qio_migration_stream_put_be32(QIOMigrationStream *s, uint32_t v,
                                          QIOError **errp);
QIO_API int qio_migration_stream_put_be64(QIOMigrationStream *s, uint64_t v,
                                          QIOError **errp);
/* One length byte and up to 255 bytes; longer is QIO_ERROR_INVALID. */
QIO_API int qio_migration_stream_put_counted_string(QIOMigrationStream *s,
                                                    const char *str,
                                                    QIOError **errp);
/* Copied into the stream's buffer. */
QIO_API int qio_migration_stream_put_buffer(QIOMigrationStream *s,
                                            const void *buf, size_t len,
                                            QIOError **errp);
/* By reference: not copied, so the bytes must stay until the next flush; what
 * goes out is their content at the moment of sending. Adjacent pieces merge
 * into one. */
QIO_API int qio_migration_stream_put_buffer_ref(QIOMigrationStream *s,
                                                const void *buf, size_t len,
                                                QIOError **errp);
/* Pass a descriptor, with one byte of data; the caller keeps his. Needs
 * FD_PASS. Flushes. */
QIO_API int qio_migration_stream_put_fd(QIOMigrationStream *s, int fd,
                                        QIOError **errp);
/* Everything put so far is given to the channel and flushed there. Blocks. */
QIO_API int qio_migration_stream_flush(QIOMigrationStream *s, QIOError **errp);

/* At most this many bytes a second (token bucket of a tenth of a second), 0
 * for no limit (the default). */
QIO_API void qio_migration_stream_set_rate_limit(QIOMigrationStream *s,
                                                 uint64_t bytes_per_second);

/* ---- input: 1 done, 0 end of the stream before the first byte, -1 ---- */

/* Big-endian numbers; *v is untouched unless the result is 1. Since: 0.1 */
QIO_API int qio_migration_stream_get_byte(QIOMigrationStream *s, uint8_t *v,
                                          QIOError **errp) QIO_MUST_CHECK;
QIO_API int qio_migration_stream_get_be16(QIOMigrationStream *s, uint16_t *v,
                                          QIOError **errp) QIO_MUST_CHECK;
QIO_API int qio_migration_stream_get_be32(QIOMigrationStream *s, uint32_t *v,
                                          QIOError **errp) QIO_MUST_CHECK;
QIO_API int qio_migration_stream_get_be64(QIOMigrationStream *s, uint64_t *v,
                                          QIOError **errp) QIO_MUST_CHECK;
/* str has room for 256 bytes; NUL is appended. A string with a NUL inside is
 * QIO_ERROR_STREAM. */
QIO_API int qio_migration_stream_get_counted_string(
    QIOMigrationStream *s, char str[256], QIOError **errp) QIO_MUST_CHECK;
/* Exactly len bytes; an end in the middle is QIO_ERROR_EOF. Large reads go
 * straight into buf. */
QIO_API int qio_migration_stream_get_buffer(QIOMigrationStream *s, void *buf,
                                            size_t len,
                                            QIOError **errp) QIO_MUST_CHECK;
/* Up to len bytes, at least one: >0, 0 at the end of the stream, -1. len 0 is
 * QIO_ERROR_INVALID. */
QIO_API ssize_t qio_migration_stream_get_some(QIOMigrationStream *s, void *buf,
                                              size_t len,
                                              QIOError **errp) QIO_MUST_CHECK;
/* Exactly len bytes without copying where they lie in one piece in the
 * buffer: *data is valid until the next call. len up to
 * QIO_MIGRATION_STREAM_PEEK_MAX. */
QIO_API int qio_migration_stream_get_in_place(QIOMigrationStream *s,
                                              const void **data, size_t len,
                                              QIOError **errp) QIO_MUST_CHECK;
/* Look at len bytes, offset bytes ahead, without taking them; offset + len up
 * to QIO_MIGRATION_STREAM_PEEK_MAX. *data is valid until the next call. 0 when
 * not even the next byte comes; an end between that and the last byte asked
 * for is QIO_ERROR_EOF, which sticks like any error. */
#define QIO_MIGRATION_STREAM_PEEK_MAX 32768
QIO_API int qio_migration_stream_peek(QIOMigrationStream *s, const void **data,
                                      size_t len, size_t offset,
                                      QIOError **errp) QIO_MUST_CHECK;
QIO_API int qio_migration_stream_skip(QIOMigrationStream *s, uint64_t len,
                                      QIOError **errp) QIO_MUST_CHECK;
/* The descriptor that came with the next byte, which is taken; the caller owns
 * it. QIO_ERROR_STREAM when none came. A byte taken otherwise leaves its
 * descriptor to be closed with the stream. */
QIO_API int qio_migration_stream_get_fd(QIOMigrationStream *s, int *fd,
                                        QIOError **errp) QIO_MUST_CHECK;

/* ---- both ---- */

/* Bytes that the channel took or gave so far: without what still waits for a
 * flush, with what was read ahead. Threads: any. */
QIO_API uint64_t qio_migration_stream_transferred(const QIOMigrationStream *s);

/* Break the stream off, from any thread: the stream's error is set before the
 * channel is shut down (both directions), so that no getter can take the end
 * for data; a running call returns. Never blocks. */
QIO_API int qio_migration_stream_shutdown(QIOMigrationStream *s,
                                          QIOError **errp);

QIO_END_DECLS

#endif
