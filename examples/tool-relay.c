/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transfer itself, the same in both tools: bytes from the input to the
 * output. tool-judge.c judges whether that was all, tool-finish.c ends it.
 *
 * There is one buffer: what is in it is written before more is read, so that a
 * slow output slows the input down.
 */
#include "tool-relay.h"

#include <stdlib.h>
#include <string.h>

/* Large pieces: few system calls, and TLS opens many records at once. */
#define CHUNK (512 * 1024)
/* Where the kernel's pages begin, ours do: the copy from an input that lies a
 * few bytes before its destination takes twice the time on some processors. */
#define PAGE 4096
/* Bytes moved before others have their turn. */
#define TURN (4 * CHUNK)
/* A whole stream followed by so much silence is at its end, when the source
 * waits for an answer. */
#define QUIET_MS 250

enum { IN, OUT };

/* ---- the rate limit ---- */

static void pause_is_over(QIOTimer *timer, void *opaque)
{
    ToolRelay *r = opaque;

    (void)timer;
    r->paused = false;
    tool_relay_watch(r);
}

/* A bucket of a tenth of a second. */
static void limit_rate(ToolRelay *r, size_t len)
{
    int64_t now = tool_now_us();

    if (r->next_us < now - 100000) {
        r->next_us = now - 100000;
    }
    r->next_us += (int64_t)((double)len * 1e6 / (double)r->opt->rate_limit);
    if (r->next_us > now) {
        int64_t ms = (r->next_us - now + 999) / 1000;

        r->paused = !qio_timer_start(r->pause, ms > 3600000 ? 3600000 : (int)ms,
                                     0, NULL);
    }
}

static size_t chunk_size(const ToolOptions *opt)
{
    uint64_t tenth = opt->rate_limit / 10;

    if (!opt->rate_limit || tenth > CHUNK) {
        return CHUNK;
    }
    return tenth ? (size_t)tenth : 1;
}

/* ---- idleness and progress ---- */

static void tick(QIOTimer *timer, void *opaque)
{
    ToolRelay *r = opaque;
    int64_t now = tool_now_us();
    QIOError *err = NULL;

    (void)timer;
    if (r->moving && r->opt->progress) {
        tool_progress(r->opt, r->result, r->bytes, false);
    }
    if (!r->moving || r->bytes != r->ticked_bytes) {
        r->ticked_bytes = r->bytes;
        r->moved_us = now;
    }
    if (r->opt->timeout_ms < 0 || r->first ||
        now - r->moved_us <= (int64_t)r->opt->timeout_ms * 1000) {
        return;
    }
    qio_error_set(&err, QIO_ERROR_TIMEOUT, 0, "no byte moved for %g s",
                  r->opt->timeout_ms / 1000.0);
    tool_fail(r->result, TOOL_FAILED, err, "gave up");
    tool_relay_stop(r);
}

static int start_ticking(ToolRelay *r, QIOError **errp)
{
    bool often = r->opt->timeout_ms >= 0 && r->opt->timeout_ms < 4000;
    int ms = often ? 200 : 1000;

    r->moved_us = tool_now_us();
    return qio_timer_start(r->tick, ms, ms, errp);
}

/* ---- the copy ---- */

/* Whether all that was read is written. */
static bool push(ToolRelay *r)
{
    QIOError *err = NULL;

    while (r->len > 0) {
        ssize_t n = r->filed ? (ssize_t)r->len
                             : qio_channel_write(r->out->ioc, r->buf + r->pos,
                                                 r->len, &err);

        if (n == QIO_CHANNEL_ERR_BLOCK) {
            return false;
        }
        if (n < 0) {
            tool_relay_output_failed(r, err);
            return false;
        }
        r->pos += (size_t)n;
        r->len -= (size_t)n;
        r->bytes += (uint64_t)n;
        if (r->opt->rate_limit) {
            limit_rate(r, (size_t)n);
        }
    }
    return true;
}

/* len bytes came, behind one that is held. */
static int take(ToolRelay *r, size_t len)
{
    const uint8_t *data = r->buf + r->held;
    QIOError *err = NULL;

    if (r->answered) {
        return tool_fail(r->result, TOOL_FAILED, NULL,
                         "the %s goes on after its end", tool_side_name(r->in));
    }
    if (r->n_head < 4) {
        size_t n = len < 4 - r->n_head ? len : 4 - r->n_head;

        memcpy(r->head + r->n_head, data, n);
        r->n_head += n;
    }
    /* Before it is written: an answer to these bytes can only come after. */
    if (qio_migration_follow_feed(r->follow, data, len, &err)) {
        return tool_fail(r->result, TOOL_FAILED, err, "stream");
    }
    r->pos = 0;
    r->len = r->held + len;
    if (r->holds_back) {
        r->len--;
        r->held = 1;
    }
    return 0;
}

