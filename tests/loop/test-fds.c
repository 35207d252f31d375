/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The epoll set: several interests in one descriptor, descriptors that come
 * back as others, files. */
#include <config.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/fd.h"
#include "loop/loop.h"
#include "qiotest.h"

static struct qiop_fds fds;

static void begin(void)
{
    fds = (struct qiop_fds){0};
    fds.epoll = qiop_fd_epoll(NULL);
    ck_assert_int_ge(fds.epoll, 0);
}

static void finish(void)
{
    qiop_fd_close(fds.epoll);
    free(fds.v);
}

static struct qiop_interest interest(int fd, short poll_events)
{
    return (struct qiop_interest){
        .fd = fd, .poll_events = poll_events, .events = QIO_EVENT_IN};
}

/* What epoll reports of fd now. */
static uint32_t reported(int fd)
{
    struct epoll_event ev[8];
    uint32_t events = 0;
    int n = epoll_wait(fds.epoll, ev, 8, 0);

    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(ev[i].data.fd, fd);
        events |= ev[i].events;
    }
    return events;
}

START_TEST(test_union)
{
    int p[2];
    struct qiop_interest in, out;

    begin();
    ck_assert_int_eq(qiop_fd_socketpair(p, NULL), 0);
    in = interest(p[0], POLLIN);
    out = interest(p[0], POLLOUT);
    ck_assert_int_eq(qiop_fds_add(&fds, &in, NULL), 0);
    ck_assert_uint_eq(reported(p[0]), 0);
    ck_assert_int_eq(qiop_fds_add(&fds, &out, NULL), 0);
    ck_assert_uint_eq(reported(p[0]), EPOLLOUT);
    ck_assert_int_eq(write(p[1], "x", 1), 1);
    ck_assert_uint_eq(reported(p[0]), EPOLLIN | EPOLLOUT);
    qiop_fds_remove(&fds, &out);
    ck_assert_uint_eq(reported(p[0]), EPOLLIN);
    in.poll_events = 0;
    qiop_fds_change(&fds, &in);
    ck_assert_uint_eq(reported(p[0]), 0);
    qiop_fds_remove(&fds, &in);
    close(p[1]);
    ck_assert_uint_eq(reported(p[0]), 0);
    close(p[0]);
    finish();
}
END_TEST

/* Closed while watched, and the number used again. */
START_TEST(test_number_comes_back)
{
    struct qiop_interest old, new;
    int p[2], q[2];

    begin();
    ck_assert_int_eq(qiop_fd_pipe(p, true, NULL), 0);
    old = interest(p[0], POLLIN);
    ck_assert_int_eq(qiop_fds_add(&fds, &old, NULL), 0);
    close(p[0]);
    ck_assert_int_eq(qiop_fd_pipe(q, true, NULL), 0);
    ck_assert_int_eq(q[0], p[0]);
    new = interest(q[0], POLLIN);
    ck_assert_int_eq(qiop_fds_add(&fds, &new, NULL), 0);
    qiop_fds_remove(&fds, &old);
    ck_assert_int_eq(write(q[1], "x", 1), 1);
    ck_assert_uint_eq(reported(q[0]), EPOLLIN);
    qiop_fds_remove(&fds, &new);
    close(q[0]);
    close(q[1]);
    close(p[1]);
    finish();
}
END_TEST

/* The file behind a closed number lives on elsewhere, and epoll with it. */
START_TEST(test_report_of_nobody)
{
    struct qiop_interest in;
    int p[2];

    begin();
    ck_assert_int_eq(qiop_fd_pipe(p, true, NULL), 0);
    in = interest(p[0], POLLIN);
    ck_assert_int_eq(qiop_fds_add(&fds, &in, NULL), 0);
    fds.v[p[0]].first = NULL;
    ck_assert_int_eq(write(p[1], "x", 1), 1);
    ck_assert_uint_eq(reported(p[0]), EPOLLIN);
    qiop_fds_fire(&fds, p[0], EPOLLIN);
    ck_assert_uint_eq(reported(p[0]), 0);
    close(p[0]);
    close(p[1]);
    finish();
}
END_TEST

START_TEST(test_file_and_bad_descriptor)
{
    struct qiop_interest in = interest(0, POLLIN);
    QIOError *err = NULL;

    begin();
    in.fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(in.fd, 0);
    ck_assert_int_eq(qiop_fds_add(&fds, &in, NULL), 1);
    close(in.fd);
    ck_assert_int_eq(qiop_fds_add(&fds, &in, &err), -1);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    ck_assert_ptr_null(fds.v[in.fd].first);
    finish();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fds");
    TCase *tc = qiotest_case(s, "fds");

    tcase_add_test(tc, test_union);
    tcase_add_test(tc, test_number_comes_back);
    tcase_add_test(tc, test_report_of_nobody);
    tcase_add_test(tc, test_file_and_bad_descriptor);
    return qiotest_main(s);
}
