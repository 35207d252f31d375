/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listening: families, ports, and sockets that come from elsewhere. */
#include <config.h>
#include "qiotest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listening.h"
#include "net/listen.h"

static int int_option(int fd, int level, int option)
{
    socklen_t len = sizeof(int);
    int value = -1;

    ck_assert_int_eq(getsockopt(fd, level, option, &value, &len), 0);
    return value;
}

static int family_of(int fd)
{
    return int_option(fd, SOL_SOCKET, SO_DOMAIN);
}

static unsigned port_of(const struct qiop_listen_sockets *l, size_t i)
{
    return (unsigned)atoi(qio_address_port(l->v[i].local));
}

/* 0, or -1 with errno. */
static int connect_ip(const char *host, unsigned port)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    bool v6 = strchr(host, ':');
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0), ret, saved;

    in.sin_port = in6.sin6_port = htons((uint16_t)port);
    if (v6) {
        inet_pton(AF_INET6, host, &in6.sin6_addr);
        ret = connect(fd, (struct sockaddr *)&in6, sizeof(in6));
    } else {
        inet_pton(AF_INET, host, &in.sin_addr);
        ret = connect(fd, (struct sockaddr *)&in, sizeof(in));
    }
    saved = errno;
    close(fd);
    errno = saved;
    return ret;
}

static bool can_bind(struct in6_addr addr)
{
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_addr = addr};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool can = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return can;
}

static bool have_ipv6(void)
{
    return can_bind((struct in6_addr)IN6ADDR_LOOPBACK_INIT);
}

/* Also on machines that have no IPv6 address but know the protocol. */
static bool have_any_ipv6(void)
{
    return can_bind((struct in6_addr)IN6ADDR_ANY_INIT);
}

/* ---- inet ---- */

START_TEST(test_any)
{
    struct qiop_listen_sockets l;
    size_t i;

    listening_on("tcp::0", &l);
    ck_assert_uint_eq(l.n, have_any_ipv6() ? 2 : 1);
    for (i = 0; i < l.n; i++) {
        ck_assert_uint_ne(port_of(&l, i), 0);
        ck_assert_uint_eq(port_of(&l, i), port_of(&l, 0));
        ck_assert(fcntl(l.v[i].fd, F_GETFL) & O_NONBLOCK);
        ck_assert(fcntl(l.v[i].fd, F_GETFD) & FD_CLOEXEC);
        ck_assert(int_option(l.v[i].fd, SOL_SOCKET, SO_REUSEADDR));
        ck_assert_ptr_null(l.v[i].unlink_path);
    }
    ck_assert_int_eq(connect_ip("127.0.0.1", port_of(&l, 0)), 0);
    if (have_ipv6()) {
        ck_assert_int_eq(connect_ip("::1", port_of(&l, 0)), 0);
    }
    qiop_listen_sockets_free(&l);
    ck_assert_uint_eq(l.n, 0);
    qiop_listen_sockets_free(&l);
}
END_TEST

START_TEST(test_families)
{
    static const struct {
        const char *text;
        int family, v6only;
    } rows[] = {
        {"tcp::0,ipv4", AF_INET, -1},
        {"tcp::0,ipv6=off", AF_INET, -1},
        {"tcp::0,ipv4=on,ipv6=off", AF_INET, -1},
        {"tcp::0,ipv6", AF_INET6, 1},
        {"tcp::0,ipv4=off", AF_INET6, 1},
        {"tcp::0,ipv4=off,ipv6=on", AF_INET6, 1},
        {"tcp::0,ipv4,ipv6", AF_INET6, 0},
        {"tcp:[::]:0", AF_INET6, 0},
        {"tcp:[::]:0,ipv6", AF_INET6, 1},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct qiop_listen_sockets l;

        if (rows[i].family == AF_INET6 && !have_ipv6()) {
            continue;
        }
        listening_on(rows[i].text, &l);
        ck_assert_uint_eq(l.n, 1);
        ck_assert_int_eq(family_of(l.v[0].fd), rows[i].family);
        if (rows[i].v6only >= 0) {
            ck_assert_int_eq(int_option(l.v[0].fd, IPPROTO_IPV6, IPV6_V6ONLY),
                             rows[i].v6only);
            ck_assert_int_eq(connect_ip("127.0.0.1", port_of(&l, 0)),
                             rows[i].v6only ? -1 : 0);
        }
        qiop_listen_sockets_free(&l);
    }
}
END_TEST

