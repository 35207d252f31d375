/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What websocket-echo-server and websocket-echo-client do alike. */
#ifndef WEBSOCKET_ECHO_H
#define WEBSOCKET_ECHO_H

#include <qio/qio.h>

/* Bytes of a message that are kept for its echo. */
#define ECHO_MAX (64 << 20)

/*
 * Send every message back, of the same type and with the same ends, until the
 * peer closes. Says goodbye in any case. Returns 0, or -1.
 */
int websocket_echo(QIOChannel *ioc, QIOError **errp);

#endif
