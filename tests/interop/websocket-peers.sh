#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Other people's websockets at the other end, as servers and as clients: all
# kinds of messages, whole and in fragments, with pings between them.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/websocket/common.sh"
need python3 openssl certtool
begin 120
examples websocket-echo-server websocket-echo-client
throwaway_pki
certificate=(pki/server-cert.pem pki/server-key.pem)
find_websockets
find_ws
[ $((${#PYWS[@]} + ${#NODEWS[@]})) -gt 0 ] || skip "no other websockets"

# exercises CLAIM NAME: the peer that was run under this name is content.
exercises()
{
    ended "$2" 30
    check "$1" [ "$rc" = 0 ]
    check "$1: to the end" grep -q '^exercised$' "$2.out"
}

# both NAME COMMAND...: it at either end, with and without TLS.
both()
{
    local name=$1

    shift
    run echo "$EXAMPLES/websocket-echo-server" tcp:127.0.0.1:0
    serves echo
    run peer "$@" client "ws://127.0.0.1:$port/"
    exercises "$name -> our server" peer
    quit echo
    run echo "$EXAMPLES/websocket-echo-server" "${tls_server[@]}" \
        tcp:127.0.0.1:0,tls-creds=s
    serves echo
    run peer "$@" client "wss://127.0.0.1:$port/"
    exercises "$name -> our server, TLS" peer
    quit echo

    run peer "$@" server
    serves peer
    run echo "$EXAMPLES/websocket-echo-client" "tcp:127.0.0.1:$port" /
    exercises "our client -> $name" peer
    ended echo
    check "our client names the code" grep -q 4321 echo.log
    run peer "$@" server "${certificate[@]}"
    serves peer
    run echo "$EXAMPLES/websocket-echo-client" "${tls_client[@]}" \
        "tcp:127.0.0.1:$port,tls-creds=c" /
    exercises "our client -> $name, TLS" peer
}

[ ${#PYWS[@]} -eq 0 ] || both websockets "${PYWS[@]}" exercise
[ ${#NODEWS[@]} -eq 0 ] || both ws "${NODEWS[@]}" exercise
verdict
