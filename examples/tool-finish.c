/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of a transfer: well, one thing after the other, or so that nobody
 * takes it for a success.
 */
#include "tool-relay.h"

/* What an acknowledgement or the reason for a failure may take to travel. */
#define GOODBYE_MS 5000
#define REASON_MS 1000

/* ---- the state's task ---- */

/* The end of it: its failure, or NULL. */
static QIOError *task_ended(ToolRelay *r, QIOTask *task)
{
    QIOError *err = NULL;

    qio_task_propagate_error(task, &err);
    qio_task_unref(r->task);
    r->task = NULL;
    return err;
}

static void maybe_over(ToolRelay *r)
{
    if (r->task || r->breaking || r->state == TOOL_RELAY_OVER) {
        return;
    }
    r->state = TOOL_RELAY_OVER;
    r->over(r->opaque);
}

/* Whether the task ended after all was lost already. */
static bool too_late(ToolRelay *r, QIOError *err)
{
    if (r->state != TOOL_RELAY_BREAK) {
        return false;
    }
    qio_error_free(err);
    maybe_over(r);
    return true;
}

/* Whether there is one; if not, its starter has failed. */
static bool keep(ToolRelay *r, QIOTask *task)
{
    r->task = task ? qio_task_ref(task) : NULL;
    return task;
}

/* ---- failing ---- */

/* While the channels are still there. */
static void count_tls(ToolSide *side)
{
    if (side->network && side->tls) {
        tool_tls_count(&side->result->session, side->tls);
    }
}

static void set_result(ToolRelay *r)
{
    QIOMigrationFollowState state = QIO_MIGRATION_FOLLOW_FOREIGN;

    count_tls(r->in);
    count_tls(r->out);
    if (r->follow) {
        state = qio_migration_follow_state(r->follow);
    }
    r->moving = false;
    r->result->bytes = r->bytes;
    r->result->ended_us = tool_now_us();
    r->result->whole = -1;
    if (state == QIO_MIGRATION_FOLLOW_WHOLE ||
        state == QIO_MIGRATION_FOLLOW_PARTIAL) {
        r->result->whole = tool_relay_is_whole(r);
    }
}

static void broken(void *opaque, bool failed, QIOError *err)
{
    ToolRelay *r = opaque;

    (void)failed;
    qio_error_free(err);
    r->breaking--;
    maybe_over(r);
}

void tool_relay_fail(ToolRelay *r)
{
    if (r->state >= TOOL_RELAY_BREAK) {
        return;
    }
    set_result(r);
    tool_relay_unwatch(r);
    r->state = TOOL_RELAY_BREAK;
    if (r->task) {
        qio_task_cancel(r->task);
    }
    r->breaking = 2;
    /* The input first: it is the one that must not be told "done". */
    tool_side_abort(r->in, broken, r);
    tool_side_abort(r->out, broken, r);
}

void tool_relay_stop(ToolRelay *r)
{
    if (!r->committed) {
        tool_relay_fail(r);
    }
}

/* The receiver's reason arrives on another way than the failure to write. */
void tool_relay_output_failed(ToolRelay *r, QIOError *err)
{
    if (!r->back.from || r->back.ended) {
        tool_relay_blame_output(r, err);
        tool_relay_fail(r);
        return;
    }
    r->err = err;
    r->state = TOOL_RELAY_REASON;
    tool_relay_set_timer(r, REASON_MS);
}

static void reason_came(ToolRelay *r)
{
    QIOError *err = r->err;

    r->err = NULL;
    tool_relay_blame_output(r, err);
    tool_relay_fail(r);
}

/* ---- the input, when all is done ---- */

