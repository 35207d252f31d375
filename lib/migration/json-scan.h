/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A strict JSON scanner that is fed piece by piece and keeps no byte: is this
 * one well-formed object which has an array "devices" at its top?
 */
#ifndef QIOP_MIGRATION_JSON_SCAN_H
#define QIOP_MIGRATION_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Objects and arrays inside one another; deeper is refused. */
#define QIOP_JSON_SCAN_DEPTH 64
/* NULs after it; more are refused. */
#define QIOP_JSON_SCAN_NULS 4096

struct qiop_json_scan {
    const char *literal; /* what must still come of true, false, null */
    uint64_t objects;    /* bit n: the level n+1 is an object, else an array */
    uint16_t nuls;
    uint8_t state;
    uint8_t depth;
    uint8_t hex;     /* digits still to come of \uXXXX */
    uint8_t matched; /* characters of "devices" that the key has so far */
    bool in_key;
    bool devices_key; /* the value to come is that of "devices" at the top */
    bool devices;     /* and was an array */
};

void qiop_json_scan_init(struct qiop_json_scan *s);
/* false: malformed, now and for ever. NULs may follow the object. */
bool qiop_json_scan_feed(struct qiop_json_scan *s, const void *data,
                         size_t len);
/* The object is there as a whole, and has its devices. */
bool qiop_json_scan_complete(const struct qiop_json_scan *s);

#endif
