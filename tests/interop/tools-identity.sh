#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Peers that must not be accepted: both sides say in one line what was wrong,
# and nothing is written.
. "$(dirname "$0")/lib.sh"
need certtool psktool openssl
begin 120

"$top/examples/mkpki" good >/dev/null && "$top/examples/mkpki" other >/dev/null ||
    exit 1
bytes 3000000 >source

# A CA whose key we keep, and certificates of it that have expired.
expired()
{
    local who

    mkdir old
    printf 'cn = "old CA"\nca\ncert_signing_key\nexpiration_days = 30\n' >ca.t
    printf 'cn = "localhost"\ndns_name = "localhost"\n' >server.t
    printf 'tls_www_server\nsigning_key\n' >>server.t
    printf 'cn = "client"\ntls_www_client\nsigning_key\n' >client.t
    for who in server client; do
        printf 'activation_date = "2020-01-01 00:00:00"\n' >>$who.t
        printf 'expiration_date = "2020-02-01 00:00:00"\n' >>$who.t
    done
    for who in ca server client; do
        certtool --generate-privkey --key-type ecdsa --curve secp256r1 \
            --outfile old/$who-key.pem
    done
    certtool --generate-self-signed --load-privkey old/ca-key.pem \
        --template ca.t --outfile old/ca-cert.pem
    for who in server client; do
        certtool --generate-certificate --load-privkey old/$who-key.pem \
            --load-ca-certificate old/ca-cert.pem \
            --load-ca-privkey old/ca-key.pem --template $who.t \
            --outfile old/$who-cert.pem
    done
}
expired >old.log 2>&1 || { cat old.log; exit 1; }
rm old.log

# fresh DIR CA-FROM CERTS-FROM WHO: trusts one, shows the other's.
mix()
{
    mkdir "$1"
    cp "$2/ca-cert.pem" "$1/"
    [ -z "${3:-}" ] || cp "$3/$4-cert.pem" "$3/$4-key.pem" "$1/"
}
mix client-trusts-other other good client
mix client-of-other good other client
mix client-without good
mix server-old old old server
mix client-old old old client
mkdir psk-other psk-user
sed 's/:.*/:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff/' \
    good/keys.psk >psk-other/keys.psk
sed 's/^[^:]*/stranger/' good/keys.psk >psk-user/keys.psk

# refused NAME SERVER-OPTIONS CLIENT-OPTIONS RECV-SAYS SEND-SAYS
refused()
{
    local transport

    for transport in tcp:127.0.0.1:0 unix:sock; do
        rm -f sink ./*.log sock
        # shellcheck disable=SC2086
        run recv "$RECV" $2 $transport file:sink
        listens recv
        # shellcheck disable=SC2086
        run send "$SEND" $3 --timeout 10 file:source "$uri"
        ended send
        check "$1, ${transport%%:*}: the sender exits 4" [ "$rc" = 4 ]
        check "$1, ${transport%%:*}: the sender says why" one_line send "$5"
        ended recv
        check "$1, ${transport%%:*}: the receiver exits 4" [ "$rc" = 4 ]
        check "$1, ${transport%%:*}: the receiver says why" one_line recv "$4"
        check "$1, ${transport%%:*}: nothing written" nothing_left sink
    done
}

off=,sanity-check=off
refused "server of another CA" "$(server good)" \
    "$(client client-trusts-other $off)" \
    'alert|refused|rejected|authority|CA' 'authority|issuer|not trusted|signed'
refused "client of another CA" "$(server good)" \
    "$(client client-of-other $off)" \
    'certificate|authority|issuer' 'alert|refused|rejected|certificate'
refused "no client certificate" "$(server good)" "$(client client-without)" \
    'certificate' 'certificate|alert|refused|rejected'
refused "expired server certificate" "$(server server-old $off)" \
    "$(client client-old $off)" 'alert|refused|rejected|expired' 'expired'
refused "expired client certificate" \
    "$(server server-old ',sanity-check=off')" \
    "--object tls-creds-x509,id=c,endpoint=client,dir=client-old,sanity-check=off,verify-peer=off --tls-creds c" \
    'expired' 'alert|refused|rejected|expired'
refused "wrong host name" "$(server good)" \
    "$(client good) --tls-hostname db.example" \
    'alert|refused|rejected|certificate' 'db\.example'
refused "other key" "$(psk_server good)" "$(psk_client psk-other)" \
    'key|PSK|decrypt|MAC|binder|finished|alert|param' \
    'key|PSK|alert|refused|rejected|decrypt'
refused "unknown user" "$(psk_server good)" "$(psk_client psk-user stranger)" \
    'user|stranger|key|PSK|identity|alert' 'alert|refused|rejected|user|PSK|identity'
refused "authorizer says no" \
    "$(server good) --object authz-simple,id=z,identity=CN=nobody --tls-authz z" \
    "$(client good)" 'not allowed|authoriz|denied|nobody|permit' \
    'alert|refused|rejected|denied'
verdict
