/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QIOError: what went wrong, for a program (code, category, errno) and for a
 * person (message).
 *
 * Every fallible function takes `QIOError **errp` as its last parameter. NULL
 * is allowed: the caller does not want to know. Otherwise *errp must be NULL
 * on entry, and is set exactly when the function reports failure. The return
 * value decides, the error explains; nothing is kept in thread-local storage.
 *
 * An error belongs to whoever holds the pointer and may be used by one thread
 * at a time. When memory for an error cannot be had, a constant
 * "out of memory" error is delivered instead, so a failure is never silent.
 */
#ifndef QIO_ERROR_H
#define QIO_ERROR_H

#include <stdarg.h>
#include <qio/macros.h>

QIO_BEGIN_DECLS

typedef struct QIOError QIOError;

/* Stable: values are only ever added at the end. */
typedef enum QIOErrorCode {
    QIO_ERROR_NONE = 0,
    QIO_ERROR_NOMEM,         /* an allocation failed */
    QIO_ERROR_INVALID,       /* a bad argument or malformed text */
    QIO_ERROR_UNSUPPORTED,   /* this channel or platform cannot do it */
    QIO_ERROR_STATE,         /* not now: not open yet, or failed to open */
    QIO_ERROR_SYSTEM,        /* a system call failed, see qio_error_errno() */
    QIO_ERROR_TIMEOUT,       /* the deadline passed */
    QIO_ERROR_CANCELLED,     /* the caller cancelled it */
    QIO_ERROR_SHUTDOWN,      /* this side shut the direction down */
    QIO_ERROR_CLOSED,        /* this side closed the channel */
    QIO_ERROR_EOF,           /* the peer ended in the middle of something */
    QIO_ERROR_BROKEN,        /* the peer is gone: EPIPE, ECONNRESET ... */
    QIO_ERROR_CONNECT,       /* no address of the peer could be reached */
    QIO_ERROR_RESOLVE,       /* a host or service name does not resolve */
    QIO_ERROR_IN_USE,        /* the address, port or ID is taken */
    QIO_ERROR_NOT_FOUND,     /* no such object, file or command */
    QIO_ERROR_FD_TRUNCATED,  /* passed descriptors were lost (MSG_CTRUNC) */
    QIO_ERROR_CREDENTIALS,   /* credentials cannot be loaded or are unfit */
    QIO_ERROR_TLS,           /* TLS protocol failure */
    QIO_ERROR_TLS_TRUNCATED, /* end of stream without close_notify */
    QIO_ERROR_TLS_VERIFY,    /* we do not accept the peer's identity */
    QIO_ERROR_TLS_REJECTED,  /* the peer ended the session with an alert */
    QIO_ERROR_AUTHZ,         /* the peer is known, but not allowed */
    QIO_ERROR_COMMAND,       /* a command could not run or exited badly */
    QIO_ERROR_STREAM,        /* malformed or incomplete migration stream */
    QIO_ERROR_WEBSOCKET,     /* websocket protocol failure, or we refuse */
    QIO_ERROR_WEBSOCKET_TRUNCATED, /* end of stream without close frame */
    QIO_ERROR_WEBSOCKET_REJECTED,  /* the peer refuses, or closed in anger */
} QIOErrorCode;

/* What a caller would do about it. */
typedef enum QIOErrorCategory {
    QIO_ERROR_CATEGORY_USAGE,    /* a mistake in the calling program or text */
    QIO_ERROR_CATEGORY_RETRY,    /* may work later or elsewhere */
    QIO_ERROR_CATEGORY_REPORT,   /* tell the operator */
    QIO_ERROR_CATEGORY_SECURITY, /* treat it as an attack until explained */
} QIOErrorCategory;

/*
 * qio_error_code: the stable code; QIO_ERROR_NONE for NULL.
 * qio_error_category: derived from code and errno; USAGE for NULL.
 * qio_error_errno: the errno behind it, 0 if none.
 * qio_error_tls: the negative GnuTLS code behind it, 0 if none.
 * qio_error_tls_alert: the number of the alert by which the peer ended the
 *   session (RFC 8446 §6), -1 if none. 80, internal_error, is how our own
 *   qio_channel_tls_abort() says that this side failed.
 * qio_error_message: one line without trailing newline, UTF-8, owned by the
 *   error, valid until it is changed or freed; "no error" for NULL.
 *
 * Threads: any, one at a time for one error. Never fail, never block.
 * Since: 0.1
 */
QIO_API QIOErrorCode qio_error_code(const QIOError *err);
QIO_API QIOErrorCategory qio_error_category(const QIOError *err);
QIO_API int qio_error_errno(const QIOError *err);
QIO_API int qio_error_tls(const QIOError *err);
QIO_API int qio_error_tls_alert(const QIOError *err);
QIO_API const char *qio_error_message(const QIOError *err);

/* The code's name without prefix, e.g. "TLS_TRUNCATED"; "UNKNOWN" for values
 * of a newer library. Static. Since: 0.1 */
QIO_API const char *qio_error_code_name(QIOErrorCode code);

/* Free an error; NULL is allowed. Since: 0.1 */
QIO_API void qio_error_free(QIOError *err);

/* A copy owned by the caller; NULL gives NULL. Without memory the constant
 * out-of-memory error. Since: 0.1 */
QIO_API QIOError *qio_error_copy(const QIOError *err);

/*
 * For those who report errors (channel types, programs):
 *
 * qio_error_set: store a new error in *errp; does nothing when errp is NULL
 *   or *errp already holds one (the first cause wins). sys_errno is kept and,
 *   when not 0, ": " and its text are appended to the message.
 * qio_error_set_tls: likewise for a GnuTLS code; its text is not appended.
 * qio_error_set_tls_alert: note the peer's alert in an error; NULL is allowed.
 * qio_error_prefix: put text in front of the message of *errp, if there is one.
 * qio_error_propagate: hand err to *errp, taking ownership; frees it when errp
 *   is NULL or already holds an error (the first cause wins). err may be NULL.
 *
 * Since: 0.1
 */
QIO_API void qio_error_set(QIOError **errp, QIOErrorCode code, int sys_errno,
                           const char *fmt, ...) QIO_PRINTF(4, 5) QIO_COLD;
QIO_API void qio_error_vset(QIOError **errp, QIOErrorCode code, int sys_errno,
                            const char *fmt, va_list ap) QIO_PRINTF(4, 0);
QIO_API void qio_error_set_tls(QIOError **errp, QIOErrorCode code, int tls_code,
                               const char *fmt, ...) QIO_PRINTF(4, 5) QIO_COLD;
QIO_API void qio_error_set_tls_alert(QIOError *err, int alert);
QIO_API void qio_error_prefix(QIOError **errp, const char *fmt, ...)
    QIO_PRINTF(2, 3) QIO_COLD;
QIO_API void qio_error_propagate(QIOError **errp, QIOError *err);

QIO_END_DECLS

#endif
