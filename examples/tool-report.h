/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a tool tells its caller: exit status, one line, JSON, progress. */
#ifndef TOOL_REPORT_H
#define TOOL_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <qio/qio.h>
#include "tool-options.h"
#include "tool-tls.h"

/* Exit codes, as the manual pages list them. */
enum {
    TOOL_OK = 0,
    TOOL_FAILED = 1,
    TOOL_USAGE = 2,
    TOOL_CONNECT = 3,
    TOOL_REFUSED = 4,
    TOOL_INCOMPLETE = 5,
    TOOL_LOCAL = 6,
    TOOL_SIGNAL = 128, /* plus the signal's number */
};

typedef struct ToolResult {
    unsigned long number; /* of many, 0: the only one */
    int exit;
    QIOErrorCode code;
    char *message; /* NULL: none, or no memory for it */
    uint64_t bytes;
    int64_t started_us; /* first byte possible; 0: never got so far */
    int64_t ended_us;
    unsigned channels; /* connections, 0: one of the usual kind */
    unsigned resumed;  /* ... that go on from another one's TLS session */
    int whole;         /* 1, 0; -1: not a stream that tells */
    char *tls;         /* NULL without */
    char *identity;    /* NULL without */
    ToolTls session;
} ToolResult;

/* CLOCK_MONOTONIC in microseconds. */
int64_t tool_now_us(void);

/* Record a failure with its exit code; err may be NULL and is taken. The text
 * goes in front of err's message. The first failure is the one that counts.
 * Always -1, for `return tool_fail(…)`. */
int tool_fail(ToolResult *r, int exit_code, QIOError *err, const char *fmt, ...)
    QIO_PRINTF(4, 5);

/* "name: text\n" on standard error. */
void tool_say(const ToolOptions *opt, const char *fmt, ...) QIO_PRINTF(2, 3);

/* The line that moves; final gives it its newline and the facts of TLS. */
void tool_progress(const ToolOptions *opt, const ToolResult *r, uint64_t bytes,
                   bool final);

/* Say what the handshake has come to, if it is wanted. */
void tool_report_session(const ToolOptions *opt, const ToolResult *r);

/* Say how it ended, as the options want it. Returns the exit code. */
int tool_report(const ToolOptions *opt, const ToolResult *r);
void tool_result_clear(ToolResult *r);

#endif