START_TEST(test_name)
{
    struct qiop_listen_sockets l;

    listening_on("tcp:localhost:0,ipv4", &l);
    ck_assert_uint_eq(l.n, 1);
    ck_assert_str_eq(qio_address_host(l.v[0].local), "127.0.0.1");
    qiop_listen_sockets_free(&l);
}
END_TEST

START_TEST(test_inherited)
{
    struct qiop_listen_sockets l;
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    int client, server;

    listening_on("tcp:127.0.0.1:0,keep-alive,keep-alive-idle=33", &l);
    ck_assert_int_eq(getsockname(l.v[0].fd, (struct sockaddr *)&sa, &len), 0);
    client = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&sa, len), 0);
    server = accept(l.v[0].fd, NULL, NULL);
    ck_assert_int_ge(server, 0);
    ck_assert(int_option(server, SOL_SOCKET, SO_KEEPALIVE));
    ck_assert(int_option(server, IPPROTO_TCP, TCP_NODELAY));
    ck_assert_int_eq(int_option(server, IPPROTO_TCP, TCP_KEEPIDLE), 33);
    close(client);
    close(server);
    qiop_listen_sockets_free(&l);
    listening_fails("tcp:127.0.0.1:0,keep-alive,keep-alive-count=4000000000",
                    QIO_ERROR_INVALID, "keep-alive-count");
}
END_TEST

START_TEST(test_in_use)
{
    struct qiop_listen_sockets l;
    char text[96], says[96];

    listening_on("tcp:127.0.0.1:0", &l);
    snprintf(text, sizeof(text), "tcp:127.0.0.1:%u", port_of(&l, 0));
    snprintf(says, sizeof(says), "'127.0.0.1:%u': Address already in use",
             port_of(&l, 0));
    listening_fails(text, QIO_ERROR_IN_USE, says);
    snprintf(text, sizeof(text), "tcp:127.0.0.1:%u,to=%u", port_of(&l, 0),
             port_of(&l, 0));
    listening_fails(text, QIO_ERROR_IN_USE, says);
    qiop_listen_sockets_free(&l);
    listening_fails("tcp:192.0.2.99:0", QIO_ERROR_SYSTEM, "192.0.2.99");
    listening_fails("tcp:localhost:0,numeric", QIO_ERROR_RESOLVE, "numeric");
    listening_fails("tcp:127.0.0.1:no-such-service-x", QIO_ERROR_RESOLVE,
                    "no-such-service-x");
}
END_TEST

/* A taken port with room for a range above it. */
static unsigned take_port(const char *text, struct qiop_listen_sockets *l)
{
    for (;;) {
        listening_on(text, l);
        if (port_of(l, 0) < 65000) {
            return port_of(l, 0);
        }
        qiop_listen_sockets_free(l);
    }
}

START_TEST(test_range)
{
    struct qiop_listen_sockets l, next, full;
    unsigned port = take_port("tcp:127.0.0.1:0", &l);
    QIOError *err = NULL;
    char text[96];

    snprintf(text, sizeof(text), "tcp:127.0.0.1:%u,to=%u", port, port + 500);
    listening_on(text, &next);
    ck_assert_uint_eq(next.n, 1);
    ck_assert_uint_gt(port_of(&next, 0), port);
    ck_assert_uint_le(port_of(&next, 0), port + 500);

    /* The whole range is taken now, by us or by others. */
    snprintf(text, sizeof(text), "tcp:127.0.0.1:%u,to=%u", port,
             port_of(&next, 0));
    if (listening_try(text, &full, &err) < 0) {
        ck_assert_ptr_nonnull(strstr(qio_error_message(err), "no port from"));
        qiotest_error(&err, QIO_ERROR_IN_USE);
    } else {
        qiop_listen_sockets_free(&full);
    }
    qiop_listen_sockets_free(&next);
    qiop_listen_sockets_free(&l);

    /* The kernel's choice needs no range. */
    listening_on("tcp:127.0.0.1:0,to=1", &l);
    ck_assert_uint_ne(port_of(&l, 0), 0);
    qiop_listen_sockets_free(&l);
}
END_TEST

