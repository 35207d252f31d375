/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tls-echo-server-many PKI-DIR URI...: listen everywhere, and send back what
 * clients say, over TLS: thousands of them in one thread, until SIGINT or
 * SIGTERM. URIs are listening endpoints, for example tcp:localhost:0 (any free
 * port) or unix:/tmp/echo.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <qio/qio.h>

#define MAX_CLIENTS 50000
#define PATIENCE 5000
#define REPORT_MS 1000

struct server {
    QIOLoop *loop;
    QIOObjects *objects;
    QIOListener *listener;
    QIOTimer *timer;
    QIOTLSCredsWatch *rotation;
    size_t reported; /* clients */
};

static void complain(const char *whom, const QIOError *err)
{
    fprintf(stderr, "tls-echo-server-many: %s: %s\n", whom,
            err ? qio_error_message(err) : "out of memory");
}

/* ---- a client ---- */

struct client {
    struct server *server;
    QIOChannel *ioc;
    QIOWatch *watch;
    size_t at, len; /* of buf: what is still to be sent */
    char buf[4096];
};

/* The watch is gone. */
static void client_free(void *opaque)
{
    struct client *c = opaque;

    qio_channel_unref(c->ioc);
    free(c);
}

/* Nothing more comes, for whatever reason. The goodbye is a task, and keeps the
 * channel until it is said. */
static bool client_ends(struct client *c, QIOError *err)
{
    if (err) {
        complain("a client", err);
        qio_error_free(err);
    } else if (!qio_channel_bye_async(c->ioc, c->server->loop, PATIENCE, NULL,
                                      NULL, NULL, &err)) {
        complain("a client", err);
        qio_error_free(err);
    }
    return false;
}

/* There is something to read or, when something is left to be sent, room for
 * it. */
static bool client_event(QIOChannel *ioc, unsigned events, void *opaque)
{
    struct client *c = opaque;
    QIOError *err = NULL;
    ssize_t n;

    (void)events;
    if (c->at == c->len) {
        n = qio_channel_read(ioc, c->buf, sizeof(c->buf), &err);
        if (n == QIO_CHANNEL_ERR_BLOCK) {
            return true;
        }
        if (n <= 0) {
            return client_ends(c, err);
        }
        c->at = 0;
        c->len = (size_t)n;
    }
    n = qio_channel_write(ioc, c->buf + c->at, c->len - c->at, &err);
    if (n == -1) {
        return client_ends(c, err);
    }
    c->at += n > 0 ? (size_t)n : 0;
    /* A client that does not read is not read from. */
    qio_watch_set_events(c->watch,
                         c->at < c->len ? QIO_EVENT_OUT : QIO_EVENT_IN);
    return true;
}

/* ---- the listener ---- */

/* The handshake is done. */
static void client_came(QIOListener *l, QIOChannel *ioc, void *opaque)
{
    struct client *c = calloc(1, sizeof(*c));
    struct server *s = opaque;
    QIOError *err = NULL;

    (void)l;
    if (!c) {
        complain("a client", NULL);
        return;
    }
    c->server = s;
    c->ioc = qio_channel_ref(ioc);
    qio_channel_set_blocking(ioc, false);
    c->watch = qio_channel_add_watch(ioc, s->loop, QIO_EVENT_IN, client_event,
                                     c, client_free, &err);
    if (!c->watch) {
        complain("a client", err);
        qio_error_free(err);
    }
}

/* A handshake that failed is its client's affair; ioc is NULL when accepting
 * itself failed. */
static void client_failed(QIOListener *l, QIOChannel *ioc, const QIOError *err,
                          void *opaque)
{
    (void)l;
    (void)opaque;
    complain(ioc ? "a handshake" : "accepting", err);
}

static int listen_at(struct server *s, const char *uri, QIOError **errp)
{
    QIOEndpoint *ep = qio_endpoint_parse(uri, errp);
    int result = -1;

    if (ep && qio_endpoint_add_tls(ep, "tls0", NULL, NULL, errp) == 0) {
        result = qio_listener_add(s->listener, ep, s->objects, 1024, errp);
    }
    qio_endpoint_free(ep);
    return result;
}

static int say_where(QIOListener *listener, QIOError **errp)
{
    for (size_t i = 0; i < qio_listener_count(listener); i++) {
        QIOAddress *addr = qio_listener_get_address(listener, i, errp);
        char *text = addr ? qio_address_to_string(addr, errp) : NULL;

        qio_address_free(addr);
        if (!text) {
            return -1;
        }
        printf("%s\n", text);
        free(text);
    }
    fflush(stdout);
    return 0;
}

