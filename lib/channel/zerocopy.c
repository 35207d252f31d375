/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes without a copy; see zerocopy.h.
 *
 * The kernel numbers the sendmsg() calls with MSG_ZEROCOPY and tells in the
 * error queue which of them are done with, as ranges of those numbers. Ranges
 * do not overlap and each number comes once, so it is enough to count: all
 * memory is free when as many are done as were sent, in whatever order.
 */
#include <config.h>
#include "channel/zerocopy.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/fd.h"
#include "base/iov.h"

/* Below this pinning pages costs more than copying them. */
#define WORTH_BYTES (32 * 1024)
/* The queue is looked at when so many are in it, as it has a limit. */
#define MANY 16
/* So many told, most of them copied after all: this connection goes over the
 * loopback, or through a device or a filter that cannot do better. */
#define ENOUGH 16
/* Each message stands for a range of any length; the rest waits. */
#define AT_ONCE 64

struct qiop_zerocopy {
    pthread_mutex_t lock;
    QIOChannelSocketZeroCopy n;
    bool broken; /* more was told than was sent */
};

struct qiop_zerocopy *qiop_zerocopy_new(int fd, QIOError **errp)
{
    struct qiop_zerocopy *z = calloc(1, sizeof(*z));
    int one = 1;

    if (!z) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)) < 0) {
        qio_error_set(errp, QIO_ERROR_UNSUPPORTED, errno,
                      "the kernel cannot write from here without copying");
        free(z);
        return NULL;
    }
    pthread_mutex_init(&z->lock, NULL);
    z->n.active = true;
    return z;
}

void qiop_zerocopy_free(struct qiop_zerocopy *z)
{
    if (z) {
        pthread_mutex_destroy(&z->lock);
        free(z);
    }
}

/* ---- what the kernel tells ---- */

static void take_range(struct qiop_zerocopy *z,
                       const struct sock_extended_err *e)
{
    /* The numbers wrap around. */
    uint64_t n = (uint64_t)(e->ee_data - e->ee_info) + 1;

    if (n > z->n.sent - z->n.completed) {
        z->broken = true;
        return;
    }
    z->n.completed += n;
    z->n.copied += e->ee_code & SO_EE_CODE_ZEROCOPY_COPIED ? n : 0;
}

static void take_message(struct qiop_zerocopy *z, struct msghdr *msg)
{
    struct sock_extended_err e;
    struct cmsghdr *c;

    for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        bool ipv4 = c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR;
        bool ipv6 = c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR;

        if ((!ipv4 && !ipv6) || c->cmsg_len < CMSG_LEN(sizeof(e))) {
            continue;
        }
        memcpy(&e, CMSG_DATA(c), sizeof(e));
        if (e.ee_origin == SO_EE_ORIGIN_ZEROCOPY && e.ee_errno == 0) {
            take_range(z, &e);
        }
    }
}

/* Also when nothing is under way: whatever else is in the queue would wake
 * those who poll for ever. */
static void drain_locked(struct qiop_zerocopy *z, int fd)
{
    union {
        struct cmsghdr align;
        char buf[512];
    } control;

    for (int i = 0; i < AT_ONCE; i++) {
        struct msghdr msg = {
            .msg_control = control.buf,
            .msg_controllen = sizeof(control.buf),
        };
        ssize_t r;

        do {
            r = recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT);
        } while (r < 0 && errno == EINTR);
        if (r < 0) {
            break;
        }
        take_message(z, &msg);
    }
    if (z->n.completed >= ENOUGH && z->n.copied > z->n.completed / 2) {
        z->n.active = false;
    }
}

void qiop_zerocopy_drain(struct qiop_zerocopy *z, int fd)
{
    pthread_mutex_lock(&z->lock);
    drain_locked(z, fd);
    pthread_mutex_unlock(&z->lock);
}

int qiop_zerocopy_settle(struct qiop_zerocopy *z, int fd, QIOError **errp)
{
    bool broken, done;

    pthread_mutex_lock(&z->lock);
    drain_locked(z, fd);
    broken = z->broken;
    done = z->n.completed == z->n.sent;
    pthread_mutex_unlock(&z->lock);
    if (broken) {
        qio_error_set(errp, QIO_ERROR_STATE, 0,
                      "somebody else writes to this socket without copying");
        return -1;
    }
    return done ? 0 : QIO_CHANNEL_ERR_BLOCK;
}

void qiop_zerocopy_stats(struct qiop_zerocopy *z,
                         QIOChannelSocketZeroCopy *stats)
{
    pthread_mutex_lock(&z->lock);
    *stats = z->n;
    pthread_mutex_unlock(&z->lock);
}

/* ---- writing ---- */

/* Whether to try it with these bytes; if so they count as sent from now on, for
 * another thread may take the kernel's answer before our call returns. */
static bool begin(struct qiop_zerocopy *z, int fd, const struct iovec *iov,
                  size_t niov)
{
    bool go = qiop_iov_size(iov, niov) >= WORTH_BYTES;

    pthread_mutex_lock(&z->lock);
    if (go && z->n.sent - z->n.completed >= MANY) {
        drain_locked(z, fd);
    }
    go = go && z->n.active;
    z->n.sent += go;
    pthread_mutex_unlock(&z->lock);
    return go;
}

/* It was not sent. Having nothing under way and still being refused means that
 * the limit of locked memory is too low for any of it. */
static void take_back(struct qiop_zerocopy *z, int fd, bool refused)
{
    pthread_mutex_lock(&z->lock);
    z->n.sent--;
    z->n.refused += refused;
    if (refused && z->n.sent == z->n.completed) {
        z->n.active = false;
    }
    drain_locked(z, fd);
    pthread_mutex_unlock(&z->lock);
}

ssize_t qiop_zerocopy_send(struct qiop_zerocopy *z, int fd,
                           const struct iovec *iov, size_t niov, int flags,
                           QIOError **errp)
{
    bool refused;
    ssize_t r;

    if (!begin(z, fd, iov, niov)) {
        return qiop_fd_send(fd, iov, niov, flags, errp);
    }
    r = qiop_fd_send(fd, iov, niov, flags | MSG_ZEROCOPY, errp);
    if (r >= 0) {
        return r;
    }
    refused = r == -1 && qio_error_errno(*errp) == ENOBUFS;
    take_back(z, fd, refused);
    if (!refused) {
        return r;
    }
    qio_error_free(*errp);
    *errp = NULL;
    return qiop_fd_send(fd, iov, niov, flags, errp);
}
