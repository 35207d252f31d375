/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The websocket layer in a loop, with a peer that stops where it hurts: behind
 * a frame that no read holds, in the middle of one, in the handshake. */
#include <config.h>
#include <stdlib.h>
#include <string.h>
#include <qio/channel-unix.h>
#include <qio/task.h>
#include "base/clock.h"
#include "channel/websocket-priv.h"
#include "qiotest.h"
#include "wsraw.h"

#define WAIT_MS 10000
#define BIG 60000

static QIOLoop *loop;
static struct wsraw r;
static uint8_t big[BIG];

static void start(void)
{
    QIOError *err = NULL;

    loop = qio_loop_new(&err);
    qiotest_ok(&err);
    for (size_t i = 0; i < BIG; i++) {
        big[i] = (uint8_t)(i * 7 + i / 251);
    }
}

static void stop(void)
{
    qio_loop_free(loop);
}

/* _i: 0 a server is tested, 1 a client. */
static void make(int i)
{
    if (i == 0) {
        wsraw_server(&r, NULL, NULL, 0);
    } else {
        wsraw_client(&r, NULL, NULL, 0);
    }
    qio_channel_set_blocking(r.ws, false);
}

static void step(int timeout_ms)
{
    ck_assert_int_ge(qio_loop_step(loop, timeout_ms, &r.err), 0);
    qiotest_ok(&r.err);
}

static void watch(unsigned events, QIOWatchFunc *fn, void *opaque)
{
    ck_assert_ptr_nonnull(
        qio_channel_add_watch(r.ws, loop, events, fn, opaque, NULL, &r.err));
}

/* ---- small reads, one big frame ---- */

struct reader {
    size_t got;
    size_t empty; /* calls that found nothing */
};

static bool read_little(QIOChannel *ioc, unsigned events, void *opaque)
{
    struct reader *reader = opaque;
    uint8_t buf[1000];
    size_t left = reader->got < BIG ? BIG - reader->got : 1;
    ssize_t n = qio_channel_read(ioc, buf, left < 1000 ? left : 1000, &r.err);

    ck_assert_int_eq(events & ~(unsigned)QIO_EVENT_IN, 0);
    qiotest_ok(&r.err);
    if (n == QIO_CHANNEL_ERR_BLOCK) {
        reader->empty++;
        return true;
    }
    ck_assert_int_gt(n, 0);
    ck_assert(memcmp(buf, big + reader->got, (size_t)n) == 0);
    reader->got += (size_t)n;
    return true;
}

/* What the layer holds raises events although the base is silent; and none once
 * there is nothing any more. */
START_TEST(small_reads)
{
    struct reader reader = {0, 0};
    int64_t deadline = qiop_deadline(WAIT_MS);
    size_t empty;

    make(_i);
    watch(QIO_EVENT_IN, read_little, &reader);
    wsraw_send(&r, 0x82, big, BIG);
    while (reader.got < BIG && !qiop_deadline_passed(deadline)) {
        step(qiop_deadline_left_ms(deadline));
    }
    ck_assert_uint_eq(reader.got, BIG);
    step(0);
    empty = reader.empty;
    for (int i = 0; i < 3; i++) {
        step(5);
    }
    ck_assert_uint_eq(reader.empty, empty);
    wsraw_free(&r);
}
END_TEST

static bool look_only(QIOChannel *ioc, unsigned events, void *opaque)
{
    (void)ioc;
    *(size_t *)opaque += (events & QIO_EVENT_IN) != 0;
    return true;
}

/* While nobody reads, a watch does not read ahead without end: the peer is
 * stopped, and not a byte is lost. */
START_TEST(nobody_reads)
{
    struct reader reader = {0, 0};
    struct websocket *w;
    uint8_t *frame = malloc(BIG + 20);
    size_t len, sent = 0, looks = 0;
    ssize_t n = 0;

    make(_i);
    w = qio_channel_private(r.ws);
    watch(QIO_EVENT_IN, look_only, &looks);
    qio_channel_set_blocking(r.raw, false);
    len = wsraw_frame(&r, frame, 0x82, big, BIG);
    for (int i = 0; n != QIO_CHANNEL_ERR_BLOCK; i++) {
        size_t at = sent % len;

        ck_assert_uint_lt(sent, 64 << 20);
        n = qio_channel_write(r.raw, frame + at, len - at, &r.err);
        qiotest_ok(&r.err);
        sent += n > 0 ? (size_t)n : 0;
        step(0);
        ck_assert_uint_le(w->in.cap, QIOP_WS_AHEAD);
    }
    for (int i = 0; i < 20; i++) {
        step(0);
    }
    ck_assert_uint_gt(looks, 0);
    ck_assert_uint_le(w->in.cap, QIOP_WS_AHEAD);
    ck_assert_int_eq(qio_channel_write(r.raw, "", 1, &r.err),
                     QIO_CHANNEL_ERR_BLOCK);
    while (reader.got < BIG) {
        read_little(r.ws, QIO_EVENT_IN, &reader);
    }
    free(frame);
    wsraw_free(&r);
}
END_TEST

/* ---- ends ---- */

struct end {
    QIOErrorCode code;
    bool seen;
};

