/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listening and accepting, without layers. */
#include "qiotest.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <qio/endpoint.h>
#include "base/clock.h"
#include "base/fd.h"

#define LIMIT_MS 10000

static QIOListener *listen_on(const char *text, QIOError **errp)
{
    QIOEndpoint *ep = qio_endpoint_parse(text, errp);
    QIOListener *l;

    ck_assert_msg(ep != NULL, "'%s' does not parse", text);
    l = qio_endpoint_listen_sync(ep, NULL, 5, errp);
    qio_endpoint_free(ep);
    return l;
}

static QIOListener *listening(const char *text)
{
    QIOError *err = NULL;
    QIOListener *l = listen_on(text, &err);

    qiotest_ok(&err);
    ck_assert_ptr_nonnull(l);
    return l;
}

static QIOChannel *connect_to(const char *text, QIOError **errp)
{
    QIOEndpoint *ep = qio_endpoint_parse(text, errp);
    QIOChannel *ioc;

    ck_assert_msg(ep != NULL, "'%s' does not parse", text);
    ioc = qio_endpoint_connect_sync(ep, NULL, QIO_ENDPOINT_READWRITE, LIMIT_MS,
                                    errp);
    qio_endpoint_free(ep);
    return ioc;
}

/* The text of where it listens; free() it. */
static char *where(const QIOListener *l, size_t i)
{
    QIOAddress *addr = qio_listener_get_address(l, i, NULL);
    char *text = qio_address_to_string(addr, NULL);

    ck_assert_ptr_nonnull(text);
    qio_address_free(addr);
    return text;
}

static QIOChannel *accepted(QIOListener *l)
{
    QIOError *err = NULL;
    QIOChannel *ioc =
        qio_listener_accept_sync(l, QIO_ENDPOINT_READWRITE, LIMIT_MS, &err);

    qiotest_ok(&err);
    ck_assert_ptr_nonnull(ioc);
    return ioc;
}

static void not_accepted(QIOListener *l, int timeout_ms, QIOErrorCode code)
{
    QIOError *err = NULL;

    ck_assert_ptr_null(
        qio_listener_accept_sync(l, QIO_ENDPOINT_READ, timeout_ms, &err));
    qiotest_error(&err, code);
}

static void talk(QIOChannel *a, QIOChannel *b)
{
    QIOError *err = NULL;
    char buf[8];

    ck_assert_int_eq(qio_channel_write_all(a, "ping", 4, &err), 0);
    ck_assert_int_eq(qio_channel_read_all(b, buf, 4, &err), 0);
    ck_assert_mem_eq(buf, "ping", 4);
    ck_assert_int_eq(qio_channel_write_all(b, "pong", 4, &err), 0);
    ck_assert_int_eq(qio_channel_read_all(a, buf, 4, &err), 0);
    ck_assert_mem_eq(buf, "pong", 4);
}

