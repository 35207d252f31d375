#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Many migrations into one receiver, each with an end of its own, and signals
# in every phase of one.
. "$(dirname "$0")/lib.sh"
need certtool openssl python3
begin 150

"$top/examples/mkpki" pki >/dev/null || exit 1
"$top/examples/mkpki" foreign >/dev/null || exit 1
bytes 4000000 >plain
stream 4000000 >whole
cut_stream 4000000 >cut

# threads PID: how many the tool has; libtool's script may be its parent.
threads()
{
    local pid

    for pid in "$1" $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
        if grep -q '^Name:.*qio-migrate' "/proc/$pid/status" &&
            [ -e "/proc/$pid/exe" ]; then
            ls "/proc/$pid/task" | wc -l
            return
        fi
    done
    echo none
}

# said NAME REGEX: a line of what it said.
said()
{
    grep -qE "$2" "$1.log"
}

# ---- what cannot be many ----

refused()
{
    run tool "${@:2}"
    ended tool
    check "usage: $1: exit 2" [ "$rc" = 2 ]
    check "usage: $1: one line" one_line tool "$1"
}
refused '%n' "$RECV" --max 2 tcp:127.0.0.1:0 file:sink
refused 'only one' "$RECV" --keep-listening tcp:127.0.0.1:0 stdio:
refused 'listens' "$RECV" --max 2 stdio: file:sink.%n
refused 'cannot listen' "$RECV" --max 2 tcp:127.0.0.1:0 unix:s.sock,listen=on
refused 'receivers' "$SEND" --max 2 file:plain tcp:127.0.0.1:1
refused '--max' "$RECV" --max 0 tcp:127.0.0.1:0 file:sink.%n
check "usage: nothing was made" nothing_left sink

# ---- three good, one cut, one foreign, one silent, all at once ----

# shellcheck disable=SC2046
run recv "$RECV" --max 4 --json --timeout 3 $(server pki) tcp:127.0.0.1:0 \
    'file:sink.%n'
listens recv
exec 9<>"/dev/tcp/127.0.0.1/${uri##*:}"
send()
{
    # shellcheck disable=SC2046
    run "send_$1" "$SEND" --rate-limit 2M $(client pki) "file:$1" "$uri"
}
cp whole again
send whole
send plain
send cut
# shellcheck disable=SC2046
run stranger "$SEND" $(client foreign) file:plain "$uri"
ended stranger
check "wrong certificate: exit 4" [ "$rc" = 4 ]
check "wrong certificate: one line" one_line stranger 'certificate|not accepted'
# With the fourth one it is enough.
send again
sleep 0.5
check "four at once in one thread" [ "$(threads "$recv_pid")" = 1 ]
check "... and a sender has one" [ "$(threads "$send_whole_pid")" = 1 ]
for name in send_whole send_plain send_again; do
    ended $name
    check "$name: exit 0" [ "$rc" = 0 ]
done
ended send_cut
check "the cut one's sender: exit 5" [ "$rc" = 5 ]
ended recv
exec 9>&-
check "many: exit 5, that of the worst" [ "$rc" = 5 ]
check "many: strangers are told of" said recv 'a client was not accepted.*certificate|not accepted.*TLS'
check "many: three are done" [ "$(grep -c 'connection [1-4]: done' recv.log)" = 3 ]
check "many: one is cut" said recv 'connection [1-4]: the (sender gave up|stream is cut)'
cat >judge.py <<'P'
import filecmp, json, os, sys
r = {}
for line in open('recv.out'):
    one = json.loads(line)
    r[one['connection']] = one
assert sorted(r) == [1, 2, 3, 4], r
ends = sorted((o['exit'], o['whole']) for o in r.values() if o['whole'] is not None)
assert ends == [(0, True), (0, True), (5, False)], ends
for n, one in r.items():
    name = 'sink.%d' % n
    if one['exit']:
        assert one['error']['message'] and not os.path.exists(name), one
        continue
    source = 'whole' if one['whole'] else 'plain'
    assert one['bytes'] == os.path.getsize(source)
    assert filecmp.cmp(name, source, False), name
assert not [f for f in os.listdir('.') if f.startswith('.sink')]
P
check "many: each reported and judged by itself" python3 judge.py
rm -f sink.*

# ---- until a signal ----

# shellcheck disable=SC2046
run recv "$RECV" --keep-listening --timeout 1 $(server pki) unix:many.sock \
    'exec:gzip >sink.%n.gz; echo 100%% >sink.%n.done'
listens recv
for n in 1 2 3; do
    # shellcheck disable=SC2046
    "$SEND" $(client pki) file:whole unix:many.sock
    check "one after the other: $n: exit 0" [ $? = 0 ]
    check "... the same bytes" cmp -s <(zcat sink.$n.gz) whole
    check "... its sink is told once" grep -q '^100%$' sink.$n.done
done
# A silent one is thrown out, and nobody else minds.
python3 -c 'import socket, time
s = socket.socket(socket.AF_UNIX); s.connect("many.sock"); time.sleep(60)' &
pids+=($!)
for ((i = 0; i < 100; i++)); do
    said recv 'not accepted' && break
    nap 0.05
