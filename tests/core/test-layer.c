/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stacks: what passes a transparent layer and what an opaque one stops, how
 * waiting looks through layers, and who closes whom. */
#include <config.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qio/channel-ops.h>
#include "base/clock.h"
#include "base/fd.h"
#include "core/pollset.h"
#include "qiotest.h"

/* ---- a leaf that has everything ---- */

struct leaf {
    int pipe[2];
    unsigned ready;
    int calls; /* of optional slots */
    int flags; /* of the last read */
    unsigned shut;
    char *log;
};

static ssize_t leaf_readv(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                          int **fds, size_t *nfds, int flags, QIOError **errp)
{
    struct leaf *l = qio_channel_private(ioc);

    (void)fds;
    (void)nfds;
    l->flags = flags;
    return qiop_fd_readv(l->pipe[0], iov, niov, errp);
}

static ssize_t leaf_writev(QIOChannel *ioc, const struct iovec *iov,
                           size_t niov, const int *fds, size_t nfds, int flags,
                           QIOError **errp)
{
    struct leaf *l = qio_channel_private(ioc);

    (void)fds;
    (void)nfds;
    (void)flags;
    return qiop_fd_writev(l->pipe[1], iov, niov, errp);
}

static void leaf_poll(QIOChannel *ioc, unsigned events, QIOPollSet *set)
{
    struct leaf *l = qio_channel_private(ioc);

    qio_poll_set_ready(set, l->ready & events);
    qio_poll_set_add_fd(set, l->pipe[0], POLLIN, events & QIO_EVENT_IN);
    qio_poll_set_add_fd(set, l->pipe[1], POLLOUT, events & QIO_EVENT_OUT);
    qio_poll_set_add_fd(set, -1, POLLOUT, events);
}

static int leaf_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                         QIOError **errp)
{
    struct leaf *l = qio_channel_private(ioc);

    (void)errp;
    l->shut |= how;
    return 0;
}

static int leaf_close(QIOChannel *ioc, QIOError **errp)
{
    struct leaf *l = qio_channel_private(ioc);

    (void)errp;
    if (l->log) {
        strcat(l->log, "l");
    }
    return 0;
}

static off_t leaf_seek(QIOChannel *ioc, off_t offset, int whence,
                       QIOError **errp)
{
    struct leaf *l = qio_channel_private(ioc);

    (void)whence;
    (void)errp;
    l->calls++;
    return offset;
}

static ssize_t leaf_prw(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                        off_t offset, QIOError **errp)
{
    struct leaf *l = qio_channel_private(ioc);

    (void)niov;
    (void)offset;
    (void)errp;
    l->calls++;
    return (ssize_t)iov[0].iov_len;
}

static void leaf_hint(QIOChannel *ioc, bool enabled)
{
    struct leaf *l = qio_channel_private(ioc);

    (void)enabled;
    l->calls++;
}

static int leaf_query(QIOChannel *ioc, QIOChannelQuery what, void *out,
                      QIOError **errp)
{
    struct leaf *l = qio_channel_private(ioc);
    struct QIOPeerCred *cred = out;

    (void)errp;
    ck_assert_int_eq(what, QIO_CHANNEL_QUERY_PEER_CRED);
    *cred = (struct QIOPeerCred){1, 2, 3};
    l->calls++;
    return 0;
}

static void leaf_finalize(QIOChannel *ioc)
{
    struct leaf *l = qio_channel_private(ioc);

    qiop_fd_close(l->pipe[0]);
    qiop_fd_close(l->pipe[1]);
}

static const QIOChannelOps leaf_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "leaf",
    .kind = QIO_CHANNEL_KIND_LEAF,
    .features = QIO_CHANNEL_FEATURE_SEEKABLE,
    .readv = leaf_readv,
    .writev = leaf_writev,
    .poll = leaf_poll,
    .shutdown = leaf_shutdown,
    .close = leaf_close,
    .seek = leaf_seek,
    .preadv = leaf_prw,
    .pwritev = leaf_prw,
    .set_cork = leaf_hint,
    .set_delay = leaf_hint,
    .query = leaf_query,
    .finalize = leaf_finalize,
};

