/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qio-migrate-recv: migration streams from the network into sinks. */
#include "tool-main.h"

static const char more_help[] =
    "  --max N              take N migrations, many at once, each into a\n"
    "                       sink of its own: %n in SINK is the number of\n"
    "                       the connection, from 1, and %% a percent sign\n"
    "  --keep-listening     the same without end, until a signal\n";

int main(int argc, char **argv)
{
    static const ToolSpec spec = {
        .name = "qio-migrate-recv",
        .synopsis = "LISTEN-URI SINK",
        .summary = "Receive a migration stream, or many, and put it into SINK.",
        .network_is_input = true,
        .more_help = more_help,
    };

    return tool_main(&spec, argc, argv);
}
