#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every record engine with OpenSSL at the other end: each cipher both ways, and
# key updates that OpenSSL sends and asks for in the middle of the data.
. "$(dirname "$0")/lib.sh"
need openssl certtool python3
begin 180

"$top/examples/mkpki" pki >/dev/null || exit 1
cat pki/server-cert.pem pki/server-key.pem >server.pem
cat pki/client-cert.pem pki/client-key.pem >client.pem
bytes 3000000 >source
# Lines of OpenSSL's own begin otherwise.
seq -f 'data %08.0f' 60000 >lines

trust=(-CAfile pki/ca-cert.pem -verify_return_error)
suites=(TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384
    TLS_CHACHA20_POLY1305_SHA256)

# s_client ENGINE NAME SOURCE OPTIONS...: OpenSSL sends, we receive.
s_client()
{
    local engine=$1 name=$2 from=$3

    shift 3
    rm -f sink recv.*
    # shellcheck disable=SC2046
    run recv "$RECV" --json $(server pki ",tls-engine=$engine") tcp:127.0.0.1:0 \
        file:sink
    listens recv
    openssl s_client -tls1_3 "$@" -no_ign_eof -cert client.pem \
        "${trust[@]}" -connect "${uri#tcp:}" >peer.out 2>peer.err
    ended recv
    check "$name -> $engine: exit 0" [ "$rc" = 0 ]
    check "$name -> $engine: that engine" engine_is $engine recv.out
    check "$name -> $engine: the same bytes" cmp -s "$from" sink
}

# s_server ENGINE NAME SOURCE COMMANDS OPTIONS...: we send, OpenSSL receives.
s_server()
{
    local engine=$1 name=$2 from=$3 commands=$4 port

    shift 4
    rm -f sink send.*
    port=$(free_port)
    openssl s_server -tls1_3 -accept "127.0.0.1:$port" -naccept 1 "$@" \
        -cert server.pem "${trust[@]}" -Verify 2 \
        < <($commands) >sink 2>peer.err &
    peer_pid=$!
    pids+=($!)
    listening "$port"
    # shellcheck disable=SC2046
    run send "$SEND" --json $(client pki ",tls-engine=$engine") --timeout 20 \
        "$from" "tcp:127.0.0.1:$port"
    ended send
    check "$engine -> $name: exit 0" [ "$rc" = 0 ]
    check "$engine -> $name: that engine" engine_is $engine send.out
    ended peer 5
}

# A file, and time for things to happen in the middle of it.
cat >pour <<'T'
#!/bin/sh
for part in 1 2 3 4 5 6; do
    split -n "l/$part/6" "$1"
    sleep 0.1
done
T
chmod +x pour

# Without what OpenSSL says between two records.
plain()
{
    sed -z 's/SSL_do_handshake -> 1\n//g; s/Read BLOCK\n//g' sink |
        grep -a '^data '
}

idle()
{
    sleep 30
}

# Keys of its own, and ours too.
k_commands()
{
    local i

    nap 0.15
    for i in K k K K; do
        printf '%s\n' $i
        nap 0.1
    done
    idle
}

# The same among the data; a command is what begins a read.
k_data()
{
    local i

    for i in 1 2 3 4 5 6; do
        split -n "l/$i/6" lines
        nap 0.1
        case $i in
        6) ;;
        *[24]) printf 'k\n' ;;
        *) printf 'K\n' ;;
        esac
        nap 0.1
    done
}

for engine in ipsec-mb aead gnutls; do
    for suite in "${suites[@]}"; do
        s_client $engine "$suite" source -quiet -nocommands \
            -ciphersuites "$suite" <source
        s_server $engine "$suite" file:source idle -quiet -ciphersuites "$suite"
        check "$engine -> $suite: the same bytes" cmp -s source sink
    done
    s_client $engine "key updates" lines < <(k_data)
    s_server $engine "key updates" "exec:exec $work/pour lines" k_commands
    check "$engine -> key updates: the same lines" \
        cmp -s lines <(plain)
done
verdict
