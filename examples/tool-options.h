/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line that qio-migrate-recv and qio-migrate-send share. */
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What differs between the two tools. */
typedef struct ToolSpec {
    const char *name;
    const char *synopsis;
    const char *summary;
    /* Which side of the tool the --tls options are for. */
    bool network_is_input;
    /* What --help says of options that only this tool has; or "". */
    const char *more_help;
} ToolSpec;

/* Milliseconds for connecting, handshakes and the last confirmation when
 * --timeout does not say otherwise. */
#define TOOL_DEFAULT_TIMEOUT_MS 30000

typedef struct ToolOptions {
    const ToolSpec *spec;
    const char **objects;
    size_t n_objects;
    const char *tls_creds;
    const char *tls_hostname;
    const char *tls_authz;
    uint64_t rate_limit; /* bytes a second, 0: none */
    int timeout_ms;      /* -1: not given */
    bool progress;
    bool quiet;
    bool verbose;
    bool json;
    bool fsync;
    bool many;            /* transfers, from one listener */
    unsigned max;         /* ... so many, 0: until a signal comes */
    unsigned channels;    /* connections of one transfer; 0: one, as ever */
    bool channel_threads; /* ... each with its own, if there are many */
    unsigned multifd;     /* channels of QEMU's own, besides the main one */
    const char *input;
    const char *output;
} ToolOptions;

typedef enum ToolParse {
    TOOL_PARSE_RUN,
    TOOL_PARSE_DONE,  /* --help or --version has been answered */
    TOOL_PARSE_USAGE, /* a mistake, which has been reported */
} ToolParse;

/* Fill opt from the command line. */
ToolParse tool_options_parse(ToolOptions *opt, const ToolSpec *spec, int argc,
                             char **argv);
void tool_options_free(ToolOptions *opt);

/* The time limit in effect where there always is one. */
int tool_options_timeout(const ToolOptions *opt);

#endif
