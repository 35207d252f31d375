#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Everything that a source and a sink can be, and what the tools tell of it.
. "$(dirname "$0")/lib.sh"
need openssl python3
begin 90

"$top/examples/mkpki" pki >/dev/null || exit 1
bytes 3000000 >plain
stream 3000000 >whole

# put SINK OPTIONS: a receiver at uri.
put()
{
    # shellcheck disable=SC2086
    run recv "$RECV" ${2:-} tcp:127.0.0.1:0 "$1"
    listens recv
}

# both CLAIM RC: the sender has ended with RC, the receiver must do well too.
both()
{
    local sent=$2

    ended recv
    check "$1: exits 0 0" [ "$sent $rc" = "0 0" ]
}

put stdio:
"$SEND" stdio: "$uri" <whole
both "standard input to standard output" $?
check "... the same bytes" cmp -s recv.out whole

put file:sink
exec 9<>"/dev/tcp/127.0.0.1/${uri##*:}"
"$SEND" file:plain fd:9
both "a connected descriptor" $?
exec 9>&-
check "... the same bytes" cmp -s sink plain

mkfifo fifo
run cat cat fifo
put file:fifo
"$SEND" file:plain "$uri"
both "a fifo" $?
ended cat
check "... the same bytes" cmp -s cat.out plain

echo old >real
ln -s real link
put file:link --fsync
"$SEND" file:plain "$uri"
both "a symbolic link" $?
check "... the file behind it is replaced" cmp -s real plain
check "... the link stays" [ -L link ]
check "... for nobody else to read" [ "$(stat -c %a real)" = 600 ]

put 'exec:gzip >z.gz'
"$SEND" 'exec:cat plain' "$uri"
both "commands at both ends" $?
check "... the same bytes" cmp -s <(zcat z.gz) plain

"$SEND" file:plain "exec:exec $RECV stdio: file:pipe"
check "over a command's pipes" [ $? = 0 ]
check "... the same bytes" cmp -s pipe plain
"$SEND" $(client pki) file:plain \
    "exec:exec $RECV $(server pki) stdio: file:pipe2"
check "TLS over a command's pipes" [ $? = 0 ]
check "... the same bytes" cmp -s pipe2 plain

# A command that fails at its end: whoever gets its output learns of it, without
# TLS as well. What it sent last is held back until it is known to be good.
for source in 'cat whole' 'cat plain' 'printf x' true; do
    rm -f sink
    put file:sink
    "$SEND" "exec:$source; exit 3" "$uri" 2>send.log
    check "'$source' that fails: the sender" [ $? = 6 ]
    check "... says how" grep -q 'status 3' send.log
    ended recv
    check "... the receiver" [ "$rc" != 0 ]
    check "... and keeps nothing" [ ! -e sink ]
done
for source in 'cat whole' 'printf x' 'printf xy' 'cat whole; sleep 0.3'; do
    put file:sink '--rate-limit 100M'
    "$SEND" "exec:$source" "$uri"
    both "'$source'" $?
    check "... the same bytes" cmp -s sink <(eval "$source")
done

# The other way round: the receiver connects, the sender listens.
run send "$SEND" $(server pki) file:plain unix:turn.sock,listen=on
listens send
"$RECV" $(client pki) unix:turn.sock,listen=off file:turned
check "the receiver connects" [ $? = 0 ]
ended send
check "the sender listens" [ "$rc" = 0 ]
check "... the same bytes" cmp -s turned plain

# Over websockets: plain, wss, and TLS inside.
for layers in ',websocket=/m ,websocket=/m' \
    ',tls-creds=s,websocket=/m ,tls-creds=c,tls-hostname=localhost,websocket=/m?x=y' \
    ',websocket=/m,tls-creds=s ,websocket=/m,tls-creds=c,tls-hostname=localhost'; do
    rm -f sink
    run recv "$RECV" --object "tls-creds-x509,id=s,endpoint=server,dir=pki" \
        "tcp:127.0.0.1:0${layers% *}" file:sink
    listens recv
    "$SEND" --object "tls-creds-x509,id=c,endpoint=client,dir=pki" \
        file:whole "${uri%%,*}${layers#* }"
    both "layers ${layers#* }" $?
    check "... the same bytes" cmp -s sink whole
