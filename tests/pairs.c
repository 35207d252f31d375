/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connected pairs of every leaf type; see pairs.h. */
#include <config.h>
#include "pairs.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <qio/channel-command.h>
#include <qio/channel-fd.h>
#include <qio/channel-socket.h>
#include <qio/channel-unix.h>
#include "base/fd.h"
#include "qiotest.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

int pair_unix(void *opaque, QIOChannel *pair[2], QIOError **errp)
{
    (void)opaque;
    return qio_channel_unix_pair(pair, errp);
}

/* Wrap two descriptors, or close them. */
static int wrap(const int fds[2], QIOChannel *pair[2],
                QIOChannel *(*wrap_one)(int fd, QIOError **errp),
                QIOError **errp)
{
    pair[0] = wrap_one(fds[0], errp);
    if (!pair[0]) {
        qiop_fd_close_many(fds, 2);
        return -1;
    }
    pair[1] = wrap_one(fds[1], errp);
    if (!pair[1]) {
        qio_channel_unref(pair[0]);
        qiop_fd_close(fds[1]);
        return -1;
    }
    return 0;
}

int pair_of_sockets(int family, int protocol, int fds[2])
{
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } addr;
    socklen_t len = sizeof(addr);
    int l = qiop_fd_socket(family, SOCK_STREAM, protocol, false, NULL);

    fds[0] = qiop_fd_socket(family, SOCK_STREAM, protocol, false, NULL);
    fds[1] = -1;
    memset(&addr, 0, sizeof(addr));
    if (family == AF_INET6) {
        addr.in6.sin6_family = AF_INET6;
        addr.in6.sin6_addr = in6addr_loopback;
    } else {
        addr.in.sin_family = AF_INET;
        addr.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    if (l >= 0 && fds[0] >= 0 && bind(l, &addr.sa, sizeof(addr)) == 0 &&
        listen(l, 1) == 0 && getsockname(l, &addr.sa, &len) == 0 &&
        connect(fds[0], &addr.sa, len) == 0) {
        fds[1] = qiop_fd_accept(l, false, NULL);
    }
    qiop_fd_close(l);
    if (fds[1] < 0) {
        qiop_fd_close(fds[0]);
        return -1;
    }
    return 0;
}

static int wrap_sockets(int family, int protocol, QIOChannel *pair[2],
                        QIOError **errp)
{
    int fds[2];

    if (pair_of_sockets(family, protocol, fds) < 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "no loopback sockets");
        return -1;
    }
    return wrap(fds, pair, qio_channel_socket_new_fd, errp);
}

int pair_tcp(void *opaque, QIOChannel *pair[2], QIOError **errp)
{
    (void)opaque;
    return wrap_sockets(AF_INET, 0, pair, errp);
}

int pair_tcp6(void *opaque, QIOChannel *pair[2], QIOError **errp)
{
    (void)opaque;
    return wrap_sockets(AF_INET6, 0, pair, errp);
}

/* Over a listening socket with a name in the test's directory. */
static int connect_by_name(int fds[2])
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int l = qiop_fd_socket(AF_UNIX, SOCK_STREAM, 0, false, NULL);

    fds[0] = qiop_fd_socket(AF_UNIX, SOCK_STREAM, 0, false, NULL);
    fds[1] = -1;
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/socket",
             qiotest_tmpdir());
    unlink(addr.sun_path);
    if (l >= 0 && fds[0] >= 0 &&
        bind(l, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
        listen(l, 1) == 0 &&
        connect(fds[0], (struct sockaddr *)&addr, sizeof(addr)) == 0) {
        fds[1] = qiop_fd_accept(l, false, NULL);
    }
    qiop_fd_close(l);
    if (fds[1] < 0) {
        qiop_fd_close(fds[0]);
        return -1;
    }
    return 0;
}

int pair_unix_named(void *opaque, QIOChannel *pair[2], QIOError **errp)
{
    int fds[2];

    (void)opaque;
    if (connect_by_name(fds) < 0) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, errno, "no unix sockets");
        return -1;
    }
    return wrap(fds, pair, qio_channel_unix_new_fd, errp);
}

int pair_mptcp(void *opaque, QIOChannel *pair[2], QIOError **errp)
{
    (void)opaque;
    return wrap_sockets(AF_INET, IPPROTO_MPTCP, pair, errp);
}

