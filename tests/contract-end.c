/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Contract: the ways in which a channel ends. */
#include <config.h>
#include "contract-priv.h"

#include <stdio.h>

static QIOChannel *lowest(QIOChannel *ioc)
{
    while (qio_channel_base(ioc)) {
        ioc = qio_channel_base(ioc);
    }
    return ioc;
}

/* What was written before the close arrives, then the end, and it lasts. */
static void end_after_close(struct run *r)
{
    char c;

    write_text(r, r->pair[0], "last words");
    close_end(r, 0);
    expect_text(r, r->pair[1], "last words");
    expect_end(r, r->pair[1]);
    ck_assert_int_eq(qio_channel_read_all_eof(r->pair[1], &c, 1, &r->err), 0);
    qiotest_ok(&r->err);
    ck_assert_int_eq(qio_channel_read_all(r->pair[1], &c, 1, &r->err), -1);
    qiotest_error(&r->err, QIO_ERROR_EOF);
}

static void end_in_the_middle(struct run *r)
{
    char buf[20];

    write_text(r, r->pair[0], "half");
    close_end(r, 0);
    ck_assert_int_eq(qio_channel_read_all_eof(r->pair[1], buf, 20, &r->err),
                     -1);
    qiotest_error(&r->err, QIO_ERROR_EOF);
}

/* What is held goes at once where the peer has room; else it waits for it. */
static void flush_all(struct run *r, QIOChannel *ioc, bool has_room)
{
    bool blocking = qio_channel_is_blocking(ioc);
    int rc;

    if (!has_room || (r->c->traits & CONTRACT_WRITES_BEHIND)) {
        qio_channel_set_blocking(ioc, true);
    }
    rc = qio_channel_flush(ioc, &r->err);
    qio_channel_set_blocking(ioc, blocking);
    qiotest_ok(&r->err);
    ck_assert_int_eq(rc, 0);
}

static void half_close(struct run *r)
{
    struct mover w = {.ioc = r->pair[1], .write = true, .bytes = 300000};
    struct mover in = {.ioc = r->pair[0], .bytes = 300000};
    int rc;

    if (w.bytes > r->volume) {
        w.bytes = in.bytes = r->volume;
    }
    write_text(r, r->pair[0], "request");
    rc = qio_channel_shutdown(r->pair[0], QIO_CHANNEL_SHUTDOWN_WRITE, &r->err);
    qiotest_ok(&r->err);
    ck_assert_int_eq(rc, 0);
    flush_all(r, r->pair[0], true);
    expect_text(r, r->pair[1], "request");
    expect_end(r, r->pair[1]);
    mover_start(&w);
    mover_run(&in);
    qiotest_ok(&in.err);
    ck_assert_uint_eq(in.done, in.bytes);
    mover_finish(&w);
    close_end(r, 1);
    expect_end(r, r->pair[0]);
}

/* Every byte written before the shutdown is read before the end. */
static void half_close_after_much(struct run *r)
{
    struct mover w = {.ioc = r->pair[0], .write = true, .bytes = r->volume};
    struct mover in = {.ioc = r->pair[1], .bytes = UINT64_MAX};
    int rc;

    mover_start(&in);
    mover_run(&w);
    qiotest_ok(&w.err);
    rc = qio_channel_shutdown(r->pair[0], QIO_CHANNEL_SHUTDOWN_WRITE, &r->err);
    qiotest_ok(&r->err);
    ck_assert_int_eq(rc, 0);
    flush_all(r, r->pair[0], false);
    mover_join(&in);
    qiotest_ok(&in.err);
    ck_assert_int_eq(in.last, 0);
    ck_assert_uint_eq(in.done, w.bytes);
}

static QIOErrorCode truncation_code(struct run *r)
{
    return r->c->traits & CONTRACT_WEBSOCKET_ENDS
               ? QIO_ERROR_WEBSOCKET_TRUNCATED
               : QIO_ERROR_TLS_TRUNCATED;
}

