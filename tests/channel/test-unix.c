/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What only unix channels do: paths, abstract names, peer credentials. */
#include <config.h>
#include "qiotest.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <qio/channel-socket.h>
#include <qio/channel-unix.h>
#include "base/fd.h"
#include "pairs.h"

static QIOError *err;

static const char *socket_path(void)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/sock", qiotest_tmpdir());
    return path;
}

static int listen_at(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = qiop_fd_socket(AF_UNIX, SOCK_STREAM, 0, false, &err);
    socklen_t len = sizeof(sa);

    strncpy(sa.sun_path, path, sizeof(sa.sun_path) - 1);
    if (path[0] == '@') {
        sa.sun_path[0] = '\0';
        len =
            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    }
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
    ck_assert_int_eq(listen(fd, 4), 0);
    return fd;
}

static QIOChannel *connect_text(const char *text)
{
    QIOAddress *addr = qio_address_parse(text, &err);
    QIOChannel *ioc = qio_channel_unix_new(addr, &err);

    qiotest_ok(&err);
    ck_assert(!qio_channel_is_open(ioc));
    qio_address_free(addr);
    return ioc;
}

static QIOChannel *accept_one(int listener)
{
    QIOChannel *ioc =
        qio_channel_unix_new_fd(qiop_fd_accept(listener, false, &err), &err);

    qiotest_ok(&err);
    ck_assert_ptr_nonnull(ioc);
    return ioc;
}

START_TEST(path)
{
    char text[300];
    int listener = listen_at(socket_path());
    QIOChannel *client, *server;
    QIOAddress *addr;
    struct stat st;

    snprintf(text, sizeof(text), "unix:%s", socket_path());
    client = connect_text(text);
    ck_assert_int_eq(qio_channel_open_sync(client, 5000, &err), 0);
    qiotest_ok(&err);
    server = accept_one(listener);
    ck_assert(qio_channel_has_feature(client, QIO_CHANNEL_FEATURE_FD_PASS));
    ck_assert(qio_channel_has_feature(server, QIO_CHANNEL_FEATURE_FD_PASS));
    ck_assert(qio_channel_has_feature(server, QIO_CHANNEL_FEATURE_SHUTDOWN));
    pair_expect_talk(client, server);
    addr = qio_channel_get_remote_address(client, &err);
    qiotest_ok(&err);
    ck_assert_str_eq(qio_address_path(addr), socket_path());
    qio_address_free(addr);
    addr = qio_channel_get_local_address(client, &err);
    qiotest_ok(&err);
    ck_assert_str_eq(qio_address_path(addr), "");
    qio_address_free(addr);
    /* Neither end's close takes the name away, nor does a listener's that is
     * not ours. */
    ck_assert_int_eq(qio_channel_close(client, &err), 0);
    qio_channel_unref(client);
    qio_channel_unref(server);
    qiop_fd_close(listener);
    ck_assert_int_eq(stat(socket_path(), &st), 0);
}
END_TEST

START_TEST(abstract_name)
{
    char name[64], text[100];
    QIOChannel *client, *server;
    int listener;

    snprintf(name, sizeof(name), "@qiotest-%d", (int)getpid());
    listener = listen_at(name);
    snprintf(text, sizeof(text), "unix:%s,abstract=on", name + 1);
    client = connect_text(text);
    ck_assert_int_eq(qio_channel_open_sync(client, 5000, &err), 0);
    qiotest_ok(&err);
    server = accept_one(listener);
    pair_expect_talk(client, server);
    qio_channel_unref(client);
    qio_channel_unref(server);
    qiop_fd_close(listener);
}
END_TEST

