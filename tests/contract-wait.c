/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Contract: BLOCK, timeouts and events; none is ever lost. */
#include <config.h>
#include "contract-priv.h"

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "core/pollset.h"

/* Read and check `total` pattern bytes while the writer's layers are pushed
 * to give out what they hold. */
static void drain(struct run *r, uint64_t total)
{
    uint8_t buf[20000];
    uint64_t got = 0;

    qio_channel_set_blocking(r->pair[1], false);
    while (got < total) {
        ssize_t n = qio_channel_read(r->pair[1], buf, sizeof(buf), &r->err);
        int rc;

        qiotest_ok(&r->err);
        ck_assert_int_ne(n, 0);
        if (n > 0) {
            pattern_check(buf, (size_t)n, got, 0);
            got += (size_t)n;
            continue;
        }
        rc = qio_channel_flush(r->pair[0], &r->err);
        qiotest_ok(&r->err);
        ck_assert(rc == 0 || rc == QIO_CHANNEL_ERR_BLOCK);
        rc = await(r->pair[1], QIO_EVENT_IN, rc ? 5 : 5000, &r->err);
        qiotest_ok(&r->err);
    }
    ck_assert_uint_eq(got, total);
}

static void nonblocking(struct run *r)
{
    uint64_t total;
    char c;
    int ev;

    qio_channel_set_blocking(r->pair[1], false);
    ck_assert_int_eq(qio_channel_read(r->pair[1], &c, 1, &r->err),
                     QIO_CHANNEL_ERR_BLOCK);
    qiotest_ok(&r->err);
    ck_assert_int_eq(qio_channel_is_blocking(r->pair[0]),
                     !(r->c->traits & CONTRACT_NONBLOCKING));
    total = fill(r, r->pair[0]);
    ck_assert_uint_gt(total, 0);
    /* A command in between may take more when it gets round to it. */
    for (int i = 0; await(r->pair[0], QIO_EVENT_OUT, 20, &r->err); i++) {
        qiotest_ok(&r->err);
        ck_assert_int_lt(i, 50);
        total = fill_on(r, r->pair[0], total);
    }
    qiotest_ok(&r->err);
    drain(r, total);
    ck_assert_int_eq(qio_channel_flush(r->pair[0], &r->err), 0);
    ev = await(r->pair[0], QIO_EVENT_OUT, 5000, &r->err);
    qiotest_ok(&r->err);
    ck_assert_int_eq(ev, QIO_EVENT_OUT);
    expect_silence(r, r->pair[1]);
}

/* The mode of one end or layer is nobody else's. */
static void modes_are_separate(struct run *r)
{
    QIOChannel *below = qio_channel_base(r->pair[1]);

    qio_channel_set_blocking(r->pair[1], false);
    ck_assert(!qio_channel_is_blocking(r->pair[1]));
    ck_assert(qio_channel_is_blocking(r->pair[0]));
    if (below) {
        ck_assert(qio_channel_is_blocking(below));
    }
    qio_channel_set_blocking(r->pair[1], true);
    write_text(r, r->pair[0], "still blocking");
    expect_text(r, r->pair[1], "still blocking");
}

static void timeout_reading(struct run *r)
{
    int64_t start = qiop_now_us();
    char c;

    qio_channel_set_timeout(r->pair[1], 60);
    ck_assert_int_eq(qio_channel_read(r->pair[1], &c, 1, &r->err), -1);
    qiotest_error(&r->err, QIO_ERROR_TIMEOUT);
    ck_assert_int_ge(qiop_now_us() - start, 50000);
    ck_assert_int_eq(qio_channel_read_all(r->pair[1], &c, 1, &r->err), -1);
    qiotest_error(&r->err, QIO_ERROR_TIMEOUT);
    /* Nothing is broken by it. */
    qio_channel_set_timeout(r->pair[1], 5000);
    write_text(r, r->pair[0], "late");
    expect_text(r, r->pair[1], "late");
}

static void timeout_writing(struct run *r)
{
    struct mover w = {.ioc = r->pair[0], .write = true, .bytes = UINT64_MAX};
    int64_t start;

    fill(r, r->pair[0]);
    qio_channel_set_blocking(r->pair[0], true);
    qio_channel_set_timeout(r->pair[0], 60);
    start = qiop_now_us();
    mover_run(&w);
    ck_assert_int_eq(w.last, -1);
    qiotest_error(&w.err, QIO_ERROR_TIMEOUT);
    ck_assert_int_ge(qiop_now_us() - start, 50000);
}

