/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a tool tells of its TLS session: at its start, and when it is over. */
#ifndef TOOL_TLS_H
#define TOOL_TLS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <qio/qio.h>

#define TOOL_TLS_TEXTS 8
#define TOOL_TLS_COUNTS 7

typedef struct ToolTls {
    bool known;
    char *texts[TOOL_TLS_TEXTS];     /* NULL: the session has no such thing */
    int64_t counts[TOOL_TLS_COUNTS]; /* as they were when last asked for */
} ToolTls;

/* After the handshake; ioc is the TLS channel. What cannot be had is not
 * told. */
void tool_tls_facts(ToolTls *tls, QIOChannel *ioc);
/* The counters as they are now. */
void tool_tls_count(ToolTls *tls, QIOChannel *ioc);

/* A line each without its end, to free(); NULL without memory: what was agreed
 * on; who the peer is, by all of its names (NULL also without any); the
 * counters. */
char *tool_tls_agreed(const ToolTls *tls);
char *tool_tls_peer(const ToolTls *tls);
char *tool_tls_counted(const ToolTls *tls);

/* An object, or null. */
void tool_tls_json(const ToolTls *tls, FILE *f);

/* A text as JSON, or null. */
void tool_json_string(FILE *f, const char *text, size_t len);

void tool_tls_clear(ToolTls *tls);

#endif
