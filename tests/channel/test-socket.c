/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What only socket channels do: connecting, options, facts, resets. */
#include <config.h>
#include "qiotest.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h>
#include <unistd.h>
#include <qio/channel-null.h>
#include <qio/channel-ops.h>
#include <qio/channel-socket.h>
#include "base/clock.h"
#include "base/fd.h"
#include "pairs.h"

static QIOError *err;
static bool have_ipv6;

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* A listener on a loopback port that the kernel chose, in *port; -1 when it
 * does not know the protocol. */
static int listen_on(int family, int protocol, int backlog, int *port)
{
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } addr;
    socklen_t len = sizeof(addr);
    int fd = qiop_fd_socket(family, SOCK_STREAM, protocol, false, NULL);

    if (fd < 0) {
        return -1;
    }
    memset(&addr, 0, sizeof(addr));
    addr.sa.sa_family = (sa_family_t)family;
    if (family == AF_INET) {
        addr.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
        addr.in6.sin6_addr = in6addr_loopback;
    }
    ck_assert_int_eq(bind(fd, &addr.sa, sizeof(addr)), 0);
    ck_assert_int_eq(listen(fd, backlog), 0);
    ck_assert_int_eq(getsockname(fd, &addr.sa, &len), 0);
    *port = ntohs(family == AF_INET ? addr.in.sin_port : addr.in6.sin6_port);
    return fd;
}

static QIOAddress *address_of(const char *host, int port)
{
    char text[100];
    QIOAddress *addr;

    snprintf(text, sizeof(text), "tcp:%s:%d", host, port);
    addr = qio_address_parse(text, &err);
    qiotest_ok(&err);
    return addr;
}

static QIOChannel *new_for(const char *host, int port)
{
    QIOAddress *addr = address_of(host, port);
    QIOChannel *ioc = qio_channel_socket_new(addr, &err);

    qiotest_ok(&err);
    ck_assert_ptr_nonnull(ioc);
    qio_address_free(addr);
    return ioc;
}

static QIOChannel *accept_one(int listener)
{
    QIOChannel *ioc =
        qio_channel_socket_new_fd(qiop_fd_accept(listener, false, &err), &err);

    qiotest_ok(&err);
    ck_assert_ptr_nonnull(ioc);
    return ioc;
}

static void connect_and_talk(int family, const char *host)
{
    int port, listener = listen_on(family, 0, 4, &port);
    QIOAddress *addr = address_of(host, port);
    QIOChannel *client = qio_channel_socket_connect_sync(addr, 10000, &err);
    QIOChannel *server;

    qiotest_ok(&err);
    ck_assert(qio_channel_is_open(client));
    ck_assert_str_eq(qio_channel_type_name(client), "socket");
    server = accept_one(listener);
    ck_assert_int_eq(qio_channel_socket_set_send_buffer(client, 65536, &err),
                     0);
    ck_assert(qio_channel_has_feature(client, QIO_CHANNEL_FEATURE_SHUTDOWN));
    ck_assert(qio_channel_has_feature(server, QIO_CHANNEL_FEATURE_SHUTDOWN));
    pair_expect_talk(client, server);
    ck_assert_int_eq(qio_channel_close(client, &err), 0);
    qio_channel_unref(client);
    qio_channel_unref(server);
    qio_address_free(addr);
    qiop_fd_close(listener);
}

START_TEST(connect_ipv4)
{
    connect_and_talk(AF_INET, "127.0.0.1");
}
END_TEST

START_TEST(connect_ipv6)
{
    if (have_ipv6) {
        connect_and_talk(AF_INET6, "[::1]");
    }
}
END_TEST

START_TEST(connect_by_name)
{
    connect_and_talk(AF_INET, "localhost");
}
END_TEST