int pair_pipes(void *opaque, QIOChannel *pair[2], QIOError **errp)
{
    int there[2], back[2];

    (void)opaque;
    if (qiop_fd_pipe(there, false, errp) < 0) {
        return -1;
    }
    if (qiop_fd_pipe(back, false, errp) < 0) {
        qiop_fd_close_many(there, 2);
        return -1;
    }
    pair[0] = qio_channel_fd_new_pair(back[0], there[1], errp);
    if (!pair[0]) {
        qiop_fd_close_many(there, 2);
        qiop_fd_close_many(back, 2);
        return -1;
    }
    pair[1] = qio_channel_fd_new_pair(there[0], back[1], errp);
    if (!pair[1]) {
        qio_channel_unref(pair[0]);
        qiop_fd_close(there[0]);
        qiop_fd_close(back[1]);
        return -1;
    }
    return 0;
}

int pair_pipe(void *opaque, QIOChannel *pair[2], QIOError **errp)
{
    int fds[2], turned[2];

    (void)opaque;
    if (qiop_fd_pipe(fds, false, errp) < 0) {
        return -1;
    }
    turned[0] = fds[1];
    turned[1] = fds[0];
    return wrap(turned, pair, qio_channel_fd_new, errp);
}

int pair_trickle(void *opaque, QIOChannel *pair[2], QIOError **errp)
{
    if (qio_channel_unix_pair(pair, errp) < 0) {
        return -1;
    }
    if (trickle_wrap_pair(pair, opaque, errp) < 0) {
        qio_channel_unref(pair[0]);
        qio_channel_unref(pair[1]);
        return -1;
    }
    return 0;
}

/* ---- a command ---- */

/* $1 is what the command reads, $2 what it writes; "r" says they are open. */
static const char script[] =
    "exec 3<\"$1\" 4>\"$2\"; printf r;"
    "cat <&3 3<&- 4>&- & exec 3<&- >/dev/null; exec cat >&4 4>&-";

static int spawn_between(const char *in, const char *out, QIOChannel **ioc,
                         QIOError **errp)
{
    const char *const argv[] = {"sh", "-c", script, "sh", in, out, NULL};
    char ready;

    *ioc = qio_channel_command_new_spawn(argv, O_RDWR, errp);
    if (!*ioc) {
        return -1;
    }
    if (qio_channel_read_all(*ioc, &ready, 1, errp) < 0) {
        qio_channel_unref(*ioc);
        return -1;
    }
    return 0;
}

int pair_command(void *opaque, QIOChannel *pair[2], QIOError **errp)
{
    char in[128], out[128];
    int both[2], r, w;
    static int n;

    (void)opaque;
    snprintf(in, sizeof(in), "%s/in%d", qiotest_tmpdir(), n);
    snprintf(out, sizeof(out), "%s/out%d", qiotest_tmpdir(), n++);
    ck_assert_int_eq(mkfifo(in, 0600), 0);
    ck_assert_int_eq(mkfifo(out, 0600), 0);
    /* Held open in both directions, no open of a fifo waits. */
    both[0] = qiop_fd_open(in, O_RDWR, 0, NULL);
    both[1] = qiop_fd_open(out, O_RDWR, 0, NULL);
    if (spawn_between(in, out, &pair[0], errp) < 0) {
        qiop_fd_close_many(both, 2);
        return -1;
    }
    w = qiop_fd_open(in, O_WRONLY, 0, NULL);
    r = qiop_fd_open(out, O_RDONLY, 0, NULL);
    qiop_fd_close_many(both, 2);
    pair[1] = qio_channel_fd_new_pair(r, w, errp);
    if (!pair[1]) {
        qio_channel_unref(pair[0]);
        qiop_fd_close(r);
        qiop_fd_close(w);
        return -1;
    }
    return 0;
}

void pair_expect_talk(QIOChannel *a, QIOChannel *b)
{
    QIOError *err = NULL;
    char c;

    ck_assert_int_eq(qio_channel_write_all(a, "x", 1, &err), 0);
    ck_assert_int_eq(qio_channel_read_all(b, &c, 1, &err), 0);
    ck_assert_int_eq(qio_channel_write_all(b, "y", 1, &err), 0);
    ck_assert_int_eq(qio_channel_read_all(a, &c, 1, &err), 0);
    qiotest_ok(&err);
}
