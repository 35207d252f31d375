/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QIOError: making, describing and handing on errors, with memory or not. */
#include <config.h>
#include <qio/error.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct QIOError {
    QIOErrorCode code;
    int sys_errno;
    int tls_code;
    int alert; /* -1: none */
    char *message;
};

/* Delivered when there is no memory for an error; never written to. */
static const QIOError out_of_memory = {
    .code = QIO_ERROR_NOMEM,
    .sys_errno = ENOMEM,
    .alert = -1,
    .message = (char *)"out of memory",
};

static QIOError *the_constant(void)
{
    return (QIOError *)&out_of_memory;
}

static const char *const code_names[] = {
    [QIO_ERROR_NONE] = "NONE",
    [QIO_ERROR_NOMEM] = "NOMEM",
    [QIO_ERROR_INVALID] = "INVALID",
    [QIO_ERROR_UNSUPPORTED] = "UNSUPPORTED",
    [QIO_ERROR_STATE] = "STATE",
    [QIO_ERROR_SYSTEM] = "SYSTEM",
    [QIO_ERROR_TIMEOUT] = "TIMEOUT",
    [QIO_ERROR_CANCELLED] = "CANCELLED",
    [QIO_ERROR_SHUTDOWN] = "SHUTDOWN",
    [QIO_ERROR_CLOSED] = "CLOSED",
    [QIO_ERROR_EOF] = "EOF",
    [QIO_ERROR_BROKEN] = "BROKEN",
    [QIO_ERROR_CONNECT] = "CONNECT",
    [QIO_ERROR_RESOLVE] = "RESOLVE",
    [QIO_ERROR_IN_USE] = "IN_USE",
    [QIO_ERROR_NOT_FOUND] = "NOT_FOUND",
    [QIO_ERROR_FD_TRUNCATED] = "FD_TRUNCATED",
    [QIO_ERROR_CREDENTIALS] = "CREDENTIALS",
    [QIO_ERROR_TLS] = "TLS",
    [QIO_ERROR_TLS_TRUNCATED] = "TLS_TRUNCATED",
    [QIO_ERROR_TLS_VERIFY] = "TLS_VERIFY",
    [QIO_ERROR_TLS_REJECTED] = "TLS_REJECTED",
    [QIO_ERROR_AUTHZ] = "AUTHZ",
    [QIO_ERROR_COMMAND] = "COMMAND",
    [QIO_ERROR_STREAM] = "STREAM",
    [QIO_ERROR_WEBSOCKET] = "WEBSOCKET",
    [QIO_ERROR_WEBSOCKET_TRUNCATED] = "WEBSOCKET_TRUNCATED",
    [QIO_ERROR_WEBSOCKET_REJECTED] = "WEBSOCKET_REJECTED",
};

const char *qio_error_code_name(QIOErrorCode code)
{
    size_t i = (size_t)code;

    if (i >= sizeof(code_names) / sizeof(code_names[0])) {
        return "UNKNOWN";
    }
    return code_names[i];
}

QIOErrorCode qio_error_code(const QIOError *err)
{
    return err ? err->code : QIO_ERROR_NONE;
}

int qio_error_errno(const QIOError *err)
{
    return err ? err->sys_errno : 0;
}

int qio_error_tls(const QIOError *err)
{
    return err ? err->tls_code : 0;
}

int qio_error_tls_alert(const QIOError *err)
{
    return err ? err->alert : -1;
}

const char *qio_error_message(const QIOError *err)
{
    return err ? err->message : "no error";
}

static QIOErrorCategory errno_category(int sys_errno)
{
    switch (sys_errno) {
    case EINVAL:
    case EBADF:
    case EFAULT:
    case ENOTSOCK:
    case ENOTCONN:
        return QIO_ERROR_CATEGORY_USAGE;
    case EAGAIN:
    case EINTR:
    case ENOMEM:
    case ENOBUFS:
    case EMFILE:
    case ENFILE:
    case EBUSY:
    case EADDRINUSE:
    case ECONNREFUSED:
    case ECONNABORTED:
    case ECONNRESET:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
        return QIO_ERROR_CATEGORY_RETRY;
    default:
        return QIO_ERROR_CATEGORY_REPORT;
    }
}

QIOErrorCategory qio_error_category(const QIOError *err)
{
    switch (qio_error_code(err)) {
    case QIO_ERROR_NONE:
    case QIO_ERROR_INVALID:
    case QIO_ERROR_UNSUPPORTED:
    case QIO_ERROR_STATE:
    case QIO_ERROR_SHUTDOWN:
    case QIO_ERROR_CLOSED:
        return QIO_ERROR_CATEGORY_USAGE;
    case QIO_ERROR_NOMEM:
    case QIO_ERROR_TIMEOUT:
    case QIO_ERROR_CANCELLED:
    case QIO_ERROR_EOF:
    case QIO_ERROR_BROKEN:
    case QIO_ERROR_RESOLVE:
    case QIO_ERROR_IN_USE:
    case QIO_ERROR_WEBSOCKET_TRUNCATED:
        return QIO_ERROR_CATEGORY_RETRY;
    case QIO_ERROR_CONNECT:
        if (err->sys_errno == EACCES || err->sys_errno == EPERM) {
            return QIO_ERROR_CATEGORY_REPORT;
        }
        return QIO_ERROR_CATEGORY_RETRY;
    case QIO_ERROR_SYSTEM:
        return errno_category(err->sys_errno);
    case QIO_ERROR_TLS:
    case QIO_ERROR_TLS_TRUNCATED:
    case QIO_ERROR_TLS_VERIFY:
    case QIO_ERROR_AUTHZ:
    case QIO_ERROR_WEBSOCKET:
        return QIO_ERROR_CATEGORY_SECURITY;
    default:
        return QIO_ERROR_CATEGORY_REPORT;
    }
}

