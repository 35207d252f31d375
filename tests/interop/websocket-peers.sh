#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Other people's websockets at the other end, as servers and as clients: all
# kinds of messages, whole and in fragments, with pings between them. And the
# tools, through our proxy.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/websocket/common.sh"
need python3 openssl certtool
begin 120
examples websocket-echo-server websocket-echo-client qio-websocket-proxy
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

# through CLAIM OPTIONS... -- LAYERS: our sender speaks websocket with the proxy,
# which speaks with our receiver.
through()
{
    local claim=$1 options=()

    shift
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    rm -f sink
    run recv "$RECV" tcp:127.0.0.1:0 file:sink
    listens recv
    run proxy "$EXAMPLES/qio-websocket-proxy" "${options[@]}" \
        "tcp:127.0.0.1:0$2" "tcp:127.0.0.1:${uri##*:}"
    serves proxy
    run send "$SEND" "${tls_client[@]}" --timeout 10 file:source \
        "tcp:127.0.0.1:$port$3,websocket=/"
    ended send
    check "$claim: exit 0" [ "$rc" = 0 ]
    ended recv
    check "$claim: the same bytes" cmp -s source sink
    quit proxy
}

bytes 5000000 >source
through "send -> proxy -> recv" -- '' ''
through "send -> proxy -> recv, TLS" "${tls_server[@]}" -- ,tls-creds=s \
    ,tls-creds=c

[ ${#PYWS[@]} -eq 0 ] || both websockets "${PYWS[@]}" exercise
[ ${#NODEWS[@]} -eq 0 ] || both ws "${NODEWS[@]}" exercise
verdict
