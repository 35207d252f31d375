/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every allocation of lib/base fails once: errors stay errors. */
#include <config.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "base/fd.h"
#include "base/optstr.h"
#include "base/queue.h"
#include "failmalloc.h"
#include "qiotest.h"

/* ---- errors ---- */

static bool set_error(void *opaque, QIOError **errp)
{
    qio_error_set(errp, QIO_ERROR_RESOLVE, EIO, "no %s", (char *)opaque);
    return false;
}

static bool set_tls_error(void *opaque, QIOError **errp)
{
    qio_error_set_tls(errp, QIO_ERROR_TLS, -9, "no %s", (char *)opaque);
    return false;
}

/* With less memory than needed it is the constant, never nothing. Not every
 * allocation is needed: formatting can do without its last, a trim. */
static void error_with(failmalloc_scenario *set, QIOErrorCode code)
{
    long before = failmalloc_live(), n, constant = 0;
    bool hit = true;
    QIOError *err;

    for (n = 1; hit; n++) {
        err = NULL;
        errno = EDOM;
        failmalloc_arm(n, 0);
        set((void *)"way", &err);
        hit = failmalloc_disarm();
        ck_assert_int_eq(errno, EDOM);
        ck_assert_ptr_nonnull(err);
        if (qio_error_code(err) != code) {
            ck_assert(hit);
            ck_assert_int_eq(qio_error_code(err), QIO_ERROR_NOMEM);
            ck_assert_int_eq(failmalloc_live(), before);
            constant++;
        }
        qio_error_free(err);
        ck_assert_int_eq(failmalloc_live(), before);
    }
    ck_assert_int_ge(constant, 2);
}

START_TEST(test_error_set)
{
    error_with(set_error, QIO_ERROR_RESOLVE);
    error_with(set_tls_error, QIO_ERROR_TLS);
}
END_TEST

START_TEST(test_error_constant)
{
    QIOError *err = NULL, *copy;

    failmalloc_arm(1, FAILMALLOC_PERSIST);
    qio_error_set(&err, QIO_ERROR_TLS, EIO, "lost");
    qio_error_prefix(&err, "in front: ");
    copy = qio_error_copy(err);
    failmalloc_disarm();
    ck_assert_str_eq(qio_error_message(err), "out of memory");
    ck_assert_int_eq(qio_error_errno(err), ENOMEM);
    ck_assert_int_eq(qio_error_category(err), QIO_ERROR_CATEGORY_RETRY);
    ck_assert_int_eq(qio_error_tls(err), 0);
    qio_error_prefix(&err, "in front: ");
    ck_assert_str_eq(qio_error_message(err), "out of memory");
    qio_error_propagate(NULL, copy);
    qio_error_propagate(&copy, err);
    qio_error_free(err);
    qiotest_error(&err, QIO_ERROR_NOMEM);
}
END_TEST

/* The cause outlives a prefix or a copy for which there is no memory. */
START_TEST(test_error_keeps)
{
    QIOError *err = NULL, *copy;
    bool hit = true;

    qio_error_set(&err, QIO_ERROR_BROKEN, 0, "cut");
    for (long n = 1; hit; n++) {
        failmalloc_arm(n, 0);
        copy = qio_error_copy(err);
        hit = failmalloc_disarm();
        ck_assert_int_eq(qio_error_code(copy),
                         hit ? QIO_ERROR_NOMEM : QIO_ERROR_BROKEN);
        qio_error_free(copy);
    }
    failmalloc_arm(1, FAILMALLOC_PERSIST);
    qio_error_prefix(&err, "%s: ", "x");
    ck_assert(failmalloc_disarm());
    ck_assert_str_eq(qio_error_message(err), "cut");
    hit = true;
    for (long n = 1; hit; n++) {
        failmalloc_arm(n, 0);
        qio_error_prefix(&err, "x: ");
        hit = failmalloc_disarm();
        ck_assert_int_eq(qio_error_code(err), QIO_ERROR_BROKEN);
        ck_assert_ptr_nonnull(strstr(qio_error_message(err), "cut"));
    }
    ck_assert_int_eq(strncmp(qio_error_message(err), "x: ", 3), 0);
    qiotest_error(&err, QIO_ERROR_BROKEN);
}
END_TEST

