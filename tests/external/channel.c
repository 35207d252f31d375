/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program outside the tree: bytes through a buffer channel. */
#include <stdio.h>
#include <string.h>
#include <qio/qio.h>

int main(void)
{
    QIOError *err = NULL;
    QIOChannel *ioc = qio_channel_buffer_new(0, &err);
    char text[5];

    if (!ioc || qio_channel_write_all(ioc, "hello", 5, &err) < 0 ||
        qio_channel_io_seek(ioc, 0, SEEK_SET, &err) < 0 ||
        qio_channel_read_all(ioc, text, 5, &err) < 0 ||
        memcmp(text, "hello", 5)) {
        fprintf(stderr, "%s\n", qio_error_message(err));
        return 1;
    }
    printf("libqio %s\n", qio_version());
    qio_channel_unref(ioc);
    return 0;
}
