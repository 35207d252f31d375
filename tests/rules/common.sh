# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the rules' scripts share: they run in the top of the source tree, say
# every violation in one line, and end with `verdict`.
set -u
export LC_ALL=C
: "${top_srcdir:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${top_builddir:=$PWD}"
export top_srcdir top_builddir
cd "$top_srcdir" || exit 1
violations=0

violation()
{
    printf '%s\n' "$*"
    violations=$((violations + 1))
}

# violations_of RULE LINES: every line is one.
violations_of()
{
    local line

    while IFS= read -r line; do
        [ -z "$line" ] || violation "$1: $line"
    done <<<"$2"
}

verdict()
{
    [ "$violations" -eq 0 ] || echo "$violations violations"
    [ "$violations" -eq 0 ]
    exit
}

# C files without comments and string literals, "FILE:LINE:text" per line.
plain_code()
{
    awk '
    FNR == 1 { in_comment = 0 }
    {
        line = $0
        out = ""
        while (line != "") {
            if (in_comment) {
                end = index(line, "*/")
                if (!end) { line = ""; break }
                line = substr(line, end + 2)
                in_comment = 0
            } else if (match(line, /\/\*|\/\/|"([^"\\]|\\.)*"|\047([^\047\\]|\\.)*\047/)) {
                token = substr(line, RSTART, RLENGTH)
                out = out substr(line, 1, RSTART - 1)
                line = substr(line, RSTART + RLENGTH)
                if (token == "/*") {
                    in_comment = 1
                } else if (token == "//") {
                    line = ""
                } else {
                    out = out "\"\""
                }
            } else {
                out = out line
                line = ""
            }
        }
        print FILENAME ":" FNR ":" out
    }' "$@"
}
