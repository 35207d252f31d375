#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# One stream over many connections: what arrives, and everything that a peer or
# the network can do wrong.
. "$(dirname "$0")/lib.sh"
need certtool openssl python3
begin 180

"$top/examples/mkpki" pki >/dev/null || exit 1
bytes 4000000 >plain
stream 9000000 >whole
cut_stream 4000000 >cut
peer=$here/channels-peer.py

# ---- it arrives ----

# moves NAME FILE OPTIONS...: OPTIONS are both sides'.
moves()
{
    local name=$1 file=$2 tls=$3

    shift 3
    # shellcheck disable=SC2046
    run recv "$RECV" --json "$@" $([ -z "$tls" ] || server pki "$tls") \
        tcp:127.0.0.1:0 file:sink
    listens recv
    # shellcheck disable=SC2046
    run send "$SEND" --json "$@" $([ -z "$tls" ] || client pki "$tls") \
        "file:$file" "$uri"
    ended send
    check "$name: the sender exits 0" [ "$rc" = 0 ]
    ended recv
    check "$name: the receiver exits 0" [ "$rc" = 0 ]
    check "$name: the same bytes" cmp -s "$file" sink
    rm -f sink
}
moves "one of many" plain ,verify-peer=on --channels 1
moves "four over TLS" whole ,verify-peer=on --channels 4
# both_say CHANNELS RESUMED
both_say()
{
    check "... $2 of $1 are resumed, both say" \
        [ "$(cat send.out recv.out | grep -c "\"channels\": $1, \"channels_resumed\": $2, .*TLS1.3")" = 2 ]
}
both_say 4 3
moves "sixteen over TLS" whole ,verify-peer=on --channels 16
both_say 16 15
moves "four over TLS, resumption=on" whole ,resumption=on --channels 4
both_say 4 3
moves "four over TLS, resumption=off" whole ,resumption=off --channels 4
both_say 4 0
moves "sixteen over TCP" plain '' --channels 16

# One side is enough to prevent it; and the network URI may name the credentials.
# shellcheck disable=SC2046
run recv "$RECV" --channels 4 --json $(server pki ,resumption=off) tcp:127.0.0.1:0 file:sink
listens recv
# shellcheck disable=SC2046
run send "$SEND" --channels 4 --json $(client pki) file:whole "$uri"
ended send
check "resumption=off of one side: the sender exits 0" [ "$rc" = 0 ]
ended recv
both_say 4 0
rm -f sink
ln -s pki pki,resumption=off
run recv "$RECV" --channels 4 --json --object "tls-creds-x509,id=a,endpoint=server,dir=pki,,resumption=off" \
    tcp:127.0.0.1:0,tls-creds=a file:sink
listens recv
run send "$SEND" --channels 4 --json --object "tls-creds-x509,id=b,dir=pki,endpoint=client" \
    file:whole "$uri,tls-creds=b,tls-hostname=localhost"
ended send
check "credentials in the URI, a name like the property: the sender exits 0" [ "$rc" = 0 ]
ended recv
both_say 4 3
rm -f sink
moves "two, at a pace" plain '' --channels 2 --rate-limit 8M
for threads in on off; do
    moves "three over TLS, threads $threads" whole ,verify-peer=on --channels 3 \
        --channel-threads=$threads
done
: >empty
moves "nothing at all" empty ,verify-peer=on --channels 3

run recv "$RECV" --channels 8 unix:s.sock 'exec:gzip >sink.gz'
listens recv
run send "$SEND" --channels 3 'exec:cat whole' unix:s.sock
ended send
check "commands, fewer than allowed: the sender exits 0" [ "$rc" = 0 ]
ended recv
check "... the receiver exits 0" [ "$rc" = 0 ]
check "... the same bytes" cmp -s whole <(zcat sink.gz)

# ---- many streams of many ----

# shellcheck disable=SC2046
run recv "$RECV" --max 3 --channels 4 --timeout 10 $(server pki) \
    tcp:127.0.0.1:0 'file:sink.%n'