/* ---- layers without a single optional slot ---- */

struct layer {
    char *log;
    bool fail_close;
    int flushes;
};

static ssize_t layer_readv(QIOChannel *ioc, const struct iovec *iov,
                           size_t niov, int **fds, size_t *nfds, int flags,
                           QIOError **errp)
{
    (void)fds;
    (void)nfds;
    (void)flags;
    return qio_channel_try_readv(qio_channel_base(ioc), iov, niov, errp);
}

static ssize_t layer_writev(QIOChannel *ioc, const struct iovec *iov,
                            size_t niov, const int *fds, size_t nfds, int flags,
                            QIOError **errp)
{
    (void)fds;
    (void)nfds;
    (void)flags;
    return qio_channel_try_writev(qio_channel_base(ioc), iov, niov, errp);
}

static int layer_flush(QIOChannel *ioc, QIOError **errp)
{
    struct layer *l = qio_channel_private(ioc);

    (void)errp;
    l->flushes++;
    return 0;
}

static int layer_close(QIOChannel *ioc, QIOError **errp)
{
    struct layer *l = qio_channel_private(ioc);

    if (l->log) {
        strcat(l->log, "L");
    }
    if (l->fail_close) {
        qio_error_set(errp, QIO_ERROR_BROKEN, 0, "goodbye not sent");
        return -1;
    }
    return 0;
}

static void layer_finalize(QIOChannel *ioc)
{
    (void)ioc;
}

static const QIOChannelOps clear_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "clear",
    .kind = QIO_CHANNEL_KIND_TRANSPARENT,
    .features = QIO_CHANNEL_FEATURE_SEEKABLE,
    .readv = layer_readv,
    .writev = layer_writev,
    .flush = layer_flush,
    .close = layer_close,
    .finalize = layer_finalize,
};

static const QIOChannelOps opaque_ops = {
    .size = sizeof(QIOChannelOps),
    .name = "opaque",
    .kind = QIO_CHANNEL_KIND_OPAQUE,
    /* Claims to be seekable: the missing slots must stop it all the same. */
    .features = QIO_CHANNEL_FEATURE_SEEKABLE,
    .readv = layer_readv,
    .writev = layer_writev,
    .flush = layer_flush,
    .close = layer_close,
    .finalize = layer_finalize,
};

static QIOChannel *stack(const QIOChannelOps *ops, struct leaf **leaf)
{
    QIOError *err = NULL;
    QIOChannel *base = qio_channel_alloc(&leaf_ops, sizeof(**leaf), &err);
    QIOChannel *top;

    qiotest_ok(&err);
    *leaf = qio_channel_private(base);
    ck_assert_int_eq(qiop_fd_pipe((*leaf)->pipe, true, &err), 0);
    top = qio_channel_alloc_layer(ops, sizeof(struct layer), base, &err);
    qiotest_ok(&err);
    ck_assert_ptr_eq(qio_channel_base(top), base);
    qio_channel_unref(base);
    return top;
}

/* ---- invitations to wait ---- */

static int patient_flags;

static ssize_t patient_readv(QIOChannel *ioc, const struct iovec *iov,
                             size_t niov, int **fds, size_t *nfds, int flags,
                             QIOError **errp)
{
    (void)fds;
    (void)nfds;
    patient_flags = flags;
    return qio_channel_wait_readv(qio_channel_base(ioc), iov, niov, errp);
}

static ssize_t patient_writev(QIOChannel *ioc, const struct iovec *iov,
                              size_t niov, const int *fds, size_t nfds,
                              int flags, QIOError **errp)
{
    (void)fds;
    (void)nfds;
    patient_flags = flags;
    return qio_channel_try_writev(qio_channel_base(ioc), iov, niov, errp);
}

