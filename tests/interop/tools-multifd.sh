#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The channels of a hypervisor's own through the tools, without one: in any
# order, and with everything wrong that they can have.
. "$(dirname "$0")/lib.sh"
need certtool openssl python3
begin 100

"$top/examples/mkpki" pki >/dev/null || exit 1
peer=$here/multifd-peer.py

# through HOW: both tools between both ends.
through()
{
    rm -f a.sock b.sock
    # shellcheck disable=SC2046
    run recv "$RECV" --json --multifd 3 --timeout "${2:-5}" $(server pki) \
        tcp:127.0.0.1:0 unix:b.sock
    listens recv
    # shellcheck disable=SC2046
    run send "$SEND" --json --multifd 3 --timeout "${2:-5}" $(client pki) \
        unix:a.sock "$uri"
    listens send
    run peer python3 -B "$peer" a.sock b.sock "$1"
}

for how in first later trickle; do
    through $how
    ended peer
    check "$how: everything came, where it belongs" grep -q 'all came' peer.out
    ended send
    check "$how: the sender exits 0" [ "$rc" = 0 ]
    ended recv
    check "$how: the receiver exits 0" [ "$rc" = 0 ]
done
check "both say of how many connections, and that it is whole" \
    [ "$(cat send.out recv.out | grep -c '"channels": 4, .*"bytes": 21.*"whole": true')" = 2 ]

# wrong HOW EXIT REGEX [TIMEOUT]: it never begins.
wrong()
{
    through "$1" "${4:-5}"
    ended send
    check "$1: the sender exits $2" [ "$rc" = "$2" ]
    check "$1: one line" one_line send "$3"
    ended peer
    check "$1: all are let go" [ "$rc" = 0 ]
    kill -TERM "$recv_pid"
    ended recv
}
wrong version 4 'version'
wrong uuid 4 'two machines'
wrong doubled 4 'twice'
wrong id 4 'channel 4, where there are 3'
wrong mains 4 'two main'
wrong neither 4 'neither'
wrong short 4 'EOF|ended|end of'
wrong missing 3 '3 of 4 connections came' 1

# Something happens on the way. A receiver to whom not all have come by then
# waits for them.
for how in killed breaks gone cut; do
    through $how 2
    ended send 8
    check "$how: the sender fails" eval '[[ $rc = [156] ]]'
    check "$how: in one line" one_line send .
    ended recv 8
    check "$how: the receiver fails" eval '[[ $rc = [1356] ]]'
    ended peer
    check "$how: all are let go" [ "$rc" = 0 ]
done

through later
kill -TERM "$send_pid"
ended send
check "TERM: exit 143" [ "$rc" = 143 ]
kill -TERM "$recv_pid"
ended recv
check "TERM: exit 143" [ "$rc" = 143 ]
kill "$peer_pid"

refused()
{
    run tool "${@:2}"
    ended tool
    check "usage: $1: exit 2" [ "$rc" = 2 ]
    check "usage: $1: one line" one_line tool "$1"
}
refused 'multifd' "$SEND" --multifd 0 unix:a.sock tcp:127.0.0.1:1
refused 'multifd' "$SEND" --multifd 65 unix:a.sock tcp:127.0.0.1:1
refused 'multifd' "$SEND" --multifd 2 --channels 2 unix:a.sock tcp:127.0.0.1:1
refused 'multifd' "$SEND" --multifd 2 file:pki/ca-cert.pem tcp:127.0.0.1:1
refused 'multifd' "$RECV" --multifd 2 tcp:127.0.0.1:0 file:sink
verdict
