/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transfer itself, the same in both tools: bytes from the input to the
 * output, and the judgement whether that was all.
 */
#include "tool-relay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Large pieces: few system calls, and TLS opens many records at once. */
#define CHUNK (1024 * 1024)
/* A whole stream followed by so much silence is at its end, when the source
 * waits for an answer. */
#define QUIET_MS 250
/* What an acknowledgement or the reason for a failure may take to travel. */
#define GOODBYE_MS 5000
#define REASON_MS 1000

static bool is_whole(ToolRelay *r)
{
    QIOMigrationFollowState state = qio_migration_follow_state(r->follow);

    if (state == QIO_MIGRATION_FOLLOW_WHOLE) {
        return true;
    }
    /* After a post-copy migration the stream has no end mark, but the
     * destination says that it has everything. */
    return state == QIO_MIGRATION_FOLLOW_PARTIAL &&
           tool_back_confirmed(&r->back);
}

/* ---- failures ---- */

/* RFC 8446 §6.2 */
#define ALERT_INTERNAL_ERROR 80

/* An alert that ends a session which went well so far, our own tools' and other
 * people's way to say "it is me who failed"; all others refuse us. TLS 1.3
 * tells a client so only after its handshake. */
static bool is_refusal(const QIOError *err)
{
    return qio_error_code(err) == QIO_ERROR_TLS_REJECTED &&
           qio_error_tls_alert(err) != ALERT_INTERNAL_ERROR;
}

/* The receiver's reason arrives on another way than the failure to write. */
static int output_failed(ToolRelay *r, QIOError *err)
{
    const char *who = tool_side_name(r->out);
    QIOError *reason = NULL;

    if (tool_stop_explain(r->stop, r->result)) {
        qio_error_free(err);
        return -1;
    }
    if (r->out->talks) {
        tool_back_wait(&r->back, REASON_MS);
        reason = tool_back_error(&r->back);
    }
    if (reason && qio_error_code(reason) != QIO_ERROR_SHUTDOWN &&
        (!err || !tool_is_cut(reason))) {
        qio_error_free(err);
        err = reason;
    } else {
        qio_error_free(reason);
    }
    if (is_refusal(err)) {
        return tool_fail(r->result, TOOL_REFUSED, err, "the %s refused", who);
    }
    return tool_fail(r->result, tool_side_exit(r->out), err, "the %s failed",
                     who);
}

/* Reading stopped in some way that is no end of a stream. */
static int input_failed(ToolRelay *r, QIOError *err)
{
    if (tool_stop_explain(r->stop, r->result)) {
        qio_error_free(err);
        return -1;
    }
    /* Shut by the way back: that one knows why. */
    if (qio_error_code(err) == QIO_ERROR_SHUTDOWN) {
        qio_error_free(err);
        return output_failed(r, NULL);
    }
    if (qio_error_code(err) == QIO_ERROR_TLS_REJECTED) {
        return tool_fail(r->result, TOOL_INCOMPLETE, err, "the %s gave up",
                         tool_side_name(r->in));
    }
    return tool_fail(r->result, tool_side_exit(r->in), err,
                     "cannot read from the %s", tool_side_name(r->in));
}

static int incomplete(ToolRelay *r, QIOError *err, const char *why)
{
    if (!err) {
        qio_error_set(&err, QIO_ERROR_STREAM, 0, "%s", why);
    }
    return tool_fail(r->result, TOOL_INCOMPLETE, err,
                     "the stream is cut after %" PRIu64 " bytes", r->bytes);
}

/* ---- the end of the input ---- */

/* err is NULL for a proper end. */
static int judge_end(ToolRelay *r, QIOError *err)
{
    bool plain = tool_side_socket(r->in) >= 0 && r->in->leaf == r->in->ioc;

    if (err && !tool_is_cut(err)) {
        return input_failed(r, err);
    }
    if (is_whole(r)) {
        qio_error_free(err);
        return 0;
    }
    if (qio_migration_follow_state(r->follow) == QIO_MIGRATION_FOLLOW_PARTIAL) {
        return incomplete(r, err, "the end mark is missing");
    }
    if (err) {
        return incomplete(r, err, NULL);
    }
    if (!r->bytes && plain) {
        return incomplete(r, NULL, "nothing came");
    }
    if (r->bytes && r->n_head < 4 && !memcmp(r->head, "QEVM", r->n_head)) {
        return incomplete(r, NULL, "it ends within its first word");
    }
    return 0;
}

