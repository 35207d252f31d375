#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Other people's programs at the other end: openssl, gnutls, socat.
. "$(dirname "$0")/lib.sh"
need openssl certtool
begin 120

"$top/examples/mkpki" pki >/dev/null || exit 1
cat pki/server-cert.pem pki/server-key.pem >server.pem
cat pki/client-cert.pem pki/client-key.pem >client.pem
key=$(cut -d: -f2 pki/keys.psk)
bytes 5000000 >source
stream 5000000 >qevm

# receive NAME SOURCE OPTIONS -- COMMAND WITH {port}: their sender, our receiver.
receive()
{
    local name=$1 source=$2 options=$3

    shift 3
    rm -f sink ./*.log
    # shellcheck disable=SC2086
    run recv "$RECV" $options tcp:127.0.0.1:0 file:sink
    listens recv
    "${@//\{port\}/${uri##*:}}" <"$source" >peer.out 2>peer.err
    ended recv
    check "$name -> recv: exit 0" [ "$rc" = 0 ]
    check "$name -> recv: the same bytes" cmp -s "$source" sink
}

# deliver NAME SOURCE OPTIONS -- COMMAND WITH {port}: our sender, their receiver.
deliver()
{
    local name=$1 source=$2 options=$3 port

    shift 3
    rm -f sink ./*.log
    port=$(free_port)
    # Standard input stays open: some peers end with it.
    "${@//\{port\}/$port}" < <(sleep 30) >sink 2>peer.err &
    peer_pid=$!
    pids+=($!)
    listening "$port"
    # shellcheck disable=SC2086
    run send "$SEND" $options --timeout 10 "file:$source" "tcp:127.0.0.1:$port"
    ended send
    check "send -> $name: exit 0" [ "$rc" = 0 ]
    ended peer 5
    check "send -> $name: the same bytes" cmp -s "$source" sink
}

s_client=(openssl s_client -quiet -nocommands -no_ign_eof -connect '127.0.0.1:{port}')
s_server=(openssl s_server -quiet -accept '127.0.0.1:{port}' -naccept 1)
for v in tls1_2 tls1_3; do
    receive "openssl s_client $v" source "$(server pki)" "${s_client[@]}" -$v \
        -cert client.pem -CAfile pki/ca-cert.pem -verify_return_error
    # Tickets included: our sender reads them.
    deliver "openssl s_server $v" source "$(client pki)" "${s_server[@]}" -$v \
        -cert server.pem -CAfile pki/ca-cert.pem -Verify 2 -verify_return_error
    deliver "openssl s_server $v" qevm "$(client pki)" "${s_server[@]}" -$v \
        -cert server.pem -CAfile pki/ca-cert.pem -Verify 2 -verify_return_error
done
receive "openssl s_client psk" source "$(psk_server pki)" "${s_client[@]}" \
    -psk_identity qemu -psk "$key"
deliver "openssl s_server psk" source "$(psk_client pki)" "${s_server[@]}" \
    -nocert -psk_identity qemu -psk "$key"

if command -v gnutls-cli >/dev/null && command -v gnutls-serv >/dev/null; then
    receive gnutls-cli source "$(server pki)" gnutls-cli --logfile=/dev/null \
        --x509cafile pki/ca-cert.pem --x509certfile pki/client-cert.pem \
        --x509keyfile pki/client-key.pem --verify-hostname=localhost \
        -p '{port}' 127.0.0.1
    receive "gnutls-cli psk" source "$(psk_server pki)" \
        gnutls-cli --logfile=/dev/null --pskusername qemu --pskkey "$key" \
        --priority NORMAL:-KX-ALL:+ECDHE-PSK:+DHE-PSK:+PSK \
        -p '{port}' 127.0.0.1
    port=$(free_port)
    run serv gnutls-serv --echo --x509cafile pki/ca-cert.pem \
        --x509certfile pki/server-cert.pem --x509keyfile pki/server-key.pem \
        --require-client-cert --verify-client-cert -p "$port"
    listening "$port"
    # It echoes everything, which must not stop us.
    # shellcheck disable=SC2046
    run send "$SEND" $(client pki) --timeout 10 file:source \
        "tcp:127.0.0.1:$port"
    ended send
    check "send -> gnutls-serv, echoing: exit 0" [ "$rc" = 0 ]
    kill "$serv_pid" 2>/dev/null
fi

if command -v socat >/dev/null; then
    ssl=cafile=pki/ca-cert.pem,verify=1
    receive "socat tcp" source "" socat -u - 'TCP:127.0.0.1:{port}'
    deliver "socat tcp" source "" socat -u \
        'TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr' -
    receive "socat openssl" source "$(server pki)" socat -u - \
        "OPENSSL:127.0.0.1:{port},cert=client.pem,$ssl,commonname=localhost"
    deliver "socat openssl" qevm "$(client pki)" socat -u \
        "OPENSSL-LISTEN:{port},bind=127.0.0.1,reuseaddr,cert=server.pem,$ssl" -
    # A unix socket at either side.
    run recv "$RECV" unix:in.sock file:unix.sink
    listens recv
    socat -u - UNIX-CONNECT:in.sock <source
    ended recv
    check "socat unix -> recv" cmp -s source unix.sink
    run peer socat -u UNIX-LISTEN:out.sock CREATE:unix.sink2
    for ((i = 0; i < 100; i++)); do [ -S out.sock ] && break; nap 0.05; done
    run send "$SEND" file:source unix:out.sock
    ended send
    check "send -> socat unix: exit 0" [ "$rc" = 0 ]
    ended peer 5
    check "send -> socat unix: the same bytes" cmp -s source unix.sink2
fi
verdict
