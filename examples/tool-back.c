/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way back: what the output's other end says is read, passed on to the
 * input when the stream opened a return path, and tells how that end leaves.
 */
#include "tool-back.h"

#include <string.h>

/* Answers are few; whoever says more has his next turn in the next round. */
#define TURN 4

bool tool_is_cut(const QIOError *err)
{
    switch (qio_error_code(err)) {
    case QIO_ERROR_TLS_TRUNCATED:
    case QIO_ERROR_WEBSOCKET_TRUNCATED:
    case QIO_ERROR_BROKEN:
    case QIO_ERROR_EOF:
        return true;
    default:
        return false;
    }
}

bool tool_back_wants_in(const ToolBack *back)
{
    return back->from && !back->ended && !back->len;
}

bool tool_back_wants_out(const ToolBack *back)
{
    return back->len > 0;
}

static void remember(ToolBack *back, const uint8_t *data, size_t len)
{
    size_t room = sizeof(back->last);
    size_t keep = back->n_last;

    if (len >= room) {
        memcpy(back->last, data + len - room, room);
        back->n_last = room;
        return;
    }
    if (keep + len > room) {
        keep = room - len;
    }
    memmove(back->last, back->last + back->n_last - keep, keep);
    memcpy(back->last + keep, data, len);
    back->n_last = keep + len;
}

/* Whether all that was read has been passed on. */
static bool pass_on(ToolBack *back)
{
    while (back->len > 0) {
        ssize_t n =
            qio_channel_write(back->to, back->buf + back->pos, back->len, NULL);

        if (n == QIO_CHANNEL_ERR_BLOCK) {
            return false;
        }
        if (n < 0) {
            /* An input that has left needs no answer any more. */
            back->gone = true;
            back->len = 0;
            return true;
        }
        back->pos += (size_t)n;
        back->len -= (size_t)n;
    }
    return true;
}

void tool_back_move(ToolBack *back, bool return_path)
{
    ssize_t n;

    if (!back->from || back->ended) {
        return;
    }
    for (int i = 0; i < TURN && pass_on(back); i++) {
        n = qio_channel_read(back->from, back->buf, sizeof(back->buf),
                             &back->err);
        if (n == QIO_CHANNEL_ERR_BLOCK) {
            return;
        }
        if (n <= 0) {
            back->ended = true;
            return;
        }
        remember(back, back->buf, (size_t)n);
        if (back->to && !back->gone && return_path) {
            back->pos = 0;
            back->len = (size_t)n;
        }
    }
}

bool tool_back_confirmed(const ToolBack *back)
{
    return back->n_last == sizeof(back->last) &&
           !memcmp(back->last, qio_migration_rp_shut, sizeof(back->last));
}
