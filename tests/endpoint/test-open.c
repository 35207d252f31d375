/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the modes make of descriptors, files and commands; hanging dials. */
#include "qiotest.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <qio/endpoint.h>

static QIOChannel *connect_as(const char *text, QIOEndpointMode mode,
                              QIOError **errp)
{
    QIOEndpoint *ep = qio_endpoint_parse(text, errp);
    QIOChannel *ioc;

    ck_assert_msg(ep != NULL, "'%s' does not parse", text);
    ioc = qio_endpoint_connect_sync(ep, NULL, mode, 10000, errp);
    qio_endpoint_free(ep);
    return ioc;
}

/* A pipe's end goes one way only. */
START_TEST(pipes)
{
    QIOError *err = NULL;
    QIOChannel *r;
    QIOChannel *w;
    char text[2][32];
    char buf[8];
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    snprintf(text[0], sizeof(text[0]), "fd:%d", fds[0]);
    snprintf(text[1], sizeof(text[1]), "fd:%d", fds[1]);
    ck_assert_ptr_null(connect_as(text[0], QIO_ENDPOINT_WRITE, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(connect_as(text[1], QIO_ENDPOINT_READ, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    r = connect_as(text[0], QIO_ENDPOINT_READ, &err);
    qiotest_ok(&err);
    w = connect_as(text[1], QIO_ENDPOINT_READWRITE, &err);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_write_all(w, "pipe", 4, &err), 0);
    qio_channel_unref(w);
    ck_assert_int_eq(qio_channel_read_all(r, buf, 4, &err), 0);
    ck_assert_int_eq(qio_channel_read(r, buf, 1, &err), 0);
    qio_channel_unref(r);
}
END_TEST

/* Standard descriptors are still there when a channel on them is not. */
START_TEST(stdio_stays)
{
    QIOError *err = NULL;
    QIOChannel *ioc;
    char buf[8];
    int keep[2] = {dup(0), dup(1)};
    int in[2], out[2];

    ck_assert_int_eq(pipe(in), 0);
    ck_assert_int_eq(pipe(out), 0);
    dup2(in[0], 0);
    dup2(out[1], 1);
    ck_assert_int_eq(write(in[1], "in", 2), 2);
    ioc = connect_as("stdio:", _i ? QIO_ENDPOINT_READWRITE : QIO_ENDPOINT_READ,
                     &err);
    if (ioc && qio_channel_read_all(ioc, buf, 2, &err) == 0 && _i &&
        qio_channel_write_all(ioc, "out", 3, &err) == 0 &&
        read(out[0], buf + 2, 3) == 3) {
        buf[2] = buf[2] == 'o' ? '!' : '?';
    }
    qio_channel_unref(ioc);
    ck_assert_int_ge(fcntl(0, F_GETFD), 0);
    ck_assert_int_ge(fcntl(1, F_GETFD), 0);
    dup2(keep[0], 0);
    dup2(keep[1], 1);
    qiotest_ok(&err);
    ck_assert_mem_eq(buf, "in!", _i ? 3 : 2);
    close(keep[0]);
    close(keep[1]);
    close(in[0]);
    close(in[1]);
    close(out[0]);
    close(out[1]);
}
END_TEST

/* What each mode makes of a file. */
START_TEST(files)
{
    QIOError *err = NULL;
    QIOChannel *ioc;
    char text[128];
    char buf[8];
    struct stat st;

    snprintf(text, sizeof(text), "file:%s/f,offset=2", qiotest_tmpdir());
    ck_assert_ptr_null(connect_as(text, QIO_ENDPOINT_READ, &err));
    ck_assert_int_eq(qio_error_errno(err), ENOENT);
    qio_error_free(err);
    err = NULL;
    ioc = connect_as(text, QIO_ENDPOINT_WRITE, &err);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_write_all(ioc, "abcd", 4, &err), 0);
    qio_channel_unref(ioc);
    ioc = connect_as(text, QIO_ENDPOINT_READWRITE, &err);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_read_all(ioc, buf, 2, &err), 0);
    ck_assert_mem_eq(buf, "ab", 2);
    ck_assert_int_eq(qio_channel_write_all(ioc, "C", 1, &err), 0);
    qio_channel_unref(ioc);
    ioc = connect_as(text, QIO_ENDPOINT_READ, &err);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_read_all(ioc, buf, 4, &err), 0);
    ck_assert_mem_eq(buf, "abCd", 4);
    qio_channel_unref(ioc);
    ioc = connect_as(text, QIO_ENDPOINT_WRITE, &err);
    qiotest_ok(&err);
    qio_channel_unref(ioc);
    *strchr(text, ',') = '\0';
    ck_assert_int_eq(stat(text + 5, &st), 0);
    ck_assert_int_eq(st.st_size, 2);
    ck_assert_ptr_null(connect_as(text, (QIOEndpointMode)0, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
}
END_TEST

/* Devices have neither length nor position. */
START_TEST(device)
{
    QIOError *err = NULL;
    QIOChannel *ioc = connect_as("file:/dev/null", QIO_ENDPOINT_WRITE, &err);

    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_write_all(ioc, "x", 1, &err), 0);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(no_such_path)
{
    QIOError *err = NULL;

    ck_assert_ptr_null(
        connect_as("file:/nonexistent/f", QIO_ENDPOINT_WRITE, &err));
    ck_assert_int_eq(qio_error_errno(err), ENOENT);
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), "/nonexistent/f"));
    qio_error_free(err);
}
END_TEST

