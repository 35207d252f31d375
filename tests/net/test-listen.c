/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listening: families, ports, and socket files that are not ours to take. */
#include <config.h>
#include "qiotest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/address.h"
#include "net/listen.h"

static int try_listen(const char *text, struct qiop_listen_sockets *l,
                      QIOError **errp)
{
    QIOAddress *addr = qio_address_parse(text, errp);
    int ret;

    ck_assert_ptr_nonnull(addr);
    ret = qiop_listen(addr, 5, l, errp);
    qio_address_free(addr);
    return ret;
}

static void listen_on(const char *text, struct qiop_listen_sockets *l)
{
    QIOError *err = NULL;

    ck_assert_int_eq(try_listen(text, l, &err), err ? -1 : 0);
    qiotest_ok(&err);
    ck_assert_uint_ge(l->n, 1);
}

static void check_fails(const char *text, QIOErrorCode code, const char *says)
{
    struct qiop_listen_sockets l;
    QIOError *err = NULL;

    ck_assert_int_eq(try_listen(text, &l, &err), -1);
    ck_assert_msg(strstr(qio_error_message(err), says), "%s",
                  qio_error_message(err));
    ck_assert_uint_eq(l.n, 0);
    qiotest_error(&err, code);
}

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

static bool have_ipv6(void)
{
    struct sockaddr_in6 sa = {
        .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool have = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;

    close(fd);
    return have;
}

/* ---- inet ---- */

START_TEST(test_any)
{
    struct qiop_listen_sockets l;
    size_t i;

    listen_on("tcp::0", &l);
    ck_assert_uint_eq(l.n, have_ipv6() ? 2 : 1);
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
        listen_on(rows[i].text, &l);
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

    listen_on("tcp:localhost:0,ipv4", &l);
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

    listen_on("tcp:127.0.0.1:0,keep-alive,keep-alive-idle=33", &l);
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
    check_fails("tcp:127.0.0.1:0,keep-alive,keep-alive-count=4000000000",
                QIO_ERROR_INVALID, "keep-alive-count");
}
END_TEST

START_TEST(test_in_use)
{
    struct qiop_listen_sockets l;
    char text[96], says[96];

    listen_on("tcp:127.0.0.1:0", &l);
    snprintf(text, sizeof(text), "tcp:127.0.0.1:%u", port_of(&l, 0));
    snprintf(says, sizeof(says), "'127.0.0.1:%u': Address already in use",
             port_of(&l, 0));
    check_fails(text, QIO_ERROR_IN_USE, says);
    snprintf(text, sizeof(text), "tcp:127.0.0.1:%u,to=%u", port_of(&l, 0),
             port_of(&l, 0));
    check_fails(text, QIO_ERROR_IN_USE, says);
    qiop_listen_sockets_free(&l);
    check_fails("tcp:192.0.2.99:0", QIO_ERROR_SYSTEM, "192.0.2.99");
    check_fails("tcp:localhost:0,numeric", QIO_ERROR_RESOLVE, "numeric");
    check_fails("tcp:127.0.0.1:no-such-service-x", QIO_ERROR_RESOLVE,
                "no-such-service-x");
}
END_TEST

/* A taken port with room for a range above it. */
static unsigned take_port(const char *text, struct qiop_listen_sockets *l)
{
    for (;;) {
        listen_on(text, l);
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
    listen_on(text, &next);
    ck_assert_uint_eq(next.n, 1);
    ck_assert_uint_gt(port_of(&next, 0), port);
    ck_assert_uint_le(port_of(&next, 0), port + 500);

    /* The whole range is taken now, by us or by others. */
    snprintf(text, sizeof(text), "tcp:127.0.0.1:%u,to=%u", port,
             port_of(&next, 0));
    if (try_listen(text, &full, &err) < 0) {
        ck_assert_ptr_nonnull(strstr(qio_error_message(err), "no port from"));
        qiotest_error(&err, QIO_ERROR_IN_USE);
    } else {
        qiop_listen_sockets_free(&full);
    }
    qiop_listen_sockets_free(&next);
    qiop_listen_sockets_free(&l);

    /* The kernel's choice needs no range. */
    listen_on("tcp:127.0.0.1:0,to=1", &l);
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
    listen_on(text, &l);
    ck_assert_uint_eq(l.n, 2);
    ck_assert_uint_gt(port_of(&l, 0), port);
    ck_assert_uint_eq(port_of(&l, 1), port_of(&l, 0));
    qiop_listen_sockets_free(&l);
    /* ... and one that is free on some is better than none. */
    snprintf(text, sizeof(text), "tcp::%u", port);
    listen_on(text, &l);
    ck_assert_uint_eq(l.n, 1);
    ck_assert_int_eq(family_of(l.v[0].fd), AF_INET);
    qiop_listen_sockets_free(&l);
    qiop_listen_sockets_free(&taken);

    /* Taken for IPv4: IPv6 alone. */
    port = take_port("tcp::0,ipv4", &taken);
    snprintf(text, sizeof(text), "tcp::%u,ipv4,ipv6", port);
    listen_on(text, &l);
    ck_assert_uint_eq(l.n, 1);
    ck_assert_int_eq(int_option(l.v[0].fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    qiop_listen_sockets_free(&l);
    qiop_listen_sockets_free(&taken);
}
END_TEST

START_TEST(test_mptcp)
{
    struct qiop_listen_sockets l;

    listen_on("tcp:127.0.0.1:0,mptcp", &l);
    ck_assert_int_eq(connect_ip("127.0.0.1", port_of(&l, 0)), 0);
    qiop_listen_sockets_free(&l);
}
END_TEST

/* ---- unix ---- */

static bool exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

/* A bound socket by hand; listening too if asked for. */
static int bind_path(const char *path, int type, bool listening)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);

    snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    if (listening) {
        ck_assert_int_eq(listen(fd, 5), 0);
    }
    return fd;
}

static int connect_path(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), ret, saved;

    snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
    ret = connect(fd, (struct sockaddr *)&un, sizeof(un));
    saved = errno;
    close(fd);
    errno = saved;
    return ret;
}

static char path[128], text[160];

static void set_path(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s", qiotest_tmpdir(), name);
    snprintf(text, sizeof(text), "unix:%s", path);
}

START_TEST(test_unix)
{
    struct qiop_listen_sockets l;
    size_t len;

    set_path("s");
    listen_on(text, &l);
    ck_assert_uint_eq(l.n, 1);
    ck_assert_str_eq(l.v[0].unlink_path, path);
    ck_assert_str_eq(qio_address_path(l.v[0].local), path);
    ck_assert(fcntl(l.v[0].fd, F_GETFL) & O_NONBLOCK);
    ck_assert_int_eq(connect_path(path), 0);
    qiop_listen_sockets_free(&l);
    ck_assert(!exists(path));

    set_path("no-such-directory/s");
    check_fails(text, QIO_ERROR_SYSTEM, "No such file");
    check_fails("unix:", QIO_ERROR_INVALID, "missing");

    set_path("");
    len = strlen(path);
    memset(path + len, 'p', 107 - len);
    path[107] = '\0';
    snprintf(text, sizeof(text), "unix:%s", path);
    listen_on(text, &l);
    ck_assert_int_eq(connect_path(path), 0);
    qiop_listen_sockets_free(&l);
    ck_assert(!exists(path));
}
END_TEST

START_TEST(test_unix_stale)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    struct qiop_listen_sockets l;
    size_t i;

    for (i = 0; i < 3; i++) {
        set_path("s");
        close(bind_path(path, types[i], false));
        ck_assert(exists(path));
        listen_on(text, &l);
        ck_assert_int_eq(connect_path(path), 0);
        qiop_listen_sockets_free(&l);
        ck_assert(!exists(path));
    }
}
END_TEST