/* Opening goes on where a timed-out attempt left off. */
START_TEST(open_in_steps)
{
    int port, listener = listen_on(AF_INET, 0, 4, &port);
    QIOChannel *client = new_for("127.0.0.1", port);
    QIOChannel *server;
    char c;
    int i, rc = -1;

    ck_assert(!qio_channel_is_open(client));
    ck_assert_int_eq(qio_channel_socket_get_fd(client), -1);
    ck_assert_int_eq(qio_channel_read(client, &c, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_STATE);
    ck_assert_int_eq(qio_channel_write(client, "x", 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_STATE);
    ck_assert_ptr_null(qio_channel_get_local_address(client, NULL));
    for (i = 0; i < 1000 && rc < 0; i++) {
        rc = qio_channel_open_sync(client, 1, &err);
        if (rc < 0) {
            qiotest_error(&err, QIO_ERROR_TIMEOUT);
        }
    }
    ck_assert_int_eq(rc, 0);
    ck_assert_int_eq(qio_channel_open_sync(client, 0, &err), 0);
    server = accept_one(listener);
    pair_expect_talk(client, server);
    qio_channel_unref(client);
    qio_channel_unref(server);
    qiop_fd_close(listener);
}
END_TEST

START_TEST(refused)
{
    int port, listener = listen_on(AF_INET, 0, 1, &port);
    QIOChannel *ioc = new_for("127.0.0.1", port);
    char c;

    qiop_fd_close(listener);
    ck_assert_int_eq(qio_channel_open_sync(ioc, 10000, &err), -1);
    ck_assert_int_eq(qio_error_errno(err), ECONNREFUSED);
    qiotest_error(&err, QIO_ERROR_CONNECT);
    ck_assert_int_eq(qio_channel_open_sync(ioc, 10000, &err), -1);
    qiotest_error(&err, QIO_ERROR_STATE);
    ck_assert_int_eq(qio_channel_read(ioc, &c, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_STATE);
    qio_channel_unref(ioc);
}
END_TEST

/* A listener whose queue is full: further connections stay unanswered. */
static int unanswering(int *port, int *held, size_t n)
{
    int listener = listen_on(AF_INET, 0, 0, port);
    struct sockaddr_in sa = {.sin_family = AF_INET};

    sa.sin_port = htons((uint16_t)*port);
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (size_t i = 0; i < n; i++) {
        held[i] = qiop_fd_socket(AF_INET, SOCK_STREAM, 0, true, &err);
        (void)!connect(held[i], (struct sockaddr *)&sa, sizeof(sa));
    }
    return listener;
}

START_TEST(connect_timeout)
{
    int port, held[4], listener = unanswering(&port, held, 4);
    QIOAddress *addr = address_of("127.0.0.1", port);
    int64_t start = qiop_now_us();

    ck_assert_ptr_null(qio_channel_socket_connect_sync(addr, 100, &err));
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    ck_assert_int_ge(qiop_now_us() - start, 90000);
    qio_address_free(addr);
    qiop_fd_close(listener);
    qiop_fd_close_many(held, 4);
}
END_TEST

struct opener {
    QIOChannel *ioc;
    int rc;
    QIOError *err;
};

static void *open_it(void *opaque)
{
    struct opener *o = opaque;

    o->rc = qio_channel_open_sync(o->ioc, -1, &o->err);
    return NULL;
}

START_TEST(shutdown_while_connecting)
{
    int port, held[4], listener = unanswering(&port, held, 4);
    struct opener o = {.ioc = new_for("127.0.0.1", port)};
    struct timespec ts = {0, 30000000};
    int64_t start = qiop_now_us();
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, open_it, &o), 0);
    nanosleep(&ts, NULL);
    ck_assert_int_eq(
        qio_channel_shutdown(o.ioc, QIO_CHANNEL_SHUTDOWN_BOTH, &err), 0);
    pthread_join(thread, NULL);
    ck_assert_int_eq(o.rc, -1);
    qiotest_error(&o.err, QIO_ERROR_SHUTDOWN);
    ck_assert_int_lt(qiop_now_us() - start, 10000000);
    qio_channel_unref(o.ioc);
    qiop_fd_close(listener);
    qiop_fd_close_many(held, 4);
}
END_TEST

/* At any moment of opening. */
START_TEST(shutdown_races_with_connecting)
{
    int port, listener = listen_on(AF_INET, 0, 256, &port);

    for (int i = 0; i < 100; i++) {
        struct opener o = {.ioc = new_for("127.0.0.1", port)};
        struct timespec ts = {0, i * 3000};
        pthread_t thread;

        ck_assert_int_eq(pthread_create(&thread, NULL, open_it, &o), 0);
        nanosleep(&ts, NULL);
        qio_channel_shutdown(o.ioc, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
        pthread_join(thread, NULL);
        if (o.rc < 0) {
            qiotest_error(&o.err, QIO_ERROR_SHUTDOWN);
        }
        qio_channel_unref(o.ioc);
    }
    qiop_fd_close(listener);
}
END_TEST

START_TEST(unref_while_connecting)
{
    int before = qiotest_count_fds(), quiet = 0, i;
    int port, held[4], listener = unanswering(&port, held, 4);
    QIOChannel *ioc = new_for("127.0.0.1", port);

    ck_assert_int_eq(qio_channel_open_sync(ioc, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    qio_channel_unref(ioc);
    qio_channel_unref(new_for("localhost", port));
    qiop_fd_close(listener);
    qiop_fd_close_many(held, 4);
    /* The thread that looks the name up ends in its own time; until then it
     * opens and closes one file after the other. */
    for (i = 0; i < 2000 && quiet < 20; i++) {
        poll(NULL, 0, 5);
        quiet = qiotest_count_fds() == before ? quiet + 1 : 0;
    }
}
END_TEST

/* ---- facts and options ---- */

START_TEST(addresses_and_names)
{
    int port, listener = listen_on(AF_INET, 0, 4, &port);
    QIOAddress *addr = address_of("localhost", port), *got;
    QIOChannel *client, *server;
    const char *name = NULL;
    char text[16];

    ck_assert_int_eq(qio_address_set(addr, "ipv4", "on", &err), 0);
    client = qio_channel_socket_connect_sync(addr, 10000, &err);
    qiotest_ok(&err);
    server = accept_one(listener);
    snprintf(text, sizeof(text), "%d", port);
    got = qio_channel_get_remote_address(client, &err);
    qiotest_ok(&err);
    ck_assert_str_eq(qio_address_host(got), "127.0.0.1");
    ck_assert_str_eq(qio_address_port(got), text);
    qio_address_free(got);
    got = qio_channel_get_local_address(server, &err);
    qiotest_ok(&err);
    ck_assert_str_eq(qio_address_port(got), text);
    qio_address_free(got);
    ck_assert_int_eq(
        qio_channel_query(client, QIO_CHANNEL_QUERY_PEER_NAME, &name, &err), 0);
    ck_assert_str_eq(name, "localhost");
    ck_assert_int_eq(
        qio_channel_query(server, QIO_CHANNEL_QUERY_PEER_NAME, &name, &err),
        -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    qio_channel_unref(client);
    qio_channel_unref(server);
    qio_address_free(addr);
    qiop_fd_close(listener);
}
END_TEST

static int tcp_option(QIOChannel *ioc, int level, int option)
{
    int value = -1;
    socklen_t len = sizeof(value);

    ck_assert_int_eq(
        getsockopt(qio_channel_socket_get_fd(ioc), level, option, &value, &len),
        0);
    return value;
}

START_TEST(options)
{
    QIOChannel *pair[2], *other[2], *null;

    ck_assert_int_eq(pair_tcp(NULL, pair, &err), 0);
    qio_channel_set_delay(pair[0], false);
    ck_assert_int_ne(tcp_option(pair[0], IPPROTO_TCP, TCP_NODELAY), 0);
    qio_channel_set_delay(pair[0], true);
    ck_assert_int_eq(tcp_option(pair[0], IPPROTO_TCP, TCP_NODELAY), 0);
    qio_channel_set_cork(pair[0], true);
    ck_assert_int_ne(tcp_option(pair[0], IPPROTO_TCP, TCP_CORK), 0);
    qio_channel_set_cork(pair[0], false);
    ck_assert_int_eq(tcp_option(pair[0], IPPROTO_TCP, TCP_CORK), 0);
    ck_assert_int_eq(qio_channel_socket_set_send_buffer(pair[0], 20000, &err),
                     0);
    ck_assert_int_ge(tcp_option(pair[0], SOL_SOCKET, SO_SNDBUF), 20000);
    ck_assert_int_eq(qio_channel_socket_set_send_buffer(pair[0], -1, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert(!qio_channel_socket_is_mptcp(pair[0]));
    ck_assert_int_eq(pair_unix(NULL, other, &err), 0);
    ck_assert_int_eq(qio_channel_socket_set_send_buffer(other[0], 9999, &err),
                     0);
    ck_assert_int_ge(qio_channel_socket_get_fd(other[0]), 0);
    ck_assert(!qio_channel_socket_is_mptcp(other[0]));
    null = qio_channel_null_new(&err);
    qiotest_ok(&err);
    ck_assert(!qio_channel_socket_is_mptcp(null));
    ck_assert_int_eq(qio_channel_socket_get_fd(null), -1);
    ck_assert_int_eq(qio_channel_socket_set_send_buffer(null, 9999, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_channel_unref(null);
    for (int i = 0; i < 2; i++) {
        qio_channel_unref(pair[i]);
        qio_channel_unref(other[i]);
    }
    ck_assert_int_eq(pair_pipes(NULL, pair, &err), 0);
    ck_assert_int_eq(qio_channel_socket_get_fd(pair[0]), -1);
    ck_assert_int_eq(qio_channel_socket_set_send_buffer(pair[0], 9999, &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
}
END_TEST

START_TEST(adopting)
{
    int port, fds[2], listener = listen_on(AF_INET, 0, 4, &port);
    QIOAddress *addr;
    QIOChannel *a, *b;

    ck_assert_ptr_null(qio_channel_socket_new_fd(listener, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_channel_socket_new_fd(-1, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_channel_socket_new(NULL, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    qiop_fd_close(listener);
    ck_assert_int_eq(qiop_fd_pipe(fds, false, &err), 0);
    ck_assert_ptr_null(qio_channel_socket_new_fd(fds[0], &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    qiop_fd_close_many(fds, 2);
    /* By address, and the mode stays as it was. */
    ck_assert_int_eq(pair_of_sockets(AF_INET, 0, fds), 0);
    addr = qio_address_new_fd(fds[0], &err);
    a = qio_channel_socket_new(addr, &err);
    qiotest_ok(&err);
    ck_assert(qio_channel_is_open(a));
    ck_assert_int_eq(qio_channel_open_sync(a, 0, &err), 0);
    b = qio_channel_socket_new_fd(fds[1], &err);
    pair_expect_talk(a, b);
    ck_assert(!(fcntl(fds[0], F_GETFL) & O_NONBLOCK));
    qio_address_free(addr);
    qio_channel_unref(a);
    qio_channel_unref(b);
    /* A unix socket becomes what it is. */
    ck_assert_int_eq(qiop_fd_socketpair(fds, &err), 0);
    a = qio_channel_socket_new_fd(fds[0], &err);
    ck_assert_str_eq(qio_channel_type_name(a), "unix");
    qio_channel_unref(a);
    qiop_fd_close(fds[1]);
    addr = qio_address_parse("unix:/nowhere", &err);
    a = qio_channel_socket_new(addr, &err);
    qiotest_ok(&err);
    ck_assert_str_eq(qio_channel_type_name(a), "unix");
    qio_channel_unref(a);
    qio_address_free(addr);
}
END_TEST

/* ---- ends ---- */

static void reset(QIOChannel *ioc)
{
    struct linger now = {1, 0};

    ck_assert_int_eq(setsockopt(qio_channel_socket_get_fd(ioc), SOL_SOCKET,
                                SO_LINGER, &now, sizeof(now)),
                     0);
    qio_channel_unref(ioc);
}

START_TEST(reset_is_no_end)
{
    QIOChannel *pair[2];
    char c;

    ck_assert_int_eq(pair_tcp(NULL, pair, &err), 0);
    reset(pair[1]);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(qio_channel_read(pair[0], &c, 1, &err), -1);
        ck_assert_int_eq(qio_error_errno(err), ECONNRESET);
        qiotest_error(&err, QIO_ERROR_BROKEN);
    }
    qio_channel_unref(pair[0]);
}
END_TEST

/* The kernel tells the reset once. If it is the writer who hears of it, the
 * reader must not be left with an end of stream. */
START_TEST(reset_that_the_writer_heard_of)
{
    QIOChannel *pair[2];
    char c;
    int i;

    ck_assert_int_eq(pair_tcp(NULL, pair, &err), 0);
    reset(pair[1]);
    ck_assert_int_ne(
        qio_channel_wait(pair[0], QIO_EVENT_IN, 5000, &err) & QIO_EVENT_IN, 0);
    for (i = 0; i < 2; i++) {
        ck_assert_int_eq(qio_channel_write(pair[0], "x", 1, &err), -1);
        ck_assert_int_eq(qio_error_errno(err), ECONNRESET);
        qiotest_error(&err, QIO_ERROR_BROKEN);
    }
    for (i = 0; i < 2; i++) {
        ck_assert_int_eq(qio_channel_read(pair[0], &c, 1, &err), -1);
        ck_assert_int_eq(qio_error_errno(err), ECONNRESET);
        qiotest_error(&err, QIO_ERROR_BROKEN);
    }
    qio_channel_unref(pair[0]);
}
END_TEST

/* A peer that said its last byte and closed has ended in order, even if we
 * went on talking to it. */
START_TEST(orderly_end_despite_late_writes)
{
    QIOChannel *pair[2];
    ssize_t n = 0;
    char buf[4];

    ck_assert_int_eq(pair_tcp(NULL, pair, &err), 0);
    ck_assert_int_eq(qio_channel_write_all(pair[1], "bye", 3, &err), 0);
    qio_channel_unref(pair[1]);
    for (int i = 0; i < 1000 && n >= 0; i++) {
        struct timespec ts = {0, 1000000};

        n = qio_channel_write(pair[0], "x", 1, &err);
        nanosleep(&ts, NULL);
    }
    qiotest_error(&err, QIO_ERROR_BROKEN);
    ck_assert_int_eq(qio_channel_read_all(pair[0], buf, 3, &err), 0);
    ck_assert_mem_eq(buf, "bye", 3);
    ck_assert_int_eq(qio_channel_read(pair[0], buf, 1, &err), 0);
    qiotest_ok(&err);
    qio_channel_unref(pair[0]);
}
END_TEST

START_TEST(shutdown_after_reset)
{
    QIOChannel *pair[2];

    ck_assert_int_eq(pair_tcp(NULL, pair, &err), 0);
    reset(pair[1]);
    ck_assert_int_ne(qio_channel_wait(pair[0], QIO_EVENT_IN, 5000, &err), 0);
    ck_assert_int_eq(
        qio_channel_shutdown(pair[0], QIO_CHANNEL_SHUTDOWN_BOTH, &err), 0);
    qiotest_ok(&err);
    qio_channel_unref(pair[0]);
}
END_TEST

/* ---- other transports, as far as this kernel has them ---- */

/* Connect by address to a listener that may or may not speak MPTCP. */
static void talk_mptcp(int listener, int port, bool expected)
{
    QIOAddress *addr = address_of("127.0.0.1", port);
    QIOChannel *client, *server;

    ck_assert_int_eq(qio_address_set(addr, "mptcp", "on", &err), 0);
    client = qio_channel_socket_connect_sync(addr, 10000, &err);
    qiotest_ok(&err);
    server = accept_one(listener);
    ck_assert_int_eq(qio_channel_socket_is_mptcp(client), expected);
    pair_expect_talk(client, server);
    ck_assert_int_eq(
        qio_channel_shutdown(client, QIO_CHANNEL_SHUTDOWN_BOTH, &err), 0);
    qio_channel_unref(client);
    qio_channel_unref(server);
    qio_address_free(addr);
}

START_TEST(mptcp_falls_back)
{
    int port, listener = listen_on(AF_INET, 0, 4, &port);

    talk_mptcp(listener, port, false);
    qiop_fd_close(listener);
}
END_TEST

START_TEST(mptcp)
{
    int port, listener = listen_on(AF_INET, IPPROTO_MPTCP, 4, &port);

    if (listener < 0) {
        printf("left out: mptcp, this kernel does not have it\n");
        return;
    }
    talk_mptcp(listener, port, true);
    qiop_fd_close(listener);
}
END_TEST

START_TEST(vsock)
{
    struct sockaddr_vm sa = {.svm_family = AF_VSOCK,
                             .svm_cid = VMADDR_CID_ANY,
                             .svm_port = VMADDR_PORT_ANY};
    socklen_t len = sizeof(sa);
    int listener = qiop_fd_socket(AF_VSOCK, SOCK_STREAM, 0, false, NULL);
    QIOChannel *client = NULL, *server;
    QIOAddress *addr;

    if (listener < 0 || bind(listener, (struct sockaddr *)&sa, len) < 0 ||
        listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&sa, &len) < 0) {
        printf("left out: vsock, %s\n", strerror(errno));
        qiop_fd_close(listener);
        return;
    }
    addr = qio_address_new_vsock(VMADDR_CID_LOCAL, sa.svm_port, &err);
    client = qio_channel_socket_connect_sync(addr, 1000, &err);
    if (client) {
        server = accept_one(listener);
        pair_expect_talk(client, server);
        qio_channel_unref(client);
        qio_channel_unref(server);
    } else {
        printf("left out: vsock, no loopback: %s\n", qio_error_message(err));
        qio_error_free(err);
        err = NULL;
    }
    qio_address_free(addr);
    qiop_fd_close(listener);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("socket");
    TCase *tc = qiotest_case(s, "connecting");
    int fds[2];

    have_ipv6 = pair_of_sockets(AF_INET6, 0, fds) == 0;
    if (have_ipv6) {
        qiop_fd_close_many(fds, 2);
    } else {
        printf("left out: IPv6, this machine has no IPv6 loopback\n");
    }
    tcase_add_test(tc, connect_ipv4);
    tcase_add_test(tc, connect_ipv6);
    tcase_add_test(tc, connect_by_name);
    tcase_add_test(tc, open_in_steps);
    tcase_add_test(tc, refused);
    tcase_add_test(tc, connect_timeout);
    tcase_add_test(tc, shutdown_while_connecting);
    tcase_add_test(tc, shutdown_races_with_connecting);
    tcase_add_test(tc, unref_while_connecting);
    tcase_add_test(tc, mptcp_falls_back);
    tcase_add_test(tc, mptcp);
    tcase_add_test(tc, vsock);
    tc = qiotest_case(s, "facts");
    tcase_add_test(tc, addresses_and_names);
    tcase_add_test(tc, options);
    tcase_add_test(tc, adopting);
    tc = qiotest_case(s, "ends");
    tcase_add_test(tc, reset_is_no_end);
    tcase_add_test(tc, reset_that_the_writer_heard_of);
    tcase_add_test(tc, orderly_end_despite_late_writes);
    tcase_add_test(tc, shutdown_after_reset);
    return qiotest_main(s);
}
