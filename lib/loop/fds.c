/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The epoll set: any number of interests in each descriptor. */
#include <config.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "core/pollset.h"
#include "loop/loop.h"

/* poll(2)'s bits are epoll's. */
_Static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT &&
                   POLLPRI == EPOLLPRI && POLLERR == EPOLLERR &&
                   POLLHUP == EPOLLHUP,
               "poll and epoll differ");

static int make_room(struct qiop_fds *fds, int fd, QIOError **errp)
{
    size_t n = fds->n ? fds->n : 64;
    struct qiop_fd_slot *v;

    if ((size_t)fd < fds->n) {
        return 0;
    }
    while (n <= (size_t)fd) {
        n *= 2;
    }
    v = realloc(fds->v, n * sizeof(*v));
    if (!v) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "cannot watch a descriptor");
        return -1;
    }
    memset(v + fds->n, 0, (n - fds->n) * sizeof(*v));
    fds->v = v;
    fds->n = n;
    return 0;
}

static void forget(struct qiop_fds *fds, int fd)
{
    struct qiop_fd_slot *slot = &fds->v[fd];

    if (slot->listed) {
        /* Fails when the descriptor was closed, which has done the same. */
        epoll_ctl(fds->epoll, EPOLL_CTL_DEL, fd, NULL);
    }
    slot->listed = false;
    slot->armed = 0;
}

/* Tell epoll what is wanted of fd. 0, or -1 with errno. fresh: somebody new
 * waits for fd, which may be another file of the same number by now. */
static int arm(struct qiop_fds *fds, int fd, bool fresh)
{
    struct qiop_fd_slot *slot = &fds->v[fd];
    struct epoll_event ev = {.data.fd = fd};
    int ret;

    for (struct qiop_interest *i = slot->first; i; i = i->next) {
        ev.events |= (uint16_t)i->poll_events;
    }
    if (!fresh && slot->listed && ev.events == slot->armed) {
        return 0;
    }
    ret = epoll_ctl(fds->epoll, slot->listed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
                    fd, &ev);
    /* Closed, and its number given to another one, behind our back. */
    if (ret < 0 && (errno == ENOENT || errno == EEXIST)) {
        ret =
            epoll_ctl(fds->epoll,
                      errno == ENOENT ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &ev);
    }
    if (ret < 0) {
        return -1;
    }
    slot->listed = true;
    slot->armed = ev.events;
    return 0;
}

static void unlink_interest(struct qiop_fds *fds, struct qiop_interest *i)
{
    struct qiop_interest **at = &fds->v[i->fd].first;

    while (*at != i) {
        at = &(*at)->next;
    }
    *at = i->next;
}

int qiop_fds_add(struct qiop_fds *fds, struct qiop_interest *i, QIOError **errp)
{
    int cause;

    if (make_room(fds, i->fd, errp) < 0) {
        return -1;
    }
    i->next = fds->v[i->fd].first;
    fds->v[i->fd].first = i;
    if (arm(fds, i->fd, true) == 0) {
        return 0;
    }
    cause = errno;
    unlink_interest(fds, i);
    if (cause == EPERM) {
        return 1;
    }
    qio_error_set(errp, QIO_ERROR_SYSTEM, cause, "cannot watch descriptor %d",
                  i->fd);
    return -1;
}

void qiop_fds_remove(struct qiop_fds *fds, struct qiop_interest *i)
{
    unlink_interest(fds, i);
    if (!fds->v[i->fd].first) {
        forget(fds, i->fd);
        return;
    }
    arm(fds, i->fd, false);
}

void qiop_fds_change(struct qiop_fds *fds, struct qiop_interest *i)
{
    arm(fds, i->fd, false);
}

void qiop_fds_fire(struct qiop_fds *fds, int fd, uint32_t revents)
{
    struct qiop_interest *i = (size_t)fd < fds->n ? fds->v[fd].first : NULL;

    if (!i) {
        /* Closed by somebody while another process still has it open. */
        epoll_ctl(fds->epoll, EPOLL_CTL_DEL, fd, NULL);
        return;
    }
    for (; i; i = i->next) {
        uint32_t trouble = revents & (EPOLLHUP | EPOLLERR);
        unsigned told = i->events & ~QIOP_POLL_QUIET;
        unsigned events = 0;

        if (!(revents & (uint16_t)i->poll_events) && !trouble) {
            continue;
        }
        if ((i->events & QIOP_POLL_QUIET) && revents == EPOLLERR) {
            told = 0;
        }
        /* A descriptor watched for a retry only says nothing about the channel
         * as a whole. */
        if (told) {
            events = told & ~(unsigned)(QIO_EVENT_HUP | QIO_EVENT_ERR);
            events |= trouble & EPOLLHUP ? QIO_EVENT_HUP : 0;
            events |= trouble & EPOLLERR ? QIO_EVENT_ERR : 0;
        }
        qiop_watch_fire(i->watch, events);
    }
}
