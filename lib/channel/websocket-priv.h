/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the websocket layer share.
 *
 * Locks, in this order: `in` (one reader of the base at a time), `out` (one
 * writer of the base at a time). Both are held for one non-blocking try on the
 * base and for computing, never while waiting.
 */
#ifndef QIOP_CHANNEL_WEBSOCKET_PRIV_H
#define QIOP_CHANNEL_WEBSOCKET_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <qio/channel-ops.h>
#include <qio/channel-websocket.h>
#include "base/queue.h"
#include "websocket/frame.h"
#include "websocket/handshake.h"

/* Pieces of input handled by one call that finds no data in them. */
#define QIOP_WS_TRIES 64
/* Most payload in one frame of ours: more does not make it faster. */
#define QIOP_WS_BATCH (256 << 10)
/* Output held at most: one such frame, pings and pongs, a goodbye. */
#define QIOP_WS_OUT_MAX (QIOP_WS_BATCH + 4096)
/* Read ahead of what was asked for. */
#define QIOP_WS_AHEAD (16 << 10)

struct websocket {
    bool client;
    QIOWebsocketOptions *options;

    /* The handshake. */
    char nonce[QIOP_WS_NONCE_SIZE];
    struct qiop_http_scan scan;
    int status; /* server: what was answered; client: 1 once asked */
    const char *why;
    const char *protocol; /* the options', or NULL */
    char *path;
    atomic_bool established;

    pthread_mutex_t in_lock;
    struct qiop_queue in; /* bytes not looked at yet */
    struct qiop_ws_decoder decoder;
    bool bulk;            /* the last data frame was a large one */
    bool in_ended;        /* the base has no more */
    QIOError *in_err;     /* why nothing more can be read */
    bool by_message;      /* reading stops at the end of a message ... */
    bool message_end;     /* ... and has */
    atomic_bool readable; /* a read will not say BLOCK for want of input */

    pthread_mutex_t out_lock;
    struct qiop_queue out; /* frames on their way to the base */
    struct qiop_ws_keys keys;
    QIOError *out_err;    /* why nothing can be sent any more */
    QIOError *why_closed; /* what made us say goodbye */
    bool pong_due;        /* one that found no room */
    uint8_t pong[QIOP_WS_CONTROL_MAX];
    size_t pong_len;
    bool goodbye_said;
    unsigned code; /* for our goodbye; 0: none wanted */
    char reason[QIOP_WS_REASON_MAX + 1];
    /* A message that is being sent. */
    bool sending;
    bool continues;
    QIOWebsocketType type;

    atomic_bool holds;      /* out is not empty, or a pong is due */
    atomic_bool out_failed; /* out_err */
    atomic_bool out_closed; /* why_closed */
    atomic_bool base_holds; /* the base accepted what it has not sent */
    atomic_uint shut;

    atomic_uint peer_code; /* 0: no close frame so far */
    char peer_reason[QIOP_WS_REASON_MAX + 1];

    /* Keep-alive; microseconds. */
    atomic_llong heard;  /* when something last came */
    atomic_llong pinged; /* when we asked, 0: we are not waiting */
};

/* ---- websocket-open.c ---- */

int qiop_ws_advance(QIOChannel *ioc, QIOError **errp);

/* ---- websocket-out.c ---- */

/* Send what there is: 0 nothing is left, -1, BLOCK. _through: beneath the base
 * too, for those after whom the core does not flush. */
int qiop_ws_push(QIOChannel *ioc, struct websocket *w, QIOError **errp);
int qiop_ws_push_through(QIOChannel *ioc, struct websocket *w, QIOError **errp);
/* The writev slot, and an empty message. */
ssize_t qiop_ws_write(QIOChannel *ioc, struct websocket *w,
                      const struct iovec *iov, size_t niov, QIOError **errp);
/* Put a control frame behind everything written before. */
void qiop_ws_pong(struct websocket *w, const uint8_t *payload, size_t len);
void qiop_ws_ping(struct websocket *w);
/* Our close frame; once. code 0: what fits. */
int qiop_ws_goodbye(struct websocket *w, unsigned code, const char *reason,
                    QIOError **errp);
/* Nothing will be written any more, for this reason. */
void qiop_ws_out_close(struct websocket *w, const QIOError *why);

/* ---- websocket-in.c ---- */

/* The readv slot. */
ssize_t qiop_ws_read(QIOChannel *ioc, struct websocket *w,
                     const struct iovec *iov, size_t niov, bool relaxed,
                     QIOError **errp);
/* With `in` held: bytes of the base into w->in. 0 some came or the end was
 * noted; -1, BLOCK. */
int qiop_ws_fill(QIOChannel *ioc, struct websocket *w, QIOError **errp);
/* After a write that failed: whether the peer has said why. */
bool qiop_ws_probe(QIOChannel *ioc, struct websocket *w, QIOError **errp);
/* Whether w->readable; with `in` held. */
void qiop_ws_note_readable(struct websocket *w);

/* ---- websocket-alive.c ---- */

/* Ping if it is time. */
void qiop_ws_keep_alive(struct websocket *w);
void qiop_ws_heard(struct websocket *w);
/* The peer owes an answer for too long. */
bool qiop_ws_overdue(const struct websocket *w);
void qiop_ws_alive_poll(const struct websocket *w, unsigned events,
                        QIOPollSet *set);

/* ---- websocket.c ---- */

/* NULL with *errp set when ioc is no websocket. */
struct websocket *qiop_ws_of(const QIOChannel *ioc, QIOError **errp);

#endif
