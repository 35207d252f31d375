/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* As much of HTTP/1.1 as an opening handshake needs (RFC 7230 §3), strictly
 * and within bounds. */
#ifndef QIOP_WEBSOCKET_HTTP_H
#define QIOP_WEBSOCKET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/queue.h"

/* Bytes of a head, and of its first line; fields in it. */
#define QIOP_HTTP_HEAD_MAX 16384
#define QIOP_HTTP_LINE_MAX 8192
#define QIOP_HTTP_FIELDS_MAX 100

enum qiop_http_end {
    QIOP_HTTP_MORE = 0,
    QIOP_HTTP_BAD = -1,       /* this will never be HTTP */
    QIOP_HTTP_LONG_LINE = -2, /* the first line */
    QIOP_HTTP_TOO_LARGE = -3, /* all of it, or too many fields */
};

/* All zero at first. */
struct qiop_http_scan {
    size_t at; /* bytes looked at */
    size_t line_start;
    size_t lines;
    bool cr;
};

/* Look for the empty line that ends a head; data grows from call to call.
 * Returns the length of the head, or one of the above. Bytes that no head has
 * are seen at once. */
ssize_t qiop_http_scan(struct qiop_http_scan *s, const uint8_t *data,
                       size_t len);

struct qiop_http_head {
    char *text;       /* what the others point into */
    const char *line; /* the first one */
    struct {
        const char *name;
        const char *value; /* without white space around it */
    } v[QIOP_HTTP_FIELDS_MAX];
    size_t n;
};

/* Take a head apart whose end was found. 0, or -1 for malformed fields; without
 * memory also *errp is set. Free it in any case. */
int qiop_http_parse(struct qiop_http_head *h, const uint8_t *data, size_t len,
                    QIOError **errp);
void qiop_http_head_free(struct qiop_http_head *h);

/* How many fields have the name, and the value of the first; NULL. */
size_t qiop_http_count(const struct qiop_http_head *h, const char *name);
const char *qiop_http_value(const struct qiop_http_head *h, const char *name);
/* The only one of the name: NULL when there is none or more than one. */
const char *qiop_http_single(const struct qiop_http_head *h, const char *name);

/* The next element of a comma-separated list: *pos moves on and *len is the
 * element's length. NULL after the last one. Empty elements are passed over. */
const char *qiop_http_element(const char **pos, size_t *len);
/* Whether a list, in any field of the name, has the word, in any case. */
bool qiop_http_lists(const struct qiop_http_head *h, const char *name,
                     const char *word);

/* RFC 7230 §3.2.6; of len bytes. */
bool qiop_http_is_token(const char *text, size_t len);
/* What may be in a field's value that we write: no control characters, no white
 * space around it. */
bool qiop_http_is_value(const char *text);
/* Not empty, and nothing but visible ASCII. */
bool qiop_http_is_visible(const char *text);

/* Append texts, the last one is followed by NULL. */
int qiop_http_put(struct qiop_queue *q, QIOError **errp, ...)
    __attribute__((sentinel));

#endif