/* Length of the UTF-8 sequence at s, 0 when it is none. Text ends in NUL, which
 * is no continuation byte. */
static size_t utf8_sequence(const unsigned char *s)
{
    size_t len, i;
    uint32_t c;

    if (s[0] < 0x80) {
        return 1;
    }
    if (s[0] < 0xc2 || s[0] > 0xf4) {
        return 0;
    }
    len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    c = s[0] & (0x7fu >> len);
    for (i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        c = c << 6 | (s[i] & 0x3f);
    }
    if ((len == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
        (len == 4 && (c < 0x10000 || c > 0x10ffff))) {
        return 0;
    }
    return len;
}

/* File names and peers can bring anything; a message stays one line of text
 * that does not drive the terminal. */
static void make_printable(char *message)
{
    unsigned char *s = (unsigned char *)message;

    while (*s) {
        size_t len = utf8_sequence(s);
        bool c1 = len == 2 && s[0] == 0xc2 && s[1] < 0xa0;

        if (len == 0 || *s < 0x20 || *s == 0x7f) {
            *s = '?';
            len = 1;
        } else if (c1) {
            s[0] = s[1] = '?';
        }
        s += len;
    }
}

static char *format_message(int sys_errno, const char *fmt, va_list ap)
{
    const char *reason;
    char *text, *whole;

    if (vasprintf(&text, fmt, ap) < 0) {
        return NULL;
    }
    if (sys_errno) {
        reason = strerrordesc_np(sys_errno);
        if (asprintf(&whole, "%s: %s", text,
                     reason ? reason : "unknown error") < 0) {
            whole = NULL;
        }
        free(text);
        text = whole;
    }
    if (text) {
        make_printable(text);
    }
    return text;
}

static QIOError *new_error(QIOErrorCode code, int sys_errno, int tls_code,
                           const char *fmt, va_list ap)
{
    QIOError *err = malloc(sizeof(*err));

    if (!err) {
        return the_constant();
    }
    err->code = code;
    err->sys_errno = sys_errno;
    err->tls_code = tls_code;
    err->alert = -1;
    err->message = format_message(sys_errno, fmt, ap);
    if (!err->message) {
        free(err);
        return the_constant();
    }
    return err;
}

void qio_error_vset(QIOError **errp, QIOErrorCode code, int sys_errno,
                    const char *fmt, va_list ap)
{
    int saved = errno;

    if (errp && !*errp) {
        *errp = new_error(code, sys_errno, 0, fmt, ap);
    }
    errno = saved;
}

void qio_error_set(QIOError **errp, QIOErrorCode code, int sys_errno,
                   const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    qio_error_vset(errp, code, sys_errno, fmt, ap);
    va_end(ap);
}

void qio_error_set_tls(QIOError **errp, QIOErrorCode code, int tls_code,
                       const char *fmt, ...)
{
    int saved = errno;
    va_list ap;

    va_start(ap, fmt);
    if (errp && !*errp) {
        *errp = new_error(code, 0, tls_code, fmt, ap);
    }
    va_end(ap);
    errno = saved;
}

void qio_error_set_tls_alert(QIOError *err, int alert)
{
    if (err && err != the_constant()) {
        err->alert = alert;
    }
}

void qio_error_prefix(QIOError **errp, const char *fmt, ...)
{
    int saved = errno;
    char *prefix, *whole;
    va_list ap;

    if (!errp || !*errp || *errp == the_constant()) {
        return;
    }
    va_start(ap, fmt);
    prefix = format_message(0, fmt, ap);
    va_end(ap);
    if (prefix) {
        /* Without memory the message simply stays as it was. */
        if (asprintf(&whole, "%s%s", prefix, (*errp)->message) >= 0) {
            free((*errp)->message);
            (*errp)->message = whole;
        }
        free(prefix);
    }
    errno = saved;
}

void qio_error_propagate(QIOError **errp, QIOError *err)
{
    if (errp && !*errp) {
        *errp = err;
        return;
    }
    qio_error_free(err);
}

QIOError *qio_error_copy(const QIOError *err)
{
    QIOError *copy;

    if (!err) {
        return NULL;
    }
    if (err == the_constant()) {
        return the_constant();
    }
    copy = malloc(sizeof(*copy));
    if (!copy) {
        return the_constant();
    }
    *copy = *err;
    copy->message = strdup(err->message);
    if (!copy->message) {
        free(copy);
        return the_constant();
    }
    return copy;
}

void qio_error_free(QIOError *err)
{
    int saved = errno;

    if (err && err != the_constant()) {
        free(err->message);
        free(err);
    }
    errno = saved;
}
