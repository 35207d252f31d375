/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The channel object, with a leaf that does what a script says. */
#include <config.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <qio/channel-ops.h>
#include "base/fd.h"
#include "qiotest.h"

/* What the scripted leaf answers and what was asked of it. */
struct script {
    ssize_t read_result;
    ssize_t write_result;
    bool forget_error;
    int advance_blocks; /* how often advance says BLOCK first */
    bool advance_fails;
    int closed;
    int *finalized;
    unsigned shut;
    size_t last_niov;
    int pipe[2];
    size_t held; /* bytes a flush has to move */
    int flush_blocks;
    int64_t retry_us;
};

static ssize_t scripted(ssize_t result, bool forget, QIOError **errp)
{
    if (result == -1 && !forget) {
        qio_error_set(errp, QIO_ERROR_SYSTEM, EIO, "scripted failure");
    }
    return result;
}

static int script_advance(QIOChannel *ioc, QIOError **errp)
{
    struct script *s = qio_channel_private(ioc);

    if (s->advance_blocks > 0) {
        s->advance_blocks--;
        return QIO_CHANNEL_ERR_BLOCK;
    }
    return s->advance_fails ? (int)scripted(-1, false, errp) : 0;
}

static ssize_t script_readv(QIOChannel *ioc, const struct iovec *iov,
                            size_t niov, int **fds, size_t *nfds, int flags,
                            QIOError **errp)
{
    struct script *s = qio_channel_private(ioc);

    (void)iov;
    (void)fds;
    (void)nfds;
    (void)flags;
    s->last_niov = niov;
    return scripted(s->read_result, s->forget_error, errp);
}

static ssize_t script_writev(QIOChannel *ioc, const struct iovec *iov,
                             size_t niov, const int *fds, size_t nfds,
                             int flags, QIOError **errp)
{
    struct script *s = qio_channel_private(ioc);

    (void)iov;
    (void)fds;
    (void)nfds;
    (void)flags;
    s->last_niov = niov;
    return scripted(s->write_result, s->forget_error, errp);
}

static void script_poll(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    struct script *s = qio_channel_private(ioc);

    if ((events & QIO_EVENT_OPEN) && s->advance_blocks >= 0) {
        qio_poll_set_deadline(set, 0);
    }
    if (events & QIO_EVENT_FLUSH) {
        qio_poll_set_deadline(set, s->retry_us);
    }
    qio_poll_set_add_fd(set, s->pipe[0], POLLIN, events & QIO_EVENT_IN);
}

static int script_flush(QIOChannel *ioc, QIOError **errp)
{
    struct script *s = qio_channel_private(ioc);

    (void)errp;
    if (s->flush_blocks != 0) {
        s->flush_blocks -= s->flush_blocks > 0;
        return QIO_CHANNEL_ERR_BLOCK;
    }
    s->held = 0;
    return 0;
}

static int script_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                           QIOError **errp)
{
    struct script *s = qio_channel_private(ioc);

    ck_assert_ptr_null(*errp);
    s->shut |= how;
    return 0;
}

static off_t script_seek(QIOChannel *ioc, off_t offset, int whence,
                         QIOError **errp)
{
    (void)ioc;
    (void)offset;
    (void)whence;
    ck_assert_ptr_null(*errp);
    return 7;
}

static int script_query(QIOChannel *ioc, QIOChannelQuery what, void *out,
                        QIOError **errp)
{
    (void)ioc;
    (void)what;
    (void)out;
    ck_assert_ptr_null(*errp);
    qio_error_set(errp, QIO_ERROR_UNSUPPORTED, 0, "nobody knows");
    return -1;
}

static int script_close(QIOChannel *ioc, QIOError **errp)
{
    struct script *s = qio_channel_private(ioc);

    (void)errp;
    s->closed++;
    return 0;
}

static void script_finalize(QIOChannel *ioc)
{
    struct script *s = qio_channel_private(ioc);

    ck_assert_int_eq(s->closed, 1);
    qiop_fd_close(s->pipe[0]);
    qiop_fd_close(s->pipe[1]);
    if (s->finalized) {
        (*s->finalized)++;
    }
}

