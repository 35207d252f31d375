/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is done to all connections of a channel, be there one or many. */
#include "tool-spoil.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <qio/migration/migration.h>

/* Of a websocket: RFC 6455 §7.4.1. */
#define INTERNAL_ERROR 1011

QIOChannel *tool_topmost_tls(QIOChannel *ioc)
{
    if (qio_migration_channels_count(ioc)) {
        ioc = qio_migration_channels_get(ioc, 0);
    }
    for (; ioc; ioc = qio_channel_base(ioc)) {
        if (!strcmp(qio_channel_type_name(ioc), "tls")) {
            return ioc;
        }
    }
    return NULL;
}

unsigned tool_count_resumed(QIOChannel *ioc)
{
    unsigned n = qio_migration_channels_count(ioc);
    unsigned resumed = 0;

    for (unsigned i = 0; i < n; i++) {
        QIOChannel *tls = tool_topmost_tls(qio_migration_channels_get(ioc, i));
        char *fact =
            tls ? qio_channel_tls_fact(tls, QIO_TLS_FACT_RESUMED, NULL) : NULL;

        resumed += fact && !strcmp(fact, "yes");
        free(fact);
    }
    return resumed;
}

static void spoil_one(QIOChannel *ioc)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    QIOChannel *tls = tool_topmost_tls(ioc);
    QIOChannel *leaf = ioc;
    /* On top there may be a websocket, which would end with "normal". */
    bool told = !qio_channel_websocket_goodbye(ioc, INTERNAL_ERROR,
                                               "the transfer failed", NULL);
    int fd;

    while (qio_channel_base(leaf)) {
        leaf = qio_channel_base(leaf);
    }
    fd = qio_channel_socket_get_fd(leaf);
    /* A reset would overtake what was said. */
    if (tls) {
        qio_channel_tls_abort(tls, NULL);
    } else if (fd >= 0 && !told) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    }
}

void tool_spoil(QIOChannel *ioc)
{
    unsigned n = ioc ? qio_migration_channels_count(ioc) : 0;

    if (n) {
        qio_migration_channels_set_threads(ioc, false, NULL);
    }
    for (unsigned i = 0; i < n; i++) {
        tool_spoil(qio_migration_channels_get(ioc, i));
    }
    if (ioc && !n) {
        spoil_one(ioc);
    }
}