START_TEST(test_unix_live)
{
    static const struct {
        int type;
        bool listening;
    } rows[] = {
        {SOCK_STREAM, true},
        {SOCK_STREAM, false}, /* about to listen */
        {SOCK_SEQPACKET, true},
        {SOCK_DGRAM, false},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fd;

        set_path("s");
        fd = bind_path(path, rows[i].type, rows[i].listening);
        check_fails(text, QIO_ERROR_IN_USE, "another process has");
        ck_assert(exists(path));
        if (rows[i].listening) {
            /* Asking made no connection. */
            ck_assert_int_eq(accept(fd, NULL, NULL), -1);
            ck_assert_int_eq(errno, EAGAIN);
        }
        close(fd);
        unlink(path);
    }
}
END_TEST

START_TEST(test_unix_not_a_socket)
{
    int fd;

    set_path("file");
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    ck_assert_int_eq(write(fd, "x", 1), 1);
    close(fd);
    check_fails(text, QIO_ERROR_IN_USE, "not a socket");
    ck_assert(exists(path));

    set_path("dangling");
    ck_assert_int_eq(symlink("nowhere", path), 0);
    check_fails(text, QIO_ERROR_IN_USE, "not a socket");
    ck_assert(exists(path));

    set_path("dir");
    ck_assert_int_eq(mkdir(path, 0700), 0);
    check_fails(text, QIO_ERROR_IN_USE, "not a socket");
}
END_TEST