START_TEST(nobody_there)
{
    char text[300];
    QIOChannel *ioc;

    snprintf(text, sizeof(text), "unix:%s", socket_path());
    ioc = connect_text(text);
    ck_assert_int_eq(qio_channel_open_sync(ioc, 5000, &err), -1);
    ck_assert_int_eq(qio_error_errno(err), ENOENT);
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), socket_path()));
    qiotest_error(&err, QIO_ERROR_CONNECT);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(peer_credentials)
{
    QIOChannel *pair[2];
    pid_t pid = 0;
    uid_t uid = 0;
    gid_t gid = 0;

    ck_assert_int_eq(qio_channel_unix_pair(pair, &err), 0);
    ck_assert_int_eq(qio_channel_get_peer_cred(pair[0], &pid, &uid, &gid, &err),
                     0);
    qiotest_ok(&err);
    ck_assert_int_eq(pid, getpid());
    ck_assert_uint_eq(uid, geteuid());
    ck_assert_uint_eq(gid, getegid());
    ck_assert_int_eq(qio_channel_get_peer_cred(pair[0], NULL, NULL, NULL, &err),
                     0);
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
    ck_assert_int_eq(pair_tcp(NULL, pair, &err), 0);
    ck_assert_int_eq(qio_channel_get_peer_cred(pair[0], &pid, &uid, &gid, &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    qio_channel_unref(pair[0]);
    qio_channel_unref(pair[1]);
}
END_TEST

START_TEST(wrong_kinds)
{
    QIOAddress *addr = qio_address_parse("tcp:127.0.0.1:1", &err);
    int fds[2];

    ck_assert_ptr_null(qio_channel_unix_new(addr, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_address_free(addr);
    ck_assert_int_eq(pair_of_sockets(AF_INET, 0, fds), 0);
    ck_assert_ptr_null(qio_channel_unix_new_fd(fds[0], &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    qiop_fd_close_many(fds, 2);
    ck_assert_ptr_null(qio_channel_unix_new_fd(-1, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
}
END_TEST

/* Closing with bytes unread is a reset; it must not look like an end, and not
 * the second time either. */
START_TEST(reset_is_no_end)
{
    QIOChannel *pair[2];
    char buf[4];

    ck_assert_int_eq(qio_channel_unix_pair(pair, &err), 0);
    ck_assert_int_eq(qio_channel_write_all(pair[0], "lost", 4, &err), 0);
    ck_assert_int_eq(qio_channel_write_all(pair[1], "kept", 4, &err), 0);
    qio_channel_unref(pair[1]);
    ck_assert_int_eq(qio_channel_read_all(pair[0], buf, 4, &err), 0);
    ck_assert_mem_eq(buf, "kept", 4);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(qio_channel_read(pair[0], buf, 1, &err), -1);
        ck_assert_int_eq(qio_error_errno(err), ECONNRESET);
        qiotest_error(&err, QIO_ERROR_BROKEN);
    }
    qio_channel_unref(pair[0]);
}
END_TEST

/* The socket that a channel adopts keeps its mode, and it does not matter. */
START_TEST(mode_is_left_alone)
{
    QIOChannel *a, *b;
    int fds[2];
    char c;

    ck_assert_int_eq(qiop_fd_socketpair(fds, &err), 0);
    ck_assert_int_eq(qiop_fd_set_nonblock(fds[0], true, NULL, &err), 0);
    a = qio_channel_unix_new_fd(fds[0], &err);
    b = qio_channel_unix_new_fd(fds[1], &err);
    pair_expect_talk(a, b);
    qio_channel_set_blocking(b, false);
    ck_assert_int_eq(qio_channel_read(b, &c, 1, &err), QIO_CHANNEL_ERR_BLOCK);
    qio_channel_set_timeout(a, 20);
    ck_assert_int_eq(qio_channel_read(a, &c, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    ck_assert(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    ck_assert(!(fcntl(fds[1], F_GETFL) & O_NONBLOCK));
    qio_channel_unref(a);
    qio_channel_unref(b);
}
END_TEST

static int send_buffer(QIOChannel *ioc)
{
    int value = 0;
    socklen_t len = sizeof(value);

    ck_assert_int_eq(getsockopt(qio_channel_socket_get_fd(ioc), SOL_SOCKET,
                                SO_SNDBUF, &value, &len),
                     0);
    return value;
}

/* The kernel doubles what it is asked for, and may have a limit. */
static int largest_buffer(int wanted)
{
    FILE *f = fopen("/proc/sys/net/core/wmem_max", "r");
    int max = 0;

    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%d", &max), 1);
    fclose(f);
    return 2 * (max < wanted ? max : wanted);
}

static void write_bytes(QIOChannel *ioc, QIOChannel *reader, size_t n)
{
    static char buf[256 * 1024];
    ssize_t got;

    qio_channel_set_blocking(ioc, false);
    ck_assert_int_gt(qio_channel_write(ioc, buf, n, &err), 0);
    qio_channel_set_blocking(reader, false);
    do {
        got = qio_channel_read(reader, buf, sizeof(buf), &err);
    } while (got > 0);
    ck_assert_int_eq(got, QIO_CHANNEL_ERR_BLOCK);
}

START_TEST(large_writes_get_room)
{
    const int want = largest_buffer(512 * 1024);
    QIOChannel *pair[2];
    int usual;

    ck_assert_int_eq(pair_unix(NULL, pair, &err), 0);
    usual = send_buffer(pair[0]);
    write_bytes(pair[0], pair[1], 64 * 1024);
    ck_assert_int_eq(send_buffer(pair[0]), usual);
    write_bytes(pair[0], pair[1], 128 * 1024);
    ck_assert_int_eq(send_buffer(pair[0]), usual > want ? usual : want);
    ck_assert_int_eq(send_buffer(pair[1]), usual);
    for (int i = 0; i < 2; i++) {
        qio_channel_unref(pair[i]);
    }
}
END_TEST

START_TEST(a_chosen_buffer_stays)
{
    QIOChannel *pair[2];
    int chosen;

    ck_assert_int_eq(pair_unix(NULL, pair, &err), 0);
    ck_assert_int_eq(qio_channel_socket_set_send_buffer(pair[0], 30000, &err),
                     0);
    chosen = send_buffer(pair[0]);
    write_bytes(pair[0], pair[1], 200 * 1024);
    ck_assert_int_eq(send_buffer(pair[0]), chosen);
    for (int i = 0; i < 2; i++) {
        qio_channel_unref(pair[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("unix");
    TCase *tc = qiotest_case(s, "unix");

    tcase_add_test(tc, path);
    tcase_add_test(tc, abstract_name);
    tcase_add_test(tc, nobody_there);
    tcase_add_test(tc, peer_credentials);
    tcase_add_test(tc, wrong_kinds);
    tcase_add_test(tc, reset_is_no_end);
    tcase_add_test(tc, mode_is_left_alone);
    tcase_add_test(tc, large_writes_get_room);
    tcase_add_test(tc, a_chosen_buffer_stays);
    return qiotest_main(s);
}
