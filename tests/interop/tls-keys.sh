#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every kind of key, and pre-shared ones, with both versions of TLS, in both
# roles, with OpenSSL and GnuTLS's tools at the other end. Both ends show a
# certificate.
. "$(dirname "$0")/lib.sh"
need openssl certtool gnutls-cli gnutls-serv python3
begin 120
. "$here/tls-lib.sh"

kinds=(rsa2048 rsa3072 p256 p384 ed25519)
authority ca
for kind in "${kinds[@]}"; do
    certificate ca "$kind" server "$kind"
    certificate ca "$kind" client "$kind"
done
mkdir psk
secret=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
echo "qemu:$secret" >psk/keys.psk
echo 'hello there' >text
name=

only()
{
    echo "NORMAL:-VERS-ALL:+VERS-TLS$1"
}

# To a server: says the text, hangs up after the echo.
s_client()
{
    : >s_client.out
    run_with <(cat text; said s_client.out '^hello there') s_client \
        openssl s_client -quiet -no_ign_eof -nocommands \
        -connect "127.0.0.1:$port" \
        -tls"${1/./_}" "${@:2}"
    ended s_client 10
}

gnutls_cli()
{
    : >gnutls_cli.out
    run_with <(cat text; said gnutls_cli.out '^hello there') gnutls_cli \
        gnutls-cli --no-ca-verification -p "$port" \
        --priority "$(only "$1")${prio:-}" "${@:2}" 127.0.0.1
    ended gnutls_cli 10
}

# answered CLIENT CLAIM VERSION IDENTITY
answered()
{
    check "$2: the echo" grep -q '^hello there' "$1.out"
    check "$2: version and peer" \
        said serve.out "^open: TLS$3 .*; peer $4"
    check "$2: ends well" said serve.out '^end: clean'
    down serve
}

for kind in "${kinds[@]}"; do
    files=(-CAfile ca/ca-cert.pem -verify_return_error
        -cert "$kind/client-cert.pem" -key "$kind/client-key.pem")
    gfiles=(--x509certfile "$kind/client-cert.pem"
        --x509keyfile "$kind/client-key.pem")
    for version in 1.2 1.3; do
        serve "$kind"
        s_client $version "${files[@]}"
        answered s_client "s_client, $kind, $version" $version \
            "CN=client $kind"
        serve "$kind"
        gnutls_cli $version "${gfiles[@]}"
        answered gnutls_cli "gnutls-cli, $kind, $version" $version \
            "CN=client $kind"
    done
done
for version in 1.2 1.3; do
    serve psk '' psk
    case $version in
    1.2) s_client 1.2 -psk_identity qemu -psk $secret -cipher PSK ;;
    1.3) s_client 1.3 -psk_identity qemu -psk $secret ;;
    esac
    answered s_client "s_client, PSK, $version" $version qemu
    # gnutls-cli 3.7 crashes with PSK in TLS 1.2, with its own server as well.
    [ $version = 1.3 ] || continue
    serve psk '' psk
    prio=:-KX-ALL:+DHE-PSK:+ECDHE-PSK gnutls_cli $version \
        --pskusername qemu --pskkey $secret
    answered gnutls_cli "gnutls-cli, PSK, $version" $version qemu
done

# ---- our client ----


# asked CLAIM VERSION REGEX
asked()
{
    check "$1: exit 0" [ "$rc" = 0 ]
    check "$1: the echo" grep -q "$3" ask.out
    check "$1: version" grep -q "^open: TLS$2 " ask.log
    check "$1: ends well" grep -q '^end: clean' ask.log
}

s_server=(openssl s_server -accept '127.0.0.1:{port}' -rev)
gnutls_serv=(gnutls-serv --echo --quiet -p '{port}')
for kind in "${kinds[@]}"; do
    theirs "${s_server[@]}" -CAfile ca/ca-cert.pem -Verify 2 \
        -verify_return_error -cert "$kind/server-cert.pem" \
        -key "$kind/server-key.pem"
    for version in 1.2 1.3; do
        ask "$kind" text ",min-version=$version,max-version=$version"
        asked "s_server, $kind, $version" $version '^ereht olleh'
    done
    down theirs
    theirs "${gnutls_serv[@]}" --require-client-cert --verify-client-cert \
        --x509cafile ca/ca-cert.pem --x509certfile "$kind/server-cert.pem" \
        --x509keyfile "$kind/server-key.pem"
    for version in 1.2 1.3; do
        ask "$kind" text ",min-version=$version,max-version=$version"
        asked "gnutls-serv, $kind, $version" $version '^hello there'
    done
    down theirs
done
theirs "${s_server[@]}" -nocert -psk_identity qemu -psk $secret
for version in 1.2 1.3; do
    ask psk text ",min-version=$version,max-version=$version" psk
    asked "s_server, PSK, $version" $version '^ereht olleh'
done
down theirs
theirs "${gnutls_serv[@]}" --pskpasswd psk/keys.psk \
    --priority NORMAL:-KX-ALL:+DHE-PSK:+ECDHE-PSK
for version in 1.2 1.3; do
    ask psk text ",min-version=$version,max-version=$version" psk
    asked "gnutls-serv, PSK, $version" $version '^hello there'
done
verdict