static QIOChannel *patient_stack(unsigned leaf_flags, struct leaf **leaf)
{
    static QIOChannelOps base_ops, ops;
    QIOError *err = NULL;
    QIOChannel *base, *top;

    base_ops = leaf_ops;
    base_ops.flags = leaf_flags;
    ops = opaque_ops;
    ops.flags = QIO_CHANNEL_OPS_CAN_WAIT;
    ops.readv = patient_readv;
    ops.writev = patient_writev;
    base = qio_channel_alloc(&base_ops, sizeof(**leaf), &err);
    qiotest_ok(&err);
    *leaf = qio_channel_private(base);
    ck_assert_int_eq(qiop_fd_pipe((*leaf)->pipe, true, &err), 0);
    ck_assert_int_eq(write((*leaf)->pipe[1], "1234", 4), 4);
    top = qio_channel_alloc_layer(&ops, sizeof(struct layer), base, &err);
    qiotest_ok(&err);
    qio_channel_unref(base);
    return top;
}

START_TEST(test_invited_to_wait)
{
    struct leaf *leaf;
    QIOChannel *top = patient_stack(
        QIO_CHANNEL_OPS_CAN_WAIT | QIO_CHANNEL_OPS_CAN_BLOCK, &leaf);
    QIOError *err = NULL;
    char b;

    ck_assert_int_eq(qio_channel_read(top, &b, 1, &err), 1);
    ck_assert_int_eq(patient_flags, QIO_CHANNEL_TRY_MAY_WAIT);
    ck_assert_int_eq(leaf->flags, QIO_CHANNEL_TRY_MAY_WAIT);
    /* Only readers are. */
    ck_assert_int_eq(qio_channel_write(top, &b, 1, &err), 1);
    ck_assert_int_eq(patient_flags, 0);
    /* Whoever has a deadline waits where it is kept. */
    qio_channel_set_timeout(top, 60000);
    ck_assert_int_eq(qio_channel_read(top, &b, 1, &err), 1);
    ck_assert_int_eq(patient_flags, 0);
    qio_channel_set_timeout(top, -1);
    qio_channel_set_blocking(top, false);
    ck_assert_int_eq(qio_channel_read(top, &b, 1, &err), 1);
    ck_assert_int_eq(patient_flags, 0);
    qio_channel_unref(top);
}
END_TEST

START_TEST(test_invited_in_vain)
{
    struct leaf *leaf;
    QIOChannel *top = patient_stack(QIO_CHANNEL_OPS_CAN_BLOCK, &leaf);
    QIOError *err = NULL;
    char b;

    ck_assert_int_eq(qio_channel_read(top, &b, 1, &err), 1);
    ck_assert_int_eq(patient_flags, QIO_CHANNEL_TRY_MAY_WAIT);
    ck_assert_int_eq(leaf->flags, 0);
    qio_channel_unref(top);
}
END_TEST

/* Whatever a layer makes of the hint, writes no longer flush it. */
START_TEST(test_corked_until_asked)
{
    struct leaf *leaf;
    QIOChannel *top = stack(&opaque_ops, &leaf);
    struct layer *l = qio_channel_private(top);
    QIOError *err = NULL;
    char b = 'x';

    ck_assert_int_eq(qio_channel_write(top, &b, 1, &err), 1);
    ck_assert_int_eq(qio_channel_write_all(top, &b, 1, &err), 0);
    ck_assert_int_eq(l->flushes, 2);
    qio_channel_set_cork(top, true);
    ck_assert_int_eq(qio_channel_write(top, &b, 1, &err), 1);
    ck_assert_int_eq(qio_channel_write_all(top, &b, 1, &err), 0);
    ck_assert_int_eq(l->flushes, 2);
    ck_assert_int_eq(qio_channel_flush(top, &err), 0);
    ck_assert_int_eq(l->flushes, 3);
    qio_channel_set_cork(top, false);
    ck_assert_int_eq(l->flushes, 4);
    ck_assert_int_eq(qio_channel_write(top, &b, 1, &err), 1);
    ck_assert_int_eq(l->flushes, 5);
    qiotest_ok(&err);
    qio_channel_unref(top);
}
END_TEST

