/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A push-down automaton for RFC 8259 with a bit for each level. */
#include <config.h>
#include "json-scan.h"

#include <string.h>

enum state {
    START,
    VALUE,       /* a value must come */
    FIRST_VALUE, /* or the array's end */
    KEY,         /* a key must come */
    FIRST_KEY,   /* or the object's end */
    COLON,
    AFTER_VALUE, /* a comma or the end of what we are in */
    STRING,
    ESCAPE,
    HEX,
    LITERAL,
    MINUS, /* the first digit must come */
    ZERO,  /* nothing but . or e may follow in this number */
    INTEGER,
    DOT, /* a digit must come */
    FRACTION,
    EXP,      /* a sign or a digit must come */
    EXP_SIGN, /* a digit must come */
    EXP_DIGITS,
    DONE, /* white space or NULs */
    NULS,
    BAD,
};

#define MISMATCH 0xff
static const char devices[] = "devices";

void qiop_json_scan_init(struct qiop_json_scan *s)
{
    memset(s, 0, sizeof(*s));
    s->state = START;
}

bool qiop_json_scan_complete(const struct qiop_json_scan *s)
{
    return (s->state == DONE || s->state == NULS) && s->devices;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool in_object(const struct qiop_json_scan *s)
{
    return s->objects >> (s->depth - 1) & 1;
}

static enum state push(struct qiop_json_scan *s, bool object)
{
    uint64_t bit;

    if (s->depth == QIOP_JSON_SCAN_DEPTH) {
        return BAD;
    }
    bit = (uint64_t)1 << s->depth++;
    s->objects = object ? s->objects | bit : s->objects & ~bit;
    return object ? FIRST_KEY : FIRST_VALUE;
}

static enum state pop(struct qiop_json_scan *s, uint8_t c)
{
    if (in_object(s) != (c == '}')) {
        return BAD;
    }
    return --s->depth ? AFTER_VALUE : DONE;
}

static enum state begin_literal(struct qiop_json_scan *s, uint8_t c)
{
    switch (c) {
    case 't':
        s->literal = "rue";
        return LITERAL;
    case 'f':
        s->literal = "alse";
        return LITERAL;
    case 'n':
        s->literal = "ull";
        return LITERAL;
    default:
        return BAD;
    }
}

static enum state begin_value(struct qiop_json_scan *s, uint8_t c)
{
    bool wanted = s->devices_key;

    s->devices_key = false;
    switch (c) {
    case '{':
        return push(s, true);
    case '[':
        s->devices |= wanted;
        return push(s, false);
    case '"':
        s->in_key = false;
        return STRING;
    case '-':
        return MINUS;
    case '0':
        return ZERO;
    default:
        return is_digit(c) ? INTEGER : begin_literal(s, c);
    }
}

static enum state begin_key(struct qiop_json_scan *s, uint8_t c)
{
    if (c != '"') {
        return BAD;
    }
    s->in_key = true;
    s->matched = s->depth == 1 ? 0 : MISMATCH;
    return STRING;
}

static enum state after_value(struct qiop_json_scan *s, uint8_t c)
{
    if (c == '}' || c == ']') {
        return pop(s, c);
    }
    if (c != ',') {
        return BAD;
    }
    return in_object(s) ? KEY : VALUE;
}

/* Between the words of the language. */
static enum state structure(struct qiop_json_scan *s, uint8_t c)
{
    if (is_space(c)) {
        return s->state == START ? BAD : s->state;
    }
    switch (s->state) {
    case START:
        return c == '{' ? push(s, true) : BAD;
    case FIRST_VALUE:
        return c == ']' ? pop(s, c) : begin_value(s, c);
    case VALUE:
        return begin_value(s, c);
    case FIRST_KEY:
        return c == '}' ? pop(s, c) : begin_key(s, c);
    case KEY:
        return begin_key(s, c);
    case COLON:
        return c == ':' ? VALUE : BAD;
    default:
        return after_value(s, c);
    }
}

static enum state end_string(struct qiop_json_scan *s)
{
    if (!s->in_key) {
        return AFTER_VALUE;
    }
    s->devices_key = s->matched == sizeof(devices) - 1;
    return COLON;
}

static enum state string(struct qiop_json_scan *s, uint8_t c)
{
    if (c == '"') {
        return end_string(s);
    }
    if (c < 0x20) {
        return BAD;
    }
    if (c == '\\' || s->matched >= sizeof(devices) - 1 ||
        c != (uint8_t)devices[s->matched]) {
        s->matched = MISMATCH;
    } else {
        s->matched++;
    }
    return c == '\\' ? ESCAPE : STRING;
}

static enum state escape(struct qiop_json_scan *s, uint8_t c)
{
    if (c == 'u') {
        s->hex = 4;
        return HEX;
    }
    return c && strchr("\"\\/bfnrt", c) ? STRING : BAD;
}

static enum state word(struct qiop_json_scan *s, uint8_t c)
{
    if (s->state == HEX) {
        if (!is_hex(c)) {
            return BAD;
        }
        return --s->hex ? HEX : STRING;
    }
    if (c != (uint8_t)*s->literal) {
        return BAD;
    }
    return *++s->literal ? LITERAL : AFTER_VALUE;
}

static enum state first_digit(uint8_t c)
{
    if (c == '0') {
        return ZERO;
    }
    return is_digit(c) ? INTEGER : BAD;
}

/* A number has no end of its own: what follows it ends it. */
static enum state number(struct qiop_json_scan *s, uint8_t c)
{
    bool digit = is_digit(c);

    switch (s->state) {
    case MINUS:
        return first_digit(c);
    case DOT:
        return digit ? FRACTION : BAD;
    case EXP:
        if (c == '+' || c == '-') {
            return EXP_SIGN;
        }
        return digit ? EXP_DIGITS : BAD;
    case EXP_SIGN:
        return digit ? EXP_DIGITS : BAD;
    default:
        break;
    }
    if (digit) {
        return s->state == ZERO ? BAD : s->state;
    }
    if (c == '.' && (s->state == ZERO || s->state == INTEGER)) {
        return DOT;
    }
    if ((c == 'e' || c == 'E') && s->state != EXP_DIGITS) {
        return EXP;
    }
    s->state = AFTER_VALUE;
    return structure(s, c);
}

static enum state trailer(struct qiop_json_scan *s, uint8_t c)
{
    if (!c) {
        return s->nuls++ < QIOP_JSON_SCAN_NULS ? NULS : BAD;
    }
    return s->state == DONE && is_space(c) ? DONE : BAD;
}

static enum state step(struct qiop_json_scan *s, uint8_t c)
{
    switch (s->state) {
    case STRING:
        return string(s, c);
    case ESCAPE:
        return escape(s, c);
    case HEX:
    case LITERAL:
        return word(s, c);
    case MINUS:
    case ZERO:
    case INTEGER:
    case DOT:
    case FRACTION:
    case EXP:
    case EXP_SIGN:
    case EXP_DIGITS:
        return number(s, c);
    case DONE:
    case NULS:
        return trailer(s, c);
    case BAD:
        return BAD;
    default:
        return structure(s, c);
    }
}

bool qiop_json_scan_feed(struct qiop_json_scan *s, const void *data, size_t len)
{
    const uint8_t *p = data;
    const uint8_t *end = p + len;

    while (p < end && s->state != BAD) {
        s->state = step(s, *p++);
    }
    return s->state != BAD;
}
