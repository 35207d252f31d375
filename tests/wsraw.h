/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A websocket channel whose peer is the test itself, byte by byte. */
#ifndef WSRAW_H
#define WSRAW_H

#include <qio/channel-websocket.h>

struct wsraw {
    QIOChannel *ws;  /* open */
    QIOChannel *raw; /* the other end of its base */
    bool server;     /* ws is the server: what raw sends must be masked */
    QIOError *err;
};

/* A good request, and what it is answered with. */
extern const char wsraw_request[];
extern const char wsraw_answer[];

/* Shake hands; options may be NULL. more (if not NULL): frames that come with
 * raw's half of the handshake. */
void wsraw_server(struct wsraw *r, const QIOWebsocketOptions *o,
                  const void *more, size_t len);
void wsraw_client(struct wsraw *r, const QIOWebsocketOptions *o,
                  const void *more, size_t len);
/* Drops both, unless they are NULL. */
void wsraw_free(struct wsraw *r);

/* A frame in memory, first: FIN and opcode as on the wire. Returns its size. */
size_t wsraw_frame(const struct wsraw *r, uint8_t *out, uint8_t first,
                   const void *payload, size_t len);
/* Send bytes, or a frame. */
void wsraw_put(struct wsraw *r, const void *data, size_t len);
void wsraw_send(struct wsraw *r, uint8_t first, const void *payload,
                size_t len);
/* Receive a frame, unmasked; which must come. Returns its payload's size;
 * *first as above. */
size_t wsraw_get(struct wsraw *r, uint8_t *first, void *payload, size_t max);
/* The next frame is this one. */
void wsraw_expect(struct wsraw *r, uint8_t first, const void *payload,
                  size_t len);
/* The next frame is a close frame with this code. */
void wsraw_expect_close(struct wsraw *r, unsigned code);

#endif
