/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connected pairs of every leaf type, for the contract suite and for layers
 * that want something to stand on. All have the form of qio_contract.make. */
#ifndef QIOTEST_PAIRS_H
#define QIOTEST_PAIRS_H

#include <qio/channel.h>
#include "trickle.h"

/* opaque unused. */
int pair_unix(void *opaque, QIOChannel *pair[2], QIOError **errp);
/* The same, connected by a path. */
int pair_unix_named(void *opaque, QIOChannel *pair[2], QIOError **errp);
int pair_tcp(void *opaque, QIOChannel *pair[2], QIOError **errp);
int pair_tcp6(void *opaque, QIOChannel *pair[2], QIOError **errp);
int pair_mptcp(void *opaque, QIOChannel *pair[2], QIOError **errp);
/* Two pipes, one for each direction. */
int pair_pipes(void *opaque, QIOChannel *pair[2], QIOError **errp);
/* One pipe, from pair[0] to pair[1]. */
int pair_pipe(void *opaque, QIOChannel *pair[2], QIOError **errp);
/* pair[0] is a command that copies between its pipes and two fifos, which
 * pair[1] has at the other ends. */
int pair_command(void *opaque, QIOChannel *pair[2], QIOError **errp);
/* A unix pair under trickle layers; opaque is the struct trickle_script. */
int pair_trickle(void *opaque, QIOChannel *pair[2], QIOError **errp);

/* Connected stream sockets of AF_INET or AF_INET6 on the loopback address,
 * protocol as for socket(2); -1 when this machine has none. */
int pair_of_sockets(int family, int protocol, int fds[2]);

/* A byte each way. */
void pair_expect_talk(QIOChannel *a, QIOChannel *b);

#endif