listens recv
for n in 2 3 4; do
    # shellcheck disable=SC2046
    run send$n "$SEND" --channels $n --rate-limit 8M $(client pki) file:whole \
        "$uri"
done
for n in 2 3 4; do
    ended send$n
    check "three streams at once: sender $n exits 0" [ "$rc" = 0 ]
done
ended recv
check "... the receiver exits 0" [ "$rc" = 0 ]
for n in 1 2 3; do
    check "... sink $n has the same bytes" cmp -s whole sink.$n
done
rm -f sink.*

# ---- what peers do wrong ----

# sends HOW OPTIONS...: a receiver of two, and a peer that sends so. The peer is
# there first: its own start must not use up what time the receiver gives it.
mkfifo port
sends()
{
    run peer python3 -B "$peer" send port "$1"
    exec 3>port
    run recv "$RECV" --channels 2 "${@:2}" tcp:127.0.0.1:0 file:sink 3>&-
    listens recv
    echo "${uri##*:}" >&3
    exec 3>&-
}
# wrong HOW EXIT REGEX: it breaks rules.
wrong()
{
    sends "$1" --timeout 3
    ended recv
    check "$1: exit $2" [ "$rc" = "$2" ]
    check "$1: one line" one_line recv "$3"
    check "$1: nothing left" nothing_left sink
    ended peer
    check "$1: the other side learns of it" [ "$rc" = 0 ]
}
wrong missing 3 'timed out'
wrong silent 3 'timed out'
wrong doubled 4 'twice'
wrong foreign 4 'another stream'
wrong differs 4 'does not agree'
wrong early 4 'before all are there'
wrong version 4 'version 2'
wrong count 4 'of 17'
wrong none 4 'malformed hello'
wrong index 4 'connection 6 of 2'
wrong more 4 '3 connections, at most 2'
wrong block 4 'block size'
wrong stream 4 'does not speak of channels'
wrong length 1 'larger than'
wrong twice 1 'already|same number'
wrong gap 1 'missing'
wrong total 1 'differ in where'
wrong overlap 1 'does not follow'
wrong far 1 'cannot follow'
wrong same 1 'same number|already|is missing'
wrong behind 1 'differ in where|too early|after the end'
wrong half 5 'ended before'
wrong endless 5 'ended before'
wrong oneend 5 'ended before'

sends late
ended recv
check "late: exit 0, all being there" [ "$rc" = 0 ]
check "late: nobody listens" grep -q refused peer.out
check "late: what came" [ "$(wc -c <sink)" = 2000 ]
rm -f sink

# One side only knows of it.
run recv "$RECV" --channels 2 tcp:127.0.0.1:0 file:sink
listens recv
run send "$SEND" file:plain "$uri"
ended recv
check "only the receiver: exit 4" [ "$rc" = 4 ]
ended send
check "only the receiver: the sender exits 1" [ "$rc" = 1 ]
# shellcheck disable=SC2046
run recv "$RECV" $(server pki) tcp:127.0.0.1:0 file:sink
listens recv
# shellcheck disable=SC2046
run send "$SEND" --channels 2 --timeout 2 $(client pki) file:plain "$uri"
ended send
check "only the sender: exit 3" [ "$rc" = 3 ]
ended recv
check "only the sender: the receiver fails" [ "$rc" = 5 ]
check "only the sender: nothing left" nothing_left sink

# ---- the file ----

# Whatever comes first, at its place; what was there in place stays.
echo before >sink
run recv "$RECV" --channels 3 tcp:127.0.0.1:0 file:sink,offset=7
listens recv
run send "$SEND" --channels 3 file:whole "$uri"
ended send
ended recv
check "in place: the receiver exits 0" [ "$rc" = 0 ]
check "in place: the same bytes" cmp -s <(echo before; cat whole) sink
rm -f sink
limited() { (ulimit -f 2000; trap '' XFSZ; exec "$@"); }
for threads in on off; do
    run recv limited "$RECV" --channels 3 --channel-threads=$threads tcp:127.0.0.1:0 file:sink
    listens recv
    run send "$SEND" --channels 3 file:whole "$uri"
    ended recv
    check "no room for the file, threads $threads: the receiver exits 6" [ "$rc" = 6 ]
    check "... and says so" one_line recv 'sink failed'
    check "... nothing left" nothing_left sink
    ended send
    check "... the sender fails" [ "$rc" = 1 ]
