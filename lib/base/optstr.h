/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Texts of the kind "tcp:host:1,ipv4=on,tls-creds=tls0": pieces separated by
 * single commas, where a comma that belongs to a piece is written twice. Used
 * by addresses, by endpoints (whose layer options follow an address) and by
 * object texts ("TYPE,id=ID,prop=value").
 */
#ifndef QIOP_BASE_OPTSTR_H
#define QIOP_BASE_OPTSTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <qio/error.h>

/* Length of the first piece of text as it stands there, escapes included: up
 * to the first single comma or the end. For cutting without unescaping. */
size_t qiop_optstr_span(const char *text);

/*
 * The next piece, unescaped. *pos starts as the text and becomes NULL after
 * the last piece, so an empty text has one empty piece and "a," has two.
 *
 *     const char *pos = text;
 *     char *piece;
 *     int ret;
 *
 *     while ((ret = qiop_optstr_next(&pos, &piece, errp)) > 0) {
 *         char *value = qiop_optstr_value(piece);
 *         ...
 *         free(piece);
 *     }
 *
 * Returns 1 (*piece is the caller's, for free()), 0 (no more), or -1.
 */
int qiop_optstr_next(const char **pos, char **piece, QIOError **errp);

/* Cut "name=value" at its first '=': piece becomes the name, the result points
 * at the value inside it; NULL when there is no '='. */
char *qiop_optstr_value(char *piece);

/* The opposite of unescaping; free() it. NULL without memory. */
char *qiop_optstr_escape(const char *text, QIOError **errp);

/* Values. A NULL value is that of a bare name and means on. Returned is 0, or
 * -1 when the value is malformed: the caller knows how to name the option. */
int qiop_optstr_bool(const char *value, bool *result);
/* Decimal digits only, no sign, no space, not above max. */
int qiop_optstr_uint(const char *value, uint64_t max, uint64_t *result);

#endif
