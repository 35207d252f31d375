/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-crowd [--clients N] [--handshakes N] [--seconds N]: a TLS server in one
 * thread that N clients besiege who connect and say nothing, and N more who say
 * a byte a second, all of whom come back when they are dropped. Meanwhile a
 * good client comes ten times a second. Fails when it is not served each time
 * within its deadline.
 */
#include <config.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench-tls.h"
#include "bench.h"

#define BACKLOG 4096
#define DEADLINE_MS 2000
#define PAUSE_MS 100
#define MAX_VISITS 1000

static int clients = 100;
static int handshakes = 64;
static int seconds = 3;

static void fail(const char *what, QIOError *err)
{
    fprintf(stderr, "%s: %s\n", what, err ? qio_error_message(err) : "failed");
    _exit(1);
}

/* ---- the server ---- */

struct server {
    QIOLoop *loop;
    size_t given_up; /* handshakes */
};

static void copied(QIOTask *task, void *opaque)
{
    (void)opaque;
    qio_channel_close(qio_task_channel(task), NULL);
}

static void connection(QIOListener *l, QIOChannel *ioc, void *opaque)
{
    struct server *s = opaque;
    QIOError *err = NULL;

    (void)l;
    if (!qio_channel_copy_async(ioc, ioc, s->loop, QIO_COPY_ONE_WAY, -1, copied,
                                NULL, NULL, &err)) {
        fail("echoing", err);
    }
}

static void trouble(QIOListener *l, QIOChannel *ioc, const QIOError *err,
                    void *opaque)
{
    struct server *s = opaque;

    (void)l;
    (void)err;
    s->given_up += ioc != NULL;
}

static QIOListener *listen_tls(QIOObjects *objects, QIOError **errp)
{
    const unsigned flags =
        QIO_TLS_CREDS_NO_VERIFY_PEER | QIO_TLS_CREDS_NO_SANITY_CHECK;
    QIOTLSCreds *creds =
        qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_SERVER, bench_tls_dir(), NULL,
                               BENCH_PRIORITY, flags, errp);
    QIOEndpoint *ep =
        qio_endpoint_parse("tcp:127.0.0.1:0,tls-creds=tls0", NULL);
    QIOListener *l = NULL;

    if (creds && ep &&
        qio_objects_add_tls_creds(objects, "tls0", creds, errp) == 0) {
        l = qio_endpoint_listen_sync(ep, objects, BACKLOG, errp);
    }
    qio_endpoint_free(ep);
    qio_tls_creds_unref(creds);
    return l;
}

static bool told(int control, unsigned events, void *opaque)
{
    struct server *s = opaque;

    (void)control;
    (void)events;
    qio_loop_quit(s->loop);
    return true;
}

/* Tells its port, and at the end how many it has given up. */
static void serve(int control)
{
    static const QIOListenerFuncs funcs = {connection, trouble, NULL};
    struct server s = {qio_loop_new(NULL), 0};
    QIOObjects *objects = qio_objects_new(NULL);
    QIOError *err = NULL;
    QIOListener *l = listen_tls(objects, &err);
    QIOAddress *addr;
    int port;

    if (!l) {
        fail("listening", err);
    }
    qio_listener_set_max_handshakes(l, (size_t)handshakes);
    addr = qio_listener_get_address(l, 0, &err);
    port = addr ? atoi(qio_address_port(addr)) : 0;
    qio_address_free(addr);
    if (write(control, &port, sizeof(port)) != sizeof(port) ||
        !qio_loop_add_fd_watch(s.loop, control, QIO_EVENT_IN, told, &s, NULL,
                               &err) ||
        qio_listener_serve(l, QIO_ENDPOINT_READWRITE, s.loop, &funcs, &s,
                           &err) < 0 ||
        qio_loop_run(s.loop, &err) < 0 ||
        write(control, &s.given_up, sizeof(s.given_up)) < 0) {
        fail("serving", err);
    }
    qio_listener_free(l);
    qio_loop_free(s.loop);
    qio_objects_free(objects);
}

/* ---- the crowd ---- */

static int come(const struct sockaddr_in *sin)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        bench_fail("the crowd has no more descriptors");
    }
    (void)connect(fd, (const struct sockaddr *)sin, sizeof(*sin));
    return fd;
}

/* Once a second: the first half stays silent, the other half says one more byte
 * of something that begins like a ClientHello. */
static void besiege(int port)
{
    static const unsigned char hello[64] = {0x16, 3, 1,    2, 0, 1,
                                            0,    1, 0xfc, 3, 3};
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port)};
    int n = 2 * clients;
    int *fds = calloc((size_t)n, sizeof(*fds));
    size_t *said = calloc((size_t)n, sizeof(*said));

    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < n; i++) {
        fds[i] = come(&sin);
    }
    for (;;) {
        poll(NULL, 0, 1000);
        for (int i = 0; i < n; i++) {
            char c[64];

            /* Dropped, with or without an alert. */
            while (recv(fds[i], c, sizeof(c), MSG_DONTWAIT) > 0) {
            }
            if (recv(fds[i], c, 1, MSG_DONTWAIT) == 0) {
                close(fds[i]);
                fds[i] = come(&sin);
                said[i] = 0;
            } else if (i >= clients && said[i] < sizeof(hello)) {
                said[i] += send(fds[i], hello + said[i], 1,
                                MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
            }
        }
    }
}

