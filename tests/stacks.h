/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connected stacks of channels by description: a base, then layers from the
 * bottom up, with commas: "tcp,trickle,tls,ws".
 *
 * Bases: socketpair, unix, tcp, pipes, command, buffer. Layers: tls, ws (a
 * websocket), trickle (splits and stutters). pair[0] is the client.
 */
#ifndef QIOTEST_STACKS_H
#define QIOTEST_STACKS_H

#include <stddef.h>
#include <qio/channel.h>

/* Has the form of qio_contract.make; opaque is the description. */
int stack_make(void *opaque, QIOChannel *pair[2], QIOError **errp);

/* The CONTRACT_* traits of such a stack, and a volume that it moves soon. */
unsigned stack_traits(const char *text);
size_t stack_volume(const char *text);

#endif
