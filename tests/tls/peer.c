/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our side for tests/interop/tls-*.sh, with credentials of any kind.
 *
 * peer [--object TEXT]... serve URI: echo to one client after the other, for
 *   ever. A line for each handshake and each end on standard output.
 * peer [--object TEXT]... ask URI: send standard input, wait for as many bytes
 *   or more, say goodbye, and read to the end. What comes goes to standard
 *   output, the facts and the end to standard error.
 * peer [--object TEXT]... half URI: the same, the goodbye first.
 */
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qio/qio.h>

#define PATIENCE 8000

static const char *error_text(QIOError **errp)
{
    static char text[1024];

    snprintf(text, sizeof(text), "%s: %s",
             qio_error_code_name(qio_error_code(*errp)),
             qio_error_message(*errp));
    qio_error_free(*errp);
    *errp = NULL;
    return text;
}

static void say_facts(FILE *to, QIOChannel *ioc)
{
    char *facts = qio_channel_tls_describe(ioc, NULL);
    char *who = qio_channel_tls_peer_identity(ioc, NULL);

    fprintf(to, "open: %s; peer %s\n", facts ? facts : "no TLS",
            who ? who : "unknown");
    fflush(to);
    free(facts);
    free(who);
}

static void say_end(FILE *to, QIOChannel *ioc)
{
    fprintf(
        to, "end: clean; key updates: %d sent, %d received\n",
        (int)qio_channel_tls_count(ioc, QIO_TLS_COUNT_KEY_UPDATES_SENT, NULL),
        (int)qio_channel_tls_count(ioc, QIO_TLS_COUNT_KEY_UPDATES_RECEIVED,
                                   NULL));
}

/* ---- server ---- */

static int echo(QIOChannel *ioc, QIOError **errp)
{
    char buf[32768];
    ssize_t n;

    while ((n = qio_channel_read(ioc, buf, sizeof(buf), errp)) > 0) {
        if (qio_channel_write_all(ioc, buf, (size_t)n, errp) < 0) {
            return -1;
        }
    }
    if (n < 0 ||
        qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, errp) < 0) {
        return -1;
    }
    return qio_channel_flush(ioc, errp);
}

static int say_where(QIOListener *l, QIOError **errp)
{
    QIOAddress *addr = qio_listener_get_address(l, 0, errp);
    char *text = addr ? qio_address_to_string(addr, errp) : NULL;

    qio_address_free(addr);
    if (!text) {
        return -1;
    }
    fprintf(stderr, "listening on %s\n", text);
    free(text);
    return 0;
}

static int serve(const QIOEndpoint *ep, QIOObjects *objects, QIOError **errp)
{
    QIOListener *l = qio_endpoint_listen_sync(ep, objects, 16, errp);

    if (!l || say_where(l, errp) < 0) {
        return -1;
    }
    for (;;) {
        QIOError *err = NULL;
        QIOChannel *raw =
            qio_listener_accept_sync(l, QIO_ENDPOINT_READWRITE, -1, errp);
        QIOChannel *ioc;

        if (!raw) {
            return -1;
        }
        ioc = qio_endpoint_layer_sync(ep, objects, raw, true, PATIENCE, &err);
        qio_channel_unref(raw);
        if (!ioc) {
            printf("refused: %s\n", error_text(&err));
        } else {
            say_facts(stdout, ioc);
            qio_channel_set_timeout(ioc, PATIENCE);
            if (echo(ioc, &err) < 0) {
                printf("end: %s\n", error_text(&err));
            } else {
                say_end(stdout, ioc);
            }
        }
        fflush(stdout);
        qio_channel_unref(ioc);
    }
}

/* ---- client ---- */

struct talk {
    QIOChannel *ioc;
    char *data;
    size_t len;
    bool half;
    QIOError *err;
};

static void *send_thread(void *opaque)
{
    struct talk *t = opaque;

    if (qio_channel_write_all(t->ioc, t->data, t->len, &t->err) == 0 &&
        t->half &&
        qio_channel_shutdown(t->ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &t->err) ==
            0) {
        (void)!qio_channel_flush(t->ioc, &t->err);
    }
    return NULL;
}

static int receive(struct talk *t, QIOError **errp)
{
    char buf[32768];
    bool said = t->half;
    size_t done = 0;
    ssize_t n;

    for (;;) {
        if (!said && done >= t->len &&
            (qio_channel_shutdown(t->ioc, QIO_CHANNEL_SHUTDOWN_WRITE, errp) <
                 0 ||
             qio_channel_flush(t->ioc, errp) < 0)) {
            return -1;
        }
        said |= done >= t->len;
        n = qio_channel_read(t->ioc, buf, sizeof(buf), errp);
        if (n <= 0) {
            fflush(stdout);
            return (int)n;
        }
        fwrite(buf, 1, (size_t)n, stdout);
        done += (size_t)n;
    }
}

static int ask(const QIOEndpoint *ep, QIOObjects *objects, bool half,
               QIOError **errp)
{
    size_t room = 32u << 20;
    struct talk t = {.half = half, .data = malloc(room)};
    pthread_t thread;
    int ret = -1;

    if (!t.data) {
        return -1;
    }
    t.len = fread(t.data, 1, room, stdin);
    t.ioc = qio_endpoint_connect_sync(ep, objects, QIO_ENDPOINT_READWRITE,
                                      PATIENCE, errp);
    if (t.ioc) {
        say_facts(stderr, t.ioc);
        qio_channel_set_timeout(t.ioc, PATIENCE);
        if (pthread_create(&thread, NULL, send_thread, &t) == 0) {
            ret = receive(&t, errp);
            qio_channel_shutdown(t.ioc, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
            pthread_join(thread, NULL);
        }
        qio_error_propagate(errp, t.err);
        ret = t.err ? -1 : ret;
    }
    if (ret == 0) {
        say_end(stderr, t.ioc);
    }
    qio_channel_unref(t.ioc);
    free(t.data);
    return ret;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"object", required_argument, NULL, 'o'},
        {NULL, 0, NULL, 0},
    };
    QIOError *err = NULL;
    QIOObjects *objects = qio_objects_new(&err);
    QIOEndpoint *ep = NULL;
    int c, ret = -1;

    while (!err && (c = getopt_long(argc, argv, "", options, NULL)) == 'o') {
        (void)!qio_objects_add(objects, optarg, &err);
    }
    if (!err && argc - optind == 2) {
        ep = qio_endpoint_parse(argv[optind + 1], &err);
    }
    if (ep && strcmp(argv[optind], "serve") == 0) {
        ret = serve(ep, objects, &err);
    } else if (ep) {
        ret = ask(ep, objects, strcmp(argv[optind], "half") == 0, &err);
    }
    if (err) {
        fprintf(stderr, "end: %s\n", error_text(&err));
    }
    qio_endpoint_free(ep);
    qio_objects_free(objects);
    return ret < 0 ? 1 : 0;
}
