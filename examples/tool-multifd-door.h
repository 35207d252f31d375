/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Letting in the connections of a migration that has several by itself. */
#ifndef TOOL_MULTIFD_DOOR_H
#define TOOL_MULTIFD_DOOR_H

#include "tool-multifd.h"

/* Look at both sides and listen. Then all_came is called, or fail. */
void tool_multifd_open_door(ToolMultifd *m);

/* Nobody is let in any more; whoever waits is turned out. */
void tool_multifd_close_door(ToolMultifd *m);

void tool_multifd_all_came(ToolMultifd *m);
/* The result is set. */
void tool_multifd_fail(ToolMultifd *m);

#endif
