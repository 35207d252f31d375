/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The objects of the command line. */
#ifndef TOOL_OBJECTS_H
#define TOOL_OBJECTS_H

#include <qio/qio.h>
#include "tool-options.h"

/* Create them all. With many connections the network side's credentials resume
 * TLS sessions, unless their text says something else. 0 or -1. */
int tool_objects_add(QIOObjects *objects, const ToolOptions *opt,
                     QIOError **errp);

#endif
