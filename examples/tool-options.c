/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line that qio-migrate-recv and qio-migrate-send share. */
#define _GNU_SOURCE
#include "tool-options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qio/migration/migration.h>
#include <qio/qio.h>
#include "tool-multifd.h"

enum {
    OPT_OBJECT = 256,
    OPT_TLS_CREDS,
    OPT_TLS_HOSTNAME,
    OPT_TLS_AUTHZ,
    OPT_RATE_LIMIT,
    OPT_TIMEOUT,
    OPT_PROGRESS,
    OPT_QUIET,
    OPT_VERBOSE,
    OPT_JSON,
    OPT_FSYNC,
    OPT_MAX,
    OPT_KEEP_LISTENING,
    OPT_CHANNELS,
    OPT_CHANNEL_THREADS,
    OPT_MULTIFD,
    OPT_HELP,
    OPT_VERSION,
};

static const struct option long_options[] = {
    {"object", required_argument, NULL, OPT_OBJECT},
    {"tls-creds", required_argument, NULL, OPT_TLS_CREDS},
    {"tls-hostname", required_argument, NULL, OPT_TLS_HOSTNAME},
    {"tls-authz", required_argument, NULL, OPT_TLS_AUTHZ},
    {"rate-limit", required_argument, NULL, OPT_RATE_LIMIT},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"progress", no_argument, NULL, OPT_PROGRESS},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"verbose", no_argument, NULL, OPT_VERBOSE},
    {"json", no_argument, NULL, OPT_JSON},
    {"fsync", no_argument, NULL, OPT_FSYNC},
    {"max", required_argument, NULL, OPT_MAX},
    {"keep-listening", no_argument, NULL, OPT_KEEP_LISTENING},
    {"channels", required_argument, NULL, OPT_CHANNELS},
    {"channel-threads", required_argument, NULL, OPT_CHANNEL_THREADS},
    {"multifd", required_argument, NULL, OPT_MULTIFD},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static const char help_text[] =
    "  --object TEXT        credentials, authorizer or secret, e.g.\n"
    "                       tls-creds-x509,id=tls0,endpoint=server,dir=DIR;\n"
    "                       may be repeated\n"
    "  --tls-creds ID       TLS on the network side, with these credentials\n"
    "  --tls-hostname NAME  the name that the server's certificate must bear\n"
    "  --tls-authz ID       the authorizer that decides which peers may come\n"
    "  --rate-limit SIZE    at most so many bytes a second (k, M, G, T)\n"
    "  --timeout SECONDS    limit for every wait: for a connection, a\n"
    "                       handshake, the next byte, the confirmation\n"
    "  --progress           bytes, rate and time on standard error; without\n"
    "                       being asked when that is a terminal\n"
    "  --quiet              nothing on standard error but failures\n"
    "  --verbose            what TLS has agreed on, and what it counted, on\n"
    "                       standard error\n"
    "  --json               the result as one JSON object on standard output\n"
    "  --channels N         the stream goes over up to N connections, of "
    "which\n"
    "                       both sides must know\n"
    "  --channel-threads HOW  whether each of them has threads of its own: "
    "on,\n"
    "                       off, or auto: with more than two processors\n"
    "  --multifd N          a QEMU with N multifd channels is at either end:\n"
    "                       pass N + 1 connections on, one by one\n"
    "  --fsync              the file must be on the disk before success\n";

static const char common_text[] =
    "  --help, --version    say so and exit\n"
    "\n"
    "URIs: tcp:HOST:PORT unix:PATH vsock:CID:PORT fd:NUMBER exec:COMMAND\n"
    "      file:PATH[,offset=SIZE] stdio:\n"
    "      on sockets also ,listen=on|off; on all of them the layer\n"
    "      ,tls-creds=ID[,tls-hostname=NAME][,tls-authz=ID]\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 usage, 3 not connected, 4 refused by\n"
    "TLS, 5 stream incomplete, 6 local side failed, 128+N signal N.\n";

static void usage(const ToolOptions *opt, const char *fmt, ...)
    QIO_PRINTF(2, 3);

static void usage(const ToolOptions *opt, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "%s: ", opt->spec->name);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, " (see %s --help)\n", opt->spec->name);
}

/* Bytes with an optional suffix, powers of 1024. */
static bool parse_size(const char *text, uint64_t *size)
{
    static const char suffixes[] = "kMGT";
    char *end;
    unsigned long long v;
    unsigned shift = 0;

    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    v = strtoull(text, &end, 10);
    if (errno || end == text) {
        return false;
    }
    if (*end) {
        const char *s = strchr(suffixes, *end == 'K' ? 'k' : *end);

        if (!s || end[1]) {
            return false;
        }
        shift = 10 * (unsigned)(s - suffixes + 1);
    }
    if (v == 0 || v > UINT64_MAX >> shift) {
        return false;
    }
    *size = (uint64_t)v << shift;
    return true;
}

static bool parse_count(const char *text, unsigned *n)
{
    char *end;
    unsigned long v;

    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    v = strtoul(text, &end, 10);
    if (errno || *end || v == 0 || v > UINT_MAX) {
        return false;
    }
    *n = (unsigned)v;
    return true;
}

static bool parse_seconds(const char *text, int *ms)
{
    char *end;
    double v;

    if ((*text < '0' || *text > '9') && *text != '.') {
        return false;
    }
    errno = 0;
    v = strtod(text, &end);
    if (errno || end == text || *end || !(v >= 0.001) ||
        v > (double)(INT_MAX / 1000)) {
        return false;
    }
    *ms = (int)(v * 1000);
    return true;
}

