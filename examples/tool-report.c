/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a tool tells its caller: exit status, one line, JSON, progress. */
#define _GNU_SOURCE
#include "tool-report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t tool_now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int tool_fail(ToolResult *r, int exit_code, QIOError *err, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;

    if (r->exit != TOOL_OK) {
        qio_error_free(err);
        return -1;
    }
    r->exit = exit_code;
    r->code = qio_error_code(err);
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0) {
        text = NULL;
    }
    va_end(ap);
    r->message = text;
    if (err && text) {
        if (asprintf(&r->message, "%s: %s", text, qio_error_message(err)) < 0) {
            r->message = text;
        } else {
            free(text);
        }
    }
    qio_error_free(err);
    return -1;
}

void tool_say(const ToolOptions *opt, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0) {
        return;
    }
    /* One write, so that lines of two tools on one terminal stay whole. */
    fprintf(stderr, "%s: %s\n", opt->spec->name, text);
    free(text);
}

/* 1536 -> "1.5 KiB" */
static void format_size(char buf[32], double v)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t i = 0;

    while (v >= 1024 && i + 1 < sizeof(units) / sizeof(units[0])) {
        v /= 1024;
        i++;
    }
    snprintf(buf, 32, i ? "%.1f %s" : "%.0f %s", v, units[i]);
}

static double seconds_of(const ToolResult *r)
{
    int64_t end = r->ended_us ? r->ended_us : tool_now_us();

    return r->started_us ? (double)(end - r->started_us) / 1e6 : 0;
}

/* "connection 3: " of many, "" of one. */
static const char *which(char buf[48], const ToolResult *r)
{
    buf[0] = '\0';
    if (r->number) {
        snprintf(buf, 48, "connection %lu: ", r->number);
    }
    return buf;
}

void tool_progress(const ToolOptions *opt, const ToolResult *r, uint64_t bytes,
                   bool final)
{
    char size[32], rate[32], number[48];
    double s = seconds_of(r);
    /* Those of many cannot share a line. */
    bool tty = isatty(STDERR_FILENO) && !r->number;

    format_size(size, (double)bytes);
    format_size(rate, s > 0 ? (double)bytes / s : 0);
    fprintf(stderr, "%s%s: %s%s, %s/s, %.1f s", tty ? "\r" : "",
            opt->spec->name, which(number, r), size, rate, s);
    if (final && r->tls) {
        fprintf(stderr, ", %s", r->tls);
    }
    /* Erase what a longer line left behind. */
    fprintf(stderr, "%s%s", tty ? "\033[K" : "", final || !tty ? "\n" : "");
}

static void json_string(FILE *f, const char *text)
{
    tool_json_string(f, text, text ? strlen(text) : 0);
}

static void print_json(const ToolOptions *opt, const ToolResult *r)
{
    static const char *const whole[] = {"null", "false", "true"};

    printf("{\"tool\": \"%s\", \"version\": \"%s\", ", opt->spec->name,
           qio_version());
    if (r->number) {
        printf("\"connection\": %lu, ", r->number);
    }
    if (r->channels) {
        printf("\"channels\": %u, \"channels_resumed\": %u, ", r->channels,
               r->resumed);
    }
    printf("\"result\": \"%s\", \"exit\": %d, \"bytes\": %" PRIu64
           ", \"seconds\": %.3f, \"whole\": %s, \"tls\": ",
           r->exit ? "failed" : "ok", r->exit, r->bytes, seconds_of(r),
           whole[r->whole + 1]);
    json_string(stdout, r->tls);
    fputs(", \"peer\": ", stdout);
    json_string(stdout, r->identity);
    fputs(", \"tls_session\": ", stdout);
    tool_tls_json(&r->session, stdout);
    fputs(", \"error\": ", stdout);
    if (r->exit) {
        printf("{\"code\": \"%s\", \"message\": ",
               qio_error_code_name(r->code));
        json_string(stdout, r->message ? r->message : "out of memory");
        fputs("}", stdout);
    } else {
        fputs("null", stdout);
    }
    puts("}");
    fflush(stdout);
}

/* text is taken. */
static void say_line(const ToolOptions *opt, const ToolResult *r, char *text)
{
    char number[48];

    if (text) {
        tool_say(opt, "%s%s", which(number, r), text);
        free(text);
    }
}

void tool_report_session(const ToolOptions *opt, const ToolResult *r)
{
    if (opt->verbose && r->session.known) {
        say_line(opt, r, tool_tls_agreed(&r->session));
        say_line(opt, r, tool_tls_peer(&r->session));
    }
}

int tool_report(const ToolOptions *opt, const ToolResult *r)
{
    char number[48];

    if (opt->progress && r->started_us) {
        tool_progress(opt, r, r->bytes, true);
    } else if (r->number && !r->exit && !opt->quiet) {
        tool_say(opt, "%sdone, %" PRIu64 " bytes", which(number, r), r->bytes);
    }
    if (opt->verbose && r->session.known) {
        say_line(opt, r, tool_tls_counted(&r->session));
    }
    if (r->exit) {
        tool_say(opt, "%s%s", which(number, r),
                 r->message ? r->message : "out of memory");
    }
    if (opt->json) {
        print_json(opt, r);
    }
    return r->exit;
}

void tool_result_clear(ToolResult *r)
{
    free(r->message);
    free(r->tls);
    free(r->identity);
    tool_tls_clear(&r->session);
    memset(r, 0, sizeof(*r));
}
