/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLS in the middle of a stream: nothing may have come before it. */
#include <config.h>
#include <qio/channel-ops.h>
#include <qio/channel-tls.h>

static void too_early(QIOChannel *base, QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_TLS, 0,
                  "%s: plaintext came where TLS has to begin: somebody sent "
                  "bytes ahead of the handshake",
                  qio_channel_name(base));
}

int qio_channel_tls_check_upgrade(QIOChannel *base, size_t unread,
                                  QIOError **errp)
{
    unsigned char byte;
    struct iovec iov = {&byte, 1};
    ssize_t n;

    if (!base) {
        qio_error_set(errp, QIO_ERROR_INVALID, 0,
                      "TLS needs a channel beneath");
        return -1;
    }
    if (unread) {
        too_early(base, errp);
        return -1;
    }
    n = qio_channel_try_readv(base, &iov, 1, errp);
    if (n > 0) {
        too_early(base, errp);
        return -1;
    }
    /* What its end means, the handshake says. */
    return n == -1 ? -1 : 0;
}