/* Whether it is for us to tell a source on the return path that its stream was
 * taken, there being nobody behind us who would. */
static bool must_answer(const ToolRelay *r)
{
    return !r->answered && r->in->talks && !r->out->talks &&
           qio_migration_follow_wants_return_path(r->follow) &&
           qio_migration_follow_state(r->follow) == QIO_MIGRATION_FOLLOW_WHOLE;
}

static void pump(ToolRelay *r);

static void source_ended(void *opaque, bool failed, QIOError *err)
{
    ToolRelay *r = opaque;

    if (failed) {
        tool_fail(r->result, tool_side_exit(r->in), err, "the %s failed",
                  tool_side_name(r->in));
        tool_relay_fail(r);
        return;
    }
    r->state = TOOL_RELAY_PUMP;
    r->source_ended = true;
    r->len = r->held;
    r->held = 0;
    pump(r);
    tool_relay_watch(r);
}

static void end_of_input(ToolRelay *r, QIOError *err)
{
    tool_relay_set_timer(r, -1);
    if (tool_relay_judge_end(r, err)) {
        tool_relay_fail(r);
        return;
    }
    r->state = TOOL_RELAY_SOURCE_ENDS;
    tool_side_wait_command(r->in, source_ended, r);
}

/* Whether there was something to read. */
static bool pull(ToolRelay *r)
{
    QIOError *err = NULL;
    ssize_t n;

    if (r->held) {
        r->buf[0] = r->buf[r->pos];
        r->pos = 0;
    }
    n = qio_channel_read(r->in->ioc, r->buf + r->held, r->chunk, &err);
    if (n == QIO_CHANNEL_ERR_BLOCK) {
        if (must_answer(r)) {
            tool_relay_set_timer(r, QUIET_MS);
        }
        return false;
    }
    if (n < 0 && r->filed && qio_migration_channels_file_failed(r->in->ioc)) {
        tool_relay_output_failed(r, err);
        return false;
    }
    if (n <= 0) {
        end_of_input(r, err);
        return false;
    }
    tool_relay_set_timer(r, -1);
    if (take(r, (size_t)n)) {
        tool_relay_fail(r);
        return false;
    }
    return true;
}

/* Whether all is through. */
static bool move(ToolRelay *r)
{
    size_t moved = 0;

    while (moved < TURN && push(r) && !r->paused) {
        if (r->source_ended) {
            return true;
        }
        if (!pull(r)) {
            return false;
        }
        moved += r->len;
    }
    return false;
}

/* As long as there is more to read at once, records gather into batches. */
static void cork(ToolRelay *r, bool enabled)
{
    if (r->out->tls && r->out->tls == r->out->ioc) {
        qio_channel_set_cork(r->out->ioc, enabled);
    }
}

static void pump(ToolRelay *r)
{
    bool all;

    cork(r, true);
    all = move(r);
    cork(r, false);
    if (all) {
        tool_relay_finish(r);
    }
}

/* Silence after a stream's end, or after our answer to it. */
static void pump_timed_out(ToolRelay *r)
{
    QIOError *err = NULL;

    if (!r->answered) {
        r->answering = true;
        tool_relay_finish(r);
        return;
    }
    qio_error_set(&err, QIO_ERROR_TIMEOUT, 0, "it neither goes on nor leaves");
    end_of_input(r, err);
}

/* ---- events ---- */

static void move_back(ToolRelay *r)
{
    bool had_ended = r->back.ended;

    tool_back_move(&r->back, qio_migration_follow_wants_return_path(r->follow));
    if (r->back.ended && !had_ended) {
        tool_relay_back_ended(r);
    }
}

static bool ready(QIOChannel *ioc, unsigned events, void *opaque)
{
    ToolRelay *r = opaque;
    int which = ioc == r->in->ioc ? IN : OUT;

    (void)events;
    if (!r->wanted[which]) {
        /* Only that it hangs up, for which nobody waits now. */
        r->watches[which] = NULL;
        return false;
    }
    if (r->state < TOOL_RELAY_BREAK) {
        move_back(r);
    }
    if (r->state == TOOL_RELAY_PUMP) {
        pump(r);
    }
    tool_relay_watch(r);
    return true;
}

static int want(ToolRelay *r, int which, unsigned events, QIOError **errp)
{
    QIOChannel *ioc = which == IN ? r->in->ioc : r->out->ioc;

    if (events && !r->watches[which]) {
        r->watches[which] =
            qio_channel_add_watch(ioc, r->loop, events, ready, r, NULL, errp);
        if (!r->watches[which]) {
            return -1;
        }
    } else if (events != r->wanted[which] && r->watches[which]) {
        qio_watch_set_events(r->watches[which], events);
    }
    r->wanted[which] = events;
    return 0;
}

