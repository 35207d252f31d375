/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connecting: the race, its errors, its options. */
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
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include <qio/channel.h>

#include "base/clock.h"
#include "net/address.h"
#include "net/dial.h"
#include "net/listen.h"
#include "net/socket.h"

static QIOAddress *parse(const char *text)
{
    QIOError *err = NULL;
    QIOAddress *addr = qio_address_parse(text, &err);

    qiotest_ok(&err);
    return addr;
}

static struct qiop_dial *dial_new(const char *text)
{
    QIOAddress *addr = parse(text);
    QIOError *err = NULL;
    struct qiop_dial *d = qiop_dial_new(addr, &err);

    qiotest_ok(&err);
    qio_address_free(addr);
    return d;
}

/* As any caller would: step, wait for what it asks for, step again. */
static int dial_run(struct qiop_dial *d, size_t max, QIOError **errp)
{
    struct pollfd fds[8];
    int64_t deadline;
    int ret, fd;

    while ((ret = qiop_dial_step(d, &fd, errp)) == QIO_CHANNEL_ERR_BLOCK) {
        size_t n = qiop_dial_poll(d, fds, max, &deadline);

        ck_assert(n > 0 || deadline != QIOP_NEVER);
        poll(fds, n, qiop_deadline_left_ms(deadline));
    }
    ck_assert_int_eq(ret, fd >= 0 ? 0 : -1);
    return fd;
}

static int dial(const char *text, QIOError **errp)
{
    struct qiop_dial *d = dial_new(text);
    int fd = dial_run(d, 8, errp), again;
    QIOError *err = NULL;

    ck_assert_int_eq(qiop_dial_step(d, &again, &err), -1);
    qiotest_error(&err, QIO_ERROR_STATE);
    qiop_dial_free(d);
    return fd;
}

static void check_fails(const char *text, QIOErrorCode code, int sys_errno,
                        const char *says)
{
    QIOError *err = NULL;

    ck_assert_int_eq(dial(text, &err), -1);
    ck_assert_msg(strstr(qio_error_message(err), says), "%s",
                  qio_error_message(err));
    if (sys_errno) {
        ck_assert_int_eq(qio_error_errno(err), sys_errno);
    }
    qiotest_error(&err, code);
}

static void listen_on(const char *text, struct qiop_listen_sockets *l)
{
    QIOAddress *addr = parse(text);
    QIOError *err = NULL;

    qiop_listen(addr, 5, l, &err);
    qiotest_ok(&err);
    qio_address_free(addr);
}

static int int_option(int fd, int level, int option)
{
    socklen_t len = sizeof(int);
    int value = -1;

    ck_assert_int_eq(getsockopt(fd, level, option, &value, &len), 0);
    return value;
}

static void check_talk(int client, int listener)
{
    int server = accept(listener, NULL, NULL);
    char c = 0;

    ck_assert_int_ge(server, 0);
    ck_assert_int_eq(send(client, "x", 1, 0), 1);
    ck_assert_int_eq(recv(server, &c, 1, 0), 1);
    ck_assert_int_eq(c, 'x');
    close(server);
}

static bool have_ipv6(void)
{
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6,
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool have = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;

    close(fd);
    return have;
}

