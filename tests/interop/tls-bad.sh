#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Certificates that are not to be taken, with OpenSSL and GnuTLS's tools at the
# other end: who refuses says why, the other end is told by an alert, and no
# byte passes.
. "$(dirname "$0")/lib.sh"
need openssl certtool gnutls-cli gnutls-serv python3
begin 90
. "$here/tls-lib.sh"

past='activation_date = "2020-01-01 00:00:00"
expiration_date = "2020-02-01 00:00:00"'
authority ca
authority other
for role in server client; do
    certificate ca good $role p256
    certificate ca expired $role p256 "$past"
    certificate other stranger $role p256
    certificate other edstranger $role ed25519
    certificate ca revoked $role p256
done
# Strangers trust whom we trust.
cp ca/ca-cert.pem stranger/
cp ca/ca-cert.pem edstranger/
for role in server client; do
    mkdir "knows-$role"
    cp good/*.pem "knows-$role"
    revoke ca "revoked/$role-cert.pem" "knows-$role/ca-crl.pem"
done
mkdir none
cp ca/ca-cert.pem none/
echo 'hello there' >text

# lacks REGEX FILE...
lacks()
{
    [ "$(cat "${@:2}" | grep -c "$1")" = 0 ]
}

# ---- our server refuses ----

# refuses CLAIM SERVER-DIR CLIENT-DIR REASON OPENSSL-ALERT GNUTLS-ALERT
refuses()
{
    local own=() gown=() version

    if [ "$3" != none ]; then
        own=(-cert "$3/client-cert.pem" -key "$3/client-key.pem")
        gown=(--x509certfile "$3/client-cert.pem"
            --x509keyfile "$3/client-key.pem")
    fi
    for version in 1.2 1.3; do
        serve "$2"
        run_with <(cat text; said s_client.log alert) s_client \
            openssl s_client -quiet -nocommands -tls"${version/./_}" \
            -connect "127.0.0.1:$port" "${own[@]}"
        ended s_client 10
        check "$1, s_client $version: says why" \
            said serve.out "^refused: $4"
        check "$1, s_client $version: alert" \
            grep -q "alert $5:" s_client.log
        run_with <(cat text; said gnutls_cli.log alert) gnutls_cli \
            gnutls-cli --no-ca-verification -p "$port" \
            --priority "NORMAL:-VERS-ALL:+VERS-TLS$version" "${gown[@]}" \
            127.0.0.1
        ended gnutls_cli 10
        check "$1, gnutls-cli $version: alert" \
            grep -qi "received alert .*$6" gnutls_cli.log gnutls_cli.out
        check "$1, $version: nothing is taken" lacks '^open' serve.out
        check "$1, $version: nothing comes back" \
            lacks '^hello' s_client.out gnutls_cli.out
        down serve
    done
}

refuses "expired client" good expired 'TLS_VERIFY: .*expired' \
    'certificate expired' 'expired'
refuses "client of another CA" good stranger 'TLS_VERIFY: .*' \
    'unknown ca' 'CA is unknown'
refuses "revoked client" knows-client revoked 'TLS_VERIFY: .*revoked' \
    'certificate revoked' 'revoked'
refuses "no client certificate" good none 'TLS_VERIFY: .*no certificate' \
    '\(certificate required\|handshake failure\|bad certificate\)' ''

# ---- our client refuses ----

# shuns CLAIM CLIENT-DIR SERVER-DIR NAME REASON OPENSSL-ALERT GNUTLS-ALERT
shuns()
{
    local version

    name=$4
    theirs openssl s_server -accept '127.0.0.1:{port}' -rev \
        -cert "$3/server-cert.pem" -key "$3/server-key.pem"
    for version in 1.2 1.3; do
        ask "$2" text ",min-version=$version,max-version=$version"
        check "$1, s_server $version: exit 1" [ "$rc" = 1 ]
        check "$1, s_server $version: says why" grep -qE "^end: $5" ask.log
        check "$1, s_server $version: nothing came" [ ! -s ask.out ]
        check "$1, s_server $version: alert" \
            said theirs.log "alert $6:"
    done
    down theirs
    theirs gnutls-serv --echo -p '{port}' --x509certfile \
        "$3/server-cert.pem" --x509keyfile "$3/server-key.pem"
    for version in 1.2 1.3; do
        ask "$2" text ",min-version=$version,max-version=$version"
        check "$1, gnutls-serv $version: says why" grep -qE "^end: $5" ask.log
        check "$1, gnutls-serv $version: nothing came" [ ! -s ask.out ]
    done
    check "$1, gnutls-serv: alert" said theirs.log "$7"
    down theirs
}

shuns "expired server" good expired localhost 'TLS_VERIFY: .*expired' \
    'certificate expired' 'alert'
shuns "server of another CA" good stranger localhost 'TLS_VERIFY: ' \
    'unknown ca' 'alert'
shuns "wrong name" good good other.example \
    "TLS_VERIFY: .*'other.example'" '[a-z ]*' 'alert'
shuns "revoked server" knows-server revoked localhost \
    'TLS_VERIFY: .*revoked' 'certificate revoked' 'alert'

# ---- their server refuses us; in TLS 1.3 we learn it late ----

name=localhost
# turned_down CLAIM CLIENT-DIR REASON
turned_down()
{
    local version

    theirs openssl s_server -accept '127.0.0.1:{port}' -rev -Verify 2 \
        -verify_return_error -CAfile ca/ca-cert.pem \
        -cert good/server-cert.pem -key good/server-key.pem
    for version in 1.2 1.3; do
        ask "$2" text ",sanity-check=off,min-version=$version,max-version=$version"
        check "$1, s_server $version: exit 1" [ "$rc" = 1 ]
        check "$1, s_server $version: says why" \
            grep -qE "^end: TLS_REJECTED: .*$3" ask.log
    done
    down theirs
}
turned_down "we expired" expired 'expired'
# It names the CAs that it trusts, and ours is none of them.
turned_down "we are strangers" stranger '(certificate|handshake)'
turned_down "we are strangers with Ed25519" edstranger \
    '(certificate|handshake)'
check "... and show none" grep -q 'did not return a certificate' theirs.log
turned_down "we have none" none '(certificate|handshake)'
verdict
