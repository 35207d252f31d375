/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A layer that changes no byte but is hard to live above: it splits, stutters,
 * stalls and cuts as a script says. For tests of whatever stands on it. */
#ifndef QIOTEST_TRICKLE_H
#define QIOTEST_TRICKLE_H

#include <qio/channel.h>

/* All zero: passes everything at once. Reading and writing each count for
 * themselves. */
struct trickle_script {
    size_t max_read; /* most bytes per call, 0: no limit */
    size_t max_write;
    bool stutter;       /* every other call says BLOCK ... */
    unsigned pause_us;  /* ... and this long nothing is ready */
    size_t stall_after; /* after so many bytes nothing moves ... */
    unsigned stall_us;  /* ... for this long; once, 0: never */
    size_t cut_read;    /* after so many bytes read it ends; 0: never */
    size_t cut_write;   /* after so many written, writing fails */
    bool cut_is_eof;    /* a cut read is end of stream, else a failure */
};

/* An open layer over base (own reference); the script is copied. */
QIOChannel *trickle_new(QIOChannel *base, const struct trickle_script *script,
                        QIOError **errp);

/* Put a trickle layer over both ends of a pair, in place: the pair's own
 * references go to the layers. On failure the pair is as before. */
int trickle_wrap_pair(QIOChannel *pair[2], const struct trickle_script *script,
                      QIOError **errp);

#endif
