/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qio-migrate-recv: a migration stream from the network into a sink. */
#include "tool-main.h"

int main(int argc, char **argv)
{
    static const ToolSpec spec = {
        .name = "qio-migrate-recv",
        .synopsis = "LISTEN-URI SINK",
        .summary = "Receive one migration stream and put it into SINK.",
        .network_is_input = true,
    };

    return tool_main(&spec, argc, argv);
}
