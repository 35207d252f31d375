/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A C++ program outside the tree: the headers and the linking. */
#include <cstdio>
#include <memory>
#include <qio/channel-ops.h>
#include <qio/qio.h>

int main()
{
    QIOError *err = nullptr;
    std::unique_ptr<QIOChannel, void (*)(QIOChannel *)> ioc(
        qio_channel_null_new(&err), qio_channel_unref);
    char byte;

    if (!ioc || qio_channel_write_all(ioc.get(), "x", 1, &err) < 0 ||
        qio_channel_read(ioc.get(), &byte, 1, &err) != 0) {
        std::fprintf(stderr, "%s\n", qio_error_message(err));
        return 1;
    }
    return 0;
}
