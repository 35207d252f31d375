/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A loop, credentials, a listening socket and stacks of channels, for tests of
 * opening. */
#ifndef QIOTEST_OPENING_H
#define QIOTEST_OPENING_H

#include <qio/channel-socket.h>
#include <qio/channel-tls.h>
#include <qio/channel-unix.h>
#include "loop/waiter.h"
#include "net/listen.h"
#include "tlspair.h"
#include "trickle.h"

static QIOLoop *loop;
static struct tlspair_creds creds;
static struct qiop_listen_sockets listening;

static inline QIOAddress *listen_somewhere(int backlog)
{
    QIOAddress *any = qio_address_new_inet("127.0.0.1", "0", NULL);
    QIOError *err = NULL;

    ck_assert_int_eq(qiop_listen(any, backlog, &listening, &err), 0);
    qiotest_ok(&err);
    qio_address_free(any);
    return qio_address_copy(listening.v[0].local, NULL);
}

static inline void begin(void)
{
    loop = qio_loop_new(NULL);
    ck_assert_ptr_nonnull(loop);
    tlspair_creds_make(&creds, NULL);
}

static inline void finish(void)
{
    qio_loop_free(loop);
    qiop_listen_sockets_free(&listening);
    tlspair_creds_free(&creds);
}

struct stack {
    QIOChannel *base[2];
    QIOChannel *top[2]; /* TLS over TLS, client and server */
};

static inline void make_stack(struct stack *s, bool trickling)
{
    static const struct trickle_script script = {
        .max_read = 900, .max_write = 700, .stutter = true};
    QIOChannel *below[2];

    ck_assert_int_eq(qio_channel_unix_pair(s->base, NULL), 0);
    for (int i = 0; i < 2; i++) {
        below[i] = trickling ? trickle_new(s->base[i], &script, NULL)
                             : qio_channel_ref(s->base[i]);
        ck_assert_ptr_nonnull(below[i]);
    }
    for (int level = 0; level < 2; level++) {
        s->top[0] = qio_channel_tls_new_client(below[0], creds.client,
                                               "localhost", NULL);
        s->top[1] =
            qio_channel_tls_new_server(below[1], creds.server, NULL, NULL);
        for (int i = 0; i < 2; i++) {
            ck_assert_ptr_nonnull(s->top[i]);
            qio_channel_unref(below[i]);
            below[i] = s->top[i];
        }
    }
}

static inline void drop_stack(struct stack *s)
{
    for (int i = 0; i < 2; i++) {
        qio_channel_unref(s->top[i]);
        qio_channel_unref(s->base[i]);
    }
}

#endif