static const QIOChannelOps script_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "script",
    .kind = QIO_CHANNEL_KIND_LEAF,
    .advance = script_advance,
    .readv = script_readv,
    .writev = script_writev,
    .poll = script_poll,
    .flush = script_flush,
    .shutdown = script_shutdown,
    .close = script_close,
    .seek = script_seek,
    .query = script_query,
    .finalize = script_finalize,
};

static QIOChannel *new_script(struct script **s, bool open)
{
    QIOError *err = NULL;
    QIOChannel *ioc = qio_channel_alloc(&script_ops, sizeof(**s), &err);

    qiotest_ok(&err);
    *s = qio_channel_private(ioc);
    ck_assert_int_eq(qiop_fd_pipe((*s)->pipe, true, &err), 0);
    if (open) {
        ck_assert_int_eq(qio_channel_open_sync(ioc, 1000, &err), 0);
    }
    return ioc;
}

START_TEST(test_alloc_refuses_bad_ops)
{
    QIOChannelOps ops = script_ops;
    QIOError *err = NULL;

    ops.size = 8;
    ck_assert_ptr_null(qio_channel_alloc(&ops, 0, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ops = script_ops;
    ops.readv = NULL;
    ck_assert_ptr_null(qio_channel_alloc(&ops, 0, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ops = script_ops;
    ops.kind = QIO_CHANNEL_KIND_OPAQUE;
    ck_assert_ptr_null(qio_channel_alloc(&ops, 0, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_channel_alloc_layer(&ops, 0, NULL, &err));
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_ptr_null(qio_channel_alloc(&script_ops, SIZE_MAX, &err));
    qiotest_error(&err, QIO_ERROR_NOMEM);
}
END_TEST

START_TEST(test_life)
{
    struct script *s;
    QIOChannel *ioc = new_script(&s, false);
    QIOError *err = NULL;
    int finalized = 0;
    char b;

    s->finalized = &finalized;
    ck_assert(!qio_channel_is_open(ioc));
    ck_assert_int_eq(qio_channel_read(ioc, &b, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_STATE);
    s->advance_blocks = 3;
    ck_assert_int_eq(qio_channel_open_sync(ioc, 5000, &err), 0);
    ck_assert_int_eq(s->advance_blocks, 0);
    ck_assert_int_eq(qio_channel_open_sync(ioc, 5000, &err), 0);
    ck_assert_int_eq(qio_channel_close(ioc, &err), 0);
    ck_assert_int_eq(qio_channel_close(ioc, &err), 0);
    ck_assert_int_eq(s->closed, 1);
    ck_assert_int_eq(qio_channel_read(ioc, &b, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_CLOSED);
    ck_assert_int_eq(qio_channel_write(ioc, &b, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_CLOSED);
    ck_assert_int_eq(qio_channel_flush(ioc, &err), -1);
    qiotest_error(&err, QIO_ERROR_CLOSED);
    ck_assert_int_eq(qio_channel_open_sync(ioc, 5000, &err), -1);
    qiotest_error(&err, QIO_ERROR_CLOSED);
    qio_channel_ref(ioc);
    qio_channel_unref(ioc);
    ck_assert_int_eq(finalized, 0);
    qio_channel_unref(ioc);
    ck_assert_int_eq(finalized, 1);
    qio_channel_unref(NULL);
}
END_TEST

START_TEST(test_failed_open_stays_failed)
{
    struct script *s;
    QIOChannel *ioc = new_script(&s, false);
    QIOError *err = NULL;
    char b;

    s->advance_fails = true;
    ck_assert_int_eq(qio_channel_open_sync(ioc, -1, &err), -1);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    s->advance_fails = false;
    ck_assert_int_eq(qio_channel_open_sync(ioc, -1, &err), -1);
    qiotest_error(&err, QIO_ERROR_STATE);
    ck_assert_int_eq(qio_channel_read(ioc, &b, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_STATE);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_promises_are_checked)
{
    struct script *s;
    QIOChannel *ioc = new_script(&s, true);
    QIOError *err = NULL;
    char b[4];

    s->read_result = 5; /* more than asked for */
    ck_assert_int_eq(qio_channel_read(ioc, b, 4, &err), -1);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    s->read_result = -7;
    ck_assert_int_eq(qio_channel_read(ioc, b, 4, &err), -1);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    s->write_result = -1;
    s->forget_error = true;
    ck_assert_int_eq(qio_channel_write(ioc, b, 4, &err), -1);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    ck_assert_int_eq(qio_channel_write(ioc, b, 4, NULL), -1);
    s->write_result = 0; /* would be tried for ever */
    ck_assert_int_eq(qio_channel_write_all(ioc, b, 4, &err), -1);
    qiotest_error(&err, QIO_ERROR_SYSTEM);
    qio_channel_unref(ioc);
}
END_TEST

/* A method may look at *errp whatever the caller gave. */
START_TEST(test_methods_get_an_error_slot)
{
    struct script *s;
    QIOChannel *ioc = new_script(&s, true);
    void *out;

    ck_assert_int_eq(qio_channel_io_seek(ioc, 0, SEEK_SET, NULL), -1);
    qio_channel_add_features(ioc, QIO_CHANNEL_FEATURE_SEEKABLE);
    ck_assert_int_eq(qio_channel_io_seek(ioc, 0, SEEK_SET, NULL), 7);
    ck_assert_int_eq(
        qio_channel_query(ioc, QIO_CHANNEL_QUERY_PEER_NAME, &out, NULL), -1);
    ck_assert_int_eq(qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_READ, NULL),
                     0);
    qio_channel_unref(ioc);
}
END_TEST

/* Empty pieces, however many, are no end of the stream. */
START_TEST(test_empty_pieces)
{
    static struct iovec many[3000];
    struct script *s;
    QIOChannel *ioc = new_script(&s, true);
    QIOError *err = NULL;
    char b[1];

    many[2999] = (struct iovec){b, 1};
    s->read_result = 1;
    s->write_result = 1;
    ck_assert_int_eq(qio_channel_readv(ioc, many, 3000, &err), 1);
    ck_assert_int_eq(qio_channel_writev(ioc, many, 3000, &err), 1);
    ck_assert_int_eq(qio_channel_writev_all(ioc, many, 3000, &err), 0);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_arguments)
{
    static struct iovec many[5000];
    struct script *s;
    QIOChannel *ioc = new_script(&s, true);
    QIOError *err = NULL;
    char b[1];
    int *fds;
    size_t nfds;
    struct iovec one = {b, 1};

    for (size_t i = 0; i < 5000; i++) {
        many[i] = one;
    }
    s->read_result = 1;
    s->write_result = 1;
    ck_assert_int_eq(qio_channel_readv(ioc, many, 5000, &err), 1);
    ck_assert_uint_le(s->last_niov, 1024);
    ck_assert_int_eq(qio_channel_writev(ioc, many, 5000, &err), 1);
    ck_assert_uint_le(s->last_niov, 1024);
    s->last_niov = 99;
    ck_assert_int_eq(qio_channel_read(ioc, b, 0, &err), 0);
    ck_assert_int_eq(qio_channel_write(ioc, b, 0, &err), 0);
    ck_assert_uint_eq(s->last_niov, 99);
    ck_assert_int_eq(qio_channel_readv_full(ioc, &one, 1, &fds, &nfds, 0, &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_channel_readv_full(ioc, &one, 1, NULL, NULL,
                                            QIO_CHANNEL_READ_FLAG_MSG_PEEK,
                                            &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_channel_writev_full(ioc, &one, 1, s->pipe, 1, 0, &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    ck_assert_int_eq(qio_channel_io_seek(ioc, 0, SEEK_SET, &err), -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    ck_assert_int_eq(qio_channel_pread(ioc, b, 1, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    ck_assert_int_eq(qio_channel_get_peer_cred(ioc, NULL, NULL, NULL, &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    ck_assert_int_eq(qio_channel_shutdown(ioc, 4, &err), -1);
    qiotest_error(&err, QIO_ERROR_INVALID);
    qio_channel_set_cork(ioc, true);
    qio_channel_set_delay(ioc, false);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_blocking_and_timeout)
{
    struct script *s;
    QIOChannel *ioc = new_script(&s, true);
    QIOError *err = NULL;
    char b;

    s->read_result = QIO_CHANNEL_ERR_BLOCK;
    qio_channel_set_blocking(ioc, false);
    ck_assert_int_eq(qio_channel_read(ioc, &b, 1, &err), QIO_CHANNEL_ERR_BLOCK);
    ck_assert_ptr_null(err);
    ck_assert_int_eq(qio_channel_wait(ioc, QIO_EVENT_IN, 10, &err), 0);
    qio_channel_set_blocking(ioc, true);
    qio_channel_set_timeout(ioc, 20);
    ck_assert_int_eq(qio_channel_read(ioc, &b, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    /* The _all forms wait in non-blocking mode too. */
    qio_channel_set_blocking(ioc, false);
    ck_assert_int_eq(qio_channel_read_all(ioc, &b, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    ck_assert_int_eq(write(s->pipe[1], "x", 1), 1);
    ck_assert_int_eq(qio_channel_wait(ioc, QIO_EVENT_IN, 1000, &err),
                     QIO_EVENT_IN);
    qio_channel_unref(ioc);
}
END_TEST

/* A peer that always has a little more cannot put the end off. */
START_TEST(test_timeout_in_a_steady_stream)
{
    static char big[64 << 20];
    struct script *s;
    QIOChannel *ioc = new_script(&s, true);
    QIOError *err = NULL;

    qio_channel_set_timeout(ioc, 50);
    s->read_result = 1;
    ck_assert_int_eq(qio_channel_read_all(ioc, big, sizeof(big), &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    s->write_result = 1;
    ck_assert_int_eq(qio_channel_write_all(ioc, big, sizeof(big), &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    /* Always something to look at, never anything for the caller. */
    ck_assert_int_eq(write(s->pipe[1], "x", 1), 1);
    s->read_result = QIO_CHANNEL_ERR_BLOCK;
    ck_assert_int_eq(qio_channel_read(ioc, big, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_open_timeout_can_go_on)
{
    struct script *s;
    QIOChannel *ioc = new_script(&s, false);
    QIOError *err = NULL;

    s->advance_blocks = 1 << 30;
    ck_assert_int_eq(qio_channel_open_sync(ioc, 20, &err), -1);
    qiotest_error(&err, QIO_ERROR_TIMEOUT);
    s->advance_blocks = 1;
    ck_assert_int_eq(qio_channel_open_sync(ioc, 1000, &err), 0);
    qio_channel_unref(ioc);
}
END_TEST

static void *shut_soon(void *opaque)
{
    struct timespec ts = {0, 30 * 1000 * 1000};

    nanosleep(&ts, NULL);
    qio_channel_shutdown(opaque, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    return NULL;
}

/* What a thread waits in when the other one shuts the channel down. */
enum { IN_READ, IN_WRITE, IN_FLUSH, IN_WAIT, IN_OPEN, IN_LAST };

START_TEST(test_shutdown_ends_waiting)
{
    struct script *s;
    QIOChannel *ioc = new_script(&s, _i != IN_OPEN);
    QIOError *err = NULL;
    pthread_t t;
    char b;
    int r;

    s->read_result = QIO_CHANNEL_ERR_BLOCK;
    s->write_result = _i == IN_FLUSH ? 1 : QIO_CHANNEL_ERR_BLOCK;
    s->flush_blocks = _i == IN_FLUSH ? -1 : 0;
    s->retry_us = INT64_MAX;
    s->advance_blocks = _i == IN_OPEN ? -1 : 0;
    if (_i == IN_OPEN) {
        s->advance_blocks = 1 << 30;
    }
    ck_assert_int_eq(pthread_create(&t, NULL, shut_soon, ioc), 0);
    switch (_i) {
    case IN_READ:
        r = (int)qio_channel_read(ioc, &b, 1, &err);
        break;
    case IN_WRITE:
    case IN_FLUSH:
        r = (int)qio_channel_write(ioc, &b, 1, &err);
        break;
    case IN_WAIT:
        r = qio_channel_wait(ioc, QIO_EVENT_IN, -1, &err);
        ck_assert_int_eq(r, QIO_EVENT_IN);
        r = (int)qio_channel_read(ioc, &b, 1, &err);
        break;
    default:
        r = qio_channel_open_sync(ioc, -1, &err);
        break;
    }
    ck_assert_int_eq(r, -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    pthread_join(t, NULL);
    qio_channel_unref(ioc);
}
END_TEST

START_TEST(test_shutdown_directions)
{
    struct script *s;
    QIOChannel *ioc = new_script(&s, true);
    QIOError *err = NULL;
    char b;

    s->read_result = 1;
    s->write_result = 1;
    ck_assert_int_eq(
        qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &err), 0);
    ck_assert_uint_eq(s->shut, QIO_CHANNEL_SHUTDOWN_WRITE);
    ck_assert_int_eq(qio_channel_write(ioc, &b, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    ck_assert_int_eq(qio_channel_read(ioc, &b, 1, &err), 1);
    /* A goodbye may still be held: flushing goes on after the shutdown. */
    s->flush_blocks = 3;
    s->retry_us = 0;
    ck_assert_int_eq(qio_channel_flush(ioc, &err), 0);
    ck_assert_int_eq(s->flush_blocks, 0);
    ck_assert_int_eq(qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_BOTH, &err),
                     0);
    ck_assert_uint_eq(s->shut, QIO_CHANNEL_SHUTDOWN_BOTH);
    /* The end that a shutdown causes is not the end of the stream. */
    s->read_result = 0;
    ck_assert_int_eq(qio_channel_read(ioc, &b, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    qio_channel_unref(ioc);
}
END_TEST

static void count_lines(QIOChannel *ioc, const char *line, void *opaque)
{
    (void)ioc;
    ck_assert_ptr_nonnull(strstr(line, "alice"));
    ++*(int *)opaque;
}

START_TEST(test_name_and_trace)
{
    struct script *s;
    QIOChannel *ioc = new_script(&s, false);
    QIOError *err = NULL;
    int lines = 0;

    ck_assert_str_eq(qio_channel_name(ioc), "script");
    ck_assert_int_eq(qio_channel_set_name(ioc, "bob", &err), 0);
    ck_assert_int_eq(qio_channel_set_name(ioc, "alice", &err), 0);
    ck_assert_str_eq(qio_channel_name(ioc), "alice");
    ck_assert_str_eq(qio_channel_type_name(ioc), "script");
    ck_assert_ptr_null(qio_channel_base(ioc));
    qio_channel_set_trace(ioc, count_lines, &lines);
    ck_assert_int_eq(qio_channel_open_sync(ioc, -1, &err), 0);
    ck_assert_int_eq(qio_channel_close(ioc, &err), 0);
    ck_assert_int_ge(lines, 2);
    qio_channel_set_trace(ioc, NULL, NULL);
    qio_channel_unref(ioc);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("core/channel");
    TCase *tc = qiotest_case(s, "channel");

    tcase_add_test(tc, test_alloc_refuses_bad_ops);
    tcase_add_test(tc, test_life);
    tcase_add_test(tc, test_failed_open_stays_failed);
    tcase_add_test(tc, test_promises_are_checked);
    tcase_add_test(tc, test_methods_get_an_error_slot);
    tcase_add_test(tc, test_empty_pieces);
    tcase_add_test(tc, test_arguments);
    tcase_add_test(tc, test_blocking_and_timeout);
    tcase_add_test(tc, test_timeout_in_a_steady_stream);
    tcase_add_test(tc, test_open_timeout_can_go_on);
    tcase_add_loop_test(tc, test_shutdown_ends_waiting, 0, IN_LAST);
    tcase_add_test(tc, test_shutdown_directions);
    tcase_add_test(tc, test_name_and_trace);
    return qiotest_main(s);
}
