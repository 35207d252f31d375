#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Connecting to a name with addresses that do not answer, in network namespaces
# made for it: the next address has its turn after 250 ms (RFC 8305 §5), and at
# once after a refusal.
. "$(dirname "$0")/common.sh"
need ip iproute2

program=${top_builddir:?}/tests/loop/connect-name
delay=250
slack=300
failed=0
server=
c=qio-race-c-$$
s=qio-race-s-$$
ready=$(mktemp)

skip()
{
    echo "$*"
    exit 77
}

cleanup()
{
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    ip netns del "$c" 2>/dev/null || true
    ip netns del "$s" 2>/dev/null || true
    rm -rf "/etc/netns/$c" "$ready"
    rmdir /etc/netns 2>/dev/null || true
}
trap cleanup EXIT

[ -x "$program" ] || skip "connect-name is not built"
[ "$(id -u)" -eq 0 ] || skip "network namespaces need root"
ip netns add "$c" 2>/dev/null || skip "no network namespaces here"
ip netns add "$s"
ip -n "$c" link add eth0 type veth peer name eth0 netns "$s" 2>/dev/null ||
    skip "no veth devices here"
mkdir -p "/etc/netns/$c"
: >"/etc/netns/$c/hosts"
ip netns exec "$c" true 2>/dev/null || skip "cannot enter a network namespace"
ip netns exec "$c" sh -c 'test -e /proc/sys/net/ipv6' || skip "no IPv6 here"

for ns in "$c" "$s"; do
    [ "$ns" = "$c" ] && me=1 || me=2
    ip -n "$ns" link set lo up
    ip -n "$ns" addr add 192.0.2.$me/24 dev eth0
    ip -n "$ns" addr add 2001:db8::$me/64 dev eth0 nodad
    ip -n "$ns" link set eth0 up
done
ip -n "$s" addr add 2001:db8::4/64 dev eth0 nodad

# serve HOST: the server listens there.
serve()
{
    local i

    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    ip netns exec "$s" "$program" listen "$1" 4444 >"$ready" &
    server=$!
    for ((i = 0; i < 100; i++)); do
        ! grep -q ready "$ready" || return 0
        sleep 0.05
    done
    echo "no server"
    exit 1
}

# hosts ADDRESS...: where server.test is.
hosts()
{
    local addr

    for addr in "$@"; do
        echo "$addr server.test"
    done >"/etc/netns/$c/hosts"
}

# black_hole FAMILY on|off: the server's answers go nowhere.
black_hole()
{
    local to=2001:db8::1/128

    [ "$1" = 6 ] || to=192.0.2.1/32
    if [ "$2" = on ]; then
        ip -n "$s" "-$1" route add blackhole "$to"
    else
        ip -n "$s" "-$1" route del blackhole "$to"
    fi
}

# expect CLAIM RESULT FROM TO: connecting gives this after FROM to TO ms.
expect()
{
    local out ms what

    out=$(ip netns exec "$c" "$program" server.test 4444 2000 | grep -v ready) ||
        true
    read -r ms what _ <<<"$out"
    if [ "$what" = "$2" ] && [ "${ms:-9999}" -ge "$3" ] &&
        [ "$ms" -le "$4" ]; then
        echo "ok   $1 ($ms ms)"
    else
        echo "FAIL $1: wanted $2 after $3 to $4 ms, but: $out"
        failed=1
    fi
}

serve "[::]"
hosts 2001:db8::2 192.0.2.2
# The neighbours get to know each other.
ip netns exec "$c" "$program" server.test 4444 5000 >/dev/null
hosts 192.0.2.2
ip netns exec "$c" "$program" server.test 4444 5000 >/dev/null
hosts 2001:db8::2 192.0.2.2
expect "IPv6 is preferred" 2001:db8::2 0 200
black_hole 6 on
expect "IPv6 in a black hole: IPv4 after $delay ms" \
    192.0.2.2 $((delay - 5)) $((delay + slack))
hosts 2001:db8::2 2001:db8::4 192.0.2.2
expect "two IPv6 addresses in a black hole: the families take turns" \
    192.0.2.2 $((delay - 5)) $((delay + slack))
black_hole 4 on
expect "both in a black hole: the deadline" TIMEOUT 1990 2300
black_hole 6 off
hosts 2001:db8::2 192.0.2.2
expect "IPv4 in a black hole does not matter" 2001:db8::2 0 200
black_hole 4 off

serve 0.0.0.0
expect "IPv6 refused: IPv4 at once" 192.0.2.2 0 200
ip -n "$c" -6 route add unreachable 2001:db8::2/128
expect "no route to IPv6: IPv4 at once" 192.0.2.2 0 200
exit $failed
