#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What can go wrong around a transfer: the tools notice, say so in one line,
# exit as their manual says, leave no file behind, and never hang.
. "$(dirname "$0")/lib.sh"
need certtool openssl python3
begin 200

"$top/examples/mkpki" pki >/dev/null || exit 1
bytes 4000000 >plain
stream 4000000 >whole
# More than sockets hold: a sender that is through before its receiver looked
# resets a connection that then never was.
cut_stream 20000000 >cut

# fails NAME EXIT REGEX COMMAND...: ends so, and says so in one line.
fails()
{
    local name=$1 want=$2 regex=$3

    shift 3
    run tool "$@"
    ended tool
    check "$name: exit $want" [ "$rc" = "$want" ]
    check "$name: one line" one_line tool "$regex"
}

# ---- mistakes in what we were told ----

usage()
{
    fails "usage: $1" 2 "$1" "${@:2}"
}
usage 'two URIs' "$RECV" tcp::0
usage 'unknown option' "$RECV" --nonsense tcp::0 file:sink
usage 'needs a value' "$SEND" file:plain tcp::1 --timeout
usage '--timeout' "$SEND" --timeout soon file:plain tcp::1
usage '--rate-limit' "$SEND" --rate-limit 5x file:plain tcp::1
usage 'protocol' "$SEND" /etc/passwd tcp::1
usage 'protocol' "$RECV" http:localhost:1 file:sink
usage 'port' "$RECV" tcp:localhost file:sink
usage 'port' "$RECV" tcp:localhost:99999999 file:sink
usage 'ipv4|ipv6|famil' "$RECV" tcp:localhost:1,ipv4=off,ipv6=off file:sink
usage 'path|long' "$RECV" "unix:$(printf %0200d 1)" file:sink
usage 'CID|cid|port' "$RECV" vsock:x file:sink
usage 'fd|number|descriptor' "$RECV" fd:x file:sink
usage 'option' "$SEND" file:plain,nonsense=1 tcp::1
usage 'SIZE|size|offset' "$SEND" file:plain,offset=many tcp::1
usage 'needs --tls-creds' "$SEND" --tls-hostname x file:plain tcp::1
usage 'tls0' "$SEND" --tls-creds tls0 file:plain tcp::1
usage 'endpoint=client' "$SEND" --object \
    tls-creds-x509,id=t,endpoint=server,dir=pki --tls-creds t file:plain tcp::1
usage 'type|kind' "$SEND" --object nonsense,id=x file:plain tcp::1
usage 'id' "$SEND" --object tls-creds-x509,endpoint=client,dir=pki file:plain \
    tcp::1
usage 'endpoint' "$SEND" --object tls-creds-x509,id=x,dir=pki file:plain tcp::1
usage 'ca-cert' "$SEND" --object \
    tls-creds-x509,id=x,endpoint=client,dir=nowhere file:plain tcp::1
usage 'x' "$SEND" --object authz-simple,id=x,identity=a --object \
    authz-simple,id=x,identity=b file:plain tcp::1
fails "source is missing" 6 'No such file' "$SEND" file:missing tcp:127.0.0.1:1
fails "no directory for the sink" 6 'No such file' "$RECV" tcp::0 file:no/where
fails "the sink is a directory" 6 'directory' "$RECV" tcp::0 file:pki
if [ "$(id -u)" != 0 ]; then
    touch secret && chmod 0 secret
    fails "source is unreadable" 6 'Permission' "$SEND" file:secret tcp::1
fi

# ---- nobody there, or nobody who answers ----

fails "nobody listens" 3 'refused' "$SEND" file:plain tcp:127.0.0.1:1
fails "no such socket" 3 'No such file' "$SEND" file:plain unix:missing.sock
fails "no such host" 3 'resolv|known|host|name' "$SEND" --timeout 5 file:plain \
    tcp:no-such-host.invalid:1
run recv "$RECV" tcp:127.0.0.1:0 file:sink
listens recv
fails "port in use" 3 'in use' "$RECV" "$uri" file:sink2
kill -TERM "$recv_pid"
ended recv
check "ended while listening: exit 143" [ "$rc" = 143 ]
run recv "$RECV" unix:live.sock file:sink
listens recv
fails "socket in use" 3 'another process' "$RECV" unix:live.sock file:sink2
kill -INT "$recv_pid"
ended recv
check "interrupted while listening: exit 130" [ "$rc" = 130 ]
check "its socket is gone" [ ! -e live.sock ]

