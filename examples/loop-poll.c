/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-poll PKI-DIR: a QIOLoop inside a program's own loop around poll(2). */
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include "loop-transfer.h"

static long now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (long)(ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

static void ended(void *over)
{
    *(bool *)over = true;
}

/* The program's own loop, with a timer of its own. */
static int wait_for_end(QIOLoop *loop, int fd, struct transfer *t,
                        const bool *over, QIOError **errp)
{
    long due = now_ms() + TRANSFER_TICK_MS;

    while (!*over) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        long left = due - now_ms();

        /* Readable: there is work. */
        if (poll(&pfd, 1, left > 0 ? (int)left : 0) > 0 &&
            qio_loop_dispatch(loop, errp) < 0) {
            return -1;
        }
        if (now_ms() >= due) {
            transfer_tick(t);
            due = now_ms() + TRANSFER_TICK_MS;
        }
    }
    return 0;
}

static struct transfer *run(QIOLoop *loop, const char *pki, QIOError **errp)
{
    int fd = qio_loop_get_fd(loop, errp);
    struct transfer *t = NULL;
    bool over = false;

    if (fd >= 0) {
        t = transfer_start(loop, pki, ended, &over, errp);
    }
    if (t && wait_for_end(loop, fd, t, &over, errp) < 0) {
        fprintf(stderr, "loop-poll: cannot go on\n");
    }
    return t;
}

int main(int argc, char **argv)
{
    QIOError *err = NULL;
    struct transfer *t = NULL;
    QIOLoop *loop;

    if (argc != 2) {
        fprintf(stderr, "usage: loop-poll PKI-DIR\n");
        return 2;
    }
    loop = qio_loop_new(&err);
    if (loop) {
        t = run(loop, argv[1], &err);
    }
    return transfer_finish(t, loop, err);
}
