/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * copy-file FROM TO: copy from one endpoint to another, whatever they are:
 * file:PATH, exec:COMMAND, stdio:, tcp:HOST:PORT, unix:PATH ...
 */
#include <inttypes.h>
#include <stdio.h>
#include <qio/qio.h>

static QIOChannel *open_endpoint(const char *text, QIOEndpointMode mode,
                                 QIOError **errp)
{
    QIOEndpoint *ep = qio_endpoint_parse(text, errp);
    QIOChannel *ioc;

    if (!ep) {
        return NULL;
    }
    ioc = qio_endpoint_connect_sync(ep, NULL, mode, -1, errp);
    qio_endpoint_free(ep);
    return ioc;
}

int main(int argc, char **argv)
{
    QIOError *err = NULL;
    QIOChannel *from = NULL;
    QIOChannel *to = NULL;
    uint64_t copied;
    int result = 1;

    if (argc != 3) {
        fprintf(stderr, "usage: copy-file FROM TO\n");
        return 2;
    }
    from = open_endpoint(argv[1], QIO_ENDPOINT_READ, &err);
    if (!from) {
        goto out;
    }
    to = open_endpoint(argv[2], QIO_ENDPOINT_WRITE, &err);
    if (!to || qio_channel_copy(from, to, 0, &copied, &err) < 0 ||
        qio_channel_close(to, &err) < 0) {
        goto out;
    }
    fprintf(stderr, "%" PRIu64 " bytes copied\n", copied);
    result = 0;
out:
    if (err) {
        fprintf(stderr, "copy-file: %s\n", qio_error_message(err));
        qio_error_free(err);
    }
    qio_channel_unref(from);
    qio_channel_unref(to);
    return result;
}
