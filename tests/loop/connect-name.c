/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For tests/interop/netns-racing.sh.
 *
 * connect-name HOST PORT TIMEOUT_MS: connect in a loop, and say in one line
 * what came of it: the milliseconds it took, the peer's address or the error.
 * connect-name listen HOST PORT: accept connections and close them, for ever.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <qio/qio.h>

static struct timespec begin;
static int result = 1;

static long elapsed_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - begin.tv_sec) * 1000 +
           (now.tv_nsec - begin.tv_nsec) / 1000000;
}

static void connected(QIOTask *task, void *loop)
{
    long ms = elapsed_ms();
    QIOAddress *addr;

    if (qio_task_error(task)) {
        printf("%ld %s %s\n", ms,
               qio_error_code_name(qio_error_code(qio_task_error(task))),
               qio_error_message(qio_task_error(task)));
    } else {
        addr = qio_channel_get_remote_address(qio_task_channel(task), NULL);
        printf("%ld %s\n", ms, addr ? qio_address_host(addr) : "nowhere");
        qio_address_free(addr);
        result = 0;
    }
    qio_loop_quit(loop);
}

static int start_connecting(QIOLoop *loop, char **argv, QIOError **errp)
{
    QIOAddress *addr = qio_address_new_inet(argv[1], argv[2], errp);
    QIOTask *task = NULL;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    if (addr) {
        task = qio_channel_socket_connect_async(addr, loop, atoi(argv[3]),
                                                connected, loop, NULL, errp);
    }
    qio_address_free(addr);
    return task ? 0 : -1;
}

static void connection(QIOListener *l, QIOChannel *ioc, void *opaque)
{
    (void)l;
    (void)ioc;
    (void)opaque;
}

static QIOListener *start_listening(QIOLoop *loop, char **argv, QIOError **errp)
{
    static const QIOListenerFuncs funcs = {.connection = connection};
    QIOListener *l = NULL;
    QIOEndpoint *ep;
    char text[200];

    snprintf(text, sizeof(text), "tcp:%s:%s", argv[2], argv[3]);
    ep = qio_endpoint_parse(text, errp);
    if (ep) {
        l = qio_endpoint_listen_sync(ep, NULL, 16, errp);
    }
    qio_endpoint_free(ep);
    if (l && qio_listener_serve(l, QIO_ENDPOINT_READWRITE, loop, &funcs, NULL,
                                errp) < 0) {
        qio_listener_free(l);
        return NULL;
    }
    return l;
}

int main(int argc, char **argv)
{
    QIOError *err = NULL;
    QIOLoop *loop = qio_loop_new(&err);
    QIOListener *l = NULL;
    int started = -1;

    if (argc != 4) {
        fprintf(stderr, "usage: connect-name HOST PORT TIMEOUT_MS\n");
        return 2;
    }
    if (loop && strcmp(argv[1], "listen") == 0) {
        l = start_listening(loop, argv, &err);
        started = l ? 0 : -1;
    } else if (loop) {
        started = start_connecting(loop, argv, &err);
    }
    if (started == 0) {
        puts("ready");
        fflush(stdout);
        started = qio_loop_run(loop, &err);
    }
    if (started < 0) {
        fprintf(stderr, "connect-name: %s\n", qio_error_message(err));
        qio_error_free(err);
    }
    qio_listener_free(l);
    qio_loop_free(loop);
    return result;
}
