/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a tool tells of its TLS session: at its start, and when it is over. */
#define _GNU_SOURCE
#include "tool-tls.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    VERSION,
    CIPHER,
    GROUP,
    SIGNATURE,
    ENGINE,
    ALPN,
    RESUMED,
    NAMES,
};

static const struct {
    QIOTLSFact fact;
    const char *key;
} texts[TOOL_TLS_TEXTS] = {
    [VERSION] = {QIO_TLS_FACT_VERSION, "version"},
    [CIPHER] = {QIO_TLS_FACT_CIPHER, "cipher"},
    [GROUP] = {QIO_TLS_FACT_GROUP, "group"},
    [SIGNATURE] = {QIO_TLS_FACT_SIGNATURE, "signature"},
    [ENGINE] = {QIO_TLS_FACT_ENGINE, "engine"},
    [ALPN] = {QIO_TLS_FACT_ALPN, "alpn"},
    [RESUMED] = {QIO_TLS_FACT_RESUMED, "resumed"},
    [NAMES] = {QIO_TLS_FACT_PEER_NAMES, "peer_names"},
};

static const struct {
    QIOTLSCount count;
    const char *key;
} counts[TOOL_TLS_COUNTS] = {
    {QIO_TLS_COUNT_HANDSHAKE_US, "handshake_us"},
    {QIO_TLS_COUNT_RECORDS_SENT, "records_sent"},
    {QIO_TLS_COUNT_BYTES_SENT, "bytes_sent"},
    {QIO_TLS_COUNT_KEY_UPDATES_SENT, "key_updates_sent"},
    {QIO_TLS_COUNT_RECORDS_RECEIVED, "records_received"},
    {QIO_TLS_COUNT_BYTES_RECEIVED, "bytes_received"},
    {QIO_TLS_COUNT_KEY_UPDATES_RECEIVED, "key_updates_received"},
};

void tool_tls_facts(ToolTls *tls, QIOChannel *ioc)
{
    tls->known = true;
    for (size_t i = 0; i < TOOL_TLS_TEXTS; i++) {
        tls->texts[i] = qio_channel_tls_fact(ioc, texts[i].fact, NULL);
    }
    tool_tls_count(tls, ioc);
}

void tool_tls_count(ToolTls *tls, QIOChannel *ioc)
{
    for (size_t i = 0; i < TOOL_TLS_COUNTS; i++) {
        tls->counts[i] = qio_channel_tls_count(ioc, counts[i].count, NULL);
    }
}

void tool_tls_clear(ToolTls *tls)
{
    for (size_t i = 0; i < TOOL_TLS_TEXTS; i++) {
        free(tls->texts[i]);
    }
    memset(tls, 0, sizeof(*tls));
}

/* ---- for people ---- */

static const char *or_none(const char *text)
{
    return text ? text : "none";
}

static bool is_resumed(const ToolTls *tls)
{
    return tls->texts[RESUMED] && !strcmp(tls->texts[RESUMED], "yes");
}

char *tool_tls_agreed(const ToolTls *tls)
{
    char *line;

    if (asprintf(&line,
                 "%s, cipher %s, group %s, signature %s, protocol %s, records "
                 "by %s, %s handshake in %.1f ms",
                 or_none(tls->texts[VERSION]), or_none(tls->texts[CIPHER]),
                 or_none(tls->texts[GROUP]), or_none(tls->texts[SIGNATURE]),
                 or_none(tls->texts[ALPN]), or_none(tls->texts[ENGINE]),
                 is_resumed(tls) ? "resumed" : "full",
                 (double)tls->counts[0] / 1000) < 0) {
        return NULL;
    }
    return line;
}

char *tool_tls_peer(const ToolTls *tls)
{
    const char *names = tls->texts[NAMES];
    size_t len = names ? strlen(names) : 0;
    char *line = NULL;
    size_t size;
    FILE *f;

    if (!len || !(f = open_memstream(&line, &size))) {
        return NULL;
    }
    fputs("the peer is ", f);
    for (size_t i = 0; i < len; i++) {
        if (names[i] != '\n') {
            fputc(names[i], f);
        } else if (i + 1 < len) {
            fputs("; ", f);
        }
    }
    if (fclose(f)) {
        free(line);
        return NULL;
    }
    return line;
}

char *tool_tls_counted(const ToolTls *tls)
{
    const int64_t *n = tls->counts;
    char *line;

    if (asprintf(&line,
                 "TLS sent %" PRId64 " records with %" PRId64 " bytes, %" PRId64
                 " key updates; received %" PRId64 " records with %" PRId64
                 " bytes, %" PRId64 " key updates",
                 n[1], n[2], n[3], n[4], n[5], n[6]) < 0) {
        return NULL;
    }
    return line;
}

/* ---- for programs ---- */

void tool_json_string(FILE *f, const char *text, size_t len)
{
    if (!text) {
        fputs("null", f);
        return;
    }
    fputc('"', f);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '"' || c == '\\') {
            fprintf(f, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            fprintf(f, "\\u%04x", c);
        } else {
            fputc(c, f);
        }
    }
    fputc('"', f);
}

/* A name a line. */
static void json_names(const char *names, FILE *f)
{
    const char *separator = "";

    fputc('[', f);
    while (names && *names) {
        size_t len = strcspn(names, "\n");

        fputs(separator, f);
        tool_json_string(f, names, len);
        separator = ", ";
        names += len + (names[len] == '\n');
    }
    fputc(']', f);
}

void tool_tls_json(const ToolTls *tls, FILE *f)
{
    if (!tls->known) {
        fputs("null", f);
        return;
    }
    fputc('{', f);
    for (size_t i = 0; i < TOOL_TLS_TEXTS; i++) {
        const char *text = tls->texts[i];

        fprintf(f, "%s\"%s\": ", i ? ", " : "", texts[i].key);
        if (i == RESUMED) {
            fputs(is_resumed(tls) ? "true" : "false", f);
        } else if (i == NAMES) {
            json_names(text, f);
        } else {
            tool_json_string(f, text, text ? strlen(text) : 0);
        }
    }
    for (size_t i = 0; i < TOOL_TLS_COUNTS; i++) {
        fprintf(f, ", \"%s\": %" PRId64, counts[i].key, tls->counts[i]);
    }
    fputc('}', f);
}
