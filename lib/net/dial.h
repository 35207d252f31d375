/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connecting without blocking: resolve, then race the addresses as RFC 8305
 * says. For every type of address but FD.
 */
#ifndef QIOP_NET_DIAL_H
#define QIOP_NET_DIAL_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <qio/address.h>

struct qiop_dial;

/* addr is copied. A name is looked up in a thread of its own. A unix listener
 * with a full queue is asked again until it has room. */
struct qiop_dial *qiop_dial_new(const QIOAddress *addr, QIOError **errp);
/* One step. 0: *fd is a connected non-blocking socket with the address'
 * options set, owned by the caller; -1: QIO_ERROR_RESOLVE; QIO_ERROR_CONNECT,
 * naming every address with its reason and having the last one's errno;
 * QIO_ERROR_SYSTEM when this machine is short of descriptors or memory; or
 * QIO_CHANNEL_ERR_BLOCK. */
int qiop_dial_step(struct qiop_dial *d, int *fd, QIOError **errp);
/* What step() waits for: up to max entries, how many were stored; *deadline
 * (CLOCK_MONOTONIC, microseconds, QIOP_NEVER) is when to step at the latest. */
size_t qiop_dial_poll(const struct qiop_dial *d, struct pollfd *fds, size_t max,
                      int64_t *deadline);
/* Closes all attempts. NULL is allowed. */
void qiop_dial_free(struct qiop_dial *d);

#endif
