/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Splitting texts at single commas; see optstr.h. */
#include <config.h>
#include "base/optstr.h"

#include <stdlib.h>
#include <string.h>

size_t qiop_optstr_span(const char *text)
{
    size_t i = 0;

    while (text[i]) {
        if (text[i] != ',') {
            i++;
            continue;
        }
        if (text[i + 1] != ',') {
            break;
        }
        i += 2;
    }
    return i;
}

int qiop_optstr_next(const char **pos, char **piece, QIOError **errp)
{
    const char *text = *pos;
    size_t span, i, n = 0;
    char *copy;

    if (!text) {
        return 0;
    }
    span = qiop_optstr_span(text);
    copy = malloc(span + 1);
    if (!copy) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    for (i = 0; i < span; i++) {
        copy[n++] = text[i];
        if (text[i] == ',') {
            i++;
        }
    }
    copy[n] = '\0';
    *piece = copy;
    *pos = text[span] ? text + span + 1 : NULL;
    return 1;
}

char *qiop_optstr_value(char *piece)
{
    char *eq = strchr(piece, '=');

    if (!eq) {
        return NULL;
    }
    *eq = '\0';
    return eq + 1;
}

char *qiop_optstr_escape(const char *text, QIOError **errp)
{
    size_t commas = 0, n = 0, i;
    char *out;

    for (i = 0; text[i]; i++) {
        commas += text[i] == ',';
    }
    out = malloc(i + commas + 1);
    if (!out) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return NULL;
    }
    for (i = 0; text[i]; i++) {
        out[n++] = text[i];
        if (text[i] == ',') {
            out[n++] = ',';
        }
    }
    out[n] = '\0';
    return out;
}

int qiop_optstr_bool(const char *value, bool *result)
{
    static const char *const on[] = {"on", "yes", "true", "y"};
    static const char *const off[] = {"off", "no", "false", "n"};
    size_t i;

    if (!value) {
        *result = true;
        return 0;
    }
    for (i = 0; i < sizeof(on) / sizeof(on[0]); i++) {
        if (strcmp(value, on[i]) == 0) {
            *result = true;
            return 0;
        }
        if (strcmp(value, off[i]) == 0) {
            *result = false;
            return 0;
        }
    }
    return -1;
}

int qiop_optstr_uint(const char *value, uint64_t max, uint64_t *result)
{
    uint64_t n = 0;

    if (!value || !*value) {
        return -1;
    }
    for (; *value; value++) {
        unsigned digit = (unsigned)(*value - '0');

        if (digit > 9 || digit > max || n > (max - digit) / 10) {
            return -1;
        }
        n = n * 10 + digit;
    }
    *result = n;
    return 0;
}