static int end_of_input(ToolRelay *r, QIOError *err)
{
    QIOError *cmd_err = NULL;

    if (judge_end(r, err)) {
        return -1;
    }
    if (tool_side_wait_command(r->in, &cmd_err)) {
        return tool_fail(r->result, tool_side_exit(r->in), cmd_err,
                         "the %s failed", tool_side_name(r->in));
    }
    return 0;
}

/* ---- the end of the output ---- */

/* A hypervisor closes right after the last byte, so that TLS ends without
 * goodbye, or by a reset when ours still comes. Without TLS nothing of ours can
 * come, and a reset is what it always is: something was not taken. */
static bool is_abrupt_leave(ToolRelay *r, const QIOError *err)
{
    return r->out->talks && r->out->leaf != r->out->ioc && tool_is_cut(err) &&
           is_whole(r);
}

/* Everything was written: wait until the other end has left, and see how. */
static int wait_for_peer(ToolRelay *r)
{
    QIOError *err;

    if (!tool_back_wait(&r->back, tool_options_timeout(r->opt))) {
        return tool_fail(r->result, tool_side_exit(r->out), NULL,
                         "the %s did not confirm within %g s",
                         tool_side_name(r->out),
                         tool_options_timeout(r->opt) / 1000.0);
    }
    err = tool_back_error(&r->back);
    if (!err || is_abrupt_leave(r, err)) {
        qio_error_free(err);
        return 0;
    }
    return output_failed(r, err);
}

static int finish_peer(ToolRelay *r)
{
    QIOError *err = NULL;

    if (qio_channel_shutdown(r->out->ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &err) ||
        qio_channel_flush(r->out->ioc, &err)) {
        bool fine = qio_error_code(err) == QIO_ERROR_UNSUPPORTED ||
                    is_abrupt_leave(r, err);

        if (!fine) {
            return output_failed(r, err);
        }
        qio_error_free(err);
        err = NULL;
    }
    tool_stop_moving(r->stop, false);
    if (r->out->talks && wait_for_peer(r)) {
        return -1;
    }
    if (tool_side_wait_command(r->out, &err)) {
        return output_failed(r, err);
    }
    return 0;
}

static int finish_output(ToolRelay *r)
{
    QIOError *err = NULL;

    if (!r->out->sink && finish_peer(r)) {
        return -1;
    }
    if (!tool_stop_commit(r->stop)) {
        tool_stop_explain(r->stop, r->result);
        return -1;
    }
    if (r->out->sink && tool_sink_commit(r->out->sink, &err)) {
        return tool_fail(r->result, TOOL_LOCAL, err, "the sink failed");
    }
    return 0;
}

/* Close properly: to the other end this is the acknowledgement. It may be a
 * hypervisor that has gone without waiting for it. */
static void finish_input(ToolRelay *r)
{
    QIOChannel *ioc = r->in->ioc;

    if (r->in->talks) {
        qio_channel_set_timeout(ioc, GOODBYE_MS);
        if (!qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, NULL) &&
            qio_channel_flush(ioc, NULL)) {
            qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
        }
    }
    qio_channel_close(ioc, NULL);
}

/* ---- the copy ---- */