done
check "a silent client is told of" said recv 'not accepted.*timed out'
# shellcheck disable=SC2046
"$SEND" $(client pki) file:plain unix:many.sock
check "... and the next is served" [ $? = 0 ]
kill -TERM "$recv_pid"
ended recv
check "a server at rest gets TERM: as well as all it did" [ "$rc" = 0 ]
check "... its socket is gone" [ ! -e many.sock ]
rm -f sink.*

# shellcheck disable=SC2046
run recv "$RECV" --keep-listening $(server pki) tcp:127.0.0.1:0 'file:sink.%n'
listens recv
for i in 1 2 3; do
    # shellcheck disable=SC2046
    run send$i "$SEND" --rate-limit 1M $(client pki) file:plain "$uri"
done
sleep 1
kill -INT "$recv_pid"
ended recv 8
check "a busy server gets INT: exit 130" [ "$rc" = 130 ]
check "... each is told of" [ "$(grep -c 'connection [123]: stopped' recv.log)" = 3 ]
check "... nothing is left" eval '[ -z "$(ls -A | grep sink)" ]'
for i in 1 2 3; do
    ended send$i
    check "... sender $i exits 1" [ "$rc" = 1 ]
done

# ---- a signal in every phase of one ----

# term NAME REGEX...: TERM ends it at once, and nothing is left.
term()
{
    kill -TERM "$recv_pid"
    ended recv 8
    check "TERM while $1: exit 143" [ "$rc" = 143 ]
    check "TERM while $1: one line" one_line recv 'stopped: Terminated'
    check "TERM while $1: nothing left" nothing_left sink
}
for limit in '' '--max 1'; do
    sink=file:sink${limit:+.%n}
    # shellcheck disable=SC2046,SC2086
    run recv "$RECV" $limit $(server pki) tcp:127.0.0.1:0 "$sink"
    listens recv
    if [ -z "$limit" ]; then
        term "listening"
        # shellcheck disable=SC2046,SC2086
        run recv "$RECV" $limit $(server pki) tcp:127.0.0.1:0 "$sink"
        listens recv
        exec 9<>"/dev/tcp/127.0.0.1/${uri##*:}"
        sleep 0.3
        term "in the handshake"
        exec 9>&-
        # shellcheck disable=SC2046,SC2086
        run recv "$RECV" $limit $(server pki) tcp:127.0.0.1:0 "$sink"
        listens recv
    fi
    # shellcheck disable=SC2046
    run send "$SEND" --rate-limit 1M $(client pki) file:whole "$uri"
    sleep 0.7
    check "one thread while bytes move" [ "$(threads "$recv_pid")" = 1 ]
    term "bytes move $limit"
    ended send
    check "... the sender exits 1" [ "$rc" = 1 ]
done

mkfifo fifo
for second in '' twice; do
    # shellcheck disable=SC2046
    run recv "$RECV" $(server pki) tcp:127.0.0.1:0 file:fifo
    listens recv
    # shellcheck disable=SC2046
    run send "$SEND" $(client pki) file:whole "$uri"
    sleep 0.7
    [ -z "$second" ] || kill -TERM "$recv_pid"
    term "a fifo is opened $second"
    ended send
    check "... the sender exits 1" [ "$rc" = 1 ]
done

# A reader who takes nothing.
run reader bash -c 'exec 8<fifo; sleep 30'
# shellcheck disable=SC2046
run recv "$RECV" $(server pki) tcp:127.0.0.1:0 file:fifo
listens recv
# shellcheck disable=SC2046
run send "$SEND" $(client pki) file:whole "$uri"
sleep 0.7
term "the sink takes nothing"
ended send
check "... the sender exits 1" [ "$rc" = 1 ]

# A command that does not want to end, neither by itself nor by TERM.
cat >stubborn.sh <<'S'
trap '' TERM
echo $$ >stubborn.pid
cat >/dev/null
sleep 30
S
run recv "$RECV" tcp:127.0.0.1:0 "exec:exec bash stubborn.sh"
listens recv
run send "$SEND" file:whole "$uri"
sleep 1
term "the sink's command goes on"
check "... it is gone" eval '! kill -0 "$(cat stubborn.pid)" 2>/dev/null'
ended send
check "... the sender exits 1" [ "$rc" = 1 ]

# The sender's turn: connecting, shaking hands, waiting for the end.
cat >mute.py <<'P'
import socket, sys, time
s = socket.create_server(('127.0.0.1', 0))
print('listening on tcp:127.0.0.1:%d' % s.getsockname()[1], file=sys.stderr,
      flush=True)
c = s.accept()[0]
while len(sys.argv) > 1 and c.recv(65536):
    pass
time.sleep(60)
P
for phase in 'the handshake' 'the other end reads on'; do
    case $phase in
    the*handshake) reads='' options=$(client pki) ;;
    *) reads=reads options='' ;;
    esac
    run mute python3 mute.py $reads
    listens mute
    # shellcheck disable=SC2086
    run send "$SEND" $options file:plain "$uri"
    sleep 0.7
    kill -TERM "$send_pid"
    ended send 8
    check "TERM while sending, $phase: exit 143" [ "$rc" = 143 ]
    check "TERM while sending, $phase: one line" one_line send 'stopped: Termi'
done
verdict