# A listener that accepts nothing: its backlog is full, or not yet.
cat >mute.py <<'P'
import socket, sys, time
s = socket.socket()
s.bind(('127.0.0.1', 0))
s.listen(0)
port = s.getsockname()[1]
keep = []
for i in range(int(sys.argv[1])):
    c = socket.socket()
    c.setblocking(False)
    c.connect_ex(('127.0.0.1', port))
    keep.append(c)
print('listening on tcp:127.0.0.1:%d' % port, file=sys.stderr, flush=True)
time.sleep(60)
P
took()
{
    local begin=$SECONDS

    "$@"
    check "... in time" [ $((SECONDS - begin)) -lt 8 ]
}
run full python3 mute.py 8
listens full
took fails "host does not answer" 3 'timed out|time' "$SEND" --timeout 1 \
    file:plain "$uri"
run mute python3 mute.py 0
listens mute
# shellcheck disable=SC2046
took fails "server does not shake hands" 3 'timed out|time' "$SEND" --timeout 1 \
    $(client pki) file:plain "$uri"
run mute python3 mute.py 0
listens mute
took fails "receiver takes nothing" 1 'no byte moved|confirm' "$SEND" \
    --timeout 1 "exec:cat /dev/zero | head -c 20000000" "$uri"
cat >greedy.py <<'P'
import socket, sys, time
s = socket.create_server(('127.0.0.1', 0))
print('listening on tcp:127.0.0.1:%d' % s.getsockname()[1], file=sys.stderr,
      flush=True)
c = s.accept()[0]
while c.recv(65536):
    pass
time.sleep(60)
P
run greedy python3 greedy.py
listens greedy
took fails "receiver never leaves" 1 'did not confirm' "$SEND" --timeout 1 \
    file:plain "$uri"
took fails "nobody comes" 3 'timed out|time' "$RECV" --timeout 1 tcp::0 file:sink
# shellcheck disable=SC2046
run recv "$RECV" --timeout 1 $(server pki) tcp:127.0.0.1:0 file:sink
listens recv
exec 9<>"/dev/tcp/127.0.0.1/${uri##*:}"
ended recv 8
check "client does not shake hands: exit 3" [ "$rc" = 3 ]
exec 9>&-

# ---- not TLS ----

# shellcheck disable=SC2046
run recv "$RECV" $(server pki) tcp:127.0.0.1:0 file:sink
listens recv
bytes 100000 2>/dev/null >"/dev/tcp/127.0.0.1/${uri##*:}"
ended recv
check "garbage for a ClientHello: exit 4" [ "$rc" = 4 ]
check "garbage for a ClientHello: one line" one_line recv 'TLS|packet|record'
check "garbage for a ClientHello: nothing written" nothing_left sink
# shellcheck disable=SC2046
run recv "$RECV" $(server pki) tcp:127.0.0.1:0 file:sink
listens recv
: >"/dev/tcp/127.0.0.1/${uri##*:}"
ended recv
check "client leaves in the handshake: exit 4" [ "$rc" = 4 ]
check "client leaves in the handshake: one line" one_line recv '.'
run recv "$RECV" tcp:127.0.0.1:0 file:sink
listens recv
: >"/dev/tcp/127.0.0.1/${uri##*:}"
ended recv
check "plain client says nothing: exit 5" [ "$rc" = 5 ]
check "plain client says nothing: nothing written" nothing_left sink

# ---- cut streams ----