/* The transport ends without the layers' goodbye. */
static void truncation(struct run *r)
{
    char c;

    write_text(r, r->pair[0], "whole");
    expect_text(r, r->pair[1], "whole");
    qio_channel_shutdown(lowest(r->pair[0]), QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    ck_assert_int_eq(read_some(r, r->pair[1], &c, 1), -1);
    qiotest_error(&r->err, truncation_code(r));
    ck_assert_int_eq(read_some(r, r->pair[1], &c, 1), -1);
    qiotest_error(&r->err, truncation_code(r));
}

static void truncation_taken_as_end(struct run *r)
{
    char c;
    struct iovec iov = {&c, 1};
    ssize_t n;

    qio_channel_shutdown(lowest(r->pair[0]), QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    do {
        n = qio_channel_readv_full(r->pair[1], &iov, 1, NULL, NULL,
                                   QIO_CHANNEL_READ_FLAG_RELAXED_EOF, &r->err);
    } while (n == QIO_CHANNEL_ERR_BLOCK &&
             await(r->pair[1], QIO_EVENT_IN, 5000, &r->err) > 0);
    qiotest_ok(&r->err);
    ck_assert_int_eq(n, 0);
}

static void close_now(struct run *r, int end)
{
    int rc = qio_channel_close(r->pair[end], &r->err);

    if (rc && (r->c->traits & CONTRACT_WRITES_BEHIND)) {
        qiotest_error(&r->err, QIO_ERROR_BROKEN);
        return;
    }
    qiotest_ok(&r->err);
    ck_assert_int_eq(rc, 0);
}

static void double_close(struct run *r)
{
    close_now(r, 0);
    close_now(r, 0);
    close_now(r, 1);
    close_now(r, 1);
    ck_assert(!qio_channel_is_open(r->pair[0]));
}

static void use_after_close(struct run *r)
{
    QIOChannel *ioc = r->pair[0];
    char c = 0;

    close_end(r, 0);
    ck_assert_int_eq(qio_channel_read(ioc, &c, 1, &r->err), -1);
    qiotest_error(&r->err, QIO_ERROR_CLOSED);
    ck_assert_int_eq(qio_channel_write(ioc, &c, 1, &r->err), -1);
    qiotest_error(&r->err, QIO_ERROR_CLOSED);
    ck_assert_int_eq(qio_channel_read_all(ioc, &c, 1, &r->err), -1);
    qiotest_error(&r->err, QIO_ERROR_CLOSED);
    ck_assert_int_eq(qio_channel_write_all(ioc, &c, 1, &r->err), -1);
    qiotest_error(&r->err, QIO_ERROR_CLOSED);
    ck_assert_int_eq(qio_channel_io_seek(ioc, 0, SEEK_SET, NULL), -1);
    ck_assert_int_eq(qio_channel_wait(ioc, QIO_EVENT_IN, 0, NULL), -1);
    ck_assert_int_eq(qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_BOTH, NULL),
                     0);
    ck_assert_int_eq(qio_channel_open_sync(ioc, 0, &r->err), -1);
    qio_error_free(r->err);
    r->err = NULL;
}

/* The local effect of a shutdown is there even where the transport cannot. */
static void use_after_shutdown(struct run *r)
{
    char c = 0;

    qio_channel_shutdown(r->pair[1], QIO_CHANNEL_SHUTDOWN_READ, NULL);
    ck_assert_int_eq(qio_channel_read(r->pair[1], &c, 1, &r->err), -1);
    qiotest_error(&r->err, QIO_ERROR_SHUTDOWN);
    qio_channel_shutdown(r->pair[0], QIO_CHANNEL_SHUTDOWN_WRITE, NULL);
    ck_assert_int_eq(qio_channel_write(r->pair[0], &c, 1, &r->err), -1);
    qiotest_error(&r->err, QIO_ERROR_SHUTDOWN);
    ck_assert_int_eq(qio_channel_write_all(r->pair[0], &c, 1, &r->err), -1);
    qiotest_error(&r->err, QIO_ERROR_SHUTDOWN);
    /* Twice is harmless. */
    ck_assert_int_eq(
        qio_channel_shutdown(r->pair[0], QIO_CHANNEL_SHUTDOWN_WRITE, &r->err),
        0);
    qio_channel_shutdown(r->pair[1], QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    ck_assert_int_eq(
        qio_channel_shutdown(r->pair[1], QIO_CHANNEL_SHUTDOWN_BOTH, &r->err),
        0);
    qiotest_ok(&r->err);
    close_now(r, 0);
    close_now(r, 1);
}

/* ---- shutdown from another thread ---- */

/* With a deadline the core waits by poll(2), without one a leaf may wait in
 * its system call: both have to end. */
#define WITH_DEADLINE 20000

static void end_reader(struct run *r, QIOChannelShutdown how)
{
    struct mover in = {.ioc = r->pair[1], .bytes = UINT64_MAX};

    mover_start(&in);
    sleep_ms(30);
    qio_channel_shutdown(r->pair[1], how, NULL);
    mover_join(&in);
    ck_assert_int_eq(in.last, -1);
    qiotest_error(&in.err, QIO_ERROR_SHUTDOWN);
}

static void shutdown_ends_reader(struct run *r)
{
    end_reader(r, QIO_CHANNEL_SHUTDOWN_READ);
}

static void shutdown_ends_polling_reader(struct run *r)
{
    qio_channel_set_timeout(r->pair[1], WITH_DEADLINE);
    end_reader(r, QIO_CHANNEL_SHUTDOWN_READ);
}

static void shutdown_both_ends_reader(struct run *r)
{
    end_reader(r, QIO_CHANNEL_SHUTDOWN_BOTH);
}

static void end_writer(struct run *r, QIOChannelShutdown how)
{
    struct mover w = {.ioc = r->pair[0], .write = true, .bytes = UINT64_MAX};

    mover_start(&w);
    sleep_ms(60);
    qio_channel_shutdown(r->pair[0], how, NULL);
    mover_join(&w);
    ck_assert_int_eq(w.last, -1);
    qiotest_error(&w.err, QIO_ERROR_SHUTDOWN);
}

static void shutdown_ends_writer(struct run *r)
{
    end_writer(r, QIO_CHANNEL_SHUTDOWN_WRITE);
}

static void shutdown_ends_polling_writer(struct run *r)
{
    qio_channel_set_timeout(r->pair[0], WITH_DEADLINE);
    end_writer(r, QIO_CHANNEL_SHUTDOWN_WRITE);
}

static void shutdown_both_ends_writer(struct run *r)
{
    end_writer(r, QIO_CHANNEL_SHUTDOWN_BOTH);
}

struct waiter {
    QIOChannel *ioc;
    int ev;
    QIOError *err;
    pthread_t thread;
};

static void *wait_in(void *opaque)
{
    struct waiter *w = opaque;
    int i;

    /* A layer may wake up for something else a few times. */
    for (i = 0; i < 20; i++) {
        char c;
        ssize_t n;

        w->ev = await(w->ioc, QIO_EVENT_IN, -1, &w->err);
        if (w->ev < 0) {
            break;
        }
        n = qio_channel_read(w->ioc, &c, 1, &w->err);
        if (n != QIO_CHANNEL_ERR_BLOCK) {
            break;
        }
    }
    return NULL;
}

static void shutdown_ends_wait(struct run *r)
{
    struct waiter w = {.ioc = r->pair[1]};

    qio_channel_set_blocking(r->pair[1], false);
    ck_assert_int_eq(pthread_create(&w.thread, NULL, wait_in, &w), 0);
    sleep_ms(30);
    qio_channel_shutdown(r->pair[1], QIO_CHANNEL_SHUTDOWN_READ, NULL);
    pthread_join(w.thread, NULL);
    qiotest_error(&w.err, QIO_ERROR_SHUTDOWN);
}

/* A reader and a writer at each end in full swing; a third thread ends one
 * end, then that end is closed, and the other one notices. */
static void shutdown_in_full_swing(struct run *r)
{
    struct mover m[4] = {
        {.ioc = r->pair[0], .write = true, .seed = 1},
        {.ioc = r->pair[0], .seed = 2},
        {.ioc = r->pair[1], .write = true, .seed = 2, .chunk = 3000},
        {.ioc = r->pair[1], .seed = 1},
    };
    int i;

    for (i = 0; i < 4; i++) {
        m[i].bytes = UINT64_MAX;
        mover_start(&m[i]);
    }
    sleep_ms(50);
    qio_channel_shutdown(r->pair[0], QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    for (i = 0; i < 2; i++) {
        mover_join(&m[i]);
        ck_assert_int_eq(m[i].last, -1);
        qiotest_error(&m[i].err, QIO_ERROR_SHUTDOWN);
    }
    /* What was held may be lost now; that is for the peer to see. */
    qio_channel_close(r->pair[0], NULL);
    mover_join(&m[2]);
    ck_assert_int_eq(m[2].last, -1);
    mover_join(&m[3]);
    ck_assert_int_le(m[3].last, 0);
    for (i = 2; i < 4; i++) {
        ck_assert_int_ne(qio_error_code(m[i].err), QIO_ERROR_STREAM);
        qio_error_free(m[i].err);
    }
}

/* ---- letting go ---- */

static void unref_without_close(struct run *r)
{
    write_text(r, r->pair[0], "unread");
    drop(r, 0);
    drop(r, 1);
}

static void unref_while_full(struct run *r)
{
    fill(r, r->pair[0]);
    drop(r, 0);
    drop(r, 1);
}

/* Closing does not wait for a peer that does not read; the peer gets a part
 * and an end of some kind. */
static void close_while_full(struct run *r)
{
    struct mover in = {.ioc = r->pair[1], .bytes = UINT64_MAX};
    uint64_t total = fill(r, r->pair[0]);

    qio_channel_close(r->pair[0], NULL);
    mover_run(&in);
    ck_assert_int_le(in.last, 0);
    ck_assert_uint_le(in.done, total);
    ck_assert_int_ne(qio_error_code(in.err), QIO_ERROR_STREAM);
    qio_error_free(in.err);
}

static void references(struct run *r)
{
    QIOChannel *ioc = qio_channel_ref(r->pair[0]);

    ck_assert_ptr_eq(ioc, r->pair[0]);
    drop(r, 0);
    ck_assert(qio_channel_is_open(ioc));
    write_text(r, ioc, "alive");
    expect_text(r, r->pair[1], "alive");
    r->pair[0] = ioc;
    close_end(r, 0);
    expect_end(r, r->pair[1]);
}

const struct contract_test contract_end_tests[] = {
    {"end_after_close", 0, 0, end_after_close},
    {"end_in_the_middle", 0, 0, end_in_the_middle},
    {"half_close", CONTRACT_HALF_CLOSE, CONTRACT_ONE_WAY, half_close},
    {"half_close_after_much", CONTRACT_HALF_CLOSE, 0, half_close_after_much},
    {"truncation", CONTRACT_ABRUPT_IS_TRUNCATION, 0, truncation},
    {"truncation_taken_as_end", CONTRACT_ABRUPT_IS_TRUNCATION,
     CONTRACT_CUT_SEEN_BELOW, truncation_taken_as_end},
    {"double_close", 0, 0, double_close},
    {"use_after_close", 0, 0, use_after_close},
    {"use_after_shutdown", 0, 0, use_after_shutdown},
    {"shutdown_ends_reader", 0, 0, shutdown_ends_reader},
    {"shutdown_ends_polling_reader", 0, CONTRACT_BRIEF,
     shutdown_ends_polling_reader},
    {"shutdown_both_ends_reader", 0, CONTRACT_BRIEF, shutdown_both_ends_reader},
    {"shutdown_ends_writer", 0, 0, shutdown_ends_writer},
    {"shutdown_ends_polling_writer", 0, CONTRACT_BRIEF,
     shutdown_ends_polling_writer},
    {"shutdown_both_ends_writer", 0, CONTRACT_BRIEF, shutdown_both_ends_writer},
    {"shutdown_ends_wait", 0, 0, shutdown_ends_wait},
    {"shutdown_in_full_swing", 0, CONTRACT_ONE_WAY | CONTRACT_GONE_IS_NOT_SEEN,
     shutdown_in_full_swing},
    {"unref_without_close", 0, 0, unref_without_close},
    {"unref_while_full", 0, CONTRACT_BRIEF, unref_while_full},
    {"close_while_full", 0, 0, close_while_full},
    {"references", 0, 0, references},
    {NULL, 0, 0, NULL},
};
