/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is done to all connections of a channel, be there one or many: telling
 * the other end that this is no good end, and looking at TLS. */
#ifndef TOOL_SPOIL_H
#define TOOL_SPOIL_H

#include <qio/qio.h>

/* Whoever is at the other end of ioc, or of each of its connections, must not
 * take what follows for a success. To be closed then. NULL is allowed. */
void tool_spoil(QIOChannel *ioc);

/* How many connections of a channel that stands on many go on from an earlier
 * TLS session. */
unsigned tool_count_resumed(QIOChannel *ioc);

/* The topmost TLS layer, of the first of many connections; borrowed, or NULL.
 */
QIOChannel *tool_topmost_tls(QIOChannel *ioc);

#endif
