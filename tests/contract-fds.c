/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Contract: descriptors and peeks, where the type has them and where not. */
#include <config.h>
#include "contract-priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/fd.h"

#define HELLO "Hello World"

static void send_fds(struct run *r, const char *text, const int *fds, size_t n)
{
    struct iovec iov = {(char *)text, strlen(text)};
    int rc =
        qio_channel_writev_full_all(r->pair[0], &iov, 1, fds, n, 0, &r->err);

    qiotest_ok(&r->err);
    ck_assert_int_eq(rc, 0);
}

static ssize_t receive_fds(struct run *r, char *buf, size_t len, int **fds,
                           size_t *n)
{
    struct iovec iov = {buf, len};

    *fds = NULL;
    *n = 0;
    return qio_channel_readv_full(r->pair[1], &iov, 1, fds, n, 0, &r->err);
}

static void pass_three(struct run *r)
{
    char buf[64];
    int p[2], *fds;
    size_t n;
    ssize_t len;

    ck_assert_int_eq(qiop_fd_pipe(p, false, &r->err), 0);
    send_fds(r, HELLO, (int[]){p[1], p[1], p[1]}, 3);
    len = receive_fds(r, buf, sizeof(buf), &fds, &n);
    qiotest_ok(&r->err);
    ck_assert_int_eq(len, strlen(HELLO));
    ck_assert_mem_eq(buf, HELLO, strlen(HELLO));
    ck_assert_uint_eq(n, 3);
    for (size_t i = 0; i < n; i++) {
        char c;

        ck_assert_int_ne(fds[i], p[1]);
        ck_assert_int_ne(fds[i], fds[(i + 1) % n]);
        ck_assert(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
        ck_assert(!(fcntl(fds[i], F_GETFL) & O_NONBLOCK));
        ck_assert_int_eq(write(fds[i], "w", 1), 1);
        ck_assert_int_eq(read(p[0], &c, 1), 1);
    }
    qiop_fd_close_many(fds, n);
    free(fds);
    qiop_fd_close_many(p, 2);
    /* A message without any. */
    write_text(r, r->pair[0], "plain");
    len = receive_fds(r, buf, sizeof(buf), &fds, &n);
    ck_assert_int_eq(len, 5);
    ck_assert_ptr_null(fds);
    ck_assert_uint_eq(n, 0);
}

static void unasked_are_closed(struct run *r)
{
    int before = qiotest_count_fds();
    int p[2];
    char c;

    ck_assert_int_eq(qiop_fd_pipe(p, false, &r->err), 0);
    send_fds(r, HELLO, &p[1], 1);
    qiop_fd_close(p[1]);
    expect_text(r, r->pair[1], HELLO);
    /* Nobody holds the writing end any more. */
    ck_assert_int_eq(read(p[0], &c, 1), 0);
    qiop_fd_close(p[0]);
    ck_assert_int_eq(qiotest_count_fds(), before);
}

/* No room for all of them: an error, and none stays behind. */
static void lost_ones_are_an_error(struct run *r)
{
    struct rlimit old, limit;
    char buf[64];
    int before, highest, p[2], *fds;
    size_t n;
    ssize_t len;

    ck_assert_int_eq(qiop_fd_pipe(p, false, &r->err), 0);
    send_fds(r, HELLO, (int[]){p[0], p[0], p[1]}, 3);
    before = qiotest_count_fds();
    highest = dup(p[0]);
    ck_assert_int_ge(highest, 0);
    close(highest);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    limit = old;
    limit.rlim_cur = (rlim_t)highest + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    len = receive_fds(r, buf, sizeof(buf), &fds, &n);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    ck_assert_int_eq(len, -1);
    qiotest_error(&r->err, QIO_ERROR_FD_TRUNCATED);
    ck_assert_ptr_null(fds);
    ck_assert_int_eq(qiotest_count_fds(), before);
    qiop_fd_close_many(p, 2);
    write_text(r, r->pair[0], "goes on");
    expect_text(r, r->pair[1], "goes on");
}

static void as_many_as_possible(struct run *r)
{
    enum { MAX = 253 };
    struct iovec iov = {(char *)HELLO, strlen(HELLO)};
    int many[MAX + 1], *fds;
    char buf[64];
    size_t n, i;
    int p[2];

    ck_assert_int_eq(qiop_fd_pipe(p, false, &r->err), 0);
    for (i = 0; i <= MAX; i++) {
        many[i] = p[i % 2];
    }
    ck_assert_int_eq(
        qio_channel_writev_full(r->pair[0], &iov, 1, many, MAX + 1, 0, &r->err),
        -1);
    qiotest_error(&r->err, QIO_ERROR_INVALID);
    send_fds(r, HELLO, many, MAX);
    ck_assert_int_eq(receive_fds(r, buf, sizeof(buf), &fds, &n), iov.iov_len);
    qiotest_ok(&r->err);
    ck_assert_uint_eq(n, MAX);
    qiop_fd_close_many(fds, n);
    free(fds);
    qiop_fd_close_many(p, 2);
}

/* Two messages with descriptors, read as one. */
static void collected_over_messages(struct run *r)
{
    char buf[2 * sizeof(HELLO)];
    struct iovec iov = {buf, 2 * strlen(HELLO)};
    int *fds = NULL;
    size_t n = 0;
    int p[2], rc;

    ck_assert_int_eq(qiop_fd_pipe(p, false, &r->err), 0);
    send_fds(r, HELLO, &p[0], 1);
    send_fds(r, HELLO, p, 2);
    rc = qio_channel_readv_full_all(r->pair[1], &iov, 1, &fds, &n, 0, &r->err);
    qiotest_ok(&r->err);
    ck_assert_int_eq(rc, 0);
    ck_assert_uint_eq(n, 3);
    qiop_fd_close_many(fds, n);
    free(fds);
    qiop_fd_close_many(p, 2);
}

/* The peer goes before they were fetched. */
static void never_fetched(struct run *r)
{
    int p[2];

    ck_assert_int_eq(qiop_fd_pipe(p, false, &r->err), 0);
    send_fds(r, HELLO, p, 2);
    qiop_fd_close_many(p, 2);
    drop(r, 1);
}

static void peek(struct run *r)
{
    char buf[8];
    struct iovec iov = {buf, 4};
    ssize_t n;
    int i;

    write_text(r, r->pair[0], "QEVM....");
    n = qio_channel_wait(r->pair[1], QIO_EVENT_IN, 5000, &r->err);
    ck_assert_int_eq(n, QIO_EVENT_IN);
    for (i = 0; i < 2; i++) {
        n = qio_channel_readv_full(r->pair[1], &iov, 1, NULL, NULL,
                                   QIO_CHANNEL_READ_FLAG_MSG_PEEK, &r->err);
        qiotest_ok(&r->err);
        ck_assert_int_eq(n, 4);
        ck_assert_mem_eq(buf, "QEVM", 4);
    }
    expect_text(r, r->pair[1], "QEVM....");
    qio_channel_set_blocking(r->pair[1], false);
    n = qio_channel_readv_full(r->pair[1], &iov, 1, NULL, NULL,
                               QIO_CHANNEL_READ_FLAG_MSG_PEEK, &r->err);
    qiotest_ok(&r->err);
    ck_assert_int_eq(n, QIO_CHANNEL_ERR_BLOCK);
    drop(r, 0);
    qio_channel_set_blocking(r->pair[1], true);
    n = qio_channel_readv_full(r->pair[1], &iov, 1, NULL, NULL,
                               QIO_CHANNEL_READ_FLAG_MSG_PEEK, &r->err);
    qiotest_ok(&r->err);
    ck_assert_int_eq(n, 0);
}

static void no_descriptors(struct run *r)
{
    char c = 'x';
    struct iovec iov = {&c, 1};
    int fd = 0, *fds;
    size_t n;

    for (int i = 0; i < 2; i++) {
        ck_assert(
            !qio_channel_has_feature(r->pair[i], QIO_CHANNEL_FEATURE_FD_PASS));
    }
    ck_assert_int_eq(
        qio_channel_writev_full(r->pair[0], &iov, 1, &fd, 1, 0, &r->err), -1);
    qiotest_error(&r->err, QIO_ERROR_INVALID);
    ck_assert_int_eq(receive_fds(r, &c, 1, &fds, &n), -1);
    qiotest_error(&r->err, QIO_ERROR_INVALID);
    expect_silence(r, r->pair[1]);
}

static void no_peek(struct run *r)
{
    char c;
    struct iovec iov = {&c, 1};

    write_text(r, r->pair[0], "x");
    ck_assert(!qio_channel_has_feature(r->pair[1],
                                       QIO_CHANNEL_FEATURE_READ_MSG_PEEK));
    ck_assert_int_eq(qio_channel_readv_full(r->pair[1], &iov, 1, NULL, NULL,
                                            QIO_CHANNEL_READ_FLAG_MSG_PEEK,
                                            &r->err),
                     -1);
    qiotest_error(&r->err, QIO_ERROR_INVALID);
    expect_text(r, r->pair[1], "x");
}

static void no_position(struct run *r)
{
    char c = 0;

    for (int i = 0; i < 2; i++) {
        ck_assert(
            !qio_channel_has_feature(r->pair[i], QIO_CHANNEL_FEATURE_SEEKABLE));
        ck_assert_int_eq(qio_channel_io_seek(r->pair[i], 0, SEEK_SET, &r->err),
                         -1);
        qiotest_error(&r->err, QIO_ERROR_UNSUPPORTED);
    }
    ck_assert_int_eq(qio_channel_pread(r->pair[1], &c, 1, 0, &r->err), -1);
    qiotest_error(&r->err, QIO_ERROR_UNSUPPORTED);
    ck_assert_int_eq(qio_channel_pwrite(r->pair[0], &c, 1, 0, &r->err), -1);
    qiotest_error(&r->err, QIO_ERROR_UNSUPPORTED);
}

static void has_names(struct run *r)
{
    ck_assert_ptr_nonnull(qio_channel_type_name(r->pair[0]));
    ck_assert_str_eq(qio_channel_name(r->pair[0]),
                     qio_channel_type_name(r->pair[0]));
    ck_assert_int_eq(qio_channel_set_name(r->pair[0], "mine", &r->err), 0);
    ck_assert_str_eq(qio_channel_name(r->pair[0]), "mine");
    /* Hints are taken by every type. */
    qio_channel_set_delay(r->pair[0], false);
    qio_channel_set_cork(r->pair[0], true);
    qio_channel_set_cork(r->pair[0], false);
    write_text(r, r->pair[0], "x");
    expect_text(r, r->pair[1], "x");
}

const struct contract_test contract_fd_tests[] = {
    {"pass_three", CONTRACT_FD_PASS, 0, pass_three},
    {"unasked_are_closed", CONTRACT_FD_PASS, 0, unasked_are_closed},
    {"lost_ones_are_an_error", CONTRACT_FD_PASS, 0, lost_ones_are_an_error},
    {"as_many_as_possible", CONTRACT_FD_PASS, 0, as_many_as_possible},
    {"collected_over_messages", CONTRACT_FD_PASS, 0, collected_over_messages},
    {"never_fetched", CONTRACT_FD_PASS, 0, never_fetched},
    {"peek", CONTRACT_PEEK, 0, peek},
    {"no_descriptors", 0, CONTRACT_FD_PASS, no_descriptors},
    {"no_peek", 0, CONTRACT_PEEK, no_peek},
    {"no_position", 0, 0, no_position},
    {"has_names", 0, 0, has_names},
    {NULL, 0, 0, NULL},
};