START_TEST(test_transparent_asks_below)
{
    struct leaf *leaf;
    QIOChannel *top = stack(&clear_ops, &leaf);
    QIOError *err = NULL;
    uid_t uid;
    char b[3];

    ck_assert_int_eq(qio_channel_io_seek(top, 7, SEEK_SET, &err), 7);
    ck_assert_int_eq(qio_channel_pread(top, b, 3, 0, &err), 3);
    ck_assert_int_eq(qio_channel_pwrite(top, b, 2, 0, &err), 2);
    qio_channel_set_cork(top, true);
    qio_channel_set_delay(top, true);
    ck_assert_int_eq(qio_channel_get_peer_cred(top, NULL, &uid, NULL, &err), 0);
    ck_assert_uint_eq(uid, 2);
    ck_assert_int_eq(leaf->calls, 6);
    ck_assert_int_eq(qio_channel_shutdown(top, QIO_CHANNEL_SHUTDOWN_READ, &err),
                     0);
    ck_assert_uint_eq(leaf->shut, QIO_CHANNEL_SHUTDOWN_READ);
    qio_channel_unref(top);
}
END_TEST

START_TEST(test_opaque_stops_everything)
{
    struct leaf *leaf;
    QIOChannel *top = stack(&opaque_ops, &leaf);
    QIOError *err = NULL;
    char b[3];

    ck_assert_int_eq(qio_channel_io_seek(top, 7, SEEK_SET, &err), -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    ck_assert_int_eq(qio_channel_pread(top, b, 3, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    ck_assert_int_eq(qio_channel_pwrite(top, b, 3, 0, &err), -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    ck_assert_int_eq(qio_channel_get_peer_cred(top, NULL, NULL, NULL, &err),
                     -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    qio_channel_set_cork(top, true);
    qio_channel_set_delay(top, true);
    ck_assert_int_eq(
        qio_channel_shutdown(top, QIO_CHANNEL_SHUTDOWN_WRITE, &err), -1);
    qiotest_error(&err, QIO_ERROR_UNSUPPORTED);
    ck_assert_int_eq(leaf->calls, 0);
    ck_assert_uint_eq(leaf->shut, 0);
    /* Not supported by the transport, but in force here. */
    ck_assert_int_eq(qio_channel_write(top, b, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    qio_channel_unref(top);
}
END_TEST

START_TEST(test_close_walks_the_chain)
{
    struct leaf *leaf;
    QIOChannel *top = stack(&clear_ops, &leaf);
    QIOChannel *base = qio_channel_ref(qio_channel_base(top));
    struct layer *layer = qio_channel_private(top);
    QIOError *err = NULL;
    char log[8] = "";

    leaf->log = log;
    layer->log = log;
    layer->fail_close = true;
    ck_assert_int_eq(qio_channel_close(top, &err), -1);
    qiotest_error(&err, QIO_ERROR_BROKEN);
    ck_assert_str_eq(log, "Ll");
    ck_assert(!qio_channel_is_open(base));
    qio_channel_unref(top);
    qio_channel_unref(base);
    ck_assert_str_eq(log, "Ll");
}
END_TEST

START_TEST(test_unref_leaves_a_shared_base_open)
{
    struct leaf *leaf;
    QIOChannel *top = stack(&clear_ops, &leaf);
    QIOChannel *base = qio_channel_ref(qio_channel_base(top));
    QIOError *err = NULL;
    char b = 'x';

    qio_channel_unref(top);
    ck_assert(qio_channel_is_open(base));
    ck_assert_int_eq(qio_channel_write(base, &b, 1, &err), 1);
    qio_channel_unref(base);
}
END_TEST

START_TEST(test_poll_through_layers)
{
    struct leaf *leaf;
    QIOChannel *top = stack(&clear_ops, &leaf);
    QIOChannel *base = qio_channel_base(top);
    QIOError *err = NULL;
    QIOPollSet set;
    char b = 'x';

    /* Held bytes count; other events of the base do not leak upwards. */
    leaf->ready = QIO_EVENT_IN | QIO_EVENT_OUT;
    qiop_poll_set_init(&set, 0);
    qio_poll_set_below(&set, base, QIO_EVENT_OUT, QIO_EVENT_IN);
    ck_assert_uint_eq(set.ready, QIO_EVENT_IN);
    leaf->ready = 0;
    qiop_poll_set_init(&set, 0);
    qio_poll_set_below(&set, base, QIO_EVENT_IN, QIO_EVENT_OUT);
    ck_assert_uint_eq(set.ready, 0);
    /* The first is the base's wake-up. */
    ck_assert_uint_eq(set.n, 3);
    ck_assert_uint_eq(set.v[0].events, 0);
    ck_assert_uint_eq(set.v[1].events, QIO_EVENT_OUT);
    ck_assert_uint_eq(set.v[2].events, 0);
    /* "Try again" that is already true is due at once. */
    leaf->ready = QIO_EVENT_OUT;
    qiop_poll_set_init(&set, 0);
    qio_poll_set_below(&set, base, QIO_EVENT_OUT, 0);
    ck_assert_uint_eq(set.ready, 0);
    ck_assert_int_eq(set.deadline_us, 0);
    leaf->ready = 0;
    /* An overfull set turns into trying again soon. */
    for (int i = 0; i < 2 * QIOP_POLL_MAX; i++) {
        qio_poll_set_add_fd(&set, leaf->pipe[0], POLLIN, 0);
    }
    ck_assert_uint_eq(set.n, QIOP_POLL_MAX);

    ck_assert_int_eq(qio_channel_wait(top, QIO_EVENT_IN, 5, &err), 0);
    ck_assert_int_eq(
        qio_channel_wait(top, QIO_EVENT_IN | QIO_EVENT_OUT, 5, &err),
        QIO_EVENT_OUT);
    ck_assert_int_eq(qio_channel_write(base, &b, 1, &err), 1);
    ck_assert_int_eq(qio_channel_wait(top, QIO_EVENT_IN, -1, &err),
                     QIO_EVENT_IN);
    ck_assert_int_eq(qio_channel_read(top, &b, 1, &err), 1);
    qio_channel_unref(top);
}
END_TEST

START_TEST(test_base_shutdown_seen_above)
{
    struct leaf *leaf;
    QIOChannel *top = stack(&clear_ops, &leaf);
    QIOError *err = NULL;
    char b;

    ck_assert_int_eq(qio_channel_shutdown(qio_channel_base(top),
                                          QIO_CHANNEL_SHUTDOWN_READ, &err),
                     0);
    ck_assert_int_eq(qio_channel_read(top, &b, 1, &err), -1);
    qiotest_error(&err, QIO_ERROR_SHUTDOWN);
    qio_channel_unref(top);
}
END_TEST

START_TEST(test_private_if)
{
    struct leaf *leaf;
    QIOChannel *top = stack(&clear_ops, &leaf);

    ck_assert_ptr_null(qio_channel_private_if(top, &leaf_ops));
    ck_assert_ptr_null(qio_channel_private_if(NULL, &leaf_ops));
    ck_assert_ptr_eq(qio_channel_private_if(top, &clear_ops),
                     qio_channel_private(top));
    qio_channel_unref(top);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("core/layer");
    TCase *tc = qiotest_case(s, "layer");

    tcase_add_test(tc, test_invited_to_wait);
    tcase_add_test(tc, test_invited_in_vain);
    tcase_add_test(tc, test_corked_until_asked);
    tcase_add_test(tc, test_transparent_asks_below);
    tcase_add_test(tc, test_opaque_stops_everything);
    tcase_add_test(tc, test_close_walks_the_chain);
    tcase_add_test(tc, test_unref_leaves_a_shared_base_open);
    tcase_add_test(tc, test_poll_through_layers);
    tcase_add_test(tc, test_base_shutdown_seen_above);
    tcase_add_test(tc, test_private_if);
    return qiotest_main(s);
}