/* Two are kept busy by one connection when both ends are on this machine. */
static bool has_processors_to_spare(void)
{
    cpu_set_t mine;

    return !sched_getaffinity(0, sizeof(mine), &mine) && CPU_COUNT(&mine) > 2;
}

static bool parse_threads(const char *text, bool *threads)
{
    if (!strcmp(text, "auto")) {
        *threads = has_processors_to_spare();
        return true;
    }
    *threads = !strcmp(text, "on");
    return *threads || !strcmp(text, "off");
}

/* One option; false when its value is malformed. */
static bool take_option(ToolOptions *opt, int which, const char *value)
{
    switch (which) {
    case OPT_OBJECT:
        opt->objects[opt->n_objects++] = value;
        return true;
    case OPT_TLS_CREDS:
        opt->tls_creds = value;
        return *value != '\0';
    case OPT_TLS_HOSTNAME:
        opt->tls_hostname = value;
        return *value != '\0';
    case OPT_TLS_AUTHZ:
        opt->tls_authz = value;
        return *value != '\0';
    case OPT_RATE_LIMIT:
        return parse_size(value, &opt->rate_limit);
    case OPT_TIMEOUT:
        return parse_seconds(value, &opt->timeout_ms);
    case OPT_PROGRESS:
        opt->progress = true;
        return true;
    case OPT_QUIET:
        opt->quiet = true;
        return true;
    case OPT_VERBOSE:
        opt->verbose = true;
        return true;
    case OPT_JSON:
        opt->json = true;
        return true;
    case OPT_MAX:
        opt->many = true;
        return parse_count(value, &opt->max);
    case OPT_KEEP_LISTENING:
        opt->many = true;
        return true;
    case OPT_CHANNELS:
        return parse_count(value, &opt->channels) &&
               opt->channels <= QIO_MIGRATION_CHANNELS_MAX;
    case OPT_CHANNEL_THREADS:
        return parse_threads(value, &opt->channel_threads);
    case OPT_MULTIFD:
        return parse_count(value, &opt->multifd) &&
               opt->multifd <= TOOL_MULTIFD_MAX;
    default:
        opt->fsync = true;
        return true;
    }
}

static void print_help(const ToolSpec *spec)
{
    printf("Usage: %s [OPTIONS] %s\n%s\n\n%s%s%s", spec->name, spec->synopsis,
           spec->summary, help_text, spec->more_help, common_text);
}

static bool names_stdio(const char *uri)
{
    return !strncmp(uri, "stdio:", 6);
}

static ToolParse check_options(ToolOptions *opt)
{
    if (opt->many && !opt->spec->network_is_input) {
        usage(opt, "--max and --keep-listening are for receivers");
        return TOOL_PARSE_USAGE;
    }
    if (opt->multifd && (opt->many || opt->channels)) {
        usage(opt, "--multifd goes with neither --channels nor many "
                   "migrations");
        return TOOL_PARSE_USAGE;
    }
    /* On the network side stdio: talks on standard output as well. */
    if (opt->json &&
        (names_stdio(opt->output) ||
         (opt->spec->network_is_input && names_stdio(opt->input)))) {
        usage(opt, "--json and stdio: both want standard output");
        return TOOL_PARSE_USAGE;
    }
    if (opt->quiet) {
        opt->progress = false;
        opt->verbose = false;
    } else if (isatty(STDERR_FILENO)) {
        opt->progress = true;
    }
    return TOOL_PARSE_RUN;
}

ToolParse tool_options_parse(ToolOptions *opt, const ToolSpec *spec, int argc,
                             char **argv)
{
    int which, index;

    *opt = (ToolOptions){
        .spec = spec,
        .timeout_ms = -1,
        .channel_threads = has_processors_to_spare(),
    };
    opt->objects = calloc((size_t)argc + 1, sizeof(*opt->objects));
    if (!opt->objects) {
        usage(opt, "out of memory");
        return TOOL_PARSE_USAGE;
    }
    opterr = 0;
    while ((which = getopt_long(argc, argv, ":", long_options, &index)) != -1) {
        switch (which) {
        case OPT_HELP:
            print_help(spec);
            return TOOL_PARSE_DONE;
        case OPT_VERSION:
            printf("%s (libqio) %s\n", spec->name, qio_version());
            return TOOL_PARSE_DONE;
        case ':':
            usage(opt, "%s needs a value", argv[optind - 1]);
            return TOOL_PARSE_USAGE;
        case '?':
            usage(opt, "unknown option %s", argv[optind - 1]);
            return TOOL_PARSE_USAGE;
        default:
            if (take_option(opt, which, optarg)) {
                break;
            }
            usage(opt, "--%s: '%s' will not do", long_options[index].name,
                  optarg);
            return TOOL_PARSE_USAGE;
        }
    }
    if (argc - optind != 2) {
        usage(opt, "expected two URIs, got %d: %s", argc - optind,
              spec->synopsis);
        return TOOL_PARSE_USAGE;
    }
    opt->input = argv[optind];
    opt->output = argv[optind + 1];
    return check_options(opt);
}

void tool_options_free(ToolOptions *opt)
{
    free(opt->objects);
    opt->objects = NULL;
}

int tool_options_timeout(const ToolOptions *opt)
{
    return opt->timeout_ms >= 0 ? opt->timeout_ms : TOOL_DEFAULT_TIMEOUT_MS;
}