/* Several clients of one listener; every address it gives can be reached. */
static void serve(const char *text)
{
    QIOError *err = NULL;
    QIOListener *l = listening(text);
    size_t i;

    ck_assert_uint_ge(qio_listener_count(l), 1);
    for (i = 0; i < 2 * qio_listener_count(l); i++) {
        char *at = where(l, i % qio_listener_count(l));
        QIOChannel *client = connect_to(at, &err);
        QIOChannel *server;

        qiotest_ok(&err);
        server = accepted(l);
        talk(client, server);
        qio_channel_unref(client);
        qio_channel_unref(server);
        free(at);
    }
    ck_assert_ptr_null(qio_listener_get_address(l, i, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_listener_free(l);
}

START_TEST(tcp)
{
    serve("tcp:127.0.0.1:0");
    serve("tcp:localhost:0");
}
END_TEST

START_TEST(tcp6)
{
    QIOError *err = NULL;
    QIOListener *l = listen_on("tcp:[::1]:0", &err);

    if (!l) {
        qio_error_free(err);
        return;
    }
    qio_listener_free(l);
    serve("tcp:[::1]:0");
}
END_TEST

START_TEST(unix_path)
{
    char text[128];

    snprintf(text, sizeof(text), "unix:%s/a,,b", qiotest_tmpdir());
    serve(text);
}
END_TEST

START_TEST(unix_abstract)
{
    char text[64];

    snprintf(text, sizeof(text), "unix:qiotest.%d,abstract=on", (int)getpid());
    serve(text);
}
END_TEST

START_TEST(port_in_use)
{
    QIOError *err = NULL;
    QIOListener *l = listening("tcp:127.0.0.1:0");
    char *at = where(l, 0);

    ck_assert_ptr_null(listen_on(at, &err));
    qiotest_error(&err, QIO_ERROR_IN_USE);
    qio_listener_free(l);
    free(at);
}
END_TEST

/* to= goes on to the next port that is free. */
START_TEST(port_scan)
{
    QIOListener *first = listening("tcp:127.0.0.1:0");
    QIOAddress *addr = qio_listener_get_address(first, 0, NULL);
    int port = atoi(qio_address_port(addr));
    int last = port < 65000 ? port + 500 : 65535;
    QIOListener *second;
    char text[64];

    qio_address_free(addr);
    snprintf(text, sizeof(text), "tcp:127.0.0.1:%d,to=%d", port, last);
    second = listening(text);
    addr = qio_listener_get_address(second, 0, NULL);
    ck_assert_int_gt(atoi(qio_address_port(addr)), port);
    ck_assert_int_le(atoi(qio_address_port(addr)), last);
    qio_address_free(addr);
    qio_listener_free(first);
    qio_listener_free(second);
}
END_TEST

/* A live socket is not stolen, a stale one is replaced. */
START_TEST(unix_owner)
{
    QIOError *err = NULL;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    QIOListener *l;
    char text[128];
    int fd;

    snprintf(text, sizeof(text), "unix:%s/s", qiotest_tmpdir());
    l = listening(text);
    ck_assert_int_eq(access(text + 5, F_OK), 0);
    ck_assert_ptr_null(listen_on(text, &err));
    qiotest_error(&err, QIO_ERROR_IN_USE);
    qio_listener_free(l);
    ck_assert_int_eq(access(text + 5, F_OK), -1);

    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(un.sun_path, text + 5);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    close(fd);
    serve(text);
}
END_TEST

/* The path is left alone when it has become somebody else's. */
START_TEST(unix_path_taken_over)
{
    char text[128];
    QIOListener *l;
    int fd;

    snprintf(text, sizeof(text), "unix:%s/s", qiotest_tmpdir());
    l = listening(text);
    ck_assert_int_eq(unlink(text + 5), 0);
    fd = open(text + 5, O_CREAT | O_WRONLY, 0600);
    close(fd);
    qio_listener_free(l);
    ck_assert_int_eq(access(text + 5, F_OK), 0);
}
END_TEST

START_TEST(timeout)
{
    QIOListener *l = listening("tcp:127.0.0.1:0");
    int64_t start = qiop_now_us();

    not_accepted(l, 0, QIO_ERROR_TIMEOUT);
    not_accepted(l, 50, QIO_ERROR_TIMEOUT);
    ck_assert_int_ge(qiop_now_us() - start, 50000);
    qio_listener_free(l);
}
END_TEST

static void *shut_later(void *opaque)
{
    usleep(50000);
    qio_listener_shutdown(opaque);
    return NULL;
}

START_TEST(shutdown_running)
{
    QIOListener *l = listening("tcp:127.0.0.1:0");
    pthread_t thread;

    pthread_create(&thread, NULL, shut_later, l);
    not_accepted(l, -1, QIO_ERROR_SHUTDOWN);
    not_accepted(l, -1, QIO_ERROR_SHUTDOWN);
    pthread_join(thread, NULL);
    qio_listener_shutdown(l);
    not_accepted(l, 0, QIO_ERROR_SHUTDOWN);
    qio_listener_free(l);
}
END_TEST

START_TEST(shutdown_once)
{
    QIOListener *l = listening("exec:cat");

    qio_listener_shutdown(l);
    not_accepted(l, -1, QIO_ERROR_SHUTDOWN);
    qio_listener_free(l);
}
END_TEST

/* Reset before it was accepted: passed over. */
START_TEST(client_gone)
{
    QIOError *err = NULL;
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};
    struct sockaddr_in sin = {.sin_family = AF_INET};
    QIOListener *l = listening("tcp:127.0.0.1:0");
    QIOAddress *addr = qio_listener_get_address(l, 0, NULL);
    char *at = where(l, 0);
    QIOChannel *client;
    QIOChannel *server;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    sin.sin_port = htons(atoi(qio_address_port(addr)));
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(fd);
    not_accepted(l, 50, QIO_ERROR_TIMEOUT);

    client = connect_to(at, &err);
    qiotest_ok(&err);
    server = accepted(l);
    talk(client, server);
    qio_channel_unref(client);
    qio_channel_unref(server);
    qio_address_free(addr);
    qio_listener_free(l);
    free(at);
}
END_TEST

/* Without descriptors accepting fails and says why; the client waits. */
START_TEST(no_descriptors)
{
    QIOError *err = NULL;
    QIOListener *l = listening("tcp:127.0.0.1:0");
    char *at = where(l, 0);
    QIOChannel *client = connect_to(at, &err);
    QIOChannel *server;
    struct rlimit old, none;

    qiotest_ok(&err);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 3;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_ptr_null(
        qio_listener_accept_sync(l, QIO_ENDPOINT_READ, LIMIT_MS, &err));
    ck_assert_int_eq(qio_error_errno(err), EMFILE);
    qio_error_free(err);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);

    server = accepted(l);
    talk(client, server);
    qio_channel_unref(client);
    qio_channel_unref(server);
    qio_listener_free(l);
    free(at);
}
END_TEST