/* It may be a hypervisor that has gone without waiting for our goodbye. */
static void close_both(ToolRelay *r, bool said)
{
    if (!said) {
        qio_channel_shutdown(r->in->ioc, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    }
    tool_relay_unwatch(r);
    qio_channel_close(r->in->ioc, NULL);
    qio_channel_close(r->out->ioc, NULL);
    maybe_over(r);
}

static void said_goodbye(QIOTask *task, void *opaque)
{
    ToolRelay *r = opaque;
    QIOError *err = task_ended(r, task);
    bool said = !err;

    qio_error_free(err);
    close_both(r, said);
}

/* Close properly: to the other end this is the acknowledgement. */
static void finish_input(ToolRelay *r)
{
    bool waits;

    r->state = TOOL_RELAY_GOODBYE;
    set_result(r);
    if (!r->in->talks) {
        close_both(r, true);
        return;
    }
    waits = keep(r, qio_channel_bye_async(r->in->ioc, r->loop, GOODBYE_MS,
                                          said_goodbye, r, NULL, NULL));
    if (!waits) {
        close_both(r, false);
    }
}

/* ---- the answer ---- */

static void cannot_answer(ToolRelay *r, QIOError *err)
{
    tool_fail(r->result, TOOL_FAILED, err, "cannot answer the sender");
    tool_relay_fail(r);
}

static void answered(QIOTask *task, void *opaque)
{
    ToolRelay *r = opaque;
    QIOError *err = task_ended(r, task);

    if (too_late(r, err)) {
        return;
    }
    if (err) {
        cannot_answer(r, err);
        return;
    }
    r->state = TOOL_RELAY_PUMP;
    tool_relay_set_timer(r, tool_options_timeout(r->opt));
    tool_relay_watch(r);
}

static void answer(ToolRelay *r)
{
    QIOError *err = NULL;
    bool waits;

    r->answered = true;
    r->state = TOOL_RELAY_ANSWER;
    waits = keep(r, qio_channel_write_all_async(
                        r->in->ioc, r->loop, qio_migration_rp_shut,
                        QIO_MIGRATION_RP_SHUT_LEN, tool_options_timeout(r->opt),
                        answered, r, NULL, &err));
    if (!waits) {
        cannot_answer(r, err);
    }
}

/* ---- the output ---- */

static void output_done(ToolRelay *r)
{
    if (r->answering && !r->answered) {
        answer(r);
    } else {
        finish_input(r);
    }
}

static void sink_failed(ToolRelay *r, QIOError *err)
{
    tool_fail(r->result, TOOL_LOCAL, err, "the sink failed");
    tool_relay_fail(r);
}

static int commit_sink(QIOTask *task, void *opaque, QIOError **errp)
{
    ToolRelay *r = opaque;

    (void)task;
    return tool_sink_commit(r->out->sink, errp);
}

static void sink_committed(QIOTask *task, void *opaque)
{
    ToolRelay *r = opaque;
    QIOError *err = task_ended(r, task);

    if (err) {
        sink_failed(r, err);
    } else {
        output_done(r);
    }
}

/* From now on nothing is broken off any more. */
static void commit(ToolRelay *r)
{
    QIOError *err = NULL;
    bool waits;

    r->state = TOOL_RELAY_COMMIT;
    r->committed = true;
    r->moving = false;
    if (!r->out->sink) {
        output_done(r);
        return;
    }
    /* A disk may take long, and others are served meanwhile. */
    tool_relay_unwatch(r);
    waits = keep(r, qio_task_run_in_thread(r->loop, commit_sink, -1,
                                           sink_committed, r, NULL, &err));
    if (!waits) {
        sink_failed(r, err);
    }
}

static void sink_ended(void *opaque, bool failed, QIOError *err)
{
    ToolRelay *r = opaque;

    if (failed) {
        tool_relay_output_failed(r, err);
        tool_relay_watch(r);
    } else {
        commit(r);
    }
}

/* Everything was written, and the other end has left. */
static void peer_left(ToolRelay *r)
{
    const QIOError *err = r->back.err;

    tool_relay_set_timer(r, -1);
    if (err && !tool_relay_is_abrupt_leave(r, err)) {
        tool_relay_output_failed(r, qio_error_copy(err));
        return;
    }
    r->state = TOOL_RELAY_SINK_ENDS;
    tool_side_wait_command(r->out, sink_ended, r);
}

static void said_bye(QIOTask *task, void *opaque)
{
    ToolRelay *r = opaque;
    QIOError *err = task_ended(r, task);

    if (too_late(r, err)) {
        return;
    }
    r->moving = false;
    if (err && !tool_relay_is_abrupt_leave(r, err)) {
        tool_relay_output_failed(r, err);
        tool_relay_watch(r);
        return;
    }
    qio_error_free(err);
    if (!r->back.from || r->back.ended) {
        peer_left(r);
        return;
    }
    r->state = TOOL_RELAY_PEER_LEAVES;
    tool_relay_set_timer(r, tool_options_timeout(r->opt));
    tool_relay_watch(r);
}

void tool_relay_finish(ToolRelay *r)
{
    QIOError *err = NULL;
    bool waits;

    if (r->answered) {
        finish_input(r);
        return;
    }
    if (r->out->sink) {
        commit(r);
        return;
    }
    r->state = TOOL_RELAY_BYE;
    waits = keep(r, qio_channel_bye_async(r->out->ioc, r->loop, -1, said_bye, r,
                                          NULL, &err));
    if (waits) {
        tool_relay_watch(r);
    } else {
        tool_relay_output_failed(r, err);
    }
}

/* ---- what the state waited for ---- */

void tool_relay_back_ended(ToolRelay *r)
{
    const QIOError *err = r->back.err;
    bool fine =
        !err || (tool_is_cut(err) && qio_migration_follow_state(r->follow) ==
                                         QIO_MIGRATION_FOLLOW_WHOLE);

    switch (r->state) {
    case TOOL_RELAY_PUMP:
        /* The bytes have nowhere to go now. */
        if (!fine) {
            tool_relay_output_failed(r, NULL);
        }
        return;
    case TOOL_RELAY_PEER_LEAVES:
        peer_left(r);
        return;
    case TOOL_RELAY_REASON:
        reason_came(r);
        return;
    default:
        return;
    }
}

void tool_relay_timed_out(ToolRelay *r)
{
    if (r->state == TOOL_RELAY_REASON) {
        reason_came(r);
    }
    if (r->state != TOOL_RELAY_PEER_LEAVES) {
        return;
    }
    tool_fail(r->result, tool_side_exit(r->out), NULL,
              "the %s did not confirm within %g s", tool_side_name(r->out),
              tool_options_timeout(r->opt) / 1000.0);
    tool_relay_fail(r);
}