/* ---- the others ---- */

static bool use_queue(void *opaque, QIOError **errp)
{
    static const char data[3000] = "x";
    struct qiop_queue q;
    size_t held = 0, len;
    bool ok = true;

    (void)opaque;
    qiop_queue_init(&q, 40000);
    for (int i = 0; ok && i < 12; i++) {
        ok = qiop_queue_append(&q, data, sizeof(data), errp) == 0;
        held += ok ? sizeof(data) : 0;
    }
    /* What was in it stays in it. */
    qiop_queue_peek(&q, &len);
    if (len != held) {
        qio_error_free(*errp);
        *errp = NULL;
        ok = false;
    }
    qiop_queue_free(&q, true);
    return ok;
}

START_TEST(test_queue)
{
    ck_assert_int_ge(failmalloc_each(use_queue, NULL, FAILMALLOC_NO_LEAK), 3);
}
END_TEST

static bool use_optstr(void *opaque, QIOError **errp)
{
    const char *pos = opaque;
    char *piece, *escaped;
    int r;

    while ((r = qiop_optstr_next(&pos, &piece, errp)) > 0) {
        escaped = qiop_optstr_escape(piece, errp);
        free(piece);
        if (!escaped) {
            return false;
        }
        free(escaped);
    }
    return r == 0;
}

START_TEST(test_optstr)
{
    ck_assert_int_ge(failmalloc_each(use_optstr, (void *)"tcp:a:1,b=c,,d,e",
                                     FAILMALLOC_NO_LEAK),
                     6);
}
END_TEST

/* Descriptors that arrive but cannot be delivered are closed. */
static bool pass_fds(void *opaque, QIOError **errp)
{
    struct iovec iov = {(void *)"x", 1}, in;
    int *s = opaque, *fds = NULL;
    size_t nfds;
    ssize_t n;
    char c;

    in.iov_base = &c;
    in.iov_len = 1;
    if (qiop_fd_sendmsg(s[0], &iov, 1, s, 2, 0, errp) != 1) {
        return false;
    }
    n = qiop_fd_recvmsg(s[1], &in, 1, &fds, &nfds, 0, errp);
    qiop_fd_close_many(fds, nfds);
    free(fds);
    return n == 1;
}

START_TEST(test_pass_fds)
{
    int s[2];

    ck_assert_int_eq(qiop_fd_socketpair(s, NULL), 0);
    ck_assert_int_eq(failmalloc_each(pass_fds, s, FAILMALLOC_NO_LEAK), 1);
    qiop_fd_close_many(s, 2);
}
END_TEST

/* Failing calls: the error is there, with or without its text. */
static bool fail_calls(void *opaque, QIOError **errp)
{
    struct iovec iov = {(void *)"x", 1};
    QIOError *err[6] = {NULL};
    bool all = true;

    (void)opaque;
    (void)errp;
    all = all && qiop_fd_open("/nonexistent/x", O_RDONLY, 0, &err[0]) < 0;
    all = all && qiop_fd_dup(-1, &err[1]) < 0;
    all = all && qiop_fd_readv(-1, &iov, 1, &err[2]) < 0;
    all = all && qiop_fd_writev(-1, &iov, 1, &err[3]) < 0;
    all = all && qiop_fd_send(-1, &iov, 1, 0, &err[4]) < 0;
    all = all && qiop_fd_recv(-1, &iov, 1, 0, &err[5]) < 0;
    for (int i = 0; i < 6; i++) {
        all = all && err[i];
        qio_error_free(err[i]);
    }
    return all;
}

START_TEST(test_fail_calls)
{
    ck_assert_int_ge(failmalloc_each(fail_calls, NULL, FAILMALLOC_NO_LEAK), 12);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("oom");
    TCase *tc = qiotest_case(s, "base");

    tcase_add_test(tc, test_error_set);
    tcase_add_test(tc, test_error_constant);
    tcase_add_test(tc, test_error_keeps);
    tcase_add_test(tc, test_queue);
    tcase_add_test(tc, test_optstr);
    tcase_add_test(tc, test_pass_fds);
    tcase_add_test(tc, test_fail_calls);
    return failmalloc_main(s);
}
