#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Sessions that go on from earlier ones, with OpenSSL and GnuTLS's tools at
# either end, client certificates included.
. "$(dirname "$0")/lib.sh"
need openssl certtool gnutls-cli gnutls-serv python3
begin 60

examples=$(dirname "$RECV")
"$top/examples/mkpki" pki >/dev/null || exit 1
own=(-cert pki/client-cert.pem -key pki/client-key.pem)

# ---- our server ----

run server "$examples/tls-echo-server-many" pki tcp:127.0.0.1:0
for ((i = 0; i < 200; i++)); do
    port=$(sed -n 's/^tcp:127\.0\.0\.1:\([0-9]*\).*/\1/p' server.out)
    [ -z "$port" ] || break
    nap 0.05
done

# s_client NAME OPTIONS...: says hello, waits for the echo, goes.
s_client()
{
    local name=$1

    shift
    mkfifo "$name.in"
    openssl s_client "$@" "${own[@]}" -CAfile pki/ca-cert.pem \
        -verify_return_error -connect "127.0.0.1:$port" \
        <"$name.in" >"$name" 2>&1 &
    pids+=($!)
    exec 3>"$name.in"
    echo 'hello there' >&3
    for ((i = 0; i < 100; i++)); do
        ! grep -q 'hello there' "$name" || break
        nap 0.02
    done
    exec 3>&-
    wait "${pids[-1]}"
    rm "$name.in"
}

for version in 1_2 1_3; do
    s_client "first.$version" -tls$version -sess_out "session.$version"
    check "s_client, $version: the first is new" \
        grep -q '^New, ' "first.$version"
    check "s_client, $version: it has a ticket" [ -s "session.$version" ]
    s_client "second.$version" -tls$version -sess_in "session.$version"
    check "s_client, $version: the second is resumed" \
        grep -q '^Reused, ' "second.$version"
    check "s_client, $version: and works" \
        grep -q 'hello there' "second.$version"
done

# With TLS 1.3 this one does not wait for data, with which our tickets come.
gnutls-cli --resume --priority 'NORMAL:-VERS-ALL:+VERS-TLS1.2' \
    --x509certfile pki/client-cert.pem --x509keyfile pki/client-key.pem \
    --x509cafile pki/ca-cert.pem -p "$port" 127.0.0.1 \
    </dev/null >gnutls-cli.out 2>&1
check "gnutls-cli is resumed" grep -q 'This is a resumed session' gnutls-cli.out

# ---- our client ----

# sessions NAME VERSION N: those after the first were resumed.
sessions()
{
    "$examples/tls-sessions" pki 127.0.0.1 "$port" "$3" >sessions 2>&1
    check "$1: all $3 sessions work" \
        [ "$(grep -c "^session [0-9]*: TLS$2, " sessions)" = "$3" ]
    check "$1: the first is new" \
        grep -q '^session 1: .*, full handshake' sessions
    check "$1: the others are resumed" \
        [ "$(grep -c ', resumed$' sessions)" = "$(($3 - 1))" ]
}

for version in 2 3; do
    port=$(free_port)
    # -rev turns each line around.
    openssl s_server "-tls1_$version" -accept "127.0.0.1:$port" -rev \
        -cert pki/server-cert.pem -key pki/server-key.pem \
        -CAfile pki/ca-cert.pem -Verify 2 -verify_return_error \
        </dev/null >"s_server.$version" 2>&1 &
    pids+=($!)
    listening "$port"
    sessions "s_server" "1.$version" 4
    kill "${pids[-1]}"
    port=$(free_port)
    gnutls-serv --echo --quiet -p "$port" --require-client-cert \
        --verify-client-cert \
        --priority "NORMAL:-VERS-ALL:+VERS-TLS1.$version" \
        --x509certfile pki/server-cert.pem --x509keyfile pki/server-key.pem \
        --x509cafile pki/ca-cert.pem >"gnutls-serv.$version" 2>&1 </dev/null &
    pids+=($!)
    for ((i = 0; i < 100; i++)); do
        ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
        nap 0.05
    done
    sessions "gnutls-serv" "1.$version" 4
    kill "${pids[-1]}"
done
verdict
