/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Entering and leaving the parts of a session that are locked. */
#include <config.h>
#include "tls/session-priv.h"

void qiop_tls_seal_enter(struct qiop_tls_session *s)
{
    pthread_mutex_lock(&s->seal_lock);
}

void qiop_tls_seal_leave(struct qiop_tls_session *s)
{
    atomic_store(&s->out_len, s->out.len);
    pthread_mutex_unlock(&s->seal_lock);
}

int qiop_tls_gnutls_enter(struct qiop_tls_session *s, QIOError **errp)
{
    pthread_mutex_lock(&s->lock);
    return s->engine->lend(s, errp);
}

int qiop_tls_gnutls_leave(struct qiop_tls_session *s, QIOError **errp)
{
    int ret = s->engine->reclaim(s, errp);

    pthread_mutex_unlock(&s->lock);
    return ret;
}

int qiop_tls_reader_enter(struct qiop_tls_session *s, QIOError **errp)
{
    qiop_tls_seal_enter(s);
    s->reading = true;
    return qiop_tls_gnutls_enter(s, errp);
}

int qiop_tls_reader_leave(struct qiop_tls_session *s, QIOError **errp)
{
    int ret = qiop_tls_gnutls_leave(s, errp);

    s->reading = false;
    qiop_tls_seal_leave(s);
    return ret;
}