START_TEST(test_unix_removes_only_its_own)
{
    struct qiop_listen_sockets l;
    int fd;

    set_path("s");
    listen_on(text, &l);
    /* Others have worse manners. */
    unlink(path);
    fd = bind_path(path, SOCK_STREAM, true);
    qiop_listen_sockets_free(&l);
    ck_assert(exists(path));
    ck_assert_int_eq(connect_path(path), 0);
    close(fd);
}
END_TEST

START_TEST(test_unix_relative)
{
    struct qiop_listen_sockets l;

    set_path("rel");
    ck_assert_int_eq(chdir(qiotest_tmpdir()), 0);
    close(bind_path("rel", SOCK_STREAM, false));
    listen_on("unix:rel", &l);
    ck_assert_str_eq(l.v[0].unlink_path, path);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert(exists(path));
    qiop_listen_sockets_free(&l);
    ck_assert(!exists(path));
}
END_TEST

/* Many processes find the same stale file: one of them gets it, and nobody
 * ever takes it from that one. */
static int contender(int go, int stop)
{
    struct qiop_listen_sockets l;
    QIOError *err = NULL;
    char c;

    if (read(go, &c, 1) != 0) {
        return 3;
    }
    if (try_listen(text, &l, &err) < 0) {
        int code = qio_error_code(err) == QIO_ERROR_IN_USE ? 0 : 2;

        qio_error_free(err);
        return code;
    }
    if (read(stop, &c, 1) != 0) {
        return 3;
    }
    qiop_listen_sockets_free(&l);
    return 1;
}

START_TEST(test_unix_contest)
{
    enum { ROUNDS = 30, CONTENDERS = 6 };
    int round, i;

    for (round = 0; round < ROUNDS; round++) {
        int go[2], stop[2], winners = 0, status, losers = 0;
        pid_t pids[CONTENDERS];

        set_path("s");
        close(bind_path(path, SOCK_STREAM, false));
        ck_assert_int_eq(pipe(go), 0);
        ck_assert_int_eq(pipe(stop), 0);
        for (i = 0; i < CONTENDERS; i++) {
            pids[i] = fork();
            if (pids[i] == 0) {
                close(go[1]);
                close(stop[1]);
                _exit(contender(go[0], stop[0]));
            }
        }
        close(go[1]);
        for (losers = 0; losers < CONTENDERS - 1; losers++) {
            pid_t pid = wait(&status);

            ck_assert_int_gt(pid, 0);
            ck_assert_int_eq(status, 0);
        }
        /* The one that is left has it. */
        while (connect_path(path) < 0) {
            poll(NULL, 0, 1);
        }
        close(stop[1]);
        ck_assert_int_gt(wait(&status), 0);
        ck_assert(WIFEXITED(status));
        winners += WEXITSTATUS(status);
        ck_assert_int_eq(winners, 1);
        ck_assert(!exists(path));
        close(go[0]);
        close(stop[0]);
    }
}
END_TEST

