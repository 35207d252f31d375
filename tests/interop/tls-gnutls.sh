#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every record engine with GnuTLS's tools at the other end, as client and as
# server: records large enough for the engine to be at work, each cipher, and
# key updates from both sides in the middle of it.
. "$(dirname "$0")/lib.sh"
need openssl certtool gnutls-cli gnutls-serv python3
begin 180
. "$here/tls-lib.sh"

"$top/examples/mkpki" pki >/dev/null || exit 1
# gnutls-cli makes a record of each line, reads no longer ones, and those byte
# by byte.
text()
{
    bytes "$1" | base64 -w 4000
    echo '  the end'
}
text 400000 >lines
text 16000000 >many
name=localhost

# only CIPHER: as a priority.
only()
{
    echo "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+$1"
}

# at_work CLAIM ENGINE CIPHER FILE: what our side said of the session.
at_work()
{
    check "$1: that engine" \
        said "$4" "^open: TLS1.3 $3 .*, $(engine_for "$2") records"
    check "$1: ends well" said "$4" '^end: clean'
}

# updates CLAIM SENT RECEIVED FILE: key updates as our side counted them.
updates()
{
    check "$1: key updates" said "$4" "; key updates: $2 sent, $3 received"
}

# Keys of its own, and ours too.
with_updates()
{
    local i

    for i in 1 2 3 4 5 6; do
        split -n "l/$i/6" lines
        case $i in
        6) ;;
        [24]) echo '^rekey1^' ;;
        *) echo '^rekey^' ;;
        esac
    done
}

# from_client CLAIM ENGINE CIPHER: to our server and back.
from_client()
{
    serve pki ",tls-engine=$2"
    : >peer.out
    run_with <(
        with_updates
        said peer.out '^  the end'
    ) peer gnutls-cli --inline-commands --logfile peer.info -p "$port" \
        --no-ca-verification --x509certfile pki/client-cert.pem \
        --x509keyfile pki/client-key.pem --priority "$(only "$3")" \
        127.0.0.1
    ended peer 20
    check "$1: all comes back" cmp -s lines peer.out
    at_work "$1" "$2" "$3" serve.out
    # Those that come close together get one answer.
    updates "$1" '[1-3]' 5 serve.out
    down serve
}

# to_server CLAIM ENGINE CIPHER: there and back; new keys after 1024 records.
to_server()
{
    ask pki many ",tls-engine=$2,rekey-after=1024"
    check "$1: exit 0" [ "$rc" = 0 ]
    check "$1: all comes back" cmp -s many ask.out
    at_work "$1" "$2" "$3" ask.log
    updates "$1" 1 0 ask.log
}

for cipher in AES-128-GCM AES-256-GCM CHACHA20-POLY1305; do
    theirs gnutls-serv --echo --quiet -p '{port}' --require-client-cert \
        --verify-client-cert --x509cafile pki/ca-cert.pem \
        --x509certfile pki/server-cert.pem \
        --x509keyfile pki/server-key.pem --priority "$(only "$cipher")"
    for engine in ipsec-mb aead gnutls; do
        to_server "$engine -> gnutls-serv, $cipher" "$engine" "$cipher"
    done
    down theirs
    for engine in ipsec-mb aead gnutls; do
        from_client "gnutls-cli -> $engine, $cipher" "$engine" "$cipher"
    done
done
verdict
