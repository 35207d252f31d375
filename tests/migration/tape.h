/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A channel type for the stream's tests: what is written can be read again,
 * in portions, with stutters and failures as told, and calls are counted.
 */
#ifndef TESTS_MIGRATION_TAPE_H
#define TESTS_MIGRATION_TAPE_H

#include <qio/channel.h>

struct tape {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t pos; /* of reading */
    /* what to do */
    size_t portion;    /* most bytes in a call, 0: no limit */
    bool stutter;      /* every second call says BLOCK */
    size_t fail_at;    /* with so many bytes through, fail with EIO; 0: never */
    size_t last_bytes; /* of the latest write */
    /* what was done */
    size_t calls;
    size_t writes;
    size_t pieces;    /* in all writes */
    size_t first_dst; /* the first piece's size of the latest read */
    const void *dst;  /* and its place */
};

/* With one reference. */
QIOChannel *tape_new(void);
struct tape *tape_of(QIOChannel *ioc);

#endif
