/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A websocket client and server above any two connected channels, for
 * tests. */
#ifndef WSPAIR_H
#define WSPAIR_H

#include <qio/channel-websocket.h>

/* What pair_websocket() stands on: any function of tests/pairs.h. */
struct websocket_over {
    int (*base)(void *opaque, QIOChannel *pair[2], QIOError **errp);
    void *opaque;
    bool server_first; /* pair[0] is the server */
};

/* Has the form of qio_contract.make; opaque is a struct websocket_over. */
int pair_websocket(void *opaque, QIOChannel *pair[2], QIOError **errp);

/* Open both, one in a helper thread; 0, or -1 with the first failure. */
int wspair_open(QIOChannel *one, QIOChannel *other, QIOError **errp);

#endif
