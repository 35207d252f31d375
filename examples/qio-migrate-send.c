/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qio-migrate-send: a migration stream from a source to the network. */
#include "tool-main.h"

int main(int argc, char **argv)
{
    static const ToolSpec spec = {
        .name = "qio-migrate-send",
        .synopsis = "SOURCE CONNECT-URI",
        .summary = "Send the migration stream that SOURCE holds or says.",
        .network_is_input = false,
        .more_help = "",
    };

    return tool_main(&spec, argc, argv);
}
