/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Resolving without blocking: a thread of its own for each name, detached and
 * sharing with the caller one counted structure, so that either may be gone
 * first. The thread never outlives its use of that structure.
 */
#include <config.h>
#include "net/resolve.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/address.h"

struct qiop_resolver {
    pthread_mutex_t lock;
    unsigned refs;
    QIOAddress *addr;
    bool passive;
    int fd; /* an eventfd; -1 once the caller is gone */
    bool done;
    bool taken;
    int ret;
    struct qiop_sockaddrs out;
    QIOError *err;
};

static void unref(struct qiop_resolver *r)
{
    bool last;

    pthread_mutex_lock(&r->lock);
    last = --r->refs == 0;
    pthread_mutex_unlock(&r->lock);
    if (!last) {
        return;
    }
    pthread_mutex_destroy(&r->lock);
    qiop_sockaddrs_free(&r->out);
    qio_error_free(r->err);
    qio_address_free(r->addr);
    free(r);
}

static void wake(int fd)
{
    uint64_t one = 1;

    /* Cannot fail: the counter is nowhere near its limit. */
    if (fd >= 0 && write(fd, &one, sizeof(one)) < 0) {
        return;
    }
}

static void *resolver_thread(void *opaque)
{
    struct qiop_resolver *r = opaque;
    struct qiop_sockaddrs out;
    QIOError *err = NULL;
    int ret = qiop_resolve(r->addr, r->passive, &out, &err);

    pthread_mutex_lock(&r->lock);
    r->ret = ret;
    r->out = out;
    r->err = err;
    r->done = true;
    wake(r->fd);
    pthread_mutex_unlock(&r->lock);
    unref(r);
    return NULL;
}

static int start_thread(struct qiop_resolver *r, QIOError **errp)
{
    sigset_t all, before;
    pthread_attr_t attr;
    pthread_t thread;
    int ret;

    ret = pthread_attr_init(&attr);
    if (ret) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, ret, "cannot start a thread");
        return -1;
    }
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    /* The program's signals are the program's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r->refs++;
    ret = pthread_create(&thread, &attr, resolver_thread, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (ret) {
        r->refs--;
        qio_error_set(errp, QIO_ERROR_SYSTEM, ret,
                      "cannot start a thread to look up '%s'",
                      r->addr->u.inet.host);
        return -1;
    }
    return 0;
}

struct qiop_resolver *qiop_resolver_start(const QIOAddress *addr, bool passive,
                                          QIOError **errp)
{
    struct qiop_resolver *r = calloc(1, sizeof(*r));

    if (!r) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&r->lock, NULL);
    r->refs = 1;
    r->passive = passive;
    r->fd = -1;
    r->addr = qio_address_copy(addr, errp);
    if (!r->addr) {
        goto fail;
    }
    r->fd = qiop_fd_eventfd(0, errp);
    if (r->fd < 0) {
        goto fail;
    }
    if (qiop_resolve_blocks(addr)) {
        if (start_thread(r, errp) < 0) {
            goto fail;
        }
        return r;
    }
    r->ret = qiop_resolve(r->addr, passive, &r->out, &r->err);
    r->done = true;
    wake(r->fd);
    return r;

fail:
    qiop_resolver_free(r);
    return NULL;
}

int qiop_resolver_fd(const struct qiop_resolver *r)
{
    return r->fd;
}

int qiop_resolver_finish(struct qiop_resolver *r, struct qiop_sockaddrs *out,
                         QIOError **errp)
{
    int ret = QIO_CHANNEL_ERR_BLOCK;

    pthread_mutex_lock(&r->lock);
    if (r->taken) {
        qio_error_set(errp, QIO_ERROR_STATE, 0, "the answer was taken before");
        ret = -1;
    } else if (r->done) {
        ret = r->ret;
        *out = r->out;
        memset(&r->out, 0, sizeof(r->out));
        qio_error_propagate(errp, r->err);
        r->err = NULL;
        r->taken = true;
    }
    pthread_mutex_unlock(&r->lock);
    return ret;
}

void qiop_resolver_free(struct qiop_resolver *r)
{
    if (!r) {
        return;
    }
    /* The descriptor goes now, however long the thread takes. */
    pthread_mutex_lock(&r->lock);
    qiop_fd_close(r->fd);
    r->fd = -1;
    pthread_mutex_unlock(&r->lock);
    unref(r);
}
