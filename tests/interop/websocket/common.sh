# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the scripts about websockets share, on top of ../lib.sh.

websocket=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# examples NAME...: they are built; their folder is $EXAMPLES.
examples()
{
    local name

    EXAMPLES=$(dirname "$RECV")
    for name in "$@"; do
        [ -x "$EXAMPLES/$name" ] || skip "$name is not built"
    done
}

# throwaway_pki: certificates in pki/, and what our servers and clients are told
# of them. Whoever connects need not show a certificate: browsers have none.
throwaway_pki()
{
    "$top/examples/mkpki" pki >/dev/null || exit 1
    # shellcheck disable=SC2034 # for those who include this
    tls_server=(--object
        "tls-creds-x509,id=s,endpoint=server,dir=pki,verify-peer=off")
    # shellcheck disable=SC2034
    tls_client=(--object "tls-creds-x509,id=c,endpoint=client,dir=pki")
}

# spki: what a browser is told to trust.
spki()
{
    openssl x509 -in pki/server-cert.pem -noout -pubkey |
        openssl pkey -pubin -outform der |
        openssl dgst -sha256 -binary | openssl base64
}

# serves NAME: wait until what was run under this name listens; port is where.
serves()
{
    local pid=${1}_pid i

    for ((i = 0; i < 600; i++)); do
        port=$(sed -n 's/^listening on .*127\.0\.0\.1:\([0-9]*\).*/\1/p' \
            "$1.out" | head -n 1)
        [ -z "$port" ] || return 0
        kill -0 "${!pid}" 2>/dev/null || break
        nap 0.05
    done
    port=0
    return 1
}

# quit NAME: end it; nothing is expected of it any more.
quit()
{
    local pid=${1}_pid

    kill "${!pid}" 2>/dev/null
    wait "${!pid}" 2>/dev/null
}

# ---- other people's websockets ----

# find_websockets: the Python package; PYWS is a command, or empty.
find_websockets()
{
    local python

    PYWS=()
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import websockets' 2>/dev/null; then
            PYWS=("$python" "$websocket/websockets-peer")
            return
        fi
    done
    echo "left out: the Python package websockets is not installed"
}

# find_ws: the npm module, installed beside the build; NODEWS, or empty.
find_ws()
{
    local where
    where=$(dirname "$EXAMPLES")/npm

    NODEWS=()
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        echo "left out: node or npm is not installed"
        return
    fi
    mkdir -p "$where"
    [ -d "$where/node_modules/ws" ] ||
        timeout 60 npm install --prefix "$where" --no-audit --no-fund \
            --no-save ws@8 >"$where/log" 2>&1
    if [ ! -d "$where/node_modules/ws" ]; then
        echo "left out: npm cannot install ws: $(tail -n 1 "$where/log")"
        return
    fi
    export NODE_PATH=$where/node_modules
    NODEWS=(node "$websocket/ws-peer.js")
}