START_TEST(test_tcp)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", ""};
    struct qiop_listen_sockets l;
    QIOError *err = NULL;
    char text[128];
    size_t i;
    int fd;

    listen_on("tcp:127.0.0.1:0", &l);
    for (i = 0; i < 3; i++) {
        snprintf(text, sizeof(text), "tcp:%s:%s,ipv4", hosts[i],
                 qio_address_port(l.v[0].local));
        fd = dial(text, &err);
        qiotest_ok(&err);
        ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
        ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        ck_assert_int_ne(int_option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
        ck_assert_int_eq(int_option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
        check_talk(fd, l.v[0].fd);
        close(fd);
    }
    qiop_listen_sockets_free(&l);
}
END_TEST

START_TEST(test_keep_alive)
{
    struct qiop_listen_sockets l;
    QIOError *err = NULL;
    char text[128];
    int fd;

    listen_on("tcp:127.0.0.1:0", &l);
    snprintf(text, sizeof(text),
             "tcp:127.0.0.1:%s,keep-alive,keep-alive-count=3,"
             "keep-alive-idle=40,keep-alive-interval=7",
             qio_address_port(l.v[0].local));
    fd = dial(text, &err);
    qiotest_ok(&err);
    ck_assert_int_ne(int_option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    ck_assert_int_eq(int_option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
    ck_assert_int_eq(int_option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 40);
    ck_assert_int_eq(int_option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 7);
    close(fd);
    snprintf(text, sizeof(text),
             "tcp:127.0.0.1:%s,keep-alive,keep-alive-idle=4294967295",
             qio_address_port(l.v[0].local));
    check_fails(text, QIO_ERROR_INVALID, EINVAL, "keep-alive-idle");
    qiop_listen_sockets_free(&l);
}
END_TEST

START_TEST(test_mptcp)
{
    struct qiop_sockaddr unknown = {.sa.ss_family = AF_UNIX,
                                    .protocol = IPPROTO_MPTCP};
    struct qiop_listen_sockets l;
    QIOError *err = NULL;
    char text[128];
    int fd;

    listen_on("tcp:127.0.0.1:0,mptcp", &l);
    snprintf(text, sizeof(text), "tcp:127.0.0.1:%s,mptcp",
             qio_address_port(l.v[0].local));
    fd = dial(text, &err);
    qiotest_ok(&err);
    check_talk(fd, l.v[0].fd);
    close(fd);
    qiop_listen_sockets_free(&l);

    /* A family that never had it stands for a kernel that has not. */
    fd = qiop_net_socket(&unknown, &err);
    qiotest_ok(&err);
    ck_assert_int_eq(int_option(fd, SOL_SOCKET, SO_PROTOCOL), 0);
    close(fd);
}
END_TEST

/* A port of both families where nobody listens. */
static void free_port(char *port, size_t size)
{
    struct qiop_listen_sockets l;

    listen_on("tcp::0", &l);
    snprintf(port, size, "%s", qio_address_port(l.v[0].local));
    qiop_listen_sockets_free(&l);
}

START_TEST(test_refused)
{
    char port[8], text[64], says[128];

    free_port(port, sizeof(port));
    snprintf(text, sizeof(text), "tcp:127.0.0.1:%s", port);
    snprintf(says, sizeof(says),
             "cannot connect to '127.0.0.1:%s': Connection refused", port);
    check_fails(text, QIO_ERROR_CONNECT, ECONNREFUSED, says);
    snprintf(text, sizeof(text), "tcp:localhost:%s,ipv4", port);
    snprintf(says, sizeof(says),
             "cannot connect to 'localhost:%s': 127.0.0.1:%s: Connection ref",
             port, port);
    check_fails(text, QIO_ERROR_CONNECT, ECONNREFUSED, says);
    if (have_ipv6()) {
        snprintf(text, sizeof(text), "tcp::%s", port);
        snprintf(says, sizeof(says), "[::1]:%s: Connection refused", port);
        check_fails(text, QIO_ERROR_CONNECT, ECONNREFUSED, says);
        snprintf(says, sizeof(says), "127.0.0.1:%s: Connection refused", port);
        check_fails(text, QIO_ERROR_CONNECT, ECONNREFUSED, says);
    }
}
END_TEST

/* Whichever family is first: its refusal costs no waiting. */
START_TEST(test_refused_then_good)
{
    static const char *const listeners[] = {"tcp:127.0.0.1:0", "tcp:[::1]:0"};
    size_t i, max;

    if (!have_ipv6()) {
        return;
    }
    for (i = 0; i < 4; i++) {
        struct qiop_listen_sockets l;
        int64_t start = qiop_now_us();
        struct qiop_dial *d;
        QIOError *err = NULL;
        char text[64];
        int fd;

        max = i < 2 ? 8 : 1;
        listen_on(listeners[i % 2], &l);
        snprintf(text, sizeof(text), "tcp::%s", qio_address_port(l.v[0].local));
        d = dial_new(text);
        fd = dial_run(d, max, &err);
        qiotest_ok(&err);
        ck_assert_int_lt(qiop_now_us() - start, 240000);
        qiop_dial_free(d);
        check_talk(fd, l.v[0].fd);
        close(fd);
        qiop_listen_sockets_free(&l);
    }
}
END_TEST

/* The queue of a listener that accepts nobody, full: it then answers nothing,
 * like a host behind a silent firewall. */
static int fill_queue(const struct qiop_sockaddr *sa, int *fds, int max)
{
    int n;

    for (n = 0; n < max; n++) {
        struct pollfd p = {.events = POLLOUT};

        fds[n] = socket(sa->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
        ck_assert_int_ge(fds[n], 0);
        if (connect(fds[n], (struct sockaddr *)&sa->sa, sa->len) < 0) {
            if (errno != EINPROGRESS) {
                close(fds[n]);
                break;
            }
            p.fd = fds[n];
            if (poll(&p, 1, 200) == 0) {
                n++;
                break;
            }
        }
    }
    return n;
}

static void get_name(int fd, struct qiop_sockaddr *sa)
{
    sa->len = sizeof(sa->sa);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa->sa, &sa->len), 0);
}

START_TEST(test_race)
{
    struct qiop_listen_sockets mute, good;
    struct qiop_sockaddr sa;
    QIOError *err = NULL;
    struct qiop_dial *d;
    int fds[16], n, fd;
    int64_t start, took;
    char text[64];

    if (!have_ipv6()) {
        return;
    }
    listen_on("tcp:[::1]:0", &mute);
    ck_assert_int_eq(listen(mute.v[0].fd, 0), 0);
    get_name(mute.v[0].fd, &sa);
    n = fill_queue(&sa, fds, 16);
    snprintf(text, sizeof(text), "tcp:127.0.0.1:%s",
             qio_address_port(mute.v[0].local));
    listen_on(text, &good);

    snprintf(text, sizeof(text), "tcp::%s", qio_address_port(mute.v[0].local));
    start = qiop_now_us();
    d = dial_new(text);
    fd = dial_run(d, 8, &err);
    took = qiop_now_us() - start;
    qiotest_ok(&err);
    /* The mute one had its head start, and no more. */
    ck_assert_int_lt(took, 900000);
    check_talk(fd, good.v[0].fd);
    close(fd);
    qiop_dial_free(d);

    /* Given up in the middle. */
    qiop_listen_sockets_free(&good);
    snprintf(text, sizeof(text), "tcp:[::1]:%s",
             qio_address_port(mute.v[0].local));
    d = dial_new(text);
    ck_assert_int_eq(qiop_dial_step(d, &fd, &err), QIO_CHANNEL_ERR_BLOCK);
    ck_assert_int_eq(fd, -1);
    qiop_dial_free(d);
    while (n--) {
        close(fds[n]);
    }
    qiop_listen_sockets_free(&mute);
}
END_TEST

START_TEST(test_unix)
{
    const char *dir = qiotest_tmpdir();
    struct qiop_listen_sockets l;
    QIOError *err = NULL;
    char text[128], says[192];
    int fd;

    snprintf(text, sizeof(text), "unix:%s/s,,1", dir);
    snprintf(says, sizeof(says),
             "cannot connect to '%s/s,1': No such file or directory", dir);
    check_fails(text, QIO_ERROR_CONNECT, ENOENT, says);
    listen_on(text, &l);
    fd = dial(text, &err);
    qiotest_ok(&err);
    ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
    check_talk(fd, l.v[0].fd);
    close(fd);
    /* The file stays, its socket goes. */
    l.v[0].ino++;
    qiop_listen_sockets_free(&l);
    check_fails(text, QIO_ERROR_CONNECT, ECONNREFUSED, "/s,1");
    check_fails("unix:", QIO_ERROR_INVALID, 0, "missing");
}
END_TEST

START_TEST(test_abstract)
{
    static const char *const tight[] = {"", ",tight=on", ",tight=off"};
    size_t i, j;

    for (i = 0; i < 3; i++) {
        for (j = 0; j < 3; j++) {
            struct qiop_listen_sockets l;
            QIOError *err = NULL;
            char text[128];
            int fd;

            snprintf(text, sizeof(text), "unix:qiotest-%d,abstract%s",
                     (int)getpid(), tight[i]);
            listen_on(text, &l);
            snprintf(text, sizeof(text), "unix:qiotest-%d,abstract%s",
                     (int)getpid(), tight[j]);
            fd = dial(text, &err);
            if ((i == 2) == (j == 2)) {
                qiotest_ok(&err);
                check_talk(fd, l.v[0].fd);
                close(fd);
            } else {
                ck_assert_ptr_nonnull(
                    strstr(qio_error_message(err), "'@qiotest-"));
                qiotest_error(&err, QIO_ERROR_CONNECT);
            }
            qiop_listen_sockets_free(&l);
        }
    }
}
END_TEST

/* A full queue is no failure: its turn comes. */
START_TEST(test_unix_backlog)
{
    struct qiop_listen_sockets l;
    struct qiop_sockaddr sa;
    struct pollfd p[1];
    QIOError *err = NULL;
    struct qiop_dial *d, *other;
    int64_t deadline;
    int fds[16], n, fd;
    char text[128];

    snprintf(text, sizeof(text), "unix:%s/s", qiotest_tmpdir());
    listen_on(text, &l);
    ck_assert_int_eq(listen(l.v[0].fd, 1), 0);
    get_name(l.v[0].fd, &sa);
    n = fill_queue(&sa, fds, 16);
    ck_assert_int_lt(n, 16);

    d = dial_new(text);
    other = dial_new(text);
    ck_assert_int_eq(qiop_dial_step(d, &fd, &err), QIO_CHANNEL_ERR_BLOCK);
    ck_assert_int_eq(qiop_dial_step(other, &fd, &err), QIO_CHANNEL_ERR_BLOCK);
    ck_assert_uint_eq(qiop_dial_poll(d, p, 1, &deadline), 0);
    ck_assert_int_lt(deadline, qiop_now_us() + 1000000);
    qiop_dial_free(other);
    fd = accept(l.v[0].fd, NULL, NULL);
    ck_assert_int_ge(fd, 0);
    close(fd);
    fd = dial_run(d, 1, &err);
    qiotest_ok(&err);
    close(fd);
    qiop_dial_free(d);
    while (n--) {
        close(fds[n]);
    }
    qiop_listen_sockets_free(&l);
}
END_TEST

START_TEST(test_refused_addresses)
{
    QIOAddress *addr = parse("fd:0");
    QIOError *err = NULL;

    ck_assert_ptr_null(qiop_dial_new(addr, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_address_free(addr);
    check_fails("tcp:127.0.0.1:0", QIO_ERROR_INVALID, 0, "port 0");
    check_fails("tcp:localhost:1,numeric", QIO_ERROR_RESOLVE, 0, "numeric");
    check_fails("tcp:localhost:no-such-service-x", QIO_ERROR_RESOLVE, 0,
                "no-such-service-x");
    /* Nobody, or no vsock at all: either way it ends by itself. */
    ck_assert_int_eq(dial("vsock:local:4000000000", &err), -1);
    ck_assert_int_ne(qio_error_errno(err), 0);
    qiotest_error(&err, QIO_ERROR_CONNECT);
}
END_TEST

START_TEST(test_no_descriptors)
{
    struct qiop_dial *d = dial_new("tcp::9");
    struct rlimit before, limit;
    QIOError *err = NULL;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_int_eq(dial_run(d, 8, &err), -1);
    ck_assert_int_eq(qio_error_errno(err), EMFILE);
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), "Too many open"));
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    qiop_dial_free(d);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}
END_TEST

START_TEST(test_free_early)
{
    int i, fd, before = qiotest_count_threads();

    for (i = 0; i < 100; i++) {
        struct qiop_dial *d = dial_new("tcp:localhost:9");
        QIOError *err = NULL;

        if (i & 1) {
            qiop_dial_step(d, &fd, &err);
            qio_error_free(err);
        }
        qiop_dial_free(d);
    }
    qiop_dial_free(NULL);
    qiotest_settle_threads(before);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dial");
    TCase *tc = qiotest_case(s, "dial");

    tcase_add_test(tc, test_tcp);
    tcase_add_test(tc, test_keep_alive);
    tcase_add_test(tc, test_mptcp);
    tcase_add_test(tc, test_refused);
    tcase_add_test(tc, test_refused_then_good);
    tcase_add_test(tc, test_race);
    tcase_add_test(tc, test_unix);
    tcase_add_test(tc, test_abstract);
    tcase_add_test(tc, test_unix_backlog);
    tcase_add_test(tc, test_refused_addresses);
    tcase_add_test(tc, test_no_descriptors);
    tcase_add_test(tc, test_free_early);
    return qiotest_main(s);
}