# through NAME TRANSPORT SOURCE SEND-EXIT RECV-EXIT OPTIONS: a transfer, whole.
through()
{
    local name=$1 source=$3 rcs

    rm -f sink ./*.sock
    # shellcheck disable=SC2086
    run recv "$RECV" ${6:+$(server pki)} "$2" file:sink
    listens recv
    # shellcheck disable=SC2086
    run send "$SEND" ${6:+$(client pki)} "$source" "$uri"
    ended send
    rcs=$rc
    ended recv
    check "$name: exits $4 $5" [ "$rcs $rc" = "$4 $5" ]
    if [ "$5" = 0 ]; then
        check "$name: the same bytes" cmp -s "${source#file:}" sink
    else
        check "$name: nothing left" nothing_left sink
    fi
}
for tls in '' tls; do
    for transport in tcp:127.0.0.1:0 unix:t.sock; do
        name="${transport%%:*} $tls"
        through "$name: whole" $transport file:whole 0 0 "$tls"
        through "$name: foreign" $transport file:plain 0 0 "$tls"
        through "$name: cut" $transport file:cut 5 5 "$tls"
    done
done
# With all its bytes there: how it ended is what counts. Without TLS a receiver
# that has the end mark may be done before.
for tls in '' tls; do
    for end in 'exit 3' 'kill -TERM $$' 'kill -KILL $$' 'exit 0'; do
        name="$tls the source's command ends with $end"
        # shellcheck disable=SC2046
        run recv "$RECV" ${tls:+$(server pki)} tcp:127.0.0.1:0 file:sink
        listens recv
        # shellcheck disable=SC2046
        run send "$SEND" ${tls:+$(client pki)} "exec:cat whole; $end" "$uri"
        ended send
        rcs=$rc
        ended recv
        if [ "$end" = 'exit 0' ]; then
            check "$name: both are done" [ "$rcs $rc" = '0 0' ]
            check "$name: the same bytes" cmp -s whole sink
        else
            check "$name: exit 6" [ "$rcs" = 6 ]
            [ -z "$tls" ] || check "$name: nothing left" nothing_left sink
        fi
        rm -f sink
    done
done
through "abstract" unix:qio-tools-$$,abstract=on file:whole 0 0 ''
through "ipv6" 'tcp:[::1]:0' file:whole 0 0 tls

# ---- killed in the middle ----

# pids_of NAME: the tool itself, be it started by libtool's script.
killed()
{
    local name=$1 victim=$2 send_rc recv_rc

    kill -KILL "$victim"
    ended send
    send_rc=$rc
    ended recv
    recv_rc=$rc
    if [ "$victim" = "$recv_pid" ]; then
        check "$name: the receiver is killed, the sender exits 1" \
            [ "$send_rc" = 1 ]
        check "$name: it says so" one_line send receiver
    else
        check "$name: the sender is killed, the receiver exits 5" \
            [ "$recv_rc" = 5 ]
        check "$name: it says so" one_line recv 'stream is cut'
        check "$name: nothing left" nothing_left sink
    fi
    rm -f sink .sink.* ./*.sock
}

# A server's side at $1, a client's at $uri; data from $3.
pair()
{
    # shellcheck disable=SC2086
    run recv "$RECV" ${2:+$($2_server pki)} "$1" file:sink
    listens recv
    # shellcheck disable=SC2086
    run send "$SEND" --rate-limit 1M ${2:+$($2_client pki)} "$3" "$uri"
    arriving sink
}
x509_server() { server "$1"; }
x509_client() { client "$1"; }
for transport in tcp:127.0.0.1:0 unix:k.sock; do
    for tls in '' x509 psk; do
        name="${transport%%:*} $tls"
        pair $transport "$tls" file:whole
        killed "$name" "$recv_pid"
        pair $transport "$tls" file:whole
        killed "$name" "$send_pid"
        [ -n "$tls" ] || continue
        pair $transport "$tls" file:plain
        killed "$name, foreign" "$send_pid"
    done
done

# Over pipes: the sender runs the receiver.
for tls in '' x509; do
    options=${tls:+$($tls"_server" pki)}
    # shellcheck disable=SC2046
    run send "$SEND" --rate-limit 1M ${tls:+$(client pki)} file:whole \
        "exec:echo \$\$ >pid; exec $RECV $options stdio: file:sink"
    arriving sink
    kill -KILL "$(cat pid)"
    ended send
    check "pipes $tls: the receiver is killed, the sender exits 1" [ "$rc" = 1 ]
    rm -f sink .sink.*
    # shellcheck disable=SC2086
    run recv "$RECV" $options \
        "exec:echo \$\$ >pid; exec $SEND --rate-limit 1M ${tls:+$(client pki)} file:whole stdio:" \
        file:sink
    arriving sink
    kill -KILL "$(cat pid)"
    ended recv
    check "pipes $tls: the sender is killed, the receiver exits 5" \
        [ "$rc" = 5 ]
    check "pipes $tls: nothing left" nothing_left sink
done

# A polite end is no better.
for signal in TERM INT HUP; do
    pair tcp:127.0.0.1:0 x509 file:plain
    kill -$signal "$recv_pid"
    ended recv
    check "receiver gets $signal" [ "$rc" = $((128 + $(kill -l $signal))) ]
    check "receiver gets $signal: nothing left" nothing_left sink
    ended send
    check "receiver gets $signal: the sender exits 1" [ "$rc" = 1 ]
    pair tcp:127.0.0.1:0 x509 file:plain
    kill -$signal "$send_pid"
    ended send
    check "sender gets $signal" [ "$rc" = $((128 + $(kill -l $signal))) ]
    ended recv
    check "sender gets $signal: the receiver exits 5" [ "$rc" = 5 ]
    check "sender gets $signal: nothing left" nothing_left sink
done

# Stuck where nothing can wake it: a fifo that nobody opens.
mkfifo fifo
# shellcheck disable=SC2046
run recv "$RECV" $(server pki) tcp:127.0.0.1:0 file:fifo
listens recv
# shellcheck disable=SC2046
run send "$SEND" $(client pki) file:whole "$uri"
sleep 1
kill -TERM "$recv_pid"
ended recv 8
check "stuck receiver gets TERM" [ "$rc" = 143 ]
ended send
check "stuck receiver gets TERM: the sender exits 1" [ "$rc" = 1 ]
check "stuck receiver gets TERM: the sender says why" one_line send receiver

# ---- nowhere to put it ----

run recv "$RECV" tcp:127.0.0.1:0 file:/dev/full
listens recv
run send "$SEND" file:plain "$uri"
ended recv
check "no space: exit 6" [ "$rc" = 6 ]
check "no space: one line" one_line recv 'No space left'
ended send
check "no space: the sender exits 1" [ "$rc" = 1 ]
if unshare -m true 2>/dev/null; then
    for tls in '' x509; do
        mkdir -p disk
        # shellcheck disable=SC2086
        run recv unshare -m bash -c 'mount -t tmpfs -o size=2m none disk &&
            "$@"; rc=$?; ls -A disk >left; exit $rc' bash \
            "$RECV" ${tls:+$(server pki)} tcp:127.0.0.1:0 file:disk/sink
        listens recv
        # shellcheck disable=SC2046
        run send "$SEND" ${tls:+$(client pki)} file:plain "$uri"
        ended recv
        check "full disk $tls: exit 6" [ "$rc" = 6 ]
        check "full disk $tls: one line" one_line recv 'No space left'
        check "full disk $tls: nothing left" [ ! -s left ]
        ended send
        check "full disk $tls: the sender exits 1" [ "$rc" = 1 ]
    done
else
    echo "skip full disk: mounting needs root"
fi
run recv "$RECV" tcp:127.0.0.1:0 "exec:head -c 1000 >/dev/null; exit 3"
listens recv
run send "$SEND" file:plain "$uri"
ended recv
check "command does not want it: exit 6" [ "$rc" = 6 ]
ended send
check "command does not want it: the sender exits 1" [ "$rc" = 1 ]

# Even when it has taken everything: the sender must not think it was kept.
for tls in '' x509; do
    for end in 'exit 3' 'kill -TERM $$' 'kill -KILL $$'; do
        name="command ends with $end $tls"
        # shellcheck disable=SC2086
        run recv "$RECV" ${tls:+$(server pki)} tcp:127.0.0.1:0 \
            "exec:cat >/dev/null; $end"
        listens recv
        # shellcheck disable=SC2046
        run send "$SEND" ${tls:+$(client pki)} file:whole "$uri"
        ended recv
        check "$name: exit 6" [ "$rc" = 6 ]
        check "$name: one line" one_line recv "status 3|ended by signal"
        ended send
        check "$name: the sender exits 1" [ "$rc" = 1 ]
    done
done

printf 'head' >place
through_place()
{
    run recv "$RECV" tcp:127.0.0.1:0 file:place,offset=4
    listens recv
    run send "$SEND" "file:$1" "$uri"
    ended send
    ended recv
}
through_place cut
check "in place, failed: cut back" [ "$(cat place)" = head ]
through_place whole
check "in place: behind what was there" cmp -s <(printf head; cat whole) place

# ---- no descriptors ----

# The program itself: libtool's script that starts an uninstalled one needs some.
bare=$(dirname "$RECV")/.libs/qio-migrate-recv
if [ -x "$bare" ]; then
    few=(env LD_LIBRARY_PATH="${bare%/*}/../../.libs" "$bare")
else
    few=("$RECV")
fi
for n in 3 4 5 6 7 8 9 10 12; do
    rm -f sink .sink.*
    run recv bash -c "ulimit -n $n; exec \"\$@\"" bash "${few[@]}" \
        tcp:127.0.0.1:0 file:sink
    if listens recv; then
        run send "$SEND" file:whole "$uri"
        ended send
        sent=$rc
        ended recv
        check "$n descriptors: both fail or both are done ($sent, $rc)" \
            [ "$((sent == 0))" = "$((rc == 0))" ]
        check "$n descriptors: no half file" \
            eval '[ $rc = 0 ] && cmp -s whole sink || nothing_left sink'
    else
        ended recv
        check "$n descriptors: the receiver fails ($rc)" [ "$rc" -gt 0 ]
    fi
done
verdict
