/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the command line to the exit code, the same for both tools. */
#ifndef TOOL_MAIN_H
#define TOOL_MAIN_H

#include "tool-options.h"

int tool_main(const ToolSpec *spec, int argc, char **argv);

#endif
