#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# QEMU's character devices over TLS: its monitor, as server and as client.
. "$(dirname "$0")/lib.sh"
need certtool python3 qemu-system-x86_64 openssl
begin 60
. "$here/tls-lib.sh"

"$top/examples/mkpki" pki >/dev/null || exit 1
echo '{"execute": "qmp_capabilities"}' >question

# qemu ENDPOINT KIND CHARDEV-OPTIONS
qemu()
{
    run qemu qemu-system-x86_64 -M none -nodefaults -display none \
        -object "tls-creds-$2,id=t,endpoint=$1,dir=$work/pki" \
        -chardev "socket,id=c,host=127.0.0.1,port=$port,tls-creds=t,$3" \
        -mon chardev=c,mode=control
}

for kind in x509 psk; do
    port=$(free_port)
    qemu server $kind server=on,wait=off
    listening "$port"
    for version in 1.2 1.3; do
        name=localhost
        [ $kind = x509 ] || name=
        ask pki question ",min-version=$version,max-version=$version" $kind
        check "QEMU serves, $kind, $version: version" \
            grep -q "^open: TLS$version " ask.log
        check "QEMU serves, $kind, $version: its greeting" \
            grep -q '"QMP"' ask.out
    done
    down qemu
done
for version in 1.2 1.3; do
    serve pki ",min-version=$version,max-version=$version"
    qemu client x509 server=off
    check "QEMU calls, $version: comes in" \
        said serve.out "^open: TLS$version .*CN=throwaway client"
    down qemu
    down serve
    serve pki ",min-version=$version,max-version=$version" psk
    qemu client psk server=off
    check "QEMU calls, PSK, $version: comes in" \
        said serve.out "^open: TLS$version .*; peer qemu"
    down qemu
    down serve
done
verdict