START_TEST(test_partly_taken)
{
    struct qiop_listen_sockets taken, l;
    unsigned port;
    char text[96];

    if (!have_ipv6()) {
        return;
    }
    /* In a range, a port that is free on both is preferred ... */
    port = take_port("tcp::0,ipv6", &taken);
    snprintf(text, sizeof(text), "tcp::%u,to=%u", port, port + 500);
    listening_on(text, &l);
    ck_assert_uint_eq(l.n, 2);
    ck_assert_uint_gt(port_of(&l, 0), port);
    ck_assert_uint_eq(port_of(&l, 1), port_of(&l, 0));
    qiop_listen_sockets_free(&l);
    /* ... and one that is free on some is better than none. */
    snprintf(text, sizeof(text), "tcp::%u", port);
    listening_on(text, &l);
    ck_assert_uint_eq(l.n, 1);
    ck_assert_int_eq(family_of(l.v[0].fd), AF_INET);
    qiop_listen_sockets_free(&l);
    qiop_listen_sockets_free(&taken);

    /* Taken for IPv4: IPv6 alone. */
    port = take_port("tcp::0,ipv4", &taken);
    snprintf(text, sizeof(text), "tcp::%u,ipv4,ipv6", port);
    listening_on(text, &l);
    ck_assert_uint_eq(l.n, 1);
    ck_assert_int_eq(int_option(l.v[0].fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    qiop_listen_sockets_free(&l);
    qiop_listen_sockets_free(&taken);
}
END_TEST

START_TEST(test_mptcp)
{
    struct qiop_listen_sockets l;

    listening_on("tcp:127.0.0.1:0,mptcp", &l);
    ck_assert_int_eq(connect_ip("127.0.0.1", port_of(&l, 0)), 0);
    qiop_listen_sockets_free(&l);
}
END_TEST

/* ---- vsock ---- */

START_TEST(test_vsock)
{
    struct qiop_listen_sockets l, other;
    QIOError *err = NULL;
    char text[64];

    if (listening_try("vsock:any:4294967295", &l, &err) < 0) {
        /* A kernel without it says so by an ordinary error. */
        ck_assert_int_ne(qio_error_errno(err), 0);
        qiotest_error(&err, QIO_ERROR_SYSTEM);
        return;
    }
    ck_assert_uint_eq(l.n, 1);
    ck_assert_uint_ne(qio_address_vsock_port(l.v[0].local), UINT32_MAX);
    snprintf(text, sizeof(text), "vsock:any:%u",
             qio_address_vsock_port(l.v[0].local));
    ck_assert_int_eq(listening_try(text, &other, &err), -1);
    qiotest_error(&err, QIO_ERROR_IN_USE);
    qiop_listen_sockets_free(&l);
}
END_TEST

/* ---- fd ---- */

static void check_fd_fails(int fd, const char *says)
{
    char text[32];

    snprintf(text, sizeof(text), "fd:%d", fd);
    listening_fails(text, QIO_ERROR_INVALID, says);
    if (fd < 1000) {
        ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
        close(fd);
    }
}

START_TEST(test_fd)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct qiop_listen_sockets l;
    int pair[2], i;
    char text[32];

    for (i = 0; i < 3; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | (i == 2 ? SOCK_NONBLOCK : 0), 0);
        int other = dup(fd); /* a parent's, say */

        ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
        if (i) {
            ck_assert_int_eq(listen(fd, 5), 0);
        }
        snprintf(text, sizeof(text), "fd:%d", fd);
        listening_on(text, &l);
        ck_assert_uint_eq(l.n, 1);
        ck_assert_int_eq(l.v[0].fd, fd);
        ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
        ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        ck_assert_ptr_null(l.v[0].unlink_path);
        ck_assert_int_eq(connect_ip("127.0.0.1", port_of(&l, 0)), 0);
        qiop_listen_sockets_free(&l);
        ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
        ck_assert_int_eq(!!(fcntl(other, F_GETFL) & O_NONBLOCK), i == 2);
        close(other);
    }
    check_fd_fails(100000, "not a socket");
    check_fd_fails(open("/dev/null", O_RDONLY), "not a socket");
    check_fd_fails(socket(AF_INET, SOCK_DGRAM, 0), "not a stream socket");
    check_fd_fails(socket(AF_INET, SOCK_STREAM, 0), "neither listening");
    check_fd_fails(socket(AF_UNIX, SOCK_STREAM, 0), "neither listening");
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    check_fd_fails(pair[0], "neither listening");
    close(pair[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("listen");
    TCase *tc = qiotest_case(s, "inet");

    tcase_add_test(tc, test_any);
    tcase_add_test(tc, test_families);
    tcase_add_test(tc, test_name);
    tcase_add_test(tc, test_inherited);
    tcase_add_test(tc, test_in_use);
    tcase_add_test(tc, test_range);
    tcase_add_test(tc, test_partly_taken);
    tcase_add_test(tc, test_mptcp);
    tcase_add_test(tc, test_vsock);
    tc = qiotest_case(s, "fd");
    tcase_add_test(tc, test_fd);
    return qiotest_main(s);
}
