/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listening on unix sockets, above all on files that are not ours to take. */
#include <config.h>
#include "qiotest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "listening.h"
#include "net/listen.h"

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

static char path[108], text[160];

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
    listening_on(text, &l);
    ck_assert_uint_eq(l.n, 1);
    ck_assert_str_eq(l.v[0].unlink_path, path);
    ck_assert_str_eq(qio_address_path(l.v[0].local), path);
    ck_assert(fcntl(l.v[0].fd, F_GETFL) & O_NONBLOCK);
    ck_assert_int_eq(connect_path(path), 0);
    qiop_listen_sockets_free(&l);
    ck_assert(!exists(path));

    set_path("no-such-directory/s");
    listening_fails(text, QIO_ERROR_SYSTEM, "No such file");
    listening_fails("unix:", QIO_ERROR_INVALID, "missing");

    set_path("");
    len = strlen(path);
    memset(path + len, 'p', 107 - len);
    path[107] = '\0';
    snprintf(text, sizeof(text), "unix:%s", path);
    listening_on(text, &l);
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
        listening_on(text, &l);
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
        listening_fails(text, QIO_ERROR_IN_USE, "another process has");
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
    listening_fails(text, QIO_ERROR_IN_USE, "not a socket");
    ck_assert(exists(path));

    set_path("dangling");
    ck_assert_int_eq(symlink("nowhere", path), 0);
    listening_fails(text, QIO_ERROR_IN_USE, "not a socket");
    ck_assert(exists(path));

    set_path("dir");
    ck_assert_int_eq(mkdir(path, 0700), 0);
    listening_fails(text, QIO_ERROR_IN_USE, "not a socket");
}
END_TEST

START_TEST(test_unix_removes_only_its_own)
{
    struct qiop_listen_sockets l;
    int fd;

    set_path("s");
    listening_on(text, &l);
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
    listening_on("unix:rel", &l);
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
    if (listening_try(text, &l, &err) < 0) {
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

/* Somebody who never lets go of the directory stops only the replacing. */
START_TEST(test_unix_locked_directory)
{
    struct qiop_listen_sockets l;
    int dir;

    set_path("stale");
    dir = open(qiotest_tmpdir(), O_RDONLY | O_DIRECTORY);
    ck_assert_int_eq(flock(dir, LOCK_EX), 0);
    close(bind_path(path, SOCK_STREAM, false));
    listening_fails(text, QIO_ERROR_IN_USE, "keeps its directory locked");
    ck_assert(exists(path));
    set_path("new");
    listening_on(text, &l);
    qiop_listen_sockets_free(&l);
    close(dir);
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
    listening_on(text, &l);
    ck_assert(qio_address_abstract(l.v[0].local));
    ck_assert_str_eq(qio_address_path(l.v[0].local), name);
    ck_assert_ptr_null(l.v[0].unlink_path);
    listening_fails(text, QIO_ERROR_IN_USE, name);
    qiop_listen_sockets_free(&l);
    ck_assert(exists(name));
    ck_assert_int_eq(chdir("/"), 0);

    listening_on("unix:,abstract", &unnamed);
    listening_on("unix:,abstract", &other);
    ck_assert(qio_address_abstract(unnamed.v[0].local));
    ck_assert_uint_gt(strlen(qio_address_path(unnamed.v[0].local)), 0);
    ck_assert(!qio_address_equal(unnamed.v[0].local, other.v[0].local));
    qiop_listen_sockets_free(&unnamed);
    qiop_listen_sockets_free(&other);
}
END_TEST

/* The file of a socket that came bound belongs to whoever bound it. */
START_TEST(test_fd_unix)
{
    struct qiop_listen_sockets l;

    set_path("s");
    snprintf(text, sizeof(text), "fd:%d", bind_path(path, SOCK_STREAM, true));
    listening_on(text, &l);
    qiop_listen_sockets_free(&l);
    ck_assert(exists(path));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("listen-unix");
    TCase *tc = qiotest_case(s, "unix");

    tcase_add_test(tc, test_unix);
    tcase_add_test(tc, test_unix_stale);
    tcase_add_test(tc, test_unix_live);
    tcase_add_test(tc, test_unix_not_a_socket);
    tcase_add_test(tc, test_unix_removes_only_its_own);
    tcase_add_test(tc, test_unix_relative);
    tcase_add_test(tc, test_unix_contest);
    tcase_add_test(tc, test_unix_locked_directory);
    tcase_add_test(tc, test_abstract);
    tcase_add_test(tc, test_fd_unix);
    return qiotest_main(s);
}
