/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way back: what the output's other end says is read, passed on to the
 * input when the stream opened a return path, and tells how that end leaves.
 */
#ifndef TOOL_BACK_H
#define TOOL_BACK_H

#include <stdbool.h>
#include <stdint.h>
#include <qio/migration/migration.h>
#include <qio/qio.h>

#define TOOL_BACK_BUF 16384

typedef struct ToolBack {
    QIOChannel *from; /* the output, read here; NULL: it says nothing */
    QIOChannel *to;   /* the input, NULL when it takes nothing */
    bool ended;
    QIOError *err; /* how it ended, NULL: properly */
    bool gone;     /* the input takes no answers any more */
    uint8_t buf[TOOL_BACK_BUF];
    size_t pos, len; /* of buf: to be passed on */
    uint8_t last[QIO_MIGRATION_RP_SHUT_LEN];
    size_t n_last;
} ToolBack;

/* What to wait for: whether from may be read, whether to may be written. */
bool tool_back_wants_in(const ToolBack *back);
bool tool_back_wants_out(const ToolBack *back);

/* Do what can be done without waiting. return_path: whether the stream, up to
 * the byte that is written next, asks for answers. */
void tool_back_move(ToolBack *back, bool return_path);

/* Whether its last words were that it loaded the stream without error. */
bool tool_back_confirmed(const ToolBack *back);

/* Whether such an error is only the way in which a hypervisor closes. */
bool tool_is_cut(const QIOError *err);

#endif
