/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file as the end of a transfer: it appears under its name when it is
 * complete, and not at all otherwise.
 */
#ifndef TOOL_SINK_H
#define TOOL_SINK_H

#include <stdbool.h>
#include <qio/qio.h>

typedef struct ToolSink ToolSink;

/* Whether a file of that name can be made at all; to be asked before anything
 * is waited for. 0 or -1. */
int tool_sink_check(const char *path, QIOError **errp) QIO_MUST_CHECK;

/*
 * tool_sink_open: open the way to a file. A plain file is written under a
 *   temporary name in the same directory; with offset not 0 in place, from
 *   there on.
 * tool_sink_new_direct: the same for what is no plain file (a fifo, /dev/null)
 *   and was opened already. Takes its own reference on ioc.
 */
ToolSink *tool_sink_open(const char *path, uint64_t offset, bool sync,
                         QIOError **errp) QIO_MUST_CHECK;
ToolSink *tool_sink_new_direct(const char *path, QIOChannel *ioc,
                               QIOError **errp) QIO_MUST_CHECK;

/* Where to write; borrowed. */
QIOChannel *tool_sink_channel(const ToolSink *sink);

/* Whether nobody sees it before it is complete: then it may have gaps. */
bool tool_sink_is_hidden(const ToolSink *sink);

/* All has been written: close it and give it its name. Blocks as long as the
 * disk does. 0 or -1. */
int tool_sink_commit(ToolSink *sink, QIOError **errp) QIO_MUST_CHECK;

/* Remove what there is of an incomplete file, a committed one too. */
void tool_sink_discard(ToolSink *sink);

/* Discards what was not committed. NULL is allowed. */
void tool_sink_free(ToolSink *sink);

#endif
