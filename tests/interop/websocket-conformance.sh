#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Our websockets, server and client, plain and over TLS, in every case of the
# conformance suite; faulty ones, and two independent implementations, to judge
# the suite.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/websocket/common.sh"
need python3 openssl certtool
begin 380
examples websocket-echo-server websocket-echo-client
throwaway_pki
suite=("$websocket/conformance")
ours=(--cert pki/server-cert.pem --key pki/server-key.pem)

# passes NAME CLAIM: what the suite says that was run under this name.
passes()
{
    ended "$1" 150
    check "$2: $(tail -n 1 "$1.out")" [ "$rc" = 0 ]
    [ "$rc" = 0 ] || grep -E '^(FAIL|loose)' "$1.out" | head -n 40
}

check "the suite finds faults" "$websocket/selftest"

# ---- ours: what the RFC demands, and what it recommends ----

# both NAME: the server and the client that are running, beside each other, for
# much of the time one end waits for the other.
both()
{
    passes to_server "our server$1"
    passes to_client "our client$1"
    quit echo
    quit client
}

run echo "$EXAMPLES/websocket-echo-server" tcp:127.0.0.1:0
serves echo
run to_server "${suite[@]}" --strict --server "ws://127.0.0.1:$port/"
run to_client "${suite[@]}" --strict --client-listen 0
serves to_client
run client "$EXAMPLES/websocket-echo-client" "tcp:127.0.0.1:$port" / 100000
both ""

run echo "$EXAMPLES/websocket-echo-server" "${tls_server[@]}" \
    tcp:127.0.0.1:0,tls-creds=s
serves echo
run to_server "${suite[@]}" --strict --ca pki/ca-cert.pem \
    --server "wss://127.0.0.1:$port/"
run to_client "${suite[@]}" --strict "${ours[@]}" --client-listen 0
serves to_client
run client "$EXAMPLES/websocket-echo-client" "${tls_client[@]}" \
    "tcp:127.0.0.1:$port,tls-creds=c" / 100000
both ", TLS"

# ---- others: where they fail, it is they ----

# Notice bad UTF-8 late, which costs a second a case; and much data takes time.
short=(--skip 'utf8-early/*' --skip 'limits/*' --skip 'rounds/*')

# other NAME COMMAND...: one that takes "server" or "client URL COUNT". Its
# known failures are in known_server and known_client.
other()
{
    local name=$1 one known=()

    shift
    for one in "${known_server[@]}"; do
        known+=(--known "$one")
    done
    run server "$@" server
    serves server
    run to_server "${suite[@]}" "${short[@]}" "${known[@]}" \
        --server "ws://127.0.0.1:$port/"
    run to_client "${suite[@]}" "${short[@]}" --client-listen 0
    serves to_client
    run client "$@" client "ws://127.0.0.1:$port/" 100000
    passes to_server "$name's server"
    passes to_client "$name's client"
    quit server
    quit client
}

find_websockets
if [ ${#PYWS[@]} -gt 0 ]; then
    # Section 4.2.2: which versions are spoken must be said. 4.2.1: Host must be
    # there.
    known_server=('opening/server-version-*' opening/server-no-host)
    other websockets "${PYWS[@]}" echo
fi
find_ws
if [ ${#NODEWS[@]} -gt 0 ]; then
    # Section 4.2.1: HTTP/1.1 or higher, and Host.
    known_server=(opening/server-http-1.0 opening/server-no-host)
    other ws "${NODEWS[@]}" echo
fi
verdict
