/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Telling another end that this is no good end. */
#ifndef TOOL_SPOIL_H
#define TOOL_SPOIL_H

#include <qio/qio.h>

/* Whoever is at the other end of ioc, or of each of its connections, must not
 * take what follows for a success. To be closed then. NULL is allowed. */
void tool_spoil(QIOChannel *ioc);

/* The topmost TLS layer, of the first of many connections; borrowed, or NULL.
 */
QIOChannel *tool_topmost_tls(QIOChannel *ioc);

#endif