static int serve(struct server *s, QIOError **errp)
{
    static const QIOListenerFuncs funcs = {
        .connection = client_came,
        .trouble = client_failed,
    };

    qio_listener_set_max_connections(s->listener, MAX_CLIENTS);
    qio_listener_set_handshake_timeout(s->listener, PATIENCE);
    return qio_listener_serve(s->listener, QIO_ENDPOINT_READWRITE, s->loop,
                              &funcs, s, errp);
}

/* ---- other things that a program waits for ---- */

static bool signal_came(int fd, unsigned events, void *opaque)
{
    struct server *s = opaque;

    (void)fd;
    (void)events;
    qio_loop_quit(s->loop);
    return false;
}

static int watch_signals(struct server *s, int *fd, QIOError **errp)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    *fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return qio_loop_add_fd_watch(s->loop, *fd, QIO_EVENT_IN, signal_came, s,
                                 NULL, errp)
               ? 0
               : -1;
}

static void report(QIOTimer *timer, void *opaque)
{
    struct server *s = opaque;
    size_t n = qio_listener_connections(s->listener);

    (void)timer;
    if (n != s->reported) {
        fprintf(stderr, "%zu clients, %zu of them shaking hands\n", n,
                qio_listener_handshakes(s->listener));
    }
    s->reported = n;
}

static int start_reports(struct server *s, QIOError **errp)
{
    s->timer = qio_timer_new(s->loop, report, s, errp);
    return s->timer ? qio_timer_start(s->timer, REPORT_MS, REPORT_MS, errp)
                    : -1;
}

/* The certificate's files have changed. */
static void creds_changed(QIOTLSCreds *creds, const QIOError *err, void *opaque)
{
    (void)creds;
    (void)opaque;
    if (err) {
        complain("keeping the old credentials", err);
    } else {
        fprintf(stderr, "new credentials\n");
    }
}

static int watch_creds(struct server *s, QIOTLSCreds *creds, QIOError **errp)
{
    s->rotation =
        qio_tls_creds_watch_new(s->loop, creds, creds_changed, s, errp);
    return s->rotation ? 0 : -1;
}

/* ---- all of it ---- */

/* Clients that come again need not go through all of the handshake. */
static QIOTLSCreds *load(const char *pki, QIOError **errp)
{
    QIOTLSConfig *config =
        qio_tls_config_new(QIO_TLS_CREDS_X509, QIO_TLS_ENDPOINT_SERVER, errp);
    QIOTLSCreds *creds = NULL;

    if (config && qio_tls_config_set(config, "dir", pki, errp) == 0 &&
        qio_tls_config_set(config, "resumption", "on", errp) == 0) {
        creds = qio_tls_creds_new(config, errp);
    }
    qio_tls_config_free(config);
    return creds;
}

static int prepare(struct server *s, const char *pki, char **uris,
                   QIOError **errp)
{
    QIOTLSCreds *creds = load(pki, errp);
    int result = -1;

    s->loop = creds ? qio_loop_new(errp) : NULL;
    s->objects = s->loop ? qio_objects_new(errp) : NULL;
    s->listener = s->objects ? qio_listener_new(errp) : NULL;
    if (s->listener) {
        result = qio_objects_add_tls_creds(s->objects, "tls0", creds, errp);
    }
    if (result == 0) {
        result = watch_creds(s, creds, errp);
    }
    while (result == 0 && *uris) {
        result = listen_at(s, *uris++, errp);
    }
    qio_tls_creds_unref(creds);
    return result;
}

int main(int argc, char **argv)
{
    struct server s = {0};
    QIOError *err = NULL;
    int result = 1;
    int fd = -1;

    if (argc < 3) {
        fprintf(stderr, "usage: tls-echo-server-many PKI-DIR URI...\n");
        return 2;
    }
    if (prepare(&s, argv[1], argv + 2, &err) == 0 &&
        watch_signals(&s, &fd, &err) == 0 && start_reports(&s, &err) == 0 &&
        serve(&s, &err) == 0 && say_where(s.listener, &err) == 0 &&
        qio_loop_run(s.loop, &err) == 0) {
        result = 0;
    }
    if (err) {
        complain("serving", err);
        qio_error_free(err);
    }
    qio_timer_free(s.timer);
    qio_tls_creds_watch_free(s.rotation);
    qio_listener_free(s.listener);
    /* Ends what is under way: watches, tasks. */
    qio_loop_free(s.loop);
    qio_objects_free(s.objects);
    if (fd >= 0) {
        close(fd);
    }
    return result;
}