static bool read_end(QIOChannel *ioc, unsigned events, void *opaque)
{
    struct end *end = opaque;
    QIOError *err = NULL;
    char c;
    ssize_t n = qio_channel_read(ioc, &c, 1, &err);

    ck_assert_uint_ne(events & QIO_EVENT_IN, 0);
    if (n == QIO_CHANNEL_ERR_BLOCK) {
        return true;
    }
    ck_assert_int_eq(n, -1);
    end->code = qio_error_code(err);
    end->seen = true;
    qio_error_free(err);
    return false;
}

/* A watch is told of an end wherever it comes, and need not turn in circles
 * until then. What is wrong with a mask is answered, a close frame's too. */
START_TEST(ends)
{
    static const struct {
        const char *data;
        size_t len;
        QIOErrorCode code;
    } parts[] = {
        {"", 0, QIO_ERROR_WEBSOCKET_TRUNCATED},
        {"\x82", 1, QIO_ERROR_WEBSOCKET_TRUNCATED},
        {"\x82\xfe\x01", 3, QIO_ERROR_WEBSOCKET_TRUNCATED},
        {"\x88\x82", 2, QIO_ERROR_WEBSOCKET_TRUNCATED},
        {"\x88\x02\x03\xe8", 4, QIO_ERROR_WEBSOCKET},
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        int64_t deadline = qiop_deadline(WAIT_MS);
        struct end end = {QIO_ERROR_SYSTEM, false};

        make(0);
        watch(QIO_EVENT_IN, read_end, &end);
        wsraw_put(&r, parts[i].data, parts[i].len);
        for (int k = 0; k < 3; k++) {
            step(0);
        }
        if (parts[i].code == QIO_ERROR_WEBSOCKET_TRUNCATED) {
            ck_assert(!end.seen);
            qio_channel_close(r.raw, &r.err);
        }
        while (!end.seen && !qiop_deadline_passed(deadline)) {
            step(qiop_deadline_left_ms(deadline));
        }
        ck_assert(end.seen);
        ck_assert_int_eq(end.code, parts[i].code);
        if (parts[i].code == QIO_ERROR_WEBSOCKET) {
            wsraw_expect_close(&r, 1002);
        }
        wsraw_free(&r);
    }
}
END_TEST

/* ---- the handshake ---- */

struct opening {
    int calls;
    QIOErrorCode code;
};

static void opened(QIOTask *task, void *opaque)
{
    struct opening *o = opaque;

    o->calls++;
    o->code = qio_error_code(qio_task_error(task));
}

static QIOTask *open_half(QIOChannel *pair[2], bool server, struct opening *o)
{
    QIOChannel *ws;
    QIOTask *task;

    ck_assert_int_eq(qio_channel_unix_pair(pair, &r.err), 0);
    ws = server ? qio_channel_websocket_new_server(pair[0], NULL, &r.err)
                : qio_channel_websocket_new_client(pair[0], NULL, &r.err);
    task = qio_channel_open_async(ws, loop, WAIT_MS, opened, o, NULL, &r.err);
    qiotest_ok(&r.err);
    qio_task_ref(task);
    /* Only the task has it now. */
    qio_channel_unref(ws);
    qio_channel_unref(pair[0]);
    ck_assert_int_eq(qio_channel_write_all(pair[1], "HTTP/1.1", 8, &r.err), 0);
    for (int i = 0; i < 3; i++) {
        step(0);
    }
    ck_assert_int_eq(o->calls, 0);
    return task;
}

/* Nothing turns in circles, nothing is used once it is gone: who leaves in the
 * middle ends it; who is left says what he likes. _i: bit 0 the client, bit 1
 * it is we who give up. */
START_TEST(left_in_the_handshake)
{
    QIOChannel *pair[2];
    struct opening o = {0, QIO_ERROR_SYSTEM};
    QIOTask *task = open_half(pair, !(_i & 1), &o);
    int64_t deadline = qiop_deadline(WAIT_MS);

    /* Half a head is no work. */
    ck_assert_int_eq(qio_loop_step(loop, 10, &r.err), 0);
    if (_i & 2) {
        qio_task_cancel(task);
    } else {
        ck_assert_int_eq(
            qio_channel_shutdown(pair[1], QIO_CHANNEL_SHUTDOWN_WRITE, &r.err),
            0);
    }
    while (!o.calls && !qiop_deadline_passed(deadline)) {
        step(qiop_deadline_left_ms(deadline));
    }
    qio_task_unref(task);
    ck_assert_int_eq(o.calls, 1);
    ck_assert_int_eq(o.code, _i & 2 ? QIO_ERROR_CANCELLED
                                    : QIO_ERROR_WEBSOCKET_TRUNCATED);
    if (_i & 2) {
        ck_assert_int_ne(qio_channel_write(pair[1], " 101\r\n", 6, NULL), 0);
    }
    step(0);
    ck_assert_int_eq(qio_loop_step(loop, 10, &r.err), 0);
    ck_assert_int_eq(o.calls, 1);
    qio_channel_unref(pair[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("websocket-loop");
    TCase *tc = qiotest_case(s, "loop");

    tcase_add_checked_fixture(tc, start, stop);
    tcase_add_loop_test(tc, small_reads, 0, 2);
    tcase_add_loop_test(tc, nobody_reads, 0, 2);
    tcase_add_test(tc, ends);
    tcase_add_loop_test(tc, left_in_the_handshake, 0, 4);
    return qiotest_main(s);
}
