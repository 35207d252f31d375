/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-glib PKI-DIR: a QIOLoop inside a GMainLoop. */
#include <glib-unix.h>
#include <stdio.h>
#include <stdlib.h>
#include "loop-transfer.h"

/* The descriptor is readable: there is work. */
static gboolean dispatch(gint fd, GIOCondition condition, gpointer loop)
{
    QIOError *err = NULL;

    (void)fd;
    (void)condition;
    if (qio_loop_dispatch(loop, &err) < 0) {
        g_printerr("loop-glib: %s\n", qio_error_message(err));
        exit(1);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean tick(gpointer transfer)
{
    transfer_tick(transfer);
    return G_SOURCE_CONTINUE;
}

static void ended(void *host)
{
    g_main_loop_quit(host);
}

static struct transfer *run(QIOLoop *loop, const char *pki, QIOError **errp)
{
    GMainLoop *host = g_main_loop_new(NULL, FALSE);
    int fd = qio_loop_get_fd(loop, errp);
    struct transfer *t = NULL;

    if (fd >= 0) {
        guint source = g_unix_fd_add(fd, G_IO_IN, dispatch, loop);

        t = transfer_start(loop, pki, ended, host, errp);
        if (t) {
            guint timer = g_timeout_add(TRANSFER_TICK_MS, tick, t);

            g_main_loop_run(host);
            g_source_remove(timer);
        }
        /* Before the loop, whose descriptor it is. */
        g_source_remove(source);
    }
    g_main_loop_unref(host);
    return t;
}

int main(int argc, char **argv)
{
    QIOError *err = NULL;
    struct transfer *t = NULL;
    QIOLoop *loop;

    if (argc != 2) {
        fprintf(stderr, "usage: loop-glib PKI-DIR\n");
        return 2;
    }
    loop = qio_loop_new(&err);
    if (loop) {
        t = run(loop, argv[1], &err);
    }
    return transfer_finish(t, loop, err);
}
