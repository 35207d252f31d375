/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* As much of HTTP/1.1 as an opening handshake needs. */
#include <config.h>
#include "websocket/http.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- finding the end ---- */

/* What may stand in a line: visible ASCII, space and tab, and in fields also
 * bytes beyond ASCII, which say nothing to us. */
static bool fits_in_line(uint8_t c, bool first_line)
{
    if (c >= 0x80) {
        return !first_line;
    }
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

/* With a line feed taken. */
static ssize_t end_of_line(struct qiop_http_scan *s)
{
    size_t len = s->at - s->line_start - 2;

    s->line_start = s->at;
    s->cr = false;
    if (len == 0) {
        return s->lines ? (ssize_t)s->at : QIOP_HTTP_BAD;
    }
    s->lines++;
    return s->lines > QIOP_HTTP_FIELDS_MAX + 1 ? QIOP_HTTP_TOO_LARGE
                                               : QIOP_HTTP_MORE;
}

static ssize_t scan_byte(struct qiop_http_scan *s, uint8_t c)
{
    if (s->at > QIOP_HTTP_HEAD_MAX) {
        return QIOP_HTTP_TOO_LARGE;
    }
    if (s->cr) {
        return c == '\n' ? end_of_line(s) : QIOP_HTTP_BAD;
    }
    if (c == '\r') {
        s->cr = true;
        return QIOP_HTTP_MORE;
    }
    if (!fits_in_line(c, s->lines == 0)) {
        return QIOP_HTTP_BAD;
    }
    if (s->lines == 0 && s->at > QIOP_HTTP_LINE_MAX) {
        return QIOP_HTTP_LONG_LINE;
    }
    return QIOP_HTTP_MORE;
}

ssize_t qiop_http_scan(struct qiop_http_scan *s, const uint8_t *data,
                       size_t len)
{
    ssize_t r = QIOP_HTTP_MORE;

    while (r == QIOP_HTTP_MORE && s->at < len) {
        uint8_t c = data[s->at++];

        r = scan_byte(s, c);
    }
    return r;
}

/* ---- taking it apart ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool qiop_http_is_token(const char *text, size_t len)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                     (c >= 'A' && c <= 'Z');

        if (!c || (!alnum && !strchr(others, c))) {
            return false;
        }
    }
    return len > 0;
}

bool qiop_http_is_value(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)text[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return len == 0 || (!is_blank(text[0]) && !is_blank(text[len - 1]));
}

bool qiop_http_is_visible(const char *text)
{
    if (!*text) {
        return false;
    }
    for (; *text; text++) {
        if (*text <= 0x20 || *text >= 0x7f) {
            return false;
        }
    }
    return true;
}

/* "Name: value", without the end of the line. No white space before the colon,
 * and no line that continues the one before: both have been used to smuggle. */
static int parse_field(struct qiop_http_head *h, char *line)
{
    char *colon = strchr(line, ':');
    char *value, *end;

    if (!colon || !qiop_http_is_token(line, (size_t)(colon - line)) ||
        h->n == QIOP_HTTP_FIELDS_MAX) {
        return -1;
    }
    *colon = '\0';
    value = colon + 1;
    while (is_blank(*value)) {
        value++;
    }
    end = value + strlen(value);
    while (end > value && is_blank(end[-1])) {
        end--;
    }
    *end = '\0';
    h->v[h->n].name = line;
    h->v[h->n].value = value;
    h->n++;
    return 0;
}

int qiop_http_parse(struct qiop_http_head *h, const uint8_t *data, size_t len,
                    QIOError **errp)
{
    char *line, *end;

    h->n = 0;
    h->text = malloc(len + 1);
    if (!h->text) {
        qio_error_set(errp, QIO_ERROR_NOMEM, 0,
                      "out of memory for a websocket handshake");
        return -1;
    }
    memcpy(h->text, data, len);
    h->text[len] = '\0';
    h->line = h->text;
    /* The scan has seen to it that every line ends in CR LF. */
    for (line = h->text; (end = strchr(line, '\r')) != line; line = end + 2) {
        *end = '\0';
        if (line != h->text && parse_field(h, line) < 0) {
            return -1;
        }
    }
    return 0;
}

void qiop_http_head_free(struct qiop_http_head *h)
{
    free(h->text);
    h->text = NULL;
    h->n = 0;
}

size_t qiop_http_count(const struct qiop_http_head *h, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < h->n; i++) {
        n += strcasecmp(h->v[i].name, name) == 0;
    }
    return n;
}

const char *qiop_http_value(const struct qiop_http_head *h, const char *name)
{
    for (size_t i = 0; i < h->n; i++) {
        if (strcasecmp(h->v[i].name, name) == 0) {
            return h->v[i].value;
        }
    }
    return NULL;
}

const char *qiop_http_single(const struct qiop_http_head *h, const char *name)
{
    return qiop_http_count(h, name) == 1 ? qiop_http_value(h, name) : NULL;
}

const char *qiop_http_element(const char **pos, size_t *len)
{
    const char *p = *pos + strspn(*pos, " \t,");
    size_t n = strcspn(p, ",");

    *pos = p + n;
    while (n && is_blank(p[n - 1])) {
        n--;
    }
    *len = n;
    return n ? p : NULL;
}

bool qiop_http_lists(const struct qiop_http_head *h, const char *name,
                     const char *word)
{
    for (size_t i = 0; i < h->n; i++) {
        const char *pos = h->v[i].value;
        const char *one;
        size_t len;

        if (strcasecmp(h->v[i].name, name) != 0) {
            continue;
        }
        while ((one = qiop_http_element(&pos, &len))) {
            if (len == strlen(word) && strncasecmp(one, word, len) == 0) {
                return true;
            }
        }
    }
    return false;
}

int qiop_http_put(struct qiop_queue *q, QIOError **errp, ...)
{
    const char *text;
    int ret = 0;
    va_list ap;

    va_start(ap, errp);
    while (ret == 0 && (text = va_arg(ap, const char *))) {
        ret = qiop_queue_append(q, text, strlen(text), errp);
    }
    va_end(ap);
    return ret;
}
