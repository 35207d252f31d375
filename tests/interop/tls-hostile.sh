#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What no TLS client would send: the echo server ends the connection, in time,
# and never lets a byte pass in clear. Afterwards it serves as before.
. "$(dirname "$0")/lib.sh"
need certtool python3
begin 60
examples=$(dirname "$RECV")

"$top/examples/mkpki" pki >/dev/null || exit 1
run server "$examples/tls-echo-server-many" pki tcp:127.0.0.1:0
for ((i = 0; i < 200; i++)); do
    port=$(sed -n 's/^tcp:127\.0\.0\.1:\([0-9]*\).*/\1/p' server.out)
    [ -z "$port" ] || break
    nap 0.05
done
fds()
{
    find "/proc/$server_pid/fd" -mindepth 1 | wc -l
}
before=$(fds)
while read -r word case; do
    case $word in
    ok | FAIL) check "$case" [ "$word" = ok ] ;;
    esac
done < <(python3 "$here/tls-hostile.py" "$port" pki)
check "there were cases" [ "$claims" -gt 40 ]
check "the server lives" kill -0 "$server_pid"
check "and serves" [ "$("$examples/tls-echo-client" pki 127.0.0.1 "$port" \
    'hello there')" = 'hello there' ]
for ((i = 0; i < 100; i++)); do
    [ "$(fds)" -gt "$before" ] || break
    nap 0.05
done
check "no descriptor is left" [ "$(fds)" -le "$before" ]
check "nothing of it was data" [ "$(grep -c EVIL-MARKER server.log)" = 0 ]
verdict