/* ---- the good client ---- */

/* Connect, shake hands, hear an echo, and say goodbye: how long it took. */
static double visit(const QIOAddress *addr, QIOTLSCreds *creds)
{
    QIOError *err = NULL;
    double begin = bench_now();
    QIOChannel *tcp = qio_channel_socket_new(addr, &err);
    QIOChannel *ioc =
        tcp ? qio_channel_tls_new_client(tcp, creds, NULL, &err) : NULL;
    char buf[5];

    if (!ioc || qio_channel_open_sync(ioc, DEADLINE_MS, &err) < 0) {
        fail("the good client, opening", err);
    }
    qio_channel_set_timeout(ioc, DEADLINE_MS);
    if (qio_channel_write_all(ioc, "hello", 5, &err) < 0 ||
        qio_channel_read_all(ioc, buf, 5, &err) < 0 ||
        memcmp(buf, "hello", 5)) {
        fail("the good client, echoing", err);
    }
    qio_channel_close(ioc, NULL);
    qio_channel_unref(ioc);
    qio_channel_unref(tcp);
    return bench_now() - begin;
}

static bool be_good(int port)
{
    const unsigned flags =
        QIO_TLS_CREDS_NO_VERIFY_PEER | QIO_TLS_CREDS_NO_SANITY_CHECK;
    QIOTLSCreds *creds =
        qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_CLIENT, bench_tls_dir(), NULL,
                               BENCH_PRIORITY, flags, NULL);
    static double took[MAX_VISITS];
    double end = bench_now() + seconds, middle, worst;
    QIOAddress *addr;
    char text[16];
    int n = 0;

    snprintf(text, sizeof(text), "%d", port);
    addr = qio_address_new_inet("127.0.0.1", text, NULL);
    while (n < MAX_VISITS && bench_now() < end) {
        took[n++] = visit(addr, creds);
        poll(NULL, 0, PAUSE_MS);
    }
    qio_address_free(addr);
    qio_tls_creds_unref(creds);
    middle = bench_median(took, n);
    worst = took[n - 1];
    printf("the good client: %d visits, median %.1f ms, longest %.1f ms "
           "(at most %d)\n",
           n, middle * 1e3, worst * 1e3, DEADLINE_MS);
    return n > 1 && worst * 1e3 <= DEADLINE_MS;
}

/* ---- all of them ---- */

static void options(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        int n = atoi(argv[i + 1]);

        if (!strcmp(argv[i], "--clients")) {
            clients = n;
        } else if (!strcmp(argv[i], "--handshakes")) {
            handshakes = n;
        } else if (!strcmp(argv[i], "--seconds")) {
            seconds = n;
        }
    }
    if (argc % 2 == 0 || clients < 1 || handshakes < 1 || seconds < 1) {
        bench_fail("usage: [--clients N] [--handshakes N] [--seconds N]");
    }
}

static int too_many(void)
{
    struct rlimit limit;
    rlim_t wanted = 2 * (rlim_t)clients + 100;

    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < wanted) {
        printf("no more than %llu descriptors are allowed here\n",
               (unsigned long long)limit.rlim_max);
        return 77;
    }
    limit.rlim_cur = limit.rlim_cur < wanted ? wanted : limit.rlim_cur;
    return setrlimit(RLIMIT_NOFILE, &limit);
}

static pid_t start(int *port, int *control)
{
    int pair[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || (pid = fork()) < 0) {
        bench_fail("cannot start the server");
    }
    if (pid == 0) {
        close(pair[0]);
        serve(pair[1]);
        _exit(0);
    }
    close(pair[1]);
    if (read(pair[0], port, sizeof(*port)) != sizeof(*port)) {
        bench_fail("the server does not listen");
    }
    *control = pair[0];
    return pid;
}

int main(int argc, char **argv)
{
    pid_t server, crowd;
    int port, control, status;
    size_t given_up = 0;
    bool good;

    options(argc, argv);
    status = too_many();
    if (status) {
        return status;
    }
    bench_tls_setup();
    server = start(&port, &control);
    crowd = fork();
    if (crowd == 0) {
        besiege(port);
    }
    good = be_good(port);
    kill(crowd, SIGKILL);
    waitpid(crowd, NULL, 0);
    if (write(control, "q", 1) != 1 ||
        read(control, &given_up, sizeof(given_up)) != sizeof(given_up) ||
        waitpid(server, &status, 0) != server || status) {
        bench_fail("the server failed");
    }
    printf("%d silent and %d slow clients, %d handshakes at once: %zu given "
           "up in %d s\n",
           clients, clients, handshakes, given_up, seconds);
    return good && given_up > 0 ? 0 : 1;
}
