/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Channels that connect, pass descriptors and carry bytes, with each
 * allocation failing once: what arrives is right, and nothing is left behind.
 */
#include <config.h>
#include <qio/channel-command.h>
#include <qio/channel-fd.h>
#include <qio/channel-socket.h>
#include <qio/channel-unix.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "failmalloc.h"
#include "net/listen.h"
#include "qiotest.h"

#define LEN 10000
#define WAIT_MS 10000

static uint8_t bytes[LEN];

static void fill_bytes(void)
{
    for (size_t i = 0; i < LEN; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 253);
    }
}

/* LEN bytes from one to the other and the end; a socket holds them all. */
static bool carry(QIOChannel *from, QIOChannel *to, QIOError **errp)
{
    uint8_t in[LEN];
    char c;

    memset(in, 0, sizeof(in));
    return qio_channel_write_all(from, bytes, LEN, errp) == 0 &&
           qio_channel_shutdown(from, QIO_CHANNEL_SHUTDOWN_WRITE, errp) == 0 &&
           qio_channel_read_all(to, in, LEN, errp) == 0 &&
           memcmp(in, bytes, LEN) == 0 &&
           qio_channel_read(to, &c, 1, errp) == 0;
}

static bool carry_both(QIOChannel *a, QIOChannel *b, QIOError **errp)
{
    return carry(a, b, errp) && carry(b, a, errp) &&
           qio_channel_close(a, errp) == 0;
}

static void report(const char *what, long n)
{
    printf("%s: %ld allocations\n", what, n);
    fflush(stdout);
}

/* ---- sockets ---- */

struct target {
    const char *host;
    int listener;
    char port[8];
};

static bool meet_tcp(void *opaque, QIOError **errp)
{
    struct target *t = opaque;
    QIOAddress *addr = qio_address_new_inet(t->host, t->port, errp);
    QIOChannel *client = NULL, *server = NULL;
    bool ok = false;
    int fd = -1;

    if (addr) {
        client = qio_channel_socket_connect_sync(addr, WAIT_MS, errp);
    }
    qio_address_free(addr);
    /* A connection may be there even if the client could not keep it. */
    if (client) {
        fd = qiop_fd_accept(t->listener, false, errp);
    }
    if (fd >= 0) {
        server = qio_channel_socket_new_fd(fd, errp);
        if (!server) {
            qiop_fd_close(fd);
        }
    }
    if (server) {
        ok = carry_both(client, server, errp);
    }
    qio_channel_unref(client);
    qio_channel_unref(server);
    while (!client && (fd = qiop_fd_accept(t->listener, false, NULL)) >= 0) {
        qiop_fd_close(fd);
    }
    return ok;
}

static void listen_on(struct target *t, struct qiop_listen_sockets *l,
                      const char *text)
{
    QIOAddress *addr = qio_address_parse(text, NULL);
    QIOError *err = NULL;

    ck_assert_ptr_nonnull(addr);
    ck_assert_int_eq(qiop_listen(addr, 4, l, &err), 0);
    qio_address_free(addr);
    t->listener = l->v[0].fd;
    snprintf(t->port, sizeof(t->port), "%s", qio_address_port(l->v[0].local));
}

/* _i: by name, which takes the C library's resolver and a thread. */
START_TEST(test_tcp)
{
    struct target t = {.host = _i ? "localhost" : "127.0.0.1"};
    struct qiop_listen_sockets l;

    fill_bytes();
    listen_on(&t, &l, "tcp:127.0.0.1:0");
    report(t.host,
           failmalloc_each(meet_tcp, &t,
                           _i ? FAILMALLOC_PROCESS : FAILMALLOC_NO_LEAK));
    qiop_listen_sockets_free(&l);
}
END_TEST

static bool use_fds(int *fds, size_t nfds, int like)
{
    bool ok = nfds == 2;
    struct stat a, b;

    for (size_t i = 0; i < nfds; i++) {
        ok = ok && fstat(fds[i], &a) == 0 && fstat(like, &b) == 0 &&
             a.st_ino == b.st_ino && a.st_dev == b.st_dev;
    }
    qiop_fd_close_many(fds, nfds);
    free(fds);
    return ok;
}

static bool pass(QIOChannel *a, QIOChannel *b, int fd, QIOError **errp)
{
    struct iovec iov = {(void *)"fds", 3}, in;
    int send[2] = {fd, fd}, *fds = NULL;
    size_t nfds = 0;
    char buf[3];

    in.iov_base = buf;
    in.iov_len = 3;
    return qio_channel_writev_full_all(a, &iov, 1, send, 2, 0, errp) == 0 &&
           qio_channel_readv_full_all(b, &in, 1, &fds, &nfds, 0, errp) == 0 &&
           use_fds(fds, nfds, fd);
}

static bool use_unix_pair(void *opaque, QIOError **errp)
{
    QIOChannel *pair[2];
    bool ok;

    if (qio_channel_unix_pair(pair, errp)) {
        return false;
    }
    ok = pass(pair[0], pair[1], *(int *)opaque, errp) &&
         pass(pair[1], pair[0], *(int *)opaque, errp) &&
         carry_both(pair[0], pair[1], errp);
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
    return ok;
}

