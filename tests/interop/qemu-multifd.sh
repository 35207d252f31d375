#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A running guest goes from one QEMU into another over QEMU's own channels.
. "$(dirname "$0")/common.sh"
need_qemu
"$qemu/relay" --kind x509 --fill 64 --multifd 4 --dirty 8
"$qemu/relay" --kind psk --fill 48 --multifd 2 --return-path
