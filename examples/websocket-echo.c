/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages of a websocket, sent back. */
#include "websocket-echo.h"

#include <stdlib.h>

#define PIECE 65536
/* Milliseconds between two bytes, and bytes, of a peer that was told. */
#define LINGER 1000
#define LINGER_MAX (8 << 20)

typedef struct Message {
    QIOWebsocketType type;
    char *data;
    size_t len;
    size_t size;
} Message;

/* Room for a piece at least; larger and larger steps. */
static int make_room(Message *m, QIOError **errp)
{
    size_t size = m->size ? m->size * 2 : PIECE;
    char *data;

    if (m->size - m->len >= PIECE / 2) {
        return 0;
    }
    data = realloc(m->data, size);
    if (!data) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    m->data = data;
    m->size = size;
    return 0;
}

/* A whole message. Returns 1, 0 at the end of the stream, or -1. */
static int receive(QIOChannel *ioc, Message *m, QIOError **errp)
{
    bool end = false;

    m->len = 0;
    while (!end) {
        ssize_t n;

        if (make_room(m, errp) < 0) {
            return -1;
        }
        n = qio_channel_websocket_receive(
            ioc, m->data + m->len, m->size - m->len, &m->type, &end, -1, errp);
        if (n < 0 || (n == 0 && !end)) {
            return (int)n;
        }
        m->len += (size_t)n;
    }
    return 1;
}

/* We end it while the peer still sends. If the connection were closed now, TCP
 * would reset it, and our goodbye would be lost on the way (RFC 6455 section
 * 7.1.1). So we wait for the peer to read it and to close, for a while. */
static void linger(QIOChannel *base)
{
    char buf[PIECE];

    qio_channel_set_timeout(base, LINGER);
    if (qio_channel_shutdown(base, QIO_CHANNEL_SHUTDOWN_WRITE, NULL) < 0) {
        return;
    }
    for (int i = 0; i < LINGER_MAX / PIECE; i++) {
        if (qio_channel_read(base, buf, sizeof(buf), NULL) <= 0) {
            break;
        }
    }
}

int websocket_echo(QIOChannel *ioc, QIOError **errp)
{
    Message m = {.data = NULL};
    int r;

    while ((r = receive(ioc, &m, errp)) > 0) {
        r = qio_channel_websocket_send(ioc, m.type, m.data, m.len, -1, errp);
        if (r < 0) {
            break;
        }
    }
    free(m.data);
    /* After a failure as well, for the peer is told why. */
    if (qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE,
                             r < 0 ? NULL : errp) < 0 ||
        qio_channel_flush(ioc, r < 0 ? NULL : errp) < 0) {
        return -1;
    }
    if (r < 0) {
        linger(qio_channel_base(ioc));
    }
    return r;
}