/* A bucket of a tenth of a second. */
static void limit_rate(ToolRelay *r, size_t len)
{
    int64_t now = tool_now_us();

    if (r->next_us < now - 100000) {
        r->next_us = now - 100000;
    }
    r->next_us += (int64_t)((double)len * 1e6 / (double)r->opt->rate_limit);
    if (r->next_us > now) {
        tool_stop_sleep_until(r->stop, r->next_us);
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

static int take(ToolRelay *r, size_t len)
{
    QIOError *err = NULL;

    if (r->answered) {
        return tool_fail(r->result, TOOL_FAILED, NULL,
                         "the %s goes on after its end", tool_side_name(r->in));
    }
    if (r->n_head < 4) {
        size_t n = len < 4 - r->n_head ? len : 4 - r->n_head;

        memcpy(r->head + r->n_head, r->buf, n);
        r->n_head += n;
    }
    if (qio_migration_follow_feed(r->follow, r->buf, len, &err)) {
        return tool_fail(r->result, TOOL_FAILED, err, "stream");
    }
    /* Before it is written: an answer to these bytes can only come after. */
    tool_back_publish(&r->back, qio_migration_follow_state(r->follow),
                      qio_migration_follow_wants_return_path(r->follow));
    if (qio_channel_write_all(r->out->ioc, r->buf, len, &err)) {
        return output_failed(r, err);
    }
    r->bytes += len;
    atomic_store(&r->stop->bytes, r->bytes);
    if (r->opt->rate_limit) {
        limit_rate(r, len);
    }
    return 0;
}

/* Whether it is for us to tell a source on the return path that its stream was
 * taken, there being nobody behind us who would. */
static bool must_answer(ToolRelay *r)
{
    return !r->answered && r->in->talks && !r->out->talks &&
           atomic_load(&r->back.return_path) &&
           atomic_load(&r->back.state) == QIO_MIGRATION_FOLLOW_WHOLE;
}

static int answer(ToolRelay *r)
{
    QIOError *err = NULL;

    if (finish_output(r)) {
        return -1;
    }
    r->answered = true;
    if (qio_channel_write_all(r->in->ioc, qio_migration_rp_shut,
                              QIO_MIGRATION_RP_SHUT_LEN, &err)) {
        return tool_fail(r->result, TOOL_FAILED, err,
                         "cannot answer the sender");
    }
    return 0;
}

static int pump(ToolRelay *r)
{
    size_t chunk = chunk_size(r->opt);

    for (;;) {
        bool quiet = must_answer(r);
        QIOError *err = NULL;
        ssize_t n;

        if (quiet) {
            qio_channel_set_timeout(r->in->ioc, QUIET_MS);
        }
        n = qio_channel_read(r->in->ioc, r->buf, chunk, &err);
        if (quiet) {
            qio_channel_set_timeout(r->in->ioc, -1);
        }
        if (n > 0) {
            if (take(r, (size_t)n)) {
                return -1;
            }
            continue;
        }
        if (n == 0 || !quiet || qio_error_code(err) != QIO_ERROR_TIMEOUT) {
            return end_of_input(r, err);
        }
        qio_error_free(err);
        if (answer(r)) {
            return -1;
        }
        qio_channel_set_timeout(r->in->ioc, tool_options_timeout(r->opt));
    }
}

static void set_result(ToolRelay *r)
{
    QIOMigrationFollowState state = qio_migration_follow_state(r->follow);

    tool_stop_moving(r->stop, false);
    r->result->bytes = r->bytes;
    r->result->ended_us = tool_now_us();
    r->result->whole = -1;
    if (state == QIO_MIGRATION_FOLLOW_WHOLE ||
        state == QIO_MIGRATION_FOLLOW_PARTIAL) {
        r->result->whole = is_whole(r);
    }
}

static int run(ToolRelay *r)
{
    QIOChannel *back_to = r->in->talks ? r->in->ioc : NULL;

    if (r->out->talks &&
        tool_back_start(&r->back, r->out->ioc, back_to, r->in->ioc)) {
        return tool_fail(r->result, TOOL_FAILED, NULL, "cannot start a thread");
    }
    r->result->started_us = tool_now_us();
    tool_stop_moving(r->stop, true);
    if (pump(r)) {
        return -1;
    }
    return r->answered ? 0 : finish_output(r);
}

int tool_relay_run(ToolRelay *r)
{
    QIOError *err = NULL;
    int rc = -1;

    tool_back_init(&r->back);
    r->buf = malloc(CHUNK);
    r->follow = qio_migration_follow_new(&err);
    if (r->buf && r->follow) {
        rc = run(r);
        set_result(r);
    } else {
        tool_fail(r->result, TOOL_FAILED, err, "no memory");
    }
    tool_back_stop(&r->back);
    if (rc) {
        /* The input first: it is the one that must not be told "done". */
        tool_side_abort(r->in);
        tool_side_abort(r->out);
    } else {
        finish_input(r);
        qio_channel_close(r->out->ioc, NULL);
    }
    tool_back_clear(&r->back);
    qio_migration_follow_free(r->follow);
    free(r->buf);
    return rc;
}
