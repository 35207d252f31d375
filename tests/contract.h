/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every channel type promises, as one suite of tests that takes "make me
 * a connected pair". */
#ifndef QIOTEST_CONTRACT_H
#define QIOTEST_CONTRACT_H

#include <check.h>
#include <qio/channel.h>

/* Bytes go from pair[0] to pair[1] only. */
#define CONTRACT_ONE_WAY 0x1
/* shutdown(WRITE) is seen by the peer, and the other direction goes on. */
#define CONTRACT_HALF_CLOSE 0x2
#define CONTRACT_FD_PASS 0x4
#define CONTRACT_PEEK 0x8
/* An end without goodbye is QIO_ERROR_TLS_TRUNCATED. */
#define CONTRACT_ABRUPT_IS_TRUNCATION 0x10
/* The transport does not tell a writer soon that the peer has closed (MPTCP
 * keeps the connection for a minute). */
#define CONTRACT_GONE_IS_NOT_SEEN 0x20
/* What lies below may say BLOCK to a goodbye, so that closing without shutting
 * down and flushing first is a cut. */
#define CONTRACT_CLOSE_IS_ABRUPT 0x40
/* A layer below reports a cut itself; taking it as the end above is too late.
 */
#define CONTRACT_CUT_SEEN_BELOW 0x80
/* That truncation is QIO_ERROR_WEBSOCKET_TRUNCATED instead. */
#define CONTRACT_WEBSOCKET_ENDS 0x100
/* Not about the pair, but how it is used: non-blocking, or through watches and
 * tasks of a loop; blocking without either. */
#define CONTRACT_NONBLOCKING 0x200
#define CONTRACT_LOOP (CONTRACT_NONBLOCKING | 0x400)
/* Leave out what takes long or repeats: for one pair of very many. */
#define CONTRACT_BRIEF 0x800
/* What was written is on its way in another thread: it takes its time, and its
 * failure is told later, at the latest by closing. */
#define CONTRACT_WRITES_BEHIND 0x1000

struct qio_contract {
    const char *name;
    /* Two *open* channels connected to each other, blocking, without a
     * timeout. 0, or -1 with *errp set and nothing made. */
    int (*make)(void *opaque, QIOChannel *pair[2], QIOError **errp);
    void *opaque;
    unsigned traits; /* CONTRACT_* */
    size_t volume;   /* bytes of a big transfer; 0: the default. For slow
                        pairs. */
};

/* Add the contract's tests as a case of their own. c must stay valid. */
void qio_contract_suite(Suite *s, const struct qio_contract *c);

#endif