static unsigned wanted_of_input(const ToolRelay *r)
{
    bool read = r->state == TOOL_RELAY_PUMP && !r->len && !r->paused;

    return (read ? QIO_EVENT_IN : 0) |
           (tool_back_wants_out(&r->back) ? QIO_EVENT_OUT : 0);
}

static unsigned wanted_of_output(const ToolRelay *r)
{
    bool write = r->state == TOOL_RELAY_PUMP && r->len > 0;

    return (write ? QIO_EVENT_OUT : 0) |
           (tool_back_wants_in(&r->back) ? QIO_EVENT_IN : 0);
}

void tool_relay_watch(ToolRelay *r)
{
    QIOError *err = NULL;

    if (r->state >= TOOL_RELAY_BREAK) {
        return;
    }
    if (want(r, IN, wanted_of_input(r), &err) ||
        want(r, OUT, wanted_of_output(r), &err)) {
        tool_fail(r->result, TOOL_FAILED, err, "cannot wait");
        tool_relay_fail(r);
    }
}

void tool_relay_unwatch(ToolRelay *r)
{
    for (int i = IN; i <= OUT; i++) {
        if (r->watches[i]) {
            qio_watch_remove(r->watches[i]);
            r->watches[i] = NULL;
        }
        r->wanted[i] = 0;
    }
    if (r->tick) {
        qio_timer_stop(r->pause);
        qio_timer_stop(r->tick);
        qio_timer_stop(r->timer);
    }
}

/* ---- clocks ---- */

static void timed_out(QIOTimer *timer, void *opaque)
{
    ToolRelay *r = opaque;

    (void)timer;
    if (r->state == TOOL_RELAY_PUMP) {
        pump_timed_out(r);
    } else {
        tool_relay_timed_out(r);
    }
    tool_relay_watch(r);
}

void tool_relay_set_timer(ToolRelay *r, int ms)
{
    if (ms < 0) {
        qio_timer_stop(r->timer);
    } else if (qio_timer_start(r->timer, ms, 0, NULL)) {
        /* Without a clock it is over at once. */
        timed_out(r->timer, r);
    }
}

/* ---- beginning ---- */

static int prepare(ToolRelay *r, QIOError **errp)
{
    r->buf = aligned_alloc(PAGE, CHUNK + PAGE); /* and the byte that is held */
    if (!r->buf) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    r->chunk = chunk_size(r->opt);
    r->follow = qio_migration_follow_new(errp);
    r->timer = r->follow ? qio_timer_new(r->loop, timed_out, r, errp) : NULL;
    r->pause = r->timer ? qio_timer_new(r->loop, pause_is_over, r, errp) : NULL;
    r->tick = r->pause ? qio_timer_new(r->loop, tick, r, errp) : NULL;
    return r->tick ? start_ticking(r, errp) : -1;
}

/* Many connections write to a file themselves, each block at its place. What is
 * read is judged as ever. Not where a file that was left behind, with gaps,
 * could be taken for a whole one. */
static int file_blocks(ToolRelay *r, QIOError **errp)
{
    r->filed = qio_migration_channels_count(r->in->ioc) > 1 && !r->first &&
               r->out->sink && tool_sink_is_hidden(r->out->sink);
    return r->filed ? qio_migration_channels_set_file(
                          r->in->ioc, tool_sink_channel(r->out->sink), 0, errp)
                    : 0;
}

void tool_relay_start(ToolRelay *r)
{
    QIOError *err = NULL;

    r->back.from = r->out->talks ? r->out->ioc : NULL;
    r->back.to = r->in->talks ? r->in->ioc : NULL;
    /* One that talks is told when it was taken, and ends only then. */
    r->holds_back =
        !r->in->talks && qio_endpoint_type(r->in->ep) == QIO_ENDPOINT_EXEC;
    r->result->started_us = tool_now_us();
    r->moving = true;
    if (prepare(r, &err) || file_blocks(r, &err)) {
        tool_fail(r->result, TOOL_FAILED, err, "cannot begin");
        tool_relay_fail(r);
        return;
    }
    if (r->first) {
        memcpy(r->buf, r->first, r->n_first);
        if (take(r, r->n_first)) {
            tool_relay_fail(r);
            return;
        }
    }
    tool_relay_watch(r);
}

void tool_relay_clear(ToolRelay *r)
{
    qio_timer_free(r->timer);
    qio_timer_free(r->pause);
    qio_timer_free(r->tick);
    qio_migration_follow_free(r->follow);
    qio_error_free(r->back.err);
    qio_error_free(r->err);
    free(r->buf);
}
