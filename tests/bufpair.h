/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two channels connected through memory alone, with eventfds for waiting: a
 * leaf as an outsider would write it, on <qio/channel-ops.h> only, and the
 * smallest thing that a stack can stand on. For programs a unix pair does the
 * same with fewer descriptors and less code, so it is not in the library.
 */
#ifndef QIOTEST_BUFPAIR_H
#define QIOTEST_BUFPAIR_H

#include <qio/channel.h>

/* Has the form of qio_contract.make. */
int pair_buffer(void *opaque, QIOChannel *pair[2], QIOError **errp);

#endif