START_TEST(test_abstract)
{
    struct qiop_listen_sockets l, unnamed, other;
    char name[64];
    int fd;

    /* A file of that name has nothing to do with it. */
    ck_assert_int_eq(chdir(qiotest_tmpdir()), 0);
    snprintf(name, sizeof(name), "qiotest-%d", (int)getpid());
    fd = open(name, O_CREAT | O_WRONLY, 0600);
    close(fd);
    snprintf(text, sizeof(text), "unix:%s,abstract", name);
    listen_on(text, &l);
    ck_assert(qio_address_abstract(l.v[0].local));
    ck_assert_str_eq(qio_address_path(l.v[0].local), name);
    ck_assert_ptr_null(l.v[0].unlink_path);
    check_fails(text, QIO_ERROR_IN_USE, name);
    qiop_listen_sockets_free(&l);
    ck_assert(exists(name));
    ck_assert_int_eq(chdir("/"), 0);

    listen_on("unix:,abstract", &unnamed);
    listen_on("unix:,abstract", &other);
    ck_assert(qio_address_abstract(unnamed.v[0].local));
    ck_assert_uint_gt(strlen(qio_address_path(unnamed.v[0].local)), 0);
    ck_assert(!qio_address_equal(unnamed.v[0].local, other.v[0].local));
    qiop_listen_sockets_free(&unnamed);
    qiop_listen_sockets_free(&other);
}
END_TEST

/* ---- fd ---- */

static void check_fd_fails(int fd, const char *says)
{
    snprintf(text, sizeof(text), "fd:%d", fd);
    check_fails(text, QIO_ERROR_INVALID, says);
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

    for (i = 0; i < 2; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
        if (i) {
            ck_assert_int_eq(listen(fd, 5), 0);
        }
        snprintf(text, sizeof(text), "fd:%d", fd);
        listen_on(text, &l);
        ck_assert_uint_eq(l.n, 1);
        ck_assert_int_eq(l.v[0].fd, fd);
        ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
        ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        ck_assert_ptr_null(l.v[0].unlink_path);
        ck_assert_int_eq(connect_ip("127.0.0.1", port_of(&l, 0)), 0);
        qiop_listen_sockets_free(&l);
        ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
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

/* The file of a socket that came bound belongs to whoever bound it. */
START_TEST(test_fd_unix)
{
    struct qiop_listen_sockets l;

    set_path("s");
    snprintf(text, sizeof(text), "fd:%d", bind_path(path, SOCK_STREAM, true));
    listen_on(text, &l);
    qiop_listen_sockets_free(&l);
    ck_assert(exists(path));
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
    tc = qiotest_case(s, "unix");
    tcase_add_test(tc, test_unix);
    tcase_add_test(tc, test_unix_stale);
    tcase_add_test(tc, test_unix_live);
    tcase_add_test(tc, test_unix_not_a_socket);
    tcase_add_test(tc, test_unix_removes_only_its_own);
    tcase_add_test(tc, test_unix_relative);
    tcase_add_test(tc, test_unix_contest);
    tcase_add_test(tc, test_abstract);
    tc = qiotest_case(s, "fd");
    tcase_add_test(tc, test_fd);
    tcase_add_test(tc, test_fd_unix);
    return qiotest_main(s);
}