/* One socket as standard input and output is a socket channel. */
START_TEST(stdio_socket)
{
    QIOError *err = NULL;
    QIOChannel *ioc;
    bool ends = false;
    int keep[2] = {dup(0), dup(1)};
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    dup2(fds[0], 0);
    dup2(fds[0], 1);
    ioc = connect_as("stdio:", QIO_ENDPOINT_READWRITE, &err);
    if (ioc) {
        ends = qio_channel_has_feature(ioc, QIO_CHANNEL_FEATURE_SHUTDOWN);
    }
    qio_channel_unref(ioc);
    dup2(keep[0], 0);
    dup2(keep[1], 1);
    qiotest_ok(&err);
    ck_assert(ends);
    close(keep[0]);
    close(keep[1]);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

START_TEST(command_modes)
{
    QIOError *err = NULL;
    QIOChannel *ioc =
        connect_as("exec:cat; printf end", QIO_ENDPOINT_READ, &err);
    char buf[8];

    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_read_all(ioc, buf, 3, &err), 0);
    ck_assert_mem_eq(buf, "end", 3);
    ck_assert_int_eq(qio_channel_read(ioc, buf, 1, &err), 0);
    qio_channel_unref(ioc);
    ioc = connect_as("exec:cat", QIO_ENDPOINT_READWRITE, &err);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_write_all(ioc, "both", 4, &err), 0);
    ck_assert_int_eq(qio_channel_read_all(ioc, buf, 4, &err), 0);
    ck_assert_mem_eq(buf, "both", 4);
    qio_channel_unref(ioc);
}
END_TEST

/* A full backlog makes the kernel drop what comes: connecting hangs. */
START_TEST(unreachable)
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    QIOError *err = NULL;
    QIOEndpoint *ep;
    socklen_t len = sizeof(sin);
    int fds[5];
    char text[64];
    size_t i;

    for (i = 0; i < 5; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    }
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fds[0], (struct sockaddr *)&sin, len), 0);
    ck_assert_int_eq(listen(fds[0], 0), 0);
    ck_assert_int_eq(getsockname(fds[0], (struct sockaddr *)&sin, &len), 0);
    for (i = 1; i < 5; i++) {
        if (connect(fds[i], (struct sockaddr *)&sin, len) < 0) {
            ck_assert_int_eq(errno, EINPROGRESS);
        }
    }
    snprintf(text, sizeof(text), "tcp:127.0.0.1:%d", ntohs(sin.sin_port));
    ep = qio_endpoint_parse(text, &err);
    qiotest_ok(&err);
    ck_assert_ptr_null(
        qio_endpoint_connect_sync(ep, NULL, QIO_ENDPOINT_READWRITE, 200, &err));
    qio_endpoint_free(ep);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    for (i = 0; i < 5; i++) {
        close(fds[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("open");
    TCase *tc = qiotest_case(s, "open");

    tcase_add_test(tc, pipes);
    tcase_add_loop_test(tc, stdio_stays, 0, 2);
    tcase_add_test(tc, stdio_socket);
    tcase_add_test(tc, files);
    tcase_add_test(tc, device);
    tcase_add_test(tc, no_such_path);
    tcase_add_test(tc, command_modes);
    tcase_add_test(tc, unreachable);
    return qiotest_main(s);
}
