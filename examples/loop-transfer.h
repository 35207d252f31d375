/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the loop-* examples do in their loops: a TLS server and a client of it
 * in one thread. The client sends some MiB and gets them back. Meanwhile the
 * program's own timer ticks every TRANSFER_TICK_MS.
 */
#ifndef LOOP_TRANSFER_H
#define LOOP_TRANSFER_H

#include <qio/qio.h>

#define TRANSFER_TICK_MS 1

struct transfer;

/* pki: a directory as examples/mkpki makes it. ended(opaque) is called from the
 * loop, once, when it is over, for better or worse. NULL on failure. */
struct transfer *transfer_start(QIOLoop *loop, const char *pki,
                                void (*ended)(void *opaque), void *opaque,
                                QIOError **errp);

/* The program's timer has ticked. */
void transfer_tick(struct transfer *t);

/* Say how it went, and free all, the loop too, which nobody watches any more. t
 * is NULL when nothing was started, because of err. Returns the program's exit
 * status: 0 when all bytes came back and the timer never waited for long. */
int transfer_finish(struct transfer *t, QIOLoop *loop, QIOError *err);

#endif
