#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# TLS in the middle of a stream: nbd-info lists what nbdkit and qemu-nbd export,
# and says nothing more to one that does not do TLS.
. "$(dirname "$0")/lib.sh"
need nbdkit qemu-nbd certtool python3 socat
begin 60
INFO=$(dirname "$RECV")/nbd-info
[ -x "$INFO" ] || skip "nbd-info is not built"

"$top/examples/mkpki" pki >/dev/null && "$top/examples/mkpki" other >/dev/null ||
    exit 1
mkdir other-psk
sed 's/:.*/:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff/' \
    pki/keys.psk >other-psk/keys.psk
truncate -s 3M image

x509=(--object "tls-creds-x509,id=t,endpoint=client,dir=pki" --tls-creds t)
psk=(--object "tls-creds-psk,id=t,endpoint=client,dir=pki" --tls-creds t)

# info ARGUMENTS...: its exit status in rc, what it says in info.out and .log.
info()
{
    run info "$INFO" "$@"
    ended info 15
}

# lists CLAIM LINE
lists()
{
    check "$1: exit 0" [ "$rc" = 0 ]
    check "$1: the export" [ "$(cat info.out)" = "$2" ]
}

# refuses CLAIM REGEX: one line, no list.
refuses()
{
    check "$1: exit 1" [ "$rc" = 1 ]
    check "$1: nothing listed" [ ! -s info.out ]
    check "$1: says why" grep -qE "^nbd-info: $2" info.log
}

# nbdkit_at TLS-OPTIONS...: until nbdkit_down, on $port; without our stdin.
nbdkit_at()
{
    port=$(free_port)
    run nbdkit nbdkit -f -i 127.0.0.1 -p "$port" "$@" memory 1M
    listening "$port"
}

qemu_at()
{
    port=$(free_port)
    run qemu qemu-nbd -f raw -t -r -x disk -D 'a disk' -b 127.0.0.1 \
        -p "$port" "$@" image
    listening "$port"
}

down()
{
    local pid=${1}_pid

    kill "${!pid}" 2>/dev/null
    wait "${!pid}" 2>/dev/null
}

memory=$'""\t1048576\trw\t'
disk=$'disk\t3145728\tro\ta disk'

# x509, client certificate included.
nbdkit_at --tls=require --tls-certificates="$work/pki" --tls-verify-peer
info "${x509[@]}" --tls-hostname localhost "tcp:127.0.0.1:$port"
lists "nbdkit, x509" "$memory"
info "${x509[@]}" "tcp:127.0.0.1:$port"
lists "nbdkit, x509, by address" "$memory"
info "${x509[@]}" --tls-hostname other.example "tcp:127.0.0.1:$port"
refuses "nbdkit, wrong name" "TLS_VERIFY: .*'other.example'"
info --object tls-creds-x509,id=t,endpoint=client,dir=other --tls-creds t \
    "tcp:127.0.0.1:$port"
refuses "nbdkit, wrong CA" "TLS_VERIFY: "
info "tcp:127.0.0.1:$port"
refuses "nbdkit wants TLS" "NOT_FOUND: .*wants TLS"
down nbdkit

qemu_at --object tls-creds-x509,id=t,endpoint=server,dir=pki --tls-creds t
info "${x509[@]}" --tls-hostname localhost "tcp:127.0.0.1:$port"
lists "qemu-nbd, x509" "$disk"
info "${x509[@]}" --tls-hostname other.example "tcp:127.0.0.1:$port"
refuses "qemu-nbd, wrong name" "TLS_VERIFY: .*'other.example'"
info "tcp:127.0.0.1:$port"
refuses "qemu-nbd wants TLS" "NOT_FOUND: .*wants TLS"
down qemu

# PSK
nbdkit_at --tls=require --tls-psk="$work/pki/keys.psk"
info "${psk[@]}" "tcp:127.0.0.1:$port"
lists "nbdkit, PSK" "$memory"
info "${psk[@]}" "exec:exec socat STDIO TCP:127.0.0.1:$port"
lists "nbdkit, PSK, through a command" "$memory"
info --object tls-creds-psk,id=t,endpoint=client,dir=other-psk --tls-creds t \
    "tcp:127.0.0.1:$port"
refuses "nbdkit, wrong key" "TLS"
down nbdkit

# It reads the keys late, when it has gone to another directory.
qemu_at --object "tls-creds-psk,id=t,endpoint=server,dir=$work/pki" \
    --tls-creds t
info "${psk[@]}" "tcp:127.0.0.1:$port"
lists "qemu-nbd, PSK" "$disk"
down qemu

# No TLS there: a list without, but not when TLS was asked for.
nbdkit_at --tls=off
info "tcp:127.0.0.1:$port"
lists "nbdkit, plain" "$memory"
info "${x509[@]}" "tcp:127.0.0.1:$port"
refuses "nbdkit without TLS" "UNSUPPORTED: TLS: the server refuses"
down nbdkit
qemu_at
info "tcp:127.0.0.1:$port"
lists "qemu-nbd, plain" "$disk"
info "${x509[@]}" "tcp:127.0.0.1:$port"
refuses "qemu-nbd without TLS" "UNSUPPORTED: TLS: the server refuses"
down qemu

# Through a command's pipes.
info "exec:exec nbdkit -s memory 1M"
lists "nbdkit as a command" "$memory"

# Servers that lie: hex digits, sent after the client's flags.
ack=0003e889045565a9000000050000000100000000
liar()
{
    cat >liar.py <<'P'
import socket, sys
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen()
print("listening on tcp:127.0.0.1:%d" % s.getsockname()[1],
      file=sys.stderr, flush=True)
c = s.accept()[0]
c.sendall(bytes.fromhex(sys.argv[1]))
need = 4 + 16
while need and (got := c.recv(need)):
    need -= len(got)
c.sendall(bytes.fromhex(sys.argv[2]))
while c.recv(65536):
    pass
P
    run liar python3 liar.py "$@"
    listens liar
}
hello=4e42444d4147494349484156454f50540003
list=0003e8890455 # the beginning of a plaintext list of exports
liar "$hello" "$ack${list}65a9000000030000000200000008000000046576696c"
info "${x509[@]}" "$uri"
refuses "plaintext behind the yes" "TLS: .*ahead of the handshake"
down liar
liar "$hello" "${list}65a90000000300000002ffffffff"
info "$uri"
refuses "a reply without end" "INVALID: .*too long"
down liar
liar "$hello" "${list}65a9000000030000000200000008000000096576696c"
info "$uri"
refuses "a name that is longer than its reply" "INVALID: .*broken name"
down liar
liar 5353482d322e302d4f70656e5353485f392e320d0a0d0a ""
info "${x509[@]}" "$uri"
refuses "no NBD at all" "INVALID: .*no greeting"
down liar
verdict
