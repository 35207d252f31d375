/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an end or a failure means: whole or cut, and whose fault it is. */
#include "tool-relay.h"

#include <inttypes.h>
#include <string.h>

bool tool_relay_is_whole(const ToolRelay *r)
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

bool tool_relay_is_abrupt_leave(const ToolRelay *r, const QIOError *err)
{
    return r->out->talks && r->out->leaf != r->out->ioc && tool_is_cut(err) &&
           tool_relay_is_whole(r);
}

/* ---- the output ---- */

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

void tool_relay_blame_output(ToolRelay *r, QIOError *err)
{
    const char *who = tool_side_name(r->out);
    QIOError *reason = qio_error_copy(r->back.err);

    if (reason && (!err || !tool_is_cut(reason))) {
        qio_error_free(err);
        err = reason;
    } else {
        qio_error_free(reason);
    }
    if (is_refusal(err)) {
        tool_fail(r->result, TOOL_REFUSED, err, "the %s refused", who);
    } else {
        tool_fail(r->result, tool_side_exit(r->out), err, "the %s failed", who);
    }
}

/* ---- the input ---- */

/* Reading stopped in some way that is no end of a stream. */
static int blame_input(ToolRelay *r, QIOError *err)
{
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

int tool_relay_judge_end(ToolRelay *r, QIOError *err)
{
    bool plain = tool_side_socket(r->in) >= 0 && r->in->leaf == r->in->ioc;

    if (err && !tool_is_cut(err)) {
        return blame_input(r, err);
    }
    /* Many connections tell of their end, all of them. */
    if (err && r->in->network && r->result->channels) {
        return incomplete(r, err, NULL);
    }
    if (tool_relay_is_whole(r)) {
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