START_TEST(test_unix_pair)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    fill_bytes();
    report("unix pair",
           failmalloc_each(use_unix_pair, &fd, FAILMALLOC_NO_LEAK));
    close(fd);
}
END_TEST

static bool meet_unix(void *opaque, QIOError **errp)
{
    struct target *t = opaque;
    QIOAddress *addr = qio_address_new_unix(t->host, errp);
    QIOChannel *client = NULL, *server = NULL;
    bool ok = false;
    int fd = -1;

    if (addr) {
        client = qio_channel_socket_new(addr, errp);
    }
    qio_address_free(addr);
    if (client && qio_channel_open_sync(client, WAIT_MS, errp) == 0) {
        fd = qiop_fd_accept(t->listener, false, errp);
    }
    if (fd >= 0) {
        server = qio_channel_unix_new_fd(fd, errp);
        if (!server) {
            qiop_fd_close(fd);
        }
    }
    if (server) {
        ok = pass(client, server, t->listener, errp) &&
             carry_both(client, server, errp);
    }
    qio_channel_unref(client);
    qio_channel_unref(server);
    while ((fd = qiop_fd_accept(t->listener, false, NULL)) >= 0) {
        qiop_fd_close(fd);
    }
    return ok;
}

START_TEST(test_unix_path)
{
    char path[96], text[128];
    struct qiop_listen_sockets l;
    struct target t = {.host = path};
    QIOAddress *addr;

    fill_bytes();
    snprintf(path, sizeof(path), "%s/s", qiotest_tmpdir());
    snprintf(text, sizeof(text), "unix:%s", path);
    addr = qio_address_parse(text, NULL);
    ck_assert_int_eq(qiop_listen(addr, 4, &l, NULL), 0);
    qio_address_free(addr);
    t.listener = l.v[0].fd;
    report("unix path", failmalloc_each(meet_unix, &t, FAILMALLOC_NO_LEAK));
    qiop_listen_sockets_free(&l);
}
END_TEST

/* ---- descriptors and commands ---- */

static bool use_pipe(void *opaque, QIOError **errp)
{
    QIOChannel *r, *w = NULL;
    bool ok = false;
    int fds[2];

    (void)opaque;
    if (qiop_fd_pipe(fds, false, errp)) {
        return false;
    }
    r = qio_channel_fd_new(fds[0], errp);
    if (r) {
        w = qio_channel_fd_new_pair(-1, fds[1], errp);
    } else {
        qiop_fd_close(fds[0]);
    }
    if (w) {
        ok = carry(w, r, errp);
    } else {
        qiop_fd_close(fds[1]);
    }
    qio_channel_unref(r);
    qio_channel_unref(w);
    return ok;
}

static bool use_file(void *opaque, QIOError **errp)
{
    QIOChannel *ioc =
        qio_channel_fd_new_path(opaque, O_RDWR | O_CREAT | O_TRUNC, 0600, errp);
    uint8_t in[LEN];
    bool ok;

    if (!ioc) {
        return false;
    }
    memset(in, 0, sizeof(in));
    ok = qio_channel_write_all(ioc, bytes, LEN, errp) == 0 &&
         qio_channel_io_seek(ioc, 0, SEEK_SET, errp) == 0 &&
         qio_channel_read_all(ioc, in, LEN, errp) == 0 &&
         memcmp(in, bytes, LEN) == 0 && qio_channel_close(ioc, errp) == 0;
    qio_channel_unref(ioc);
    return ok;
}

START_TEST(test_fd)
{
    char path[96];

    fill_bytes();
    snprintf(path, sizeof(path), "%s/f", qiotest_tmpdir());
    report("pipe", failmalloc_each(use_pipe, NULL, FAILMALLOC_NO_LEAK));
    report("file", failmalloc_each(use_file, path, FAILMALLOC_NO_LEAK));
}
END_TEST

/* A child that outlives the call is terminated: that must not need memory. */
static bool use_command(void *opaque, QIOError **errp)
{
    const char *const *argv = opaque;
    QIOChannel *ioc = qio_channel_command_new_spawn(argv, O_RDWR, errp);
    bool ok;

    if (!ioc) {
        return false;
    }
    ok = carry(ioc, ioc, errp) &&
         qio_channel_command_wait(ioc, WAIT_MS, NULL, errp) == 0;
    if (!ok) {
        qio_channel_command_terminate(ioc, 1000, NULL);
    }
    qio_channel_unref(ioc);
    return ok;
}

START_TEST(test_command)
{
    const char *const argv[] = {"cat", NULL};

    fill_bytes();
    report("command",
           failmalloc_each(use_command, (void *)argv, FAILMALLOC_NO_LEAK));
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nomem");
    TCase *tc = qiotest_case(s, "nomem");

    tcase_add_loop_test(tc, test_tcp, 0, 2);
    tcase_add_test(tc, test_unix_pair);
    tcase_add_test(tc, test_unix_path);
    tcase_add_test(tc, test_fd);
    tcase_add_test(tc, test_command);
    return failmalloc_main(s);
}