done
run recv "$RECV" tcp:127.0.0.1:0,websocket=/right file:refused
listens recv
"$SEND" file:whole "${uri%%,*},websocket=/wrong" 2>send.log
check "a wrong path is refused" [ $? = 4 ]
check "... with a status" grep -q 404 send.log
ended recv
check "... and the receiver says so" [ "$rc" = 4 ]
run recv "$RECV" tcp:127.0.0.1:0,websocket=/ "exec:head -c 100000 >/dev/null; exit 3"
listens recv
"$SEND" file:whole "${uri%%,*},websocket=/" 2>send.log
check "the sender learns of a sink that fails" [ $? != 0 ]
ended recv
check "... as the receiver does" [ "$rc" != 0 ]

# A relay without hypervisors: two links with TLS between, both live.
run last "$RECV" unix:last.sock file:relayed
listens last
put unix:last.sock "$(server pki)"
run send "$SEND" $(client pki) unix:first.sock "$uri"
listens send
"$SEND" file:whole unix:first.sock
check "relay: the first sender" [ $? = 0 ]
for name in send recv last; do
    ended $name
    check "relay: $name" [ "$rc" = 0 ]
done
check "... the same bytes" cmp -s relayed whole

# ---- what is told ----

put file:sink "--json --verbose $(server pki ,rekey-after=1024)"
"$SEND" --json --verbose $(client pki) file:whole "$uri" >send.out 2>send.log
both "with --json" $?
for name in send recv; do
    check "$name --json" json $name.out 'r["result"] == "ok" and r["exit"] == 0
        and r["bytes"] == 3000045 and r["whole"] is True and r["error"] is None
        and r["tls"].startswith("TLS1.3") and "CN=" in r["peer"]
        and r["seconds"] > 0'
    check "$name: the TLS session" json $name.out '(s := r["tls_session"]) and
        s["version"] == "TLS1.3" and "-" in s["cipher"] and s["group"] and
        s["signature"] and s["engine"] and s["alpn"] is None and
        s["resumed"] is False and r["peer"] in s["peer_names"] and
        0 < s["handshake_us"] < 90000000'
    check "$name --verbose" grep -q "TLS1.3, cipher .*, full handshake" $name.log
    check "... and the peer" grep -q ": the peer is .*CN=" $name.log
    check "... and the counters" grep -q "TLS sent [0-9]* records" $name.log
done
check "what is sent is received" python3 -c 'import json
send, recv = (json.load(open(n))["tls_session"] for n in ("send.out", "recv.out"))
for what in "records", "bytes", "key_updates":
    assert send[what + "_sent"] == recv[what + "_received"], what
    assert recv[what + "_sent"] == send[what + "_received"], what
assert send["bytes_sent"] == 3000045'
"$SEND" --json file:missing tcp:127.0.0.1:1 >send.out 2>send.log
check "--json of a failure" json send.out 'r["result"] == "failed" and
    r["exit"] == 6 and r["bytes"] == 0 and r["error"]["code"] == "SYSTEM" and
    "missing" in r["error"]["message"] and r["tls"] is None
    and r["tls_session"] is None'
run recv "$RECV" --quiet unix:quiet.sock file:/dev/null
for ((i = 0; i < 100; i++)); do [ -S quiet.sock ] && break; nap 0.05; done
"$SEND" --quiet file:plain unix:quiet.sock 2>send.log
both "with --quiet" $?
check "--quiet is quiet" [ "$(cat recv.log send.log)" = "" ]
put file:/dev/null
begin_s=$SECONDS
"$SEND" --rate-limit 1M --progress file:plain "$uri" 2>send.log
both "with --rate-limit" $?
check "--rate-limit limits" [ $((SECONDS - begin_s)) -ge 2 ]
check "--progress moves" [ "$(grep -c 'MiB/s\|KiB/s' send.log)" -ge 2 ]
# What gathers under the cork must not wait for the source to go on: all but the
# byte that is held until a command has ended well.
arrived() { [ "$(stat -c %s got)" -ge 2999999 ]; }
# shellcheck disable=SC2046
put "exec:cat >got" "$(server pki)"
# shellcheck disable=SC2046
run send "$SEND" $(client pki) "exec:cat plain; exec sleep 60" "$uri"
for ((i = 0; i < 200; i++)); do arrived 2>/dev/null && break; nap 0.05; done
check "a silent source: what it said is there" arrived
kill -TERM "$send_pid"
ended send
ended recv
for tool in "$RECV" "$SEND"; do
    check "--help" eval '"$tool" --help | grep -q "^Usage: qio-migrate-"'
    check "--version" eval '"$tool" --version | grep -q "libqio"'
done
verdict