static void events(struct run *r)
{
    int ev;

    expect_silence(r, r->pair[1]);
    ev = await(r->pair[0], QIO_EVENT_OUT, 5000, &r->err);
    qiotest_ok(&r->err);
    ck_assert_int_eq(ev, QIO_EVENT_OUT);
    write_text(r, r->pair[0], "x");
    ev = await(r->pair[1], QIO_EVENT_IN, 5000, &r->err);
    qiotest_ok(&r->err);
    ck_assert_int_eq(ev, QIO_EVENT_IN);
    expect_text(r, r->pair[1], "x");
    expect_silence(r, r->pair[1]);
    close_end(r, 0);
    ev = await(r->pair[1], QIO_EVENT_IN, 5000, &r->err);
    qiotest_ok(&r->err);
    ck_assert(ev & (QIO_EVENT_IN | QIO_EVENT_HUP));
    expect_end(r, r->pair[1]);
}

/* Both directions at once. */
static void events_both_ways(struct run *r)
{
    int ev = await(r->pair[1], QIO_EVENT_IN | QIO_EVENT_OUT, 5000, &r->err);

    qiotest_ok(&r->err);
    ck_assert(ev & QIO_EVENT_OUT);
    write_text(r, r->pair[0], "x");
    ev = await(r->pair[1], QIO_EVENT_IN, 5000, &r->err);
    qiotest_ok(&r->err);
    ck_assert(ev & QIO_EVENT_IN);
    expect_text(r, r->pair[1], "x");
}

/*
 * Two messages arrive together, then nothing more: having read the first, the
 * reader must be told of the second, wherever it is kept by now.
 */
static void coalesced(struct run *r, bool one_write)
{
    uint8_t out[200], in[200];
    int ev;

    pattern_fill(out, sizeof(out), 0, 5);
    if (one_write) {
        ck_assert_int_eq(qio_channel_write_all(r->pair[0], out, 200, &r->err),
                         0);
    } else {
        ck_assert_int_eq(qio_channel_write_all(r->pair[0], out, 100, &r->err),
                         0);
        ck_assert_int_eq(
            qio_channel_write_all(r->pair[0], out + 100, 100, &r->err), 0);
    }
    qiotest_ok(&r->err);
    sleep_ms(20);
    ck_assert_int_eq(qio_channel_read_all(r->pair[1], in, 100, &r->err), 0);
    ev = await(r->pair[1], QIO_EVENT_IN, 5000, &r->err);
    qiotest_ok(&r->err);
    ck_assert(ev & QIO_EVENT_IN);
    ck_assert_int_eq(qio_channel_read_all(r->pair[1], in + 100, 99, &r->err),
                     0);
    ev = await(r->pair[1], QIO_EVENT_IN, 5000, &r->err);
    qiotest_ok(&r->err);
    ck_assert(ev & QIO_EVENT_IN);
    qio_channel_set_blocking(r->pair[1], false);
    ck_assert_int_eq(read_some(r, r->pair[1], in + 199, 1), 1);
    qiotest_ok(&r->err);
    ck_assert_mem_eq(in, out, 200);
    expect_silence(r, r->pair[1]);
    qio_channel_set_blocking(r->pair[1], true);
}

static void two_messages_then_silence(struct run *r)
{
    coalesced(r, false);
    coalesced(r, true);
}

static void expect_an_answer(QIOChannel *ioc, unsigned event)
{
    QIOPollSet set;

    qiop_poll_set_init(&set, 0);
    qiop_poll_channel(ioc, event, &set);
    ck_assert(!set.failed);
    ck_assert(set.ready || set.n || set.deadline_us != QIOP_NEVER);
}

/* Whoever asks what to wait for while another thread moves the bytes is told
 * something: that it holds already, or a descriptor. With nothing it would wait
 * for ever. */
static void nothing_is_waited_for_in_vain(struct run *r)
{
    struct mover out = {.ioc = r->pair[0], .write = true, .chunk = 100};
    struct mover in = {.ioc = r->pair[1]};
    int64_t end = qiop_now_us() + 50000;

    out.bytes = in.bytes = r->volume / 4;
    mover_start(&in);
    mover_start(&out);
    while (qiop_now_us() < end) {
        expect_an_answer(r->pair[0], QIO_EVENT_FLUSH);
        expect_an_answer(r->pair[0], QIO_EVENT_OUT);
        expect_an_answer(r->pair[1], QIO_EVENT_IN);
    }
    mover_finish(&out);
    mover_finish(&in);
}

const struct contract_test contract_wait_tests[] = {
    {"nonblocking", 0, 0, nonblocking},
    {"modes_are_separate", 0, CONTRACT_NONBLOCKING, modes_are_separate},
    {"timeout_reading", 0, CONTRACT_NONBLOCKING, timeout_reading},
    {"timeout_writing", 0, CONTRACT_NONBLOCKING | CONTRACT_BRIEF,
     timeout_writing},
    {"events", 0, 0, events},
    {"events_both_ways", 0, CONTRACT_ONE_WAY, events_both_ways},
    {"two_messages_then_silence", 0, 0, two_messages_then_silence},
    {"nothing_is_waited_for_in_vain", 0, CONTRACT_NONBLOCKING | CONTRACT_BRIEF,
     nothing_is_waited_for_in_vain},
    {NULL, 0, 0, NULL},
};
