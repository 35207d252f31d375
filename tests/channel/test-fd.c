/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What only fd channels do: files, positions, terminals, O_NONBLOCK that
 * others share, and ends that close a descriptor. */
#include <config.h>
#include "qiotest.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <qio/channel-fd.h>
#include "base/fd.h"

static QIOError *err;

static const char *scratch(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", qiotest_tmpdir(), name);
    return path;
}

static QIOChannel *open_path(const char *path, int flags, mode_t mode)
{
    QIOChannel *ioc = qio_channel_fd_new_path(path, flags, mode, &err);

    qiotest_ok(&err);
    ck_assert_ptr_nonnull(ioc);
    return ioc;
}

static QIOChannel *open_pair(int rfd, int wfd)
{
    QIOChannel *ioc = qio_channel_fd_new_pair(rfd, wfd, &err);

    qiotest_ok(&err);
    ck_assert_ptr_nonnull(ioc);
    return ioc;
}

static bool is_nonblock(int fd)
{
    return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

static void make_pipe(int p[2])
{
    ck_assert_int_eq(qiop_fd_pipe(p, false, &err), 0);
}

/* ---- files ---- */

#define PIECES 250
#define PIECE 4194

START_TEST(file_written_and_read)
{
    uint8_t *out = malloc(PIECES * PIECE), *in = calloc(PIECES, PIECE);
    struct iovec iov[PIECES];
    struct stat st;
    QIOChannel *ioc;
    int i;

    ck_assert(out && in);
    for (i = 0; i < PIECES; i++) {
        memset(out + i * PIECE, i, PIECE);
        iov[i] = (struct iovec){out + i * PIECE, PIECE};
    }
    umask(027);
    ioc = open_path(scratch("f"), O_CREAT | O_WRONLY | O_TRUNC, 0666);
    ck_assert_int_eq(qio_channel_writev_all(ioc, iov, PIECES, &err), 0);
    ck_assert_int_eq(qio_channel_close(ioc, &err), 0);
    qio_channel_unref(ioc);
    ck_assert_int_eq(stat(scratch("f"), &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0640);

    ioc = open_path(scratch("f"), O_RDONLY, 0);
    for (i = 0; i < PIECES; i++) {
        iov[i].iov_base = in + i * PIECE;
    }
    ck_assert_int_eq(qio_channel_readv_all(ioc, iov, PIECES, &err), 0);
    qiotest_ok(&err);
    ck_assert(memcmp(in, out, PIECES * PIECE) == 0);
    ck_assert_int_eq(qio_channel_read(ioc, in, 1, &err), 0);
    qio_channel_unref(ioc);
    free(in);
    free(out);
}
END_TEST

START_TEST(file_both_ways)
{
    QIOChannel *ioc = open_path(scratch("f"), O_CREAT | O_RDWR, 0600);
    char buf[16];

    ck_assert_int_eq(qio_channel_write_all(ioc, "0123456789", 10, &err), 0);
    qio_channel_unref(ioc);
    ioc = open_path(scratch("f"), O_RDWR | O_TRUNC, 0600);
    ck_assert_int_eq(qio_channel_read(ioc, buf, 1, &err), 0);
    ck_assert_int_eq(qio_channel_write_all(ioc, "abc", 3, &err), 0);
    ck_assert_int_eq(qio_channel_io_seek(ioc, 1, SEEK_SET, &err), 1);
    ck_assert_int_eq(qio_channel_read(ioc, buf, sizeof(buf), &err), 2);
    ck_assert_mem_eq(buf, "bc", 2);
    qiotest_ok(&err);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(file_positions)
{
    QIOChannel *ioc = open_path(scratch("f"), O_CREAT | O_RDWR, 0600);
    char buf[16];

    ck_assert(qio_channel_has_feature(ioc, QIO_CHANNEL_FEATURE_SEEKABLE));
    ck_assert_int_eq(qio_channel_pwrite(ioc, "world", 5, 6, &err), 5);
    ck_assert_int_eq(qio_channel_write_all(ioc, "hello ", 6, &err), 0);
    ck_assert_int_eq(qio_channel_pread(ioc, buf, 16, 0, &err), 11);
    ck_assert_mem_eq(buf, "hello world", 11);
    ck_assert_int_eq(qio_channel_io_seek(ioc, 0, SEEK_CUR, &err), 6);
    ck_assert_int_eq(qio_channel_io_seek(ioc, 0, SEEK_END, &err), 11);
    ck_assert_int_eq(qio_channel_pread(ioc, buf, 16, 11, &err), 0);
    qiotest_ok(&err);
    ck_assert_int_eq(qio_channel_io_seek(ioc, -1, SEEK_SET, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_channel_unref(ioc);
}
END_TEST

/* poll(2) has nothing to say about files: they are always ready. */
START_TEST(file_is_ready)
{
    QIOChannel *ioc = open_path(scratch("f"), O_CREAT | O_RDWR, 0600);

    ck_assert_int_eq(
        qio_channel_wait(ioc, QIO_EVENT_IN | QIO_EVENT_OUT, 0, &err),
        QIO_EVENT_IN | QIO_EVENT_OUT);
    qiotest_ok(&err);
    ck_assert(!is_nonblock(qio_channel_fd_get_read_fd(ioc)));
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(wrong_direction)
{
    QIOChannel *ioc = open_path(scratch("f"), O_CREAT | O_WRONLY, 0600);
    char c = 'x';

    ck_assert_int_eq(qio_channel_fd_get_read_fd(ioc), -1);
    ck_assert_int_eq(qio_channel_read(ioc, &c, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    ck_assert_int_eq(qio_channel_pread(ioc, &c, 1, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    qio_channel_unref(ioc);
    ioc = open_path(scratch("f"), O_RDONLY, 0);
    ck_assert_int_eq(qio_channel_write(ioc, &c, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    ck_assert_int_eq(qio_channel_wait(ioc, QIO_EVENT_OUT, 1000, &err),
                     QIO_EVENT_OUT);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(file_shutdown)
{
    QIOChannel *ioc = open_path(scratch("f"), O_CREAT | O_WRONLY, 0600);

    ck_assert_int_eq(
        qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &err), 0);
    ck_assert_int_eq(qio_channel_write(ioc, "x", 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    ck_assert_int_eq(qio_channel_close(ioc, &err), 0);
    qio_channel_unref(ioc);
}
END_TEST

/* ---- failures of a file ---- */

START_TEST(disk_full)
{
    QIOChannel *ioc = open_path("/dev/full", O_WRONLY, 0);

    ck_assert_int_eq(qio_channel_write_all(ioc, "x", 1, &err), -1);
    ck_assert_int_eq(qio_error_errno(err), ENOSPC);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(file_too_large)
{
    QIOChannel *ioc = open_path(scratch("f"), O_CREAT | O_WRONLY, 0600);
    struct rlimit limit = {10, RLIM_INFINITY};

    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(qio_channel_write(ioc, "0123456789abcdef", 16, &err), 10);
    ck_assert_int_eq(qio_channel_write(ioc, "abcdef", 6, &err), -1);
    ck_assert_int_eq(qio_error_errno(err), EFBIG);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(missing_file)
{
    ck_assert_ptr_null(
        qio_channel_fd_new_path("/nowhere/at/all", O_RDONLY, 0, &err));
    ck_assert_ptr_nonnull(strstr(qio_error_message(err), "/nowhere/at/all"));
    ck_assert_int_eq(qio_error_errno(err), ENOENT);
    qio_error_free(err);
    err = NULL;
    ck_assert_ptr_null(
        qio_channel_fd_new_path(qiotest_tmpdir(), O_RDONLY, 0, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
}
END_TEST

/* ---- adopting ---- */

START_TEST(adopts_by_kind)
{
    int s[2], p[2];
    QIOChannel *ioc;

    ck_assert_int_eq(qiop_fd_socketpair(s, &err), 0);
    ioc = qio_channel_fd_new(s[0], &err);
    ck_assert_str_eq(qio_channel_type_name(ioc), "unix");
    qio_channel_unref(ioc);
    qiop_fd_close(s[1]);
    make_pipe(p);
    ioc = qio_channel_fd_new(p[0], &err);
    ck_assert_str_eq(qio_channel_type_name(ioc), "fd");
    ck_assert_int_eq(qio_channel_fd_get_read_fd(ioc), p[0]);
    ck_assert_int_eq(qio_channel_fd_get_write_fd(ioc), -1);
    qio_channel_unref(ioc);
    qiop_fd_close(p[1]);
    qiotest_ok(&err);
}
END_TEST

START_TEST(refuses_what_it_cannot)
{
    int p[2], fd;

    ck_assert_ptr_null(qio_channel_fd_new(-1, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_channel_fd_new(900, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_channel_fd_new_pair(-1, -1, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    fd = qiop_fd_socket(AF_UNIX, SOCK_DGRAM, 0, false, &err);
    ck_assert_ptr_null(qio_channel_fd_new(fd, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    qiop_fd_close(fd);
    fd = qiop_fd_socket(AF_UNIX, SOCK_STREAM, 0, false, &err);
    ck_assert_ptr_null(qio_channel_fd_new(fd, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    qiop_fd_close(fd);
    fd = qiop_fd_open("/", O_PATH, 0, &err);
    ck_assert_ptr_null(qio_channel_fd_new(fd, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    qiop_fd_close(fd);
    /* The wrong ends; still ours, and as they were. */
    make_pipe(p);
    ck_assert_ptr_null(qio_channel_fd_new_pair(p[1], p[0], &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_channel_fd_new_pair(p[0], 900, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert(!is_nonblock(p[0]) && !is_nonblock(p[1]));
    qiop_fd_close_many(p, 2);
}
END_TEST

/* ---- O_NONBLOCK ---- */

START_TEST(nonblock_is_restored)
{
    int p[2], keep[2], i;
    QIOChannel *ioc;

    make_pipe(p);
    for (i = 0; i < 2; i++) {
        keep[i] = qiop_fd_dup(p[i], &err);
    }
    ioc = open_pair(p[0], p[1]);
    ck_assert(is_nonblock(keep[0]) && is_nonblock(keep[1]));
    ck_assert_int_eq(qio_channel_close(ioc, &err), 0);
    ck_assert(!is_nonblock(keep[0]) && !is_nonblock(keep[1]));
    qio_channel_unref(ioc);
    /* Where it was on it stays on. */
    ck_assert_int_eq(qiop_fd_set_nonblock(keep[0], true, NULL, &err), 0);
    ioc = open_pair(keep[0], -1);
    i = qiop_fd_dup(keep[0], &err);
    qio_channel_unref(ioc);
    ck_assert(is_nonblock(i));
    qiop_fd_close(i);
    qiop_fd_close(keep[1]);
}
END_TEST

static int open_pty(int *slave)
{
    struct termios t;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    ck_assert_int_ge(master, 0);
    ck_assert_int_eq(grantpt(master), 0);
    ck_assert_int_eq(unlockpt(master), 0);
    *slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_ge(*slave, 0);
    ck_assert_int_eq(tcgetattr(*slave, &t), 0);
    cfmakeraw(&t);
    ck_assert_int_eq(tcsetattr(*slave, TCSANOW, &t), 0);
    return master;
}

/* Two numbers of one open file, as stdin and stdout of a terminal are. */
START_TEST(nonblock_of_one_open_file)
{
    int slave, master = open_pty(&slave);
    int other = qiop_fd_dup(slave, &err);
    int keep = qiop_fd_dup(slave, &err);
    QIOChannel *ioc = open_pair(slave, other);

    ck_assert(is_nonblock(keep));
    ck_assert_int_eq(
        qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &err), 0);
    ck_assert(is_nonblock(keep));
    ck_assert_int_eq(qio_channel_close(ioc, &err), 0);
    ck_assert(!is_nonblock(keep));
    qio_channel_unref(ioc);
    qiop_fd_close(keep);
    qiop_fd_close(master);
}
END_TEST

/* Two channels on one open file: the first to close switches O_NONBLOCK off,
 * the other must not start to block for it. */
START_TEST(nonblock_of_two_channels)
{
    int slave, master = open_pty(&slave);
    int other = qiop_fd_dup(slave, &err);
    int keep = qiop_fd_dup(slave, &err);
    QIOChannel *a = open_pair(slave, -1);
    QIOChannel *b = open_pair(other, other);
    char c;

    qio_channel_unref(a);
    ck_assert(!is_nonblock(keep));
    qio_channel_set_blocking(b, false);
    ck_assert_int_eq(qio_channel_read(b, &c, 1, &err), QIO_CHANNEL_ERR_BLOCK);
    ck_assert_int_eq(qio_channel_write(b, "x", 1, &err), 1);
    ck_assert_int_eq(read(master, &c, 1), 1);
    ck_assert(is_nonblock(keep));
    qio_channel_unref(b);
    ck_assert(!is_nonblock(keep));
    qiop_fd_close(keep);
    qiop_fd_close(master);
    qiotest_ok(&err);
}
END_TEST

/* ---- terminals and pipes ---- */

START_TEST(pty_end)
{
    int slave, fd = open_pty(&slave);
    QIOChannel *master = qio_channel_fd_new(fd, &err);
    char buf[8];

    qiotest_ok(&err);
    qio_channel_set_timeout(master, 5000);
    ck_assert_int_eq(write(slave, "last", 4), 4);
    ck_assert_int_eq(qio_channel_read_all(master, buf, 4, &err), 0);
    ck_assert_mem_eq(buf, "last", 4);
    ck_assert_int_eq(qio_channel_write_all(master, "in", 2, &err), 0);
    ck_assert_int_eq(read(slave, buf, 8), 2);
    qiop_fd_close(slave);
    ck_assert_int_eq(qio_channel_read(master, buf, 1, &err), 0);
    ck_assert_int_eq(qio_channel_read(master, buf, 1, &err), 0);
    qiotest_ok(&err);
    qio_channel_unref(master);
}
END_TEST

START_TEST(shared_number_cannot_shut_writing)
{
    int slave, master = open_pty(&slave);
    QIOChannel *ioc = open_pair(slave, slave);

    ck_assert(!qio_channel_has_feature(ioc, QIO_CHANNEL_FEATURE_SHUTDOWN));
    ck_assert_int_eq(
        qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &err), -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    ck_assert_int_eq(qio_channel_write(ioc, "x", 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    qio_channel_unref(ioc);
    qiop_fd_close(master);
}
END_TEST

/* Standard input and output of a program that inetd started are one socket
 * under two numbers: the peer must see the end nevertheless. */
START_TEST(socket_under_two_numbers)
{
    int s[2], other;
    QIOChannel *ioc;
    char c;

    ck_assert_int_eq(qiop_fd_socketpair(s, &err), 0);
    other = qiop_fd_dup(s[0], &err);
    ioc = open_pair(s[0], other);
    ck_assert_int_eq(qio_channel_write_all(ioc, "x", 1, &err), 0);
    ck_assert_int_eq(
        qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &err), 0);
    ck_assert_int_eq(read(s[1], &c, 1), 1);
    ck_assert_int_eq(read(s[1], &c, 1), 0);
    ck_assert_int_eq(write(s[1], "y", 1), 1);
    ck_assert_int_eq(qio_channel_read_all(ioc, &c, 1, &err), 0);
    qiotest_ok(&err);
    qio_channel_unref(ioc);
    qiop_fd_close(s[1]);
}
END_TEST

static void *write_on(void *ioc)
{
    static const char junk[512];

    while (qio_channel_write(ioc, junk, sizeof(junk), NULL) > 0) {
    }
    return NULL;
}

/* Shutting down closes the writing end under a busy writer; not a byte may go
 * to whatever is opened under its number next. */
START_TEST(shutdown_under_a_writer)
{
    for (int i = 0; i < 1000; i++) {
        int p[2], next[2];
        pthread_t thread;
        QIOChannel *ioc;
        char buf[4096];
        bool was;

        make_pipe(p);
        ioc = open_pair(-1, p[1]);
        ck_assert_int_eq(pthread_create(&thread, NULL, write_on, ioc), 0);
        ck_assert_int_gt(read(p[0], buf, sizeof(buf)), 0);
        ck_assert_int_eq(
            qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &err), 0);
        make_pipe(next);
        pthread_join(thread, NULL);
        while (read(p[0], buf, sizeof(buf)) > 0) {
        }
        qiop_fd_set_nonblock(next[0], true, &was, NULL);
        ck_assert_int_eq(read(next[0], buf, 1), -1);
        ck_assert_int_eq(errno, EAGAIN);
        qio_channel_unref(ioc);
        qiop_fd_close(p[0]);
        qiop_fd_close_many(next, 2);
    }
}
END_TEST

START_TEST(fifo)
{
    QIOChannel *ioc, *in;
    char c;

    ck_assert_int_eq(mkfifo(scratch("fifo"), 0600), 0);
    ioc = open_path(scratch("fifo"), O_RDWR, 0);
    in = open_path(scratch("fifo"), O_RDONLY, 0);
    ck_assert_int_eq(qio_channel_write_all(ioc, "x", 1, &err), 0);
    ck_assert_int_eq(qio_channel_read_all(in, &c, 1, &err), 0);
    qiotest_ok(&err);
    qio_channel_unref(ioc);
    ck_assert_int_eq(qio_channel_read(in, &c, 1, &err), 0);
    qio_channel_unref(in);
}
END_TEST

START_TEST(devices)
{
    QIOChannel *ioc = open_path("/dev/zero", O_RDWR, 0);
    char buf[4] = "abc";

    ck_assert_int_eq(qio_channel_write_all(ioc, "x", 1, &err), 0);
    ck_assert_int_eq(qio_channel_read_all(ioc, buf, 4, &err), 0);
    ck_assert_mem_eq(buf, "\0\0\0\0", 4);
    qio_channel_unref(ioc);
    ioc = open_path("/dev/null", O_RDWR, 0);
    ck_assert_int_eq(qio_channel_read(ioc, buf, 4, &err), 0);
    qiotest_ok(&err);
    qio_channel_unref(ioc);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fd");
    TCase *tc = qiotest_case(s, "files");

    tcase_add_test(tc, file_written_and_read);
    tcase_add_test(tc, file_both_ways);
    tcase_add_test(tc, file_positions);
    tcase_add_test(tc, file_is_ready);
    tcase_add_test(tc, wrong_direction);
    tcase_add_test(tc, file_shutdown);
    tcase_add_test(tc, disk_full);
    tcase_add_test(tc, file_too_large);
    tcase_add_test(tc, missing_file);
    tc = qiotest_case(s, "adopting");
    tcase_add_test(tc, adopts_by_kind);
    tcase_add_test(tc, refuses_what_it_cannot);
    tc = qiotest_case(s, "O_NONBLOCK");
    tcase_add_test(tc, nonblock_is_restored);
    tcase_add_test(tc, nonblock_of_one_open_file);
    tcase_add_test(tc, nonblock_of_two_channels);
    tc = qiotest_case(s, "terminals and pipes");
    tcase_add_test(tc, pty_end);
    tcase_add_test(tc, shared_number_cannot_shut_writing);
    tcase_add_test(tc, socket_under_two_numbers);
    tcase_add_test(tc, shutdown_under_a_writer);
    tcase_add_test(tc, fifo);
    tcase_add_test(tc, devices);
    return qiotest_main(s);
}
