/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A list file's JSON (RFC 8259): one object with strings and a row of rules,
 * strictly, for a mistake here lets somebody in. */
#include <config.h>
#include "tls/authz.h"

#include <stdlib.h>
#include <string.h>

/* Of a string, as bytes. */
#define STRING_MAX 4096

struct parser {
    const char *p, *end;
    const char *start;
    const char *path;
    QIOError **errp;
};

/* A rule on its way. */
struct members {
    char match[STRING_MAX], policy[16], format[16];
};

static int bad(const struct parser *s, const char *what)
{
    unsigned line = 1;
    const char *p;

    for (p = s->start; p < s->p; p++) {
        line += *p == '\n';
    }
    qio_error_set(s->errp, QIO_ERROR_CREDENTIALS, 0, "'%s' line %u: %s",
                  s->path, line, what);
    return -1;
}

static void skip_space(struct parser *s)
{
    while (s->p < s->end && strchr(" \t\r\n", *s->p) && *s->p) {
        s->p++;
    }
}

/* Whether the next thing is c; taken if so. */
static bool next_is(struct parser *s, char c)
{
    skip_space(s);
    if (s->p < s->end && *s->p == c) {
        s->p++;
        return true;
    }
    return false;
}

static int hex4(struct parser *s)
{
    int value = 0, i;

    for (i = 0; i < 4; i++, s->p++) {
        static const char digits[] = "0123456789abcdef";
        const char *d;

        if (s->p == s->end || !*s->p) {
            return -1;
        }
        d = strchr(digits, *s->p >= 'A' && *s->p <= 'F' ? *s->p + 32 : *s->p);
        if (!d) {
            return -1;
        }
        value = value << 4 | (int)(d - digits);
    }
    return value;
}

/* Below U+0080 only: the names that a rule can match otherwise are written as
 * they are, in UTF-8. */
static int escaped(struct parser *s)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *f;
    int c;

    if (s->p == s->end || !*s->p) {
        return -1;
    }
    if (*s->p == 'u') {
        s->p++;
        c = hex4(s);
        return c > 0 && c < 0x80 ? c : -1;
    }
    f = strchr(from, *s->p++);
    return f ? to[f - from] : -1;
}

static int string(struct parser *s, char *out, size_t size)
{
    size_t len = 0;

    if (!next_is(s, '"')) {
        return bad(s, "a string is expected");
    }
    while (s->p < s->end && *s->p != '"') {
        int c = (unsigned char)*s->p++;

        if (c == '\\') {
            c = escaped(s);
        } else if (c < 0x20) {
            c = -1;
        }
        if (c < 0) {
            return bad(s, "a string with a character that cannot be there");
        }
        if (len + 1 == size) {
            return bad(s, "a string is too long");
        }
        out[len++] = (char)c;
    }
    out[len] = '\0';
    return next_is(s, '"') ? 0 : bad(s, "a string without end");
}

/* "zero" or "one"; none: by_default. */
static int choice(const struct parser *s, const char *text, const char *zero,
                  const char *one, int by_default)
{
    if (!*text) {
        return by_default;
    }
    if (strcmp(text, zero) == 0 || strcmp(text, one) == 0) {
        return strcmp(text, one) == 0;
    }
    return bad(s, "a policy is allow or deny, a format exact or glob");
}

/* One "name": value, where the value is a string. */
static int rule_member(struct parser *s, struct members *m, const char *name)
{
    char *field = NULL;
    size_t size = sizeof(m->policy);

    if (strcmp(name, "match") == 0) {
        field = m->match;
        size = sizeof(m->match);
    } else if (strcmp(name, "policy") == 0) {
        field = m->policy;
    } else if (strcmp(name, "format") == 0) {
        field = m->format;
    }
    if (!field) {
        return bad(s, "a rule has match, policy and format");
    }
    if (*field) {
        return bad(s, "a name is there twice");
    }
    if (string(s, field, size)) {
        return -1;
    }
    return *field ? 0 : bad(s, "an empty text");
}

static int rule(struct parser *s, struct qiop_authz_rules *r, struct members *m)
{
    int allow, glob;

    m->match[0] = m->policy[0] = m->format[0] = '\0';
    if (!next_is(s, '{')) {
        return bad(s, "a rule is expected");
    }
    do {
        char name[16];

        if (string(s, name, sizeof(name))) {
            return -1;
        }
        if (!next_is(s, ':')) {
            return bad(s, "':' is expected");
        }
        if (rule_member(s, m, name)) {
            return -1;
        }
    } while (next_is(s, ','));
    if (!next_is(s, '}')) {
        return bad(s, "'}' is expected");
    }
    if (!*m->match || !*m->policy) {
        return bad(s, "a rule needs match and policy");
    }
    allow = choice(s, m->policy, "deny", "allow", 0);
    glob = allow < 0 ? -1 : choice(s, m->format, "exact", "glob", 0);
    return glob < 0 ? -1
                    : qiop_authz_rules_insert(r, r->n, m->match,
                                              glob ? QIO_AUTHZ_FORMAT_GLOB
                                                   : QIO_AUTHZ_FORMAT_EXACT,
                                              allow, s->errp);
}

static int rules(struct parser *s, struct qiop_authz_rules *r)
{
    struct members *m;
    int ret = 0;

    if (!next_is(s, '[')) {
        return bad(s, "'[' is expected");
    }
    if (next_is(s, ']')) {
        return 0;
    }
    m = malloc(sizeof(*m));
    if (!m) {
        qio_error_set(s->errp, QIO_ERROR_NOMEM, 0, "out of memory");
        return -1;
    }
    do {
        ret = rule(s, r, m);
    } while (ret == 0 && next_is(s, ','));
    free(m);
    if (ret == 0 && !next_is(s, ']')) {
        return bad(s, "']' is expected");
    }
    return ret;
}

static int top_member(struct parser *s, struct qiop_authz_rules *r,
                      bool *have_policy, bool *have_rules)
{
    char name[16], policy[16];
    int allow;

    if (string(s, name, sizeof(name))) {
        return -1;
    }
    if (!next_is(s, ':')) {
        return bad(s, "':' is expected");
    }
    if (strcmp(name, "rules") == 0 && !*have_rules) {
        *have_rules = true;
        return rules(s, r);
    }
    if (strcmp(name, "policy") != 0 || *have_policy) {
        return bad(s, "a list has policy and rules, once each");
    }
    *have_policy = true;
    if (string(s, policy, sizeof(policy))) {
        return -1;
    }
    allow = choice(s, policy, "deny", "allow", 0);
    r->allow_by_default = allow > 0;
    return allow < 0 ? -1 : 0;
}

int qiop_authz_rules_parse(struct qiop_authz_rules *r, const char *text,
                           size_t len, const char *path, QIOError **errp)
{
    struct parser s = {text, text + len, text, path, errp};
    bool have_policy = false, have_rules = false;

    if (!next_is(&s, '{')) {
        return bad(&s, "'{' is expected");
    }
    do {
        if (top_member(&s, r, &have_policy, &have_rules)) {
            return -1;
        }
    } while (next_is(&s, ','));
    if (!next_is(&s, '}')) {
        return bad(&s, "'}' is expected");
    }
    skip_space(&s);
    if (s.p != s.end) {
        return bad(&s, "something follows the list");
    }
    return have_rules ? 0 : bad(&s, "the list has no rules");
}
