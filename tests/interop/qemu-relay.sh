#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A running guest goes from one QEMU into another, live, over both tools.
. "$(dirname "$0")/common.sh"
need_qemu
"$qemu/relay" --kind x509 --kind psk --kind plain --fill 96
"$qemu/relay" --kind x509 --fill 64 --return-path --dirty 8
"$qemu/relay" --kind x509 --fill 64 --postcopy