START_TEST(fd_listening)
{
    QIOError *err = NULL;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    QIOChannel *client;
    QIOChannel *server;
    QIOListener *l;
    char text[128];

    snprintf(un.sun_path, sizeof(un.sun_path), "%s/s", qiotest_tmpdir());
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    ck_assert_int_eq(listen(fd, 5), 0);
    snprintf(text, sizeof(text), "fd:%d", fd);
    l = listening(text);
    snprintf(text, sizeof(text), "unix:%s", un.sun_path);
    client = connect_to(text, &err);
    qiotest_ok(&err);
    server = accepted(l);
    talk(client, server);
    qio_channel_unref(client);
    qio_channel_unref(server);
    qio_listener_free(l);
    /* It was not the listener that made the path. */
    ck_assert_int_eq(access(un.sun_path, F_OK), 0);
}
END_TEST

START_TEST(fd_connected)
{
    QIOError *err = NULL;
    int fds[2];
    QIOChannel *client;
    QIOChannel *server;
    QIOListener *l;
    char text[32];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    snprintf(text, sizeof(text), "fd:%d", fds[0]);
    l = listening(text);
    ck_assert_uint_eq(qio_listener_count(l), 0);
    server = accepted(l);
    snprintf(text, sizeof(text), "fd:%d", fds[1]);
    client = connect_to(text, &err);
    qiotest_ok(&err);
    talk(client, server);
    not_accepted(l, 0, QIO_ERROR_CLOSED);
    qio_channel_unref(client);
    qio_channel_unref(server);
    qio_listener_free(l);
}
END_TEST

START_TEST(exec_once)
{
    QIOError *err = NULL;
    QIOListener *l = listening("exec:printf %s incoming");
    QIOChannel *ioc = accepted(l);
    char buf[16];

    ck_assert_int_eq(qio_channel_read_all(ioc, buf, 8, &err), 0);
    ck_assert_mem_eq(buf, "incoming", 8);
    ck_assert_int_eq(qio_channel_read_all_eof(ioc, buf, 1, &err), 0);
    not_accepted(l, 0, QIO_ERROR_CLOSED);
    qio_channel_unref(ioc);
    qio_listener_free(l);
}
END_TEST

/* Incoming from a file: only read, neither made nor cut, whatever the mode. */
START_TEST(file_once)
{
    QIOError *err = NULL;
    QIOListener *l;
    QIOChannel *ioc;
    char text[128];
    char path[100];
    char buf[16];
    FILE *f;

    snprintf(path, sizeof(path), "%s/state", qiotest_tmpdir());
    snprintf(text, sizeof(text), "file:%s,offset=4", path);
    l = listening(text);
    ck_assert_ptr_null(
        qio_listener_accept_sync(l, QIO_ENDPOINT_READWRITE, 0, &err));
    ck_assert_int_eq(qio_error_errno(err), ENOENT);
    qio_error_free(err);

    f = fopen(path, "w");
    fputs("headbody", f);
    fclose(f);
    chmod(path, 0400);
    ioc = accepted(l);
    ck_assert_int_eq(qio_channel_read_all(ioc, buf, 4, NULL), 0);
    ck_assert_mem_eq(buf, "body", 4);
    ck_assert_int_eq(qio_channel_read(ioc, buf, 1, NULL), 0);
    not_accepted(l, 0, QIO_ERROR_CLOSED);
    qio_channel_unref(ioc);
    qio_listener_free(l);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("listener");
    TCase *tc = qiotest_case(s, "listener");

    tcase_add_test(tc, tcp);
    tcase_add_test(tc, tcp6);
    tcase_add_test(tc, unix_path);
    tcase_add_test(tc, unix_abstract);
    tcase_add_test(tc, port_in_use);
    tcase_add_test(tc, port_scan);
    tcase_add_test(tc, unix_owner);
    tcase_add_test(tc, unix_path_taken_over);
    tcase_add_test(tc, timeout);
    tcase_add_test(tc, shutdown_running);
    tcase_add_test(tc, shutdown_once);
    tcase_add_test(tc, client_gone);
    tcase_add_test(tc, no_descriptors);
    tcase_add_test(tc, fd_listening);
    tcase_add_test(tc, fd_connected);
    tcase_add_test(tc, exec_once);
    tcase_add_test(tc, file_once);
    return qiotest_main(s);
}
