/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The servers of bench-idle: echoing in one thread, on a QIOLoop with TLS
 * channels, and on epoll with GnuTLS sessions. */
#include <config.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "bench-idle.h"
#include "bench-tls.h"
#include "bench.h"

#define PIECE 4096

void idle_memory_measure(struct idle_memory *m)
{
    struct mallinfo2 info = mallinfo2();
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long size, pages = 0;

    m->heap = info.uordblks + info.hblkhd;
    if (!f || fscanf(f, "%lu %lu", &size, &pages) != 2) {
        bench_fail("cannot read /proc/self/statm");
    }
    fclose(f);
    m->resident = pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Whether to go on. */
static bool answer(int control, struct idle_memory **m)
{
    char c;

    if (read(control, &c, 1) != 1) {
        return false;
    }
    idle_memory_measure((*m)++);
    return write(control, &c, 1) == 1;
}

/* ---- QIOLoop ---- */

struct server {
    QIOLoop *loop;
    QIOTLSCreds *creds;
    struct idle_memory *memory;
};

static bool echo(QIOChannel *ioc, unsigned events, void *opaque)
{
    char buf[PIECE];
    ssize_t n = qio_channel_read(ioc, buf, sizeof(buf), NULL);

    (void)events;
    (void)opaque;
    if (n == QIO_CHANNEL_ERR_BLOCK) {
        return true;
    }
    return n > 0 && qio_channel_write(ioc, buf, (size_t)n, NULL) == n;
}

static void opened(QIOTask *task, void *opaque)
{
    struct server *s = opaque;
    QIOChannel *ioc = qio_task_channel(task);

    if (qio_task_error(task)) {
        bench_fail(qio_error_message(qio_task_error(task)));
    }
    qio_channel_set_blocking(ioc, false);
    if (!qio_channel_add_watch(ioc, s->loop, QIO_EVENT_IN, echo, NULL, NULL,
                               NULL)) {
        bench_fail("cannot watch a channel");
    }
}

static bool come_in(int listener, unsigned events, void *opaque)
{
    struct server *s = opaque;
    QIOChannel *tcp, *tls;
    int fd;

    (void)events;
    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        tcp = qio_channel_socket_new_fd(fd, NULL);
        tls =
            tcp ? qio_channel_tls_new_server(tcp, s->creds, NULL, NULL) : NULL;
        if (!tls ||
            !qio_channel_open_async(tls, s->loop, -1, opened, s, NULL, NULL)) {
            bench_fail("cannot serve");
        }
        qio_channel_unref(tls);
        qio_channel_unref(tcp);
    }
    return true;
}

static bool told(int control, unsigned events, void *opaque)
{
    struct server *s = opaque;

    (void)events;
    if (!answer(control, &s->memory)) {
        qio_loop_quit(s->loop);
    }
    return true;
}

void idle_server_qio(int listener, int control, struct idle_memory *m)
{
    const unsigned flags =
        QIO_TLS_CREDS_NO_VERIFY_PEER | QIO_TLS_CREDS_NO_SANITY_CHECK;
    struct server s = {qio_loop_new(NULL), NULL, m};

    s.creds = qio_tls_creds_x509_new(QIO_TLS_ENDPOINT_SERVER, bench_tls_dir(),
                                     NULL, BENCH_PRIORITY, flags, NULL);
    if (!s.loop || !s.creds ||
        !qio_loop_add_fd_watch(s.loop, listener, QIO_EVENT_IN, come_in, &s,
                               NULL, NULL) ||
        !qio_loop_add_fd_watch(s.loop, control, QIO_EVENT_IN, told, &s, NULL,
                               NULL) ||
        qio_loop_run(s.loop, NULL) < 0) {
        bench_fail("the loop failed");
    }
    qio_loop_free(s.loop);
    qio_tls_creds_unref(s.creds);
}

/* ---- GnuTLS ---- */

struct session {
    gnutls_session_t tls;
    int fd;
    bool done;
};

static void watch_fd(int ep, int fd, void *p)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = p};

    if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev)) {
        bench_fail("cannot use epoll");
    }
}

static void accept_sessions(int ep, int listener,
                            gnutls_certificate_credentials_t cred,
                            gnutls_priority_t priority)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >=
           0) {
        struct session *s = calloc(1, sizeof(*s));

        if (!s || gnutls_init(&s->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK |
                                           GNUTLS_NO_SIGNAL |
                                           GNUTLS_NO_TICKETS) < 0) {
            bench_fail("cannot make a session");
        }
        gnutls_priority_set(s->tls, priority);
        gnutls_credentials_set(s->tls, GNUTLS_CRD_CERTIFICATE, cred);
        gnutls_transport_set_int(s->tls, fd);
        s->fd = fd;
        watch_fd(ep, fd, s);
    }
}

static void drop(struct session *s)
{
    close(s->fd);
    gnutls_deinit(s->tls);
    free(s);
}

static void serve(struct session *s)
{
    char buf[PIECE];
    ssize_t n;

    if (!s->done) {
        n = gnutls_handshake(s->tls);
        s->done = n == 0;
    } else {
        n = gnutls_record_recv(s->tls, buf, sizeof(buf));
        if (n == 0 ||
            (n > 0 && gnutls_record_send(s->tls, buf, (size_t)n) != n)) {
            n = GNUTLS_E_PREMATURE_TERMINATION;
        }
    }
    if (n < 0 && gnutls_error_is_fatal((int)n)) {
        drop(s);
    }
}

void idle_server_gnutls(int listener, int control, struct idle_memory *m)
{
    gnutls_certificate_credentials_t cred = bench_gnutls_server_cred();
    struct epoll_event ev[64];
    gnutls_priority_t priority;
    int ep = epoll_create1(EPOLL_CLOEXEC);

    if (ep < 0 || gnutls_priority_init(&priority, BENCH_PRIORITY, NULL) < 0) {
        bench_fail("cannot start");
    }
    watch_fd(ep, listener, NULL);
    watch_fd(ep, control, &control);
    for (;;) {
        int n = epoll_wait(ep, ev, 64, -1);

        for (int i = 0; i < n; i++) {
            if (!ev[i].data.ptr) {
                accept_sessions(ep, listener, cred, priority);
            } else if (ev[i].data.ptr != &control) {
                serve(ev[i].data.ptr);
            } else if (!answer(control, &m)) {
                return;
            }
        }
    }
}
