#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A page in a browser speaks ws and wss with our servers.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/websocket/common.sh"
need chromium python3 openssl certtool
begin 120
examples web-page-server websocket-echo-server
throwaway_pki

# serve_echo NAME OPTIONS...: an echo server; NAME_port is where.
serve_echo()
{
    local name=$1

    shift
    run "$name" "$EXAMPLES/websocket-echo-server" "$@"
    serves "$name"
    printf -v "${name}_port" %s "$port"
}

# speaks SCHEME URI OPTIONS...: the page with three servers.
speaks()
{
    local scheme=$1 uri=$2 trust=()

    shift 2
    [ "$scheme" = ws ] || trust=("$(spki)")
    serve_echo echo "$@" --origin "$page" "$uri"
    serve_echo binary "$@" --binary --origin "$page" "$uri"
    serve_echo stranger "$@" --origin http://elsewhere.example "$uri"
    # shellcheck disable=SC2154 # serve_echo sets them
    run browser "$websocket/browser" "$page/page.html" \
        "$scheme://127.0.0.1:$echo_port/" "$scheme://127.0.0.1:$binary_port/" \
        "$scheme://127.0.0.1:$stranger_port/" "${trust[@]}"
    ended browser 50
    cat browser.out
    check "a page that speaks $scheme" [ "$rc" = 0 ]
    quit echo
    quit binary
    quit stranger
}

run page "$EXAMPLES/web-page-server" "$websocket" tcp:127.0.0.1:0
serves page
page=http://127.0.0.1:$port
speaks ws tcp:127.0.0.1:0
speaks wss tcp:127.0.0.1:0,tls-creds=s "${tls_server[@]}"
verdict
