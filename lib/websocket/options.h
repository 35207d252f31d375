/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is inside a QIOWebsocketOptions. */
#ifndef QIOP_WEBSOCKET_OPTIONS_H
#define QIOP_WEBSOCKET_OPTIONS_H

#include <qio/websocket.h>

#define QIOP_WS_TEXTS_MAX 32

struct qiop_ws_texts {
    char *v[QIOP_WS_TEXTS_MAX];
    size_t n;
};

struct QIOWebsocketOptions {
    char *path;                   /* or NULL */
    char *host;                   /* or NULL */
    struct qiop_ws_texts origins; /* a client's is the last one */
    struct qiop_ws_texts protocols;
    struct qiop_ws_texts headers; /* "Name: value" */
    QIOWebsocketJudge *judge;
    void *judge_opaque;
    bool text;
    uint64_t max_frame;   /* UINT64_MAX: no limit */
    uint64_t max_message; /* 0: no limit */
    int ping_interval_ms; /* 0: no pings */
    int ping_timeout_ms;
};

/* Options of the caller's own; the defaults for NULL. */
QIOWebsocketOptions *qiop_ws_options_copy(const QIOWebsocketOptions *o,
                                          QIOError **errp);
bool qiop_ws_texts_have(const struct qiop_ws_texts *l, const char *text,
                        size_t len);

#endif