done

# ---- one connection breaks off ----

for how in close reset; do
    for tls in '' TLS; do
        # shellcheck disable=SC2046
        run recv "$RECV" --channels 3 --channel-threads=on $([ -z "$tls" ] || server pki) \
            tcp:127.0.0.1:0 file:sink
        listens recv
        run cutter python3 -B "$peer" cut "${uri##*:}" $how
        listens cutter
        # shellcheck disable=SC2046
        run send "$SEND" --channels 3 --channel-threads=on --rate-limit 16M \
            $([ -z "$tls" ] || client pki) file:whole "$uri"
        ended recv 8
        check "one breaks off ($how $tls): the receiver fails" \
            [ "$rc" = 5 -o "$rc" = 1 ]
        check "... and says which" one_line recv 'connection [1-3] of 3'
        check "... nothing left" nothing_left sink
        ended send 8
        check "... the sender exits 1" [ "$rc" = 1 ]
        kill "$cutter_pid"
    done
done

# ---- one side gives up or is gone ----

# shellcheck disable=SC2046
run recv "$RECV" --channels 3 --channel-threads=on $(server pki) tcp:127.0.0.1:0 file:sink
listens recv
# shellcheck disable=SC2046
run send "$SEND" --channels 3 --channel-threads=on $(client pki) file:cut "$uri"
ended send
check "a stream that is cut: the sender exits 5" [ "$rc" = 5 ]
ended recv
check "... the receiver exits 5" [ "$rc" = 5 ]
check "... nothing left" nothing_left sink

for tls in '' TLS; do
    for who in send recv; do
        # shellcheck disable=SC2046
        run recv "$RECV" --channels 3 --channel-threads=on $([ -z "$tls" ] || server pki) \
            tcp:127.0.0.1:0 file:sink
        listens recv
        # shellcheck disable=SC2046
        run send "$SEND" --channels 3 --channel-threads=on --rate-limit 4M \
            $([ -z "$tls" ] || client pki) file:whole "$uri"
        arriving sink
        pid=${who}_pid
        pkill -KILL -P "${!pid}" 2>/dev/null
        kill -KILL "${!pid}"
        other=$([ $who = send ] && echo recv || echo send)
        ended $other 8
        check "$who is killed $tls: $other fails" [ "$rc" = 1 -o "$rc" = 5 ]
        check "... nothing left" eval '[ $other = send ] || nothing_left sink'
        rm -f .sink.*
    done
done

# shellcheck disable=SC2046
run recv "$RECV" --channels 3 --channel-threads=on $(server pki) tcp:127.0.0.1:0 'exec:head -c 100000 >/dev/null; exit 3'
listens recv
# shellcheck disable=SC2046
run send "$SEND" --channels 3 --channel-threads=on $(client pki) file:whole "$uri"
ended recv
check "the sink fails: the receiver exits 6" [ "$rc" = 6 ]
ended send
check "... the sender exits 1" [ "$rc" = 1 ]
check "... and says who failed" one_line send 'receiver failed'

# ---- what cannot be ----

refused()
{
    run tool "${@:2}"
    ended tool
    check "usage: $1: exit 2" [ "$rc" = 2 ]
    check "usage: $1: one line" one_line tool "$1"
}
refused '--channels' "$SEND" --channels 0 file:plain tcp:127.0.0.1:1
refused '--channels' "$SEND" --channels 17 file:plain tcp:127.0.0.1:1
refused 'sockets' "$RECV" --channels 2 stdio: file:sink
verdict
