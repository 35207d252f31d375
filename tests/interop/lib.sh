# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What the scripts about the tools share. A script sources this first, calls
# begin, then check for every claim, and ends with verdict.

set -u
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
failures=0
claims=0
pids=()
# A pipe that nobody writes to.
exec {never}<> <(:)

skip()
{
    echo "$*"
    exit 77
}

need()
{
    local name

    for name in "$@"; do
        command -v "$name" >/dev/null || skip "$name is not installed"
    done
}

find_tools()
{
    local build=${QIO_BUILD:-${top_builddir:-}}

    if [ -z "$build" ]; then
        build=$(find "$top/build" -maxdepth 3 -path '*/examples/qio-migrate-recv' \
            -printf '%T@ %h\n' 2>/dev/null | sort -rn | head -n 1)
        build=${build#* }
        build=${build%/examples}
    fi
    RECV=${QIO_RECV:-$build/examples/qio-migrate-recv}
    SEND=${QIO_SEND:-$build/examples/qio-migrate-send}
    [ -x "$RECV" ] && [ -x "$SEND" ] || skip "the tools are not built"
    # What they are told must not depend on where they are started.
    RECV=$(realpath -s "$RECV")
    SEND=$(realpath -s "$SEND")
}

cleanup()
{
    local pid

    for pid in "${pids[@]}"; do
        kill -KILL "$pid" 2>/dev/null
    done
    wait 2>/dev/null
    rm -rf "$work"
}

# nap SECONDS: sleep without a process for it; waiting must not be what loads
# the machine.
nap()
{
    read -r -t "$1" -u "$never"
    :
}

# begin SECONDS: a folder of our own, and an end to everything.
begin()
{
    if [ -z "${QIO_LIMITED:-}" ]; then
        QIO_LIMITED=1 exec timeout -k 10 "$1" "$0"
    fi
    unset QIO_LIMITED
    find_tools
    work=$(mktemp -d "${TMPDIR:-/tmp}/qiotools.XXXXXX")
    trap cleanup EXIT
    trap 'exit 124' TERM INT
    cd "$work" || exit 1
}

# run NAME COMMAND...: in the background, as $NAME_pid, what it says in NAME.log.
run()
{
    local name=$1

    shift
    # Now, so that nobody reads what the last one of this name said.
    : >"$name.log"
    : >"$name.out"
    "$@" >"$name.out" 2>"$name.log" </dev/null &
    printf -v "${name}_pid" %s $!
    pids+=($!)
}

# listens NAME: wait until it does; uri is where.
listens()
{
    local pid=${1}_pid i line

    for ((i = 0; i < 750; i++)); do
        while read -r line; do
            case $line in
            *'listening on '*)
                uri=${line#*listening on }
                uri=${uri%% *}
                return 0
                ;;
            esac
        done <"$1.log"
        kill -0 "${!pid}" 2>/dev/null || break
        nap 0.02
    done
    uri=
    return 1
}

# free_port: one that nobody listens on; needs python3.
free_port()
{
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# listening PORT: wait until somebody does.
listening()
{
    local i

    for ((i = 0; i < 200; i++)); do
        grep -qi "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$1") [0-9A-F:]* 0A" \
            /proc/net/tcp /proc/net/tcp6 && return 0
        nap 0.02
    done
    return 1
}

# ended NAME [SECONDS]: its exit status as rc; "hangs" when it has none in time.
ended()
{
    local pid=${1}_pid i limit=${2:-20}

    for ((i = 0; i < limit * 50; i++)); do
        kill -0 "${!pid}" 2>/dev/null || break
        nap 0.02
    done
    if kill -0 "${!pid}" 2>/dev/null; then
        kill -KILL "${!pid}"
        wait "${!pid}" 2>/dev/null
        rc=hangs
        return
    fi
    wait "${!pid}" 2>/dev/null
    rc=$?
}

# complaint NAME: what it said besides where it listens.
complaint()
{
    grep -v 'listening on' "$1.log"
}

# one_line NAME REGEX: it complained in one line, and so.
one_line()
{
    [ "$(complaint "$1" | wc -l)" -eq 1 ] &&
        complaint "$1" | grep -qiE "^qio-migrate-(recv|send): .*($2)"
}

# arriving SINK: wait until the temporary file has bytes.
arriving()
{
    local i file

    for ((i = 0; i < 500; i++)); do
        for file in ".$1".*; do
            [ ! -s "$file" ] || return 0
        done
        nap 0.02
    done
    return 1
}

# nothing_left SINK: neither the file nor a temporary one.
nothing_left()
{
    [ ! -e "$1" ] && [ -z "$(find . -maxdepth 2 -name ".$(basename "$1").*")" ]
}

# check CLAIM COMMAND...: the claim holds when the command succeeds.
check()
{
    local claim=$1

    shift
    claims=$((claims + 1))
    if "$@"; then
        echo "ok   $claim"
        return
    fi
    failures=$((failures + 1))
    echo "FAIL $claim: $* (rc ${rc:-})"
    tail -n 3 ./*.log 2>/dev/null | sed 's/^/     | /'
}

# json FILE EXPRESSION: what --json said, as r; needs python3.
json()
{
    python3 -c 'import json, sys
lines = open(sys.argv[1]).read().splitlines()
r = json.loads(lines[0])
sys.exit(0 if len(lines) == 1 and eval("(" + sys.argv[2] + ")") else repr(r))' "$1" "$2"
}

verdict()
{
    echo "$claims claims, $failures wrong"
    [ "$failures" -eq 0 ]
    exit
}

# bytes COUNT: such that no two pieces are alike.
bytes()
{
    openssl enc -aes-128-ctr -nosalt -K 00112233445566778899aabbccddeeff \
        -iv 00000000000000000000000000000000 -in /dev/zero 2>/dev/null |
        head -c "$1"
}

# stream COUNT: what a hypervisor's stream looks like from far away; cut_stream
# has no end.
cut_stream()
{
    printf 'QEVM\0\0\0\003'
    bytes "$1"
}

stream()
{
    cut_stream "$1"
    printf '\0\006\0\0\0\037{"page_size":4096,"devices":[]}'
}

# ---- certificates ----

server()
{
    echo --object "tls-creds-x509,id=s,endpoint=server,dir=$1${2:-}" --tls-creds s
}

client()
{
    echo --object "tls-creds-x509,id=c,endpoint=client,dir=$1${2:-}" \
        --tls-creds c --tls-hostname localhost
}

psk_server()
{
    echo --object "tls-creds-psk,id=s,endpoint=server,dir=$1" --tls-creds s
}

psk_client()
{
    echo --object "tls-creds-psk,id=c,endpoint=client,dir=$1,username=${2:-qemu}" \
        --tls-creds c
}

# engine_for NAME: the record engine that tls-engine=NAME must give.
engine_for()
{
    if [ "$1" != ipsec-mb ] && [ "$1" != auto ]; then
        echo "$1"
    elif grep -q '^#define HAVE_IPSEC_MB' "$(dirname "$RECV")/../config.h" &&
        grep -qw aes /proc/cpuinfo && grep -qw pclmulqdq /proc/cpuinfo; then
        echo ipsec-mb
    else
        echo aead
    fi
}

# engine_is NAME OUT: what --json said there of the engine.
engine_is()
{
    json "$2" "r['tls_session']['engine'] == '$(engine_for "$1")'"
}
