#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# socat, stunnel and curl, in both roles where they have two; what peers ask for
# in the middle of a session: the end of one direction, new keys, a new
# handshake; and new certificates for a receiver that goes on.
. "$(dirname "$0")/lib.sh"
need openssl certtool gnutls-cli python3 socat stunnel4 curl
begin 90
. "$here/tls-lib.sh"
examples=$(dirname "$RECV")

"$top/examples/mkpki" pki >/dev/null || exit 1
cat pki/server-cert.pem pki/server-key.pem >server.pem
cat pki/client-cert.pem pki/client-key.pem >client.pem
mkdir web
bytes 3000000 >big
cp big web/big
name=localhost

# stunnel_to PORT LINES...: on $port.
stunnel_to()
{
    local to=$1

    shift
    port=$(free_port)
    printf '%s\n' 'foreground = yes' 'pid =' '[s]' "$@" \
        "accept = 127.0.0.1:$port" "connect = 127.0.0.1:$to" \
        "CAfile = $work/pki/ca-cert.pem" 'verifyChain = yes' >stunnel.conf
    run stunnel stunnel4 stunnel.conf
    listening "$port"
}

# ---- our server ----

for version in 1.2 1.3; do
    serve pki ",min-version=$version,max-version=$version"
    # It says goodbye when its input ends, and waits for ours.
    run_with big peer socat -t 5 STDIO \
        "OPENSSL:127.0.0.1:$port,cafile=pki/ca-cert.pem,cert=client.pem,commonname=localhost"
    ended peer 15
    check "socat, $version: half-close, all comes back" cmp -s big peer.out
    check "socat, $version: ends well" said serve.out '^end: clean'
    down serve
done

serve pki
stunnel_to "$port" 'client = yes' 'checkHost = localhost' \
    "cert = $work/client.pem"
run_with big peer socat -t 5 STDIO "TCP:127.0.0.1:$port"
ended peer 15
check "stunnel: all comes back" cmp -s big peer.out
check "stunnel: shows its certificate" \
    said serve.out '^open: TLS1.3.*CN=throwaway client'
down stunnel
down serve

# A web server of ours, which asks for no certificate.
for version in 1.2 1.3; do
    run web "$examples/web-page-server" --object \
        "tls-creds-x509,id=s,endpoint=server,dir=pki,verify-peer=off,min-version=$version,max-version=$version" \
        web tcp:127.0.0.1:0,tls-creds=s
    said web.out 'listening on'
    port=$(sed -n 's/.*tcp:127\.0\.0\.1:\([0-9]*\).*/\1/p' web.out)
    for host in localhost other.example; do
        rm -f got
        curl -s --max-time 10 --cacert pki/ca-cert.pem -o got \
            --resolve "$host:$port:127.0.0.1" "https://$host:$port/big"
        rc=$?
        case $host in
        localhost)
            check "curl, $version: exit 0" [ $rc = 0 ]
            check "curl, $version: the same bytes" cmp -s big got
            ;;
        *) check "curl, $version: not by another name" [ $rc = 60 ] ;;
        esac
    done
    down web
done

# New keys.
serve pki
: >peer.out
run_with <(
    echo before
    said peer.out '^before' && echo '^rekey1^' && echo after
    said peer.out '^after'
) peer gnutls-cli --inline-commands -p "$port" --no-ca-verification \
    --x509certfile pki/client-cert.pem --x509keyfile pki/client-key.pem \
    127.0.0.1
ended peer 10
check "gnutls-cli: data after new keys" grep -q '^after' peer.out
check "gnutls-cli: ends well" said serve.out '^end: clean'
down serve

# A new handshake, which TLS 1.2 has and we have not.
serve pki
: >peer.out
run_with <(
    echo before
    said peer.out '^before'
    echo R
    said serve.out '^end'
) peer openssl s_client -tls1_2 -connect "127.0.0.1:$port" -cert client.pem
ended peer 10
check "s_client wants a new handshake: and gets none" \
    [ "$(grep -c '^open' serve.out)" = 1 ]
check "... the session ends" said serve.out '^end'
check "... the server goes on" kill -0 "$serve_pid"
down serve

# ---- our client ----

theirs socat \
    'OPENSSL-LISTEN:{port},reuseaddr,fork,cert=server.pem,cafile=pki/ca-cert.pem' \
    EXEC:cat
for version in 1.2 1.3; do
    ask pki big ",min-version=$version,max-version=$version"
    check "socat serves, $version: exit 0" [ "$rc" = 0 ]
    check "socat serves, $version: all comes back" cmp -s big ask.out
done
down theirs

theirs socat 'TCP-LISTEN:{port},reuseaddr,fork' EXEC:cat
stunnel_to "$port" "cert = $work/server.pem"
for version in 1.2 1.3; do
    for mode in ask half; do
        ask pki big ",min-version=$version,max-version=$version" x509 $mode
        check "stunnel serves, $version, $mode: exit 0" [ "$rc" = 0 ]
        check "stunnel serves, $version, $mode: all comes back" \
            cmp -s big ask.out
    done
done
down stunnel
down theirs

# ---- new certificates ----

"$top/examples/mkpki" next >/dev/null
cp -r pki now
cp -r next staging
bytes 3000 >small
# shellcheck disable=SC2046
run recv "$RECV" $(server now) --keep-listening tcp:127.0.0.1:0 file:sink.%n
listens recv
deliver()
{
    # shellcheck disable=SC2046
    run send "$SEND" $(client "$1") --timeout 5 file:small "$uri"
    ended send
}

deliver pki
check "the old certificate: taken" [ "$rc" = 0 ]
for file in ca-cert server-cert server-key; do
    mv "staging/$file.pem" "now/$file.pem"
done
for ((i = 0; i < 40; i++)); do
    deliver next
    [ "$rc" != 0 ] || break
    nap 0.1
done
check "the new certificate: taken" [ "$rc" = 0 ]
deliver pki
check "the old CA: no more" [ "$rc" = 4 ]
echo nonsense >now/server-key.pem
check "a broken key is told" said recv.log 'keeping the old credentials'
deliver next
check "... and not used" [ "$rc" = 0 ]
down recv
verdict
