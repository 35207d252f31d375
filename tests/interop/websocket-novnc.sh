#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# noVNC in a browser, through our websocket proxy, with a QEMU's VNC server: a
# guest is seen, and feels keys.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/websocket/common.sh"
need chromium python3 openssl certtool as ld qemu-system-x86_64
novnc=/usr/share/novnc
[ -f $novnc/vnc_lite.html ] || skip "novnc is not installed"
begin 120
examples web-page-server qio-websocket-proxy
throwaway_pki

as --32 -o screen.o "$websocket/screen.S" &&
    ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o screen.img screen.o ||
    exit 1
run guest qemu-system-x86_64 -accel tcg -m 32 -nodefaults -display none \
    -vnc unix:vnc.sock -vga std -boot a \
    -drive file=screen.img,format=raw,if=floppy

# sees CLAIM PAGE-SCHEME KEYS OPTIONS...: noVNC from one server of ours, by way
# of another one. KEYS: how many the guest has felt by now.
sees()
{
    local claim=$1 scheme=$2 keys=$3 uri=tcp:127.0.0.1:0 trust=() page

    shift 3
    if [ "$scheme" = https ]; then
        uri=$uri,tls-creds=s
        trust=("$(spki)")
    fi
    run page "$EXAMPLES/web-page-server" "$@" $novnc "$uri"
    serves page
    page=$scheme://127.0.0.1:$port
    run proxy "$EXAMPLES/qio-websocket-proxy" "$@" --origin "$page" "$uri" \
        unix:vnc.sock
    serves proxy
    run browser "$websocket/novnc" "$page/vnc_lite.html" "$port" "$keys" \
        "${trust[@]}"
    ended browser 55
    cat browser.out
    check "$claim" [ "$rc" = 0 ]
    quit page
    quit proxy
}

sees "noVNC over ws" http 0
sees "noVNC over wss" https 2 "${tls_server[@]}"
verdict
